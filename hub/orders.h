#pragma once

/*
 * orders.h - the shell around the lockdown machine: orders are opened, the level is kept on the disk, the rest of hubd is
 * told what to do.
 *
 *   hub-coap --order--> command_open -> lockdown -> two copies on the disk -> the hooks
 *   each --incident--> triggers -> file 'triggers' -> lockdown
 */
#include "hub/core/msg.h"
#include "hub/health.h"
#include "hub/lockdown.h"
#include "hub/settings.h"
#include "hub/timefloor.h"
#include "hub/triggers.h"

/* Called from within orders_...; they must not call those. */
struct orders_hooks {
	void (*level)(void *arg,
		      uint8_t level);	      /* hand out the parts that belong to it */
	void (*test)(void *arg, uint32_t ms); /* readings of this time are tests */
	void (*reboot)(void *arg);
	void (*tell)(void *arg, const struct msg_command_result *r);
	/* what the hub notices against itself calls for something else than before */
	void (*effect)(void *arg);
};

/* Fields are private. */
struct orders {
	const char *dir;
	const struct settings *settings;
	const struct timefloor *floor;
	const struct orders_hooks *hooks;
	void *arg;
	struct lockdown lockdown;
	struct triggers triggers;
	bool handed; /* the parts of that level */
	uint8_t handed_level;
	uint8_t noticed;  /* level that the triggers called for last, as told */
	bool untriggered; /* the file 'triggers' could not be written last time */
	struct msg_command_result
		told; /* the last result, of one that was refused, too */
	bool unsaved; /* the last attempt failed */
};

/*
 * orders_open - what is on the disk. All pointers are borrowed for life.
 *
 * lockdown_file_provision comes before. No valid copy of a hub that had one means that it is locked.
 */
void orders_open(struct orders *o, const char *dir, const struct settings *settings,
		 const struct timefloor *floor, const struct orders_hooks *hooks,
		 void *arg);

/* A config is in use. */
void orders_on_config(struct orders *o, const struct config *c);
/* An order, as hub-coap has it from the clinic. */
void orders_on_command(struct orders *o, const struct msg_command *m);
/* As triggers_on_signal and triggers_on_good. */
void orders_on_signal(struct orders *o, enum trigger id, uint16_t peer, enum role by,
		      uint32_t count);
void orders_on_good(struct orders *o, enum trigger id, uint16_t peer);
/* This process ends in order. */
void orders_on_stop(struct orders *o);
/* The clinic's clock was heard. */
void orders_on_time(struct orders *o);
/* What could not be written is tried again. */
void orders_again(struct orders *o);
/* Carries out what there is to do; also at orders_deadline. */
void orders_drain(struct orders *o);
struct mono orders_deadline(const struct orders *o);

/* The level in force: what is durable, or GUARDED for as long as something calls for that. */
uint8_t orders_level(const struct orders *o);
/* As lockdown_how. */
enum command_retire orders_retire(const struct orders *o);
/* What the clinic is to hear of it. */
void orders_tell_health(const struct orders *o, struct health *h);
