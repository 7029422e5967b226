/*
 * hubd_identity.c - which identity hub-coap may use: the share that opens its credential is given at every level but 3, so that a
 * process that is taken over then has nothing but the emergency identity. A hub that was at level 3 when it was retired does not get
 * it back: what it delivers then is held at the clinic, too.
 *
 * The share is its own and not the engine share's: that one is deleted at level 3, and a hub that lost this one would have to
 * be enrolled anew. It lies twice.
 */
#include "hub/hubd_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

static const char *const files[] = { "identity.share", "identity.share.copy" };

enum { FILES = sizeof(files) / sizeof(*files) };

/* Returns whether it is there; *lost: it is not known whether it could be. */
static bool read_share(struct hubd *h, const char *file, bool *lost)
{
	uint8_t share[IDENTITY_SHARE_LEN];
	int n = file_read(h->options.state_dir, file, share, sizeof(share));
	bool good = n == IDENTITY_SHARE_LEN;

	if (good)
		memcpy(h->identity_share, share, sizeof(share));
	else if (n != -ENOENT)
		log_err("identity-share", "file=%s error=\"%s\"", file,
			err_text(n < 0 ? n : -EMSGSIZE));
	crypto_wipe(share, sizeof(share));
	*lost |= n < 0 && n != -ENOENT && n != -EMSGSIZE;
	return good;
}

/*
 * One that cannot be written is not given: hub-coap would wrap its key under what nobody knows after a power cut. One that cannot be
 * read is not made anew: with it that key would be lost. Until it can be, hub-coap has what it has at level 3.
 */
void hubd_open_identity(struct hubd *h)
{
	bool lost = false;
	bool there[FILES] = { read_share(h, files[0], &lost), false };
	int r = 0;

	there[1] = !there[0] ? read_share(h, files[1], &lost)
			     : file_exists(h->options.state_dir, files[1]);
	if (!there[0] && !there[1] && lost)
		return;
	if (!there[0] && !there[1])
		crypto_random(h->identity_share, sizeof(h->identity_share));
	for (size_t i = 0; r == 0 && i < FILES; i++)
		if (!there[i])
			r = file_replace(h->options.state_dir, files[i],
					 h->identity_share, sizeof(h->identity_share));
	h->has_identity_share = r == 0 || there[0] || there[1];
	if (r)
		log_err("identity-share", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

void hubd_send_identity(struct hubd *h)
{
	struct msg m = { .kind = MSG_IDENTITY };
	struct msg_identity *v = &m.identity;

	v->level = orders_is_sealed(&h->orders) ? IDENTITY_LEVEL_WITHHELD
						: orders_level(&h->orders);
	v->renewal = orders_unsealed(&h->orders);
	v->has_share = h->has_identity_share && v->level != IDENTITY_LEVEL_WITHHELD;
	if (v->has_share)
		memcpy(v->share, h->identity_share, sizeof(v->share));
	h->again_identity = !hubd_send(h->coap, &m);
	crypto_wipe(&m, sizeof(m));
}
