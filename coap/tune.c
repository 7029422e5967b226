/*
 * tune.c - see tune.h.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "coap/tune.h"

void tune_patience(coap_session_t *session, uint32_t ack_timeout_ms, uint16_t retransmits)
{
	coap_fixed_point_t t;

	if (ack_timeout_ms < TUNE_ACK_TIMEOUT_MIN_MS)
		ack_timeout_ms = TUNE_ACK_TIMEOUT_MIN_MS;
	t.integer_part = (uint16_t)(ack_timeout_ms / 1000);
	t.fractional_part = (uint16_t)(ack_timeout_ms % 1000);
	coap_session_set_ack_timeout(session, t);
	coap_session_set_max_retransmit(session, retransmits);
}

/* coap_session_set_mtu() would tell libcoap, not wolfSSL, and limit the requests for good. */
void tune_handshake_mtu(coap_session_t *session, unsigned mtu)
{
	WOLFSSL **ssl = coap_session_get_tls(session, NULL);

	if (ssl && *ssl)
		wolfSSL_dtls_set_mtu(*ssl, (unsigned short)mtu);
}

void tune_size(coap_session_t *session)
{
	WOLFSSL **ssl = coap_session_get_tls(session, NULL);

	coap_session_set_mtu(session, TUNE_DATAGRAM_MAX);
	if (ssl && *ssl)
		(void)wolfSSL_dtls_set_mtu(*ssl, TUNE_DATAGRAM_MAX);
}
