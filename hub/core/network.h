#pragma once

/*
 * network.h - how the hub's cable is set up, and the signed template that sets it: what a technician pastes after 'net set'.
 *
 * Closed values: an IPv4 address, a length, a gateway and up to two name servers, as bytes; or DHCP, which is what the image
 * does by itself. No text comes from outside. Wi-Fi and mobile networks have no field: the image has neither.
 *
 * Pure. A template is signed with the clinic's key for configurations (hub/network_open.h). Byte tables: docs/MESSAGES.md,
 * 'Network template'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cose.h"
#include "hub/core/envelope.h"
#include "hub/core/paste.h"

enum {
	NETWORK_VERSION = 1,
	NETWORK_ADDR_LEN = 4,
	NETWORK_NAMES_MAX = 2,
	NETWORK_PREFIX_MIN = 8,
	NETWORK_PREFIX_MAX = 30, /* 31 and 32 have no room for a gateway */
	/* powered on, until the clinic must have answered */
	NETWORK_CONFIRM_S = 600,
	NETWORK_CONFIRM_MIN_S = 60,
	NETWORK_CONFIRM_MAX_S = 3600,
	NETWORK_PAYLOAD_MAX = 96,
	NETWORK_BYTES_MAX = NETWORK_PAYLOAD_MAX + COSE_OVERHEAD_MAX,
	NETWORK_TEXT_MAX = PASTE_TEXT_MAX(NETWORK_BYTES_MAX),
	NETWORK_SETTING_MAX = 48,
};

#define NETWORK_PREFIX_TEXT "HN1:"

/* The numbers are on the wire, on the disk and in the console's words. */
enum network_kind {
	NETWORK_DHCP = 0, /* as the image comes; the rest is zero */
	NETWORK_STATIC = 1,
	NETWORK_KIND_LAST = NETWORK_STATIC,
};

/* What became of the last one that was set. */
enum network_trial {
	NETWORK_NO_TRIAL = 0,
	NETWORK_ON_TRIAL = 1,
	NETWORK_KEPT = 2,
	NETWORK_WENT_BACK = 3,
	NETWORK_TRIAL_LAST = NETWORK_WENT_BACK,
};

struct network_setting {
	enum network_kind kind;
	uint8_t address[NETWORK_ADDR_LEN];
	uint8_t prefix;			   /* NETWORK_PREFIX_MIN..NETWORK_PREFIX_MAX */
	uint8_t gateway[NETWORK_ADDR_LEN]; /* in the same network, another one */
	size_t name_count;		   /* 0..NETWORK_NAMES_MAX */
	uint8_t names[NETWORK_NAMES_MAX][NETWORK_ADDR_LEN];
};

struct network_template {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;	 /* of the enrolment */
	uint64_t number; /* grows from template to template of an enrolment */
	uint32_t confirm_s;
	struct network_setting setting;
};

/*
 * network_setting_good - can a host live with it? Unicast addresses, of a network that has room for both.
 */
bool network_setting_good(const struct network_setting *s);
bool network_setting_same(const struct network_setting *a,
			  const struct network_setting *b);

/* network_setting_encode - Returns the length, or -ERANGE, -ENOSPC. */
int network_setting_encode(const struct network_setting *s, uint8_t *buf, size_t cap);
/* network_setting_decode - Returns 0, -EBADMSG, -EMSGSIZE or -ERANGE. */
int network_setting_decode(const uint8_t *buf, size_t len, struct network_setting *ret);

struct cb;
/* network_put_setting, network_get_setting - as part of something else; what is wrong sticks to w or c. */
void network_put_setting(struct writer *w, const struct network_setting *s);
void network_get_setting(struct cb *c, struct network_setting *ret);

/* network_template_encode - the payload. Returns the length, or -ERANGE, -ENOSPC. */
int network_template_encode(const struct network_template *t, uint8_t *buf, size_t cap);
/* network_template_decode - Returns 0, -EBADMSG, -EMSGSIZE, -ERANGE or -ENOTSUP (version). */
int network_template_decode(const uint8_t *buf, size_t len, struct network_template *ret);

/* network_text, network_parse - what is pasted, HN1: to the full stop; as paste_text and paste_parse. */
int network_text(const uint8_t *buf, size_t len, char ret[static NETWORK_TEXT_MAX]);
int network_parse(const char *text, size_t len, uint8_t ret[static NETWORK_BYTES_MAX]);
