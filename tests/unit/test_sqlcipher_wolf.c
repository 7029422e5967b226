/*
 * test_sqlcipher_wolf.c - wolfCrypt under SQLCipher: known answers, then files.
 *
 * Links SQLCipher, wolfSSL and storage/sqlcipher_wolf.c. Writes one database below
 * $TMPDIR (or /tmp). Prints both values of what failed and exits 1.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/sqlcipher_wolf.h"

#define KEY "x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SALT "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf'"
#define OTHER_KEY "x'ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char path[256];

static void fail_at(int line, const char *what)
{
	fprintf(stderr, "test_sqlcipher_wolf.c:%d: %s: ", line, what);
}

static void equal_int(int line, const char *what, long got, long want)
{
	if (got == want)
		return;
	fail_at(line, what);
	fprintf(stderr, "got %ld, want %ld\n", got, want);
	exit(1);
}

static void equal_text(int line, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return;
	fail_at(line, what);
	fprintf(stderr, "got '%s', want '%s'\n", got, want);
	exit(1);
}

static void equal_hex(int line, const char *what, const uint8_t *got, const char *want)
{
	char hex[2 * 128 + 1] = "";
	size_t n = strlen(want) / 2;

	for (size_t i = 0; i < n && i < 128; i++)
		snprintf(hex + 2 * i, 3, "%02x", got[i]);
	equal_text(line, what, hex, want);
}

#define INT(got, want) equal_int(__LINE__, #got, (got), (want))
#define TEXT(got, want) equal_text(__LINE__, #got, (got), (want))
#define HEX(got, want) equal_hex(__LINE__, #got, (got), (want))

/* hex into buf; returns the number of bytes */
static int bytes(const char *hex, uint8_t *buf)
{
	int n = 0;
	unsigned int v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		buf[n++] = (uint8_t)v;
	return n;
}

/* NIST SP 800-38A, F.2.5 and F.2.6: CBC-AES256 */
static void test_cipher(const sqlcipher_provider *p)
{
	static const char *plain =
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
	static const char *sealed =
		"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
		"39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b";
	uint8_t key[32], iv[16], in[64], out[64];

	bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key);
	bytes("000102030405060708090a0b0c0d0e0f", iv);
	bytes(plain, in);
	INT(p->cipher(NULL, 1, key, 32, iv, in, 64, out), SQLITE_OK);
	HEX(out, sealed);
	INT(p->cipher(NULL, 0, key, 32, iv, out, 64, in), SQLITE_OK);
	HEX(in, plain);
	INT(p->cipher(NULL, 1, key, 32, iv, in, 64, in), SQLITE_OK); /* in place */
	HEX(in, sealed);

	INT(p->cipher(NULL, 1, key, 16, iv, in, 64, out), SQLITE_ERROR);
	INT(p->cipher(NULL, 1, key, 32, iv, in, 63, out), SQLITE_ERROR);
	INT(p->cipher(NULL, 1, key, 32, iv, in, -16, out), SQLITE_ERROR);
}

/* RFC 2202 and RFC 4231, test cases 2 (a short key) and 6 (a key longer than a block) */
static void test_hmac(const sqlcipher_provider *p)
{
	static const struct {
		int algorithm, len;
		const char *mac_of_2, *mac_of_6;
	} t[] = {
		{ SQLCIPHER_HMAC_SHA1, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		  NULL },
		{ SQLCIPHER_HMAC_SHA256, 32,
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ SQLCIPHER_HMAC_SHA512, 64,
		  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
		  "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
		  "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
	};
	unsigned char jefe[] = "Jefe", what[] = "what do ya want ",
		      nothing[] = "for nothing?";
	unsigned char both[] = "what do ya want for nothing?", long_key[131];
	unsigned char hash_first[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t mac[64];

	memset(long_key, 0xaa, sizeof(long_key));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		INT(p->get_hmac_sz(NULL, t[i].algorithm), t[i].len);
		INT(p->hmac(NULL, t[i].algorithm, jefe, 4, both, 28, NULL, 0, mac),
		    SQLITE_OK);
		HEX(mac, t[i].mac_of_2);
		INT(p->hmac(NULL, t[i].algorithm, jefe, 4, what, 16, nothing, 12, mac),
		    SQLITE_OK);
		HEX(mac, t[i].mac_of_2);
		if (!t[i].mac_of_6)
			continue;
		INT(p->hmac(NULL, t[i].algorithm, long_key, 131, hash_first, 54, NULL, 0,
			    mac),
		    SQLITE_OK);
		HEX(mac, t[i].mac_of_6);
	}
	INT(p->get_hmac_sz(NULL, 3), 0);
	INT(p->hmac(NULL, 3, jefe, 4, both, 28, NULL, 0, mac), SQLITE_ERROR);
	INT(p->hmac(NULL, SQLCIPHER_HMAC_SHA256, jefe, 4, NULL, 0, NULL, 0, mac),
	    SQLITE_ERROR);
}

/* SHA-1: RFC 6070, 4096 rounds. SHA-256 and SHA-512: same input, by Python's hashlib. */
static void test_kdf(const sqlcipher_provider *p)
{
	static const unsigned char pass[] = "password";
	unsigned char salt[] = "salt";
	uint8_t key[64];

	INT(p->kdf(NULL, SQLCIPHER_PBKDF2_HMAC_SHA1, pass, 8, salt, 4, 4096, 20, key),
	    SQLITE_OK);
	HEX(key, "4b007901b765489abead49d926f721d065a429c1");
	INT(p->kdf(NULL, SQLCIPHER_PBKDF2_HMAC_SHA256, pass, 8, salt, 4, 4096, 32, key),
	    SQLITE_OK);
	HEX(key, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
	INT(p->kdf(NULL, SQLCIPHER_PBKDF2_HMAC_SHA512, pass, 8, salt, 4, 4096, 64, key),
	    SQLITE_OK);
	HEX(key, "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
		 "143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5");
	INT(p->kdf(NULL, 3, pass, 8, salt, 4, 4096, 32, key), SQLITE_ERROR);
}

/* The generator lives while at least one user does. */
static void test_random(const sqlcipher_provider *p)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	INT(p->random(NULL, a, sizeof(a)), SQLITE_ERROR);
	INT(p->ctx_init(NULL), SQLITE_OK);
	INT(p->ctx_init(NULL), SQLITE_OK);
	INT(p->ctx_free(NULL), SQLITE_OK);
	INT(p->random(NULL, a, sizeof(a)), SQLITE_OK);
	INT(p->random(NULL, b, sizeof(b)), SQLITE_OK);
	INT(memcmp(a, b, sizeof(a)) == 0, 0);
	INT(p->random(NULL, a, -1), SQLITE_ERROR);
	INT(p->ctx_free(NULL), SQLITE_OK);
	INT(p->random(NULL, a, sizeof(a)), SQLITE_ERROR);
	INT(p->ctx_free(NULL), SQLITE_OK); /* one too many does no harm */
	INT(p->ctx_init(NULL), SQLITE_OK);
	INT(p->ctx_free(NULL), SQLITE_OK);
}

static sqlite3 *open_with(const char *key)
{
	sqlite3 *db = NULL;

	INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
	    SQLITE_OK);
	INT(sqlite3_key(db, key, (int)strlen(key)), SQLITE_OK);
	return db;
}

