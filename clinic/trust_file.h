#pragma once

/*
 * trust_file.h - a clinic.trust of a clinic's folder: what 'clinicctl trust' and 'clinicctl ticket' share.
 */
#include "clinic/ctl.h"
#include "clinic/endpoint_args.h"
#include "hub/core/trust.h"
#include "hub/crypto/crypto.h"

/* What was said; all zero but dir and expires_s: what the folder says. */
struct trust_args {
	const char *dir;
	const char *clinic; /* its name, for people; NULL: its DNS name */
	struct endpoint_args endpoints, enrol;
	int64_t expires_s; /* UTC: to be put in by then */
};

/* trust_args_clinic, trust_args_enrol - options --clinic and --enrol. Return CTL_OK, or CTL_USAGE after a complaint. */
int trust_args_clinic(const struct ctl_verb *v, struct trust_args *a, const char *text);
int trust_args_enrol(const struct ctl_verb *v, struct trust_args *a, const char *text);

/*
 * trust_file_make - the file, signed.
 *
 * v         for complaints
 * ret_root  the root's private key; to be wiped, whatever is returned
 * file      TRUST_FILE_MAX octets
 *
 * Returns CTL_OK, or another enum ctl_exit after a complaint.
 */
int trust_file_make(const struct ctl_verb *v, const struct trust_args *a,
		    uint8_t ret_root[static P256_PRIVATE_LEN],
		    uint8_t file[static TRUST_FILE_MAX], size_t *ret_len);
