#pragma once

/*
 * store_inside.h - what store.c, store_open.c, store_room.c and store_tell.c share and nobody else sees.
 */
#include "storage/handover.h"
#include "storage/intake.h"
#include "storage/keys.h"
#include "storage/queue.h"
#include "storage/state.h"
#include "storage/store.h"

enum {
	DIR_BYTES = 1024,
	RETRY_MS = 2000,
	HUBD_WAIT_MS = 5000,
	LEVEL_UNKNOWN = 2, /* a process alone behaves as at level 2 */
	LEVEL_RETIRED = 4,
	REPORTS_MAX = 8,
};

/* An incident that hubd does not know yet. */
struct report {
	enum incident what;
	uint16_t subject;
	uint32_t count;
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

/* Secret memory: readings in clear, signing key, engine share. */
struct store {
	struct store_host host;
	char dir[DIR_BYTES];
	struct keys *keys;
	struct queue *queue;
	struct state *state;
	struct intake intake;
	struct handover handover;
	bool can_sign;
	bool foreign; /* the queue belongs to another enrolment than the configuration */
	bool full;
	bool state_broken; /* stays closed until the next configuration */
	bool failed;
	bool told; /* 'blocked' was sent at least once */
	enum store_blocked blocked;
	struct mono retry_at, hand_over_from;
	bool has_config;
	struct msg_store_config config;
	uint64_t ble_instance; /* of the hub-ble at the other end, 0: not known */
	bool saved, delivered; /* since the counts were told */
	struct room room;
	struct report reports[REPORTS_MAX];
	size_t report_count;
	const char *problem; /* the last one that was logged */
};

/* --- store_tell.c: what others hear ------------------------------------------------------- */

/* Returns as the send of struct store_host. */
int store_send(struct store *s, enum role to, const struct msg *m);
void store_send_status(struct store *s, enum status_what what, uint64_t a, uint64_t b);
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

/* --- store_open.c: keys, queue and state.db ------------------------------------------------ */

/* Opens what is not open and may be tried now. */
void store_open_all(struct store *s, struct mono now);
void store_close_queue(struct store *s);
void store_close_state(struct store *s);
/* For struct intake_handlers: state.db is closed at the end of the turn. */
void store_on_state_failed(void *arg, int err);
/* The configuration and the queue must be of the same enrolment. */
void store_check_owner(struct store *s);
/* The engine share is withheld: state.db and every trace of it leave memory. */
void store_lock(struct store *s, struct mono now);

/* --- store_room.c: lack of space ------------------------------------------------------------ */

/*
 * After an -ENOSPC: gives up the oldest records, if the file has no room and may_evict; else makes
 * room on the disk. Returns 0 (try again), -ENOSPC (nothing can go) or what queue_evict says. Calling it again
 * and again comes to an end.
 */
int store_make_room(struct store *s, bool may_evict, struct mono now);
/* How far the queue may grow, the reserve, and log lines that are due. Before readings are committed. */
void store_tend_room(struct store *s, struct mono now);
struct mono store_room_deadline(const struct store *s);
