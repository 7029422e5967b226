#pragma once

/*
 * hubd_inside.h - what main.c and hubd_*.c share and nobody else sees.
 *
 * Invariant: a link's again_ flag stands until its part of the config has gone whole; save_again in main.c looks.
 */
#include <stdbool.h>

#include "hub/core/msg.h"
#include "hub/board.h"
#include "hub/fence.h"
#include "hub/health.h"
#include "hub/hubd_console.h"
#include "hub/indicator.h"
#include "hub/look.h"
#include "hub/network_trial.h"
#include "hub/offer.h"
#include "hub/orders.h"
#include "hub/peripherals.h"
#include "hub/plan.h"
#include "hub/repeat.h"
#include "hub/rt/ipc.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/settings.h"
#include "hub/timefloor.h"
#include "hub/trusted.h"
#include "hub/window.h"

struct hubd {
	struct options options;
	struct rt *rt;
	struct rt_timer *config_timer, *light_timer, *window_timer, *health_timer,
		*orders_timer, *plan_timer;
	struct ipc *ble, *store, *coap, *measure;
	struct settings settings;
	struct offer offer;
	struct fence fence;
	enum fence_step fence_said; /* of the log */
	bool used;		    /* a config was in force as a whole since the start */
	bool fence_unsaved;	    /* the last attempt failed */
	bool again_ble, again_store, again_coap; /* their config did not go */
	bool again_identity;			 /* nor did this, to hub-coap */
	bool has_identity_share;
	uint8_t identity_share[IDENTITY_SHARE_LEN];
	int config_error;		 /* last one said, so that it is said once */
	struct orders orders;		 /* the level of the lockdown is there */
	enum command_retire told_retire; /* to hub-store and hub-coap */
	struct mono test_until;
	bool ends; /* the machine is to start anew */
	struct peripherals peripherals;
	struct window window;
	struct window_served served; /* what the file 'window' shall say */
	bool served_unsaved;
	struct indicator indicator;
	struct plan plan;
	struct repeat repeat;
	size_t repeat_count;  /* as told in the log */
	size_t overdue_count; /* the same */
	uint16_t overdue[CONFIG_DEVICES_MAX];
	struct health health;
	struct look look;
	struct mono restart_from[ROLE_LAST + 1]; /* not before */
	struct hubd_light {
		struct board board;
		enum indicator_light shown, lasting; /* lasting: as in the file 'light' */
		struct pattern pattern;		     /* of what is shown */
		struct mono since;
		char words[INDICATOR_WORDS_MAX]; /* on the display */
		size_t notes;			 /* that are still to be heard */
		const struct note *note;
		struct mono note_ends;
	} light;
	bool has_time;
	struct msg_time time;
	struct timefloor floor;
	bool floor_unsaved; /* the last attempt failed */
	struct trusted trusted;
	struct hubd_console console;
	struct network network;
	struct rt_timer *network_timer;
	bool network_unsaved;		/* the last attempt failed */
	struct msg_enrolment enrolment; /* as hub-coap last said */
	bool has_first;
	struct config first; /* what holds until there is a config, see trusted_config */
};

/* --- hubd_parts.c ----------------------------------------------------------------------------- */

/* Returns false if it did not go; nobody there: it is told when it comes. */
bool hubd_send(struct ipc *link, const struct msg *m);

/* The clinic's time, once it is known. */
void hubd_send_time(struct hubd *h, struct ipc *link);

/* How late it is at least: from the disk, for hub-coap, by what the clinic has signed, to the disk when it is due. */
void hubd_open_floor(struct hubd *h);
void hubd_send_floor(struct hubd *h);
void hubd_prove_floor(struct hubd *h);
void hubd_save_floor(struct hubd *h);

/*
 * Is the config in use of an earlier enrolment than the one that hub-coap is in? Then nothing of that one was taken yet:
 * whatever the clinic has for it is newer.
 */
bool hubd_is_outlived(const struct hubd *h);

/* The part of whoever is at that link; not while the hand-over holds it back. */
void hubd_send_config(struct hubd *h, struct ipc *link);

/* The way back: hub-coap keeps those endpoints until one of the config in use has proven itself. */
void hubd_send_proven(struct hubd *h);

/* --- hubd_identity.c -------------------------------------------------------------------------- */

/* The share that opens hub-coap's credential, made if there is none. */
void hubd_open_identity(struct hubd *h);
/* Which identity hub-coap may use. When it comes, with each level, and after a release from level 3. */
void hubd_send_identity(struct hubd *h);

/* --- hubd_show.c ------------------------------------------------------------------------------ */

/* What hub-store is to pass on to the clinic. Its socket full: again in a while. */
void hubd_tell_health(struct hubd *h);
/* After each event that the plan may have heard of, and now and then. */
void hubd_look_at_plan(struct hubd *h);

/* --- hubd_light.c ----------------------------------------------------------------------------- */

