#pragma once

/*
 * der.h - elements of DER (X.690): definite, shortest lengths up to 65,535 octets; each ends where its content does.
 *
 * On the readers and writers of cursor.h, with their sticky error. Pure.
 */
#include "hub/core/cursor.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_1 = 0xa1,
};

enum { DER_HEAD_MAX = 4 };

/* der_read - the content of the next element, which has this tag; one that is empty and failed if there is none. */
struct reader der_read(struct reader *r, uint8_t tag);

/* der_is_next - is there an element with this tag? */
bool der_is_next(const struct reader *r, uint8_t tag);

/* der_is_bytes - is all that is left just this? */
bool der_is_bytes(const struct reader *r, const uint8_t *want, size_t len);

/* der_head_len - octets that tag and length of a content of so many octets take, at most UINT16_MAX. */
size_t der_head_len(size_t len);

/* der_put_head - tag and length of an element; its content follows. */
void der_put_head(struct writer *w, uint8_t tag, size_t len);
