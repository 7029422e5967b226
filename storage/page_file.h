#pragma once

/*
 * page_file.h - single pages of an encrypted database and its WAL, without the library.
 *
 * One page that fails its MAC makes SQLCipher refuse the whole connection from then on. Here each page is read,
 * checked and decrypted for itself. The files are opened for reading only: no lock, no index, no byte changed.
 *
 * A page is what the newest commit made it; if that copy does not read, an older one is taken, from the WAL or
 * from the file. Rows of the queue never change, so an old copy has too few of them, or some that have left.
 *
 * What a page looks like (SQLCipher 4): AES-256-CBC, then the last 80 bytes are its IV (16) and HMAC-SHA-512 (64) over
 * ciphertext, IV and page number (32 bits, little endian). The MAC's key is two rounds of PBKDF2 over the key, with each
 * byte of the salt changed by 0x3a. The first 16 bytes of page 1 are not encrypted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/db.h"

enum {
	PAGE_RESERVE = 80,
	PAGE_USABLE = DB_PAGE_SIZE - PAGE_RESERVE,
};

struct page_file;

struct page_file_wal {
	/* else SQLite sees nothing of it; what its round is, is then known from the first frame */
	bool has_header;
	uint32_t frames;   /* committed, and so part of the database */
	uint32_t damaged;  /* of these: do not read */
	uint32_t nameless; /* of the damaged ones: say no page that there is */
	/* committed before the first that is damaged: all that SQLite would see */
	uint32_t sound;
	/* transactions that end behind the first damage, in a frame or the header. With two it is no cut: the earlier one was
	 * synced before the later one began. */
	uint32_t behind;
	/* behind the last sound one there is a frame of this round, or one that does not read, or the header does not: torn by
	 * a cut before its commit was answered, or it went bad since and was answered */
	bool doubtful;
	uint32_t
		left_over; /* behind them: not committed, of an older round, or damaged */
};

/*
 * page_file_open - path and path-wal; that one may be absent.
 *
 * Returns 0 with *ret, -ENOENT, -ENOMEM or -EIO. A wrong key shows at page_file_read.
 */
int page_file_open(const char *path, const struct db_key *key, struct page_file **ret);
void page_file_close(struct page_file *f); /* NULL is fine; wipes the keys */

/* Pages that there are, in the file or in the WAL: numbers are 1..count. */
uint32_t page_file_count(const struct page_file *f);

struct page_file_wal page_file_wal(const struct page_file *f);

enum page_view {
	PAGE_NEWEST = 0, /* as the newest readable commit left it */
	/* as it was before the first damage in the WAL. Rows move between pages: where the newest copy of one is lost,
	 * they may still be in another one of that time */
	PAGE_SOUND,
	/* the file's copy first. If the end of the WAL is lost, and had been written back, that one is newer */
	PAGE_FILE,
	PAGE_VIEWS,
};

/*
 * page_file_read - one page in clear, its reserve as zeros.
 *
 * Returns 0, 1 (not the copy that should be it: that one does not read), -ERANGE (no such page), or -EKEYREJECTED
 * (no copy reads).
 */
int page_file_read(struct page_file *f, enum page_view view, uint32_t number,
		   uint8_t ret[static DB_PAGE_SIZE]);
