/*
 * folder.c - opening a clinic's folder; see folder.h.
 */
#include "clinic/folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "clinic/files.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

static int explain(int err, const char *dir, const char *name,
		   char why[static FOLDER_WHY_MAX])
{
	switch (err) {
	case 0: break;
	case -ENOENT:
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s is missing; give the folder that 'clinicctl init' made, "
			 "or make one",
			 dir, name);
		break;
	case -EACCES:
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s may not be opened; run this as the user that made the "
			 "folder",
			 dir, name);
		break;
	case -EMSGSIZE:
		snprintf(
			why, FOLDER_WHY_MAX,
			"%s/%s has the wrong length; put the original back from a backup",
			dir, name);
		return -EBADMSG;
	default:
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot be read: %s", dir, name,
			 err_text(err));
	}
	return err;
}

/* Without the folder, 'absent' is a better word than 'failed'. */
static int read_file(const char *dir, const char *name, void *ret, size_t cap)
{
	struct stat st;

	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return errno == EACCES ? -EACCES : -ENOENT;
	return file_read(dir, name, ret, cap);
}

int folder_read(const char *dir, const char *name, void *ret, size_t len,
		char why[static FOLDER_WHY_MAX])
{
	int n = read_file(dir, name, ret, len);

	if (n >= 0 && (size_t)n != len)
		n = -EMSGSIZE;
	return n < 0 ? explain(n, dir, name, why) : 0;
}

int folder_read_text(const char *dir, const char *name, char *ret, size_t cap,
		     char why[static FOLDER_WHY_MAX])
{
	int n = read_file(dir, name, ret, cap - 1);

	if (n < 0)
		return explain(n, dir, name, why);
	ret[n] = '\0';
	return 0;
}

int folder_read_conf(const char *dir, struct conf *ret, char why[static FOLDER_WHY_MAX])
{
	char text[CONF_TEXT_MAX];
	unsigned line;
	int r = folder_read_text(dir, FILES_CONF, text, sizeof(text), why);

	if (r < 0)
		return r;
	r = conf_parse(text, ret, &line);
	if (r < 0 && line == 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s needs the lines name and port, and may have address, "
			 "database, enrol, enrol-approve, enrol-life and hub-ports",
			 dir, FILES_CONF);
	else if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s, line %u: not 'name', 'address', 'port', 'database', "
			 "'enrol', 'enrol-approve', 'enrol-life' or 'hub-ports' with a "
			 "proper value",
			 dir, FILES_CONF, line);
	return r < 0 ? -EBADMSG : 0;
}

static int open_file(const char *dir, struct store **ret, char why[static FOLDER_WHY_MAX])
{
	uint8_t key[STORE_KEY_LEN];
	char path[FILES_PATH_MAX];
	int r = folder_read(dir, FILES_STORE_KEY, key, sizeof(key), why);

	if (r < 0)
		return r;
	r = files_path(dir, FILES_DB, path);
	if (r == 0)
		r = store_open(path, key, ret);
	crypto_wipe(key, sizeof(key));
	if (r == -EKEYREJECTED)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s does not open with %s; the two belong together, restore "
			 "both from one backup",
			 path, FILES_STORE_KEY);
	else if (r == -ENOTSUP)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s was written by a newer version; update this program", path);
	else if (r == -EAGAIN)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s is locked by another program; try again", path);
	else if (r < 0)
		return explain(r, dir, FILES_DB, why);
	return r;
}

/* The server's own words are the best there are; they name no password. */
static int open_server(const char *dir, const char *conninfo, struct store **ret,
		       char why[static FOLDER_WHY_MAX])
{
	char said[STORE_WHY_MAX] = "";
	int r = store_open_server(conninfo, ret, said);

	if (r == -ENOTSUP)
		snprintf(why, FOLDER_WHY_MAX,
			 "the database that %s/%s names was changed by a newer version; "
			 "update this program",
			 dir, FILES_CONF);
	else if (r == -ENOENT && !*said)
		snprintf(why, FOLDER_WHY_MAX,
			 "the database that %s/%s names has no clinic's tables; name the "
			 "right one, or make them with 'clinicctl init --database'",
			 dir, FILES_CONF);
	else if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "the database that %s/%s names cannot be used: %s", dir,
			 FILES_CONF, *said ? said : err_text(r));
	return r;
}

int folder_open_store(const char *dir, struct store **ret,
		      char why[static FOLDER_WHY_MAX])
{
	struct conf conf;
	int r = folder_read_conf(dir, &conf, why);

	if (r < 0)
		return r;
	return *conf.database ? open_server(dir, conf.database, ret, why)
			      : open_file(dir, ret, why);
}
