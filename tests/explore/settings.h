#pragma once

/*
 * settings.h - stands between the product and SQLCipher at link time: changes one setting behind the product's back,
 * and lends the connections that are open.
 *
 * For controls: the product sets everything as always and reads back what it wants to read, while the library does
 * something else. So a control runs the same code, the same workload and the same questions as the real thing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When the product runs 'set', 'instead' is run; the next 'ask' is then answered with 'answer'. NULL set: 'ask' is
 * always answered so. */
struct setting_rule {
	const char *set, *instead, *ask, *answer;
};

struct settings {
	bool psow; /* the library believes that a torn write harms nothing beside it */
	bool salt_in_file; /* not with the key */
	bool salt_late; /* without WAL a new file has no page yet, and the library no salt to tell */
	/* behind this statement the transaction ends and another one begins: what is one becomes two. NULL: none */
	const char *parted;
	const struct setting_rule *rules; /* NULL: none */
	size_t rule_count;
};

/* settings_use - for every database opened from here on; borrowed; NULL: as the product says. */
void settings_use(const struct settings *s);

/* settings_met - was everything changed at least once since settings_use? A control that changes nothing is none. */
bool settings_met(void);

/*
 * library_ask - first column of the rows of a query on the open database whose path ends like this.
 *
 * row   called for each row with the number and the bytes of columns 0 and 1; may be NULL
 *
 * Returns the number of rows, or -1 (no such database, or the query fails).
 */
int library_ask(const char *file, const char *sql,
		void (*row)(void *arg, int64_t number, const uint8_t *bytes, size_t len),
		void *arg);

/* library_is_whole - PRAGMA integrity_check says 'ok'. */
bool library_is_whole(const char *file);

/* library_forget - the library's own random numbers and everything else it keeps between databases start anew;
 * none is open. */
void library_forget(void);

/* Databases that are open. */
size_t library_open_count(void);
