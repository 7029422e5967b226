/*
 * page_file.c - pages of a SQLCipher file and its WAL; see page_file.h.
 *
 * The WAL as SQLite defines it (fileformat2.html, 4): a header of 32 bytes, frames of 24 + a page. Each frame
 * repeats the header's salts and carries a checksum over all frames so far. Frames count up to the last that
 * carries a size: with it a transaction is complete. What has not been committed must not come to light: its number may
 * have been given to another reading since.
 *
 * For SQLite the first checksum that does not fit is the end. Here it is the end only if that frame is whole by the MAC
 * of its page, its first salt is that of an earlier round (each round counts it up by one), and no frame behind it is
 * of this round, for those stand at the beginning of the file. Otherwise it is damaged, or is what is left of a
 * transaction that failed, and the frames behind it count, too: each checksum goes on from the one that is written in
 * the frame before, so every frame but those with damage, and one behind each, is known to follow the one before it.
 */
#include "storage/page_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/core/cursor.h"
#include "storage/secret.h"
#include "storage/sqlcipher_wolf.h"

enum {
	PATH_BYTES = 1024,
	IV_LEN = 16,
	MAC_LEN = 64,
	MAC_ROUNDS = 2,
	MAC_SALT_MASK = 0x3a,
	WAL_HEADER_LEN = 32,
	FRAME_HEADER_LEN = 24,
	FRAME_LEN = FRAME_HEADER_LEN + DB_PAGE_SIZE,
	DAMAGE_MAX = 1024,    /* frames in a row; behind so many there is nothing more */
	FRAMES_MAX = 1 << 20, /* 4 GB; the WAL is kept at 4 MB */
	WAL_MAGIC = 0x377f0682, /* the last bit: checksums are of big endian words */
};

struct keys {
	uint8_t page[DB_KEY_LEN], mac[DB_KEY_LEN];
};

struct page_file {
	int db, wal; /* wal -1: none */
	uint32_t in_file, count;
	struct keys *keys;
	sqlcipher_provider lib;
	uint32_t *frames; /* number of the page in each frame */
	struct page_file_wal facts;
};

/* --- keys --------------------------------------------------------------------------- */

static int make_keys(struct page_file *f, const struct db_key *key)
{
	uint8_t salt[DB_SALT_LEN];

	f->keys = secret_map(sizeof(*f->keys), NULL);
	if (!f->keys)
		return -ENOMEM;
	(void)hub_sqlcipher_wolf_setup(&f->lib);
	memcpy(f->keys->page, key->key, DB_KEY_LEN);
	for (int i = 0; i < DB_SALT_LEN; i++)
		salt[i] = key->salt[i] ^ MAC_SALT_MASK;
	return f->lib.kdf(NULL, SQLCIPHER_HMAC_SHA512, f->keys->page, DB_KEY_LEN, salt,
			  DB_SALT_LEN, MAC_ROUNDS, DB_KEY_LEN, f->keys->mac)
		       ? -EIO
		       : 0;
}

static int decrypt(struct page_file *f, uint32_t number, uint8_t in[static DB_PAGE_SIZE],
		   uint8_t ret[static DB_PAGE_SIZE])
{
	size_t clear = number == 1 ? DB_SALT_LEN : 0;
	uint8_t no[4] = { (uint8_t)number, (uint8_t)(number >> 8),
			  (uint8_t)(number >> 16), (uint8_t)(number >> 24) };
	uint8_t mac[MAC_LEN], *iv = in + PAGE_USABLE;

	if (f->lib.hmac(NULL, SQLCIPHER_HMAC_SHA512, f->keys->mac, DB_KEY_LEN, in + clear,
			(int)(PAGE_USABLE - clear + IV_LEN), no, sizeof(no), mac))
		return -EIO;
	if (memcmp(mac, iv + IV_LEN, MAC_LEN) != 0)
		return -EKEYREJECTED;
	memset(ret, 0, DB_PAGE_SIZE);
	return f->lib.cipher(NULL, 0, f->keys->page, DB_KEY_LEN, iv, in + clear,
			     (int)(PAGE_USABLE - clear), ret + clear)
		       ? -EIO
		       : 0;
}

