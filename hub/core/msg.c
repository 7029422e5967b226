/*
 * msg.c - the table of messages between the hub's processes, their bytes and their permitted ways.
 *
 * One row per (kind, from, to). A packet is: version u8, kind u8, fields in the order of the structs, big-endian;
 * its length must be exactly what the fields need. Adding a kind = one row, one put_, one get_, one table in
 * docs/MESSAGES.md.
 */
#include "hub/core/msg.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

/* Booleans are 0 or 1, enums within their range; anything else is refused, so 'bad' sticks. */
struct in {
	struct reader r;
	bool bad;
};

static bool get_bool(struct in *in)
{
	uint8_t v = read_u8(&in->r);

	in->bad |= v > 1;
	return v == 1;
}

static uint32_t get_max(struct in *in, uint32_t v, uint32_t max)
{
	in->bad |= v > max;
	return v > max ? 0 : v;
}

static uint8_t get_u8_max(struct in *in, uint8_t max)
{
	return (uint8_t)get_max(in, read_u8(&in->r), max);
}

static int16_t get_i16(struct in *in)
{
	return (int16_t)read_be16(&in->r);
}

/* An offset of the home's local time from UTC, minutes. */
static int16_t get_utc_offset(struct in *in)
{
	int16_t v = get_i16(in);

	in->bad |= v < -720 || v > 840;
	return v;
}

/* Text of at most 'max' octets: length u8, then the octets, none of them zero. */
static void put_text(struct writer *w, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	write_u8(w, (uint8_t)len);
	write_bytes(w, (const uint8_t *)text, len);
}

/* ret has room for max + 1. */
static void get_text(struct in *in, char *ret, uint8_t max)
{
	uint8_t len = get_u8_max(in, max);

	read_bytes(&in->r, (uint8_t *)ret, len);
	ret[len] = '\0';
	in->bad |= memchr(ret, 0, len) != NULL;
}

static void put_peripheral(struct writer *w, const struct peripheral *p)
{
	write_be16(w, p->num);
	write_bytes(w, p->addr, PERIPHERAL_ADDR_LEN);
	write_u8(w, (uint8_t)p->addr_type);
}

static void get_peripheral(struct in *in, struct peripheral *ret)
{
	ret->num = read_be16(&in->r);
	read_bytes(&in->r, ret->addr, PERIPHERAL_ADDR_LEN);
	ret->addr_type = (enum addr_type)get_u8_max(in, ADDR_RANDOM);
}

static void put_wall(struct writer *w, const struct wall *t)
{
	write_be64(w, (uint64_t)t->ms);
	write_be32(w, t->uncertainty_ms);
	write_u8(w, (uint8_t)t->quality);
}

static void get_wall(struct in *in, struct wall *ret)
{
	ret->ms = (int64_t)read_be64(&in->r);
	ret->uncertainty_ms = read_be32(&in->r);
	ret->quality = (enum clock_quality)get_u8_max(in, CLOCK_QUALITY_CLINIC);
}

static void put_raw(struct writer *w, const struct msg *m)
{
	const struct msg_raw *v = &m->raw;

	write_be64(w, v->instance);
	write_be64(w, v->capture);
	write_be32(w, v->assignment);
	write_u8(w, (uint8_t)v->kind);
	write_be16(w, v->characteristic);
	put_peripheral(w, &v->peripheral);
	write_bytes(w, v->captured.boot, BOOT_ID_LEN);
	write_be64(w, v->captured.mono.ms);
	put_wall(w, &v->captured.wall);
	write_be16(w, (uint16_t)v->utc_offset_min);
	write_u8(w, (uint8_t)v->link);
	write_u8(w, v->unverified);
	write_be16(w, v->raw_len);
	write_bytes(w, v->raw, v->raw_len);
}

static void get_raw(struct in *in, struct msg *m)
{
	struct msg_raw *v = &m->raw;

	v->instance = read_be64(&in->r);
	v->capture = read_be64(&in->r);
	v->assignment = read_be32(&in->r);
	v->kind = (enum reading_kind)get_u8_max(in, READING_KIND_LAST);
	v->characteristic = read_be16(&in->r);
	get_peripheral(in, &v->peripheral);
	read_bytes(&in->r, v->captured.boot, BOOT_ID_LEN);
	v->captured.mono.ms = read_be64(&in->r);
	get_wall(in, &v->captured.wall);
	v->utc_offset_min = get_utc_offset(in);
	v->link = (enum link_strength)get_u8_max(in, LINK_SC_AUTHENTICATED);
	v->unverified = get_bool(in);
	v->raw_len = (uint16_t)get_max(in, read_be16(&in->r), READING_RAW_MAX);
	read_bytes(&in->r, v->raw, v->raw_len);
	in->bad |= v->kind == READING_NONE || v->capture == 0;
}

static void put_value(struct writer *w, const struct value *v)
{
	write_u8(w, (uint8_t)v->name);
	write_u8(w, (uint8_t)v->unit);
	write_u8(w, (uint8_t)v->number.kind);
	write_be32(w, (uint32_t)v->number.mantissa);
	write_u8(w, (uint8_t)v->number.exponent);
	write_be32(w, v->code);
	write_be16(w, v->unit_code);
}

static void get_value(struct in *in, struct value *ret)
{
	ret->name = (enum value_name)get_u8_max(in, VALUE_NAME_LAST);
	ret->unit = (enum value_unit)get_u8_max(in, UNIT_LAST);
	ret->number.kind = (enum decimal_kind)get_u8_max(in, DECIMAL_RESERVED);
	ret->number.mantissa = (int32_t)read_be32(&in->r);
	ret->number.exponent = (int8_t)read_u8(&in->r);
	ret->code = read_be32(&in->r);
	ret->unit_code = read_be16(&in->r);
}

static void put_date_time(struct writer *w, const struct date_time *t)
{
	write_be16(w, t->year);
	write_u8(w, t->month);
	write_u8(w, t->day);
	write_u8(w, t->hour);
	write_u8(w, t->minute);
	write_u8(w, t->second);
}

static void get_date_time(struct in *in, struct date_time *ret)
{
	ret->year = read_be16(&in->r);
	ret->month = read_u8(&in->r);
	ret->day = read_u8(&in->r);
	ret->hour = read_u8(&in->r);
	ret->minute = read_u8(&in->r);
	ret->second = read_u8(&in->r);
}

static void put_decoded(struct writer *w, const struct msg *m)
{
	const struct msg_decoded *v = &m->decoded;
	const struct decoded *d = &v->decoded;

	write_be64(w, v->capture);
	write_u8(w, (uint8_t)v->class);
	write_u8(w, d->value_count);
	for (size_t i = 0; i < d->value_count && i < READING_VALUES_MAX; i++)
		put_value(w, &d->values[i]);
	write_u8(w, d->has_device_time);
	put_date_time(w, &d->device_time);
	write_u8(w, d->time_is_utc);
	write_u8(w, d->has_time_offset);
	write_be32(w, (uint32_t)d->time_offset_min);
	write_u8(w, d->has_ticks);
	write_be64(w, d->ticks);
	write_u8(w, d->has_user);
	write_u8(w, d->user);
	write_u8(w, d->has_sequence);
	write_be32(w, d->sequence);
	write_u8(w, d->has_status);
	write_be32(w, d->status);
	write_u8(w, d->has_device_status);
	write_be32(w, d->device_status);
	write_be32(w, d->marks);
	write_u8(w, (uint8_t)v->clock.source);
	write_be32(w, (uint32_t)v->clock.timeline);
	write_be64(w, (uint64_t)v->clock.offset_ms);
	write_be32(w, v->clock.uncertainty_ms);
	write_u8(w, (uint8_t)v->attribution);
	write_be32(w, v->history);
	write_u8(w, (uint8_t)v->link);
	write_u8(w, v->unverified);
}

