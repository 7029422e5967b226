/*
 * parts.c - see parts.h.
 */
#include "hub/parts.h"

#include <string.h>

#include "hub/endpoints.h"

enum {
	LEVEL_WITHHELD = 2
}; /* from this level on hub-store gets no engine share: state.db closes */

void parts_ble(const struct config *c, const struct peripherals *p, uint8_t level,
	       struct msg *ret)
{
	struct msg_ble_config *v = &ret->ble_config;

	*ret = (struct msg){ .kind = MSG_BLE_CONFIG };
	v->assignment = c->assignment;
	v->utc_offset_min = c->utc_offset_min;
	v->has_change = c->has_change;
	v->change_utc_s = c->change_utc_s;
	v->change_offset_min = c->change_offset_min;
	v->level = level;
	v->device_count = (uint8_t)c->device_count;
	memcpy(v->devices, c->devices, sizeof(v->devices));
	peripherals_pins(p, c, v->pins);
	v->limit_count = (uint8_t)c->limit_count;
	memcpy(v->limits, c->limits, sizeof(v->limits));
}

void parts_store(const struct config *c, const uint8_t *share, uint8_t level,
		 enum command_retire retire, struct msg *ret)
{
	struct msg_store_config *v = &ret->store_config;

	*ret = (struct msg){ .kind = MSG_STORE_CONFIG };
	memcpy(v->hub, c->hub, HUB_ID_LEN);
	v->epoch = c->epoch;
	v->assignment = c->assignment;
	v->seal_key_id = c->seal_key_id;
	memcpy(v->seal_public, c->seal_public, SEAL_PUBLIC_LEN);
	v->level = level;
	v->retire = retire;
	v->has_share = share && level < LEVEL_WITHHELD;
	if (v->has_share)
		memcpy(v->share, share, ENGINE_SHARE_LEN);
}

void parts_coap(const struct config *c, struct msg *ret)
{
	struct msg_coap_config *v = &ret->coap_config;

	*ret = (struct msg){ .kind = MSG_COAP_CONFIG };
	v->version = c->version;
	v->heartbeat_s = c->heartbeat_s;
	v->endpoint_count = (uint8_t)c->endpoint_count;
	memcpy(v->endpoints, c->endpoints, sizeof(v->endpoints));
	endpoints_order(c->hub, v->endpoints, v->endpoint_count);
}
