/*
 * words_status.c - marks and status bits of all kinds in words; see words.h.
 *
 * Sources: Blood Pressure Service 1.1.1, 3.1.1.5; Pulse Oximeter Service 1.0.1, 3.2; Glucose Service 1.0.1,
 * 3.1.1.6; CGM Service 1.0.2, 3.1.1; IEEE 11073-10206 (measurement status).
 */
#include "clinic/words.h"

struct bit {
	uint32_t mask, value;
	const char *text;
};

struct table {
	const struct bit *bits;
	size_t count;
};

#define FLAG(n, text)                                                                    \
	{                                                                                \
		UINT32_C(1) << (n), UINT32_C(1) << (n), text                             \
	}
#define TABLE(array)                                                                     \
	{                                                                                \
		array, sizeof(array) / sizeof(*(array))                                  \
	}

static const struct bit marks_text[] = {
	{ MARK_TAIL, MARK_TAIL, "extra bytes" },
	{ MARK_IMPLAUSIBLE, MARK_IMPLAUSIBLE, "implausible" },
	{ MARK_NO_RESULT, MARK_NO_RESULT, "no result" },
	{ MARK_UNDECODED, MARK_UNDECODED, "not decoded" },
	{ MARK_TEST, MARK_TEST, "test" },
	{ MARK_UNVERIFIED, MARK_UNVERIFIED, "link not verified" },
	{ MARK_CONTROL, MARK_CONTROL, "control solution, not the patient's" },
	{ MARK_STUB, MARK_STUB, "only the weight counts" },
	{ MARK_MORE, MARK_MORE, "more follows" },
	{ MARK_CLOCK_UNSET, MARK_CLOCK_UNSET, "device's clock not set" },
	{ MARK_CRC, MARK_CRC, "check sum wrong" },
	{ MARK_AMBIGUOUS, MARK_AMBIGUOUS, "in the hour that clocks showed twice" },
	{ MARK_STORED, MARK_STORED, "from the device's memory" },
	{ MARK_SEGMENT, MARK_SEGMENT, "segment missing" },
	{ MARK_BEFORE, MARK_BEFORE, "measured before pairing or assignment" },
};

static const struct bit blood_pressure[] = {
	FLAG(0, "body moved"),
	FLAG(1, "cuff too loose"),
	FLAG(2, "irregular pulse"),
	{ 3 << 3, 1 << 3, "pulse above device's range" },
	{ 3 << 3, 2 << 3, "pulse below device's range" },
	FLAG(5, "wrong position"),
};

static const struct bit oximetry[] = {
	FLAG(5, "measurement ongoing"),
	FLAG(6, "early estimate"),
	FLAG(7, "validated"),
	FLAG(8, "fully qualified"),
	FLAG(9, "from memory"),
	FLAG(10, "demonstration"),
	FLAG(11, "test data"),
	FLAG(12, "calibrating"),
	FLAG(13, "not available"),
	FLAG(14, "questionable"),
	FLAG(15, "invalid"),
};

static const struct bit oximeter[] = {
	FLAG(0, "display still changing"),
	FLAG(1, "equipment malfunction"),
	FLAG(2, "irregular signal"),
	FLAG(3, "inadequate signal"),
	FLAG(4, "poor signal"),
	FLAG(5, "low perfusion"),
	FLAG(6, "erratic signal"),
	FLAG(7, "non-pulsatile signal"),
	FLAG(8, "pulse questionable"),
	FLAG(9, "analysis ongoing"),
	FLAG(10, "interference"),
	FLAG(11, "sensor off the user"),
	FLAG(12, "sensor unknown"),
	FLAG(13, "sensor displaced"),
	FLAG(14, "sensor fault"),
	FLAG(15, "sensor disconnected"),
};

static const struct bit glucose[] = {
	FLAG(0, "battery low"),
	FLAG(1, "sensor fault"),
	FLAG(2, "sample too small"),
	FLAG(3, "strip inserted wrongly"),
	FLAG(4, "wrong strip"),
	FLAG(5, "above device's range"),
	FLAG(6, "below device's range"),
	FLAG(7, "too hot"),
	FLAG(8, "too cold"),
	FLAG(9, "strip pulled early"),
	FLAG(10, "device fault"),
	FLAG(11, "device's time at fault"),
};

/* Three octets: status, calibration and temperature, warning. */
static const struct bit cgm[] = {
	FLAG(0, "session stopped"),
	FLAG(1, "battery low"),
	FLAG(2, "wrong sensor"),
	FLAG(3, "sensor fault"),
	FLAG(4, "device alert"),
	FLAG(5, "device fault"),
	FLAG(8, "time needs to be set"),
	FLAG(9, "calibration not allowed"),
	FLAG(10, "calibration recommended"),
	FLAG(11, "calibration required"),
	FLAG(12, "too hot"),
	FLAG(13, "too cold"),
	FLAG(16, "below patient's low limit"),
	FLAG(17, "above patient's high limit"),
	FLAG(18, "below hypo limit"),
	FLAG(19, "above hyper limit"),
	FLAG(20, "falling fast"),
	FLAG(21, "rising fast"),
	FLAG(22, "below device's range"),
	FLAG(23, "above device's range"),
};

static const struct bit generic[] = {
	FLAG(0, "invalid"),	     FLAG(1, "questionable"),
	FLAG(2, "not available"),    FLAG(3, "calibrating"),
	FLAG(4, "test data"),	     FLAG(5, "early estimate"),
	FLAG(6, "manual entry"),     FLAG(7, "device setting"),
	FLAG(14, "threshold error"), FLAG(15, "thresholds off"),
};

static const char *nth(struct table t, uint32_t bits, size_t n)
{
	for (size_t i = 0; i < t.count; i++) {
		if ((bits & t.bits[i].mask) == t.bits[i].value && n-- == 0)
			return t.bits[i].text;
	}
	return NULL;
}

const char *words_mark(uint32_t marks, size_t n)
{
	return nth((struct table)TABLE(marks_text), marks, n);
}

static struct table status_table(enum reading_kind kind)
{
	static const struct table none = { NULL, 0 }, bp = TABLE(blood_pressure),
				  plx = TABLE(oximetry), gls = TABLE(glucose),
				  cgms = TABLE(cgm), ghs = TABLE(generic);

	switch (kind) {
	case READING_BLOOD_PRESSURE: return bp;
	case READING_OXIMETRY:
	case READING_OXIMETRY_STREAM: return plx;
	case READING_GLUCOSE: return gls;
	case READING_CGM: return cgms;
	case READING_GENERIC: return ghs;
	case READING_NONE:
	case READING_WEIGHT:
	case READING_BODY_COMPOSITION:
	case READING_TEMPERATURE:
	case READING_GLUCOSE_CONTEXT:
	case READING_HEART_RATE_STREAM:
	case READING_DEVICE_INFORMATION:
	case READING_CONSOLE:
	case READING_SNAPSHOT:
	case READING_EVIDENCE:
	case READING_MANIFEST:
	case READING_TOMBSTONE: break;
	}
	return none;
}

const char *words_status(enum reading_kind kind, const struct decoded *d, size_t n)
{
	return d->has_status ? nth(status_table(kind), d->status, n) : NULL;
}

const char *words_device_status(enum reading_kind kind, const struct decoded *d, size_t n)
{
	if (!d->has_device_status ||
	    (kind != READING_OXIMETRY && kind != READING_OXIMETRY_STREAM))
		return NULL;
	return nth((struct table)TABLE(oximeter), d->device_status, n);
}