static void get_decoded(struct in *in, struct msg *m)
{
	struct msg_decoded *v = &m->decoded;
	struct decoded *d = &v->decoded;

	v->capture = read_be64(&in->r);
	v->class = (enum record_class)get_u8_max(in, CLASS_ALARM);
	d->value_count = get_u8_max(in, READING_VALUES_MAX);
	for (size_t i = 0; i < d->value_count; i++)
		get_value(in, &d->values[i]);
	d->has_device_time = get_bool(in);
	get_date_time(in, &d->device_time);
	d->time_is_utc = get_bool(in);
	d->has_time_offset = get_bool(in);
	d->time_offset_min = (int32_t)read_be32(&in->r);
	d->has_ticks = get_bool(in);
	d->ticks = read_be64(&in->r);
	d->has_user = get_bool(in);
	d->user = read_u8(&in->r);
	d->has_sequence = get_bool(in);
	d->sequence = read_be32(&in->r);
	d->has_status = get_bool(in);
	d->status = read_be32(&in->r);
	d->has_device_status = get_bool(in);
	d->device_status = read_be32(&in->r);
	d->marks = read_be32(&in->r);
	v->clock.source = (enum offset_source)get_u8_max(in, OFFSET_LIVE);
	v->clock.timeline = (int32_t)get_max(in, read_be32(&in->r), INT32_MAX);
	v->clock.offset_ms = (int64_t)read_be64(&in->r);
	v->clock.uncertainty_ms = read_be32(&in->r);
	v->attribution = (enum attribution)get_u8_max(in, ATTRIBUTION_CONFIRMED);
	v->history = read_be32(&in->r);
	v->link = (enum link_strength)get_u8_max(in, LINK_SC_AUTHENTICATED);
	v->unverified = get_bool(in);
	in->bad |= v->class == CLASS_NONE || v->capture == 0;
}

static void put_discard(struct writer *w, const struct msg *m)
{
	write_be64(w, m->discard.capture);
}

static void get_discard(struct in *in, struct msg *m)
{
	m->discard.capture = read_be64(&in->r);
	in->bad |= m->discard.capture == 0;
}

static void put_memory(struct writer *w, const struct msg *m)
{
	write_be16(w, m->memory.num);
	write_be16(w, m->memory.service);
	write_be32(w, m->memory.assignment);
	write_be32(w, m->memory.history);
	write_be64(w, m->memory.anchor);
	write_u8(w, m->memory.empty);
	write_be32(w, m->memory.mark);
	write_u8(w, m->memory.has_fence);
	write_be32(w, m->memory.fence);
}

static void get_memory(struct in *in, struct msg *m)
{
	m->memory.num = read_be16(&in->r);
	m->memory.service = read_be16(&in->r);
	m->memory.assignment = read_be32(&in->r);
	m->memory.history = read_be32(&in->r);
	m->memory.anchor = read_be64(&in->r);
	m->memory.empty = get_bool(in);
	m->memory.mark = read_be32(&in->r);
	m->memory.has_fence = get_bool(in);
	m->memory.fence = read_be32(&in->r);
	in->bad |= m->memory.num == 0 || m->memory.service == 0;
}

static void put_store_state(struct writer *w, const struct msg *m)
{
	write_u8(w, (uint8_t)m->store_state.blocked);
}

static void get_store_state(struct in *in, struct msg *m)
{
	m->store_state.blocked = (enum store_blocked)get_u8_max(in, STORE_FAULT);
}

static void put_durable(struct writer *w, const struct msg *m)
{
	write_be64(w, m->durable.capture);
	write_u8(w, m->durable.durable);
	write_u8(w, (uint8_t)m->durable.blocked);
}

static void get_durable(struct in *in, struct msg *m)
{
	m->durable.capture = read_be64(&in->r);
	m->durable.durable = get_bool(in);
	m->durable.blocked = (enum store_blocked)get_u8_max(in, STORE_FAULT);
}

static void put_batch(struct writer *w, const struct msg *m)
{
	write_be32(w, m->batch.id);
	write_u8(w, m->batch.flags);
	write_be64(w, m->batch.first);
	write_be64(w, m->batch.last);
	write_be16(w, m->batch.len);
	write_bytes(w, m->batch.bytes, m->batch.len);
}

static void get_batch(struct in *in, struct msg *m)
{
	m->batch.id = read_be32(&in->r);
	m->batch.flags = read_u8(&in->r);
	m->batch.first = read_be64(&in->r);
	m->batch.last = read_be64(&in->r);
	m->batch.len = (uint16_t)get_max(in, read_be16(&in->r), BATCH_BYTES_MAX);
	read_bytes(&in->r, m->batch.bytes, m->batch.len);
	in->bad |= m->batch.first > m->batch.last || m->batch.len == 0;
}

static void put_queue_state(struct writer *w, const struct msg *m)
{
	write_be64(w, m->queue_state.unsent);
	write_be64(w, m->queue_state.highest);
	write_u8(w, m->queue_state.alarm);
}

static void get_queue_state(struct in *in, struct msg *m)
{
	m->queue_state.unsent = read_be64(&in->r);
	m->queue_state.highest = read_be64(&in->r);
	m->queue_state.alarm = get_bool(in);
}

static void put_want(struct writer *w, const struct msg *m)
{
	write_u8(w, m->want.batches);
	write_u8(w, m->want.heartbeat);
	write_u8(w, m->want.want_time);
	write_be16(w, m->want.size);
}

static void get_want(struct in *in, struct msg *m)
{
	m->want.batches = read_u8(&in->r);
	m->want.heartbeat = get_bool(in);
	m->want.want_time = get_bool(in);
	m->want.size = (uint16_t)get_max(in, read_be16(&in->r), BATCH_BYTES_FULL);
	in->bad |= m->want.size > 0 && m->want.size < BATCH_BYTES_LEAST;
}

/* The reply crosses as its own CBOR: one parser for it, run again at this wall. */
static void put_ack(struct writer *w, const struct msg *m)
{
	uint8_t buf[REPLY_BYTES_MAX];
	int len = reply_encode(&m->ack.reply, buf, sizeof(buf));

	write_be32(w, m->ack.batch);
	write_u8(w, m->ack.recut);
	write_be16(w, (uint16_t)(len < 0 ? 0 : len));
	write_bytes(w, buf, (size_t)(len < 0 ? 0 : len));
	w->failed |= len < 0;
}

static void get_ack(struct in *in, struct msg *m)
{
	const uint8_t *bytes;
	uint16_t len;

	m->ack.batch = read_be32(&in->r);
	m->ack.recut = get_bool(in);
	len = (uint16_t)get_max(in, read_be16(&in->r), REPLY_BYTES_MAX);
	bytes = read_span(&in->r, len);
	in->bad |= !bytes || reply_decode(bytes, len, &m->ack.reply) != 0;
}

static bool addr_zero(const uint8_t addr[PERIPHERAL_ADDR_LEN])
{
	static const uint8_t zero[PERIPHERAL_ADDR_LEN];

	return memcmp(addr, zero, sizeof(zero)) == 0;
}

static void put_device(struct writer *w, const struct config_device *d)
{
	write_be16(w, d->num);
	write_u8(w, (uint8_t)d->kind);
	write_u8(w, d->has_addr);
	write_bytes(w, d->addr, PERIPHERAL_ADDR_LEN);
	write_u8(w, (uint8_t)d->addr_type);
	write_be32(w, d->passkey);
	write_u8(w, d->just_works);
	write_u8(w, d->has_user);
	write_u8(w, d->user);
	write_u8(w, d->sole_user);
	write_u8(w, d->has_consent);
	write_be16(w, d->consent);
	write_u8(w, d->import);
	put_text(w, d->serial, CONFIG_SERIAL_MAX);
}

