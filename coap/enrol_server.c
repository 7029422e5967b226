/*
 * enrol_server.c - EST over CoAP; see enrol_server.h.
 */
#include "coap/enrol_server.h"

#include <stdlib.h>
#include <string.h>

enum enrol_path enrol_server_path(const char *path)
{
	static const char well_known[] = ".well-known/";

	if (strcmp(path, "hub/claim") == 0)
		return ENROL_PATH_CLAIM;
	if (strncmp(path, well_known, sizeof(well_known) - 1) == 0)
		path += sizeof(well_known) - 1;
	if (strcmp(path, "est/crts") == 0)
		return ENROL_PATH_CRTS;
	if (strcmp(path, "est/sen") == 0)
		return ENROL_PATH_SEN;
	if (strcmp(path, "est/sren") == 0)
		return ENROL_PATH_SREN;
	if (strcmp(path, "est/emergency/sen") == 0)
		return ENROL_PATH_EMERGENCY;
	return ENROL_PATH_NONE;
}

int enrol_server_check(const struct coap_server_request *rq)
{
	enum enrol_path path = enrol_server_path(rq->path);

	if (path == ENROL_PATH_NONE)
		return COAP_CODE_NOT_FOUND;
	if (path == ENROL_PATH_CRTS)
		return COAP_CODE_NOT_ALLOWED;
	if (path == ENROL_PATH_CLAIM)
		return rq->format == COAP_FORMAT_CBOR ? 0 : COAP_CODE_UNSUPPORTED_FORMAT;
	if (rq->format != ENROL_FORMAT_PKCS10)
		return COAP_CODE_UNSUPPORTED_FORMAT;
	return rq->accept == -1 || rq->accept == ENROL_FORMAT_CERT
		       ? 0
		       : COAP_CODE_NOT_ACCEPTABLE;
}

int enrol_server_check_get(const struct coap_server_get *rq)
{
	enum enrol_path path = enrol_server_path(rq->path);

	if (path == ENROL_PATH_NONE)
		return COAP_CODE_NOT_FOUND;
	if (path != ENROL_PATH_CRTS)
		return COAP_CODE_NOT_ALLOWED;
	return rq->accept == -1 || rq->accept == ENROL_FORMAT_CERT ||
			       rq->accept == ENROL_FORMAT_PKCS7
		       ? 0
		       : COAP_CODE_NOT_ACCEPTABLE;
}

void enrol_server_say(struct coap_server_response *ret, int code, const char *word)
{
	ret->code = code;
	ret->kind = COAP_SERVER_TEXT;
	ret->len = strnlen(word, COAP_SERVER_REPLY_MAX);
	memcpy(ret->body, word, ret->len);
}

void enrol_server_give(struct coap_server_response *ret, const uint8_t *der, size_t len)
{
	if (len > COAP_SERVER_REPLY_MAX)
		abort(); /* our own bug */
	ret->code = COAP_CODE_CHANGED;
	ret->kind = COAP_SERVER_CERTIFICATE;
	ret->len = len;
	memcpy(ret->body, der, len);
}
