#pragma once

/*
 * folder.h - small files of /proc and /sys, and the folders that they lie in.
 */
#include <stddef.h>

/* folder_read - a file below an open folder, never waiting for it. Returns the length, at most cap, or -errno. */
int folder_read(int dir, const char *name, char *buf, size_t cap);

/* dir: open for as long as the call; it cannot be read itself, only what is below it. */
typedef void folder_fn(void *arg, int dir, const char *name);

/* folder_each - calls fn for each entry of a folder that is a folder. One that is not there has none. */
void folder_each(const char *path, folder_fn *fn, void *arg);