static void get_device(struct in *in, struct config_device *ret)
{
	ret->num = read_be16(&in->r);
	ret->kind = (enum reading_kind)read_u8(&in->r);
	ret->has_addr = get_bool(in);
	read_bytes(&in->r, ret->addr, PERIPHERAL_ADDR_LEN);
	ret->addr_type = (enum addr_type)get_u8_max(in, ADDR_RANDOM);
	ret->passkey = read_be32(&in->r);
	ret->just_works = get_bool(in);
	ret->has_user = get_bool(in);
	ret->user = read_u8(&in->r);
	ret->sole_user = get_bool(in);
	ret->has_consent = get_bool(in);
	ret->consent = (uint16_t)get_max(in, read_be16(&in->r), CONFIG_CONSENT_MAX);
	ret->import = get_bool(in);
	get_text(in, ret->serial, CONFIG_SERIAL_MAX);
	in->bad |= ret->num == 0 || !config_kind_good(ret->kind) ||
		   ret->has_addr == addr_zero(ret->addr) ||
		   (ret->passkey > 999999 && ret->passkey != CONFIG_NO_PASSKEY);
}

static void put_pin(struct writer *w, const struct device_pin *p)
{
	write_u8(w, p->known);
	write_bytes(w, p->addr, PERIPHERAL_ADDR_LEN);
	write_u8(w, (uint8_t)p->addr_type);
	write_u8(w, (uint8_t)p->strength);
	put_text(w, p->serial, PIN_TEXT_MAX);
	write_u8(w, p->has_system_id);
	write_bytes(w, p->system_id, SYSTEM_ID_LEN);
	write_be64(w, (uint64_t)p->since_ms);
}

static void get_pin(struct in *in, struct device_pin *ret)
{
	ret->known = get_bool(in);
	read_bytes(&in->r, ret->addr, PERIPHERAL_ADDR_LEN);
	ret->addr_type = (enum addr_type)get_u8_max(in, ADDR_RANDOM);
	ret->strength = (enum link_strength)get_u8_max(in, LINK_SC_AUTHENTICATED);
	get_text(in, ret->serial, PIN_TEXT_MAX);
	ret->has_system_id = get_bool(in);
	read_bytes(&in->r, ret->system_id, SYSTEM_ID_LEN);
	ret->since_ms = (int64_t)read_be64(&in->r);
	in->bad |= ret->since_ms < 0 || ret->since_ms > PIN_SINCE_MAX_MS;
}

static void put_limit(struct writer *w, const struct limit *l)
{
	write_u8(w, (uint8_t)l->vital);
	write_u8(w, l->has_low);
	write_be32(w, (uint32_t)l->low_milli);
	write_u8(w, l->has_high);
	write_be32(w, (uint32_t)l->high_milli);
}

static void get_limit(struct in *in, struct limit *ret)
{
	ret->vital = (enum value_name)get_u8_max(in, VALUE_NAME_LAST);
	ret->has_low = get_bool(in);
	ret->low_milli = (int32_t)get_max(in, read_be32(&in->r), LIMIT_MILLI_MAX);
	ret->has_high = get_bool(in);
	ret->high_milli = (int32_t)get_max(in, read_be32(&in->r), LIMIT_MILLI_MAX);
	in->bad |= !limit_good(ret);
}

static void put_ble_config(struct writer *w, const struct msg *m)
{
	const struct msg_ble_config *v = &m->ble_config;

	write_be32(w, v->assignment);
	write_be16(w, (uint16_t)v->utc_offset_min);
	write_u8(w, v->has_change);
	write_be64(w, (uint64_t)v->change_utc_s);
	write_be16(w, (uint16_t)v->change_offset_min);
	write_u8(w, v->level);
	write_u8(w, v->device_count);
	for (size_t i = 0; i < v->device_count && i < CONFIG_DEVICES_MAX; i++) {
		put_device(w, &v->devices[i]);
		put_pin(w, &v->pins[i]);
	}
	write_u8(w, v->limit_count);
	for (size_t i = 0; i < v->limit_count && i < LIMITS_MAX; i++)
		put_limit(w, &v->limits[i]);
}

static void get_ble_config(struct in *in, struct msg *m)
{
	struct msg_ble_config *v = &m->ble_config;

	v->assignment = read_be32(&in->r);
	v->utc_offset_min = get_utc_offset(in);
	v->has_change = get_bool(in);
	v->change_utc_s = (int64_t)read_be64(&in->r);
	v->change_offset_min = get_utc_offset(in);
	v->level = get_u8_max(in, 4);
	v->device_count = get_u8_max(in, CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < v->device_count; i++) {
		get_device(in, &v->devices[i]);
		get_pin(in, &v->pins[i]);
	}
	v->limit_count = get_u8_max(in, LIMITS_MAX);
	for (size_t i = 0; i < v->limit_count; i++)
		get_limit(in, &v->limits[i]);
	in->bad |= v->change_utc_s < 0 || v->change_utc_s > CONFIG_CHANGE_MAX_S;
}

static void put_window(struct writer *w, const struct msg *m)
{
	write_be32(w, m->window.id);
	write_be16(w, m->window.device);
	write_be32(w, m->window.ms_left);
	write_u8(w, m->window.repair);
}

static void get_window(struct in *in, struct msg *m)
{
	m->window.id = read_be32(&in->r);
	m->window.device = read_be16(&in->r);
	m->window.ms_left =
		get_max(in, read_be32(&in->r), CONFIG_WINDOW_MIN_MAX * 60 * 1000);
	m->window.repair = get_bool(in);
}

static void put_health_device(struct writer *w, const struct health_device *d)
{
	write_be16(w, d->num);
	write_u8(w, d->told);
	write_u8(w, (uint8_t)d->state);
	write_u8(w, (uint8_t)d->reason);
	write_u8(w, d->seen);
	write_be64(w, d->seen_at.ms);
	write_u8(w, d->read);
	write_be64(w, d->read_at.ms);
	write_u8(w, d->battery);
	write_u8(w, d->has_clock_error);
	write_be32(w, (uint32_t)d->clock_error_s);
	write_u8(w, (uint8_t)d->signal_dbm);
}

static void put_result(struct writer *w, const struct msg_command_result *v)
{
	write_be64(w, v->counter);
	write_u8(w, (uint8_t)v->result);
}

static void get_result(struct in *in, struct msg_command_result *v)
{
	v->counter = read_be64(&in->r);
	v->result = (enum command_result)get_u8_max(in, COMMAND_RESULT_LAST);
	in->bad |= v->counter > INT64_MAX ||
		   (v->counter == 0) != (v->result == COMMAND_NOTHING);
}

static void put_health_trigger(struct writer *w, const struct health_trigger *v)
{
	write_u8(w, v->id);
	write_be16(w, v->peer);
	write_be32(w, v->count);
	write_u8(w, v->to);
}

static void get_health_trigger(struct in *in, struct health_trigger *ret)
{
	ret->id = get_u8_max(in, HEALTH_TRIGGER_LAST);
	ret->peer = read_be16(&in->r);
	ret->count = read_be32(&in->r);
	ret->to = get_u8_max(in, HEALTH_TRIGGER_LEVEL_MAX);
	in->bad |= ret->id == 0 || ret->count == 0;
}

