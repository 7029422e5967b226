#pragma once

/*
 * store_inside.h - what store*.c share and nobody else sees.
 */
#include "hub/core/snapshot.h"
#include "hub/core/status.h"
#include "storage/audit.h"
#include "storage/exporter.h"
#include "storage/handover.h"
#include "storage/intake.h"
#include "storage/keys.h"
#include "storage/records.h"
#include "storage/reset_rule.h"
#include "storage/state.h"
#include "storage/store.h"

enum {
	DIR_BYTES = 1024,
	RETRY_MS = 2000,
	HUBD_WAIT_MS = 5000,
	LEVEL_UNKNOWN = 2, /* a process alone behaves as at level 2 */
	LEVEL_RETIRED = 4,
	REPORTS_MAX = 8,
	DAY_RETRY_MS = 60 * 1000,
	NEWS_RETRY_MS = 200,
	RETIRE_LOOK_MS = 500,
	RESYNC_MS =
		60 * 60 *
		1000, /* the clinic is believed that it lost something at most this often */
	STORE_PATH_BYTES = DIR_BYTES + 32,
	OWN_GROUP_MAX = 16, /* records that are sealed and committed together */
};

/* An incident that hubd does not know yet. */
struct report {
	enum incident what;
	uint16_t subject;
	uint32_t count;
};

/* What hubd is to hear, as it is then: not each change. */
struct hubd_news {
	bool state, saved, delivered, retired;
	uint64_t
		refused; /* unsent records, which a reset that was ordered would lose; 0: nothing to say */
	struct mono again_at; /* its socket was full */
};

/* Lack of space. Fields are private to store_room.c; all zero at first. */
struct room {
	bool episode; /* something was given up, and not long ago */
	struct mono episode_ends;
	struct queue_evicted untold; /* not logged yet */
	struct mono tell_at;	     /* no line before */
	int fill_told;		     /* the mark that was logged last, in percent */
	struct mono reserve_at;	     /* next step of making the reserve */
	bool reserve_failed;
	bool wal_is_new; /* it began anew in this turn, and nothing was given up since */
};

/* Numbers of readings that share one fate. */
struct audit_span {
	uint64_t first, last, count; /* count 0: none */
};

/* The audit log and what it waits to be told. Fields are private to store_audit.c; all zero at first. */
struct audited {
	struct audit *log; /* NULL: not open */
	uint8_t hub[HUB_ID_LEN];
	uint32_t enrolment; /* of the log, with hub */
	struct mono now;    /* of this turn */
	bool pending;	    /* something is not durable yet */
	struct mono pending_since;
	struct mono retry_at;	/* not open: tried again */
	const char *problem;	/* the last one that was logged */
	bool anew;		/* the log begins now, whatever the slot holds */
	bool config_told;	/* what hubd said first since the start */
	struct keys_notes keys; /* root ROOT_NONE: told */
	uint64_t contig;	/* as the clinic said it last */
	struct audit_span acked, evicted; /* not written yet */
	uint64_t evicted_alarms, evicted_evidence;
};

/* An order to retire. Fields are private to store_retire.c; all zero at first. */
struct retiring {
	int rule; /* enum reset_rule as it is on the disk, or an error: not known */
	struct mono rule_again_at, again_at;
	bool empty; /* the clinic has all, */
	struct mono empty_since;
	bool asked;   /* for the reset, since the start */
	bool refused; /* the one that two people at the hub have ordered */
	uint64_t
		on_stick; /* all that was unsent up to this number is there; 0: nothing */
	uint32_t stick_epoch; /* whose numbers these are */
	bool looked; /* for one that a lock stands in the way of, since the start */
};

/* What the clinic is told of hub and devices. Fields are private to store_status.c; all zero at first. */
struct told_status {
	bool has_health;
	struct msg_health health; /* as hubd said last */
	uint64_t refused;	  /* captures since the start */
	bool waiting;		  /* something is unsent, since then */
	struct mono waiting_since;
	struct status going; /* as it was offered last */
	bool has_told;
	struct status told; /* as the clinic knows it */
	struct mono told_at;
};

/* hub-measure's evidence until it is durable. Fields are private to store_evidence.c; all zero at first. */
struct evidence_held {
	uint64_t counter;
	size_t count, total; /* total 0: there is none */
	uint16_t findings;
	struct mono retry_at;
	size_t len[EVIDENCE_PIECES_MAX];
	uint8_t bytes[EVIDENCE_PIECES_MAX][EVIDENCE_PIECE_BODY_MAX];
};

