/*
 * root_files.c - see root_files.h.
 */
#include "clinic/root_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"

enum keyring_step root_files_step(const char *dir)
{
	bool next = file_exists(dir, ROOT_NEXT_CRT), old = file_exists(dir, ROOT_OLD_CRT);

	return next && old ? KEYRING_MOVING
	       : next	   ? KEYRING_ANNOUNCED
	       : old	   ? KEYRING_USED
			   : KEYRING_IDLE;
}

static int read_cross(const char *dir, const char *name, struct config_root *ret,
		      char why[static FOLDER_WHY_MAX])
{
	char pem[PKI_PEM_MAX];
	struct pki_cert cert;
	int r = folder_read_text(dir, name, pem, sizeof(pem), why);

	if (r < 0)
		return r;
	r = pki_der(pem, &cert);
	if (r < 0 || cert.len > sizeof(ret->cross)) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is not a certificate", dir, name);
		return -EBADMSG;
	}
	memcpy(ret->cross, cert.der, cert.len);
	ret->cross_len = cert.len;
	return 0;
}

int root_files_config(const char *dir, struct config_root *ret,
		      char why[static FOLDER_WHY_MAX])
{
	enum keyring_step step = root_files_step(dir);
	/* in the middle of a move either set may be the whole one */
	bool next = step != KEYRING_IDLE && file_exists(dir, ROOT_NEXT_TRUST) &&
		    file_exists(dir, ROOT_NEXT_CROSS);
	const char *trust = next ? ROOT_NEXT_TRUST : ROOT_TRUST;
	struct config_root root = { .only = step == KEYRING_IDLE };
	int n = file_read(dir, trust, root.trust, sizeof(root.trust));

	if (n == -ENOENT && step == KEYRING_IDLE) {
		*ret = (struct config_root){ .trust_len = 0 };
		return 0;
	}
	if (n < 0) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot be read: %s", dir, trust,
			 err_text(n));
		return n;
	}
	root.trust_len = (size_t)n;
	/* the first root, announced for hubs that do not know more of it than its certificate */
	if (step == KEYRING_IDLE && !file_exists(dir, ROOT_CROSS))
		root.only = false;
	else
		n = read_cross(dir, next ? ROOT_NEXT_CROSS : ROOT_CROSS, &root, why);
	if (n >= 0)
		*ret = root;
	return n < 0 ? n : 0;
}

static int append(const char *dir, const char *name, char ret[static ROOT_CHAIN_MAX],
		  char why[static FOLDER_WHY_MAX])
{
	size_t n = strlen(ret);

	if (n > 0)
		ret[n++] = '\n';
	return folder_read_text(dir, name, ret + n, ROOT_CHAIN_MAX - n, why);
}

int root_files_chain(const char *dir, const char *crt, char ret[static ROOT_CHAIN_MAX],
		     char why[static FOLDER_WHY_MAX])
{
	int r;

	ret[0] = '\0';
	r = append(dir, crt, ret, why);
	if (r == 0 && file_exists(dir, ROOT_OLD_CRT) && file_exists(dir, ROOT_CROSS))
		r = append(dir, ROOT_CROSS, ret, why);
	return r;
}

int root_files_anchors(const char *dir, char ret[static ROOT_CHAIN_MAX],
		       char why[static FOLDER_WHY_MAX])
{
	int r;

	ret[0] = '\0';
	r = append(dir, FILES_ROOT_CRT, ret, why);
	if (r == 0 && file_exists(dir, ROOT_OLD_CRT))
		r = append(dir, ROOT_OLD_CRT, ret, why);
	if (r == 0 && file_exists(dir, ROOT_OLD_CRT) && file_exists(dir, ROOT_CROSS))
		r = append(dir, ROOT_CROSS, ret, why);
	return r;
}