static void put_health(struct writer *w, const struct msg *m)
{
	const struct msg_health *v = &m->health;

	write_u8(w, v->level);
	write_u8(w, v->light);
	write_u8(w, (uint8_t)v->clock);
	write_u8(w, v->radio);
	write_be64(w, v->config_version);
	write_be64(w, v->proven_version);
	write_be64(w, v->refused_version);
	write_u8(w, (uint8_t)v->refusal);
	write_u8(w, (uint8_t)v->trial);
	write_be32(w, v->assignment);
	write_u8(w, (uint8_t)v->fence);
	write_u8(w, (uint8_t)v->enrolment);
	write_u8(w, (uint8_t)v->trouble);
	put_result(w, &v->command);
	write_u8(w, v->retiring);
	write_u8(w, v->challenged);
	write_be32(w, v->lock_epoch);
	write_bytes(w, v->nonce, COMMAND_NONCE_LEN);
	write_be16(w, v->path.trip_ms);
	write_u8(w, v->path.requests);
	write_u8(w, v->path.again);
	write_u8(w, v->escrow.there);
	write_be32(w, v->escrow.lock_epoch);
	write_bytes(w, v->escrow.bytes, ESCROW_SEALED_LEN);
	write_u8(w, v->trigger_count);
	for (size_t i = 0; i < v->trigger_count && i < HEALTH_TRIGGERS_MAX; i++)
		put_health_trigger(w, &v->triggers[i]);
	write_u8(w, v->device_count);
	for (size_t i = 0; i < v->device_count && i < CONFIG_DEVICES_MAX; i++)
		put_health_device(w, &v->devices[i]);
}

static void get_health_device(struct in *in, uint16_t above, struct health_device *ret)
{
	ret->num = read_be16(&in->r);
	ret->told = get_bool(in);
	ret->state = (enum device_state)get_u8_max(in, DEVICE_PAIRING_FAILED);
	ret->reason = (enum silence_reason)get_u8_max(in, SILENCE_REASON_LAST);
	ret->seen = get_bool(in);
	ret->seen_at.ms = read_be64(&in->r);
	ret->read = get_bool(in);
	ret->read_at.ms = read_be64(&in->r);
	ret->battery = read_u8(&in->r);
	ret->has_clock_error = get_bool(in);
	ret->clock_error_s = (int32_t)read_be32(&in->r);
	ret->signal_dbm = (int8_t)read_u8(&in->r);
	in->bad |= ret->signal_dbm > 0 || ret->signal_dbm < SIGNAL_MIN_DBM;
	in->bad |= ret->num <= above || (ret->battery > 100 && ret->battery != UINT8_MAX);
}

static void get_health(struct in *in, struct msg *m)
{
	struct msg_health *v = &m->health;
	uint16_t above = 0;

	v->level = get_u8_max(in, 4);
	v->light = get_u8_max(in, 15);
	v->clock = (enum clock_quality)get_u8_max(in, CLOCK_QUALITY_CLINIC);
	v->radio = get_bool(in);
	v->config_version = read_be64(&in->r);
	v->proven_version = read_be64(&in->r);
	v->refused_version = read_be64(&in->r);
	v->refusal = (enum refusal)get_u8_max(in, REFUSAL_LAST);
	in->bad |= (v->refused_version == 0) != (v->refusal == REFUSAL_NONE);
	v->trial = (enum trial)get_u8_max(in, TRIAL_LAST);
	v->assignment = read_be32(&in->r);
	v->fence = (enum fence_step)get_u8_max(in, FENCE_STEP_LAST);
	v->enrolment = (enum enrol_state)get_u8_max(in, ENROL_STATE_LAST);
	v->trouble = (enum enrol_trouble)get_u8_max(in, ENROL_TROUBLE_LAST);
	get_result(in, &v->command);
	v->retiring = get_bool(in);
	v->challenged = get_bool(in);
	v->lock_epoch = read_be32(&in->r);
	read_bytes(&in->r, v->nonce, COMMAND_NONCE_LEN);
	v->path.trip_ms = (uint16_t)get_max(in, read_be16(&in->r), PATH_TRIP_MAX_MS);
	v->path.requests = get_u8_max(in, PATH_REQUESTS_MAX);
	v->path.again = get_u8_max(in, v->path.requests);
	v->escrow.there = get_bool(in);
	v->escrow.lock_epoch = read_be32(&in->r);
	read_bytes(&in->r, v->escrow.bytes, ESCROW_SEALED_LEN);
	v->trigger_count = get_u8_max(in, HEALTH_TRIGGERS_MAX);
	for (size_t i = 0; i < v->trigger_count; i++)
		get_health_trigger(in, &v->triggers[i]);
	v->device_count = get_u8_max(in, CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < v->device_count; i++) {
		get_health_device(in, above, &v->devices[i]);
		above = v->devices[i].num;
	}
}

static void put_fence(struct writer *w, const struct msg *m)
{
	write_be32(w, m->fence.ask);
	write_u8(w, (uint8_t)m->fence.step);
	write_be32(w, m->fence.assignment);
}

static void get_fence(struct in *in, struct msg *m)
{
	m->fence.ask = read_be32(&in->r);
	m->fence.step = (enum fence_step)get_u8_max(in, FENCE_STEP_LAST);
	m->fence.assignment = read_be32(&in->r);
	in->bad |= m->fence.step == FENCE_SETTLED;
}

static void put_bonded(struct writer *w, const struct msg *m)
{
	write_be16(w, m->bonded.num);
	put_pin(w, &m->bonded.pin);
}

static void get_bonded(struct in *in, struct msg *m)
{
	m->bonded.num = read_be16(&in->r);
	get_pin(in, &m->bonded.pin);
	in->bad |= m->bonded.num == 0 || !m->bonded.pin.known;
}

static void put_link_ask(struct writer *w, const struct msg *m)
{
	write_be32(w, m->link_ask.cookie);
	write_bytes(w, m->link_ask.adapter, PERIPHERAL_ADDR_LEN);
	write_bytes(w, m->link_ask.addr, PERIPHERAL_ADDR_LEN);
	write_u8(w, (uint8_t)m->link_ask.addr_type);
}

static void get_link_ask(struct in *in, struct msg *m)
{
	m->link_ask.cookie = read_be32(&in->r);
	read_bytes(&in->r, m->link_ask.adapter, PERIPHERAL_ADDR_LEN);
	read_bytes(&in->r, m->link_ask.addr, PERIPHERAL_ADDR_LEN);
	m->link_ask.addr_type = (enum addr_type)get_u8_max(in, ADDR_RANDOM);
}

static void put_link_facts(struct writer *w, const struct msg *m)
{
	const struct msg_link_facts *v = &m->link_facts;

	write_be32(w, v->cookie);
	write_u8(w, v->bonded);
	write_u8(w, (uint8_t)v->strength);
	write_u8(w, v->key_size);
	write_u8(w, v->has_irk);
	write_u8(w, v->linked);
	write_u8(w, v->encrypted);
	write_be16(w, v->handle);
}

static void get_link_facts(struct in *in, struct msg *m)
{
	struct msg_link_facts *v = &m->link_facts;

	v->cookie = read_be32(&in->r);
	v->bonded = get_bool(in);
	v->strength = (enum link_strength)get_u8_max(in, LINK_SC_AUTHENTICATED);
	v->key_size = get_u8_max(in, 16);
	v->has_irk = get_bool(in);
	v->linked = get_bool(in);
	v->encrypted = get_bool(in);
	v->handle = read_be16(&in->r);
	in->bad |= v->key_size > 0 && v->key_size < 7;
}

static void put_store_config(struct writer *w, const struct msg *m)
{
	const struct msg_store_config *v = &m->store_config;

	write_bytes(w, v->hub, HUB_ID_LEN);
	write_be32(w, v->epoch);
	write_be32(w, v->assignment);
	write_u8(w, v->seal_key_id);
	write_bytes(w, v->seal_public, SEAL_PUBLIC_LEN);
	write_u8(w, v->level);
	write_u8(w, (uint8_t)v->retire);
	write_u8(w, v->has_share);
	write_bytes(w, v->share, ENGINE_SHARE_LEN);
}

static void get_store_config(struct in *in, struct msg *m)
{
	struct msg_store_config *v = &m->store_config;

	read_bytes(&in->r, v->hub, HUB_ID_LEN);
	v->epoch = read_be32(&in->r);
	v->assignment = read_be32(&in->r);
	v->seal_key_id = read_u8(&in->r);
	read_bytes(&in->r, v->seal_public, SEAL_PUBLIC_LEN);
	v->level = get_u8_max(in, 4);
	v->retire = (enum command_retire)get_u8_max(in, COMMAND_RETIRE_LAST);
	v->has_share = get_bool(in);
	read_bytes(&in->r, v->share, ENGINE_SHARE_LEN);
	in->bad |= v->epoch == 0;
}

