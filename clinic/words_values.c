/*
 * words_values.c - the values of a reading on one line; see words.h.
 */
#include <stdio.h>
#include <string.h>

#include "clinic/codes.h"
#include "clinic/words.h"

/* Powers of ten between the unit on the wire and the one on a chart. */
enum { KG_L_TO_MG_DL = 5, MOL_L_TO_MMOL_L = 3 };

bool words_clinical(const struct value *v, struct decimal *ret, const char **ret_unit)
{
	int shift = v->unit == UNIT_KG_PER_L	? KG_L_TO_MG_DL
		    : v->unit == UNIT_MOL_PER_L ? MOL_L_TO_MMOL_L
						: 0;

	if (v->name != VALUE_GLUCOSE || !shift || v->number.kind != DECIMAL_NUMBER ||
	    v->number.exponent > INT8_MAX - shift)
		return false;
	*ret = v->number;
	ret->exponent = (int8_t)(v->number.exponent + shift);
	*ret_unit = v->unit == UNIT_KG_PER_L ? "mg/dL" : "mmol/L";
	return true;
}

const char *words_name(const struct value *v)
{
	const char *mdc = v->name == VALUE_MDC ? codes_mdc(v->code) : NULL;

	return mdc ? mdc : value_name_text(v->name);
}

const char *words_unit(const struct value *v)
{
	const char *mdc = v->unit == UNIT_MDC ? codes_mdc_unit(v->unit_code) : NULL;

	return mdc ? mdc : value_unit_text(v->unit);
}

const char *words_meaning(const struct value *v)
{
	bool whole = v->number.kind == DECIMAL_NUMBER && v->number.exponent == 0;

	if (v->unit != UNIT_CODE || !whole)
		return NULL;
	/* An observation whose value is itself a code. */
	if (v->name == VALUE_MDC)
		return codes_mdc((uint32_t)v->number.mantissa);
	return codes_meaning(v->name, v->number.mantissa);
}

static const struct value *find_value(const struct decoded *d, enum value_name name)
{
	for (size_t i = 0; i < d->value_count; i++) {
		if (d->values[i].name == name)
			return &d->values[i];
	}
	return NULL;
}

static char *end_of(char buf[static WORDS_VALUES_MAX], size_t *ret_room)
{
	size_t n = strlen(buf);

	*ret_room = WORDS_VALUES_MAX - n;
	return buf + n;
}

static void append_name(char buf[static WORDS_VALUES_MAX], const struct value *v)
{
	size_t room;
	char *end = end_of(buf, &room);
	const char *sep = end == buf ? "" : ", ";

	if (v->name == VALUE_MDC && !codes_mdc(v->code))
		snprintf(end, room, "%sMDC %u", sep, v->code);
	else
		snprintf(end, room, "%s%s", sep, words_name(v));
}

static void append_unit(char buf[static WORDS_VALUES_MAX], const struct value *v)
{
	size_t room;
	char *end = end_of(buf, &room);

	if (v->unit == UNIT_MDC && !codes_mdc_unit(v->unit_code))
		snprintf(end, room, " MDC %u", v->unit_code);
	else if (v->unit != UNIT_CODE && v->unit != UNIT_COUNT)
		snprintf(end, room, " %s", words_unit(v));
}

static void append(char buf[static WORDS_VALUES_MAX], const struct value *v)
{
	const char *meaning = words_meaning(v), *unit;
	char number[DECIMAL_TEXT_MAX];
	struct decimal clinical;
	size_t room;
	char *end;

	append_name(buf, v);
	end = end_of(buf, &room);
	snprintf(end, room, " %s",
		 meaning ? meaning : decimal_to_text(v->number, number));
	append_unit(buf, v);
	if (words_clinical(v, &clinical, &unit)) {
		end = end_of(buf, &room);
		snprintf(end, room, " (%s %s)", decimal_to_text(clinical, number), unit);
	}
}

/* "128/82 mmHg": only of one unit. */
static void append_pair(char buf[static WORDS_VALUES_MAX], const struct value *sys,
			const struct value *dia)
{
	char first[DECIMAL_TEXT_MAX], second[DECIMAL_TEXT_MAX];

	snprintf(buf, WORDS_VALUES_MAX, "%s/%s", decimal_to_text(sys->number, first),
		 decimal_to_text(dia->number, second));
	append_unit(buf, sys);
}

char *words_values(const struct decoded *d, char buf[static WORDS_VALUES_MAX])
{
	const struct value *sys = find_value(d, VALUE_SYSTOLIC);
	const struct value *dia = find_value(d, VALUE_DIASTOLIC);
	bool pair = sys && dia && sys->unit == dia->unit;

	buf[0] = '\0';
	if (pair)
		append_pair(buf, sys, dia);
	for (size_t i = 0; i < d->value_count; i++) {
		const struct value *v = &d->values[i];

		if (!pair || (v != sys && v != dia))
			append(buf, v);
	}
	if (buf[0] == '\0')
		snprintf(buf, WORDS_VALUES_MAX, "-");
	return buf;
}
