/*
 * test_config_state.c - where a hub's config is on its way, from what the row and the hub say.
 */
#include "clinic/config_state.h"
#include "clinic/json.h"
#include "tests/unit/test.h"

static enum config_state state(uint64_t wanted, uint64_t used, const struct status *st)
{
	const struct hub h = { .config_wanted = wanted, .config_used = used };

	return config_state(&h, st);
}

static void test_states(void)
{
	const struct status none = { 0 }, six = { .config_version = 6 },
			    refused = { .config_version = 6,
					.refused_version = 7,
					.refusal = REFUSAL_SIGNATURE },
			    unproven = { .config_version = 7, .proven_version = 6 },
			    late = { .config_version = 6, .proven_version = 5 };

	CHECK_INT(state(0, 0, NULL), CONFIG_STATE_NONE);
	CHECK_INT(state(0, 6, &six), CONFIG_STATE_NONE);
	CHECK_INT(state(1, 0, NULL), CONFIG_STATE_ON_ITS_WAY);
	CHECK_INT(state(7, 0, &none), CONFIG_STATE_ON_ITS_WAY);
	CHECK_INT(state(7, 6, &six), CONFIG_STATE_ON_ITS_WAY);
	CHECK_INT(state(7, 6, &refused), CONFIG_STATE_REFUSED);
	CHECK_INT(state(8, 6, &refused), CONFIG_STATE_ON_ITS_WAY); /* of the one before */
	CHECK_INT(state(6, 6, &six), CONFIG_STATE_IN_USE);
	CHECK_INT(state(6, 6, NULL), CONFIG_STATE_IN_USE);
	CHECK_INT(state(6, 6, &refused), CONFIG_STATE_IN_USE);
	CHECK_INT(state(7, 7, &unproven), CONFIG_STATE_UNCONFIRMED);
	CHECK_INT(state(7, 7, &late), CONFIG_STATE_IN_USE); /* it speaks of another one */
	CHECK_INT(state(5, 6, &six), CONFIG_STATE_AHEAD);
	CHECK_INT(state(5, 6, NULL), CONFIG_STATE_AHEAD);
}

static void check_line(uint64_t wanted, uint64_t used, const struct status *st,
		       const char *want)
{
	const struct hub h = { .name = "k",
			       .config_wanted = wanted,
			       .config_used = used };
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	CHECK(to != NULL);
	config_state_print(to, &h, st);
	CHECK_INT(fclose(to), 0);
	CHECK_STR(text, want);
	free(text);
}

static void test_lines(void)
{
	const struct status refused = { .refused_version = 7,
					.refusal = (enum refusal)(REFUSAL_FIELD + 6) },
			    unproven = { .config_version = 7, .proven_version = 6 },
			    other = { .config_version = 7,
				      .proven_version = 6,
				      .trial = TRIAL_IDENTITY };

	check_line(0, 3, NULL,
		   "  k: configuration not kept here as signed; in use is 3 [none]\n");
	check_line(2, 2, NULL, "  k: configuration 2 is in use [in-use]\n");
	check_line(2, 0, NULL,
		   "  k: configuration 2 waits for the hub to fetch it; which one is in "
		   "use was not said yet [on-its-way]\n");
	check_line(
		7, 6, &refused,
		"  k: configuration 7 was REFUSED by the hub: its field 'heartbeat' is "
		"bad; in use is 6 [refused]\n");
	check_line(7, 7, &unproven,
		   "  k: configuration 7 is in use, but UNCONFIRMED: none of its "
		   "endpoints has acknowledged anything, the hub keeps those of 6 "
		   "[uplink-unconfirmed]\n");
	check_line(
		7, 7, &other,
		"  k: configuration 7 is in use, but UNCONFIRMED: none of its "
		"endpoints has acknowledged anything, the hub keeps those of 6: who is "
		"there has another key than is pinned, or another name "
		"[uplink-unconfirmed]\n");
	check_line(5, 6, NULL,
		   "  k: configuration 6 is in use, newer than 5 here: was an old backup "
		   "restored? The next change goes above it [ahead]\n");
}

static void check_json(uint64_t wanted, uint64_t used, const struct status *st,
		       const char *want)
{
	const struct hub h = { .config_wanted = wanted, .config_used = used };
	cJSON *o = json_object();
	char *text;

	config_state_add(o, &h, st);
	text = cJSON_PrintUnformatted(o);
	CHECK_STR(text, want);
	cJSON_free(text);
	cJSON_Delete(o);
}

static void test_json(void)
{
	struct status refused = { .refused_version = 7, .refusal = REFUSAL_OTHER_HUB },
		      unproven = { .config_version = 7, .proven_version = 6 };

	check_json(0, 0, NULL,
		   "{\"config\":{\"state\":\"none\",\"wanted\":null,\"used\":null,"
		   "\"proven\":null,\"refused\":null,\"refusal\":null}}");
	check_json(7, 6, &refused,
		   "{\"config\":{\"state\":\"refused\",\"wanted\":7,\"used\":6,"
		   "\"proven\":6,\"refused\":7,\"refusal\":\"it was made for another "
		   "hub\"}}");
	check_json(
		7, 7, &unproven,
		"{\"config\":{\"state\":\"uplink-unconfirmed\",\"wanted\":7,\"used\":7,"
		"\"proven\":6,\"refused\":null,\"refusal\":null}}");
	unproven.trial = TRIAL_SILENT;
	check_json(
		7, 7, &unproven,
		"{\"config\":{\"state\":\"uplink-unconfirmed\",\"wanted\":7,\"used\":7,"
		"\"proven\":6,\"refused\":null,\"refusal\":\"nobody answers there\"}}");
}

TEST_MAIN("config_state", test_states, test_lines, test_json)
