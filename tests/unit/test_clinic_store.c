/*
 * test_clinic_store.c - the configs that the clinic keeps, and a database of an older program.
 */
#include "tests/unit/test.h"

#include "clinic/schema.h"
#include "clinic/sql.h"
#include "clinic/store.h"
#include "hub/core/err.h"
#include "tests/unit/temp_dir.h"

static char dir[64], path[128];
static const uint8_t key[STORE_KEY_LEN] = { 1, 2, 3 };

static struct config config(uint8_t hub, uint64_t version)
{
	struct config c = { .hub = { hub },
			    .epoch = 1,
			    .version = version,
			    .heartbeat_s = 300,
			    .device_count = 1,
			    .endpoint_count = 1,
			    .window = { (uint32_t)version, 1, 10, true } };

	c.devices[0] = (struct config_device){
		.num = 1, .kind = READING_WEIGHT, .passkey = 123456, .serial = "S/N"
	};
	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	return c;
}

static void put(struct store *s, const struct config *c)
{
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_config_put(s, c), 0);
	CHECK_INT(store_commit(s), 0);
}

static void test_config(void)
{
	struct config one = config(1, 1), two = config(2, 7), got;
	struct store *s;

	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/clinic.db", dir);
	CHECK_INT(crypto_init(), 0);
	CHECK_INT(store_create(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -ENOENT);
	put(s, &one);
	put(s, &two);
	one.version = 2;
	one.window.id = 2;
	put(s, &one); /* takes the place of the first */
	store_close(s);
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	CHECK_UINT(got.version, 2);
	CHECK_UINT(got.window.id, 2);
	CHECK_UINT(got.devices[0].passkey, 123456);
	CHECK_STR(got.devices[0].serial, "S/N");
	CHECK_INT(store_config_get(s, two.hub, &got), 0);
	CHECK_UINT(got.version, 7);
	CHECK_INT(store_begin(s), 0);
	one.version = 3;
	CHECK_INT(store_config_put(s, &one), 0);
	store_rollback(s);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	CHECK_UINT(got.version, 2);
	store_close(s);
}

static void run(const char *text)
{
	struct sql *db;

	CHECK_INT(sql_open(path, key, false, 1000, &db), 0);
	CHECK_INT(sql_run(db, text), 0);
	sql_close(db);
}

/* Not a config, or another hub's: said, not used. */
static void test_damaged(void)
{
	struct config one = config(1, 1), two = config(2, 1), got;
	struct store *s;

	run("UPDATE hub_config SET config = x'a0' WHERE hub_id = "
	    "x'01000000000000000000000000000000'");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -EIO);
	store_close(s);
	run("UPDATE hub_config SET config = (SELECT config FROM hub_config WHERE hub_id "
	    "= "
	    "x'02000000000000000000000000000000')");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -EIO);
	CHECK_INT(store_config_get(s, two.hub, &got), 0);
	store_close(s);
}

static void test_older_database(void)
{
	struct config one = config(1, 1), got;
	struct store *s;

	run("DROP TABLE hub_config");
	run("UPDATE meta SET value = 1 WHERE name = 'schema'");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -ENOENT);
	put(s, &one);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	store_close(s);
	run("UPDATE meta SET value = 99 WHERE name = 'schema'");
	CHECK_INT(store_open(path, key, &s), -ENOTSUP);
	temp_dir_remove(dir);
	crypto_done();
}

TEST_MAIN("clinic_store", test_config, test_damaged, test_older_database)
