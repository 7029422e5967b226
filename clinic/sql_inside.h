#pragma once

/*
 * sql_inside.h - what a backend gives to the door (sql.c), and nobody else sees.
 */
#include "clinic/sql.h"

enum { SQL_KEPT_MAX = 96 }; /* more different statements than there are in clinic/ */

/* A statement is prepared once and kept; each use is bind, step until 0, reset. Errors as in sql.h. */
struct sql_backend {
	void (*close)(struct sql *db);
	int (*begin)(struct sql *db);
	int (*begin_read)(struct sql *db);
	int (*begin_schema)(struct sql *db);
	int (*commit)(struct sql *db);
	void (*rollback)(struct sql *db);
	int (*run)(struct sql *db, const char *text);
	/* NULL with *ret_err */
	void *(*prepare)(struct sql *db, const char *text, int *ret_err);
	void (*bind_int)(void *st, int at, int64_t v);
	void (*bind_bytes)(void *st, int at, const uint8_t *p, size_t n);
	void (*bind_text)(void *st, int at, const char *s);
	int (*step)(void *st); /* 1: a row */
	/* Columns of the row; another type than the one asked for: -EIO, NULL */
	int (*get_int)(void *st, int column, int64_t *ret);
	const uint8_t *(*get_bytes)(void *st, int column, size_t *ret_len);
	int (*reset)(void *st); /* rows that were not fetched may bring an error yet */
};

/* The first member of every backend's own. */
struct sql {
	const struct sql_backend *backend;
};
