/*
 * label_svg.c - label sheets as SVG: one drawing, a sheet below the other, in millimetres.
 */
#include "clinic/label_sheet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void draw_qr(FILE *to, const struct label_sheet *s, double top_mm)
{
	for (size_t row = 0; row < s->qr.size; row++) {
		const uint8_t *dark = s->qr.dark + row * s->qr.size;

		for (size_t at = 0, end; at < s->qr.size; at = end) {
			for (end = at + 1; end < s->qr.size && dark[end] == dark[at];)
				end++;
			if (dark[at])
				fprintf(to,
					"<rect x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" "
					"height=\"%.3f\"/>\n",
					s->qr_x_mm + (double)at * s->module_mm,
					top_mm + s->qr_y_mm + (double)row * s->module_mm,
					(double)(end - at) * s->module_mm, s->module_mm);
		}
	}
}

/* XML 1.0, 2.4. */
static void put_escaped(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': fputs("&amp;", to); break;
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		default: fputc(*text, to);
		}
	}
}

static void draw_text(FILE *to, const struct sheet_text *t, double top_mm)
{
	fprintf(to,
		"<text x=\"%.3f\" y=\"%.3f\" font-size=\"%.3f\" xml:space=\"preserve\" "
		"%s>",
		t->x_mm, top_mm + t->y_mm, t->size_mm,
		t->font == SHEET_FIXED
			? "font-family=\"Courier, 'Nimbus Mono PS', monospace\" "
			  "font-weight=\"bold\""
			: "font-family=\"Helvetica, 'Nimbus Sans', sans-serif\"");
	put_escaped(to, t->text);
	fputs("</text>\n", to);
}

int label_svg(const struct label_sheet *sheets, size_t count, uint8_t **ret,
	      size_t *ret_len)
{
	double height = SHEET_HEIGHT_MM * (double)count;
	char *buf = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&buf, &len);
	int r;

	if (!to)
		return -ENOMEM;
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0fmm\" "
		"height=\"%.0fmm\" viewBox=\"0 0 %.0f %.0f\" "
		"shape-rendering=\"crispEdges\">\n"
		"<rect width=\"%.0f\" height=\"%.0f\" fill=\"white\"/>\n",
		SHEET_WIDTH_MM, height, SHEET_WIDTH_MM, height, SHEET_WIDTH_MM, height);
	for (size_t i = 0; i < count; i++) {
		double top = SHEET_HEIGHT_MM * (double)i;

		draw_qr(to, &sheets[i], top);
		for (size_t k = 0; k < sheets[i].text_count; k++)
			draw_text(to, &sheets[i].texts[k], top);
	}
	fputs("</svg>\n", to);
	r = ferror(to) ? -ENOMEM : 0;
	if (fclose(to) != 0)
		r = -ENOMEM;
	if (r < 0) {
		free(buf);
		return r;
	}
	*ret = (uint8_t *)buf;
	*ret_len = len;
	return 0;
}
