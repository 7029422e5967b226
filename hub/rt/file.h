#pragma once

/*
 * file.h - small files that must be whole or not there: read, replaced and removed durably in one folder.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* file_read - Returns the length, -ENOENT, -EACCES, -EMSGSIZE (longer than cap), or -EIO. */
int file_read(const char *dir, const char *name, uint8_t *buf, size_t cap);

/*
 * file_replace - name holds exactly these bytes, mode 0600, after a power cut at any moment either the old file
 * or the new one: temporary file, fsync, rename, fsync of the folder.
 *
 * Returns 0 when it is durable, -ENOSPC, -EACCES or -EIO.
 */
int file_replace(const char *dir, const char *name, const uint8_t *buf, size_t len);

/* file_remove - durably gone. Returns 0, also if it was not there, or -EIO. */
int file_remove(const char *dir, const char *name);

bool file_exists(const char *dir, const char *name);

/*
 * file_share - memory that the next process of this service finds as this one left it, however this one ends; not
 * over a restart of the machine if dir is a tmpfs. Zeros at first.
 *
 * Returns size octets, never unmapped, or NULL with *ret_error one of file_read's.
 */
void *file_share(const char *dir, const char *name, size_t size, int *ret_error);
