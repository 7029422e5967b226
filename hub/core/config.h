#pragma once

/*
 * config.h - the signed configuration of one hub: who it is, whom it serves, whom it talks to.
 *
 * clinicctl writes and signs it, hubd verifies, checks and hands each process its part. Byte table:
 * docs/MESSAGES.md, 'Config'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cbor.h"
#include "hub/core/envelope.h"
#include "hub/core/limits.h"
#include "hub/core/reading.h"
#include "hub/core/signer.h"

enum {
	CONFIG_VERSION = 1,
	CONFIG_BYTES_MAX = 32768,
	CONFIG_DEVICES_MAX = 16,
	CONFIG_ENDPOINTS_MAX = 4,
	CONFIG_PINS_MAX = 2,
	CONFIG_NAME_MAX = 253, /* DNS name */
	CONFIG_WEIGHT_MAX = 100,
	CONFIG_HEARTBEAT_MIN_S = 10,
	CONFIG_HEARTBEAT_MAX_S = 86400,
	PIN_LEN = 32,	      /* SHA-256 of a SubjectPublicKeyInfo */
	SEAL_PUBLIC_LEN = 32, /* X25519 */
	CONFIG_SERIAL_MAX = 32,
	CONFIG_CONSENT_MAX = 9999,
	CONFIG_WINDOW_MIN_MAX = 120,
	CONFIG_PLAN_TIMES_MAX = 8,
	CONFIG_PLAN_HOURS_MAX = 31 * 24,
	CONFIG_QUIET_MAX = 4,
	CONFIG_DAY_MIN = 24 * 60,
	CONFIG_TRUST_MAX = 4176,   /* of the file clinic.trust; trust.h has the same */
	CONFIG_CROSS_MAX = 1024,   /* of a certificate, DER */
	CONFIG_RISK_IMAGE_LEN = 8, /* of the SHA-256 of the image's list of files */
	CONFIG_RISK_WORST_MAX = 8,
	CONFIG_FIELDS = 21, /* keys of the document */
};

#define CONFIG_NO_PASSKEY UINT32_MAX
#define CONFIG_CHANGE_MAX_S 253402300799 /* end of the year 9999 */

enum dtls_profile {
	DTLS_PROFILE_NONE = 0,
	DTLS_PROFILE_13_CID = 1,
	DTLS_PROFILE_12_CID = 2,
};

/* What kind of device it is, is said by its main measurement: READING_BLOOD_PRESSURE, _WEIGHT (scales, with or
 * without body composition), _OXIMETRY, _TEMPERATURE, _GLUCOSE, _HEART_RATE_STREAM, _CGM, _GENERIC. */
struct config_device {
	uint16_t num; /* local number, 1 and up, unique */
	enum reading_kind kind;
	/* false: whichever device of this kind is found in a pairing window; addr is all zero */
	bool has_addr;
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	uint32_t passkey; /* 0..999999, or CONFIG_NO_PASSKEY */
	/* a bond without a passkey is good enough; without it and without a passkey
	 * nothing can be paired */
	bool just_works;
	bool has_user; /* patient is user 'user' of a device with several */
	uint8_t user;
	bool sole_user;	  /* nobody else uses it */
	bool has_consent; /* User Data Service: consent code of that user, 0..9999 */
	uint16_t consent;
	/* take also what the device stored before the hub first met it */
	bool import;
	char serial[CONFIG_SERIAL_MAX + 1]; /* it must say this serial number; "": any */
};

/* An order to open a pairing window; 'id' 0: none. A new id is a new order. */
struct config_window {
	uint32_t id;
	uint16_t
		device; /* num of the only device that may be paired; 0: each that has no bond */
	uint16_t minutes; /* 1..CONFIG_WINDOW_MIN_MAX */
	bool repair;	  /* the device may be bonded already: forget that bond first */
};

struct config_endpoint {
	char name[CONFIG_NAME_MAX + 1]; /* the DNS SAN the server must show */
	/* IPv6, or IPv4 as ::ffff:a.b.c.d; all zero: whatever the name leads to */
	uint8_t addr[16];
	uint16_t port;
	uint8_t weight; /* 2..CONFIG_WEIGHT_MAX, or 0: 1; see hub/endpoints.h */
	enum dtls_profile profile;
	size_t pin_count; /* 1..CONFIG_PINS_MAX */
	uint8_t pins[CONFIG_PINS_MAX][PIN_LEN];
};

/* A key that readings are sealed to. */
struct config_seal {
	uint8_t id;
	uint8_t public[SEAL_PUBLIC_LEN];
};

