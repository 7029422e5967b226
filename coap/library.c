/*
 * library.c - start, log, certificates and addresses of libcoap 4.3.5 on wolfSSL.
 *
 * Must never: log an address (libcoap's lines carry them), let a peer fill the log
 * (libcoap warns for each bad packet).
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coap/identity.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "hub/core/err.h"
#include "hub/core/time.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

enum {
	LOG_EVERY_MS = 10 * 1000,
	LOG_TEXT_MAX = 160,
	ROOT_DER_MAX = 1500,
};

/* What libcoap says when our server answers nothing on purpose. */
#define NOT_SENT "handle_request: Invalid PDU response code"

static struct {
	bool logged;
	struct mono logged_at;
	unsigned held_back;
} quiet;

/* A word of digits, dots and colons is an address, whatever brackets and commas are around it. */
static bool is_address(const char *word, size_t len)
{
	size_t marks = 0;

	for (size_t i = 0; i < len; i++) {
		if (word[i] == '.' || word[i] == ':')
			marks++;
		else if (!isxdigit((unsigned char)word[i]) && !strchr("[]%<>-*", word[i]))
			return false;
	}
	return marks > 1;
}

static void copy_without_addresses(const char *in, char *out, size_t cap)
{
	size_t used = 0;

	while (*in && used + 2 < cap) {
		size_t len = strcspn(in, " \t\n");

		for (size_t i = 0; !is_address(in, len) && i < len && used + 2 < cap; i++)
			out[used++] = isgraph((unsigned char)in[i]) && in[i] != '"'
					      ? in[i]
					      : '?';
		if (used && out[used - 1] != ' ')
			out[used++] = ' ';
		in += strcspn(in, " \t\n");
		in += strspn(in, " \t\n");
	}
	out[used] = '\0';
}

static void on_log(coap_log_t level, const char *text)
{
	char clean[LOG_TEXT_MAX];
	struct mono now = rt_mono();

	if (level > COAP_LOG_WARN || strncmp(text, NOT_SENT, sizeof(NOT_SENT) - 1) == 0)
		return;
	if (quiet.logged && mono_since(now, quiet.logged_at) < LOG_EVERY_MS) {
		quiet.held_back++;
		return;
	}
	copy_without_addresses(text, clean, sizeof(clean));
	log_warn("coap-library", "level=%d held-back=%u text=\"%s\"", (int)level,
		 quiet.held_back, clean);
	quiet.logged = true;
	quiet.logged_at = now;
	quiet.held_back = 0;
}

void library_start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	coap_startup();
	coap_set_log_handler(on_log);
	coap_set_log_level(COAP_LOG_WARN);
	coap_dtls_set_log_level(COAP_LOG_WARN);
}

static bool pem_is_good(const char *pair, const char *root)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfDTLSv1_3_method());
	const uint8_t *p = (const uint8_t *)pair;
	long len = (long)strlen(pair);
	bool good;

	if (!ctx)
		return false;
	/* Date errors are no business of this check: the floor for dates is not known yet. */
	good = wolfSSL_CTX_use_certificate_chain_buffer(ctx, p, len) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_use_PrivateKey_buffer(ctx, p, len, WOLFSSL_FILETYPE_PEM) ==
		       WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_check_private_key(ctx) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_load_verify_buffer_ex(ctx, (const uint8_t *)root,
						 (long)strlen(root), WOLFSSL_FILETYPE_PEM,
						 0, WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY) ==
		       WOLFSSL_SUCCESS;
	wolfSSL_CTX_free(ctx);
	return good;
}

int library_identity_init(struct library_identity *id, const char *cert_pem,
			  const char *key_pem, const char *root_pem)
{
	size_t cert_len = strlen(cert_pem), key_len = strlen(key_pem);

	*id = (struct library_identity){ 0 };
	id->pair = malloc(cert_len + key_len + 2);
	id->root = strdup(root_pem);
	if (!id->pair || !id->root) {
		library_identity_done(id);
		return -ENOMEM;
	}
	memcpy(id->pair, cert_pem, cert_len);
	id->pair[cert_len] = '\n';
	memcpy(id->pair + cert_len + 1, key_pem, key_len + 1);
	wolfSSL_Init();
	if (!pem_is_good(id->pair, id->root)) {
		library_identity_done(id);
		return -EBADMSG;
	}
	return 0;
}

