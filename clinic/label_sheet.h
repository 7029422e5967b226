#pragma once

/*
 * label_sheet.h - how a printed label looks: the QR code, the letters and where they stand. Two writers of files share it.
 *
 * It is made for tape of 62 mm, without scaling: 62 mm wide, 90 mm high, 3 mm free at the edges. On it
 *
 *   QR code      version 4, level Q (a quarter of it may be damaged), 1.0 mm a module with the quiet zone of 4 modules around
 *   short form   the first group, letters 7.1 mm high: told apart across a table, read aloud on the phone
 *   8 groups     letters 2.8 mm high, numbered, since who mistypes is told the number of the group
 *   model, serial   plain text, 1.5 mm high
 *
 * 7 mm letters for more than one group do not fit: 7 of them are 53 mm wide.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/label.h"

#define SHEET_WIDTH_MM 62.0
#define SHEET_HEIGHT_MM 90.0

enum {
	SHEET_PLAIN_MAX = 28, /* of model and serial */
	SHEET_TEXTS_MAX = 24,
	SHEET_TEXT_MAX = 48,
	SHEET_QR_MAX = 57, /* modules on a side, QR version 10 */
	SHEET_QUIET = 4,   /* modules */
};

/* What the label says. */
struct label_plain {
	uint8_t spki[LABEL_HASH_LEN];
	const char *model,
		*serial; /* NULL: not said; printable ASCII of at most SHEET_PLAIN_MAX */
};

struct sheet_qr {
	size_t size;				   /* modules on a side */
	uint8_t dark[SHEET_QR_MAX * SHEET_QR_MAX]; /* row by row, 0 or 1 */
};

/* The fonts that each PDF reader and browser has. */
enum sheet_font {
	SHEET_FIXED = 1, /* Courier-Bold */
	SHEET_SANS,	 /* Helvetica */
};

struct sheet_text {
	double x_mm, y_mm; /* beginning of the baseline, from the upper left corner */
	double size_mm;	   /* of the font */
	enum sheet_font font;
	char text[SHEET_TEXT_MAX];
};

struct label_sheet {
	struct sheet_qr qr;
	double qr_x_mm, qr_y_mm, module_mm; /* corner of its first module */
	size_t text_count;
	struct sheet_text texts[SHEET_TEXTS_MAX];
};

/* sheet_qr_make - the QR code of a label. Returns 0, or -EIO (libqrencode failed). */
int sheet_qr_make(const uint8_t spki[static LABEL_HASH_LEN], struct sheet_qr *ret);

/* label_sheet_fill - what is printed where. purpose: the line at the top, ASCII. Returns 0 or as sheet_qr_make. */
int label_sheet_fill(const struct label_plain *p, const char *purpose,
		     struct label_sheet *ret);

/*
 * label_pdf, label_svg - sheets as a file: each a page, or one below the other.
 *
 * ret   to be freed
 *
 * Returns 0, -ENOMEM, or -EIO (libharu failed).
 */
int label_pdf(const struct label_sheet *sheets, size_t count, uint8_t **ret,
	      size_t *ret_len);
int label_svg(const struct label_sheet *sheets, size_t count, uint8_t **ret,
	      size_t *ret_len);
