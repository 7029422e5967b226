/*
 * choose.c - see choose.h.
 */
#include "ble/choose.h"

#include "ble/profile.h"

enum {
	SERVICE_BLS = 0x1810,
	SERVICE_GLS = 0x1808,
	SERVICE_CGM = 0x181F,
	SERVICE_PLX = 0x1822,
	SERVICE_GHS = 0x1840,
	BP_MEASUREMENT = 0x2A35,
	BP_ENHANCED = 0x2B34,
	BP_RECORD = 0x2B36,
	CONSENT = 0x2A9F,
	GHS_CONTROL = 0x2BF4,
	FILTER_SEQUENCE = 1,
};

/* Read before values are decoded: check sums, CGM session start, how a clock counts. */
static const uint16_t prepare[] = { 0x2AA8, 0x2AAA, 0x2A49, 0x2B8E };

/* What a device says of itself: first what is read and compared at each connection. */
static const uint16_t info[] = {
	0x2A25, /* serial */
	0x2A23, /* System ID */
	0x2A26, /* firmware */
	0x2A19, /* battery */
	0x2A29, /* maker */
	0x2A24, /* model */
	0x2A27, /* hardware */
	0x2A28, /* software */
	0x2A2A, /* certification list */
	0x2A50, /* PnP ID */
	0x2BFF, /* UDI */
	0x2A49, /* features: blood pressure, */
	0x2A9E, /* weight scale (its resolution), */
	0x2A9B, /* body composition, */
	0x2A60, /* oximeter, */
	0x2A51, /* glucose, */
	0x2AA8, /* CGM, */
	0x2BF3, /* health sensor */
	0x2A1D, /* where a thermometer measures */
};

enum { INFO_AGAIN = 4 };

static const uint16_t control[] = { CHOOSE_UUID_RACP, CONSENT, GHS_CONTROL, 0x2B91 };

static const struct {
	uint16_t service, data;
	uint8_t key_bits, filter;
} memories[] = {
	{ SERVICE_GLS, 0x2A18, 16, FILTER_SEQUENCE },
	{ SERVICE_CGM, 0x2AA7, 16, FILTER_SEQUENCE }, /* filter 1 is the time offset */
	{ SERVICE_BLS, BP_RECORD, 16, FILTER_SEQUENCE },
	{ SERVICE_GHS, 0x2BDD, 32, FILTER_SEQUENCE },
	{ SERVICE_PLX, 0x2A5E, 0, 0 }, /* all or nothing */
};

enum { MEMORIES = sizeof(memories) / sizeof(*memories) };

static bool is_in(const uint16_t *list, size_t count, uint16_t uuid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == uuid)
			return true;
	return false;
}

#define IS_IN(list, uuid) is_in(list, sizeof(list) / sizeof(*(list)), uuid)

static bool is_clock(uint16_t uuid)
{
	for (int k = CLOCK_KIND_NONE + 1; k <= CLOCK_KIND_DEVICE_TIME; k++)
		if (clock_uuid((enum clock_kind)k) == uuid ||
		    clock_feature_uuid((enum clock_kind)k) == uuid)
			return true;
	return false;
}

bool choose_is_wanted(uint16_t uuid)
{
	return profile_by_characteristic(uuid) || is_clock(uuid) ||
	       IS_IN(prepare, uuid) || IS_IN(info, uuid) || IS_IN(control, uuid);
}

static bool has_memory(struct object_device *d, size_t i)
{
	return objects_find_in_service(d, memories[i].service, memories[i].data,
				       CHAR_NOTIFY) &&
	       objects_find_in_service(d, memories[i].service, CHOOSE_UUID_RACP,
				       CHAR_WRITE | CHAR_NOTIFY);
}

static bool has_bp_records(struct object_device *d)
{
	return objects_find_in_service(d, SERVICE_BLS, BP_RECORD, CHAR_NOTIFY) &&
	       objects_find_in_service(d, SERVICE_BLS, CHOOSE_UUID_RACP,
				       CHAR_WRITE | CHAR_NOTIFY);
}

static bool is_second_choice(struct object_device *d, uint16_t uuid)
{
	switch (uuid) {
	case BP_MEASUREMENT: return has_bp_records(d);
	case BP_ENHANCED:
		return has_bp_records(d) ||
		       objects_find_uuid(d, BP_MEASUREMENT, CHAR_NOTIFY);
	case BP_RECORD: return !has_bp_records(d);
	default: return false;
	}
}

bool choose_is_armed(struct object_device *d, const struct object_char *c)
{
	if (!(c->flags & CHAR_NOTIFY))
		return false;
	if (IS_IN(control, c->uuid))
		return true;
	return profile_by_characteristic(c->uuid) && !is_second_choice(d, c->uuid);
}

bool choose_has_measurement(struct object_device *d)
{
	for (size_t i = 0; profile_at(i); i++)
		if (objects_find_uuid(d, profile_at(i)->characteristic, CHAR_NOTIFY))
			return true;
	return false;
}

static bool look_at_clock(struct object_device *d, enum clock_kind kind,
			  struct choose_clock *ret)
{
	*ret = (struct choose_clock){ .kind = kind };
	ret->readable = objects_find_uuid(d, clock_uuid(kind), CHAR_READ) != NULL;
	ret->writable = objects_find_uuid(d, clock_set_uuid(kind), CHAR_WRITE) != NULL;
	return ret->readable || ret->writable;
}

struct choose_clock choose_clock(struct object_device *d, const struct traits *t)
{
	struct choose_clock ret;

	for (size_t i = 0; i < TRAITS_CLOCKS_MAX && t->clocks[i] != CLOCK_KIND_NONE; i++)
		if (look_at_clock(d, t->clocks[i], &ret))
			return ret;
	for (int k = CLOCK_KIND_NONE + 1; k <= CLOCK_KIND_DEVICE_TIME; k++)
		if (look_at_clock(d, (enum clock_kind)k, &ret))
			return ret;
	return (struct choose_clock){ .kind = CLOCK_KIND_NONE };
}

struct choose_memory choose_memory(struct object_device *d)
{
	for (size_t i = 0; i < MEMORIES; i++)
		if (has_memory(d, i))
			return (struct choose_memory){ memories[i].service,
						       memories[i].data,
						       memories[i].key_bits,
						       memories[i].filter };
	return (struct choose_memory){ 0 };
}

static size_t pick(struct object_device *d, const uint16_t *list, size_t count,
		   uint16_t ret[static CHOOSE_INFO_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < count && n < CHOOSE_INFO_MAX; i++)
		if (objects_find_uuid(d, list[i], CHAR_READ))
			ret[n++] = list[i];
	return n;
}

size_t choose_prepare(struct object_device *d, uint16_t ret[static CHOOSE_INFO_MAX])
{
	return pick(d, prepare, sizeof(prepare) / sizeof(*prepare), ret);
}

size_t choose_info(struct object_device *d, bool again,
		   uint16_t ret[static CHOOSE_INFO_MAX])
{
	return pick(d, info, again ? INFO_AGAIN : sizeof(info) / sizeof(*info), ret);
}

bool choose_is_endless(struct object_device *d)
{
	for (size_t i = 0; profile_at(i); i++)
		if (profile_at(i)->flags & PROFILE_STREAM &&
		    objects_find_uuid(d, profile_at(i)->characteristic, CHAR_NOTIFY))
			return true;
	return objects_find_in_service(d, SERVICE_CGM, 0x2AA7, CHAR_NOTIFY) != NULL;
}
