#pragma once

/*
 * record.h - what a program does to the files of one folder, in order: the log from which disk.h makes the states
 * that a power cut can leave.
 *
 * The code under test is the product's, unchanged. Its calls into libc, and those of SQLCipher's archive, are caught
 * by the linker (--wrap, list in record.mk); they are carried out on the folder and written down. Calls on other
 * files pass through. Calls that change files and that this recorder cannot describe end the program; names that
 * are not known at all are found by imports.sh; and record_compare sees whatever came past both.
 *
 * It also fails calls on demand (struct fault), and makes /dev/urandom and wolfCrypt's generator repeatable, so that
 * the same seed gives the same log, byte for byte.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECORD_NAME_LEN = 64,
	RECORD_FILES_MAX = 1024, /* in one log, also those that are gone */
	RECORD_NAMES_MAX = 64,	 /* at one time */
	RECORD_MARKS_MAX = 65536,
	/* behind a commit SQLite fills up its last sector, syncs, and then ends the frame that it has begun to fill with */
	RECORD_PADDING_MAX = 4096,
};

enum op_kind {
	OP_NONE = 0,
	OP_CREATE, /* name, file: a new name for a new, empty file or folder */
	OP_WRITE,  /* file, off, len, bytes */
	OP_SIZE,   /* file, off: the new size */
	OP_SYNC,   /* file: all of the above of it is on the disk */
	OP_SYNC_LOST, /* file: the sync failed; what was not on the disk will never get there */
	OP_SYNC_DIR, /* name: of the folder, "" for the root */
	OP_RENAME,   /* name, to, file */
	OP_UNLINK,   /* name, file; also a folder */
};

struct op {
	enum op_kind kind;
	int file; /* number in this log */
	bool folder;
	uint64_t off;
	size_t len, at; /* bytes are log->bytes[at .. at + len - 1] */
	char name[RECORD_NAME_LEN], to[RECORD_NAME_LEN];
};

struct log {
	struct op *ops;
	size_t count, room;
	size_t start; /* ops before it are what lay there already, all durable */
	int files;
	uint8_t *bytes;
	size_t used, size;
	size_t marks[RECORD_MARKS_MAX]; /* number of ops at each mark; ascending */
	size_t mark_count;
};

/* record_start - from now on calls on files in dir are recorded; dir is absolute and without symbolic links. */
void record_start(struct log *l, const char *dir);
/* record_continue - the same after the process was killed at operation 'point' of another log: l begins with a copy of
 * that, what was not synced then is not synced now. dir holds what the program had seen (KIND_KEEP in disk.h). */
void record_continue(struct log *l, const struct log *from, size_t point,
		     const char *dir);
void record_stop(void);
void log_reset(struct log *l); /* empty, memory is kept */
/*
 * record_unsynced - a file whose name begins so and which holds something that no sync has brought to the disk:
 * RECORD_PADDING_MAX bytes or more.
 *
 * Of what was written since record_start. Returns its name, valid until the next call that is recorded; NULL: there is none.
 */
const char *record_unsynced(const char *prefix);
/* record_synced_since - was anything written to such a file and synced after so many operations? */
bool record_synced_since(const char *prefix, size_t position);
/* record_ignore_unsynced - for controls that take syncs away, and are to be found by what is lost: from here on all is synced. */
void record_ignore_unsynced(bool ignore);
void log_free(struct log *l);

/* record_mark - something was promised, or may happen from here on. Returns the number of operations so far. */
size_t record_mark(void);

/* Syncs that the disk takes and forgets; for controls. */
enum {
	RECORD_FORGET_FSYNC = 1,  /* of files, by our own code */
	RECORD_FORGET_FOLDER = 2, /* of folders, by our own code */
	RECORD_FORGET_LIBRARY_FOLDER =
		4,		/* of folders, by SQLite, which uses fdatasync for it */
	RECORD_FORGET_DATA = 8, /* fdatasync of files, whoever asks for it */
};

/* What is done otherwise than the product asks; for controls. All zero: nothing. */
struct spoil {
	unsigned forget; /* syncs, bits of the above */
	/* only of files whose name begins so; NULL: of all. Folders have no name here */
	const char *only;
	/* len octets from 'from' on of such files are written to 'to' instead; len 0: none */
	uint64_t from, to, len;
};

/* record_spoil - from here on; copied, the text borrowed. NULL: nothing. */
void record_spoil(const struct spoil *s);
/* record_spoilt - was everything that was asked for done at least once? */
bool record_spoilt(void);

/* record_disk - what statvfs says from here on: a disk of so many octets that holds one file, the one it is asked
 * about. 0: the truth. */
void record_disk(uint64_t bytes);

/* record_seed - all random bytes of library and product from here on. */
void record_seed(uint64_t seed);

/* --- calls that fail ---------------------------------------------------------------------- */

enum fault_call {
	FAULT_NONE = 0,
	FAULT_OPEN,
	FAULT_READ,
	FAULT_WRITE,
	FAULT_SHORT, /* a write that does half, and nothing is wrong */
	FAULT_SIZE,
	FAULT_SYNC,
	FAULT_RENAME,
	FAULT_UNLINK,
	FAULT_ALLOC, /* malloc, calloc, realloc; in the product, not in the tests */
	FAULT_CALLS,
};

extern const char *const fault_call_name[FAULT_CALLS];

struct fault {
	enum fault_call call;
	uint64_t nth; /* from 1; 0 never */
	int err;      /* errno */
	bool stays;   /* all later ones fail, too, until fault_clear */
};

/* fault_set - counts from here on; only while something is recorded. */
void fault_set(const struct fault *f);
void fault_clear(void);
/* Calls of this kind since fault_set, and whether one has failed. */
uint64_t fault_count(enum fault_call call);
bool fault_hit(void);
/* Around a test's own allocations. */
void fault_pause(bool on);
