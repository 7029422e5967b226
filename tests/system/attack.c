/*
 * attack.c - what a process would try if an attacker had taken it over; static, no library of ours.
 *
 * A test binds it over a hub program and starts that program's unit, so that it runs in the unit's own sandbox
 * . Each attempt is made in a child, because a system call filter kills. It says one line each:
 *
 *   ATTACK <name> SUCCEEDED
 *   ATTACK <name> refused: <errno or signal>
 *   ATTACK done tried=<n> succeeded=<n>
 *
 * and then waits, so that systemd does not start it again; with the argument 'once' it ends. Run as root outside
 * a sandbox most attempts succeed: a test that is refused everything everywhere proves nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __aarch64__
#define LOADER "/lib/ld-linux-aarch64.so.1"
#define LIBRARIES "/usr/lib/aarch64-linux-gnu"
#else
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#define LIBRARIES "/usr/lib/x86_64-linux-gnu"
#endif

enum { PAGE = 4096, MODE = 0700, LIMIT_S = 10 };

/* Each attempt returns 0 if it succeeded, or an errno. */
struct attempt {
	const char *name;
	int (*run)(const char *arg, int number);
	const char *arg;
	int number;
};

static const char attack_text[] = "attack";

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int read_file(const char *path, int number)
{
	char c;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)number;
	return fd < 0 ? errno : result(read(fd, &c, 1));
}

/* Names only: they tell which devices and databases there are. */
static int list_folder(const char *path, int number)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	(void)number;
	if (!d)
		return errno;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return 0;
	return ENOENT; /* empty: another folder is mounted there */
}

static int write_in(const char *folder, int number)
{
	char path[128];
	int fd;

	(void)number;
	snprintf(path, sizeof(path), "%s/attack-was-here", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, MODE);
	if (fd < 0 || write(fd, "x", 1) != 1)
		return errno;
	unlink(path);
	return 0;
}

static int open_device(const char *path, int number)
{
	(void)number;
	return result(open(path, O_RDWR | O_CLOEXEC));
}

static int make_device(const char *path, int number)
{
	(void)number;
	if (mknod(path, S_IFCHR | MODE, makedev(1, 1)) < 0)
		return errno;
	unlink(path);
	return 0;
}

static int make_socket(const char *arg, int family)
{
	int protocol = family == AF_BLUETOOTH ? 1 : 0; /* HCI, or any */
	int type = family == AF_INET || family == AF_INET6 ? SOCK_STREAM : SOCK_RAW;

	(void)arg;
	return result(socket(family, family == AF_ALG ? SOCK_SEQPACKET : type, protocol));
}

static int connect_to(const char *path, int type)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return fd < 0 ? errno
		      : result(connect(fd, (const struct sockaddr *)&to, sizeof(to)));
}

static int exec_file(const char *path, int number)
{
	(void)number;
	execl(path, path, "-c", "exit 0", (char *)NULL);
	return errno;
}

/* The loader runs programs that may not be run. */
static int exec_by_loader(const char *loader, int number)
{
	(void)number;
	execl(loader, loader, "/bin/sh", "-c", "exit 0", (char *)NULL);
	return errno;
}

static int exec_help(const char *path, int number)
{
	(void)number;
	execl(path, path, "--version", (char *)NULL);
	return errno;
}

static int copy_self(int to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0 ||
	    sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		return errno;
	close(from);
	return 0;
}

static int exec_memory(const char *by_path, int number)
{
	char *argv[] = { "attack", "nothing", NULL };
	int fd = (int)syscall(SYS_memfd_create, "x", 0);
	int r = fd < 0 ? errno : copy_self(fd);
	char path[32];

	(void)number;
	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (by_path)
		execv(path, argv);
	else
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return errno;
}

/* A page of code that was written, as a loader of libraries would map it. */
static int map_code(int fd)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int map_memory(const char *arg, int number)
{
	int fd = (int)syscall(SYS_memfd_create, "x", 0);

	(void)arg, (void)number;
	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		return errno;
	return map_code(fd);
}

static int map_secret(const char *arg, int number)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	(void)arg, (void)number;
	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		return errno;
	return mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int map_written(const char *path, int number)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, MODE);
	int r = fd < 0 ? errno : copy_self(fd);

	(void)number;
	if (r)
		return r;
	unlink(path);
	return map_code(fd);
}

static int map_shared(const char *arg, int number)
{
	int id = shmget(IPC_PRIVATE, PAGE, MODE);
	void *p = id < 0 ? (void *)-1 : shmat(id, NULL, SHM_EXEC);
	int r = p == (void *)-1 ? errno : 0;

	(void)arg, (void)number;
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	return r;
}