/* When somebody should measure with a device: every_h hours after the last time, or at times of the day. */
struct config_plan {
	uint16_t device;  /* num */
	uint16_t every_h; /* 1..CONFIG_PLAN_HOURS_MAX; 0: at the times */
	size_t time_count;
	uint16_t times[CONFIG_PLAN_TIMES_MAX]; /* local minutes of the day, ascending */
};

/* Local minutes of the day; nobody is asked for anything from 'from' until before 'to', over midnight if that is less. */
struct config_quiet {
	uint16_t from, to;
};

/*
 * The clinic's root: the one that the hub has, with the rest of clinic.trust; or another one, which the one that it has says
 * to follow it. See hub/crypto/trust_cross.h, coap/anchors.h.
 */
struct config_root {
	size_t trust_len;		 /* 0: nothing is said */
	uint8_t trust[CONFIG_TRUST_MAX]; /* a file clinic.trust, as it is */
	size_t cross_len;		 /* 0: none, then it is the root of before */
	uint8_t cross
		[CONFIG_CROSS_MAX]; /* the root in it, certified by the one before, DER */
	bool only; /* the one before goes; else both are taken for the clinic's */
};

/*
 * What the clinic makes of the hub's evidence: how many known vulnerabilities matter in which way, for the technician at the console.
 * Numbers alone: what is printed there has no texts.
 */
struct config_risk {
	int64_t feed_s; /* of the oldest list of vulnerabilities, UTC, seconds since 1970 */
	uint8_t image[CONFIG_RISK_IMAGE_LEN]; /* of the image it is about */
	uint32_t installed, loaded, exposed;  /* components */
	/* vulnerabilities, as clinic/risk.h has them */
	uint32_t actual, internal, unproven, closed;
	size_t worst_count;
	/* the worst of the actual ones: first octets of the SHA-256 of their names */
	uint32_t worst[CONFIG_RISK_WORST_MAX];
};

struct config {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t version;	/* grows with each config of an epoch */
	uint32_t assignment;	/* assignment epoch; 0: no patient */
	int16_t utc_offset_min; /* local time of the home, -720..840 */
	/* daylight saving: from this instant on the offset is another one */
	bool has_change;
	int64_t change_utc_s;	   /* seconds since 1970 */
	int16_t change_offset_min; /* -720..840 */
	uint16_t heartbeat_s;
	uint8_t seal_key_id;
	uint8_t seal_public[SEAL_PUBLIC_LEN];
	size_t device_count;
	struct config_device devices[CONFIG_DEVICES_MAX];
	/* 1..CONFIG_ENDPOINTS_MAX */
	size_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
	struct config_window window;
	/* announced: the sealing key of a config to come; its id is another than seal_key_id */
	bool has_next_seal;
	struct config_seal next_seal;
	/* whose signature makes a command of this clinic; none: nothing is obeyed */
	size_t signer_count;
	struct signer signers[SIGNERS_MAX];
	size_t plan_count; /* at most one for each device */
	struct config_plan plans[CONFIG_DEVICES_MAX];
	bool no_asking; /* nobody is ever asked to measure */
	size_t quiet_count;
	struct config_quiet quiet[CONFIG_QUIET_MAX];
	/* outside of them somebody is asked to measure again; none: never */
	size_t limit_count;
	struct limit limits[LIMITS_MAX];
	struct config_root root;
	/* the clinic's release authority, X25519: what ends level 3 is sealed to it (hub/escrow.h) */
	bool has_release;
	uint8_t release_public[SEAL_PUBLIC_LEN];
	bool has_risk;
	struct config_risk risk;
};

/* config_has_addr - does it say where it is, or only its name? Pure. */
bool config_has_addr(const struct config_endpoint *e);

/* config_kind_good - is it the main measurement of a kind of device? Pure. */
bool config_kind_good(enum reading_kind k);

/* config_put_endpoint, config_get_endpoint - one of them, also where it is part of something else. ret is all zero
 * before; errors stick in c. Pure. */
void config_put_endpoint(struct writer *w, const struct config_endpoint *e);
void config_get_endpoint(struct cb *c, struct config_endpoint *ret);

/* config_field_key - the key of the field that config_decode named, CONFIG_FIELDS if it is none of one field. Pure. */
unsigned config_field_key(const char *field);

/* config_encode - payload bytes. Returns the length, or -ENOSPC. Pure. */
int config_encode(const struct config *c, uint8_t *buf, size_t cap);

/*
 * config_decode - parse and check as a whole.
 *
 * ret_field   static name of the field that was refused, for the report; written on failure only
 *
 * Returns 0, -EBADMSG, -ERANGE, or -ENOTSUP (format version). Pure.
 */
int config_decode(const uint8_t *buf, size_t len, struct config *ret,
		  const char **ret_field);