static bool page_reads(struct page_file *f, uint32_t number, uint8_t *in)
{
	uint8_t page[DB_PAGE_SIZE];

	return number && decrypt(f, number, in, page) == 0;
}

/* --- the WAL ------------------------------------------------------------------------ */

struct sum {
	uint32_t a, b;
	bool big;
};

static void add_sum(struct sum *s, const uint8_t *p, size_t len)
{
	struct reader r;

	reader_init(&r, p, len);
	while (reader_left(&r) >= 8) {
		s->a += (s->big ? read_be32(&r) : read_le32(&r)) + s->b;
		s->b += (s->big ? read_be32(&r) : read_le32(&r)) + s->a;
	}
}

static bool read_at(int fd, uint64_t at, uint8_t *ret, size_t len)
{
	return pread(fd, ret, len, (off_t)at) == (ssize_t)len;
}

struct wal_header {
	uint8_t salts[8];
	uint32_t salt,
		rounds; /* the first salt as a number; how often the WAL was begun anew */
	uint32_t end;	/* behind the last frame that carries both salts */
	struct sum sum;
};

/* The sum that is written here; takes its place. */
static bool has_sum(struct reader *r, struct sum *s)
{
	uint32_t a = read_be32(r), b = read_be32(r);
	bool same = a == s->a && b == s->b;

	s->a = a;
	s->b = b;
	return same;
}

/* The round's salts, from its first frame. A cut that takes the header along takes this frame, too: they share a sector. */
static bool infer_wal_header(struct page_file *f, struct wal_header *ret)
{
	uint8_t buf[FRAME_LEN];
	uint32_t page;
	struct reader r;

	if (!read_at(f->wal, WAL_HEADER_LEN, buf, sizeof(buf)))
		return false;
	reader_init(&r, buf, sizeof(buf));
	page = read_be32(&r);
	(void)read_be32(&r); /* size */
	/* sums of little endian words, as all our boards write them */
	*ret = (struct wal_header){ .salt = read_be32(&r), .rounds = UINT32_MAX };
	memcpy(ret->salts, buf + 8, sizeof(ret->salts));
	return page_reads(f, page, buf + FRAME_HEADER_LEN);
}

static bool read_wal_header(int fd, struct wal_header *ret)
{
	uint8_t buf[WAL_HEADER_LEN];
	struct reader r, salt;
	uint32_t magic;

	if (!read_at(fd, 0, buf, sizeof(buf)))
		return false;
	reader_init(&r, buf, sizeof(buf));
	magic = read_be32(&r);
	(void)read_be32(&r); /* version */
	if (read_be32(&r) != DB_PAGE_SIZE || (magic & ~1u) != WAL_MAGIC)
		return false;
	*ret = (struct wal_header){ .rounds = read_be32(&r), .sum.big = magic & 1 };
	read_bytes(&r, ret->salts, sizeof(ret->salts));
	reader_init(&salt, ret->salts, sizeof(ret->salts));
	ret->salt = read_be32(&salt);
	add_sum(&ret->sum, buf, 24);
	return has_sum(&r, &ret->sum);
}

/* Where this round ends at the latest: what stands behind is of earlier ones. */
static uint32_t find_end(int fd, const struct wal_header *h, uint32_t total)
{
	uint8_t salts[sizeof(h->salts)];

	while (total > 0) {
		uint64_t at = WAL_HEADER_LEN + (uint64_t)(total - 1) * FRAME_LEN;

		if (read_at(fd, at + 8, salts, sizeof(salts)) &&
		    memcmp(salts, h->salts, sizeof(salts)) == 0)
			break;
		total--;
	}
	return total;
}

/* salts: as a frame has them. */
static bool is_earlier(const struct wal_header *h, const uint8_t salts[static 8])
{
	struct reader r;
	uint32_t ago;

	reader_init(&r, salts, 8);
	ago = h->salt - read_be32(&r);
	return ago > 0 && ago <= h->rounds;
}

