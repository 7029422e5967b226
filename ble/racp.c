/*
 * racp.c - asking a device for the records that it keeps; see racp.h for the diagram and
 * the invariants.
 *
 * A request: opcode u8, operator u8, and for the operators that compare: filter type u8,
 * one or two keys u16 or u32. An answer: opcode u8, operator u8 (null), then request u8 and
 * code u8, or a count u16 or u32. Little-endian.
 */
#include "ble/racp.h"

#include <errno.h>

#include "hub/core/cursor.h"

/* ---- octets ---- */

static void write_key(struct writer *w, uint8_t key_bits, uint32_t key)
{
	write_le16(w, (uint16_t)key);
	if (key_bits == 32)
		write_le16(w, (uint16_t)(key >> 16));
}

static bool is_comparison(enum racp_operator op)
{
	return op == RACP_UP_TO || op == RACP_FROM || op == RACP_RANGE;
}

/* Which operator goes with which opcode. Nothing is deleted but what is named. */
static bool is_request(enum racp_opcode opcode, enum racp_operator op)
{
	switch (opcode) {
	case RACP_REPORT:
	case RACP_COUNT:
	case RACP_COMBINED: return op >= RACP_ALL && op <= RACP_LAST;
	case RACP_DELETE: return op == RACP_UP_TO || op == RACP_RANGE;
	case RACP_ABORT: return op == RACP_NULL;
	case RACP_COUNT_RESPONSE:
	case RACP_RESPONSE:
	case RACP_COMBINED_RESPONSE: break;
	}
	return false;
}

static uint32_t highest_key(uint8_t key_bits)
{
	return key_bits == 32 ? UINT32_MAX : UINT16_MAX;
}

static bool is_operand(const struct racp_request *req)
{
	uint32_t top = highest_key(req->key_bits);

	if (req->key_bits != 16 && req->key_bits != 32)
		return false;
	if (req->op == RACP_RANGE && (req->key2 > top || req->key2 < req->key))
		return false;
	return req->key <= top;
}

int racp_encode_request(const struct racp_request *req,
			uint8_t buf[static RACP_REQUEST_MAX])
{
	struct writer w;

	if (!is_request(req->opcode, req->op))
		return -ENOTSUP;
	if (is_comparison(req->op) && !is_operand(req))
		return -ERANGE;
	writer_init(&w, buf, RACP_REQUEST_MAX);
	write_u8(&w, (uint8_t)req->opcode);
	write_u8(&w, (uint8_t)req->op);
	if (is_comparison(req->op)) {
		write_u8(&w, req->filter);
		write_key(&w, req->key_bits, req->key);
		if (req->op == RACP_RANGE)
			write_key(&w, req->key_bits, req->key2);
	}
	return writer_len(&w);
}

int racp_decode_response(const uint8_t *buf, size_t len, struct racp_answer *ret)
{
	struct racp_answer a = { 0 };
	struct reader r;
	uint8_t opcode, op;

	reader_init(&r, buf, len);
	opcode = read_u8(&r);
	op = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	if (opcode == RACP_RESPONSE) {
		a.request = read_u8(&r);
		a.code = read_u8(&r);
	} else if (opcode == RACP_COUNT_RESPONSE || opcode == RACP_COMBINED_RESPONSE) {
		a.request = opcode == RACP_COUNT_RESPONSE ? RACP_COUNT : RACP_COMBINED;
		a.count = reader_left(&r) == 4 ? read_le32(&r) : read_le16(&r);
	} else {
		return -EBADMSG;
	}
	if (!reader_done(&r))
		return -EMSGSIZE;
	if (op != RACP_NULL)
		return -EBADMSG;
	a.opcode = (enum racp_opcode)opcode;
	*ret = a;
	return 0;
}

/* ---- one run ---- */

/* States whose request makes the device send records. */
static bool is_report(enum racp_state state)
{
	switch (state) {
	case RACP_STATE_FENCE:
	case RACP_STATE_FENCE_ALL:
	case RACP_STATE_FROM:
	case RACP_STATE_CHECK:
	case RACP_STATE_ALL: return true;
	case RACP_STATE_IDLE:
	case RACP_STATE_COUNT:
	case RACP_STATE_DELETE:
	case RACP_STATE_UNBLOCK:
	case RACP_STATE_ABORT:
	case RACP_STATE_ENDED: break;
	}
	return false;
}

