/*
 * certs_only.c - see certs_only.h.
 */
#include "hub/core/certs_only.h"

#include <errno.h>

#include "hub/core/der.h"
#include "hub/core/err.h"

/* With tag and length: 1.2.840.113549.1.7.2 and 1.2.840.113549.1.7.1 */
static const uint8_t signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
				       0xf7, 0x0d, 0x01, 0x07, 0x02 };
/* version and no digest algorithms; id-data without content; nobody signs */
static const uint8_t before[] = { 0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x0b, 0x06, 0x09,
				  0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };
static const uint8_t after[] = { 0x31, 0x00 };

static size_t whole(size_t content)
{
	return der_head_len(content) + content;
}

int certs_only_encode(const struct certs_only *c, uint8_t *buf, size_t cap)
{
	size_t certs = 0, data, content;
	struct writer w;

	for (size_t i = 0; i < c->count; i++)
		certs += c->certs[i].len;
	data = sizeof(before) + whole(certs) + sizeof(after);
	content = sizeof(signed_data) + whole(whole(data));
	writer_init(&w, buf, cap);
	der_put_head(&w, DER_SEQUENCE, content);
	write_bytes(&w, signed_data, sizeof(signed_data));
	der_put_head(&w, DER_CONTEXT_0, whole(data));
	der_put_head(&w, DER_SEQUENCE, data);
	write_bytes(&w, before, sizeof(before));
	der_put_head(&w, DER_CONTEXT_0, certs);
	for (size_t i = 0; i < c->count; i++)
		write_bytes(&w, c->certs[i].der, c->certs[i].len);
	write_bytes(&w, after, sizeof(after));
	return writer_len(&w);
}

static bool is_span(struct reader *r, const uint8_t *want, size_t len)
{
	struct reader head;
	const uint8_t *p = read_span(r, len);

	reader_init(&head, p ? p : want, p ? len : 0);
	return p && der_is_bytes(&head, want, len);
}

static int take(struct reader *list, struct certs_only *ret)
{
	struct certs_only_cert *c = &ret->certs[ret->count];

	c->der = list->p;
	der_read(list, DER_SEQUENCE);
	if (!reader_ok(list))
		return -EBADMSG;
	c->len = (size_t)(list->p - c->der);
	ret->count++;
	return c->len > CERTS_ONLY_CERT_MAX ? -EMSGSIZE : 0;
}

int certs_only_decode(const uint8_t *buf, size_t len, struct certs_only *ret)
{
	struct certs_only c = { 0 };
	struct reader r, outer, wrapped, data, list;
	int err = 0;

	if (len == 0 || len > CERTS_ONLY_LEN_MAX)
		return -EMSGSIZE;
	reader_init(&r, buf, len);
	outer = der_read(&r, DER_SEQUENCE);
	if (!reader_done(&r) || !is_span(&outer, signed_data, sizeof(signed_data)))
		return -EBADMSG;
	wrapped = der_read(&outer, DER_CONTEXT_0);
	data = der_read(&wrapped, DER_SEQUENCE);
	if (!reader_done(&outer) || !reader_done(&wrapped) ||
	    !is_span(&data, before, sizeof(before)))
		return -EBADMSG;
	list = der_read(&data, DER_CONTEXT_0);
	if (der_is_next(&data, DER_CONTEXT_1))
		der_read(&data, DER_CONTEXT_1);
	if (!is_span(&data, after, sizeof(after)) || !reader_done(&data))
		return -EBADMSG;
	while (err == 0 && reader_left(&list) > 0)
		err = c.count == CERTS_ONLY_MAX ? -ERANGE : take(&list, &c);
	if (err == 0 && c.count == 0)
		err = -ERANGE;
	if (err == 0)
		*ret = c;
	return err;
}
