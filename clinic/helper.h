#pragma once

/*
 * helper.h - a program of our own that clinicctl runs for what must not be in its own process: a library with other crypto in it
 * (adr/0020). It gets one end of a SOCK_SEQPACKET pair as standard input, and nothing
 * else that is open here. What it says is not believed: whoever asks bounds it and verifies signatures.
 *
 * It lies beside clinicctl, or in ../libexec/clinic from there; a variable of the environment names another one.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "clinic/folder.h"
#include "clinic/talk.h"

struct helper_program {
	const char *name;     /* of the file */
	const char *variable; /* of the environment, which names another one */
	const char *does;     /* "talks to security keys" */
};

struct helper {
	pid_t pid;
	int fd;
};

/* helper_start - Returns 0, or -ENOENT or -EIO with words in why. */
int helper_start(const struct helper_program *p, struct helper *ret,
		 char why[static FOLDER_WHY_MAX]);
/* helper_stop - waits for its end, which comes when the socket is closed. */
void helper_stop(struct helper *h);

/* helper_send - n: as an encoder gave it; one that failed is sent nothing of. Returns false also if it has ended. */
bool helper_send(const struct helper *h, const uint8_t *buf, int n);
/* helper_hear - one packet. Returns its length, or -EIO: it has ended, or said too much. */
int helper_hear(const struct helper *h, uint8_t buf[static TALK_PACKET_MAX]);
