#pragma once

/*
 * code.h - the CoAP response codes that this project sends or reacts to (RFC 7252, 12.1.2).
 *
 * A code is class * 32 + detail: 2.04 is 2 * 32 + 4.
 */
enum coap_code {
	COAP_CODE_VALID = 67,		    /* 2.03 */
	COAP_CODE_CONTINUE = 95,	    /* 2.31, RFC 7959 */
	COAP_CODE_CHANGED = 68,		    /* 2.04 */
	COAP_CODE_CONTENT = 69,		    /* 2.05 */
	COAP_CODE_BAD_REQUEST = 128,	    /* 4.00 */
	COAP_CODE_UNAUTHORIZED = 129,	    /* 4.01 */
	COAP_CODE_BAD_OPTION = 130,	    /* 4.02 */
	COAP_CODE_FORBIDDEN = 131,	    /* 4.03 */
	COAP_CODE_NOT_FOUND = 132,	    /* 4.04 */
	COAP_CODE_NOT_ALLOWED = 133,	    /* 4.05 */
	COAP_CODE_NOT_ACCEPTABLE = 134,	    /* 4.06 */
	COAP_CODE_INCOMPLETE = 136,	    /* 4.08 */
	COAP_CODE_CONFLICT = 137,	    /* 4.09, RFC 8132 */
	COAP_CODE_TOO_LARGE = 141,	    /* 4.13 */
	COAP_CODE_UNSUPPORTED_FORMAT = 143, /* 4.15 */
	COAP_CODE_TOO_MANY = 157,	    /* 4.29, RFC 8516 */
	COAP_CODE_UNAVAILABLE = 163,	    /* 5.03 */
};

/* Content-Format, RFC 7252, 12.3, RFC 9052, 2, RFC 9148, 9.1. */
enum coap_format {
	COAP_FORMAT_SIGN1 = 18, /* application/cose; cose-type="cose-sign1" */
	COAP_FORMAT_CBOR = 60,
	COAP_FORMAT_CERTS_ONLY = 281, /* application/pkcs7-mime; smime-type=certs-only */
	COAP_FORMAT_PKCS10 = 286,     /* application/pkcs10 */
	COAP_FORMAT_PKIX_CERT = 287,  /* application/pkix-cert */
};

enum {
	COAP_MAX_AGE_DEFAULT_S = 60, /* what a missing Max-Age means, RFC 7252, 5.10.5 */
};