static void put_endpoint(struct writer *w, const struct config_endpoint *e)
{
	put_text(w, e->name, CONFIG_NAME_MAX);
	write_bytes(w, e->addr, sizeof(e->addr));
	write_be16(w, e->port);
	write_u8(w, (uint8_t)e->profile);
	write_u8(w, (uint8_t)e->pin_count);
	for (size_t i = 0; i < e->pin_count && i < CONFIG_PINS_MAX; i++)
		write_bytes(w, e->pins[i], PIN_LEN);
}

static void get_endpoint(struct in *in, struct config_endpoint *ret)
{
	get_text(in, ret->name, CONFIG_NAME_MAX);
	in->bad |= ret->name[0] == '\0';
	read_bytes(&in->r, ret->addr, sizeof(ret->addr));
	ret->port = read_be16(&in->r);
	ret->profile = (enum dtls_profile)get_u8_max(in, DTLS_PROFILE_12_CID);
	ret->pin_count = get_u8_max(in, CONFIG_PINS_MAX);
	for (size_t i = 0; i < ret->pin_count; i++)
		read_bytes(&in->r, ret->pins[i], PIN_LEN);
	in->bad |= ret->pin_count == 0 || ret->profile == DTLS_PROFILE_NONE ||
		   ret->port == 0;
}

static void put_coap_config(struct writer *w, const struct msg *m)
{
	write_be64(w, m->coap_config.version);
	write_be16(w, m->coap_config.heartbeat_s);
	write_u8(w, m->coap_config.endpoint_count);
	for (size_t i = 0; i < m->coap_config.endpoint_count && i < CONFIG_ENDPOINTS_MAX;
	     i++)
		put_endpoint(w, &m->coap_config.endpoints[i]);
}

static void get_coap_config(struct in *in, struct msg *m)
{
	m->coap_config.version = read_be64(&in->r);
	m->coap_config.heartbeat_s = read_be16(&in->r);
	m->coap_config.endpoint_count = get_u8_max(in, CONFIG_ENDPOINTS_MAX);
	in->bad |= m->coap_config.endpoint_count == 0 ||
		   m->coap_config.heartbeat_s < CONFIG_HEARTBEAT_MIN_S;
	for (size_t i = 0; i < m->coap_config.endpoint_count; i++)
		get_endpoint(in, &m->coap_config.endpoints[i]);
}