static bool is_abort(enum racp_state state)
{
	return state == RACP_STATE_ABORT || state == RACP_STATE_UNBLOCK;
}

static void wait_for_answer(struct racp *r, struct mono now)
{
	r->deadline = mono_add(now, is_abort(r->state) ? RACP_ABORT_MS : RACP_ANSWER_MS);
}

static void enter(struct racp *r, enum racp_state state, struct mono now)
{
	r->state = state;
	r->to_write = true;
	r->to_subscribe = r->subscribing = false;
	r->answered = r->seen = r->unsure = false;
	r->ending = RACP_RUNNING;
	r->values = r->records = r->highest = 0;
	wait_for_answer(r, now);
}

static void finish(struct racp *r, enum racp_outcome outcome)
{
	r->state = RACP_STATE_ENDED;
	r->to_write = r->to_subscribe = r->subscribing = r->answered = false;
	r->deadline = MONO_NEVER;
	r->result.outcome = outcome;
	r->to_tell = true;
}

void racp_init(struct racp *r, const struct racp_config *cfg)
{
	*r = (struct racp){ .cfg = *cfg,
			    .result = { .mark = cfg->mark },
			    .fallback = RACP_INCOMPLETE,
			    .deadline = MONO_NEVER };
}

/* First contact, and the highest key is not known yet. */
static bool wants_fence(const struct racp *r)
{
	return r->cfg.key_bits && !r->cfg.import && r->result.mark.kind == RACP_MARK_NONE;
}

void racp_start(struct racp *r, struct mono now)
{
	const struct racp_mark *mark = &r->result.mark;

	if (r->state != RACP_STATE_IDLE)
		return;
	if (wants_fence(r))
		enter(r, RACP_STATE_FENCE, now);
	else if (!r->cfg.key_bits || mark->kind != RACP_MARK_KEY)
		enter(r, RACP_STATE_ALL, now);
	else if (r->cfg.may_delete || mark->key >= highest_key(r->cfg.key_bits))
		enter(r, RACP_STATE_CHECK, now);
	else
		enter(r, RACP_STATE_FROM, now);
}

/* The memory began anew: all that is there now is of a new history. */
static void start_over(struct racp *r, struct mono now)
{
	r->result.mark = (struct racp_mark){ .kind = RACP_MARK_EMPTY,
					     .history = r->result.mark.history + 1 };
	enter(r, RACP_STATE_ALL, now);
}

static void move_mark(struct racp *r)
{
	struct racp_mark *mark = &r->result.mark;

	if (mark->kind != RACP_MARK_KEY || r->highest > mark->key)
		mark->key = r->highest;
	mark->kind = RACP_MARK_KEY;
}

/* All that is stored is from before the hub. */
static void set_fence(struct racp *r)
{
	move_mark(r);
	r->result.mark.has_fence = true;
	r->result.mark.fence = r->highest;
	r->fallback = RACP_COMPLETE;
}

/* The newest record is older than the mark: the memory began anew. Except if all after the
 * fence may have been deleted by us; should it have grown to just there, the next record
 * will tell. */
static bool is_reset(const struct racp *r)
{
	const struct racp_mark *mark = &r->result.mark;

	if (r->cfg.may_delete && mark->has_fence && r->highest == mark->fence)
		return false;
	return mark->kind == RACP_MARK_KEY && r->highest < mark->key;
}

static void conclude_check(struct racp *r, struct mono now)
{
	if (r->seen && is_reset(r)) {
		start_over(r, now);
	} else if (r->seen && r->highest <= r->result.mark.key) {
		finish(r, RACP_COMPLETE);
	} else {
		r->has_last = r->seen;
		r->last = r->highest;
		enter(r, RACP_STATE_ALL, now);
	}
}

static void conclude_all(struct racp *r, struct mono now)
{
	if (r->seen && is_reset(r)) {
		start_over(r, now);
		return;
	}
	if (r->seen) {
		move_mark(r);
		r->all_came = true;
	}
	finish(r, RACP_COMPLETE);
}

