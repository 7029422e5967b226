/*
 * enrol.c - hubs into the clinic's store, and its records out; see enrol.h.
 */
#include "tests/swarm/enrol.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/store_held.h"
#include "hub/core/err.h"

static void need(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "swarm: %s: %s\n", what, err_text(r));
	exit(1);
}

static struct store *open_store(const char *clinic)
{
	char why[FOLDER_WHY_MAX];
	struct store *s;

	if (folder_open_store(clinic, &s, why) < 0) {
		fprintf(stderr, "swarm: %s\n", why);
		exit(1);
	}
	return s;
}

static void make_one(const struct pki_pair *root, size_t i, struct home_identity *id,
		     struct hub *ret)
{
	int64_t now = rt_wall().ms;

	*ret = (struct hub){ .epoch = 1, .state = HUB_ACTIVE, .added_ms = now };
	snprintf(ret->name, sizeof(ret->name), "swarm-%d-%zu", (int)getpid(), i + 1);
	need(pki_make_hub(root, now, &id->pair, id->hub), "certificate of a hub");
	p256_generate(id->sign_private, ret->sign_public);
	memcpy(ret->id, id->hub, HUB_ID_LEN);
	memcpy(ret->spki, id->pair.spki, PIN_LEN);
}

void enrol(const char *clinic, size_t count, struct home_identity *ret)
{
	char why[FOLDER_WHY_MAX];
	struct pki_pair root;
	struct store *s = open_store(clinic);
	struct hub *hubs = calloc(count + 1, sizeof(*hubs));

	need(hubs ? 0 : -ENOMEM, "memory");
	need(folder_read_text(clinic, FILES_ROOT_KEY, root.key, sizeof(root.key), why),
	     FILES_ROOT_KEY);
	need(folder_read_text(clinic, FILES_ROOT_CRT, root.cert, sizeof(root.cert), why),
	     FILES_ROOT_CRT);
	for (size_t i = 0; i < count; i++)
		make_one(&root, i, &ret[i], &hubs[i]);
	need(store_begin(s), "begin");
	for (size_t i = 0; i < count; i++) {
		need(store_hub_put(s, &hubs[i]), "row of a hub");
		need(store_assignment_give(s, hubs[i].id, hubs[i].epoch, HOME_ASSIGNMENT),
		     "assignment of a hub");
	}
	need(store_commit(s), "commit");
	store_close(s);
	free(hubs);
	crypto_wipe(&root, sizeof(root));
}

/* --- out --------------------------------------------------------------------------- */

struct hubs {
	size_t count, cap;
	struct hub *list;
};

static int collect(void *arg, const struct hub *h)
{
	struct hubs *all = arg;

	if (all->count == all->cap) {
		all->cap = all->cap ? 2 * all->cap : 64;
		all->list = realloc(all->list, all->cap * sizeof(*all->list));
		need(all->list ? 0 : -ENOMEM, "memory");
	}
	all->list[all->count++] = *h;
	return 0;
}

static int print_record(void *arg, const struct sealed *rec)
{
	char id[2 * HUB_ID_LEN + 1], sum[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];

	(void)arg;
	crypto_sha256(rec->record.body, rec->record.body_len, hash);
	ledger_hex(rec->hub, HUB_ID_LEN, id);
	ledger_hex(hash, SHA256_LEN, sum);
	printf("%s %" PRIu32 " %" PRIu64 " %s\n", id, rec->epoch, rec->record.seq, sum);
	return 0;
}

static int print_hub(struct store *s, const struct hub *h)
{
	char id[2 * HUB_ID_LEN + 1];
	struct store_counts c;
	int r = store_record_each(s, h->id, print_record, NULL);

	if (r == 0)
		r = store_counts(s, h->id, h->epoch, &c);
	if (r < 0)
		return r;
	ledger_hex(h->id, HUB_ID_LEN, id);
	printf("hub %s contig %" PRIu64 " quarantined %" PRIu64 " rolled-back %d\n", id,
	       c.contig, c.quarantined, h->rolled_back);
	return 0;
}

int enrol_dump(const char *clinic)
{
	struct store *s = open_store(clinic);
	struct hubs all = { 0 };
	int r = store_begin_read(s);

	if (r == 0)
		r = store_hub_each(s, collect, &all);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		r = print_hub(s, &all.list[i]);
	store_rollback(s);
	store_close(s);
	free(all.list);
	return r;
}