static void put_offer(struct writer *w, const struct msg *m)
{
	const struct msg_offer *v = &m->offer;

	write_be32(w, v->id);
	write_be64(w, v->version);
	write_be16(w, v->total);
	write_be16(w, v->offset);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_offer(struct in *in, struct msg *m)
{
	struct msg_offer *v = &m->offer;

	v->id = read_be32(&in->r);
	v->version = read_be64(&in->r);
	v->total = (uint16_t)get_max(in, read_be16(&in->r), CONFIG_BYTES_MAX);
	v->offset = read_be16(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), OFFER_PIECE_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= v->version == 0 || v->version > INT64_MAX || v->len == 0 ||
		   v->offset + v->len > v->total;
}

static void put_verdict(struct writer *w, const struct msg *m)
{
	write_be32(w, m->verdict.id);
	write_u8(w, (uint8_t)m->verdict.outcome);
	write_u8(w, (uint8_t)m->verdict.why);
}

static void get_verdict(struct in *in, struct msg *m)
{
	struct msg_verdict *v = &m->verdict;

	v->id = read_be32(&in->r);
	v->outcome = (enum offer_outcome)get_u8_max(in, OFFER_LATER);
	v->why = (enum refusal)get_u8_max(in, REFUSAL_LAST);
	in->bad |= v->outcome == OFFER_NONE ||
		   (v->outcome == OFFER_REFUSED) != (v->why != REFUSAL_NONE);
}

static void put_command(struct writer *w, const struct msg *m)
{
	const struct msg_command *v = &m->command;

	write_be64(w, v->counter);
	write_be64(w, (uint64_t)v->utc_ms);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_command(struct in *in, struct msg *m)
{
	struct msg_command *v = &m->command;

	v->counter = read_be64(&in->r);
	v->utc_ms = (int64_t)read_be64(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), COMMAND_BYTES_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= v->counter == 0 || v->counter > INT64_MAX || v->utc_ms < 0 ||
		   v->utc_ms > CONFIG_CHANGE_MAX_S * 1000 || v->len == 0;
}

static void put_command_result(struct writer *w, const struct msg *m)
{
	put_result(w, &m->command_result);
}

static void get_command_result(struct in *in, struct msg *m)
{
	get_result(in, &m->command_result);
}

static void put_leaving(struct writer *w, const struct msg *m)
{
	write_u8(w, m->leaving.leaving);
}

static void get_leaving(struct in *in, struct msg *m)
{
	m->leaving.leaving = get_bool(in);
}

static void put_test(struct writer *w, const struct msg *m)
{
	write_be32(w, m->test.ms_left);
}

static void get_test(struct in *in, struct msg *m)
{
	m->test.ms_left = read_be32(&in->r);
	in->bad |= m->test.ms_left > COMMAND_TEST_MIN_MAX * 60000u;
}

static void put_enrolment(struct writer *w, const struct msg *m)
{
	const struct msg_enrolment *v = &m->enrolment;

	write_u8(w, (uint8_t)v->state);
	write_u8(w, (uint8_t)v->trouble);
	write_u8(w, v->renewing);
	write_be32(w, v->epoch);
	write_u8(w, v->has_hub);
	write_bytes(w, v->hub, HUB_ID_LEN);
	write_be16(w, v->total);
	write_be16(w, v->offset);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_enrolment(struct in *in, struct msg *m)
{
	struct msg_enrolment *v = &m->enrolment;

	v->state = (enum enrol_state)get_u8_max(in, ENROL_STATE_LAST);
	v->trouble = (enum enrol_trouble)get_u8_max(in, ENROL_TROUBLE_LAST);
	v->renewing = get_bool(in);
	v->epoch = read_be32(&in->r);
	v->has_hub = get_bool(in);
	read_bytes(&in->r, v->hub, HUB_ID_LEN);
	v->total = (uint16_t)get_max(in, read_be16(&in->r), ENROLMENT_TRUST_MAX);
	v->offset = read_be16(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), ENROLMENT_PIECE_MAX);
	in->bad |= v->state == ENROL_NONE || v->offset > v->total ||
		   v->len > v->total - v->offset;
	read_bytes(&in->r, v->bytes, v->len);
}

static void put_sign_keys(struct writer *w, const struct msg *m)
{
	const struct msg_sign_keys *v = &m->sign_keys;

	write_be32(w, v->epoch);
	write_u8(w, v->has_sign);
	write_bytes(w, v->sign_public, SIGN_KEYS_PUBLIC_LEN);
	write_u8(w, v->has_audit);
	write_bytes(w, v->audit_key, SIGN_KEYS_AUDIT_LEN);
}

static void get_sign_keys(struct in *in, struct msg *m)
{
	struct msg_sign_keys *v = &m->sign_keys;

	v->epoch = read_be32(&in->r);
	v->has_sign = get_bool(in);
	read_bytes(&in->r, v->sign_public, SIGN_KEYS_PUBLIC_LEN);
	v->has_audit = get_bool(in);
	read_bytes(&in->r, v->audit_key, SIGN_KEYS_AUDIT_LEN);
	in->bad |= v->epoch == 0 || (v->has_audit && !v->has_sign);
}

static void put_evidence(struct writer *w, const struct msg *m)
{
	const struct msg_evidence *v = &m->evidence;

	write_be64(w, v->counter);
	write_u8(w, v->index);
	write_u8(w, v->total);
	write_be16(w, v->findings);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_evidence(struct in *in, struct msg *m)
{
	struct msg_evidence *v = &m->evidence;

	v->counter = read_be64(&in->r);
	v->index = read_u8(&in->r);
	v->total = get_u8_max(in, EVIDENCE_PIECES_MAX);
	v->findings = read_be16(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), EVIDENCE_PIECE_BODY_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= v->counter == 0 || v->index >= v->total || v->len == 0;
}

static void put_evidence_taken(struct writer *w, const struct msg *m)
{
	write_be64(w, m->evidence_taken.counter);
	write_be64(w, m->evidence_taken.snapshot);
}

static void get_evidence_taken(struct in *in, struct msg *m)
{
	m->evidence_taken.counter = read_be64(&in->r);
	m->evidence_taken.snapshot = read_be64(&in->r);
}

static void put_snapshot(struct writer *w, const struct msg *m)
{
	const struct msg_snapshot *v = &m->snapshot;

	write_be64(w, v->number);
	write_be16(w, v->index);
	write_be16(w, v->total);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_snapshot(struct in *in, struct msg *m)
{
	struct msg_snapshot *v = &m->snapshot;

	v->number = read_be64(&in->r);
	v->index = read_be16(&in->r);
	v->total = (uint16_t)get_max(in, read_be16(&in->r), SNAPSHOT_PIECES_MAX);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), SNAPSHOT_PIECE_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= v->number == 0 || v->index >= v->total || v->len == 0;
}

static void put_snapshot_taken(struct writer *w, const struct msg *m)
{
	write_be64(w, m->snapshot_taken.number);
	write_be16(w, m->snapshot_taken.count);
	write_u8(w, m->snapshot_taken.whole);
}

static void get_snapshot_taken(struct in *in, struct msg *m)
{
	m->snapshot_taken.number = read_be64(&in->r);
	m->snapshot_taken.count = read_be16(&in->r);
	m->snapshot_taken.whole = get_bool(in);
}

static void put_unpair(struct writer *w, const struct msg *m)
{
	write_be16(w, m->unpair.num);
}

static void get_unpair(struct in *in, struct msg *m)
{
	m->unpair.num = read_be16(&in->r);
	in->bad |= m->unpair.num == 0;
}

static void put_console_ask(struct writer *w, const struct msg *m)
{
	const struct msg_console_ask *v = &m->console_ask;

	write_be32(w, v->ask);
	write_u8(w, v->verb);
	write_be64(w, v->number);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_console_ask(struct in *in, struct msg *m)
{
	struct msg_console_ask *v = &m->console_ask;

	v->ask = read_be32(&in->r);
	v->verb = read_u8(&in->r);
	v->number = read_be64(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), CONSOLE_BYTES_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= v->ask == 0 || v->verb == 0;
}

static void put_console_answer(struct writer *w, const struct msg *m)
{
	const struct msg_console_answer *v = &m->console_answer;

	write_be32(w, v->ask);
	write_u8(w, v->more);
	write_u8(w, v->open);
	write_u8(w, v->wants_button);
	write_u8(w, (uint8_t)v->outcome);
	write_u8(w, (uint8_t)v->why);
	write_u8(w, (uint8_t)v->end);
	write_be32(w, v->wait_s);
	write_u8(w, v->challenged);
	write_bytes(w, v->challenge, sizeof(v->challenge));
	write_u8(w, v->count);
	for (size_t i = 0; i < v->count && i < CONSOLE_VALUES_MAX; i++) {
		write_u8(w, v->values[i].row);
		write_u8(w, (uint8_t)v->values[i].label);
		write_u8(w, (uint8_t)v->values[i].type);
		write_be64(w, v->values[i].value);
	}
}

static void get_console_value(struct in *in, struct console_value *ret)
{
	ret->row = read_u8(&in->r);
	ret->label = (enum console_label)get_u8_max(in, CONSOLE_LABEL_LAST);
	ret->type = (enum console_type)get_u8_max(in, CONSOLE_TYPE_LAST);
	ret->value = read_be64(&in->r);
	in->bad |= ret->type == CONSOLE_TYPE_NONE || ret->label == CONSOLE_LABEL_NONE;
}

static void get_console_answer(struct in *in, struct msg *m)
{
	struct msg_console_answer *v = &m->console_answer;

	v->ask = read_be32(&in->r);
	v->more = get_bool(in);
	v->open = get_bool(in);
	v->wants_button = get_bool(in);
	v->outcome = (enum console_outcome)get_u8_max(in, CONSOLE_OUTCOME_LAST);
	v->why = (enum console_why)get_u8_max(in, CONSOLE_WHY_LAST);
	v->end = (enum console_end)get_u8_max(in, CONSOLE_END_LAST);
	v->wait_s = read_be32(&in->r);
	v->challenged = get_bool(in);
	read_bytes(&in->r, v->challenge, sizeof(v->challenge));
	v->count = get_u8_max(in, CONSOLE_VALUES_MAX);
	for (size_t i = 0; i < v->count; i++)
		get_console_value(in, &v->values[i]);
}

static void put_console_cable(struct writer *w, const struct msg *m)
{
	write_u8(w, m->console_cable.there);
	write_u8(w, m->console_cable.senses);
}

static void get_console_cable(struct in *in, struct msg *m)
{
	m->console_cable.there = get_bool(in);
	m->console_cable.senses = get_bool(in);
}

static void put_export(struct writer *w, const struct msg *m)
{
	write_be32(w, m->export.ask);
	write_u8(w, (uint8_t)m->export.what);
}

static void get_export(struct in *in, struct msg *m)
{
	m->export.ask = read_be32(&in->r);
	m->export.what = (enum export_what)get_u8_max(in, EXPORT_WHAT_LAST);
}

static void put_exported(struct writer *w, const struct msg *m)
{
	write_be32(w, m->exported.ask);
	write_u8(w, (uint8_t)m->exported.state);
	write_be64(w, m->exported.records);
	write_be64(w, m->exported.bytes);
}

static void get_exported(struct in *in, struct msg *m)
{
	struct msg_exported *v = &m->exported;

	v->ask = read_be32(&in->r);
	v->state = (enum export_state)get_u8_max(in, EXPORT_STATE_LAST);
	v->records = read_be64(&in->r);
	v->bytes = read_be64(&in->r);
	in->bad |= v->state == EXPORT_STATE_NONE;
}

static void put_audit(struct writer *w, const struct msg *m)
{
	const struct audit_event *v = &m->audit;

	write_u8(w, (uint8_t)v->kind);
	write_u8(w, (uint8_t)v->outcome);
	write_u8(w, (uint8_t)v->agent);
	write_be32(w, v->agent_id);
	write_u8(w, v->source);
	write_u8(w, (uint8_t)v->object);
	write_be64(w, v->a);
	write_be64(w, v->b);
	put_text(w, v->detail, AUDIT_DETAIL_MAX);
}

static void get_audit(struct in *in, struct msg *m)
{
	struct audit_event *v = &m->audit;

	v->kind = (enum audit_kind)read_u8(&in->r);
	v->outcome = (enum audit_outcome)read_u8(&in->r);
	v->agent = (enum audit_agent)read_u8(&in->r);
	v->agent_id = read_be32(&in->r);
	v->source = read_u8(&in->r);
	v->object = (enum audit_object)read_u8(&in->r);
	v->a = read_be64(&in->r);
	v->b = read_be64(&in->r);
	get_text(in, v->detail, AUDIT_DETAIL_MAX);
	/* what hubd may say is what people did, no more */
	in->bad |= v->kind < AUDIT_CONSOLE_SESSION || v->kind > AUDIT_EXPORT ||
		   audit_event_check(v) != 0;
}

static void put_account(struct writer *w, const struct msg *m)
{
	const struct msg_account *v = &m->account;

	write_be64(w, v->number);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

/* What is sealed as hubd's is nothing else than such an account. */
static void get_account(struct in *in, struct msg *m)
{
	struct msg_account *v = &m->account;
	struct console_account a;

	v->number = read_be64(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), CONSOLE_ACCOUNT_BYTES_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= console_account_decode(v->bytes, v->len, &a) != 0 ||
		   a.number != v->number;
}

static void put_account_taken(struct writer *w, const struct msg *m)
{
	write_be64(w, m->account_taken.number);
}

static void get_account_taken(struct in *in, struct msg *m)
{
	m->account_taken.number = read_be64(&in->r);
}

static void put_time(struct writer *w, const struct msg *m)
{
	write_be64(w, m->time.at.ms);
	put_wall(w, &m->time.utc);
}

static void get_time(struct in *in, struct msg *m)
{
	m->time.at.ms = read_be64(&in->r);
	get_wall(in, &m->time.utc);
}

static void put_incident(struct writer *w, const struct msg *m)
{
	write_be16(w, (uint16_t)m->incident.what);
	write_be16(w, m->incident.subject);
	write_be32(w, m->incident.count);
}

static void get_incident(struct in *in, struct msg *m)
{
	m->incident.what =
		(enum incident)get_max(in, read_be16(&in->r), INCIDENT_RESTORED);
	m->incident.subject = read_be16(&in->r);
	m->incident.count = read_be32(&in->r);
}

static void put_status(struct writer *w, const struct msg *m)
{
	write_u8(w, (uint8_t)m->status.what);
	write_be64(w, m->status.a);
	write_be64(w, m->status.b);
}

static void get_status(struct in *in, struct msg *m)
{
	m->status.what = (enum status_what)get_u8_max(in, STATUS_WHAT_LAST);
	m->status.a = read_be64(&in->r);
	m->status.b = read_be64(&in->r);
}

static void put_anchor(struct writer *w, const struct msg *m)
{
	const struct msg_anchor *v = &m->anchor;

	write_u8(w, v->only);
	write_be16(w, v->trust);
	write_be16(w, v->total);
	write_be16(w, v->offset);
	write_be16(w, v->len);
	write_bytes(w, v->bytes, v->len);
}

static void get_anchor(struct in *in, struct msg *m)
{
	struct msg_anchor *v = &m->anchor;

	v->only = get_bool(in);
	v->trust = (uint16_t)get_max(in, read_be16(&in->r), CONFIG_TRUST_MAX);
	v->total = (uint16_t)get_max(in, read_be16(&in->r), ANCHOR_BYTES_MAX);
	v->offset = read_be16(&in->r);
	v->len = (uint16_t)get_max(in, read_be16(&in->r), ENROLMENT_PIECE_MAX);
	read_bytes(&in->r, v->bytes, v->len);
	in->bad |= v->trust == 0 || v->trust > v->total ||
		   v->total - v->trust > CONFIG_CROSS_MAX || v->len == 0 ||
		   v->offset > v->total || v->len > v->total - v->offset;
}

static void put_identity(struct writer *w, const struct msg *m)
{
	const struct msg_identity *v = &m->identity;

	write_u8(w, v->level);
	write_be32(w, v->renewal);
	write_u8(w, v->has_share);
	write_bytes(w, v->share, IDENTITY_SHARE_LEN);
}

static void get_identity(struct in *in, struct msg *m)
{
	struct msg_identity *v = &m->identity;

	v->level = get_u8_max(in, 4);
	v->renewal = read_be32(&in->r);
	v->has_share = get_bool(in);
	read_bytes(&in->r, v->share, IDENTITY_SHARE_LEN);
	in->bad |= v->has_share && v->level == IDENTITY_LEVEL_WITHHELD;
}

#define BIT(role) (1u << (role))

static const struct row {
	enum msg_kind kind;
	unsigned from, to; /* sets of roles */
	void (*put)(struct writer *w, const struct msg *m);
	void (*get)(struct in *in, struct msg *m);
} table[] = {
	{ MSG_RAW, BIT(ROLE_BLE), BIT(ROLE_STORE), put_raw, get_raw },
	{ MSG_DECODED, BIT(ROLE_BLE), BIT(ROLE_STORE), put_decoded, get_decoded },
	{ MSG_DISCARD, BIT(ROLE_BLE), BIT(ROLE_STORE), put_discard, get_discard },
	{ MSG_STORE_STATE, BIT(ROLE_STORE), BIT(ROLE_BLE), put_store_state,
	  get_store_state },
	{ MSG_DURABLE, BIT(ROLE_STORE), BIT(ROLE_BLE), put_durable, get_durable },
	{ MSG_MEMORY, BIT(ROLE_STORE), BIT(ROLE_BLE), put_memory, get_memory },
	{ MSG_MEMORY, BIT(ROLE_BLE), BIT(ROLE_STORE), put_memory, get_memory },
	{ MSG_UPLOAD, BIT(ROLE_STORE), BIT(ROLE_COAP), put_batch, get_batch },
	{ MSG_QUEUE_STATE, BIT(ROLE_STORE), BIT(ROLE_COAP), put_queue_state,
	  get_queue_state },
	{ MSG_WANT, BIT(ROLE_COAP), BIT(ROLE_STORE), put_want, get_want },
	{ MSG_ACK, BIT(ROLE_COAP), BIT(ROLE_STORE), put_ack, get_ack },
	{ MSG_BLE_CONFIG, BIT(ROLE_HUBD), BIT(ROLE_BLE), put_ble_config, get_ble_config },
	{ MSG_STORE_CONFIG, BIT(ROLE_HUBD), BIT(ROLE_STORE), put_store_config,
	  get_store_config },
	{ MSG_COAP_CONFIG, BIT(ROLE_HUBD), BIT(ROLE_COAP), put_coap_config,
	  get_coap_config },
	{ MSG_TIME, BIT(ROLE_HUBD), BIT(ROLE_BLE) | BIT(ROLE_STORE) | BIT(ROLE_COAP),
	  put_time, get_time },
	{ MSG_TIME, BIT(ROLE_COAP), BIT(ROLE_HUBD), put_time, get_time },
	{ MSG_WINDOW, BIT(ROLE_HUBD), BIT(ROLE_BLE), put_window, get_window },
	{ MSG_HEALTH, BIT(ROLE_HUBD), BIT(ROLE_STORE), put_health, get_health },
	{ MSG_OFFER, BIT(ROLE_COAP), BIT(ROLE_HUBD), put_offer, get_offer },
	{ MSG_VERDICT, BIT(ROLE_HUBD), BIT(ROLE_COAP), put_verdict, get_verdict },
	{ MSG_COMMAND, BIT(ROLE_COAP), BIT(ROLE_HUBD), put_command, get_command },
	{ MSG_COMMAND_RESULT, BIT(ROLE_HUBD), BIT(ROLE_COAP), put_command_result,
	  get_command_result },
	{ MSG_LEAVING, BIT(ROLE_HUBD), BIT(ROLE_COAP), put_leaving, get_leaving },
	{ MSG_TEST, BIT(ROLE_HUBD), BIT(ROLE_BLE), put_test, get_test },
	{ MSG_UNPAIR, BIT(ROLE_HUBD), BIT(ROLE_BLE), put_unpair, get_unpair },
	{ MSG_FENCE, BIT(ROLE_HUBD), BIT(ROLE_BLE) | BIT(ROLE_STORE), put_fence,
	  get_fence },
	{ MSG_FENCED, BIT(ROLE_BLE) | BIT(ROLE_STORE), BIT(ROLE_HUBD), put_fence,
	  get_fence },
	{ MSG_ENROLMENT, BIT(ROLE_COAP), BIT(ROLE_HUBD), put_enrolment, get_enrolment },
	{ MSG_ANCHOR, BIT(ROLE_HUBD), BIT(ROLE_COAP), put_anchor, get_anchor },
	{ MSG_IDENTITY, BIT(ROLE_HUBD), BIT(ROLE_COAP), put_identity, get_identity },
	{ MSG_SIGN_KEYS, BIT(ROLE_COAP), BIT(ROLE_STORE), put_sign_keys, get_sign_keys },
	{ MSG_SIGN_KEYS, BIT(ROLE_STORE), BIT(ROLE_COAP), put_sign_keys, get_sign_keys },
	{ MSG_EVIDENCE, BIT(ROLE_MEASURE), BIT(ROLE_STORE), put_evidence, get_evidence },
	{ MSG_EVIDENCE_TAKEN, BIT(ROLE_STORE), BIT(ROLE_MEASURE), put_evidence_taken,
	  get_evidence_taken },
	{ MSG_SNAPSHOT, BIT(ROLE_MEASURE), BIT(ROLE_STORE), put_snapshot, get_snapshot },
	{ MSG_SNAPSHOT_TAKEN, BIT(ROLE_STORE), BIT(ROLE_MEASURE), put_snapshot_taken,
	  get_snapshot_taken },
	{ MSG_CONSOLE_ASK, BIT(ROLE_CONSOLE), BIT(ROLE_HUBD), put_console_ask,
	  get_console_ask },
	{ MSG_CONSOLE_ANSWER, BIT(ROLE_HUBD), BIT(ROLE_CONSOLE), put_console_answer,
	  get_console_answer },
	{ MSG_CONSOLE_CABLE, BIT(ROLE_CONSOLE), BIT(ROLE_HUBD), put_console_cable,
	  get_console_cable },
	{ MSG_AUDIT, BIT(ROLE_HUBD), BIT(ROLE_STORE), put_audit, get_audit },
	{ MSG_EXPORT, BIT(ROLE_HUBD), BIT(ROLE_STORE), put_export, get_export },
	{ MSG_EXPORTED, BIT(ROLE_STORE), BIT(ROLE_HUBD), put_exported, get_exported },
	{ MSG_ACCOUNT, BIT(ROLE_HUBD), BIT(ROLE_STORE), put_account, get_account },
	{ MSG_ACCOUNT_TAKEN, BIT(ROLE_STORE), BIT(ROLE_HUBD), put_account_taken,
	  get_account_taken },
	{ MSG_INCIDENT,
	  BIT(ROLE_BLE) | BIT(ROLE_STORE) | BIT(ROLE_COAP) | BIT(ROLE_MEASURE),
	  BIT(ROLE_HUBD), put_incident, get_incident },
	{ MSG_STATUS,
	  BIT(ROLE_BLE) | BIT(ROLE_STORE) | BIT(ROLE_COAP) | BIT(ROLE_MEASURE),
	  BIT(ROLE_HUBD), put_status, get_status },
	{ MSG_BONDED, BIT(ROLE_BLE), BIT(ROLE_HUBD), put_bonded, get_bonded },
	{ MSG_LINK_ASK, BIT(ROLE_BLE), BIT(ROLE_BOND), put_link_ask, get_link_ask },
	{ MSG_LINK_FACTS, BIT(ROLE_BOND), BIT(ROLE_BLE), put_link_facts, get_link_facts },
};

static const struct row *find(enum msg_kind kind)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].kind == kind)
			return &table[i];
	return NULL;
}

bool msg_allowed(enum msg_kind kind, enum role from, enum role to)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].kind == kind && table[i].from & BIT(from) &&
		    table[i].to & BIT(to))
			return true;
	return false;
}