/* The state's request was answered and its records are here. */
static void conclude(struct racp *r, struct mono now)
{
	if (r->ending != RACP_RUNNING) {
		finish(r, r->ending);
		return;
	}
	switch (r->state) {
	case RACP_STATE_FENCE:
		if (!r->seen) {
			enter(r, RACP_STATE_FENCE_ALL, now);
			break;
		}
		set_fence(r);
		enter(r, RACP_STATE_COUNT, now);
		break;
	case RACP_STATE_FENCE_ALL:
		if (r->seen) {
			r->result.has_ignored = true;
			r->result.ignored = r->records;
			set_fence(r);
		}
		finish(r, r->seen ? RACP_COMPLETE : RACP_INCOMPLETE);
		break;
	case RACP_STATE_FROM:
		if (!r->seen) {
			enter(r, RACP_STATE_CHECK, now);
		} else if (is_reset(r)) {
			start_over(r, now);
		} else {
			move_mark(r);
			finish(r, RACP_COMPLETE);
		}
		break;
	case RACP_STATE_CHECK: conclude_check(r, now); break;
	case RACP_STATE_ALL: conclude_all(r, now); break;
	case RACP_STATE_IDLE:
	case RACP_STATE_COUNT:
	case RACP_STATE_DELETE:
	case RACP_STATE_UNBLOCK:
	case RACP_STATE_ABORT:
	case RACP_STATE_ENDED: break;
	}
}

static void wait_for_late(struct racp *r, struct mono now)
{
	r->answered = true;
	r->deadline = mono_add(now, RACP_LATE_MS);
}

/* The answer to the state's request is the run's last. */
static void end_after_late(struct racp *r, enum racp_outcome outcome, struct mono now)
{
	r->ending = outcome;
	wait_for_late(r, now);
}

static bool is_one_enough(const struct racp *r)
{
	return r->seen && r->ending == RACP_RUNNING &&
	       (r->state == RACP_STATE_FENCE || r->state == RACP_STATE_CHECK);
}

static void on_success(struct racp *r, struct mono now)
{
	wait_for_late(r, now);
	if (is_one_enough(r))
		conclude(r, now);
}

static void on_no_records(struct racp *r, struct mono now)
{
	if (r->seen) { /* it did send some */
		on_success(r, now);
		return;
	}
	if (r->state == RACP_STATE_FROM) {
		enter(r, RACP_STATE_CHECK, now);
		return;
	}
	if (wants_fence(r))
		r->result.has_ignored = true;
	/* A known mark stays: a memory that was only emptied goes on counting. */
	if (r->result.mark.kind == RACP_MARK_NONE && r->cfg.key_bits)
		r->result.mark.kind = RACP_MARK_EMPTY;
	finish(r, RACP_COMPLETE);
}

/* The device knows the request, but not in this form. */
static void on_unsupported(struct racp *r, struct mono now)
{
	if (r->state == RACP_STATE_FENCE)
		enter(r, RACP_STATE_FENCE_ALL, now);
	else if (r->state == RACP_STATE_FROM)
		enter(r, RACP_STATE_CHECK, now);
	else if (r->state == RACP_STATE_CHECK)
		enter(r, RACP_STATE_ALL, now);
	else
		finish(r, RACP_REFUSED);
}

static void on_report_code(struct racp *r, uint8_t code, struct mono now)
{
	switch (code) {
	case RACP_CODE_OK: on_success(r, now); break;
	case RACP_CODE_NO_RECORDS: on_no_records(r, now); break;
	case RACP_CODE_OPERATOR_INVALID:
	case RACP_CODE_OPERATOR_UNSUPPORTED:
	case RACP_CODE_OPERAND_INVALID:
	case RACP_CODE_OPERAND_UNSUPPORTED: on_unsupported(r, now); break;
	case RACP_CODE_OPCODE_UNSUPPORTED: finish(r, RACP_REFUSED); break;
	/* not completed, or unknown */
	default: end_after_late(r, RACP_INCOMPLETE, now); break;
	}
}

static enum racp_opcode opcode_of(enum racp_state state)
{
	if (is_abort(state))
		return RACP_ABORT;
	if (state == RACP_STATE_COUNT)
		return RACP_COUNT;
	return state == RACP_STATE_DELETE ? RACP_DELETE : RACP_REPORT;
}

static void on_answer(struct racp *r, const struct racp_answer *a, struct mono now)
{
	if (r->state == RACP_STATE_ABORT) {
		end_after_late(r, r->fallback, now);
	} else if (r->state == RACP_STATE_UNBLOCK) {
		enter(r, r->again, now);
	} else if (r->state == RACP_STATE_COUNT) {
		r->result.has_ignored = a->opcode == RACP_COUNT_RESPONSE;
		r->result.ignored = a->count;
		finish(r, RACP_COMPLETE);
	} else if (r->state == RACP_STATE_DELETE) {
		r->result.deleted = a->code == RACP_CODE_OK;
		finish(r, RACP_COMPLETE);
	} else {
		on_report_code(r, a->code, now);
	}
}

