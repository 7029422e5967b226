#pragma once

/*
 * lane.h - one direction of a bad path: what becomes of a packet, and when it comes out.
 *
 * Pure: time and randomness come from outside, the second as a seed. The order of things: link cut, the packet
 * that was to be dropped, loss, size, queue before the slow link, the link's rate, delay; a double follows its
 * first. Packets stay in order, jitter or not, unless reorder is set.
 */
#include "tests/net/packet.h"

enum {
	LANE_SLOTS = 1024, /* packets under way, at most */
	LANE_ALL = 1000000 /* of a million: a probability */
};

/* May be changed at any time; holds for packets offered from then on. */
struct lane_config {
	bool cut;		     /* nothing passes */
	uint32_t delay_us;	     /* each packet */
	uint32_t jitter_us;	     /* and 0 to this more */
	uint32_t loss, dup, reorder; /* of LANE_ALL */
	uint32_t rate_bit_s;	     /* 0: no limit */
	uint32_t queue_bytes;	     /* before the link; with a rate only */
	uint16_t mtu;		     /* 0: no limit */
	bool hole;		     /* too big: dropped without a word */
	bool no_fragments;	     /* as some firewalls do */
	uint64_t drop_at;	     /* the packet with this number, from 1; 0: none */
};

enum lane_verdict {
	LANE_NONE = 0,
	LANE_PASSED,
	LANE_CUT,     /* link cut */
	LANE_CHOSEN,  /* drop_at */
	LANE_LOST,    /* by chance */
	LANE_TOO_BIG, /* the caller tells the sender, unless .hole */
	LANE_FRAGMENT,
	LANE_FULL, /* no room in the queue */
	LANE_VERDICTS,
};

const char *lane_verdict_text(enum lane_verdict v);

struct lane_slot {
	uint64_t due_us, order;
	size_t len; /* 0: free */
};

struct lane {
	struct lane_config config;
	/* what was offered, with IP headers; and what became of it */
	uint64_t packets, bytes, became[LANE_VERDICTS];
	uint64_t doubled, reordered, passed_bytes;
	/* private */
	uint64_t random, order, last_us, free_us;
	size_t under_way;
	struct lane_slot slots[LANE_SLOTS];
	uint8_t bytes_of[LANE_SLOTS][PACKET_MAX];
};

/* seed: the same one gives the same losses. */
void lane_init(struct lane *l, uint64_t seed);

/* lane_offer - a packet enters now; copied. */
enum lane_verdict lane_offer(struct lane *l, const struct packet *p, uint64_t now_us);

/* lane_take - the next packet that is due comes out. Returns its length, 0 if none is due. */
size_t lane_take(struct lane *l, uint64_t now_us, uint8_t ret[static PACKET_MAX]);

/* When lane_take has something; UINT64_MAX: nothing is under way. */
uint64_t lane_deadline_us(const struct lane *l);
