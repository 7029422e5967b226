/*
 * test_coap_get.c - a server's GETs, octet by octet, over real DTLS: parts of a content, its name, and what is none.
 */
#include "tests/io/attack_world.h"

#include "coap/block.h"
#include "hub/core/cursor.h"

enum { LEN = 2500, SMALL = 300, OPTION_ETAG = 4, OPTION_PATH = 11 };

static uint8_t content[LEN];
static const uint8_t etag[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* In the server's process. */
static void give(void *arg, const struct coap_server_get *rq,
		 struct coap_server_content *ret)
{
	(void)arg;
	page->calls++;
	*ret = (struct coap_server_content){ .code = COAP_CODE_CONTENT,
					     .format = COAP_FORMAT_SIGN1,
					     .body = content,
					     .len = LEN,
					     .etag_len = sizeof(etag) };
	memcpy(ret->etag, etag, sizeof(etag));
	if (memcmp(rq->spki, hub_pair.spki, PIN_LEN) != 0)
		ret->code = COAP_CODE_FORBIDDEN;
	else if (strcmp(rq->path, "hub/busy") == 0)
		*ret = (struct coap_server_content){ .code = COAP_CODE_UNAVAILABLE,
						     .max_age_s = 77 };
	else if (strcmp(rq->path, "hub/small") == 0)
		ret->len = SMALL;
	else if (strcmp(rq->path, "hub/cfg") != 0)
		*ret = (struct coap_server_content){ .code = COAP_CODE_NOT_FOUND };
}

/* What came back. */
struct got {
	int code;
	uint8_t buf[2048];
	const uint8_t *body, *etag;
	size_t len, etag_len;
	uint32_t format, max_age, size; /* UINT32_MAX: not there */
	bool has_block;
	struct block block;
};

static struct raw_hub hub;
static uint16_t mid;

static uint32_t number(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static size_t extended(struct reader *r, size_t nibble)
{
	return nibble == 13 ? 13u + read_u8(r) : nibble;
}

static void read_options(struct reader *r, struct got *g)
{
	size_t option = 0;

	while (!reader_done(r)) {
		uint8_t head = read_u8(r);
		size_t delta, len;
		const uint8_t *value;

		if (head == 0xff)
			return;
		delta = extended(r, head >> 4);
		len = extended(r, head & 15);
		option += delta;
		value = read_span(r, len);
		CHECK(value != NULL || len == 0);
		switch (option) {
		case OPTION_ETAG:
			g->etag = value;
			g->etag_len = len;
			break;
		case 12: g->format = number(value, len); break;
		case 14: g->max_age = number(value, len); break;
		case 23:
			g->has_block = true;
			CHECK_INT(block_decode(value, len, &g->block), 0);
			break;
		case 28: g->size = number(value, len); break;
		default: CHECK_UINT(option, 0); /* an option that nobody asked for */
		}
	}
}

static void parse(struct got *g, int n)
{
	struct reader r;

	CHECK(n >= 6);
	reader_init(&r, g->buf, (size_t)n);
	CHECK_INT(read_u8(&r), 0x62); /* an acknowledgement, token of two */
	g->code = read_u8(&r);
	CHECK_UINT(read_be16(&r), mid);
	CHECK_UINT(read_be16(&r), mid);
	g->format = g->max_age = g->size = UINT32_MAX;
	read_options(&r, g);
	g->body = r.p;
	g->len = (size_t)(g->buf + n - r.p);
}

static void put_option(struct writer *w, unsigned delta, const void *value, size_t len)
{
	write_u8(w, (uint8_t)(delta << 4 | len));
	write_bytes(w, value, len);
}

/* path: two segments of at most 12; tag NULL: none; block_len 0: the option is there and empty, -1: it is not there. */
static struct got *ask(const char *path, const uint8_t *tag, size_t tag_len,
		       const uint8_t *block, int block_len)
{
	static struct got g;
	uint8_t buf[128];
	struct writer w;
	const char *slash = strchr(path, '/');
	int n = -1;

	memset(&g, 0, sizeof(g));
	mid++;
	writer_init(&w, buf, sizeof(buf));
	write_u8(&w, 0x42);
	write_u8(&w, 1);
	write_be16(&w, mid);
	write_be16(&w, mid);
	if (tag)
		put_option(&w, OPTION_ETAG, tag, tag_len);
	put_option(&w, tag ? 7 : OPTION_PATH, path, (size_t)(slash - path));
	put_option(&w, 0, slash + 1, strlen(slash + 1));
	if (block_len >= 0)
		put_option(&w, 12, block, (size_t)block_len);
	CHECK(writer_len(&w) > 0);
	for (int tries = 0; n < 0 && tries < 10; tries++) {
		raw_hub_write(&hub, buf, (size_t)writer_len(&w));
		n = raw_hub_hear(&hub, g.buf, sizeof(g.buf), PATIENCE_MS / 10);
	}
	parse(&g, n);
	return &g;
}

static struct got *ask_block(const char *path, struct block b)
{
	uint8_t value[BLOCK_OPTION_MAX];
	size_t len = block_encode(&b, value);

	return ask(path, NULL, 0, value, (int)len);
}

static void test_start(void)
{
	for (size_t i = 0; i < LEN; i++)
		content[i] = (uint8_t)(i * 17 >> 2);
	world_get = give;
	world_begin(DTLS_PROFILE_13_CID);
	world_connect(&hub, true);
}

/* Without a word of blocks, and with blocks of each size. */
static void test_parts(void)
{
	struct got *g = ask("hub/cfg", NULL, 0, NULL, -1);

	CHECK_INT(g->code, COAP_CODE_CONTENT);
	CHECK_UINT(g->format, COAP_FORMAT_SIGN1);
	CHECK_UINT(g->etag_len, 8);
	CHECK_MEM(g->etag, etag, 8);
	CHECK(g->has_block && g->block.more);
	CHECK_UINT(g->block.num, 0);
	CHECK_UINT(g->block.szx, 6);
	CHECK_UINT(g->size, LEN);
	CHECK_UINT(g->len, 1024);
	CHECK_MEM(g->body, content, 1024);
	for (uint8_t szx = 0; szx <= BLOCK_SZX_MAX; szx++) {
		const uint32_t last = (LEN - 1) / (16u << szx);
		const uint32_t nums[] = { 0, 1, last - 1, last };

		for (size_t i = 0; i < 4; i++) {
			size_t at = nums[i] * block_size(szx);

			g = ask_block("hub/cfg",
				      (struct block){ .num = nums[i], .szx = szx });
			CHECK_INT(g->code, COAP_CODE_CONTENT);
			CHECK_MEM(g->etag, etag, 8);
			CHECK_UINT(g->block.num, nums[i]);
			CHECK_UINT(g->block.szx, szx);
			CHECK_INT(g->block.more, nums[i] != last);
			CHECK_UINT(g->len, nums[i] == last ? LEN - at : block_size(szx));
			CHECK_MEM(g->body, content + at, g->len);
		}
	}
}

static void test_small(void)
{
	struct got *g = ask("hub/small", NULL, 0, NULL, -1);

	CHECK_INT(g->code, COAP_CODE_CONTENT);
	CHECK(!g->has_block);
	CHECK_UINT(g->size, UINT32_MAX);
	CHECK_UINT(g->len, SMALL);
	g = ask_block("hub/small", (struct block){ .num = 4, .szx = 2 });
	CHECK_UINT(g->len, SMALL - 4 * 64);
	CHECK(!g->block.more);
	CHECK_UINT(g->size, SMALL);
}

static void test_known(void)
{
	struct got *g = ask("hub/cfg", etag, 8, NULL, -1);

	CHECK_INT(g->code, COAP_CODE_VALID);
	CHECK_MEM(g->etag, etag, 8);
	CHECK_UINT(g->len, 0);
	CHECK(!g->has_block);
	CHECK_INT(ask("hub/cfg", etag, 7, NULL, -1)->code, COAP_CODE_CONTENT);
	CHECK_INT(ask("hub/cfg", content, 8, NULL, -1)->code, COAP_CODE_CONTENT);
}

static void test_none(void)
{
	unsigned calls;
	struct got *g = ask("hub/none", NULL, 0, NULL, -1);

	CHECK_INT(g->code, COAP_CODE_NOT_FOUND);
	CHECK_UINT(g->len, 0);
	g = ask("hub/busy", NULL, 0, NULL, -1);
	CHECK_INT(g->code, COAP_CODE_UNAVAILABLE);
	CHECK_UINT(g->max_age, 77);
	g = ask_block("hub/cfg",
		      (struct block){ .num = 3, .szx = 6 }); /* behind the end */
	CHECK_INT(g->code, COAP_CODE_BAD_REQUEST);
	CHECK_UINT(g->len, 0);
	calls = page->calls;
	CHECK_INT(ask("hub/cfg", NULL, 0, (const uint8_t *)"\x07", 1)->code,
		  COAP_CODE_BAD_OPTION);
	CHECK_UINT(page->calls, calls); /* a block that is none */
	CHECK_INT(ask("hub/cfg", NULL, 0, (const uint8_t *)"", 0)->block.szx, 0);
}

/* Beside uploads, on the same connection, in both orders. */
static void test_with_posts(void)
{
	for (int i = 0; i < 20; i++) {
		CHECK_ANSWERED(&hub);
		CHECK_INT(ask("hub/cfg", NULL, 0, NULL, -1)->code, COAP_CODE_CONTENT);
	}
	raw_hub_close(&hub);
	world_end_server();
	world_end();
}

/* A server without a handler for it. */
static void test_no_handler(void)
{
	world_get = NULL;
	world_begin(DTLS_PROFILE_13_CID);
	world_connect(&hub, true);
	CHECK_INT(ask("hub/cfg", NULL, 0, NULL, -1)->code, COAP_CODE_NOT_ALLOWED);
	raw_hub_close(&hub);
	world_end_server();
	world_end();
	crypto_done();
}

TEST_MAIN("coap_get", test_start, test_parts, test_small, test_known, test_none,
	  test_with_posts, test_no_handler)
