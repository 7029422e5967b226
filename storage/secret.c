/*
 * secret.c - pages for keys and plaintext; see secret.h.
 */
#include "storage/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *secret_grade_text(enum secret_grade g)
{
	switch (g) {
	case SECRET_NONE: return "none";
	case SECRET_PLAIN: return "plain";
	case SECRET_LOCKED: return "locked";
	case SECRET_HIDDEN: return "hidden";
	}
	return "?";
}

static size_t whole_pages(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

/* Pages of memfd_secret are locked by themselves and count against
 * RLIMIT_MEMLOCK; over the limit it is mmap that fails. */
static void *map_hidden(size_t len)
{
	void *p = MAP_FAILED;
#ifdef SYS_memfd_secret
	int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd < 0)
		return MAP_FAILED;
	if (ftruncate(fd, (off_t)len) == 0)
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
#else
	(void)len;
#endif
	return p;
}

void *secret_map(size_t len, enum secret_grade *ret_grade)
{
	enum secret_grade grade = SECRET_HIDDEN;
	void *p;

	len = whole_pages(len);
	p = map_hidden(len);
	if (p == MAP_FAILED) {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		if (p == MAP_FAILED)
			return NULL;
		grade = mlock(p, len) == 0 ? SECRET_LOCKED : SECRET_PLAIN;
	}
	/* Memory of memfd_secret is never dumped and
	 * refuses the advice: its answer says nothing. */
	(void)madvise(p, len, MADV_DONTDUMP);
	if (ret_grade)
		*ret_grade = grade;
	return p;
}

void secret_unmap(void *p, size_t len)
{
	if (!p)
		return;
	explicit_bzero(p, len);
	munmap(p, whole_pages(len));
}