int msg_encode(const struct msg *m, uint8_t *buf, size_t cap)
{
	const struct row *row = find(m->kind);
	struct writer w;

	if (!row)
		return -ERANGE;
	writer_init(&w, buf, cap);
	write_u8(&w, MSG_VERSION);
	write_u8(&w, (uint8_t)m->kind);
	row->put(&w, m);
	return writer_len(&w);
}

static int parse(const uint8_t *buf, size_t len, struct msg *m)
{
	struct in in = { 0 };
	const struct row *row;
	uint8_t version;

	reader_init(&in.r, buf, len);
	version = read_u8(&in.r);
	m->kind = (enum msg_kind)read_u8(&in.r);
	if (!reader_ok(&in.r))
		return -EBADMSG;
	row = find(m->kind);
	if (version != MSG_VERSION || !row)
		return -ENOTSUP;
	row->get(&in, m);
	if (in.bad)
		return -ERANGE;
	return reader_done(&in.r) ? 0 : -EBADMSG;
}

int msg_decode(const uint8_t *buf, size_t len, struct msg *ret)
{
	struct msg m = { 0 };
	int r = parse(buf, len, &m);

	if (r == 0)
		*ret = m;
	explicit_bzero(&m, sizeof(m)); /* a reading, or the engine share */
	return r;
}

