/*
 * mend.c - mends for libcoap 4.3.5 on wolfSSL, made after compiling and before linking.
 *
 * The functions at the end of this file are called by libcoap's objects only, instead of
 *
 * - wolfSSL_dtls_retransmit: resends no DTLS 1.3 flight; one lost handshake datagram was
 *   fatal at 21 of 29 positions. Now wolfSSL_dtls_got_timeout().
 * - wolfSSL_CTX_new: libcoap asks for 'any version'. Now one version and one suite, with
 *   P-256 and ECDSA with SHA-256 only.
 * - wolfSSL_set_cipher_list: libcoap offers all suites of wolfSSL. Now the context's.
 * - wolfSSL_NoKeyShares: would put a key_share extension into a DTLS 1.2 hello.
 * - wolfSSL_set_verify, wolfSSL_CTX_set_verify: libcoap shows its callback one name of a
 *   certificate, hides those of a failed chain; with allow_expired_certs any CA will do.
 *   Now our verifier alone, and a certificate is always demanded.
 * - clock_gettime: libcoap's timers follow the wall clock. Now CLOCK_MONOTONIC.
 * - send: an ICMP error that waits on the socket is told instead of sending, and libcoap gives the
 *   session up, though anybody can forge one. Now the datagram is sent, or is lost like others.
 *
 * Invariants
 *   1. Nothing set, nothing accepted: no profile, no context; no verifier, no peer.
 *   2. The state below is written by start-up and mend_set_*(), never inside libcoap.
 *
 * Both ends need these: a server that keeps libcoap's retransmission loses clients too.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/types.h>

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "mend.h"

enum {
	DEMAND_CERTIFICATE = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT |
			     WOLFSSL_VERIFY_CLIENT_ONCE,
	ERROR_UNNAMED = -1, /* wolfSSL says the chain is bad but not why */
};

static struct {
	enum mend_profile profile;
	mend_verifier *verifier;
	void *verifier_user;
	int64_t (*now_s)(void);
} mend;

static const char *suite(void)
{
	switch (mend.profile) {
	case MEND_PROFILE_DTLS13: return "TLS13-AES128-GCM-SHA256";
	case MEND_PROFILE_DTLS12: return "ECDHE-ECDSA-AES128-GCM-SHA256";
	case MEND_PROFILE_BOTH:
		return "TLS13-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256";
	}
	return NULL;
}

/*
 * The method must not name a side: wolfSSL_new() on a ..._server_method refuses a context
 * that has no certificate yet, and libcoap gives its certificate to the session, later.
 */
static WOLFSSL_METHOD *method(void)
{
	switch (mend.profile) {
	case MEND_PROFILE_DTLS13: return wolfDTLSv1_3_method();
	case MEND_PROFILE_DTLS12: return wolfDTLSv1_2_method();
	case MEND_PROFILE_BOTH: return wolfDTLS_method();
	}
	return NULL;
}

static int verify(int chain_ok, WOLFSSL_X509_STORE_CTX *store)
{
	WOLFSSL_X509 *cert = wolfSSL_X509_STORE_CTX_get_current_cert(store);
	int error = wolfSSL_X509_STORE_CTX_get_error(store);
	int depth = wolfSSL_X509_STORE_CTX_get_error_depth(store);
	int len = 0;
	const uint8_t *der = cert ? wolfSSL_X509_get_der(cert, &len) : NULL;

	if (chain_ok)
		error = 0;
	else if (error == 0)
		error = ERROR_UNNAMED;
	if (!mend.verifier || !der || len <= 0)
		return 0;
	if (mend.verifier(mend.verifier_user, der, (size_t)len, depth, error) != 1)
		return 0;
	wolfSSL_X509_STORE_CTX_set_error(store, 0);
	return 1;
}

static time_t certificate_time(time_t *ret_now)
{
	time_t now = (time_t)mend.now_s();

	if (ret_now)
		*ret_now = now;
	return now;
}

void mend_set_profile(enum mend_profile profile)
{
	mend.profile = profile;
}

