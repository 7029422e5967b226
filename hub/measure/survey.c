/*
 * survey.c - see survey.h.
 */
#include "hub/measure/survey.h"

#include <stdio.h>
#include <string.h>

enum { PORT_DNS = 53 };

_Static_assert(EVIDENCE_PROCESSES_MAX <= 64, "a bit for each process");

void survey_begin(struct survey *s, struct evidence *e, int64_t now_s)
{
	e->processes_seen = e->mappings_seen = e->modules_seen = e->findings_seen = 0;
	e->component_count = e->process_count = e->finding_count = e->listener_count = 0;
	*s = (struct survey){ .e = e, .now_s = now_s, .process = -1 };
}

static bool is_hub_uid(uint32_t uid)
{
	return uid >= SURVEY_HUB_UID_FIRST && uid <= SURVEY_HUB_UID_LAST;
}

/* Printable; what is too long keeps its end, which says more. */
static void copy_path(const char *path, size_t len,
		      char ret[static EVIDENCE_PATH_MAX + 1])
{
	if (len > EVIDENCE_PATH_MAX) {
		path += len - EVIDENCE_PATH_MAX;
		len = EVIDENCE_PATH_MAX;
	}
	memcpy(ret, path, len);
	for (size_t i = 0; i < len; i++)
		if (ret[i] < ' ' || ret[i] > '~')
			ret[i] = '?';
	ret[len] = '\0';
}

/* --- findings ------------------------------------------------------------------------------------ */

static bool is_alike(const struct evidence_finding *a, const struct evidence_finding *b)
{
	return a->kind == b->kind && a->hub == b->hub && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

/* A place for another finding; NULL: there is none that may be had. */
static struct evidence_finding *place(struct evidence *e, bool hub)
{
	if (e->finding_count < EVIDENCE_FINDINGS_MAX)
		return &e->findings[e->finding_count++];
	for (size_t i = 0; hub && i < EVIDENCE_FINDINGS_MAX; i++)
		if (!e->findings[i].hub)
			return &e->findings[i];
	return NULL;
}

static void add(struct survey *s, const struct evidence_finding *f)
{
	struct evidence_finding *at = place(s->e, f->hub);

	if (at)
		*at = *f;
}

static void find(struct survey *s, enum finding_kind kind, const char *path, size_t len)
{
	struct evidence_finding f = { .kind = kind, .hub = s->hub, .count = 1 };

	memcpy(f.name, s->name, sizeof(f.name));
	copy_path(path, len, f.path);
	s->e->findings_seen++;
	for (size_t i = 0; i < s->e->finding_count; i++) {
		if (is_alike(&s->e->findings[i], &f)) {
			s->e->findings[i].count++;
			return;
		}
	}
	add(s, &f);
}

size_t survey_hub_findings(const struct evidence *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->finding_count; i++)
		n += e->findings[i].hub;
	return n;
}

void survey_confirm(struct evidence *e, const struct evidence *earlier)
{
	for (size_t i = 0; i < e->finding_count; i++)
		for (size_t j = 0; j < earlier->finding_count; j++)
			if (is_alike(&e->findings[i], &earlier->findings[j]))
				e->findings[i].confirmed = true;
}

/* --- components ---------------------------------------------------------------------------------- */

/* The component's place, kept in ascending order; NULL: no room. */
static struct evidence_component *component(struct survey *s, uint32_t number)
{
	struct evidence *e = s->e;
	size_t i = e->component_count;

	while (i > 0 && e->components[i - 1].component > number)
		i--;
	if (i > 0 && e->components[i - 1].component == number)
		return &e->components[i - 1];
	if (e->component_count == EVIDENCE_COMPONENTS_MAX)
		return NULL;
	memmove(&e->components[i + 1], &e->components[i],
		(e->component_count - i) * sizeof(e->components[0]));
	e->component_count++;
	e->components[i] =
		(struct evidence_component){ .component = number, .first_s = s->now_s };
	return &e->components[i];
}

static void loaded(struct survey *s, uint32_t number, bool exposed)
{
	struct evidence_component *c = component(s, number);

	if (!c)
		return;
	c->loaded = true;
	c->last_s = s->now_s;
	c->exposed |= exposed;
	if (s->process >= 0)
		c->processes |= UINT64_C(1) << s->process;
}

/* --- processes ----------------------------------------------------------------------------------- */

static bool is_same_process(const struct evidence_process *a,
			    const struct evidence_process *b)
{
	return strcmp(a->name, b->name) == 0 && a->component == b->component &&
	       a->uid == b->uid && a->capabilities == b->capabilities &&
	       a->seccomp == b->seccomp && a->no_new_privileges == b->no_new_privileges &&
	       a->exposed == b->exposed && a->hub == b->hub;
}

/* Several of one kind are one row. */
static int list_process(struct evidence *e, const struct evidence_process *p)
{
	for (size_t i = 0; i < e->process_count; i++)
		if (is_same_process(&e->processes[i], p))
			return (int)i;
	if (e->process_count == EVIDENCE_PROCESSES_MAX)
		return -1;
	e->processes[e->process_count] = *p;
	return (int)e->process_count++;
}

