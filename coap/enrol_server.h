#pragma once

/*
 * enrol_server.h - EST over CoAP (RFC 9148) as a server sees it: which path, which formats, and what an answer looks like.
 * What is decided about a request is clinic/enroller.h's affair.
 *
 * Paths are those of a short root "est" and of ".well-known/est", and "hub/claim" of hubs with a ticket. Pure.
 */
#include "coap/server.h"

enum enrol_path {
	ENROL_PATH_NONE = 0,
	ENROL_PATH_CRTS, /* GET: the certificate that a server's must chain to, or all of the clinic's CAs */
	ENROL_PATH_SEN,	 /* POST: a first certificate */
	ENROL_PATH_SREN, /* POST: the next one */
	/* POST: a first certificate of the emergency identity: a label of RFC 7030, 3.2.2, as RFC 9148, 4.1 has it */
	ENROL_PATH_EMERGENCY,
	ENROL_PATH_CLAIM, /* POST: which hub comes with a ticket; not of EST */
};

enum {
	ENROL_FORMAT_PKCS7 = 281,  /* application/pkcs7-mime; smime-type=certs-only */
	ENROL_FORMAT_PKCS10 = 286, /* application/pkcs10 */
	ENROL_FORMAT_CERT = 287,   /* application/pkix-cert */
};

enum enrol_path enrol_server_path(const char *path);

/*
 * enrol_server_check, enrol_server_check_get - is this request one that can be looked at?
 *
 * Returns 0, or the code to answer with: 4.04, 4.05, 4.06, 4.15.
 */
int enrol_server_check(const struct coap_server_request *rq);
int enrol_server_check_get(const struct coap_server_get *rq);

/* enrol_server_say - a code, with a word for whoever looks for the cause; "" none. Max-Age stays as it is. */
void enrol_server_say(struct coap_server_response *ret, int code, const char *word);
/* enrol_server_give - 2.04 with a certificate; len at most COAP_SERVER_REPLY_MAX. */
void enrol_server_give(struct coap_server_response *ret, const uint8_t *der, size_t len);