void library_identity_done(struct library_identity *id)
{
	if (id->pair)
		crypto_wipe(id->pair, strlen(id->pair));
	free(id->pair);
	free(id->root);
	*id = (struct library_identity){ 0 };
}

int64_t library_identity_begin(const struct library_identity *id)
{
	WOLFSSL_X509 *x = wolfSSL_X509_load_certificate_buffer(
		(const uint8_t *)id->pair, (int)strlen(id->pair), WOLFSSL_FILETYPE_PEM);
	const WOLFSSL_ASN1_TIME *begin = x ? wolfSSL_X509_get_notBefore(x) : NULL;
	struct tm tm;
	int64_t ret = 0;

	if (begin && wolfSSL_ASN1_TIME_to_tm(begin, &tm) == WOLFSSL_SUCCESS)
		ret = (int64_t)timegm(&tm);
	wolfSSL_X509_free(x);
	return ret > 0 ? ret : 0;
}

bool library_is_root(const struct library_identity *id,
		     const uint8_t pin[static IDENTITY_PIN_LEN])
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	uint8_t der[ROOT_DER_MAX], one[IDENTITY_PIN_LEN];

	for (const char *at = strstr(id->root, begin); at; at = strstr(at + 1, begin)) {
		int n = wc_CertPemToDer((const byte *)at, (int)strlen(at), der,
					sizeof(der), CERT_TYPE);

		if (n > 0 && identity_pin(der, (size_t)n, one) == 0 &&
		    memcmp(one, pin, sizeof(one)) == 0)
			return true;
	}
	return false;
}

coap_dtls_pki_t library_pki(const struct library_identity *id, const char *name)
{
	coap_dtls_pki_t p;
	coap_pki_key_define_t *k = &p.pki_key.key.define;

	memset(&p, 0, sizeof(p));
	p.version = COAP_DTLS_PKI_SETUP_VERSION;
	p.verify_peer_cert = 1;
	p.check_common_ca = 1;
	p.cert_chain_validation = 1;
	p.cert_chain_verify_depth = 2;
	p.use_cid = name ? 1 : 0;		/* a server answers whoever asks for it */
	p.client_sni = (char *)(uintptr_t)name; /* libcoap copies it */
	p.pki_key.key_type = COAP_PKI_KEY_DEFINE;
	k->ca_def = COAP_PKI_KEY_DEF_PEM_BUF;
	k->ca.u_byte = (const uint8_t *)id->root;
	k->ca_len = strlen(id->root);
	/* One text for both: libcoap takes the certificate from the private key's buffer. */
	k->private_key_def = COAP_PKI_KEY_DEF_PEM_BUF;
	k->private_key.u_byte = (const uint8_t *)id->pair;
	k->private_key_len = strlen(id->pair);
	k->public_cert_def = COAP_PKI_KEY_DEF_PEM_BUF;
	k->public_cert.u_byte = (const uint8_t *)id->pair;
	k->public_cert_len = strlen(id->pair);
	return p;
}

void library_profile(enum dtls_profile profile)
{
	mend_set_profile(profile == DTLS_PROFILE_12_CID ? MEND_PROFILE_DTLS12
							: MEND_PROFILE_DTLS13);
}

void library_profile_both(void)
{
	mend_set_profile(MEND_PROFILE_BOTH);
}

void library_addr_text(const coap_address_t *a, char ret[static LIBRARY_ADDR_TEXT_MAX])
{
	size_t n = a ? coap_print_addr(a, (unsigned char *)ret, LIBRARY_ADDR_TEXT_MAX - 1)
		     : 0;

	ret[n < LIBRARY_ADDR_TEXT_MAX ? n : 0] = '\0';
}

void library_addr(const uint8_t addr[static 16], uint16_t port, coap_address_t *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	coap_address_init(ret);
	if (memcmp(addr, mapped, sizeof(mapped)) == 0) {
		ret->addr.sin.sin_family = AF_INET;
		ret->addr.sin.sin_port = htons(port);
		memcpy(&ret->addr.sin.sin_addr, addr + sizeof(mapped), 4);
		ret->size = sizeof(ret->addr.sin);
		return;
	}
	ret->addr.sin6.sin6_family = AF_INET6;
	ret->addr.sin6.sin6_port = htons(port);
	memcpy(&ret->addr.sin6.sin6_addr, addr, 16);
	ret->size = sizeof(ret->addr.sin6);
}

void library_kick(coap_context_t *ctx)
{
	coap_tick_t now;

	coap_ticks(&now);
	coap_io_prepare_epoll(ctx, now);
}
