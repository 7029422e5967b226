#pragma once

/*
 * tune.h - what is set on one of libcoap's sessions after it was made.
 *
 * Inside coap/ only. libcoap ignores some values without a word; these know which.
 */
#include <stdint.h>

#include <coap3/coap.h>

enum {
	TUNE_ACK_TIMEOUT_MIN_MS = 1000, /* libcoap ignores less */
	TUNE_DATAGRAM_MAX =
		1280 -
		48, /* what IPv6 lets any path take, without its header and UDP's */
};

/*
 * tune_patience - how requests are sent again.
 *
 * ack_timeout_ms   wait before the first time, for requests from now on; it doubles with each; less than
 *                  TUNE_ACK_TIMEOUT_MIN_MS is that
 * retransmits      how often, 1 and up; also of requests in flight, and of a handshake's messages
 */
void tune_patience(coap_session_t *session, uint32_t ack_timeout_ms,
		   uint16_t retransmits);

enum {
	TUNE_MTU_SMALL =
		548, /* UDP payload in a packet of 576, which each way must take */
};

/*
 * tune_handshake_mtu - how large the datagrams of a handshake are that we send from now on, payload.
 *
 * What we can take is 500 more. Requests are not concerned, but one larger than this cannot be sent:
 * tune_size after the handshake. Without effect on a session without DTLS.
 */
void tune_handshake_mtu(coap_session_t *session, unsigned mtu);

/* tune_size - datagrams may have TUNE_DATAGRAM_MAX bytes from now on; the handshake's are smaller. */
void tune_size(coap_session_t *session);
