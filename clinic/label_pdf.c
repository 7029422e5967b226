/*
 * label_pdf.c - label sheets as PDF, with libharu: filled squares, and text in the fonts that every reader has.
 */
#include "clinic/label_sheet.h"

#include <errno.h>
#include <hpdf.h>
#include <stdlib.h>

/* PDF counts in points from the lower left corner. */
static HPDF_REAL points(double mm)
{
	return (HPDF_REAL)(mm * 72 / 25.4);
}

static HPDF_REAL up(double y_mm)
{
	return points(SHEET_HEIGHT_MM - y_mm);
}

/* Dark modules of a row that touch are one rectangle: no fine line is left between them. */
static void draw_qr(HPDF_Page page, const struct label_sheet *s)
{
	for (size_t row = 0; row < s->qr.size; row++) {
		const uint8_t *dark = s->qr.dark + row * s->qr.size;

		for (size_t at = 0, end; at < s->qr.size; at = end) {
			for (end = at + 1; end < s->qr.size && dark[end] == dark[at];)
				end++;
			if (dark[at])
				HPDF_Page_Rectangle(
					page,
					points(s->qr_x_mm + (double)at * s->module_mm),
					up(s->qr_y_mm + (double)(row + 1) * s->module_mm),
					points((double)(end - at) * s->module_mm),
					points(s->module_mm));
		}
	}
	HPDF_Page_Fill(page);
}

static void draw_text(HPDF_Doc doc, HPDF_Page page, const struct sheet_text *t)
{
	HPDF_Font font = HPDF_GetFont(
		doc, t->font == SHEET_FIXED ? "Courier-Bold" : "Helvetica", NULL);

	HPDF_Page_BeginText(page);
	HPDF_Page_SetFontAndSize(page, font, points(t->size_mm));
	HPDF_Page_TextOut(page, points(t->x_mm), up(t->y_mm), t->text);
	HPDF_Page_EndText(page);
}

static void draw(HPDF_Doc doc, const struct label_sheet *s)
{
	HPDF_Page page = HPDF_AddPage(doc);

	HPDF_Page_SetWidth(page, points(SHEET_WIDTH_MM));
	HPDF_Page_SetHeight(page, points(SHEET_HEIGHT_MM));
	draw_qr(page, s);
	for (size_t i = 0; i < s->text_count; i++)
		draw_text(doc, page, &s->texts[i]);
}

static int save(HPDF_Doc doc, uint8_t **ret, size_t *ret_len)
{
	HPDF_UINT32 len;
	uint8_t *buf;

	if (HPDF_SaveToStream(doc) != HPDF_OK)
		return -EIO;
	len = HPDF_GetStreamSize(doc);
	buf = malloc(len ? len : 1);
	if (!buf)
		return -ENOMEM;
	HPDF_ResetStream(doc);
	if (HPDF_ReadFromStream(doc, buf, &len) != HPDF_OK) {
		free(buf);
		return -EIO;
	}
	*ret = buf;
	*ret_len = len;
	return 0;
}

/* The first error sticks in doc; every call after it does nothing. */
int label_pdf(const struct label_sheet *sheets, size_t count, uint8_t **ret,
	      size_t *ret_len)
{
	HPDF_Doc doc = HPDF_New(NULL, NULL);
	int r;

	if (!doc)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		draw(doc, &sheets[i]);
	r = HPDF_GetError(doc) == HPDF_OK ? save(doc, ret, ret_len) : -EIO;
	HPDF_Free(doc);
	return r;
}
