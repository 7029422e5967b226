/*
 * test_traits.c - how a model's row is found, and that every row makes sense.
 */
#include "tests/unit/test.h"

#include "ble/traits.h"

static void check_family(const char *name, const char *maker, const char *model,
			 const char *family)
{
	const struct traits *t = traits_find(name, maker, model);

	CHECK_STR(t->family, family);
	CHECK_INT(t->untested, strcmp(family, "untested") == 0);
}

/* Names as they were seen on the air; sources in traits.c. */
static void test_by_name(void)
{
	check_family("A&D_UA-651BLE_75E8D1", NULL, NULL, "A&D blood pressure");
	check_family("UB-1100BLE_88C32F", NULL, NULL, "A&D blood pressure");
	check_family("A&D_UC-352BLE_AA26F0", NULL, NULL, "A&D scale");
	check_family("BLEsmart_0000016028FFB2735FEF", NULL, NULL, "Omron blood pressure");
	check_family("BLESmart_000000D4F4641FEA7DEB", NULL, NULL, "Omron blood pressure");
	check_family("BLEsmart_0001000711051631F900", NULL, NULL,
		     "untested"); /* a scale */
	check_family("BF720", NULL, NULL, "Beurer scale with users");
	check_family("BM54", NULL, NULL, "Beurer blood pressure");
	check_family("SBM69", NULL, NULL, "Sanitas and Silvercrest blood pressure");
	check_family("Contour7830H7002817", NULL, NULL, "Ascensia Contour");
	check_family("meter+02252924", NULL, NULL, "Roche Accu-Chek");
	check_family("Accu-Chek", NULL, NULL, "Roche Accu-Chek");
	check_family("CareSens 0701", NULL, NULL, "i-SENS CareSens");
	check_family("Nonin3230_502", NULL, NULL, "Nonin oximeter");
	check_family("Polar H10 12345678", NULL, NULL, "heart rate strap");
}

static void test_by_information(void)
{
	check_family(NULL, "A&D Medical", "UA-651BLE", "A&D blood pressure");
	check_family(NULL, "A&D Medical", "UC-352BLE", "A&D scale");
	check_family("", "A&D Medical", "UT-201BLE", "untested");
	check_family(NULL, "A&D Medical", NULL, "untested"); /* several families */
	check_family(NULL, "Beurer", "BM77", "Beurer blood pressure");
	check_family(NULL, "Beurer GmbH", "BF105", "Beurer scale with users");
	/* all that a maker makes */
	check_family(NULL, "Roche", "925", "Roche Accu-Chek");
	check_family(NULL, "i-SENS, Inc.", "", "i-SENS CareSens");
	check_family(NULL, "Garmin", NULL, "heart rate strap");
	/* no maker: a model alone is nobody's */
	check_family(NULL, NULL, "UA-651BLE", "untested");
	check_family(NULL, "", "UA-651BLE", "untested");
}

/* The device says over its bond what it is; a name is anybody's. */
static void test_maker_outweighs_name(void)
{
	check_family("meter+02252924", "TaiDoc", "TD4286", "untested");
	check_family("A&D_UA-651BLE_75E8D1", "Beurer", "BM54", "Beurer blood pressure");
	check_family("A&D_UA-651BLE_75E8D1", "A&D Medical", "new one",
		     "A&D blood pressure");
	check_family("SBM69", "Sanitas", "SBM69",
		     "Sanitas and Silvercrest blood pressure"); /* row without maker */
}

static void test_unknown(void)
{
	check_family(NULL, NULL, NULL, "untested");
	check_family("", "", "", "untested");
	check_family("m", NULL, NULL, "untested"); /* shorter than every prefix */
	check_family("meter", NULL, NULL, "untested");
	check_family("my meter+1", NULL, NULL, "untested");
	CHECK(traits_find(NULL, NULL, NULL)->pair_first);
	CHECK(!traits_find(NULL, NULL, NULL)->racp_delete);
	CHECK(!traits_find(NULL, NULL, NULL)->strict_early);
}