enum link {
	LINK_GOOD = 0, /* follows the frame before */
	LINK_DAMAGED, /* its page does not read, or its link cannot be checked for that of the one before */
	LINK_STRAY, /* reads, but not behind the frame before, and may be of this round: what no page's MAC covers is damaged,
		       or it was rolled back */
	LINK_END,   /* of an earlier round, as all behind it */
};

struct frame {
	uint32_t page, size; /* size 0: its transaction goes on */
	enum link link;
	bool begun; /* its header is of this round */
};

/* h->sum: as the frame before has it; then as this one has it. after_damage: of the frame before. */
static bool read_frame(struct page_file *f, uint32_t i, bool after_damage,
		       struct wal_header *h, struct frame *ret)
{
	uint8_t buf[FRAME_LEN];
	struct reader r;
	const uint8_t *salts;
	bool ours, linked, half, earlier;

	if (!read_at(f->wal, WAL_HEADER_LEN + (uint64_t)i * FRAME_LEN, buf, sizeof(buf)))
		return false;
	reader_init(&r, buf, sizeof(buf));
	ret->page = read_be32(&r);
	ret->size = read_be32(&r);
	salts = read_span(&r, 8);
	ours = memcmp(salts, h->salts, 8) == 0;
	/* one of the two, which both change with each round: damaged */
	half = memcmp(salts, h->salts, 4) == 0 || memcmp(salts + 4, h->salts + 4, 4) == 0;
	earlier = i >= h->end && is_earlier(h, salts);
	add_sum(&h->sum, buf, 8);
	add_sum(&h->sum, buf + FRAME_HEADER_LEN, DB_PAGE_SIZE);
	linked = has_sum(&r, &h->sum);
	ret->begun = half;
	if (linked && ours && ret->page)
		ret->link = LINK_GOOD;
	else if (!page_reads(f, ret->page, buf + FRAME_HEADER_LEN))
		ret->link = LINK_DAMAGED;
	else if (ours && after_damage)
		ret->link = LINK_GOOD;
	else
		ret->link = half || linked || !earlier ? LINK_STRAY : LINK_END;
	return true;
}

static bool is_cut_short(const struct frame *fr)
{
	return fr->link == LINK_DAMAGED && fr->begun && fr->size == 0;
}

static void read_frames(struct page_file *f, struct wal_header *h, uint32_t total)
{
	/* what the first frame follows is not known without the header */
	uint32_t bad = !f->facts.has_header, run = bad;

	for (uint32_t i = 0; i < total && run < DAMAGE_MAX; i++) {
		struct frame fr;

		if (!read_frame(f, i, run > 0, h, &fr) || fr.link == LINK_END)
			break;
		/* a process that is killed leaves a header without its page; not a commit's, so nobody was answered */
		f->facts.doubtful |= fr.link != LINK_GOOD && !is_cut_short(&fr);
		f->frames[i] = fr.page; /* try_copy finds out which do not read */
		run = fr.link == LINK_GOOD ? 0 : run + 1;
		bad += fr.link != LINK_GOOD;
		if (fr.link == LINK_GOOD && fr.size) {
			f->facts.frames = i + 1;
			f->facts.damaged = bad;
			if (bad == 0)
				f->facts.sound = i + 1;
			else {
				f->facts.behind++;
				f->facts.doubtful = true;
			}
			f->count = fr.size;
		}
	}
	f->facts.left_over = total - f->facts.frames;
	for (uint32_t i = 0; i < f->facts.frames; i++)
		f->facts.nameless += f->frames[i] == 0 || f->frames[i] > f->count;
}