uint64_t escrow_name(const uint8_t bytes[static ESCROW_SEALED_LEN])
{
	struct reader r;

	reader_init(&r, bytes + 2, ESCROW_SEALED_LEN - 2); /* behind version and key id */
	return read_be64(&r);
}

const char *role_text(enum role r)
{
	switch (r) {
	case ROLE_NONE: break;
	case ROLE_BLE: return "ble";
	case ROLE_STORE: return "store";
	case ROLE_COAP: return "coap";
	case ROLE_HUBD: return "hubd";
	case ROLE_BOND: return "bond";
	case ROLE_MEASURE: return "measure";
	case ROLE_CONSOLE: return "console";
	}
	return "?";
}

const char *incident_text(enum incident i)
{
	switch (i) {
	case INCIDENT_NONE: break;
	case INCIDENT_RADIO_GARBAGE: return "radio-garbage";
	case INCIDENT_RADIO_IMPOSTOR: return "radio-impostor";
	case INCIDENT_SERVER_IDENTITY: return "server-identity";
	case INCIDENT_HANDSHAKE: return "handshake";
	case INCIDENT_TIME: return "time";
	case INCIDENT_DECODER: return "decoder";
	case INCIDENT_STORAGE: return "storage";
	case INCIDENT_USB: return "usb";
	case INCIDENT_CASE: return "case";
	case INCIDENT_CODE: return "code";
	case INCIDENT_IPC: return "ipc";
	case INCIDENT_AUDIT: return "audit";
	case INCIDENT_ROLLBACK: return "rollback";
	case INCIDENT_SOCKET: return "socket";
	case INCIDENT_CONFIG: return "config";
	case INCIDENT_REFUSED: return "refused";
	case INCIDENT_RESTORED: return "clinic-restored";
	}
	return "?";
}

const char *fence_step_text(enum fence_step s)
{
	switch (s) {
	case FENCE_SETTLED: return "settled";
	case FENCE_QUIET: return "quiet";
	case FENCE_SAVED: return "saved";
	case FENCE_FORGET: return "forget";
	case FENCE_CLEARED: return "cleared";
	case FENCE_SEAL: return "seal";
	}
	return "?";
}

const char *silence_reason_text(enum silence_reason r)
{
	switch (r) {
	case SILENCE_NONE: return "none";
	case SILENCE_UNSEEN: return "unseen";
	case SILENCE_DEVICE_FORGOT: return "device-forgot";
	case SILENCE_HUB_FORGOT: return "hub-forgot";
	case SILENCE_TAKEN: return "taken";
	case SILENCE_CHANGED: return "changed";
	case SILENCE_SERVICES: return "services";
	case SILENCE_ADAPTER: return "adapter";
	case SILENCE_WEAK: return "weak";
	case SILENCE_PASSKEY: return "passkey";
	case SILENCE_KEY_SHORT: return "key-short";
	case SILENCE_CONSENT: return "consent";
	}
	return "?";
}
