/*
 * mend.h - what of libcoap 4.3.5 on wolfSSL is decided by us and not by libcoap.
 *
 * libcoap's archives are built with eight of their imports renamed to functions of mend.c
 * (rootfs/deps/libcoap.syms): a program that links them without mend.c does not link, so a mend
 * cannot get lost, and only libcoap is affected: our own calls of clock_gettime() or wolfSSL stay.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a DTLS context may speak: exactly one version and one suite; or, of a server for clients of other people, either. */
enum mend_profile {
	MEND_PROFILE_DTLS13 = 1, /* TLS_AES_128_GCM_SHA256 */
	MEND_PROFILE_DTLS12,	 /* ECDHE-ECDSA-AES128-GCM-SHA256 */
	MEND_PROFILE_BOTH,	 /* 1.3, and 1.2 with who has no other */
};

/*
 * mend_set_profile - choose the profile of the next DTLS context that libcoap makes.
 *
 * libcoap makes its WOLFSSL_CTX late, with the first session (client) or in
 * coap_context_set_pki() (server), and renegotiates nothing: call this just before, and
 * use one coap_context per endpoint and identity. Without a profile no context is made
 * and libcoap reports that DTLS failed.
 */
void mend_set_profile(enum mend_profile profile);

/*
 * mend_verifier - decides on one certificate of the peer, in every handshake, either side.
 *
 * user       as given to mend_set_verifier()
 * der, len   the certificate; borrowed for the call
 * depth      0 = the peer's own, counted up towards the root
 * error      0 if wolfSSL found chain and dates good, else its negative code, such as
 *            ASN_NO_SIGNER_E (unknown CA), ASN_SELF_SIGNED_E, ASN_AFTER_DATE_E
 *
 * Returns 1 to accept, 0 to refuse. May be called twice for a certificate whose error it accepted.
 * Runs inside libcoap: it must not call libcoap, and whoever needs more than yes or no sets a flag.
 */
typedef int mend_verifier(void *user, const uint8_t *der, size_t len, int depth,
			  int error);

/*
 * mend_set_verifier - give the decision on every peer of this process to one function.
 *
 * It replaces libcoap's own decision, the allow_* members of coap_dtls_pki_t included. A
 * certificate is always demanded, of a client too. Without a verifier every peer is
 * refused. NULL takes it away again.
 */
void mend_set_verifier(mend_verifier *verifier, void *user);

/*
 * mend_set_time - by which clock the dates of certificates are judged.
 *
 * now_s   seconds since 1970, the caller's max(wall clock, time floor); NULL = time()
 *
 * Process-wide: wolfSSL has one such hook. It judges the root too, when libcoap loads it:
 * a root that is out of its dates is not taken, and the peer then has ASN_NO_SIGNER_E.
 * libcoap's timers are not concerned, they run on CLOCK_MONOTONIC in any case (and so do
 * the time stamps in libcoap's own log lines).
 *
 * Returns 0, or -EIO if wolfSSL refused the hook.
 */
int mend_set_time(int64_t (*now_s)(void));