/* What a locked hub looked like, until it is durable. Fields are private to store_snapshot.c; all zero at first. */
struct snapshot_held {
	uint64_t number;      /* 0: there is none */
	uint32_t done, total; /* pieces of the item at hand: durable, and of it all */
	size_t count;	      /* pieces that came since */
	size_t len[SNAPSHOT_AHEAD];
	uint8_t bytes[SNAPSHOT_AHEAD][SNAPSHOT_PIECE_MAX];
	/* of the audit log: files to go, the one at hand and its item; NULL: none is at hand */
	bool audit;
	bool asked; /* by nobody but the console: hub-measure is not told */
	size_t file;
	uint32_t item;
	uint8_t *dense; /* owned */
	size_t dense_len;
	struct mono retry_at;
};

/* What was done at the console, until it is durable, and afterwards. Fields are private to store_console.c; all zero at first. */
struct account_held {
	bool waits;
	struct msg_account last; /* number 0: there was none */
	struct mono retry_at;
};

/* Records on their way to a stick. Fields are private to store_export.c; all zero at first, but for 'dir'. */
struct exporting {
	const char *dir;       /* of the pipe and the result, NULL: there is no stick */
	enum export_what what; /* EXPORT_NONE: nothing is on its way */
	uint32_t ask;
	enum { EXPORTING_WAIT, EXPORTING_WRITE, EXPORTING_RESULT } step;
	struct mono at, told_at, late_at;
	uint64_t stale; /* a result that was there before */
	bool is_open;
	int fd;
	struct exporter exporter;
	/* how many were unsent when it began; 0: or they were not all in the queue */
	uint64_t unsent;
	bool asked; /* for the audit log's files */
	struct mono audit_until;
	bool ended; /* the end mark is in 'out', or gone */
	uint64_t bytes;
	/* head_len: the file's head is in 'out' and waits for the first batch; len octets go, from 'done' on */
	size_t head_len, len, done;
	uint8_t out[STICK_HEAD_LEN + STICK_FRAME_MAX];
};

/* Secret memory: readings in clear, signing key, engine share. */
struct store {
	struct store_host host;
	char dir[DIR_BYTES];
	struct keys *keys;
	struct records *records;
	struct state *state;
	struct intake intake;
	struct handover handover;
	bool can_sign;
	bool foreign; /* what is here belongs to another enrolment than the configuration */
	bool has_owner; /* records took over for whom they are */
	bool full;
	bool state_broken; /* stays closed until the next configuration */
	bool broken;	   /* the last commit failed, not for want of space */
	bool told;	   /* 'blocked' was sent at least once */
	enum store_blocked blocked;
	struct mono retry_at, hand_over_from, step_at;
	uint8_t boot[BOOT_ID_LEN];
	bool has_time;
	struct msg_time time; /* the clinic's, as hubd said last */
	struct mono day_at;   /* no manifest before */
	bool has_config;
	struct msg_store_config config;
	uint64_t ble_instance; /* of the hub-ble at the other end, 0: not known */
	bool hubd_up;
	struct hubd_news news;
	bool resynced; /* resynced_at is valid */
	struct mono resynced_at;
	bool saved, delivered; /* since the counts were told */
	struct room room;
	struct audited audit;
	struct told_status status;
	struct evidence_held evidence;
	struct snapshot_held snapshot;
	struct account_held account;
	struct exporting exporting;
	struct retiring retiring;
	struct msg_fence fence; /* asked by hubd and not answered; step 0: nothing */
	struct report reports[REPORTS_MAX];
	size_t report_count;
	const char *problem; /* the last one that was logged */
};

/* --- store_tell.c: what others hear ------------------------------------------------------- */

