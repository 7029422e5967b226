/*
 * label_sheet.c - see label_sheet.h.
 */
#include "clinic/label_sheet.h"

#include <errno.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

/* Millimetres from the upper left corner. Fonts that stand in for Courier are higher, and stay out of the quiet zone, too. */
#define MARGIN 3.0
#define QR_SIDE 41.0 /* with its quiet zone */
#define QR_TOP 6.5
#define TITLE_BASE 6.0
#define SHORT_BASE 57.5
#define GROUPS_BASE 63.5
#define GROUPS_STEP 5.0
#define PLAIN_BASE 84.0
#define PLAIN_STEP 4.0

/* Sizes of fonts. Capitals of Courier are 0.562 of it high, each letter is 0.6 of it wide. */
#define SHORT_SIZE 12.7
#define GROUP_SIZE 5.0
#define NUMBER_SIZE 2.4
#define PLAIN_SIZE 2.6
#define TITLE_SIZE 3.0
#define FIXED_WIDTH 0.6

int sheet_qr_make(const uint8_t spki[static LABEL_HASH_LEN], struct sheet_qr *ret)
{
	char text[LABEL_TEXT_MAX];
	QRcode *code = QRcode_encodeString(label_encode(spki, text), 0, QR_ECLEVEL_Q,
					   QR_MODE_8, 1);
	int r = -EIO;

	if (code && code->width > 0 && code->width <= SHEET_QR_MAX) {
		ret->size = (size_t)code->width;
		for (size_t i = 0; i < ret->size * ret->size; i++)
			ret->dark[i] = code->data[i] & 1;
		r = 0;
	}
	if (code)
		QRcode_free(code);
	return r;
}

static void add(struct label_sheet *s, double x, double y, double size,
		enum sheet_font font, const char *text)
{
	struct sheet_text *t = &s->texts[s->text_count];

	if (s->text_count == SHEET_TEXTS_MAX)
		return;
	*t = (struct sheet_text){ .x_mm = x, .y_mm = y, .size_mm = size, .font = font };
	snprintf(t->text, sizeof(t->text), "%s", text);
	s->text_count++;
}

/* Two groups a row. */
static void add_groups(struct label_sheet *s, const char *chars)
{
	for (size_t i = 0; i < LABEL_GROUPS; i++) {
		double x = MARGIN + 1 + (i % 2 ? 29.0 : 0.0);
		size_t row = i / 2;
		double y = GROUPS_BASE + GROUPS_STEP * (double)row;
		char number[8], group[LABEL_GROUP_CHARS + 1];

		snprintf(number, sizeof(number), "%zu", i + 1);
		snprintf(group, sizeof(group), "%s", chars + i * LABEL_GROUP_CHARS);
		add(s, x, y, NUMBER_SIZE, SHEET_SANS, number);
		add(s, x + 3.0, y, GROUP_SIZE, SHEET_FIXED, group);
	}
}

int label_sheet_fill(const struct label_plain *p, const char *purpose,
		     struct label_sheet *ret)
{
	char text[LABEL_TEXT_MAX], line[SHEET_TEXT_MAX];
	const char *chars = label_encode(p->spki, text) + 5;
	int r = sheet_qr_make(p->spki, &ret->qr);

	if (r < 0)
		return r;
	ret->text_count = 0;
	ret->module_mm = QR_SIDE / (double)(ret->qr.size + 2UL * SHEET_QUIET);
	ret->qr_x_mm = (SHEET_WIDTH_MM - QR_SIDE) / 2 + SHEET_QUIET * ret->module_mm;
	ret->qr_y_mm = QR_TOP + SHEET_QUIET * ret->module_mm;
	add(ret, MARGIN + 1, TITLE_BASE, TITLE_SIZE, SHEET_SANS, purpose);
	snprintf(line, sizeof(line), "%.*s", LABEL_GROUP_CHARS, chars);
	add(ret, (SHEET_WIDTH_MM - LABEL_GROUP_CHARS * FIXED_WIDTH * SHORT_SIZE) / 2,
	    SHORT_BASE, SHORT_SIZE, SHEET_FIXED, line);
	add_groups(ret, chars);
	if (p->model) {
		snprintf(line, sizeof(line), "Model  %s", p->model);
		add(ret, MARGIN + 1, PLAIN_BASE, PLAIN_SIZE, SHEET_FIXED, line);
	}
	if (p->serial) {
		snprintf(line, sizeof(line), "Serial %s", p->serial);
		add(ret, MARGIN + 1, PLAIN_BASE + (p->model ? PLAIN_STEP : 0), PLAIN_SIZE,
		    SHEET_FIXED, line);
	}
	return 0;
}
