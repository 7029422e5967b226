#pragma once

/*
 * secret.h - memory for keys and plaintext: not in core dumps, not in swap, wiped when given back.
 *
 * Where the kernel has memfd_secret the pages are also out of reach of ptrace, /proc/<pid>/mem and
 * the kernel's own direct map. Else they are locked; where even that is refused (RLIMIT_MEMLOCK)
 * they are plain pages without a core dump, and the caller is told.
 */
#include <stddef.h>

enum secret_grade {
	SECRET_NONE = 0,
	SECRET_PLAIN = 1,  /* could not be locked: may reach swap */
	SECRET_LOCKED = 2, /* mlock and MADV_DONTDUMP */
	SECRET_HIDDEN = 3, /* memfd_secret */
};

const char *secret_grade_text(enum secret_grade g);

/*
 * secret_map - zeroed pages of at least len bytes.
 *
 * ret_grade   how well they are protected; may be NULL
 *
 * Returns the memory, given back with secret_unmap, or NULL if there is none.
 */
void *secret_map(size_t len, enum secret_grade *ret_grade);

/* secret_unmap - wipes and gives back; p as secret_map returned it with the same len, or NULL. */
void secret_unmap(void *p, size_t len);
