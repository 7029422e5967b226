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

#include "hub/core/envelope.h"
#include "hub/core/reading.h"

enum {
	CONFIG_VERSION = 1,
	CONFIG_BYTES_MAX = 32768,
	CONFIG_DEVICES_MAX = 16,
	CONFIG_ENDPOINTS_MAX = 4,
	CONFIG_PINS_MAX = 2,
	CONFIG_NAME_MAX = 253, /* DNS name */
	CONFIG_HEARTBEAT_MIN_S = 10,
	CONFIG_HEARTBEAT_MAX_S = 86400,
	PIN_LEN = 32,	      /* SHA-256 of a SubjectPublicKeyInfo */
	SEAL_PUBLIC_LEN = 32, /* X25519 */
};

#define CONFIG_NO_PASSKEY UINT32_MAX

enum dtls_profile {
	DTLS_PROFILE_NONE = 0,
	DTLS_PROFILE_13_CID = 1,
	DTLS_PROFILE_12_CID = 2,
};

struct config_device {
	uint16_t num; /* local number, 1 and up, unique */
	enum reading_kind kind;
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	uint32_t passkey; /* 0..999999, or CONFIG_NO_PASSKEY */
	bool has_user;	  /* patient is user 'user' of a device with several */
	uint8_t user;
	bool sole_user; /* nobody else uses it */
};

struct config_endpoint {
	char name[CONFIG_NAME_MAX + 1]; /* the DNS SAN the server must show */
	uint8_t addr[16];		/* IPv6, or IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
	enum dtls_profile profile;
	size_t pin_count; /* 1..CONFIG_PINS_MAX */
	uint8_t pins[CONFIG_PINS_MAX][PIN_LEN];
};

struct config {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t version;	/* grows with each config of an epoch */
	uint32_t assignment;	/* assignment epoch; 0: no patient */
	int16_t utc_offset_min; /* local time of the home, -720..840 */
	uint16_t heartbeat_s;
	uint8_t seal_key_id;
	uint8_t seal_public[SEAL_PUBLIC_LEN];
	size_t device_count;
	struct config_device devices[CONFIG_DEVICES_MAX];
	/* 1..CONFIG_ENDPOINTS_MAX, in order of preference */
	size_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
};

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