static void test_rows(void)
{
	size_t rows = 0;

	for (const struct traits *t; (t = traits_at(rows)); rows++) {
		CHECK(t->family && !t->untested);
		CHECK(t->names || t->makers); /* can be found */
		CHECK(t->services != 0 && t->services < TRAITS_UDS * 2u);
		CHECK(t->strength_min != LINK_UNKNOWN);
		CHECK(t->advertising_s >= 1 && t->reconnect_grace_s >= 1);
		CHECK(!t->racp_delete || t->history == TRAITS_HISTORY_RACP);
		/* what is dropped must be had again */
		CHECK(!t->strict_early || t->history == TRAITS_HISTORY_RACP);
		CHECK(t->users != TRAITS_USERS_UDS || t->services & TRAITS_UDS);
		CHECK(!t->bcs_stub || t->services & TRAITS_BCS);
		/* every prefix finds its own row, in either case */
		for (size_t i = 0; t->names && t->names[i]; i++)
			CHECK_STR(traits_find(t->names[i], NULL, NULL)->family,
				  t->family);
		for (size_t i = 0; t->models && t->models[i]; i++)
			CHECK_STR(traits_find(NULL, t->makers[0], t->models[i])->family,
				  t->family);
	}
	CHECK_UINT(rows, 12);
	CHECK(!traits_at(rows + 100));
}

