/*
 * evidence.c - the bytes of evidence; see evidence.h.
 *
 * Invariant: evidence_decode takes nothing that evidence_encode would not write again to the same bytes.
 */
#include "hub/core/evidence.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum {
	FIELDS = 13,
	COMPONENT_FIELDS = 5,
	PROCESS_FIELDS = 5,
	FINDING_FIELDS = 5,
	LISTENER_FIELDS = 3,
	PIECE_FIELDS = 5,
	PROCESS_NNP = 1 << 2, /* flags of a process: two bits of seccomp, then these */
	PROCESS_EXPOSED = 1 << 3,
	PROCESS_HUB = 1 << 4,
	PROCESS_FLAGS_ALL = 31,
	COMPONENT_LOADED = 1,
	COMPONENT_EXPOSED = 2,
	FINDING_HUB = 1,
	FINDING_CONFIRMED = 2,
	TIME_MAX_S = 1 << 30, /* after 2000 */
};

static const int64_t epoch_s = 946684800; /* 2000-01-01: four octets less for each time */

const char *finding_text(enum finding_kind k)
{
	switch (k) {
	case FINDING_NONE: break;
	case FINDING_UNOWNED: return "unowned";
	case FINDING_CHANGED: return "changed";
	case FINDING_DELETED: return "deleted";
	case FINDING_MEMFD: return "memfd";
	case FINDING_ANONYMOUS: return "anonymous";
	case FINDING_WRITABLE: return "writable";
	case FINDING_UNOWNED_PROGRAM: return "unowned-program";
	case FINDING_UNOWNED_MODULE: return "unowned-module";
	case FINDING_LISTENS: return "listens";
	case FINDING_UNREADABLE: return "unreadable";
	case FINDING_TALKS: return "talks";
	}
	return "?";
}

/* --- out ----------------------------------------------------------------------------------------- */

static void put_time(struct writer *w, int64_t s)
{
	cb_put_uint(w, s > epoch_s ? (uint64_t)(s - epoch_s) : 0);
}

static void put_component(struct writer *w, const struct evidence_component *c)
{
	cb_put_array(w, COMPONENT_FIELDS);
	cb_put_uint(w, c->component);
	cb_put_uint(w, (c->loaded ? COMPONENT_LOADED : 0u) |
			       (c->exposed ? COMPONENT_EXPOSED : 0u));
	put_time(w, c->first_s);
	put_time(w, c->last_s);
	cb_put_uint(w, c->processes);
}

static void put_process(struct writer *w, const struct evidence_process *p)
{
	cb_put_array(w, PROCESS_FIELDS);
	cb_put_text(w, p->name, strnlen(p->name, EVIDENCE_NAME_MAX));
	if (p->component == EVIDENCE_NO_COMPONENT)
		cb_put_null(w);
	else
		cb_put_uint(w, p->component);
	cb_put_uint(w, p->uid);
	cb_put_uint(w, p->capabilities);
	cb_put_uint(w, p->seccomp | (p->no_new_privileges ? PROCESS_NNP : 0u) |
			       (p->exposed ? PROCESS_EXPOSED : 0u) |
			       (p->hub ? PROCESS_HUB : 0u));
}

static void put_finding(struct writer *w, const struct evidence_finding *f)
{
	cb_put_array(w, FINDING_FIELDS);
	cb_put_uint(w, f->kind);
	cb_put_uint(w, (f->hub ? FINDING_HUB : 0u) |
			       (f->confirmed ? FINDING_CONFIRMED : 0u));
	cb_put_uint(w, f->count);
	cb_put_text(w, f->name, strnlen(f->name, EVIDENCE_NAME_MAX));
	cb_put_text(w, f->path, strnlen(f->path, EVIDENCE_PATH_MAX));
}

static void put_listener(struct writer *w, const struct evidence_listener *l)
{
	cb_put_array(w, LISTENER_FIELDS);
	cb_put_uint(w, l->table);
	cb_put_uint(w, l->port);
	cb_put_uint(w, l->uid);
}