/* The kernel writes where the mapping itself is not writable. */
static int write_own_code(const char *arg, int number)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char c;

	(void)arg, (void)number;
	return fd < 0 || pread(fd, &c, 1, (off_t)(size_t)map_code) != 1 ||
			       pwrite(fd, &c, 1, (off_t)(size_t)map_code) != 1
		       ? errno
		       : 0;
}

static int exec_written(const char *path, int number)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, MODE);
	int r = fd < 0 ? errno : copy_self(fd);

	(void)number;
	if (r)
		return r;
	close(fd);
	execl(path, path, "nothing", (char *)NULL);
	r = errno;
	unlink(path);
	return r;
}

static int map_writable_code(const char *arg, int number)
{
	(void)arg, (void)number;
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int make_code(const char *arg, int number)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	(void)arg, (void)number;
	return p == MAP_FAILED ? errno : result(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
}

static int trace_parent(const char *arg, int number)
{
	long r = ptrace(PTRACE_SEIZE, getppid(), 0, 0);

	(void)arg, (void)number;
	if (r == 0)
		ptrace(PTRACE_DETACH, getppid(), 0, 0);
	return result(r);
}

static int read_parent(const char *arg, int number)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { (void *)attack_text, 1 };

	(void)arg, (void)number;
	return result(process_vm_readv(getppid(), &to, 1, &from, 1, 0));
}

static int take_descriptor(const char *arg, int number)
{
	int pid = (int)syscall(SYS_pidfd_open, getppid(), 0);

	(void)arg;
	return pid < 0 ? errno : result(syscall(SYS_pidfd_getfd, pid, number, 0));
}

static int compare_parent(const char *arg, int number)
{
	enum { KCMP_FILES_ = 2 };

	(void)arg, (void)number;
	return result(syscall(SYS_kcmp, getpid(), getppid(), KCMP_FILES_, 0, 0));
}

static int see_others(const char *arg, int number)
{
	(void)arg;
	return access("/proc/1", F_OK) < 0 ? errno : result(kill(number, 0));
}

/* Too little processor time, or too few files, ends a process as well. */
static int limit_others(const char *arg, int number)
{
	struct rlimit now;

	(void)arg;
	return result(prlimit(number, RLIMIT_CPU, NULL, &now));
}

static int become_root(const char *arg, int number)
{
	(void)arg, (void)number;
	return result(setuid(0));
}

static int leave_namespace(const char *arg, int flags)
{
	(void)arg;
	return result(unshare(flags));
}

/* The arguments lie in memory, where a filter cannot look. */
static int leave_by_clone3(const char *arg, int number)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	(void)arg, (void)number;
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int mount_something(const char *at, int number)
{
	(void)number;
	if (mount("none", at, "ramfs", 0, NULL) < 0)
		return errno;
	umount(at);
	return 0;
}

static int change_root(const char *to, int number)
{
	(void)number;
	return result(chroot(to));
}

static int set_clock(const char *arg, int number)
{
	struct timeval now;

	(void)arg, (void)number;
	gettimeofday(&now, NULL);
	return result(settimeofday(&now, NULL));
}

static int set_name(const char *name, int number)
{
	char now[64] = "";

	(void)name, (void)number;
	gethostname(now, sizeof(now) - 1);
	return result(sethostname(now, strlen(now)));
}

static int load_bpf(const char *arg, int number)
{
	union bpf_attr attr;

	(void)arg, (void)number;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 1;
	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int use_perf(const char *arg, int number)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK };

	(void)arg, (void)number;
	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int use_io_uring(const char *arg, int number)
{
	unsigned params[30] = { 0 };

	(void)arg, (void)number;
	return result(syscall(SYS_io_uring_setup, 1, params));
}

static int make_key(const char *arg, int number)
{
	(void)arg, (void)number;
	return result(
		syscall(SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int use_keyring(const char *arg, int number)
{
	(void)arg, (void)number;
	return result(
		syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1));
}

/* In user mode only, which needs no privilege: it holds the kernel's copies still for a race. */
static int use_userfaultfd(const char *arg, int number)
{
	enum { USER_MODE_ONLY = 1 };

	(void)arg, (void)number;
	return result(syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY));
}

static int use_personality(const char *arg, int number)
{
	(void)arg, (void)number;
	return result(personality(READ_IMPLIES_EXEC));
}

static int use_quota(const char *arg, int number)
{
	(void)arg, (void)number;
	return result(quotactl(QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL));
}

static int make_queue(const char *arg, int number)
{
	int fd = (int)syscall(SYS_mq_open, "attack", O_CREAT | O_RDWR, MODE, NULL);

	(void)arg, (void)number;
	if (fd < 0)
		return errno;
	syscall(SYS_mq_unlink, "attack");
	return 0;
}

/* Past the names and the modes of folders. */
static int open_by_handle(const char *path, int number)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, at = open("/", O_RDONLY | O_CLOEXEC);

	(void)number;
	if (name_to_handle_at(AT_FDCWD, path, &h.handle, &mount_id, 0) < 0)
		return errno;
	close(at);
	at = open(path, O_RDONLY | O_CLOEXEC);
	return result(open_by_handle_at(at, &h.handle, O_RDONLY));
}

