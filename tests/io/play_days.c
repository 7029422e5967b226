/*
 * play_days.c - plays a hub that tells its days: uploads readings and manifests with the keys of a bundle, or leaves a
 * card behind as a hub whose board died.
 *
 *   play_days CLINIC BUNDLE SCENARIO          into the clinic's ingest, in this process
 *   play_days CLINIC BUNDLE card FOLDER       a store's folder: queue-1.db, recovery, spool-1
 *   play_days CLINIC BUNDLE evidence FILE     what hub-measure has signed, as hub-store cuts and seals it
 *   play_days CLINIC BUNDLE snapshot FILE     an item of a snapshot, the same
 *
 * The clinic gets, by number:
 *   1  manifest 1, opens the account on 2026-11-20      4  reading
 *   2  reading                                          5  manifest 2, of 2026-11-20
 *   3  reading                                          6  manifest 3, of 2026-11-21: no number was given
 *                                                       7  reading
 * SCENARIO: complete; losses: 8 and 9 were given up; evidence-losses: the same, and 9 was evidence; waiting: 8 and 9 wait
 * on the hub; unexplained: one of them does; lost: the hub was told that 4 is here; older: in the end the hub has given 5
 * only; forged: manifest 3 is signed by another key; conflict: 7 comes a second time with another body; missing: manifest
 * 2 was given up.
 * The card has 1 to 10 in the queue and 11 to 12 in the spool, all readings; 10 is sealed to another key.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clinic/ingest.h"
#include "hub/core/evidence.h"
#include "hub/core/snapshot.h"
#include "hub/crypto/manifest_sign.h"
#include "hub/rt/file.h"
#include "storage/keys.h"
#include "storage/queue.h"
#include "storage/spool_format.h"
#include "tests/io/bundle_hub.h"

enum {
	LAST = 7,
	DAY = 20777, /* 2026-11-20 */
	SIGNED_MAX = 16384,
	CARD_QUEUE = 10,
	CARD_SPOOL = 12,
	CARD_BLOCKS = 8,
};

struct player {
	const char *scenario;
	struct bundle_hub hub;
	uint8_t bodies[CARD_SPOOL + 1][SEALED_BODY_MAX];
	struct batch batch;
};

static bool is(const struct player *p, const char *scenario)
{
	return strcmp(p->scenario, scenario) == 0;
}

/* --- records ---------------------------------------------------------------------------------------- */

static size_t make_reading(const struct player *p, uint64_t seq, uint8_t *body)
{
	struct reading rd = {
		.kind = READING_WEIGHT,
		.characteristic = 0x2a9d,
		.raw_len = 1,
		.peripheral = { .num = p->hub.config.devices[0].num },
		.captured = { .boot = { 0xb0 },
			      .mono = { seq },
			      .wall = { DAY * INT64_C(86400000), 40,
					CLOCK_QUALITY_CLINIC } },
		.decoded = { .value_count = 1,
			     .values = { { .name = VALUE_WEIGHT,
					   .unit = UNIT_KG,
					   .number = { 800 + (int32_t)seq, -1,
						       DECIMAL_NUMBER } } } },
	};
	int n = reading_encode(&rd, body, READING_BODY_MAX);

	need(n > 0, "reading_encode");
	return (size_t)n;
}

/* Number 1 opens the account; 5 is of its first day, 6 of the next. */
static size_t make_manifest(const struct player *p, uint64_t seq, uint8_t *body)
{
	const uint64_t counter = seq == 1 ? 1 : seq - 3;
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct manifest m = {
		.epoch = p->hub.config.epoch,
		.counter = counter,
		.first = seq == 1   ? 1
			 : seq == 5 ? 2
				    : 6,
		.last = seq - 1,
		.has_days = true,
		.from_day = seq == 6 ? DAY + 1 : DAY,
		.to_day = seq == 1   ? DAY - 1
			  : seq == 5 ? DAY
				     : DAY + 1,
		.made = { .boot = { 0xb0 },
			  .mono = { seq },
			  .wall = { (DAY + (int64_t)counter) * 86400000, 40,
				    CLOCK_QUALITY_CLINIC } },
	};
	int n;

	memcpy(m.hub, p->hub.config.hub, HUB_ID_LEN);
	p256_generate(private, public);
	n = manifest_make(&m, is(p, "forged") && seq == 6 ? private : p->hub.private,
			  body, MANIFEST_BODY_MAX);
	need(n > 0, "manifest_make");
	return (size_t)n;
}