/* What somebody wrote down of a model, as the table has it. */
static void test_columns(void)
{
	static const struct {
		const char *name;
		bool pair_first, hangs_up, each_time, clock_first, stub, strict;
		enum clock_kind clock;
		uint32_t hub_ends_ms;
		uint16_t grace_s;
		enum traits_passkey passkey;
		enum traits_history history;
		enum traits_users users;
	} rows[] = {
		{ "A&D_UA-", true, true, true, false, false, false, CLOCK_KIND_DATE_TIME,
		  2000, 40, TRAITS_PASSKEY_NONE, TRAITS_HISTORY_RESENDS,
		  TRAITS_USERS_NONE },
		{ "A&D_UC-", true, true, true, false, false, false, CLOCK_KIND_DATE_TIME,
		  2000, 15, TRAITS_PASSKEY_NONE, TRAITS_HISTORY_RESENDS,
		  TRAITS_USERS_NONE },
		{ "BLEsmart_0000", true, false, false, false, false, false,
		  CLOCK_KIND_CURRENT_TIME, 0, 40, TRAITS_PASSKEY_NONE,
		  TRAITS_HISTORY_RESENDS, TRAITS_USERS_SLOT },
		{ "BF720", false, false, false, true, true, false,
		  CLOCK_KIND_CURRENT_TIME, 0, 40, TRAITS_PASSKEY_SHOWN,
		  TRAITS_HISTORY_RESENDS, TRAITS_USERS_UDS },
		{ "BM54", true, false, false, false, false, false,
		  CLOCK_KIND_CURRENT_TIME, 0, 40, TRAITS_PASSKEY_NONE,
		  TRAITS_HISTORY_RESENDS, TRAITS_USERS_SLOT },
		{ "SBM69", false, false, false, false, false, false,
		  CLOCK_KIND_CURRENT_TIME, 0, 40, TRAITS_PASSKEY_SHOWN,
		  TRAITS_HISTORY_RESENDS, TRAITS_USERS_SLOT },
		{ "Contour", false, false, false, false, false, true,
		  CLOCK_KIND_CURRENT_TIME, 0, 40, TRAITS_PASSKEY_NONE,
		  TRAITS_HISTORY_RACP, TRAITS_USERS_NONE },
		{ "meter+", false, false, false, false, false, true, CLOCK_KIND_DATE_TIME,
		  0, 40, TRAITS_PASSKEY_LABEL, TRAITS_HISTORY_RACP, TRAITS_USERS_NONE },
		{ "CareSens", false, false, false, false, false, true, CLOCK_KIND_NONE, 0,
		  40, TRAITS_PASSKEY_NONE, TRAITS_HISTORY_RACP, TRAITS_USERS_NONE },
		{ "Nonin 32", true, false, false, false, false, false,
		  CLOCK_KIND_CURRENT_TIME, 0, 40, TRAITS_PASSKEY_NONE,
		  TRAITS_HISTORY_LAST, TRAITS_USERS_NONE },
		{ "Polar H", true, false, false, false, false, false, CLOCK_KIND_NONE, 0,
		  40, TRAITS_PASSKEY_NONE, TRAITS_HISTORY_NONE, TRAITS_USERS_NONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct traits *t = traits_find(rows[i].name, NULL, NULL);

		CHECK(!t->untested);
		CHECK_INT(t->pair_first, rows[i].pair_first);
		CHECK_INT(t->just_bonded_disconnect, rows[i].hangs_up);
		CHECK_INT(t->clock_each_time, rows[i].each_time);
		CHECK_INT(t->clock_first, rows[i].clock_first);
		CHECK_INT(t->bcs_stub, rows[i].stub);
		CHECK_INT(t->strict_early, rows[i].strict);
		CHECK_INT(t->clocks[0], rows[i].clock);
		CHECK_UINT(t->hub_ends_ms, rows[i].hub_ends_ms);
		CHECK_UINT(t->reconnect_grace_s, rows[i].grace_s);
		CHECK_INT(t->passkey, rows[i].passkey);
		CHECK_INT(t->history, rows[i].history);
		CHECK_INT(t->users, rows[i].users);
		CHECK(!t->clock_fetches && !t->racp_delete);
	}
	CHECK(traits_find(NULL, "ChoiceMMed", NULL)->pair_first);
}

static void test_accepts(void)
{
	/* by strength_min, then by strength: LEGACY_JW, LEGACY_PASSKEY, SC_JW, SC_AUTH */
	static const bool expected[4][4] = {
		{ true, true, true, true },
		{ false, true, false, true },
		{ false, false, true, true },
		{ false, false, false, true },
	};

	for (int min = 0; min < 4; min++) {
		const struct traits t = { .strength_min = (enum link_strength)(min + 1) };

		CHECK(!traits_accepts(&t, LINK_UNKNOWN));
		for (int s = 0; s < 4; s++)
			CHECK_INT(traits_accepts(&t, (enum link_strength)(s + 1)),
				  expected[min][s]);
	}
	CHECK(!traits_accepts(traits_find("meter+1", NULL, NULL), LINK_SC_JUST_WORKS));
	CHECK(traits_accepts(traits_find(NULL, NULL, NULL), LINK_LEGACY_JUST_WORKS));
}

/* Bluetooth Assigned Numbers, 3.4.2. */
static void test_services(void)
{
	static const uint16_t uuids[] = { 0x1810, 0x181D, 0x181B, 0x1822, 0x1809,
					  0x1808, 0x180D, 0x181F, 0x1840, 0x181C };
	unsigned all = 0;

	for (size_t i = 0; i < sizeof(uuids) / sizeof(*uuids); i++) {
		CHECK_UINT(traits_service_bit(uuids[i]), 1u << i);
		all |= traits_service_bit(uuids[i]);
	}
	CHECK_UINT(all, 0x3FF);
	CHECK_UINT(traits_service_bit(0), 0);
	CHECK_UINT(traits_service_bit(0x183A), 0); /* Insulin Delivery: never ours */
	CHECK_UINT(traits_services_of(READING_BLOOD_PRESSURE), TRAITS_BLS);
	CHECK_UINT(traits_services_of(READING_WEIGHT), TRAITS_WSS | TRAITS_BCS);
	CHECK_UINT(traits_services_of(READING_OXIMETRY), TRAITS_PLX);
	CHECK_UINT(traits_services_of(READING_TEMPERATURE), TRAITS_HTS);
	CHECK_UINT(traits_services_of(READING_GLUCOSE), TRAITS_GLS);
	CHECK_UINT(traits_services_of(READING_HEART_RATE_STREAM), TRAITS_HRS);
	CHECK_UINT(traits_services_of(READING_CGM), TRAITS_CGM);
	CHECK_UINT(traits_services_of(READING_GENERIC), TRAITS_GHS);
	for (int k = READING_NONE; k <= READING_TOMBSTONE; k++)
		CHECK(!(traits_services_of((enum reading_kind)k) & TRAITS_UDS));
	CHECK_UINT(traits_services_of(READING_NONE), 0);
	CHECK_UINT(traits_services_of(READING_DEVICE_INFORMATION), 0);
	CHECK_UINT(traits_services_of(READING_TOMBSTONE), 0);
}

/* Whatever text a device invents, there is a row. */
static void test_random_texts(void)
{
	char text[3][40];

	for (int i = 0; i < 100000; i++) {
		for (int k = 0; k < 3; k++) {
			size_t len = test_random() % sizeof(text[k]);

			for (size_t c = 0; c < len; c++)
				text[k][c] = (char)(1 + test_random() % 255);
			text[k][len ? len - 1 : 0] = '\0';
		}
		CHECK(traits_find(text[0], text[1], text[2])->family);
	}
}

TEST_MAIN("traits", test_by_name, test_by_information, test_maker_outweighs_name,
	  test_unknown, test_rows, test_columns, test_accepts, test_services,
	  test_random_texts)
