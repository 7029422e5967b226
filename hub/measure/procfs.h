#pragma once

/*
 * procfs.h - one line of the kernel's text in /proc, bounded. Pure.
 *
 * The kernel makes the text, but names of processes and paths in it are whatever their owner chose: nothing here trusts
 * them, copies them without a bound, or takes them for more than a name.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROCFS_LINE_MAX =
		4608, /* PATH_MAX, each octet as it is or escaped; longer ones are cut */
	PROCFS_NAME_MAX = 15,
};

enum mapping_kind {
	MAPPING_FILE = 1,      /* a file that has this name */
	MAPPING_ANONYMOUS = 2, /* no file, also [heap] and [stack] */
	MAPPING_DELETED = 3,   /* a file without a name */
	MAPPING_MEMFD = 4,     /* or other memory that pretends to be a file */
	MAPPING_KERNEL = 5,    /* [vdso], [vvar], [vsyscall], [uprobes] */
};

/* A line of /proc/PID/maps. */
struct mapping {
	bool executable, writable;
	enum mapping_kind kind;
	uint64_t inode;
	const char *path; /* borrowed, not terminated; without " (deleted)" */
	size_t path_len;  /* 0: none */
};

/* procfs_mapping - Returns 0, or -EBADMSG: not such a line. */
int procfs_mapping(const char *line, size_t len, struct mapping *ret);

/* What is looked at in /proc/PID/status. */
struct process_status {
	char name[PROCFS_NAME_MAX + 1]; /* printable ASCII, the rest as '?' */
	uint32_t uid;			/* effective */
	uint64_t capabilities;		/* effective */
	bool no_new_privileges;
	uint8_t seccomp; /* 0 none, 1 strict, 2 filter */
	bool kernel;	 /* a thread of the kernel */
};

/* procfs_status - the whole file. Returns 0, or -EBADMSG if uid or capabilities are not in it. */
int procfs_status(const char *text, size_t len, struct process_status *ret);

enum socket_table { SOCKETS_TCP, SOCKETS_UDP, SOCKETS_BLUETOOTH };

/*
 * A socket that is used: it takes what anybody sends (TCP in state LISTEN, UDP without a peer; of Bluetooth: any), or it talks
 * to somebody.
 */
struct open_socket {
	uint16_t port; /* its own; of one that talks, the peer's; 0 for Bluetooth */
	uint32_t uid;
	bool talks;
};

/* procfs_socket - a line of /proc/PID/net/{tcp,udp,l2cap,...}. Returns 1 with *ret, 0 (the heading, or it was never used), or
 * -EBADMSG. TCP that is being closed is nobody's any more: 0. */
int procfs_socket(enum socket_table table, const char *line, size_t len,
		  struct open_socket *ret);

/* procfs_module - a line of /proc/modules: its name, borrowed, '-' never in it. Returns its length, or -EBADMSG. */
int procfs_module(const char *line, size_t len, const char **ret);
