/*
 * nopsk.h - lets coap_wolfssl.c of libcoap 4.3.5 compile against a wolfSSL without PSK.
 *
 * libcoap calls these six functions without asking whether they exist. Here they become nothing: a
 * session that asks for a PSK has no credentials and cannot shake hands. The file is forced in with
 * -include, so it includes nothing itself. Should PSK ever come back into the wolfSSL build, the
 * macros mangle wolfSSL's own prototypes and the build stops.
 */
#pragma once

#define wolfSSL_set_psk_client_callback(s, f) ((void)(s), (void)(f))
#define wolfSSL_set_psk_server_callback(s, f) ((void)(s), (void)(f))
#define wolfSSL_CTX_set_psk_server_callback(c, f) ((void)(c), (void)(f))
#define wolfSSL_CTX_set_psk_client_cs_callback(c, f) ((void)(c), (void)(f))
#define wolfSSL_use_psk_identity_hint(s, h) ((void)(s), (void)(h))
#define wolfSSL_CTX_use_psk_identity_hint(c, h) ((void)(c), (void)(h))
