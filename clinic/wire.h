#pragma once

/*
 * wire.h - one connection of the clinic's door: a Unix socket, or TCP with TLS 1.3 on it, both ends with certificates.
 *
 * TLS is wolfSSL's. Who the peer is, is the SHA-256 of its key's SubjectPublicKeyInfo, as everywhere here; the chain to
 * the clinic's root comes first, and for a server its exact DNS name.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"

/* What one end shows, and whom it believes. */
struct wire_tls;

/*
 * wire_tls_new - certificate, key and root in PEM; copied.
 *
 * server   for the end that is called
 *
 * Returns 0, -EBADMSG (they do not parse or do not belong together), or -ENOMEM.
 */
int wire_tls_new(bool server, const char *cert, const char *key, const char *root,
		 struct wire_tls **ret);
void wire_tls_free(struct wire_tls *t); /* NULL is fine */

struct wire;

/*
 * wire_new - on a descriptor that is taken: closed by wire_free, and here if that fails.
 *
 * tls    borrowed until wire_free; NULL: the bytes go as they are
 * name   of the server that is called, for the certificate; NULL at the server and without TLS
 *
 * Returns 0 or -ENOMEM.
 */
int wire_new(int fd, struct wire_tls *tls, const char *name, struct wire **ret);
void wire_free(struct wire *w); /* NULL is fine */
int wire_fd(const struct wire *w);

/* What the last call that returned -EAGAIN waits for: 1 to read, 2 to write, as rt.h has it. */
int wire_wants(const struct wire *w);

/*
 * wire_handshake - nothing to do without TLS.
 *
 * Returns 0 when it is done, -EAGAIN, -EKEYREJECTED (the peer's certificate), or -ECONNRESET.
 */
int wire_handshake(struct wire *w);

/* wire_peer - spki of the peer's key. Returns 0, or -ENOENT without TLS. */
int wire_peer(const struct wire *w, uint8_t ret[static PIN_LEN]);

/* Returns how many bytes, 0 at the end (read only), -EAGAIN, or -ECONNRESET. */
int wire_read(struct wire *w, uint8_t *buf, size_t cap);
int wire_write(struct wire *w, const uint8_t *buf, size_t len);