/* The first column of the first row, or "" if there is no row. */
static void first_text(sqlite3 *db, const char *sql, char ret[static 64])
{
	sqlite3_stmt *s = NULL;

	ret[0] = '\0';
	INT(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		snprintf(ret, 64, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
}

static void test_file(void)
{
	static const char *fill = "PRAGMA journal_mode = WAL; CREATE TABLE t (v TEXT);"
				  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
				  "1 FROM n LIMIT 1000)"
				  "INSERT INTO t SELECT 'reading ' || i FROM n";
	uint8_t head[16];
	char text[64];
	sqlite3 *db = open_with(KEY SALT), *second;
	FILE *f;

	first_text(db, "PRAGMA cipher_provider", text);
	TEXT(text, "wolfcrypt");
	first_text(db, "PRAGMA cipher_hmac_algorithm", text);
	TEXT(text, "HMAC_SHA512");
	INT(sqlite3_exec(db, fill, NULL, NULL, NULL), SQLITE_OK);
	first_text(db, "PRAGMA cipher_salt", text);
	TEXT(text, "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");

	second = open_with(KEY SALT);
	first_text(second, "SELECT count(*) FROM t", text);
	TEXT(text, "1000");
	INT(sqlite3_close(second),
	    SQLITE_OK); /* must not take the generator from the first */
	INT(sqlite3_exec(db, "INSERT INTO t VALUES ('reading 1001')", NULL, NULL, NULL),
	    SQLITE_OK);
	INT(sqlite3_close(db), SQLITE_OK);

	f = fopen(path, "rb");
	INT(f != NULL, 1);
	if (!f)
		exit(1); /* for the analysers: INT has ended the test */
	INT((long)fread(head, 1, sizeof(head), f), 16);
	fclose(f);
	HEX(head,
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"); /* the salt, and no 'SQLite format 3' */

	db = open_with(KEY SALT);
	first_text(db, "SELECT v FROM t WHERE rowid = 1001", text);
	TEXT(text, "reading 1001");
	first_text(db, "PRAGMA cipher_integrity_check", text);
	TEXT(text, "");
	first_text(db, "PRAGMA integrity_check", text);
	TEXT(text, "ok");
	INT(sqlite3_close(db), SQLITE_OK);
}

static void test_wrong_key(void)
{
	sqlite3 *db = open_with(OTHER_KEY SALT);

	INT(sqlite3_exec(db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL),
	    SQLITE_NOTADB);
	sqlite3_close(db);
}

/* One flipped bit: cipher_integrity_check names the page, and reading it fails. */
static void test_damage(void)
{
	char text[64];
	sqlite3 *db;
	FILE *f = fopen(path, "r+b");
	int c;

	INT(f != NULL, 1);
	if (!f)
		exit(1); /* for the analysers: INT has ended the test */
	INT(fseek(f, 4096 * 2 + 100, SEEK_SET), 0);
	c = fgetc(f);
	INT(fseek(f, -1, SEEK_CUR), 0);
	INT(fputc(c ^ 1, f) == EOF, 0);
	fclose(f);
	db = open_with(KEY SALT);
	first_text(db, "PRAGMA cipher_integrity_check", text);
	TEXT(text, "HMAC verification failed for page 3");
	INT(sqlite3_exec(db, "SELECT sum(length(v)) FROM t", NULL, NULL, NULL) ==
		    SQLITE_OK,
	    0);
	sqlite3_close(db);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	sqlcipher_provider p;

	INT(hub_sqlcipher_wolf_setup(&p), SQLITE_OK);
	TEXT(p.get_provider_name(NULL), "wolfcrypt");
	INT(p.get_key_sz(NULL), 32);
	INT(p.get_iv_sz(NULL), 16);
	INT(p.get_block_sz(NULL), 16);
	test_cipher(&p);
	test_hmac(&p);
	test_kdf(&p);
	test_random(&p);

	snprintf(path, sizeof(path), "%s/test_sqlcipher_wolf.%ld.db", tmp ? tmp : "/tmp",
		 (long)getpid());
	test_file();
	test_wrong_key();
	test_damage();
	unlink(path);
	return 0;
}