static bool is_good(const struct evidence *e)
{
	bool good = e->component_count <= EVIDENCE_COMPONENTS_MAX &&
		    e->process_count <= EVIDENCE_PROCESSES_MAX &&
		    e->finding_count <= EVIDENCE_FINDINGS_MAX &&
		    e->listener_count <= EVIDENCE_LISTENERS_MAX && e->counter > 0 &&
		    e->same_as < e->counter;

	if (good && e->same_as > 0)
		good = e->component_count + e->process_count + e->finding_count +
			       e->listener_count ==
		       0;
	for (size_t i = 1; good && i < e->component_count; i++)
		good = e->components[i - 1].component < e->components[i].component;
	for (size_t i = 0; good && i < e->process_count; i++)
		good = e->processes[i].seccomp < PROCESS_NNP;
	for (size_t i = 0; good && i < e->finding_count; i++)
		good = e->findings[i].kind > FINDING_NONE &&
		       e->findings[i].kind <= FINDING_KIND_LAST;
	return good;
}

static void put_lists(struct writer *w, const struct evidence *e)
{
	cb_put_array(w, e->component_count);
	for (size_t i = 0; i < e->component_count; i++)
		put_component(w, &e->components[i]);
	cb_put_array(w, e->process_count);
	for (size_t i = 0; i < e->process_count; i++)
		put_process(w, &e->processes[i]);
	cb_put_array(w, e->finding_count);
	for (size_t i = 0; i < e->finding_count; i++)
		put_finding(w, &e->findings[i]);
	cb_put_array(w, e->listener_count);
	for (size_t i = 0; i < e->listener_count; i++)
		put_listener(w, &e->listeners[i]);
}

int evidence_encode(const struct evidence *e, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!is_good(e))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, EVIDENCE_VERSION);
	cb_put_bytes(&w, e->image, sizeof(e->image));
	cb_put_bytes(&w, e->boot, sizeof(e->boot));
	cb_put_uint(&w, e->counter);
	put_time(&w, e->from_s);
	put_time(&w, e->made_s);
	cb_put_uint(&w, e->same_as);
	cb_put_bytes(&w, e->public_key, sizeof(e->public_key));
	cb_put_array(&w, 4);
	cb_put_uint(&w, e->processes_seen);
	cb_put_uint(&w, e->mappings_seen);
	cb_put_uint(&w, e->modules_seen);
	cb_put_uint(&w, e->findings_seen);
	put_lists(&w, e);
	return writer_len(&w);
}

/* --- in ------------------------------------------------------------------------------------------ */

static void want_array(struct cb *c, size_t items)
{
	if (cb_get_array(c, items) != items)
		cb_fail(c, -EBADMSG);
}

static int64_t get_time(struct cb *c)
{
	uint64_t v = cb_get_uint_max(c, TIME_MAX_S);

	return v ? (int64_t)v + epoch_s : 0;
}

/* ret has room for max + 1. */
static void get_text(struct cb *c, char *ret, size_t max)
{
	size_t len;
	const char *text = cb_get_text(c, &len);

	if (len > max)
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			cb_fail(c, -ERANGE);
	memcpy(ret, text, len);
	ret[len] = '\0';
}

static void get_component(struct cb *c, struct evidence_component *ret)
{
	uint64_t flags;

	want_array(c, COMPONENT_FIELDS);
	ret->component = (uint32_t)cb_get_uint_max(c, UINT32_MAX - 1);
	flags = cb_get_uint_max(c, COMPONENT_LOADED | COMPONENT_EXPOSED);
	ret->loaded = flags & COMPONENT_LOADED;
	ret->exposed = flags & COMPONENT_EXPOSED;
	ret->first_s = get_time(c);
	ret->last_s = get_time(c);
	ret->processes = cb_get_uint(c);
}

static void get_process(struct cb *c, struct evidence_process *ret)
{
	uint64_t flags;

	want_array(c, PROCESS_FIELDS);
	get_text(c, ret->name, EVIDENCE_NAME_MAX);
	ret->component = cb_take_null(c) ? EVIDENCE_NO_COMPONENT
					 : (uint32_t)cb_get_uint_max(c, UINT32_MAX - 1);
	ret->uid = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->capabilities = cb_get_uint(c);
	flags = cb_get_uint_max(c, PROCESS_FLAGS_ALL);
	ret->seccomp = flags & (PROCESS_NNP - 1);
	ret->no_new_privileges = flags & PROCESS_NNP;
	ret->exposed = flags & PROCESS_EXPOSED;
	ret->hub = flags & PROCESS_HUB;
}

