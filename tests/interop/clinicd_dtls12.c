/*
 * clinicd_dtls12.c - clinicd with the other profile. The product's clinicd speaks DTLS 1.3 only, the peers of
 * tests/interop speak 1.2 only; all but this one setting is the product's.
 *
 * Linked with --wrap=coap_server_new.
 */
#include "coap/server.h"

int __real_coap_server_new(struct rt *rt, const struct coap_server_config *cfg,
			   struct coap_server **ret);
int __wrap_coap_server_new(struct rt *rt, const struct coap_server_config *cfg,
			   struct coap_server **ret);

int __wrap_coap_server_new(struct rt *rt, const struct coap_server_config *cfg,
			   struct coap_server **ret)
{
	struct coap_server_config c = *cfg;

	c.profile = DTLS_PROFILE_12_CID;
	return __real_coap_server_new(rt, &c, ret);
}
