/*
 * traits.c - the table of model families; see traits.h.
 *
 * Each row says where its contents come from; where no source is named for a column, it
 * stands as in the cautious row. No row was tried over radio by this project.
 *
 * Cuffs of Sanitas and Silvercrest (SBM67, SBM69) put plain integers where the profile has
 * SFLOAT (OpenMQTTGateway #806). There is no column for it because it changes no value: an
 * integer below 2046 is the SFLOAT with exponent 0 and the same mantissa, 2046 and above are
 * no pressures, and what is not plausible is marked anyway.
 */
#include "ble/traits.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define AND_MAKERS LIST("A&D")
#define BEURER_MAKERS LIST("Beurer")
/* in the order of preference where nobody says better */
#define CLOCKS_USUAL                                                                     \
	{                                                                                \
		CLOCK_KIND_CURRENT_TIME, CLOCK_KIND_DATE_TIME                            \
	}

enum {
	ADVERTISING_S = 10, /* nobody says how long; used for pauses only */
	GRACE_S = 40,	    /* of weliem/blessed-bluez, for all models */
};

/* Pair() of bluetoothd 5.82 connects by itself and pairs before it looks at the services
 * (device.c, att_connect_cb). That works with the emulated devices and asks the least of a
 * device, so it is the cautious order; nobody knows a device that needs the other one. Rows
 * have the other order where a source did it that way and it worked. */
static const struct traits cautious = {
	.family = "untested",
	.untested = true,
	.pair_first = true,
	.strength_min = LINK_LEGACY_JUST_WORKS,
	.clocks = CLOCKS_USUAL,
	.history = TRAITS_HISTORY_RESENDS,
	.advertising_s = ADVERTISING_S,
	.reconnect_grace_s = GRACE_S,
};