/* Returns as the send of struct store_host. */
int store_send(struct store *s, enum role to, const struct msg *m);
/* What hubd has not heard yet. At the end of each turn. */
void store_tell_hubd(struct store *s, struct mono now);
struct mono store_news_deadline(const struct store *s);
void store_flush_reports(struct store *s);
/* An incident for hubd; kept until hubd has it. */
void store_report(struct store *s, enum incident what, uint16_t subject);
/* To hub-ble about one capture: it is durable. */
void store_answer(struct store *s, uint64_t capture);
/* It was not taken, and why; STORE_READY: not now, offer it again. */
void store_refuse(struct store *s, uint64_t capture, enum store_blocked why);
void store_send_state(struct store *s);
/* To hub-ble: what is known of the memories of devices, if state.db is open. */
void store_send_memories(struct store *s);
/* The one function that changes 'blocked'. */
void store_update_blocked(struct store *s);
void store_send_queue_state(struct store *s);
/* To hub-coap and hubd, if something was saved or delivered since.
 * hub-coap must know the highest number before it sees a batch with it. */
void store_tell_counts(struct store *s);
/* Once per problem, not once per retry; and an incident. */
void store_log_problem(struct store *s, const char *event, const char *what, int err);

/* --- store_open.c: keys, records and state.db ------------------------------------------------ */

/* Is the queue not open although there is one, or may be? Of a hub that has no owner yet there is none to open. */
bool store_must_open(const struct store *s);
/* Opens what is not open and may be tried now. */
void store_open_all(struct store *s, struct mono now);
void store_close_state(struct store *s);
/* What the last commits took and the registry may not know. Returns 0 or an error of state.db. */
int store_catch_up(struct store *s);
/* For struct intake_handlers: state.db is closed at the end of the turn. */
void store_on_state_failed(void *arg, int err);
/* The configuration and what is here must be of the same enrolment. */
void store_check_owner(struct store *s);
/* The engine share is withheld: state.db and every trace of it leave memory. */
void store_lock(struct store *s, struct mono now);

/* --- store_events.c: what becomes of segments and spool ------------------------------------ */

/* For struct records_host. */
void store_on_records(void *arg, const struct records_event *e);

/* --- store_enrol.c: the keys that the clinic is to be told --------------------------------------- */

void store_on_sign_keys(struct store *s, const struct msg_sign_keys *ask);

/* --- store_fence.c: the hand-over to another assignment -------------------------------------- */

void store_on_fence(struct store *s, const struct msg_fence *ask);
/* hubd is told when it is as it asked. At the end of each turn. */
void store_run_fence(struct store *s);

/* --- store_retire.c: an order to retire ------------------------------------------------------ */

/* What is on the disk of it. Once, at the start. */
void store_retire_open(struct store *s);
/* At level 4, until the clinic has been told of the last number, what was given up waits like a reading. */
bool store_retire_waits(struct store *s);
/* Nothing is taken any more: level 4, or a factory reset that was ordered at the hub and is not refused. */
bool store_ends(const struct store *s);
/* All that is unsent up to this number is on a stick; 0: it is not known any more. */
void store_retire_on_stick(struct store *s, uint64_t up_to);
/* In each turn, after what came was committed. */
void store_run_retire(struct store *s, struct mono now);
struct mono store_retire_deadline(const struct store *s);

/* --- store_days.c: the day's account --------------------------------------------------------- */

void store_run_days(struct store *s, struct mono now);
struct mono store_day_deadline(const struct store *s, struct mono now);

/* --- store_evidence.c: what hub-measure found -------------------------------------------------- */

void store_on_evidence(struct store *s, const struct msg_evidence *m);
void store_on_measure_link(struct store *s, bool up);
void store_run_evidence(struct store *s, struct mono now);
struct mono store_evidence_deadline(const struct store *s);

/* --- store_own.c: the hub's own accounts, as records among the others -------------------------- */

/* Can a record be made now that is nobody's reading? */
bool store_own_ready(const struct store *s);
/* Seals and commits them, all or none. n: 1..OWN_GROUP_MAX. Returns 0 or as records_insert_own. */
int store_own_insert(struct store *s, enum reading_kind kind, const uint8_t *const *body,
		     const size_t *len, size_t n);

/* --- store_snapshot.c: what a locked hub looked like ------------------------------------------- */

/* The one that is wanted and not known to be there; 0: none. */
uint64_t store_snapshot_wanted(const struct store *s);
void store_on_snapshot(struct store *s, const struct msg_snapshot *m);
/* Whoever sent it is gone: what is not whole is begun anew. */
void store_snapshot_drop(struct store *s);
void store_run_snapshot(struct store *s, struct mono now);
struct mono store_snapshot_deadline(const struct store *s);
/* The newest files of the audit log become records now, unless they are about to anyway, or no record can be made. */
void store_snapshot_ask(struct store *s);
/* Is something of it on its way, and not stuck? */
bool store_snapshot_is_busy(const struct store *s, struct mono now);

