/*
 * fuzz_racp.c - answers of the control point, and one run of the machine that asks it against a device that says
 * anything: bounded writes, a deadline for every wait, nothing marked that was not sent, exactly one end.
 *
 * Octets 0..7: configuration; then one event each: the low three bits say which, the others, or the octets that
 * follow, what with.
 */
#include <errno.h>
#include <stdlib.h>

#include "ble/racp.h"
#include "hub/core/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum event {
	EVENT_WRITTEN = 0,
	EVENT_SUBSCRIBED,
	EVENT_RECORD,
	EVENT_CONTEXT,
	EVENT_UNREADABLE,
	EVENT_INDICATION,
	EVENT_TIME,
	EVENT_OTHER,
};

struct run {
	struct racp racp;
	struct racp_config cfg;
	struct mono now;
	unsigned writes, dones;
	bool seen, open; /* a key; a write whose result the device owes */
	uint32_t highest;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void configure(struct run *run, struct reader *in)
{
	uint8_t bits = read_u8(in);

	run->now.ms = 1000;
	run->cfg = (struct racp_config){
		.key_bits = bits & 1   ? 16
			    : bits & 2 ? 32
				       : 0,
		.filter = RACP_FILTER_KEY,
		.import = bits & 4,
		.may_delete = bits & 8,
		.mark = { .kind = (enum racp_mark_kind)((bits >> 4 & 3) % 3),
			  .has_fence = bits & 128,
			  .key = read_le16(in),
			  .fence = read_le16(in),
			  .history = read_u8(in) },
	};
	racp_init(&run->racp, &run->cfg);
	racp_start(&run->racp, run->now);
}

static void drain(struct run *run)
{
	enum racp_action a;
	struct racp_write w;

	for (int turns = 0; (a = racp_next(&run->racp, run->now, &w)) != RACP_NOTHING;
	     turns++) {
		check(turns < 8);
		run->dones += a == RACP_DONE;
		if (a != RACP_WRITE)
			continue;
		check(!run->open && w.len >= 2 && w.len <= RACP_REQUEST_MAX);
		/* what is deleted is named */
		check(w.bytes[0] != RACP_DELETE || (run->cfg.may_delete && w.len > 4));
		check(++run->writes <= RACP_WRITES_MAX);
		run->open = true;
	}
	check(racp_deadline(&run->racp).ms > run->now.ms);
}

static void on_written(struct run *run, unsigned arg)
{
	static const int results[] = { 0, -EAGAIN, -EPROTO, -ENOTSUP, -EIO };

	if (run->open)
		racp_on_write(&run->racp, results[arg % 5], run->now);
	run->open = false;
}

static void on_record(struct run *run, uint32_t key)
{
	racp_on_record(&run->racp, key, run->now);
	if (!run->seen || key > run->highest)
		run->highest = key;
	run->seen = true;
}

static void one_event(struct run *run, struct reader *in)
{
	uint8_t octet = read_u8(in), arg = octet >> 3;
	const uint8_t *answer;

	switch ((enum event)(octet & 7)) {
	case EVENT_WRITTEN: on_written(run, arg); break;
	case EVENT_SUBSCRIBED:
		racp_on_subscribed(&run->racp, arg & 1 ? -EIO : 0, run->now);
		break;
	case EVENT_RECORD: on_record(run, arg < 31 ? arg : read_le24(in)); break;
	case EVENT_CONTEXT: racp_on_context(&run->racp, arg, run->now); break;
	case EVENT_UNREADABLE: racp_on_unreadable(&run->racp, run->now); break;
	case EVENT_INDICATION:
		answer = read_span(in, arg);
		if (answer)
			racp_on_indication(&run->racp, answer, arg, run->now);
		break;
	case EVENT_TIME:
		if (arg == 31 && racp_deadline(&run->racp).ms != MONO_NEVER.ms)
			run->now = racp_deadline(&run->racp);
		else
			run->now.ms += arg;
		break;
	case EVENT_OTHER:
		if (arg & 1) {
			run->dones -= racp_delete(&run->racp, run->now) == 0;
		} else {
			racp_on_gone(&run->racp, run->now);
			run->open = false;
		}
		break;
	}
}

static void check_result(const struct run *run)
{
	const struct racp_result *r = racp_result(&run->racp);
	const struct racp_mark *before = &run->cfg.mark;

	check(run->dones == 1 && r->outcome != RACP_RUNNING);
	check(r->mark.history - before->history <= 1);
	if (r->mark.kind == RACP_MARK_KEY)
		check((before->kind == RACP_MARK_KEY && r->mark.key == before->key) ||
		      (run->seen && r->mark.key <= run->highest));
	if (r->deleted)
		check(before->kind == RACP_MARK_KEY &&
		      r->mark.history == before->history);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { 0 };
	struct racp_answer answer;
	struct reader in;

	if (racp_decode_response(data, size, &answer) == 0)
		check(size == 4 || size == 6);
	reader_init(&in, data, size);
	configure(&run, &in);
	drain(&run);
	while (reader_left(&in) > 0 && reader_ok(&in)) {
		one_event(&run, &in);
		drain(&run);
	}
	for (int i = 0; racp_deadline(&run.racp).ms != MONO_NEVER.ms; i++) {
		check(i < 4 * RACP_WRITES_MAX); /* silence ends every run */
		run.now = racp_deadline(&run.racp);
		drain(&run);
	}
	check_result(&run);
	return 0;
}