/* Characters into the input of a terminal. */
static int push_input(const char *arg, int number)
{
	int side, main_side = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	(void)arg, (void)number;
	if (main_side < 0 || unlockpt(main_side) < 0 || setsid() < 0)
		return errno;
	side = open(ptsname(main_side),
		    O_RDWR | O_CLOEXEC); /* now the one that controls */
	return side < 0 ? errno : result(ioctl(side, TIOCSTI, "x"));
}

static const struct attempt attempts[] = {
	{ "read /etc/shadow", read_file, "/etc/shadow", 0 },
	{ "read /proc/1/environ", read_file, "/proc/1/environ", 0 },
	{ "list /var/lib/hub/store", list_folder, "/var/lib/hub/store", 0 },
	{ "list /var/lib/hub/coap", list_folder, "/var/lib/hub/coap", 0 },
	{ "list /var/lib/hub/hubd", list_folder, "/var/lib/hub/hubd", 0 },
	{ "list /var/lib/bluetooth", list_folder, "/var/lib/bluetooth", 0 },
	{ "write /", write_in, "", 0 },
	{ "write /etc", write_in, "/etc", 0 },
	{ "write /usr/libexec/hub", write_in, "/usr/libexec/hub", 0 },
	{ "write /var/lib", write_in, "/var/lib", 0 },
	{ "write /var/lib/hub/store", write_in, "/var/lib/hub/store", 0 },
	{ "write /var/lib/hub/coap", write_in, "/var/lib/hub/coap", 0 },
	{ "write /var/lib/hub/hubd", write_in, "/var/lib/hub/hubd", 0 },
	{ "write /run", write_in, "/run", 0 },
	{ "write /run/hub", write_in, "/run/hub", 0 },
	{ "write /tmp", write_in, "/tmp", 0 },
	{ "write /var/tmp", write_in, "/var/tmp", 0 },
	{ "write /dev/shm", write_in, "/dev/shm", 0 },
	{ "write /root", write_in, "/root", 0 },
	{ "open /dev/vda", open_device, "/dev/vda", 0 },
	{ "open /dev/vhci", open_device, "/dev/vhci", 0 },
	{ "open /dev/mem", open_device, "/dev/mem", 0 },
	{ "mknod", make_device, "/dev/shm/attack-node", 0 },
	{ "socket AF_INET", make_socket, NULL, AF_INET },
	{ "socket AF_INET6", make_socket, NULL, AF_INET6 },
	{ "socket AF_BLUETOOTH", make_socket, NULL, AF_BLUETOOTH },
	{ "socket AF_NETLINK", make_socket, NULL, AF_NETLINK },
	{ "socket AF_PACKET", make_socket, NULL, AF_PACKET },
	{ "socket AF_ALG", make_socket, NULL, AF_ALG },
	{ "socket AF_VSOCK", make_socket, NULL, AF_VSOCK },
	{ "connect store-ble", connect_to, "/run/hub/store-ble", SOCK_SEQPACKET },
	{ "connect hubd-ble", connect_to, "/run/hub/hubd-ble", SOCK_SEQPACKET },
	{ "connect bond-ble", connect_to, "/run/hub/bond-ble", SOCK_SEQPACKET },
	{ "connect store-coap", connect_to, "/run/hub/store-coap", SOCK_SEQPACKET },
	{ "connect hubd-coap", connect_to, "/run/hub/hubd-coap", SOCK_SEQPACKET },
	{ "connect hubd-store", connect_to, "/run/hub/hubd-store", SOCK_SEQPACKET },
	{ "connect systemd", connect_to, "/run/systemd/private", SOCK_STREAM },
	{ "connect bus", connect_to, "/run/dbus/system_bus_socket", SOCK_STREAM },
	{ "connect journal", connect_to, "/run/systemd/journal/socket", SOCK_DGRAM },
	{ "connect journal's stdout", connect_to, "/run/systemd/journal/stdout",
	  SOCK_STREAM },
	{ "exec /bin/sh", exec_file, "/bin/sh", 0 },
	{ "exec /usr/bin/busctl", exec_help, "/usr/bin/busctl", 0 },
	{ "exec below /usr/lib", exec_help, "/usr/lib/systemd/systemd-sysctl", 0 },
	{ "exec among the libraries", exec_help, LIBRARIES "/glib-2.0/gio-querymodules",
	  0 },
	{ "exec the loader", exec_help, LOADER, 0 },
	{ "exec by the loader", exec_by_loader, LOADER, 0 },
	{ "exec from memory", exec_memory, NULL, 0 },
	{ "exec from memory by path", exec_memory, "", 0 },
	{ "exec written to /tmp", exec_written, "/tmp/attack", 0 },
	{ "exec written to /var/tmp", exec_written, "/var/tmp/attack", 0 },
	{ "exec written to /dev/shm", exec_written, "/dev/shm/attack", 0 },
	{ "exec written to store", exec_written, "/var/lib/hub/store/attack", 0 },
	{ "exec written to coap", exec_written, "/var/lib/hub/coap/attack", 0 },
	{ "exec written to hubd", exec_written, "/var/lib/hub/hubd/attack", 0 },
	{ "map code in /tmp", map_written, "/tmp/attack", 0 },
	{ "map code in /dev/shm", map_written, "/dev/shm/attack", 0 },
	{ "map code in store", map_written, "/var/lib/hub/store/attack", 0 },
	{ "map code in coap", map_written, "/var/lib/hub/coap/attack", 0 },
	{ "map code in hubd", map_written, "/var/lib/hub/hubd/attack", 0 },
	{ "map code in memory", map_memory, NULL, 0 },
	{ "map code in secret memory", map_secret, NULL, 0 },
	{ "map code in shared memory", map_shared, NULL, 0 },
	{ "write own code", write_own_code, NULL, 0 },
	{ "map writable code", map_writable_code, NULL, 0 },
	{ "make data code", make_code, NULL, 0 },
	{ "ptrace", trace_parent, NULL, 0 },
	{ "read the parent's memory", read_parent, NULL, 0 },
	{ "take a descriptor", take_descriptor, NULL, 2 },
	{ "compare with the parent", compare_parent, NULL, 0 },
	{ "see and signal others", see_others, NULL, 1 },
	{ "limit others", limit_others, NULL, 1 },
	{ "become root", become_root, NULL, 0 },
	{ "new user namespace", leave_namespace, NULL, CLONE_NEWUSER },
	{ "new mount namespace", leave_namespace, NULL, CLONE_NEWNS },
	{ "new user namespace by clone3", leave_by_clone3, NULL, 0 },
	{ "mount", mount_something, "/tmp", 0 },
	{ "chroot", change_root, "/usr", 0 },
	{ "set the clock", set_clock, NULL, 0 },
	{ "set the host's name", set_name, NULL, 0 },
	{ "bpf", load_bpf, NULL, 0 },
	{ "perf", use_perf, NULL, 0 },
	{ "io_uring", use_io_uring, NULL, 0 },
	{ "make a key", make_key, NULL, 0 },
	{ "use a keyring", use_keyring, NULL, 0 },
	{ "userfaultfd", use_userfaultfd, NULL, 0 },
	{ "readable is executable", use_personality, NULL, 0 },
	{ "quota", use_quota, NULL, 0 },
	{ "make a message queue", make_queue, NULL, 0 },
	{ "open by handle", open_by_handle, "/run", 0 },
	{ "push input", push_input, NULL, 0 },
};

/* Exit code of the child: 0 succeeded, else errno. */
static bool try(const struct attempt *a)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		alarm(LIMIT_S);
		/* what a program says of itself is of no interest */
		if (a->run == exec_help || a->run == exec_by_loader)
			close(STDOUT_FILENO), close(STDERR_FILENO);
		_exit(a->run(a->arg, a->number));
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		fprintf(stderr, "ATTACK %s not tried: %s\n", a->name, strerror(errno));
	else if (WIFSIGNALED(status))
		fprintf(stderr, "ATTACK %s refused: %s\n", a->name,
			strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		fprintf(stderr, "ATTACK %s refused: %s\n", a->name,
			strerror(WEXITSTATUS(status)));
	else
		fprintf(stderr, "ATTACK %s SUCCEEDED\n", a->name);
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	const size_t count = sizeof(attempts) / sizeof(*attempts);
	size_t succeeded = 0;

	if (argc > 1 && strcmp(argv[1], "nothing") == 0) {
		unlink(argv[0]); /* it was about being run at all */
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		succeeded += try(&attempts[i]);
	fprintf(stderr, "ATTACK done tried=%zu succeeded=%zu\n", count, succeeded);
	while (argc < 2)
		pause();
	return 0;
}