void survey_process(struct survey *s, const struct process_status *status,
		    const char *path, size_t len, bool deleted,
		    const struct survey_file *program)
{
	const uint32_t flags = program->in_image ? program->file.flags : 0;
	struct evidence_process p = {
		.component = program->in_image ? program->file.component
					       : EVIDENCE_NO_COMPONENT,
		.uid = status->uid,
		.capabilities = status->capabilities,
		.seccomp = status->seccomp & 3,
		.no_new_privileges = status->no_new_privileges,
		.hub = (flags & IMAGE_HUB) || is_hub_uid(status->uid),
	};

	p.exposed = !program->in_image || (flags & IMAGE_EXPOSED);
	memcpy(p.name, status->name, sizeof(p.name));
	memcpy(s->name, status->name, sizeof(s->name));
	s->hub = p.hub;
	s->exposed = p.exposed;
	s->e->processes_seen++;
	s->process = list_process(s->e, &p);
	if (!program->in_image)
		find(s, FINDING_UNOWNED_PROGRAM, path, len);
	else if (deleted)
		find(s, FINDING_DELETED, path, len);
}

bool survey_wants_file(const struct mapping *m)
{
	return m->executable && m->kind == MAPPING_FILE;
}

static void judge_file(struct survey *s, const struct mapping *m,
		       const struct survey_file *f)
{
	if (!f || !f->in_image) {
		find(s, FINDING_UNOWNED, m->path, m->path_len);
		return;
	}
	loaded(s, f->file.component, s->exposed);
	if (!f->read)
		find(s, FINDING_UNREADABLE, m->path, m->path_len);
	else if (!f->same)
		find(s, FINDING_CHANGED, m->path, m->path_len);
}

void survey_mapping(struct survey *s, const struct mapping *m,
		    const struct survey_file *file)
{
	s->e->mappings_seen++;
	if (!m->executable)
		return;
	if (m->writable)
		find(s, FINDING_WRITABLE, m->path, m->path_len);
	switch (m->kind) {
	case MAPPING_FILE: judge_file(s, m, file); break;
	case MAPPING_ANONYMOUS: find(s, FINDING_ANONYMOUS, m->path, m->path_len); break;
	case MAPPING_DELETED: find(s, FINDING_DELETED, m->path, m->path_len); break;
	case MAPPING_MEMFD: find(s, FINDING_MEMFD, m->path, m->path_len); break;
	case MAPPING_KERNEL: break;
	}
}

/* --- the rest ------------------------------------------------------------------------------------ */

void survey_module(struct survey *s, const char *name, size_t len,
		   const struct image_file *file)
{
	s->process = -1;
	s->hub = false;
	snprintf(s->name, sizeof(s->name), "kernel");
	s->e->modules_seen += len > 0;
	if (file)
		loaded(s, file->component, true); /* Bluetooth and IP are in it */
	else if (len > 0)
		find(s, FINDING_UNOWNED_MODULE, name, len);
}

static const char *table_text(enum socket_table t)
{
	switch (t) {
	case SOCKETS_TCP: return "tcp";
	case SOCKETS_UDP: return "udp";
	case SOCKETS_BLUETOOTH: break;
	}
	return "bluetooth";
}

/* hub-coap talks UDP with the clinic, and asks a resolver; nobody else of the hub's talks at all. */
static bool may_talk(enum socket_table table, const struct open_socket *o)
{
	return o->uid == SURVEY_COAP_UID && (table == SOCKETS_UDP || o->port == PORT_DNS);
}

static void list_listener(struct evidence *e, enum socket_table table,
			  const struct open_socket *o)
{
	const struct evidence_listener l = { (uint8_t)table, o->port, o->uid };

	for (size_t i = 0; i < e->listener_count; i++)
		if (e->listeners[i].table == l.table && e->listeners[i].port == l.port &&
		    e->listeners[i].uid == l.uid)
			return;
	if (e->listener_count < EVIDENCE_LISTENERS_MAX)
		e->listeners[e->listener_count++] = l;
}

void survey_socket(struct survey *s, enum socket_table table,
		   const struct open_socket *socket)
{
	char text[40];

	if (!socket->talks)
		list_listener(s->e, table, socket);
	if (table == SOCKETS_BLUETOOTH || !is_hub_uid(socket->uid) ||
	    (socket->talks && may_talk(table, socket)))
		return;
	s->hub = true;
	s->name[0] = '\0';
	snprintf(text, sizeof(text), "%s %s%u uid %u", table_text(table),
		 socket->talks ? "to " : "", socket->port, socket->uid);
	find(s, socket->talks ? FINDING_TALKS : FINDING_LISTENS, text, strlen(text));
}

void survey_dropped(struct survey *s, const char *name, uint32_t uid, uint64_t packets)
{
	struct evidence_finding f = { .kind = FINDING_TALKS,
				      .hub = true,
				      .confirmed = true };

	f.count = packets < UINT32_MAX ? (uint32_t)packets : UINT32_MAX;
	snprintf(f.name, sizeof(f.name), "%s", name);
	snprintf(f.path, sizeof(f.path), "dropped uid %u", uid);
	s->e->findings_seen++;
	add(s, &f);
}