static const struct traits table[] = {
	/* Names "A&D_UA-651BLE_<hex>", "UB-1100BLE_<hex>"; maker "A&D Medical". Looking at
	 * services before pairing makes it switch off with E10 (andengineering/AndroidSampleCode
	 * #1). The hub hangs up once to finish bonding, writes the clock whenever it can be
	 * written, hangs up 2 s after the last value and stays away for 40 s (weliem/blessed-
	 * bluez, BluetoothHandler.java); reconnecting at once blocks the next measurement
	 * (blessed-bluez #26, where UB-1100BLE has 2A2B). 2A08 is in the measurement service. */
	{
		.family = "A&D blood pressure",
		.names = LIST("A&D_UA-", "A&D_UB-", "UA-651BLE", "UB-1100BLE"),
		.makers = AND_MAKERS,
		.models = LIST("UA-", "UB-"),
		.services = TRAITS_BLS,
		.pair_first = true,
		.just_bonded_disconnect = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.clocks = { CLOCK_KIND_DATE_TIME, CLOCK_KIND_CURRENT_TIME },
		.clock_each_time = true,
		.history = TRAITS_HISTORY_RESENDS,
		.hub_ends_ms = 2000,
		.advertising_s = ADVERTISING_S,
		.reconnect_grace_s = GRACE_S,
	},
	/* blessed-bluez treats it as the cuffs. oliexdev/openScale's AndUC352BLEHandler sets the
	 * clock through 2A2B, weliem's healthhub through 2A08 and expects it back after 15 s.
	 * UC-350BLE refuses to pair (AndroidSampleCode #3). */
	{
		.family = "A&D scale",
		.names = LIST("A&D_UC-", "UC-352BLE"),
		.makers = AND_MAKERS,
		.models = LIST("UC-"),
		.services = TRAITS_WSS,
		.pair_first = true,
		.just_bonded_disconnect = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.clocks = { CLOCK_KIND_DATE_TIME, CLOCK_KIND_CURRENT_TIME },
		.clock_each_time = true,
		.history = TRAITS_HISTORY_RESENDS,
		.hub_ends_ms = 2000,
		.advertising_s = ADVERTISING_S,
		.reconnect_grace_s = 15,
	},
	/* Only models that speak the profile; most have a memory protocol of their own. A link
	 * on which services are looked at before it is encrypted is dropped (eigger/hass-omron
	 * PR #108). One bond, two users, seconds of radio: hass-omron #20, #91, #92,
	 * userx14/omblepy #2. The Current Time Service may refuse to be set (hass-omron #11). */
	{
		.family = "Omron blood pressure",
		.names = LIST("BLEsmart_0000", "X2+ Connect_"),
		.makers = LIST("OMRON"),
		.models = LIST("HEM-", "BP"),
		.services = TRAITS_BLS,
		.pair_first = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.clocks = CLOCKS_USUAL,
		.history = TRAITS_HISTORY_RESENDS,
		.advertising_s = ADVERTISING_S,
		.users = TRAITS_USERS_SLOT,
		.reconnect_grace_s = GRACE_S,
	},
	/* Advertises 181D only; bond and consent are a must; the vendor's app sets the clock
	 * before it gives consent (KristianP26/ble-scale-sync #168). Old records have a body
	 * composition of zeros (#229, #255). The pairing code is another one each time, on the
	 * display (#335); listing users is missing on some (oliexdev/openScale #635, #789). */
	{
		.family = "Beurer scale with users",
		.names = LIST("BF720", "BF105", "BF500", "BF600", "BF788", "BF850",
			      "BF915", "BF950", "SBF77"),
		.makers = BEURER_MAKERS,
		.models = LIST("BF"),
		.services = TRAITS_WSS | TRAITS_BCS | TRAITS_UDS,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.passkey = TRAITS_PASSKEY_SHOWN,
		.clocks = { CLOCK_KIND_CURRENT_TIME },
		.clock_first = true,
		.history = TRAITS_HISTORY_RESENDS,
		.advertising_s = ADVERTISING_S,
		.users = TRAITS_USERS_UDS,
		.bcs_stub = true,
		.reconnect_grace_s = GRACE_S,
	},
	/* Names as public apps have them; no source for the rest. */
	{
		.family = "Beurer blood pressure",
		.names = LIST("BM48", "BM54", "BM67", "BC57"),
		.makers = BEURER_MAKERS,
		.models = LIST("BM", "BC"),
		.services = TRAITS_BLS,
		.pair_first = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.clocks = CLOCKS_USUAL,
		.history = TRAITS_HISTORY_RESENDS,
		.advertising_s = ADVERTISING_S,
		.users = TRAITS_USERS_SLOT,
		.reconnect_grace_s = GRACE_S,
	},
	/* A random code on the display at the first pairing (OpenMQTTGateway #806). Connect,
	 * then pair, then everything stored comes (ignisf/sbm69), the oldest first
	 * (derdilla/blood-pressure-monitor-fl #700). */
	{
		.family = "Sanitas and Silvercrest blood pressure",
		.names = LIST("SBM67", "SBM69", "SBM70"),
		.services = TRAITS_BLS,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.passkey = TRAITS_PASSKEY_SHOWN,
		.clocks = CLOCKS_USUAL,
		.history = TRAITS_HISTORY_RESENDS,
		.advertising_s = ADVERTISING_S,
		.users = TRAITS_USERS_SLOT,
		.reconnect_grace_s = GRACE_S,
	},
	/* "Contour78..."; connect, services, bond, then new records by sequence number; clock
	 * 2A2B (NightscoutFoundation/xDrip, BluetoothGlucoseMeter.java, PR #4499). */
	{
		.family = "Ascensia Contour",
		.names = LIST("Contour"),
		.makers = LIST("Ascensia", "Bayer"),
		.services = TRAITS_GLS,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.clocks = CLOCKS_USUAL,
		.history = TRAITS_HISTORY_RACP,
		.advertising_s = ADVERTISING_S,
		.strict_early = true,
		.reconnect_grace_s = GRACE_S,
	},
	/* "meter+<serial>", Aviva Connect "Accu-Chek"; the clock is 2A08 in the glucose service
	 * (xDrip). Six digits on a label or on the display (xDrip #208): a bond without them is
	 * not this meter's. Hangs up if it is not bonded (weliem/blessed-android #35); before
	 * it is paired it must have at least one stored result (xDrip #208, #260). */
	{
		.family = "Roche Accu-Chek",
		.names = LIST("meter+", "Accu-Chek"),
		.makers = LIST("Roche"),
		.services = TRAITS_GLS,
		.strength_min = LINK_LEGACY_PASSKEY,
		.passkey = TRAITS_PASSKEY_LABEL,
		.clocks = { CLOCK_KIND_DATE_TIME, CLOCK_KIND_CURRENT_TIME },
		.history = TRAITS_HISTORY_RACP,
		.advertising_s = ADVERTISING_S,
		.strict_early = true,
		.reconnect_grace_s = GRACE_S,
	},
	/* The clock is behind a characteristic of its own, FFF1, which the hub does not write;
	 * records newer than a sequence number (xDrip; tidepool-org/uploader PR #973). */
	{
		.family = "i-SENS CareSens",
		.names = LIST("CareSens"),
		.makers = LIST("i-SENS"),
		.services = TRAITS_GLS,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.history = TRAITS_HISTORY_RACP,
		.advertising_s = ADVERTISING_S,
		.strict_early = true,
		.reconnect_grace_s = GRACE_S,
	},
	/* "Nonin 3230" in weliem's healthhub; "Nonin3230..." of older firmware has a service of
	 * its own instead, 46A970E0-..., as public apps show: there is nothing to take. */
	{
		.family = "Nonin oximeter",
		.names = LIST("Nonin 32", "Nonin32"),
		.makers = LIST("Nonin"),
		.services = TRAITS_PLX,
		.pair_first = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.clocks = CLOCKS_USUAL,
		.history = TRAITS_HISTORY_LAST,
		.advertising_s = ADVERTISING_S,
		.reconnect_grace_s = GRACE_S,
	},
	/* Flags its clock as not set and stamps 2017: nothing to ask. No source for names. */
	{
		.family = "ChoiceMMed oximeter",
		.makers = LIST("ChoiceMMed", "Beijing Choice"),
		.services = TRAITS_PLX,
		.pair_first = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.advertising_s = ADVERTISING_S,
		.reconnect_grace_s = GRACE_S,
	},
	/* Streams; worn, and lost whenever the person leaves the room. Polar's names from
	 * weliem's healthhub. */
	{
		.family = "heart rate strap",
		.names = LIST("Polar H", "Polar OH1", "HRM-", "TICKR"),
		.makers = LIST("Polar", "Garmin", "Wahoo"),
		.services = TRAITS_HRS,
		.pair_first = true,
		.strength_min = LINK_LEGACY_JUST_WORKS,
		.advertising_s = ADVERTISING_S,
		.reconnect_grace_s = GRACE_S,
	},
};

