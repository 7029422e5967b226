/*
 * test_settings.c - hubd's config: taken only if signed, whole, for this hub and not older.
 */
#include "tests/unit/test.h"

#include <sys/stat.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/settings.h"

static char dir[] = "/tmp/test-settings-XXXXXX";
static uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

static uint32_t epoch = 1;

static void put_config(uint8_t hub, uint64_t version,
		       const uint8_t key[static P256_PRIVATE_LEN])
{
	struct config c = { .hub = { hub },
			    .epoch = epoch,
			    .version = version,
			    .heartbeat_s = 300,
			    .endpoint_count = 1 };
	uint8_t payload[4096], box[4096];
	int n;

	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	n = config_encode(&c, payload, sizeof(payload));
	n = sign1_make(SIGN_CONTEXT_CONFIG, key, payload, (size_t)n, box, sizeof(box));
	CHECK(n > 0);
	CHECK_INT(file_replace(dir, "config.cose", box, (size_t)n), 0);
}

static void test_start(void)
{
	CHECK(mkdtemp(dir) != NULL);
	CHECK_INT(crypto_init(), 0);
	p256_generate(private, public);
}

static void test_first_start(void)
{
	struct settings s, again;
	struct stat st;
	const char *why = "";
	char path[128];

	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(!s.loaded);
	snprintf(path, sizeof(path), "%s/engine.share", dir);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(settings_open(&again, dir), 0);
	CHECK_MEM(again.share, s.share, sizeof(s.share)); /* made once */
	CHECK_INT(settings_load(&s, &why), -ENOENT);
	put_config(1, 1, private);
	CHECK(settings_load(&s, &why) < 0); /* no key to verify it with */
	CHECK_INT(file_replace(dir, "clinic.pub", public, sizeof(public)), 0);
	CHECK_INT(settings_load(&s, &why), 1);
	CHECK_INT(settings_load(&s, &why), 0);
	CHECK_UINT(s.config.version, 1);
}

static void test_refusals(void)
{
	uint8_t other_private[P256_PRIVATE_LEN], other_public[P256_PUBLIC_LEN];
	struct settings s;
	const char *why = "";

	put_config(1, 5, private);
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(s.loaded); /* from config.good */
	CHECK_INT(settings_load(&s, &why), 1);
	put_config(1, 4, private);
	CHECK_INT(settings_load(&s, &why), -ESTALE);
	put_config(2, 9, private);
	CHECK_INT(settings_load(&s, &why), -EKEYREJECTED);
	CHECK_STR(why, "made for another hub");
	p256_generate(other_private, other_public);
	put_config(1, 9, other_private);
	CHECK_INT(settings_load(&s, &why), -EKEYREJECTED);
	CHECK_STR(why, "not signed by this hub's clinic");
	CHECK_INT(file_replace(dir, "config.cose", (const uint8_t *)"nonsense", 8), 0);
	CHECK_INT(settings_load(&s, &why), -EBADMSG);
	CHECK_UINT(s.config.version, 5);

	/* after a restart the last good one still holds */
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(s.loaded);
	CHECK_UINT(s.config.version, 5);
	put_config(1, 4, private);
	CHECK_INT(settings_load(&s, &why), -ESTALE);
}

/* What has proven itself stays beside the one in use, over restarts, but not into another enrolment. */
static void test_proven(void)
{
	struct settings s;
	const char *why = "";

	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(!s.has_proven);
	CHECK_INT(settings_prove(&s, 4), 0); /* not the one in use */
	CHECK_INT(settings_prove(&s, 5), 1);
	CHECK_INT(settings_prove(&s, 5), 0);
	put_config(1, 6, private);
	CHECK_INT(settings_load(&s, &why), 1);
	CHECK_UINT(s.proven.version, 5);
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(s.has_proven);
	CHECK_UINT(s.proven.version, 5);
	CHECK_UINT(s.config.version, 6);
	CHECK_INT(file_replace(dir, "config.proven", (const uint8_t *)"nonsense", 8), 0);
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(!s.has_proven);
	CHECK_INT(settings_prove(&s, 6), 1);
	epoch = 2;
	put_config(1, 7, private);
	CHECK_INT(settings_load(&s, &why), 1);
	CHECK(!s.has_proven);
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(!s.has_proven);
	CHECK_INT(settings_prove(&s, 7), 1);
	CHECK_INT(file_remove(dir, "config.good"), 0); /* nothing to copy from */
	put_config(1, 8, private);
	s.config.version = 8;
	CHECK_INT(settings_prove(&s, 8), -ENOENT);
	CHECK_UINT(s.proven.version, 7);
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK_INT(settings_load(&s, &why), 1);
}

static void test_damaged_share(void)
{
	struct settings s;

	CHECK_INT(file_replace(dir, "engine.share", (const uint8_t *)"short", 5), 0);
	CHECK_INT(settings_open(&s, dir), -EMSGSIZE); /* never replaced silently */
	CHECK(!s.has_share);
	CHECK(s.loaded);
}

static void test_end(void)
{
	static const char *const names[] = { "engine.share", "clinic.pub", "config.cose",
					     "config.good", "config.proven" };

	for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
		CHECK_INT(file_remove(dir, names[n]), 0);
	CHECK_INT(rmdir(dir), 0);
	crypto_done();
}

TEST_MAIN("settings", test_start, test_first_start, test_refusals, test_proven,
	  test_damaged_share, test_end)
