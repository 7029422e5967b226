/*
 * reset_left.c - see reset_left.h.
 *
 * Invariant: what is not known to be on the stick counts as left.
 */
#include "storage/reset_left.h"

#include "hub/core/cursor.h"
#include "hub/core/reading.h"
#include "hub/rt/file.h"
#include "storage/reset.h"

enum { LOOK_MAX = 256, NUMBER_LEN = 8 };

/* Adds those of this class above the number. */
static int count_class(struct records *r, enum record_class class, uint64_t after,
		       uint64_t *count)
{
	static uint8_t body[SEALED_BODY_MAX];
	struct record rec;

	for (unsigned i = 0; i < LOOK_MAX; i++) {
		int err = records_read(r, class, after, body, sizeof(body), &rec);

		if (err != 1)
			return err;
		*count += !reading_is_hubs(rec.kind);
		after = rec.seq;
	}
	++*count; /* that one, whatever it is */
	return 0;
}

int reset_left(struct records *r, uint64_t on_stick, uint64_t *ret)
{
	uint64_t count = 0;
	int err;

	if (on_stick == 0) {
		*ret = records_unsent(r);
		return 0;
	}
	err = count_class(r, CLASS_ALARM, on_stick, &count);
	if (err == 0)
		err = count_class(r, CLASS_ROUTINE, on_stick, &count);
	if (err == 0)
		*ret = count;
	return err;
}

int reset_ask(const char *dir, uint64_t on_stick)
{
	uint8_t buf[NUMBER_LEN];
	struct writer w;

	writer_init(&w, buf, sizeof(buf));
	write_be64(&w, on_stick);
	return file_replace(dir, RESET_ASKED, buf, sizeof(buf));
}

bool reset_asked(const char *dir, uint64_t *ret_on_stick)
{
	uint8_t buf[NUMBER_LEN];
	struct reader c;

	*ret_on_stick = 0;
	if (file_read(dir, RESET_ASKED, buf, sizeof(buf)) != NUMBER_LEN)
		return false;
	reader_init(&c, buf, sizeof(buf));
	*ret_on_stick = read_be64(&c);
	return true;
}
