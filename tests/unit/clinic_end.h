#pragma once

/*
 * clinic_end.h - a clinic for tests of the hub's end: a real store and ingest in a folder, and its verifier. Apart from
 * the tests, because both ends have a 'struct store'.
 */
#include <stdbool.h>

#include "clinic/audit_verify.h"
#include "hub/core/batch.h"
#include "hub/core/config.h"
#include "hub/crypto/crypto.h"

/* What the clinic knows of a hub that it has enrolled. */
struct enrolled {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint8_t key0[KEY_LEN];
	uint8_t sign_private[P256_PRIVATE_LEN], sign_public[P256_PUBLIC_LEN];
	uint8_t spki[PIN_LEN];
};

/* clinic_enrol - keys at random. */
void clinic_enrol(struct enrolled *ret);

void clinic_start(void); /* in a new folder */
void clinic_add(const struct enrolled *h);
void clinic_stop(void);

/* clinic_upload - one batch. Returns the reply; fails the test if it is refused. */
struct reply clinic_upload(const struct enrolled *h, const uint8_t *bytes, size_t len);
/* What became of the last checkpoint, as enum witness. */
int clinic_said(void);
/* How many records of the hub's log are witnessed; of the last upload that carried a checkpoint its length. */
uint64_t clinic_witnessed(const struct enrolled *h);

/* A log as the verifier took it. */
struct clinic_log {
	struct audit_verdict verdict;
	unsigned count[128]; /* by enum audit_kind */
	struct audit_event last[128];
	uint64_t number[128]; /* of the last of a kind */
};
/* clinic_verify - the log in this folder, against what the clinic has stored. */
void clinic_verify(const struct enrolled *h, const char *folder, struct clinic_log *ret);