void hubd_open_light(struct hubd *h);
void hubd_close_light(struct hubd *h);
/* After each event that the indicator may have heard of, and when its timer is due. */
void hubd_show_light(struct hubd *h);

/* --- hubd_config.c ---------------------------------------------------------------------------- */

void hubd_open_window(struct hubd *h);
void hubd_save_served(struct hubd *h);
/* After each event that the window may have heard of. */
void hubd_drain_window(struct hubd *h);

void hubd_open_fence(struct hubd *h);
/* After each event that the hand-over may have heard of. */
void hubd_drain_fence(struct hubd *h);

/* The loaded config is the one in use from now on. */
void hubd_use_config(struct hubd *h);
/* Has a person put another one on the disk? */
void hubd_look_at_config(struct hubd *h);
/* A piece of one that the clinic offers. */
void hubd_on_offer(struct hubd *h, const struct msg_offer *piece);

/* --- hubd_orders.c ---------------------------------------------------------------------------- */

void hubd_open_orders(struct hubd *h);
/* Tells hub-ble for how long its readings are tests, if they are. */
void hubd_send_test(struct hubd *h);
/* Carries out what there is to do, and asks to be called again when there is more; arg: struct hubd. */
void hubd_on_orders_timer(void *arg);
void hubd_arm_orders(struct hubd *h);
/* Somebody reports one. */
void hubd_on_incident(struct hubd *h, enum role by, const struct msg_incident *i);
/* A process sent what it must not. */
void hubd_on_breach(struct hubd *h, enum role by);
/* What a status says to go well ends what had gone wrong. */
void hubd_on_good(struct hubd *h, const struct msg_status *s);
/* Has the hub measured, if that is due now. */
void hubd_look(struct hubd *h);
/* Whether there is an order to retire or to reset, to hub-store and hub-coap, if that has changed. */
void hubd_tell_retire(struct hubd *h);
/* hub-store has asked for no reset: so many are unsent. */
void hubd_on_reset_refused(struct hubd *h, uint64_t unsent);
/* hub-store has asked for the reset: at level 4, or when two people at the hub have ordered one, the machine starts anew, and is reset
 * before any of us runs. */
void hubd_on_retired(struct hubd *h);

/* --- hubd_enrol.c ----------------------------------------------------------------------------- */

void hubd_open_trusted(struct hubd *h);
/* The clinic's root, as the config in use has it, to hub-coap. */
void hubd_send_root(struct hubd *h);
/* Whether there is an order to retire, to hub-coap. */
void hubd_send_leaving(struct hubd *h);
/* By which one hub-coap knows the clinic: that of the config, alone? */
void hubd_on_anchor(struct hubd *h, const struct msg_status *s);
void hubd_on_enrolment(struct hubd *h, const struct msg_enrolment *e);

/* --- hubd_network.c --------------------------------------------------------------------------- */

/* What is set; hubd_start_network follows when the sandbox is entered. */
void hubd_open_network(struct hubd *h);
void hubd_start_network(struct hubd *h);
void hubd_end_network(struct hubd *h);
/* What could not be written is tried again. */
void hubd_network_again(struct hubd *h);
/* hub-coap is there anew. */
void hubd_network_on_coap(struct hubd *h);
/* The clinic has acknowledged something. */
void hubd_network_on_acknowledged(struct hubd *h);
/* A template that was pasted. Returns CONSOLE_WHY_NONE, it is on trial then; or why not. */
enum console_why hubd_set_network(struct hubd *h, const uint8_t *buf, size_t len);

/* --- hubd_console.c: the technician's serial line ----------------------------------------------- */

/* Its socket and the button; hubd_start_console follows when the sandbox is entered. */
void hubd_open_console(struct hubd *h);
void hubd_start_console(struct hubd *h);
void hubd_end_console(struct hubd *h);
/* hub-store is there: it hears what people did. */
void hubd_console_on_store(struct hubd *h);
void hubd_console_on_status(struct hubd *h, const struct msg_status *s);
/* hub-store is gone, and says how an export goes. */
void hubd_console_off_store(struct hubd *h);
void hubd_on_exported(struct hubd *h, const struct msg_exported *m);
/* hub-store has that account of a session durably. */
void hubd_on_account_taken(struct hubd *h, uint64_t number);
/* The level has changed. */
void hubd_console_on_level(struct hubd *h);
/* What hub-store says to a factory reset: so many are unsent; 0: it is asked for. */
void hubd_console_on_reset(struct hubd *h, uint64_t unsent);
/* The bond of a device is gone; or hub-ble is, before it was. */
void hubd_console_on_unpaired(struct hubd *h, uint64_t num);
void hubd_console_on_ble_down(struct hubd *h);
/* The network's trial is over. */
void hubd_console_on_network(struct hubd *h);
/* The machine starts anew. */
void hubd_reboot(struct hubd *h);
/* Readings of this time are tests; the light says which hub it is. */
void hubd_begin_test(struct hubd *h, uint32_t ms);
