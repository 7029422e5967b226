/*
 * door_page.c - see door_page.h. An array says first how many rows it has: they are put beside it until that is known.
 */
#include "clinic/door_page.h"

#include "hub/core/cbor.h"
#include "hub/crypto/crypto.h"

static uint8_t beside[DOOR_BYTES_MAX];

void door_page_begin(struct door_page *p, enum door_op op, uint64_t skip)
{
	*p = (struct door_page){ .skip = skip, .most = door_page_rows(op) };
	writer_init(&p->rows, beside, sizeof(beside));
}

bool door_page_skips(struct door_page *p)
{
	if (p->skip == 0)
		return false;
	p->skip--;
	return true;
}

void door_page_begin_behind(struct door_page *p, const struct door_request *rq)
{
	door_page_begin(p, rq->op, 0);
	p->behind = rq->number;
}

bool door_page_is_before(const struct door_page *p, uint64_t number)
{
	return number <= p->behind;
}

int door_page_added(struct door_page *p)
{
	return ++p->count == p->most ? DOOR_PAGE_FULL : 0;
}

int door_page_end(struct door_page *p, int walked, struct writer *w)
{
	int n = writer_len(&p->rows);

	if (walked >= 0) {
		cb_put_array(w, p->count);
		write_bytes(w, beside, n > 0 ? (size_t)n : 0);
		w->failed |= n < 0;
	}
	crypto_wipe(beside, n > 0 ? (size_t)n : sizeof(beside)); /* whose they are */
	return walked < 0 ? walked : 0;
}