void racp_on_indication(struct racp *r, const uint8_t *buf, size_t len, struct mono now)
{
	struct racp_answer a;
	bool asked = r->state != RACP_STATE_IDLE && r->state != RACP_STATE_ENDED &&
		     !r->to_write && !r->to_subscribe && !r->subscribing;

	if (!asked || r->answered || racp_decode_response(buf, len, &a) < 0 ||
	    a.request != opcode_of(r->state))
		return;
	on_answer(r, &a, now);
}

/* Nothing more is to be expected of the state's request. */
static void expire(struct racp *r, struct mono now)
{
	bool asked = !r->to_write && !r->to_subscribe && !r->subscribing;

	if (r->answered) {
		conclude(r, now);
	} else if (r->state == RACP_STATE_UNBLOCK && asked) {
		enter(r, r->again, now);
	} else if (is_abort(r->state) || !asked) {
		r->result.hung = true;
		finish(r, r->fallback);
	} else {
		enter(r, RACP_STATE_ABORT, now);
	}
}

static bool is_ignored(const struct racp *r, bool keyed, uint32_t key)
{
	const struct racp_mark *mark = &r->result.mark;

	/* One that hangs may still be sending what it was asked for. */
	if (r->state == RACP_STATE_IDLE ||
	    (r->state == RACP_STATE_ENDED && (!r->result.hung || r->gone)))
		return false;
	if (wants_fence(r))
		return true;
	if (!keyed)
		return false;
	if (mark->has_fence && key <= mark->fence)
		return true;
	/* Taken long ago, or of a new history: then ALL brings it once more, under that. */
	return r->state == RACP_STATE_CHECK && key <= mark->key;
}

static void note_value(struct racp *r, struct mono now)
{
	if (!is_report(r->state))
		return;
	if (++r->values > RACP_VALUES_MAX || (r->answered && is_one_enough(r)))
		expire(r, now);
	else if (r->answered)
		r->deadline = mono_add(now, RACP_LATE_MS);
	else if (!r->to_write && !r->to_subscribe && !r->subscribing)
		wait_for_answer(r, now);
}

static enum racp_verdict judge(struct racp *r, bool keyed, uint32_t key)
{
	return is_ignored(r, keyed, key) ? RACP_IGNORE : RACP_TAKE;
}

static enum racp_verdict on_record(struct racp *r, bool keyed, uint32_t key,
				   struct mono now)
{
	enum racp_verdict verdict = judge(r, keyed, key);

	r->result.taken += verdict == RACP_TAKE;
	r->records++;
	r->unsure |= r->answered || (keyed && r->seen && key < r->highest);
	if (keyed && (!r->seen || key > r->highest)) {
		r->seen = true;
		r->highest = key;
	}
	note_value(r, now);
	return verdict;
}

static bool is_key(const struct racp *r, uint32_t key)
{
	return r->cfg.key_bits && key <= highest_key(r->cfg.key_bits);
}

enum racp_verdict racp_on_record(struct racp *r, uint32_t key, struct mono now)
{
	return on_record(r, is_key(r, key), key, now);
}

enum racp_verdict racp_on_unreadable(struct racp *r, struct mono now)
{
	return on_record(r, false, 0, now);
}

enum racp_verdict racp_on_context(struct racp *r, uint32_t key, struct mono now)
{
	enum racp_verdict verdict = judge(r, is_key(r, key), key);

	note_value(r, now);
	return verdict;
}

/* The device did not take the write. */
static void on_refusal(struct racp *r, int err, struct mono now)
{
	if (is_abort(r->state)) {
		r->result.hung = true;
		finish(r, r->fallback);
	} else if (!is_report(r->state)) {
		finish(r, r->fallback);
	} else if (err == -EAGAIN && !r->busy_used) {
		r->busy_used = true;
		r->again = r->state;
		enter(r, RACP_STATE_UNBLOCK, now);
	} else if (err == -EPROTO && !r->subscribe_used) {
		r->subscribe_used = true;
		r->to_subscribe = true;
	} else {
		finish(r, err == -ENOTSUP ? RACP_REFUSED : RACP_INCOMPLETE);
	}
}

