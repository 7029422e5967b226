#pragma once

/*
 * serial.h - the serial line: 115200 8N1, raw, and only ever this one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * serial_open - the line, set up, without waiting for a carrier.
 *
 * path   a character device; one that the kernel prints on is refused
 *
 * Returns the descriptor, not blocking, or -ENOENT (not there now), -EACCES (not ours, or the kernel's console), -ENOTSUP (no
 * serial line), -EIO.
 */
int serial_open(const char *path);

/*
 * serial_dsr - Returns 1 if the other end is there by its signal DSR or CD, 0 if it is not, -ENOTSUP if this line has no such
 * signals.
 */
int serial_dsr(int fd);

/* serial_read, serial_write - Return the octets moved, -EAGAIN, or -EIO: the line is gone. */
int serial_read(int fd, uint8_t *buf, size_t cap);
int serial_write(int fd, const char *buf, size_t len);
