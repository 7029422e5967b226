/*
 * codes.c - see codes.h.
 *
 * Sources: Health Thermometer Service 1.0 (temperature type); GATT Specification Supplement, Glucose
 * Measurement, Glucose Measurement Context, CGM Feature; IEEE 11073-10101.
 */
#include "clinic/codes.h"

#include <stddef.h>

struct code {
	enum value_name name;
	uint8_t code;
	const char *text;
};

static const struct code codes[] = {
	{ VALUE_BODY_SITE, 1, "armpit" },
	{ VALUE_BODY_SITE, 2, "body" },
	{ VALUE_BODY_SITE, 3, "ear" },
	{ VALUE_BODY_SITE, 4, "finger" },
	{ VALUE_BODY_SITE, 5, "gastro-intestinal tract" },
	{ VALUE_BODY_SITE, 6, "mouth" },
	{ VALUE_BODY_SITE, 7, "rectum" },
	{ VALUE_BODY_SITE, 8, "toe" },
	{ VALUE_BODY_SITE, 9, "tympanum" },
	{ VALUE_SAMPLE_TYPE, 1, "capillary whole blood" },
	{ VALUE_SAMPLE_TYPE, 2, "capillary plasma" },
	{ VALUE_SAMPLE_TYPE, 3, "venous whole blood" },
	{ VALUE_SAMPLE_TYPE, 4, "venous plasma" },
	{ VALUE_SAMPLE_TYPE, 5, "arterial whole blood" },
	{ VALUE_SAMPLE_TYPE, 6, "arterial plasma" },
	{ VALUE_SAMPLE_TYPE, 7, "undetermined whole blood" },
	{ VALUE_SAMPLE_TYPE, 8, "undetermined plasma" },
	{ VALUE_SAMPLE_TYPE, 9, "interstitial fluid" },
	{ VALUE_SAMPLE_TYPE, 10, "control solution" },
	{ VALUE_SAMPLE_LOCATION, 1, "finger" },
	{ VALUE_SAMPLE_LOCATION, 2, "alternate site" },
	{ VALUE_SAMPLE_LOCATION, 3, "earlobe" },
	{ VALUE_SAMPLE_LOCATION, 4, "control solution" },
	{ VALUE_SAMPLE_LOCATION, 5, "subcutaneous tissue" },
	{ VALUE_SAMPLE_LOCATION, 15, "not given" },
	{ VALUE_CARBOHYDRATE_ID, 1, "breakfast" },
	{ VALUE_CARBOHYDRATE_ID, 2, "lunch" },
	{ VALUE_CARBOHYDRATE_ID, 3, "dinner" },
	{ VALUE_CARBOHYDRATE_ID, 4, "snack" },
	{ VALUE_CARBOHYDRATE_ID, 5, "drink" },
	{ VALUE_CARBOHYDRATE_ID, 6, "supper" },
	{ VALUE_CARBOHYDRATE_ID, 7, "brunch" },
	{ VALUE_MEAL, 1, "before a meal" },
	{ VALUE_MEAL, 2, "after a meal" },
	{ VALUE_MEAL, 3, "fasting" },
	{ VALUE_MEAL, 4, "casual" },
	{ VALUE_MEAL, 5, "bedtime" },
	{ VALUE_TESTER, 1, "patient" },
	{ VALUE_TESTER, 2, "health care professional" },
	{ VALUE_TESTER, 3, "laboratory" },
	{ VALUE_TESTER, 15, "not given" },
	{ VALUE_HEALTH, 1, "minor issues" },
	{ VALUE_HEALTH, 2, "major issues" },
	{ VALUE_HEALTH, 3, "during menses" },
	{ VALUE_HEALTH, 4, "under stress" },
	{ VALUE_HEALTH, 5, "no issues" },
	{ VALUE_HEALTH, 15, "not given" },
	{ VALUE_MEDICATION_ID, 1, "rapid acting insulin" },
	{ VALUE_MEDICATION_ID, 2, "short acting insulin" },
	{ VALUE_MEDICATION_ID, 3, "intermediate acting insulin" },
	{ VALUE_MEDICATION_ID, 4, "long acting insulin" },
	{ VALUE_MEDICATION_ID, 5, "pre-mixed insulin" },
	{ VALUE_SENSOR_CONTACT, 0, "no" },
	{ VALUE_SENSOR_CONTACT, 1, "yes" },
};

const char *codes_meaning(enum value_name name, int64_t code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (codes[i].name == name && codes[i].code == code)
			return codes[i].text;
	}
	return NULL;
}

const char *codes_mdc(uint32_t code)
{
	switch (code) {
	case 147842: return "heart rate";
	case 149530: return "pulse";
	case 149546: return "pulse";
	case 150020: return "blood pressure";
	case 150021: return "systolic";
	case 150022: return "diastolic";
	case 150023: return "mean";
	case 150364: return "temperature";
	case 150456: return "SpO2";
	case 160184: return "glucose, capillary whole blood";
	case 160188: return "glucose, capillary plasma";
	case 160212: return "glucose, interstitial fluid";
	case 188736: return "weight";
	case 188740: return "height";
	case 188748: return "body fat";
	case 188752: return "BMI";
	default: return NULL;
	}
}

const char *codes_mdc_unit(uint16_t code)
{
	switch (code) {
	case 544: return "%";
	case 1731: return "kg";
	case 1760: return "lb";
	case 2130: return "mg/dL";
	case 2720: return "/min";
	case 3843: return "kPa";
	case 3872: return "mmHg";
	case 4416: return "degF";
	case 4722: return "mmol/L";
	case 6048: return "Cel";
	default: return NULL;
	}
}
