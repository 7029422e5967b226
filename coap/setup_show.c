/*
 * setup_show.c - see setup_show.h.
 *
 * Terminals are light on dark: what is light in the code is drawn, in UTF-8 block elements (U+2580, U+2584, U+2588), with the
 * quiet zone of four that cameras want.
 */
#include "coap/setup_show.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>

enum { QUIET = 4 };

static bool is_light(const QRcode *code, int row, int column)
{
	if (row < 0 || column < 0 || row >= code->width || column >= code->width)
		return true;
	return !(code->data[row * code->width + column] & 1);
}

static void draw(FILE *to, const QRcode *code)
{
	static const char *const blocks[2][2] = { { " ", "\u2584" },
						  { "\u2580", "\u2588" } };

	for (int row = -QUIET; row < code->width + QUIET; row += 2) {
		for (int column = -QUIET; column < code->width + QUIET; column++)
			fputs(blocks[is_light(code, row, column)]
				    [is_light(code, row + 1, column)],
			      to);
		fputc('\n', to);
	}
}

int setup_show_qr(FILE *to, const uint8_t spki[static LABEL_HASH_LEN])
{
	char text[LABEL_TEXT_MAX];
	QRcode *code = QRcode_encodeString(label_encode(spki, text), 0, QR_ECLEVEL_M,
					   QR_MODE_8, 1);

	if (!code)
		return -EIO;
	draw(to, code);
	QRcode_free(code);
	return 0;
}