enum { ROWS = sizeof(table) / sizeof(*table) };

static bool is_known(const char *text)
{
	return text && *text;
}

/* Does the text begin with one of the list's? */
static bool has_prefix(const char *const *list, const char *text)
{
	for (size_t i = 0; list[i]; i++)
		if (strncasecmp(text, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

static bool fits(const struct traits *t, const char *name, const char *maker,
		 const char *model)
{
	if (t->makers && is_known(maker)) {
		if (!has_prefix(t->makers, maker))
			return false;
		if (!t->models || (is_known(model) && has_prefix(t->models, model)))
			return true;
	}
	return t->names && is_known(name) && has_prefix(t->names, name);
}

const struct traits *traits_find(const char *name, const char *maker, const char *model)
{
	for (size_t i = 0; i < ROWS; i++)
		if (fits(&table[i], name, maker, model))
			return &table[i];
	return &cautious;
}

const struct traits *traits_at(size_t i)
{
	return i < ROWS ? &table[i] : NULL;
}

static bool is_authenticated(enum link_strength s)
{
	return s == LINK_LEGACY_PASSKEY || s == LINK_SC_AUTHENTICATED;
}

static bool is_secure_connections(enum link_strength s)
{
	return s == LINK_SC_JUST_WORKS || s == LINK_SC_AUTHENTICATED;
}

bool traits_accepts(const struct traits *t, enum link_strength strength)
{
	if (strength == LINK_UNKNOWN)
		return false;
	return is_authenticated(strength) >= is_authenticated(t->strength_min) &&
	       is_secure_connections(strength) >= is_secure_connections(t->strength_min);
}

static const struct {
	uint16_t uuid;
	unsigned bit;
} services[] = {
	{ 0x1810, TRAITS_BLS }, { 0x181D, TRAITS_WSS }, { 0x181B, TRAITS_BCS },
	{ 0x1822, TRAITS_PLX }, { 0x1809, TRAITS_HTS }, { 0x1808, TRAITS_GLS },
	{ 0x180D, TRAITS_HRS }, { 0x181F, TRAITS_CGM }, { 0x1840, TRAITS_GHS },
	{ 0x181C, TRAITS_UDS },
};

unsigned traits_service_bit(uint16_t uuid)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
		if (services[i].uuid == uuid)
			return services[i].bit;
	return 0;
}

unsigned traits_services_of(enum reading_kind kind)
{
	switch (kind) {
	case READING_BLOOD_PRESSURE: return TRAITS_BLS;
	case READING_WEIGHT:
	case READING_BODY_COMPOSITION: return TRAITS_WSS | TRAITS_BCS;
	case READING_OXIMETRY:
	case READING_OXIMETRY_STREAM: return TRAITS_PLX;
	case READING_TEMPERATURE: return TRAITS_HTS;
	case READING_GLUCOSE:
	case READING_GLUCOSE_CONTEXT: return TRAITS_GLS;
	case READING_HEART_RATE_STREAM: return TRAITS_HRS;
	case READING_CGM: return TRAITS_CGM;
	case READING_GENERIC: return TRAITS_GHS;
	case READING_NONE:
	case READING_DEVICE_INFORMATION:
	case READING_CONSOLE:
	case READING_SNAPSHOT:
	case READING_EVIDENCE:
	case READING_MANIFEST:
	case READING_TOMBSTONE: break;
	}
	return 0;
}
