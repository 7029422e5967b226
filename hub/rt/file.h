#pragma once

/*
 * file.h - small files that must be whole or not there: read, replaced and removed durably in one folder.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* file_error - errno as ours: -ENOENT, -ENOSPC (quota too), -EACCES (read-only too), else -EIO. */
int file_error(int e);

/* file_write_at - all of it. Returns 0, -ENOSPC, -EACCES or -EIO. */
int file_write_at(int fd, const uint8_t *buf, size_t len, size_t at);

/* file_read_all - from the beginning to the end or to cap. Returns how many octets, or -EIO. */
int file_read_all(int fd, uint8_t *buf, size_t cap);

/* file_read - Returns the length, -ENOENT, -EACCES, -EMSGSIZE (longer than cap), or -EIO. */
int file_read(const char *dir, const char *name, uint8_t *buf, size_t cap);

/*
 * file_replace - name holds exactly these bytes, mode 0600, after a power cut at any moment either the old file
 * or the new one: temporary file, fsync, rename, fsync of the folder.
 *
 * Returns 0 when it is durable, -ENOSPC, -EACCES or -EIO.
 */
int file_replace(const char *dir, const char *name, const uint8_t *buf, size_t len);

/* file_rename - durably, over what has the new name. Returns 0, -ENOENT, -ENOSPC, -EACCES or -EIO. */
int file_rename(const char *dir, const char *from, const char *to);

/* file_remove - durably gone. Returns 0, also if it was not there, or -EIO. */
int file_remove(const char *dir, const char *name);

/*
 * file_erase - overwritten with zeros, and then durably gone. What a flash card keeps of it beside the file is not reached.
 *
 * Returns 0, also if it was not there; -EACCES (read-only too): it is as it was; or -EIO: it may be damaged, and there.
 */
int file_erase(const char *dir, const char *name);

/*
 * file_sync - what is read from this file, and its name, survive a power cut from now on. For what a process that was
 * killed may have written and not synced: its successor sees it in the page cache.
 *
 * Returns 0, -ENOENT, -EACCES or -EIO.
 */
int file_sync(const char *dir, const char *name);

/* Both are false where nobody knows. Whatever is done because something is not there asks file_is_gone. */
bool file_exists(const char *dir, const char *name);
bool file_is_gone(const char *dir, const char *name);

/* file_exists_like - a name that begins and ends so. A folder that cannot be read has one: nobody knows. */
bool file_exists_like(const char *dir, const char *begin, const char *end);

/*
 * file_share - memory that the next process of this service finds as this one left it, however this one ends; not
 * over a restart of the machine if dir is a tmpfs. Zeros at first.
 *
 * Returns size octets, never unmapped, or NULL with *ret_error one of file_read's.
 */
void *file_share(const char *dir, const char *name, size_t size, int *ret_error);
