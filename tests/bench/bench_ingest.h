#pragma once

/*
 * bench_ingest.h - what load and server of the bench of ingest read of a clinic's folder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/folder.h"

/* ingest_read_clinic - settings, root and the server's own pair. Ends the program if that fails. */
static inline void ingest_read_clinic(const char *dir, struct pki_pair *pair,
				      char root[static PKI_PEM_MAX], struct conf *conf)
{
	char why[FOLDER_WHY_MAX];

	if (folder_read_conf(dir, conf, why) < 0 ||
	    folder_read_text(dir, FILES_ROOT_CRT, root, PKI_PEM_MAX, why) < 0 ||
	    folder_read_text(dir, FILES_SERVER_CRT, pair->cert, PKI_PEM_MAX, why) < 0 ||
	    folder_read_text(dir, FILES_SERVER_KEY, pair->key, PKI_PEM_MAX, why) < 0 ||
	    pki_spki(pair->cert, pair->spki) < 0) {
		fprintf(stderr, "bench: %s\n", why);
		exit(1);
	}
}

/* ingest_profile - "12" or "13". */
static inline enum dtls_profile ingest_profile(const char *text)
{
	return strcmp(text, "12") == 0 ? DTLS_PROFILE_12_CID : DTLS_PROFILE_13_CID;
}