/* --- store_console.c: what was done at the console ----------------------------------------------- */

void store_on_account(struct store *s, const struct msg_account *m);
/* hubd is gone: it tells again what it was not told to be durable. */
void store_account_drop(struct store *s);
void store_run_account(struct store *s, struct mono now);
struct mono store_account_deadline(const struct store *s);

/* --- store_export.c: records for a USB stick ----------------------------------------------------- */

void store_on_export(struct store *s, const struct msg_export *m, struct mono now);
/* What is on its way is forgotten; nobody hears of it. */
void store_export_drop(struct store *s);
void store_run_export(struct store *s, struct mono now);
struct mono store_export_deadline(const struct store *s);

/* --- store_status.c: how the hub is, for the clinic --------------------------------------------- */

/* Offers the status to the next batch: one that is a heartbeat, or any if it has changed. Before each handover_make. */
void store_status_offer(struct store *s, struct mono now);

/* --- store_room.c: lack of space ------------------------------------------------------------ */

/*
 * After an -ENOSPC: gives up records, if the file has no room and may_evict; else makes
 * room on the disk. Returns 0 (try again), -ENOSPC (nothing can go) or what queue_evict says. Calling it again
 * and again comes to an end.
 */
int store_make_room(struct store *s, bool may_evict, struct mono now);
/* How far the queue may grow, the reserve, and log lines that are due. Before readings are committed. */
void store_tend_room(struct store *s, struct mono now);
struct mono store_room_deadline(const struct store *s);

/* --- store_resync.c: a clinic that has less than it had --------------------------------------- */

/*
 * Before what the reply names is taken over: if it asks for numbers again, they are made unsent; if it has less than
 * the hub recorded and does not say so, that is told. acked: as the batch said that is answered.
 */
void store_on_older_clinic(struct store *s, const struct reply *r, uint64_t acked,
			   struct mono now);

/* --- store_audit.c: the audit log. None of these fails, none is in a reading's way -------------- */

/* The time of this turn, for all that follow: first thing in every entry of store.h. */
void store_audit_clock(struct store *s, struct mono now);
/* What keys_open found; told when the log is open. */
void store_audit_keys(struct store *s, const struct keys_notes *n);
/* Opens the log if it can be. */
void store_audit_open(struct store *s);
/* A configuration, before it is taken over: a change of level and the closing of state.db are durable on return. */
void store_audit_config(struct store *s, const struct msg_store_config *next);
/* state.db is about to be used. */
void store_audit_state_opened(struct store *s);
/* The queue has taken over what the clinic says. */
void store_audit_reply(struct store *s, const struct reply *r,
		       const struct queue_ack *ack);
/* Records were given up. */
void store_audit_evicted(struct store *s, const struct queue_evicted *ev);
/* what: a word of ours, printable; durable on return. */
void store_audit_fault(struct store *s, const char *what, int err);
/* Numbers that will never come as records, and why. */
void store_audit_lost(struct store *s, const char *why, uint64_t first, uint64_t last);
void store_audit_no_space(struct store *s);
/* Evidence of hub-measure is durable; findings: confirmed ones in the hub's processes. */
void store_audit_evidence(struct store *s, uint64_t counter, unsigned findings);
/* How many files the log has, 0: it is not open. */
size_t store_audit_files(const struct store *s);
/* The n-th of them in dense form (audit_export). *ret is the caller's, NULL if there is none. Returns its length or -errno. */
int store_audit_file(const struct store *s, size_t n, uint8_t **ret);
/* What people did at the console, as hubd says it. */
void store_audit_people(struct store *s, const struct audit_event *e);
/* The spool is in use from now on, or no longer; count: readings in it. */
void store_audit_spool(struct store *s, bool begins, uint64_t count);
/* A segment of the queue was set aside. */
void store_audit_aside(struct store *s, uint32_t segment, int err);
/* A key is made (erased false) or about to be erased. */
void store_audit_key(struct store *s, bool erased, enum slot_purpose purpose,
		     uint32_t segment);
/* Whatever is due, and the checkpoint for the next batch. After the commit, before the hand-over. */
void store_audit_run(struct store *s);
struct mono store_audit_deadline(const struct store *s);
/* The end of a clean life. */
void store_audit_close(struct store *s);
