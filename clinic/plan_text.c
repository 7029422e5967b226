/*
 * plan_text.c - see plan_text.h. Nothing but digits, ':' and the words named there is taken: no place for a name.
 */
#include "clinic/plan_text.h"

#include <stdio.h>
#include <string.h>

static void put_time(char *buf, size_t cap, uint16_t minute)
{
	snprintf(buf, cap, "%02u:%02u", minute / 60u % 24u, minute % 60u);
}

char *plan_text(const struct config_plan *p, char buf[static PLAN_TEXT_MAX])
{
	size_t at = 0;

	buf[0] = '\0';
	if (p->every_h)
		snprintf(buf, PLAN_TEXT_MAX, "every %u h", p->every_h);
	for (size_t i = 0; !p->every_h && i < p->time_count; i++) {
		if (i > 0)
			buf[at++] = ',';
		put_time(buf + at, PLAN_TEXT_MAX - at, p->times[i]);
		at += 5;
	}
	return buf;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "hh:mm"; moves *s behind it. */
static bool take_time(const char **s, uint16_t *ret)
{
	const char *t = *s;
	unsigned h, m;

	if (!is_digit(t[0]) || !is_digit(t[1]) || t[2] != ':' || !is_digit(t[3]) ||
	    !is_digit(t[4]))
		return false;
	h = (unsigned)(t[0] - '0') * 10 + (unsigned)(t[1] - '0');
	m = (unsigned)(t[3] - '0') * 10 + (unsigned)(t[4] - '0');
	if (h > 23 || m > 59)
		return false;
	*ret = (uint16_t)(h * 60 + m);
	*s = t + 5;
	return true;
}

static bool parse_every(const char *s, struct config_plan *ret)
{
	unsigned n = 0;

	if (!is_digit(*s) || *s == '0')
		return false;
	for (; is_digit(*s); s++) {
		n = n * 10 + (unsigned)(*s - '0');
		if (n > CONFIG_PLAN_HOURS_MAX)
			return false;
	}
	if (strcmp(s, " d") == 0)
		n *= 24;
	else if (strcmp(s, " h") != 0)
		return false;
	ret->every_h = (uint16_t)n;
	return n <= CONFIG_PLAN_HOURS_MAX;
}

bool plan_parse(const char *text, struct config_plan *ret)
{
	static const char every[] = "every ";

	ret->every_h = 0;
	ret->time_count = 0;
	memset(ret->times, 0, sizeof(ret->times));
	if (strncmp(text, every, strlen(every)) == 0)
		return parse_every(text + strlen(every), ret);
	for (size_t i = 0; i < CONFIG_PLAN_TIMES_MAX; i++) {
		if (!take_time(&text, &ret->times[i]) ||
		    (i > 0 && ret->times[i] <= ret->times[i - 1]))
			return false;
		ret->time_count++;
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
	}
	return false;
}

char *quiet_text(const struct config_quiet *q, char buf[static PLAN_TEXT_MAX])
{
	put_time(buf, PLAN_TEXT_MAX, q->from);
	buf[5] = '-';
	put_time(buf + 6, PLAN_TEXT_MAX - 6, q->to);
	return buf;
}

bool quiet_parse(const char *text, struct config_quiet *ret)
{
	return take_time(&text, &ret->from) && *text++ == '-' &&
	       take_time(&text, &ret->to) && *text == '\0' && ret->from != ret->to;
}