/* Sealed as number seq into bodies[slot]. */
static struct record make(struct player *p, uint64_t seq, size_t slot, bool all_readings,
			  const uint8_t *seal_public)
{
	uint8_t body[READING_BODY_MAX], ad[ENVELOPE_LEN];
	bool manifest = !all_readings && (seq == 1 || seq == 5 || seq == 6);
	size_t len = manifest ? make_manifest(p, seq, body) : make_reading(p, seq, body);
	struct envelope e = { .epoch = p->hub.config.epoch,
			      .assignment = p->hub.config.assignment,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = manifest ? READING_MANIFEST : READING_WEIGHT,
			      .body_len = (uint32_t)SEALED_LEN(len) };

	memcpy(e.hub, p->hub.config.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	need(seal(p->hub.config.seal_key_id, seal_public, ad, sizeof(ad), body, len,
		  p->bodies[slot]) == 0,
	     "seal");
	return (struct record){ e.assignment,	 seq,	    e.class, e.kind,
				p->bodies[slot], e.body_len };
}

/* --- the clinic ------------------------------------------------------------------------------------- */

static void upload(struct player *p)
{
	static uint8_t payload[SIGNED_MAX], cose[SIGNED_MAX];
	struct wall now = { (DAY + 2) * INT64_C(86400000), 500, CLOCK_QUALITY_NTP };
	struct coap_server_response re;
	struct ingest_note note;
	struct ingest in;
	int n = batch_encode(&p->batch, payload, sizeof(payload));

	need(n > 0, "batch_encode");
	n = sign1_make(SIGN_CONTEXT_BATCH, p->hub.private, payload, (size_t)n, cose,
		       sizeof(cose));
	need(n > 0, "sign1_make");
	ingest_init(&in, p->hub.store);
	ingest_handle(&in, p->hub.spki, cose, (size_t)n, now, &re, &note);
	printf("%s stored=%u conflict=%u older=%d\n", ingest_outcome_text(note.outcome),
	       note.stored, note.conflict, note.older);
	need(note.outcome == INGEST_STORED, "not stored");
	p->batch.record_count = p->batch.tombstone_count = 0;
}

static void add(struct player *p, uint64_t seq)
{
	struct batch *b = &p->batch;

	b->records[b->record_count] =
		make(p, seq, b->record_count, false, p->hub.config.seal_public);
	b->record_count++;
}

static void play(struct player *p)
{
	struct batch *b = &p->batch;

	b->epoch = p->hub.config.epoch;
	b->highest = LAST;
	memcpy(b->hub, p->hub.config.hub, HUB_ID_LEN);
	for (uint64_t seq = 1; seq <= LAST; seq++)
		if (!(is(p, "lost") && seq == 4) && !(is(p, "missing") && seq == 5))
			add(p, seq);
	if (is(p, "losses") || is(p, "evidence-losses") || is(p, "waiting") ||
	    is(p, "unexplained"))
		b->highest = 9;
	b->queued = is(p, "waiting") ? 2 : is(p, "unexplained") ? 1 : 0;
	b->acked = is(p, "lost") ? LAST : 0;
	if (is(p, "losses") || is(p, "missing")) {
		b->tombstones[0] = is(p, "losses")
					   ? (struct tombstone){ 8, 9, CLASS_ALARM,
								 TOMBSTONE_EVICTED }
					   : (struct tombstone){ 5, 5, CLASS_ROUTINE,
								 TOMBSTONE_DAMAGED };
		b->tombstone_count = 1;
	}
	if (is(p, "evidence-losses")) {
		b->tombstones[0] =
			(struct tombstone){ 8, 8, CLASS_ROUTINE, TOMBSTONE_EVICTED };
		b->tombstones[1] =
			(struct tombstone){ 9, 9, CLASS_ROUTINE, TOMBSTONE_EVIDENCE };
		b->tombstone_count = 2;
	}
	upload(p);
	if (is(p, "older")) {
		b->highest = 5;
		upload(p);
	}
	if (is(p, "conflict")) {
		add(p, 7);
		upload(p);
	}
}

/* --- evidence --------------------------------------------------------------------------------------- */

static struct record seal_own(struct player *p, uint64_t seq, size_t slot,
			      enum reading_kind kind, const uint8_t *body, int n)
{
	uint8_t ad[ENVELOPE_LEN];
	struct envelope e = { .epoch = p->hub.config.epoch,
			      .assignment = p->hub.config.assignment,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = (uint8_t)kind };

	need(n > 0, "a piece's frame");
	e.body_len = (uint32_t)SEALED_LEN((size_t)n);
	memcpy(e.hub, p->hub.config.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	need(seal(p->hub.config.seal_key_id, p->hub.config.seal_public, ad, sizeof(ad),
		  body, (size_t)n, p->bodies[slot]) == 0,
	     "seal");
	return (struct record){ e.assignment,	 seq,	    e.class, e.kind,
				p->bodies[slot], e.body_len };
}

static struct record seal_piece(struct player *p, uint64_t seq, size_t slot,
				const struct evidence_piece *piece)
{
	uint8_t body[EVIDENCE_PIECE_BODY_MAX];

	return seal_own(p, seq, slot, READING_EVIDENCE, body,
			evidence_piece_encode(piece, body, sizeof(body)));
}

/* FILE: counter u64, then the signed bytes. Its pieces get the numbers from 100 x counter on. */
static void play_evidence(struct player *p, const char *path)
{
	static uint8_t bytes[8 + EVIDENCE_BYTES_MAX];
	struct evidence_piece piece = { 0 };
	struct reader r;
	FILE *f = fopen(path, "rb");
	size_t len;

	need(f != NULL, path);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	need(len > 8, path);
	reader_init(&r, bytes, 8);
	piece.counter = read_be64(&r);
	piece.total = (uint32_t)evidence_pieces(len - 8);
	memcpy(p->batch.hub, p->hub.config.hub, HUB_ID_LEN);
	p->batch.epoch = p->hub.config.epoch;
	for (; piece.index < piece.total; piece.index++) {
		size_t at = 8 + piece.index * (size_t)EVIDENCE_PIECE_MAX;
		uint64_t seq = piece.counter * 100 + piece.index;

		piece.bytes = bytes + at;
		piece.len = len - at < EVIDENCE_PIECE_MAX ? len - at : EVIDENCE_PIECE_MAX;
		p->batch.records[p->batch.record_count] =
			seal_piece(p, seq, p->batch.record_count, &piece);
		p->batch.record_count++;
		p->batch.highest = seq;
	}
	upload(p);
}

/* FILE: number u64, item u8, first seq u64, then the item's bytes. */
static void play_snapshot(struct player *p, const char *path)
{
	static uint8_t bytes[17 + SNAPSHOT_ITEM_MAX];
	uint8_t body[SNAPSHOT_PIECE_BODY_MAX];
	FILE *f = fopen(path, "rb");
	uint64_t number, seq;
	struct reader r;
	uint32_t item;
	size_t len;

	need(f != NULL, path);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	need(len > 17, path);
	reader_init(&r, bytes, 17);
	number = read_be64(&r);
	item = read_u8(&r);
	seq = read_be64(&r);
	memcpy(p->batch.hub, p->hub.config.hub, HUB_ID_LEN);
	p->batch.epoch = p->hub.config.epoch;
	for (uint32_t i = 0; i < snapshot_pieces(len - 17); i++, seq++) {
		struct snapshot_piece piece =
			snapshot_piece_of(number, item, bytes + 17, len - 17, i);

		p->batch.record_count = 1;
		p->batch.records[0] =
			seal_own(p, seq, 0, READING_SNAPSHOT, body,
				 snapshot_piece_encode(&piece, body, sizeof(body)));
		p->batch.highest = seq;
		upload(p);
	}
}

/* --- a card ----------------------------------------------------------------------------------------- */

static struct queue_entry entry(struct player *p, uint64_t seq)
{
	uint8_t private[X25519_LEN], other[X25519_LEN];
	struct queue_entry e = { .instance = 1, .capture = seq };

	x25519_generate(private, other);
	e.record = make(p, seq, seq, true,
			seq == CARD_QUEUE ? other : p->hub.config.seal_public);
	return e;
}

static void fill_queue(struct player *p, const char *folder)
{
	struct msg_store_config c = { .epoch = p->hub.config.epoch,
				      .seal_key_id = p->hub.config.seal_key_id };
	struct keys_notes notes;
	const char *problem;
	struct db_key key;
	struct queue *q;
	struct keys *k;

	memcpy(c.hub, p->hub.config.hub, HUB_ID_LEN);
	memcpy(c.seal_public, p->hub.config.seal_public, sizeof(c.seal_public));
	need(keys_open(folder, false, &k, &notes, &problem) == 0, "keys_open");
	need(keys_queue(k, 1, true, &key) == 0, "keys_queue");
	need(keys_recovery(k, &c) == 0, "keys_recovery");
	keys_free(k);
	need(queue_open(folder, 1, &key, 0, &q) == 0, "queue_open");
	need(queue_set_owner(q, p->hub.config.hub, p->hub.config.epoch, 1) == 0, "owner");
	for (uint64_t seq = 1; seq <= CARD_QUEUE; seq++) {
		struct queue_entry e = entry(p, seq);

		need(queue_insert(q, &e, 1) == 0, "queue_insert");
	}
	queue_close(q);
	need(file_remove(folder, "root.key") == 0, "root.key"); /* the board is dead */
}

static void fill_spool(struct player *p, const char *folder)
{
	static uint8_t file[CARD_BLOCKS * SPOOL_BLOCK], commit[SPOOL_COMMIT_MAX];
	struct spool_header h = { .owner.epoch = p->hub.config.epoch,
				  .first_serial = 1,
				  .serial = 1,
				  .first_seq = CARD_QUEUE + 1 };
	uint8_t prev[SPOOL_HASH_LEN] = { 0 }, rec[SPOOL_RECORD_MAX];
	uint32_t block = 1;

	memcpy(h.owner.hub, p->hub.config.hub, HUB_ID_LEN);
	spool_header_encode(&h, crypto_sha256, file);
	for (uint64_t seq = CARD_QUEUE + 1; seq <= CARD_SPOOL; seq++) {
		struct queue_entry e = entry(p, seq);
		struct spool_draft d;
		size_t len;
		int n = spool_record_encode(&e, p->hub.config.epoch, prev, NULL, rec,
					    sizeof(rec));

		need(n > 0, "spool_record_encode");
		crypto_sha256(rec, (size_t)n, prev);
		spool_draft_init(&d, commit);
		need(spool_draft_add(&d, rec, (size_t)n) == 0, "spool_draft_add");
		len = spool_draft_finish(&d, &h.owner, 1, block, crypto_sha256);
		memcpy(file + block * SPOOL_BLOCK, commit, len);
		block += (uint32_t)(len / SPOOL_BLOCK) + 1; /* one block stays empty */
	}
	need(file_replace(folder, "spool-1", file, sizeof(file)) == 0, "spool-1");
}

int main(int argc, char **argv)
{
	static struct player p;

	if (argc != 4 && (argc != 5 || (strcmp(argv[3], "card") != 0 &&
					strcmp(argv[3], "snapshot") != 0 &&
					strcmp(argv[3], "evidence") != 0)))
		need(false, "usage: play_days CLINIC BUNDLE SCENARIO | card FOLDER | "
			    "evidence FILE | snapshot FILE");
	p.scenario = argv[3];
	need(crypto_init() == 0, "crypto_init");
	bundle_hub_load(argv[1], argv[2], &p.hub);
	if (argc == 5 && is(&p, "evidence")) {
		play_evidence(&p, argv[4]);
	} else if (argc == 5 && is(&p, "snapshot")) {
		play_snapshot(&p, argv[4]);
	} else if (argc == 5) {
		need(mkdir(argv[4], 0700) == 0, argv[4]);
		fill_queue(&p, argv[4]);
		fill_spool(&p, argv[4]);
	} else {
		play(&p);
	}
	store_close(p.hub.store);
	crypto_done();
	return 0;
}
