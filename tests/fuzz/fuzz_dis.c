/*
 * fuzz_dis.c - Device Information: what decodes encodes to the same again; texts are
 * UTF-8; lists do not lie.
 *
 * The whole input as blocks, and from its second byte on as one value of the
 * characteristic that the first byte chooses, and as a certification list.
 */
#include <stdlib.h>
#include <string.h>

#include "ble/dis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	size_t len = strlen(text);

	if (len > DIS_TEXT_MAX || (len && text[len - 1] == ' '))
		abort();
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
			abort();
}

static void check_round(const struct dis *d)
{
	uint8_t buf[READING_RAW_MAX], again[READING_RAW_MAX];
	char text[DIS_SYSTEM_ID_TEXT_LEN];
	struct dis back;
	int n = dis_encode(d, buf);

	check_text(d->maker);
	check_text(d->model);
	check_text(d->serial);
	check_text(d->firmware);
	check_text(d->hardware);
	check_text(d->software);
	if (n < 0 || n > DIS_ENCODED_MAX || dis_decode(buf, (size_t)n, &back) != 0 ||
	    dis_encode(&back, again) != n || memcmp(buf, again, (size_t)n) != 0 ||
	    !dis_same_device(d, &back))
		abort();
	dis_system_id_text(d, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t uuids[] = { 0x2A23, 0x2A24, 0x2A25, 0x2A26, 0x2A27, 0x2A28,
					  0x2A29, 0x2A2A, 0x2A50, 0x2BFF, 0x2A00 };
	struct dis_certified c;
	struct dis d = { 0 }, other = { 0 };

	if (dis_decode(data, size, &other) == 0)
		check_round(&other);
	if (size < 1)
		return 0;
	if (dis_put(&d, uuids[data[0] % 11], data + 1, size - 1) == 0)
		check_round(&d);
	dis_same_device(&d, &other);
	if (dis_decode_certification(data + 1, size - 1, &c) == 0 &&
	    c.class_count > DIS_CLASSES_MAX)
		abort();
	return 0;
}