static void get_finding(struct cb *c, struct evidence_finding *ret)
{
	uint64_t flags;

	want_array(c, FINDING_FIELDS);
	ret->kind = (enum finding_kind)cb_get_uint_max(c, FINDING_KIND_LAST);
	flags = cb_get_uint_max(c, FINDING_HUB | FINDING_CONFIRMED);
	ret->hub = flags & FINDING_HUB;
	ret->confirmed = flags & FINDING_CONFIRMED;
	ret->count = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	get_text(c, ret->name, EVIDENCE_NAME_MAX);
	get_text(c, ret->path, EVIDENCE_PATH_MAX);
}

static void get_listener(struct cb *c, struct evidence_listener *ret)
{
	want_array(c, LISTENER_FIELDS);
	ret->table = (uint8_t)cb_get_uint_max(c, 2);
	ret->port = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	ret->uid = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
}

static void get_lists(struct cb *c, struct evidence *e)
{
	e->component_count = cb_get_array(c, EVIDENCE_COMPONENTS_MAX);
	for (size_t i = 0; i < e->component_count; i++)
		get_component(c, &e->components[i]);
	e->process_count = cb_get_array(c, EVIDENCE_PROCESSES_MAX);
	for (size_t i = 0; i < e->process_count; i++)
		get_process(c, &e->processes[i]);
	e->finding_count = cb_get_array(c, EVIDENCE_FINDINGS_MAX);
	for (size_t i = 0; i < e->finding_count; i++)
		get_finding(c, &e->findings[i]);
	e->listener_count = cb_get_array(c, EVIDENCE_LISTENERS_MAX);
	for (size_t i = 0; i < e->listener_count; i++)
		get_listener(c, &e->listeners[i]);
}

int evidence_decode(const uint8_t *buf, size_t len, struct evidence *ret)
{
	struct cb c;

	if (len > EVIDENCE_PAYLOAD_MAX)
		return -EMSGSIZE;
	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	want_array(&c, FIELDS);
	if (cb_get_uint(&c) != EVIDENCE_VERSION)
		cb_fail(&c, -ENOTSUP);
	cb_get_fixed(&c, ret->image, sizeof(ret->image));
	cb_get_fixed(&c, ret->boot, sizeof(ret->boot));
	ret->counter = cb_get_uint(&c);
	ret->from_s = get_time(&c);
	ret->made_s = get_time(&c);
	ret->same_as = cb_get_uint(&c);
	cb_get_fixed(&c, ret->public_key, sizeof(ret->public_key));
	want_array(&c, 4);
	ret->processes_seen = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	ret->mappings_seen = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	ret->modules_seen = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	ret->findings_seen = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	get_lists(&c, ret);
	if (cb_finish(&c))
		return cb_finish(&c);
	return is_good(ret) ? 0 : -ERANGE;
}

/* --- pieces -------------------------------------------------------------------------------------- */

size_t evidence_pieces(size_t len)
{
	return (len + EVIDENCE_PIECE_MAX - 1) / EVIDENCE_PIECE_MAX;
}

static bool piece_good(const struct evidence_piece *p)
{
	return p->counter > 0 && p->total > 0 && p->total <= EVIDENCE_PIECES_MAX &&
	       p->index < p->total && p->len > 0 && p->len <= EVIDENCE_PIECE_MAX;
}

int evidence_piece_encode(const struct evidence_piece *p, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!piece_good(p))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, PIECE_FIELDS);
	cb_put_uint(&w, EVIDENCE_VERSION);
	cb_put_uint(&w, p->counter);
	cb_put_uint(&w, p->index);
	cb_put_uint(&w, p->total);
	cb_put_bytes(&w, p->bytes, p->len);
	return writer_len(&w);
}

int evidence_piece_decode(const uint8_t *buf, size_t len, struct evidence_piece *ret)
{
	struct evidence_piece p = { 0 };
	struct cb c;

	if (len > EVIDENCE_PIECE_BODY_MAX)
		return -EMSGSIZE;
	cb_init(&c, buf, len);
	want_array(&c, PIECE_FIELDS);
	if (cb_get_uint(&c) != EVIDENCE_VERSION)
		cb_fail(&c, -ENOTSUP);
	p.counter = cb_get_uint(&c);
	p.index = (uint32_t)cb_get_uint_max(&c, EVIDENCE_PIECES_MAX);
	p.total = (uint32_t)cb_get_uint_max(&c, EVIDENCE_PIECES_MAX);
	p.bytes = cb_get_bytes(&c, &p.len);
	if (cb_finish(&c))
		return cb_finish(&c);
	if (!piece_good(&p))
		return -ERANGE;
	*ret = p;
	return 0;
}
