/*
 * play_audit.c - plays a hub that keeps an audit log and uploads a heartbeat with its checkpoint, without Bluetooth and
 * without a network: with the keys of a bundle, into the clinic's ingest in this process.
 *
 *   play_audit CLINIC BUNDLE LOG EVENTS [--away | --older-hub]
 *
 * --away: nothing is uploaded. --older-hub: the clinic forgets key 0, as if the hub had been added before there was a
 * log; nothing else is done.
 *
 * LOG: the folder of the log, made at first; its key is kept in LOG/../LOG.key, as hub-store keeps it in a slot. Both
 * copied and put back later are a card that was set back. It prints one line: what became of the checkpoint, its size,
 * and what of the log has a receipt.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/ingest.h"
#include "clinic/store_inside.h"
#include "hub/core/cose.h"
#include "hub/rt/file.h"
#include "hub/rt/rt.h"
#include "hub/crypto/audit_segment.h"
#include "storage/audit.h"

static const char *parent;
static char state_name[64];

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "play_audit: %s\n", what);
	exit(1);
}

static int load(void *arg, uint8_t *buf, size_t cap)
{
	(void)arg;
	return file_read(parent, state_name, buf, cap);
}

static int store(void *arg, const uint8_t *buf, size_t len)
{
	(void)arg;
	return file_replace(parent, state_name, buf, len);
}

static void read_key(const char *bundle, const char *name, uint8_t ret[static KEY_LEN])
{
	char path[FILES_PATH_MAX];

	need(files_path(bundle, "store", path) == 0, "path");
	need(file_read(path, name, ret, KEY_LEN) == KEY_LEN, name);
}

static struct audit_now now(void)
{
	return (struct audit_now){ rt_wall(), rt_mono() };
}

static size_t make_batch(const struct audit *log, const struct hub *h,
			 const uint8_t *private, uint8_t buf[static BATCH_BYTES_MAX])
{
	uint8_t checkpoint[AUDIT_SIGNED_MAX], payload[BATCH_BYTES_MAX];
	struct batch b = { .epoch = h->epoch, .checkpoint = checkpoint };
	int n = audit_checkpoint(log, checkpoint, sizeof(checkpoint));

	need(n > 0, "checkpoint");
	b.checkpoint_len = (size_t)n;
	memcpy(b.hub, h->id, HUB_ID_LEN);
	n = batch_encode(&b, payload, sizeof(payload));
	need(n > 0, "batch");
	n = sign1_make(SIGN_CONTEXT_BATCH, private, payload, (size_t)n, buf,
		       BATCH_BYTES_MAX);
	need(n > 0, "signature");
	return (size_t)n;
}

static int first_hub(void *arg, const struct hub *h)
{
	*(struct hub *)arg = *h;
	return 1;
}

static void upload(struct audit *log, struct store *clinic, const struct hub *h,
		   const uint8_t *private)
{
	static struct coap_server_response re;
	uint8_t bytes[BATCH_BYTES_MAX];
	size_t len = make_batch(log, h, private, bytes);
	struct ingest_note note;
	struct ingest ingest;
	struct reply reply;

	ingest_init(&ingest, clinic);
	ingest_handle(&ingest, h->spki, bytes, len, rt_wall(), &re, &note);
	need(re.code == COAP_CODE_CHANGED && reply_decode(re.body, re.len, &reply) == 0,
	     "refused");
	if (reply.receipt_size)
		need(audit_receipt(log, reply.receipt_size, reply.receipt_hash, now()) ==
			     0,
		     "receipt");
	need(audit_sync(log, now()) == 0, "sync");
	printf("%s records=%" PRIu64 " witnessed=%" PRIu64 "\n",
	       witness_text(note.checkpoint), audit_number(log), audit_witnessed(log));
}

int main(int argc, char **argv)
{
	const struct audit_host host = { .load = load, .store = store };
	const struct audit_event e = { .kind = AUDIT_UPLOAD_ACKED,
				       .outcome = AUDIT_SUCCESS,
				       .agent = AUDIT_AGENT_CLINIC,
				       .source = 2,
				       .object = AUDIT_OBJECT_READINGS,
				       .a = 1,
				       .b = 9 };
	uint8_t key0[KEY_LEN], sign[P256_PRIVATE_LEN];
	char why[FOLDER_WHY_MAX];
	struct audit_config cfg = { .sign_key = sign,
				    .segment_bytes = AUDIT_SEGMENT_MIN,
				    .segments = 8 };
	struct audit_notes notes;
	struct store *clinic;
	struct audit *log;
	struct hub h;

	need(argc == 5 || argc == 6,
	     "usage: play_audit CLINIC BUNDLE LOG EVENTS [--away|--older-hub]");
	need(crypto_init() == 0, "crypto");
	need(folder_open_store(argv[1], &clinic, why) == 0, "clinic");
	need(store_hub_each(clinic, first_hub, &h) == 1, "no hub");
	if (argc == 6 && strcmp(argv[5], "--older-hub") == 0) {
		need(sql_run(clinic->db, "DELETE FROM audit_key") == 0, "forget");
		store_close(clinic);
		return 0;
	}
	read_key(argv[2], "audit.key", key0);
	read_key(argv[2], "sign.key", sign);
	parent = ".";
	(void)snprintf(state_name, sizeof(state_name), "%s.key", argv[3]);
	need(mkdir(argv[3], 0700) == 0 || errno == EEXIST, "LOG");
	cfg.dir = argv[3];
	cfg.enrolment = h.epoch;
	cfg.key0 = key0;
	memcpy(cfg.hub, h.id, HUB_ID_LEN);
	need(audit_open(&cfg, &host, now(), &log, &notes) == 0, "log");
	for (long n = strtol(argv[4], NULL, 10); n > 0; n--)
		need(audit_append(log, &e, now()) == 0, "append");
	need(audit_seal(log, now()) == 0, "seal");
	if (argc == 5)
		upload(log, clinic, &h, sign);
	audit_free(log); /* its next start finds that it was not ended */
	store_close(clinic);
	crypto_done();
	return 0;
}
