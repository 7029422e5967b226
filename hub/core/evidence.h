#pragma once

/*
 * evidence.h - what hub-measure found: which components of the image are loaded and exposed, and what runs that should not.
 *
 * Facts only: what they mean is decided by people, elsewhere. No reading, no address, no key; names of processes and paths
 * are as the kernel shows them and belong to whoever chose them: text, escaped, for people.
 * The payload is signed (COSE_Sign1, SIGN_CONTEXT_EVIDENCE) with hub-measure's own key, whose public half is in it, cut into
 * pieces, and each piece is a record of kind READING_EVIDENCE. Byte table: docs/MESSAGES.md, 'Evidence'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EVIDENCE_VERSION = 1,
	EVIDENCE_HASH_LEN = 32,
	EVIDENCE_BOOT_LEN = 16,
	EVIDENCE_PUBLIC_LEN = 65,
	EVIDENCE_COMPONENTS_MAX = 256,
	EVIDENCE_PROCESSES_MAX = 64,
	EVIDENCE_FINDINGS_MAX = 24,
	EVIDENCE_LISTENERS_MAX = 16,
	EVIDENCE_NAME_MAX = 15,
	EVIDENCE_PATH_MAX = 80,
	EVIDENCE_PAYLOAD_MAX = 12288,
	EVIDENCE_BYTES_MAX = EVIDENCE_PAYLOAD_MAX + 80, /* signed */
	EVIDENCE_PIECE_MAX = 880,
	EVIDENCE_PIECES_MAX = 15,
	/* a piece with its frame, before the seal */
	EVIDENCE_PIECE_BODY_MAX = EVIDENCE_PIECE_MAX + 24,
	EVIDENCE_NO_COMPONENT = UINT32_MAX,
};

#define SIGN_CONTEXT_EVIDENCE "hub/v1/evidence"

/* A component of the image with code mapped by a process, now or since the image was started first. */
struct evidence_component {
	uint32_t component;	 /* its number in the image */
	int64_t first_s, last_s; /* by the hub's clock, seconds UTC */
	bool loaded;		 /* seen this time */
	bool exposed;		 /* ever, by a process that bytes from outside reach */
	uint64_t processes;	 /* bit i: processes[i], this time */
};

struct evidence_process {
	char name[EVIDENCE_NAME_MAX + 1];
	uint32_t
		component; /* of its program; EVIDENCE_NO_COMPONENT: the image has no such program */
	uint32_t uid;
	uint64_t capabilities;
	uint8_t seccomp;
	bool no_new_privileges, exposed, hub;
};

/* What runs and should not. The numbers are on the wire. */
enum finding_kind {
	FINDING_NONE = 0,
	FINDING_UNOWNED = 1,	     /* the image has no such file */
	FINDING_CHANGED = 2,	     /* it has, with other bytes */
	FINDING_DELETED = 3,	     /* mapped from a file without a name */
	FINDING_MEMFD = 4,	     /* from memory that pretends to be a file */
	FINDING_ANONYMOUS = 5,	     /* code in memory without a file */
	FINDING_WRITABLE = 6,	     /* code that can be written */
	FINDING_UNOWNED_PROGRAM = 7, /* a process's program is not of the image */
	FINDING_UNOWNED_MODULE = 8,  /* of the kernel */
	FINDING_LISTENS = 9,	     /* a user of the hub's has an open port */
	FINDING_UNREADABLE = 10,     /* a mapped file that could not be hashed */
	FINDING_TALKS =
		11, /* a user of the hub's that may not, or with whom it may not */
	FINDING_KIND_LAST = FINDING_TALKS,
};

/* finding_is_socket - of the network, not of code. Pure. */
static inline bool finding_is_socket(enum finding_kind k)
{
	return k == FINDING_LISTENS || k == FINDING_TALKS;
}

const char *finding_text(enum finding_kind k);

struct evidence_finding {
	enum finding_kind kind;
	bool hub;	/* in a process of the hub's own */
	bool confirmed; /* seen twice, five seconds apart */
	uint32_t count; /* of mappings like it in processes of this name */
	char name[EVIDENCE_NAME_MAX + 1]; /* of the process */
	char path[EVIDENCE_PATH_MAX + 1]; /* "": none */
};

struct evidence_listener {
	uint8_t table; /* 0 TCP, 1 UDP, 2 Bluetooth */
	uint16_t port;
	uint32_t uid;
};

struct evidence {
	uint8_t image[EVIDENCE_HASH_LEN]; /* SHA-256 of manifest.bin */
	uint8_t boot[EVIDENCE_BOOT_LEN];
	uint64_t counter; /* 1 and up, no gap as long as hub-measure keeps its folder */
	int64_t from_s,
		made_s; /* window: since when 'ever' is; by the hub's clock, seconds UTC */
	/* the lists are those of the evidence with this counter, and empty here; 0: they are here */
	uint64_t same_as;
	uint8_t public_key[EVIDENCE_PUBLIC_LEN];
	uint32_t processes_seen, mappings_seen, modules_seen, findings_seen;
	size_t component_count;
	struct evidence_component components[EVIDENCE_COMPONENTS_MAX]; /* ascending */
	size_t process_count;
	struct evidence_process processes[EVIDENCE_PROCESSES_MAX];
	size_t finding_count;
	struct evidence_finding findings[EVIDENCE_FINDINGS_MAX];
	size_t listener_count;
	struct evidence_listener listeners[EVIDENCE_LISTENERS_MAX];
};

/* evidence_encode - Returns the length, -ENOSPC, or -ERANGE (a count over its maximum, a kind that is none). Pure. */
int evidence_encode(const struct evidence *e, uint8_t *buf, size_t cap);

/* evidence_decode - takes only what evidence_encode makes. Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE, -ENOTSUP (version).
 * Pure. */
int evidence_decode(const uint8_t *buf, size_t len, struct evidence *ret);

/* One record's part of signed evidence. */
struct evidence_piece {
	uint64_t counter;
	uint32_t index, total; /* 0..total-1 */
	const uint8_t *bytes;  /* borrowed */
	size_t len;
};

/* evidence_pieces - how many for so many octets. Pure. */
size_t evidence_pieces(size_t len);
/* evidence_piece_encode - Returns the length, -ENOSPC or -ERANGE. Pure. */
int evidence_piece_encode(const struct evidence_piece *p, uint8_t *buf, size_t cap);
/* evidence_piece_decode - Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE or -ENOTSUP. Pure. */
int evidence_piece_decode(const uint8_t *buf, size_t len, struct evidence_piece *ret);
