#!/bin/sh
# postgres.sh - real PostgreSQL servers for tests, each in a folder of its own, reached by a Unix socket only.
#
# A server leaves nothing outside its folder and listens on no network. Whoever may enter the folder may connect
# ('trust'): for tests only. PostgreSQL refuses to run as root; then it runs as postgres, or as nobody.
set -eu

usage() {
	cat <<-'EOF'
	usage: postgres.sh start DIR [NAME=VALUE...]   a new server with an empty database 'clinic'; prints its conninfo
	       postgres.sh standby DIR PRIMARY [NAME=VALUE...]
	                                               a new synchronous standby of the server in PRIMARY; waits until it is one
	       postgres.sh again DIR                   start a stopped or killed one
	       postgres.sh promote DIR                 the standby becomes a primary
	       postgres.sh stop DIR                    as at a shut-down; fine if it does not run
	       postgres.sh kill DIR                    SIGKILL to all its processes, as in a power cut
	       postgres.sh sql DIR TEXT                run SQL as superuser; prints rows without ornament
	       postgres.sh conninfo DIR...             of one, or of several: libpq then looks for the primary
	       postgres.sh which                       where the programs are; 69 if PostgreSQL is not installed

	DIR         made if absent; its path at most 80 characters, as sockets have it. Removing it is the caller's
	NAME=VALUE  a line for postgresql.conf, such as fsync=off (quick, but then a power cut may lose a COMMIT)

	Exit status: 0, 1 failed (the server's log is DIR/log), 64 wrong usage, 69 not installed.
	EOF
}

user=clinic wait_s=${POSTGRES_WAIT_S:-60}

# the newest version that is there
find_programs() {
	for bin in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5 -n -r); do
		[ ! -x "$bin/initdb" ] || [ ! -x "$bin/pg_basebackup" ] || return 0
	done
	echo "postgres.sh: no PostgreSQL server in /usr/lib/postgresql; install the package postgresql" >&2
	exit 69
}

# as a user who is not root; LANG: messages that we can look for
as_user() {
	if [ "$(id -u)" -ne 0 ]; then
		env LC_ALL=C "$@"
	elif id postgres >/dev/null 2>&1; then
		setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C "$@"
	else
		setpriv --reuid=nobody --regid=nogroup --clear-groups env LC_ALL=C "$@"
	fi
}

# folder DIR: empty, and the server's own
folder() {
	[ ${#1} -le 80 ] || { echo "postgres.sh: $1 is too long a path for a socket" >&2; exit 64; }
	[ ! -e "$1/data" ] || { echo "postgres.sh: there is a server in $1" >&2; exit 1; }
	mkdir -p "$1"
	chmod 755 "$1"
	if [ "$(id -u)" -eq 0 ]; then
		chown "$(as_user id -u)" "$1"
	fi
}

# settings DIR NAME=VALUE...
settings() {
	conf=$1/settings
	shift
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '${conf%/settings}'"
		echo 'shared_buffers = 16MB'
		echo 'max_connections = 60'
		echo 'wal_keep_size = 64MB'
		for setting; do
			echo "${setting%%=*} = '${setting#*=}'"
		done
	} | as_user tee "$conf" >/dev/null
}

launch() {
	if ! as_user "$bin/pg_ctl" start -D "$1/data" -l "$1/log" -w -t "$wait_s" >/dev/null; then
		tail -5 "$1/log" >&2
		exit 1
	fi
}

sql() {
	as_user "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$1" -U "$user" -d clinic -c "$2"
}

conninfo() {
	hosts=
	for dir; do
		hosts=$hosts${hosts:+,}$dir
	done
	echo "host=$hosts user=$user dbname=clinic${2:+ target_session_attrs=read-write}"
}

start() {
	dir=$1
	shift
	folder "$dir"
	as_user "$bin/initdb" -D "$dir/data" -U "$user" -A trust -E UTF8 --locale=C --no-sync >/dev/null
	settings "$dir" "$@"
	echo "include '$dir/settings'" | as_user tee -a "$dir/data/postgresql.conf" >/dev/null
	launch "$dir"
	as_user "$bin/createdb" -h "$dir" -U "$user" clinic
	conninfo "$dir"
}

# The primary waits for it from the moment it is there; after a promotion nothing makes it wait for anybody.
standby() {
	dir=$1 primary=$2
	shift 2
	folder "$dir"
	as_user "$bin/pg_basebackup" -D "$dir/data" -R -X stream -c fast --no-sync \
		-d "host=$primary user=$user application_name=standby"
	settings "$dir" "$@"
	as_user sed -i "s|^include '.*/settings'|include '$dir/settings'|" "$dir/data/postgresql.conf"
	launch "$dir"
	echo "synchronous_standby_names = 'standby'" | as_user tee -a "$primary/settings" >/dev/null
	sql "$primary" 'SELECT pg_reload_conf()' >/dev/null
	tries=0
	until [ "$(sql "$primary" "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")" = 1 ]; do
		tries=$((tries + 1))
		[ "$tries" -lt $((wait_s * 5)) ] || { echo "postgres.sh: $dir does not become synchronous" >&2; exit 1; }
		sleep 0.2
	done
	conninfo "$dir"
}

# Only processes whose parent is this postmaster, and itself.
kill_all() {
	[ -s "$1/data/postmaster.pid" ] || return 0
	pid=$(head -n 1 "$1/data/postmaster.pid")
	[ "$(readlink "/proc/$pid/cwd")" = "$(realpath "$1/data")" ] || return 0
	children=$(cat "/proc/$pid/task/$pid/children")
	# shellcheck disable=SC2086 # a list of numbers
	kill -KILL "$pid" $children
	for dead in $pid $children; do
		while [ -e "/proc/$dead" ] && ! grep -q ') [ZX]' "/proc/$dead/stat" 2>/dev/null; do
			sleep 0.05
		done
	done
}

command=${1:---help}
[ $# -gt 0 ] && shift
case $command:$# in
--help:* | -h:*) usage; exit 0 ;;
which:0) find_programs; echo "$bin" ;;
start:0 | standby:[01]) usage >&2; exit 64 ;;
start:*) find_programs; start "$@" ;;
standby:*) find_programs; standby "$@" ;;
again:1)
	find_programs
	rm -f "$1/data/postmaster.pid" "$1"/.s.PGSQL.*
	launch "$1"
	;;
promote:1) find_programs; as_user "$bin/pg_ctl" promote -D "$1/data" -w -t "$wait_s" >/dev/null ;;
stop:1)
	find_programs
	! as_user "$bin/pg_ctl" status -D "$1/data" >/dev/null 2>&1 ||
		as_user "$bin/pg_ctl" stop -D "$1/data" -m fast -w -t "$wait_s" >/dev/null
	;;
kill:1) kill_all "$1" ;;
sql:2) find_programs; sql "$1" "$2" ;;
conninfo:0) usage >&2; exit 64 ;;
conninfo:*) conninfo "$@" ;;
*) usage >&2; exit 64 ;;
esac
