/*
 * time.c - calendar arithmetic; see time.h. Proleptic Gregorian calendar, no leap seconds.
 */
#include "hub/core/time.h"

#include <errno.h>

enum { DAY_S = 86400 };

static bool leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[12] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};

	return month == 2 && leap(year) ? 29 : days[month - 1];
}

bool date_time_valid(const struct date_time *t)
{
	return t->year >= 1582 && t->year <= 9999 && t->month >= 1 && t->month <= 12 &&
	       t->day >= 1 && t->day <= month_days(t->year, t->month) && t->hour < 24 &&
	       t->minute < 60 && t->second < 60;
}

/* Days since 1970-01-01; years are counted from March so that the leap day comes last. */
static int64_t days_from_date(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = y / 400, yoe = y % 400;
	int64_t doy = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int date_time_to_ms(const struct date_time *t, int64_t *ret_ms)
{
	if (!date_time_valid(t))
		return -ERANGE;
	*ret_ms = (days_from_date(t->year, t->month, t->day) * DAY_S +
		   t->hour * INT64_C(3600) + t->minute * INT64_C(60) + t->second) *
		  1000;
	return 0;
}

struct date_time date_time_from_ms(int64_t ms)
{
	const int64_t first = days_from_date(1582, 1, 1) * DAY_S;
	const int64_t last = days_from_date(9999, 12, 31) * DAY_S + DAY_S - 1;
	int64_t s = ms / 1000 - (ms % 1000 < 0);
	int64_t z, rest, era, doe, yoe, doy, mp, year;
	struct date_time t;

	s = s < first ? first : s > last ? last : s;
	z = s / DAY_S - (s % DAY_S < 0) + 719468;
	rest = ((s % DAY_S) + DAY_S) % DAY_S;
	era = z / 146097;
	doe = z % 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	year = yoe + era * 400 + (mp >= 10);
	t.year = (uint16_t)year;
	t.month = (uint8_t)(mp < 10 ? mp + 3 : mp - 9);
	t.day = (uint8_t)(doy - (153 * mp + 2) / 5 + 1);
	t.hour = (uint8_t)(rest / 3600);
	t.minute = (uint8_t)(rest / 60 % 60);
	t.second = (uint8_t)(rest % 60);
	return t;
}