static int load_wal(struct page_file *f)
{
	struct wal_header h;
	struct stat st;
	uint64_t total;

	if (f->wal < 0)
		return 0;
	if (fstat(f->wal, &st) || st.st_size < 0)
		return -EIO;
	if (st.st_size <= WAL_HEADER_LEN)
		return 0;
	total = ((uint64_t)st.st_size - WAL_HEADER_LEN) / FRAME_LEN;
	if (total > FRAMES_MAX)
		total = FRAMES_MAX;
	f->frames = calloc(total + 1, sizeof(*f->frames));
	if (!f->frames)
		return -ENOMEM;
	f->facts.left_over = (uint32_t)total;
	f->facts.has_header = read_wal_header(f->wal, &h);
	f->facts.doubtful = !f->facts.has_header;
	if (!f->facts.has_header && !infer_wal_header(f, &h))
		return 0;
	h.end = find_end(f->wal, &h, (uint32_t)total);
	read_frames(f, &h, (uint32_t)total);
	return 0;
}

/* --- pages -------------------------------------------------------------------------- */

static bool try_copy(struct page_file *f, int fd, uint64_t at, uint32_t number,
		     uint8_t *ret)
{
	uint8_t in[DB_PAGE_SIZE];

	return read_at(fd, at, in, sizeof(in)) && decrypt(f, number, in, ret) == 0;
}

/* Returns the number of copies that were tried, negative if the last of them reads. */
static int try_wal(struct page_file *f, uint32_t frames, uint32_t number, uint8_t *ret)
{
	int tried = 0;

	for (uint32_t i = frames; i-- > 0;) {
		if (f->frames[i] != number)
			continue;
		tried++;
		if (try_copy(f, f->wal,
			     WAL_HEADER_LEN + (uint64_t)i * FRAME_LEN + FRAME_HEADER_LEN,
			     number, ret))
			return -tried;
	}
	return tried;
}

int page_file_read(struct page_file *f, enum page_view view, uint32_t number,
		   uint8_t ret[static DB_PAGE_SIZE])
{
	uint64_t at = (uint64_t)(number - 1) * DB_PAGE_SIZE;
	int tried;

	if (number == 0 || number > f->count)
		return -ERANGE;
	if (view == PAGE_FILE && try_copy(f, f->db, at, number, ret))
		return 0;
	tried = try_wal(f, view == PAGE_SOUND ? f->facts.sound : f->facts.frames, number,
			ret);
	if (tried < 0)
		return view == PAGE_FILE || tried < -1;
	if (view != PAGE_FILE && try_copy(f, f->db, at, number, ret))
		return tried > 0;
	return -EKEYREJECTED;
}

uint32_t page_file_count(const struct page_file *f)
{
	return f->count;
}

struct page_file_wal page_file_wal(const struct page_file *f)
{
	return f->facts;
}

/* --- opening ------------------------------------------------------------------------ */

static int open_files(struct page_file *f, const char *path)
{
	char wal[PATH_BYTES];
	struct stat st;
	int n = snprintf(wal, sizeof(wal), "%s-wal", path);

	if (n < 0 || (size_t)n >= sizeof(wal))
		return -EIO;
	f->db = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f->db < 0)
		return errno == ENOENT ? -ENOENT : -EIO;
	if (fstat(f->db, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size / DB_PAGE_SIZE > UINT32_MAX)
		return -EIO;
	f->in_file = (uint32_t)(st.st_size / DB_PAGE_SIZE);
	f->wal = open(wal, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return f->wal < 0 && errno != ENOENT ? -EIO : 0;
}

int page_file_open(const char *path, const struct db_key *key, struct page_file **ret)
{
	struct page_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->db = f->wal = -1;
	r = open_files(f, path);
	if (r == 0)
		r = make_keys(f, key);
	if (r == 0)
		r = load_wal(f);
	if (r) {
		page_file_close(f);
		return r;
	}
	/* a file that was cut, or a WAL that was */
	if (f->count < f->in_file)
		f->count = f->in_file;
	*ret = f;
	return 0;
}

void page_file_close(struct page_file *f)
{
	if (!f)
		return;
	if (f->db >= 0)
		close(f->db);
	if (f->wal >= 0)
		close(f->wal);
	secret_unmap(f->keys, sizeof(*f->keys));
	free(f->frames);
	free(f);
}