void racp_on_write(struct racp *r, int err, struct mono now)
{
	if (!r->write_open)
		return;
	r->write_open = false;
	/* An answer came first: the write was good, and what is waited for now is another. */
	if (r->state == RACP_STATE_ENDED || r->to_write || r->answered)
		return;
	if (err < 0)
		on_refusal(r, err, now);
	else
		wait_for_answer(r, now);
}

void racp_on_subscribed(struct racp *r, int err, struct mono now)
{
	if (!r->subscribing)
		return;
	if (err < 0)
		finish(r, RACP_INCOMPLETE);
	else
		enter(r, r->state, now);
}

/* It said that it had sent all, and nothing speaks against it. */
static bool is_all_here(const struct racp *r)
{
	return r->answered && r->ending == RACP_RUNNING && r->seen && !r->unsure &&
	       !is_reset(r);
}

void racp_on_gone(struct racp *r, struct mono now)
{
	r->gone = true;
	if (r->state == RACP_STATE_IDLE || r->state == RACP_STATE_ENDED)
		return;
	if (is_all_here(r))
		conclude(r, now);
	else
		finish(r, r->fallback);
}

int racp_delete(struct racp *r, struct mono now)
{
	const struct racp_mark *mark = &r->result.mark, *before = &r->cfg.mark;
	/* all_came: the run ended with that */
	bool safe = r->all_came && r->has_last && mark->kind == RACP_MARK_KEY &&
		    mark->key == r->last && before->kind == RACP_MARK_KEY &&
		    before->history == mark->history &&
		    mark->key < highest_key(r->cfg.key_bits) &&
		    (!mark->has_fence || mark->fence < mark->key);

	if (!r->cfg.may_delete || !safe || r->gone || r->result.hung)
		return -EACCES;
	r->all_came = false; /* once */
	r->fallback = RACP_COMPLETE;
	enter(r, RACP_STATE_DELETE, now);
	return 0;
}

static struct racp_request request_of(const struct racp *r)
{
	const struct racp_mark *mark = &r->result.mark;
	struct racp_request req = { .opcode = opcode_of(r->state),
				    .op = RACP_NULL,
				    .filter = r->cfg.filter,
				    .key_bits = r->cfg.key_bits };

	switch (r->state) {
	case RACP_STATE_FENCE:
	case RACP_STATE_CHECK: req.op = RACP_LAST; break;
	case RACP_STATE_FENCE_ALL:
	case RACP_STATE_COUNT:
	case RACP_STATE_ALL: req.op = RACP_ALL; break;
	case RACP_STATE_FROM:
		req.op = RACP_FROM;
		req.key = mark->key + 1;
		break;
	case RACP_STATE_DELETE:
		req.op = mark->has_fence ? RACP_RANGE : RACP_UP_TO;
		req.key = mark->has_fence ? mark->fence + 1 : mark->key;
		req.key2 = mark->key;
		break;
	case RACP_STATE_IDLE:
	case RACP_STATE_UNBLOCK:
	case RACP_STATE_ABORT:
	case RACP_STATE_ENDED: break;
	}
	return req;
}

static enum racp_action give_write(struct racp *r, struct mono now,
				   struct racp_write *ret)
{
	struct racp_request req = request_of(r);
	struct racp_write write = { 0 };

	write.len = (uint8_t)racp_encode_request(&req, write.bytes);
	*ret = write;
	r->to_write = false;
	r->write_open = true;
	wait_for_answer(r, now);
	return RACP_WRITE;
}

enum racp_action racp_next(struct racp *r, struct mono now, struct racp_write *ret)
{
	if (mono_reached(now, r->deadline))
		expire(r, now);
	if (r->to_tell) {
		r->to_tell = false;
		return RACP_DONE;
	}
	if (r->to_subscribe) {
		r->to_subscribe = false;
		r->subscribing = true;
		wait_for_answer(r, now);
		return RACP_SUBSCRIBE;
	}
	if (r->to_write && !r->write_open)
		return give_write(r, now, ret);
	return RACP_NOTHING;
}

struct mono racp_deadline(const struct racp *r)
{
	return r->deadline;
}

const struct racp_result *racp_result(const struct racp *r)
{
	return &r->result;
}