void mend_set_verifier(mend_verifier *verifier, void *user)
{
	mend.verifier = verifier;
	mend.verifier_user = user;
}

int mend_set_time(int64_t (*now_s)(void))
{
	mend.now_s = now_s;
	return wc_SetTimeCb(now_s ? certificate_time : NULL) == 0 ? 0 : -EIO;
}

/* From here on: what libcoap's archives call, by rootfs/deps/libcoap.syms. */
int mend_dtls_retransmit(WOLFSSL *ssl);
WOLFSSL_CTX *mend_ctx_new(WOLFSSL_METHOD *any);
int mend_set_cipher_list(WOLFSSL *ssl, const char *list);
int mend_no_key_shares(WOLFSSL *ssl);
void mend_ssl_set_verify(WOLFSSL *ssl, int mode, VerifyCallback theirs);
void mend_ctx_set_verify(WOLFSSL_CTX *ctx, int mode, VerifyCallback theirs);
int mend_clock_gettime(clockid_t id, struct timespec *ret_now);
ssize_t mend_send(int fd, const void *buf, size_t len, int flags);

int mend_dtls_retransmit(WOLFSSL *ssl)
{
	return wolfSSL_dtls_got_timeout(ssl);
}

/* Takes any, as wolfSSL_CTX_new() does. */
WOLFSSL_CTX *mend_ctx_new(WOLFSSL_METHOD *any)
{
	int group = WOLFSSL_ECC_SECP256R1;
	WOLFSSL_METHOD *pinned = method();
	WOLFSSL_CTX *ctx;

	XFREE(any, NULL, DYNAMIC_TYPE_METHOD);
	if (!pinned)
		return NULL;
	ctx = wolfSSL_CTX_new(pinned); /* takes pinned */
	if (!ctx)
		return NULL;
	if (wolfSSL_CTX_set_cipher_list(ctx, suite()) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_set_groups(ctx, &group, 1) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256") != WOLFSSL_SUCCESS) {
		wolfSSL_CTX_free(ctx);
		return NULL;
	}
	/* libcoap sets a verifier on some of its paths only */
	wolfSSL_CTX_set_verify(ctx, DEMAND_CERTIFICATE, verify);
	return ctx;
}

/* The session keeps its context's suite, whatever profile is set by now. */
int mend_set_cipher_list(WOLFSSL *ssl, const char *list)
{
	(void)ssl;
	(void)list;
	return WOLFSSL_SUCCESS;
}

int mend_no_key_shares(WOLFSSL *ssl)
{
	return wolfSSL_version(ssl) == DTLS1_2_VERSION ? WOLFSSL_SUCCESS
						       : wolfSSL_NoKeyShares(ssl);
}

void mend_ssl_set_verify(WOLFSSL *ssl, int mode, VerifyCallback theirs)
{
	(void)mode;
	(void)theirs;
	wolfSSL_set_verify(ssl, DEMAND_CERTIFICATE, verify);
}

void mend_ctx_set_verify(WOLFSSL_CTX *ctx, int mode, VerifyCallback theirs)
{
	(void)mode;
	(void)theirs;
	wolfSSL_CTX_set_verify(ctx, DEMAND_CERTIFICATE, verify);
}

int mend_clock_gettime(clockid_t id, struct timespec *ret_now)
{
	return clock_gettime(id == CLOCK_REALTIME ? CLOCK_MONOTONIC : id, ret_now);
}

/* What ICMP and routes say of a datagram socket. Nothing of it is known to be true, or to last. */
static bool says_the_path(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EMSGSIZE:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP: return true;
	}
	return false;
}

ssize_t mend_send(int fd, const void *buf, size_t len, int flags)
{
	ssize_t sent = send(fd, buf, len, flags);

	/* Telling an error has taken it off the socket. */
	if (sent < 0 && says_the_path(errno))
		sent = send(fd, buf, len, flags);
	return sent < 0 && says_the_path(errno) ? (ssize_t)len : sent;
}
