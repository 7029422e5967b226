#pragma once

/*
 * hubd_console.h - hubd's side of the console: who is there, what he asks, what he is told.
 *
 *   hub-console --CONSOLE_ASK--> console_session.h: may he? -> hubd_console_verbs.c: done -> CONSOLE_ANSWER, AUDIT
 *
 * Included by hubd_inside.h only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/accounts.h"
#include "hub/console_session.h"
#include "hub/core/msg.h"
#include "hub/token_open.h"

struct hubd;

enum { CONSOLE_AUDITS_MAX = 16, CONSOLE_SALT_LEN = 16 };

/* Records on their way to a stick. Fields are private to hubd_export.c. */
struct hubd_export {
	bool runs;
	uint32_t ask; /* of hub-console, that is to be answered */
	uint32_t id;  /* as hub-store has it */
	enum export_what what;
	uint32_t person;
	struct mono ends;
};

/* Fields are private to hubd_console*.c. */
struct hubd_console {
	struct ipc *link;
	struct rt_timer *timer;
	struct console_session session;
	int button_fd; /* -1: the board has none */
	struct rt_fd *button;
	/* a verb that waits for the button */
	struct msg_console_ask waiting;
	struct mono asked;		/* the line that is being answered */
	uint8_t salt[CONSOLE_SALT_LEN]; /* of the hashes of this session */
	/* the last verb's answer comes when another process has done it: until then at most */
	bool later;
	struct msg_console_ask later_ask;
	struct mono later_until;
	uint16_t unpairing; /* number of the device whose bond hub-ble removes; 0: none */
	bool reboots;	    /* once the answer is out */
	struct mono reboot_at;
	/* what others told last */
	bool store_told, uplink_told, connected, unsent_told;
	enum store_blocked blocked;
	uint64_t handshakes, unsent, highest, contig;
	bool on_stick; /* a queue was exported, and hub-store lives since */
	struct mono unsent_since;
	/* what hub-store has not heard of */
	struct audit_event audits[CONSOLE_AUDITS_MAX];
	size_t audit_count;
	uint32_t audits_lost;
	/* what the clinic has not heard of */
	struct accounts accounts;
	uint64_t account_sent; /* number of the one that hub-store was told, 0: none */
	struct hubd_export export;
};

/* An answer that is being written: as many messages as it takes. */
struct console_page {
	struct hubd *h;
	struct msg m;
	uint8_t row;
	uint64_t number; /* argument of the verb, as hub-console says it (typed.h) */
	bool later;	 /* it is begun: console_done follows, and the answer then */
	bool goes_on;	 /* hub-store writes to a stick: its answer ends when it has */
	const struct msg_console_ask *asked; /* what is being done; NULL: nobody asked */
};

/* page_row - what follows stands on a line of its own. page_add - one value. */
void page_row(struct console_page *p);
void page_add(struct console_page *p, enum console_label label, enum console_type type,
	      uint64_t value);
void page_word(struct console_page *p, enum console_label label, enum console_word word);

/* page_network - how the network is set, and what became of it. */
void page_network(struct console_page *p);

/* console_ended - the session is closed: nothing of it stays, and the audit log hears why. */
void console_ended(struct hubd *h, enum console_end e);

/*
 * console_done - what was begun by this verb is done, or why not: the answer. Nothing if nobody waits for it.
 */
void console_done(struct hubd *h, enum verb v, enum console_why why);
/* console_reboot - the machine starts anew when the answer is out. */
void console_reboot(struct hubd *h);

/* --- hubd_account.c: what the clinic hears of it ---------------------------------------------- */

/* What is on the disk of it. */
void console_open_accounts(struct hubd *h);
void console_account_login(struct hubd *h, const struct session_grant *g);
/* The line that was typed last, or what it has begun: an enum console_why, or CONSOLE_ACCOUNT_BEGUN. */
void console_account_verb(struct hubd *h, uint8_t verb, uint8_t result);
void console_account_end(struct hubd *h, enum console_end end);
/* So many more tokens were wrong. */
void console_account_wrong(struct hubd *h, uint32_t count);
void console_account_on_time(struct hubd *h, struct mono now);
/* hub-store is there. */
void console_account_on_store(struct hubd *h);

/* --- hubd_console_change.c: pair, unpair, factory-reset, retire ------------------------------ */

enum console_why console_pair(struct hubd *h, struct console_page *p);
enum console_why console_unpair(struct hubd *h, struct console_page *p);
enum console_why console_factory_reset(struct hubd *h, struct console_page *p);
enum console_why console_retire(struct hubd *h, struct console_page *p);
/* console_on_late - a verb's answer did not come: what it began is not gone on with. */
void console_on_late(struct hubd *h, enum verb v);
/* For answers that end later: begin; what there is so far, and more follows; the end. */
struct console_page console_page_begin(struct hubd *h, uint32_t ask);
void console_page_more(struct console_page *p);
void console_page_end(struct console_page *p, enum console_why why);
/* For the audit log: who took how many records along, or why not. */
void console_audit_export(struct hubd *h, uint64_t records, enum console_why why);

/* --- hubd_export.c: records to a stick ----------------------------------------------------- */

/* At the start: no port is open. */
void console_open_export(struct hubd *h);
/* Begins it; p->goes_on. Returns CONSOLE_WHY_NONE, BUSY or FAILED. */
enum console_why console_export(struct hubd *h, struct console_page *p,
				enum export_what what);
/* What takes too long is given up. */
void console_export_on_time(struct hubd *h, struct mono now);
/* Is somebody here who may plug a stick in? */
bool console_expects_stick(const struct hubd *h);

/* --- hubd_console_verbs.c: what verbs do -------------------------------------------------- */

/* console_why_of - of a token: it was no good, or what it allows could not be done. */
enum console_why console_why_of(enum token_result r);
/* console_has_no_use - of a verb that may be done: there is nothing for it here. A release, when level 1 ends by itself. */
bool console_has_no_use(const struct hubd *h, enum verb v);
/* console_device_hash - the same device has the same eight digits as long as the session lasts, and other ones in the next. */
uint32_t console_device_hash(struct hubd *h, uint16_t num);
/* console_offered - verbs that are built: a set of VERB_BIT. */
uint32_t console_offered(void);
/*
 * console_login - a token, or a code that was read out: a session is open, or why not; wait_s of the answer, if none is looked at
 * now.
 */
enum console_why console_login(struct hubd *h, const struct msg_console_ask *a,
			       struct console_page *p);
/*
 * console_do - a verb that may be done. Values go to the page.
 *
 * Returns CONSOLE_WHY_NONE or why it could not be done.
 */
enum console_why console_do(struct hubd *h, const struct msg_console_ask *a,
			    struct console_page *p);
