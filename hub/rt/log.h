#pragma once

/*
 * log.h - one line per event to stderr, with systemd's <level> prefix when stderr is the journal.
 *
 *   log_info("uplink-up", "endpoint=%zu handshakes=%u", i, n);
 *
 * Never readings, names, addresses, keys or raw frames; devices by their local number. Text from outside goes
 * through log_escape. At most 50 lines per second; what was held back is counted and said.
 */
#include <stddef.h>
#include <stdint.h>

void log_init(const char *program);
/* Someone must act. */
void log_err(const char *event, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* We coped. */
void log_warn(const char *event, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* State changes, few. */
void log_info(const char *event, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Only with HUB_DEBUG set in the environment. */
void log_debug(const char *event, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Printable ASCII without quotes, the rest as \xNN; cut to fit. Returns buf. */
char *log_escape(const uint8_t *in, size_t len, char *buf, size_t cap);
