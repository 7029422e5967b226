/*
 * ctl_label.c - clinicctl label: prints a hub's label twice, one for the hub and one for the file: QR code and text. Nothing
 * on it is secret.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/ctl_config.h"
#include "clinic/ctl_decide.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/label_arg.h"
#include "clinic/label_sheet.h"
#include "clinic/pki.h"
#include "clinic/store_claim.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"

enum { SHEETS = 2 };

struct args {
	const char *hub,
		*spki; /* where the label is taken from; none: from the operands */
	const char *pdf, *svg;
	bool text;
	struct label_plain plain;
};

/* --- what it says ---------------------------------------------------------------------- */

/* What the fonts of a PDF have without more, and what fits. */
static bool is_plain(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return n > 0 && n <= SHEET_PLAIN_MAX;
}

static int set_plain(const char *option, const char *text, const char **ret)
{
	if (!is_plain(text))
		return ctl_misused(
			&ctl_label,
			"%s must be 1 to %d letters, digits and signs of ASCII", option,
			SHEET_PLAIN_MAX);
	*ret = text;
	return CTL_OK;
}

static int read_pem(const char *path, char pem[static PKI_PEM_MAX])
{
	struct files_place at;
	int n;

	if (files_place_of(path, &at) < 0)
		return ctl_misused(&ctl_label, "--spki '%s' is too long a path", path);
	n = file_read(at.dir, at.name, (uint8_t *)pem, PKI_PEM_MAX - 1);
	if (n < 0 && n != -EMSGSIZE)
		return ctl_complain(ctl_exit_code(n), "%s cannot be read: %s", path,
				    err_text(n));
	pem[n < 0 ? 0 : n] = '\0';
	return CTL_OK;
}

/* A certificate, or a public key alone. */
static int spki_from_file(const char *path, uint8_t ret[static PIN_LEN])
{
	char pem[PKI_PEM_MAX];
	int r = read_pem(path, pem);

	if (r != CTL_OK)
		return r;
	if (pki_spki(pem, ret) < 0 && pki_public_spki(pem, ret) < 0)
		return ctl_complain(CTL_FAILED,
				    "%s is neither a certificate nor a public P-256 key "
				    "in PEM",
				    path);
	return CTL_OK;
}

static int spki_of_hub(const char *dir, const char *hub, uint8_t ret[static PIN_LEN])
{
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct hub h;
	int r = folder_open_store(dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = claim_device_key(store, hub, ret);
	if (r == -ENOENT && store_hub_by_name(store, hub, &h) == 0)
		r = ctl_complain(CTL_NO_INPUT,
				 "the device key of hub '%s' is not known here, so "
				 "neither is its label",
				 hub);
	else if (r < 0)
		r = ctl_store_failed(dir, hub, r);
	store_close(store);
	return r;
}

static int find_spki(struct args *a, int argc, char **argv)
{
	if (a->hub && a->spki)
		return ctl_misused(&ctl_label, "label: --hub or --spki, not both");
	if (a->spki) {
		if (argc > optind)
			return ctl_misused(&ctl_label, "label: '%s' is too much",
					   argv[optind]);
		return spki_from_file(a->spki, a->plain.spki);
	}
	if (a->hub) {
		if (!ctl_operands(&ctl_label, argc, argv, optind, 1))
			return CTL_USAGE;
		return spki_of_hub(argv[optind], a->hub, a->plain.spki);
	}
	if (argc == optind)
		return ctl_misused(&ctl_label,
				   "label: a label, --hub or --spki says which one");
	return label_arg_parse(&ctl_label, argv + optind, argc - optind, a->plain.spki);
}

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "hub", required_argument, NULL, 'h' },
		{ "spki", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },
		{ "svg", required_argument, NULL, 'v' },
		{ "text", no_argument, NULL, 't' },
		{ "model", required_argument, NULL, 'm' },
		{ "serial", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ 0 };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'h': a->hub = optarg; break;
		case 'k': a->spki = optarg; break;
		case 'o': a->pdf = optarg; break;
		case 'v': a->svg = optarg; break;
		case 't': a->text = true; break;
		case 'm': r = set_plain("--model", optarg, &a->plain.model); break;
		case 's': r = set_plain("--serial", optarg, &a->plain.serial); break;
		default: return ctl_misused(&ctl_label, "label: nothing was made");
		}
	}
	if (r == CTL_OK && !a->pdf && !a->svg && !a->text)
		r = ctl_misused(&ctl_label,
				"label: -o, --svg or --text says how it shall be made");
	return r == CTL_OK ? find_spki(a, argc, argv) : r;
}

/* --- how it is made -------------------------------------------------------------------- */

/* Two rows of modules a line; the colours are said to a terminal, whose own may be the other way round. */
static void print_qr(const struct sheet_qr *qr)
{
	static const char *const halves[] = { " ", "▀", "▄", "█" };
	size_t side = qr->size + 2UL * SHEET_QUIET;
	bool terminal = isatty(STDOUT_FILENO);

	for (size_t y = 0; y < side; y += 2) {
		fputs(terminal ? "\x1b[30;107m" : "", stdout);
		for (size_t x = 0; x < side; x++) {
			unsigned both = 0;

			for (size_t k = 0; k < 2; k++) {
				size_t row = y + k - SHEET_QUIET;
				size_t column = x - SHEET_QUIET;

				/* in front of the first one they wrap around, and are too large */
				if (row < qr->size && column < qr->size &&
				    qr->dark[row * qr->size + column])
					both |= 1U << k;
			}
			fputs(halves[both], stdout);
		}
		puts(terminal ? "\x1b[0m" : "");
	}
}

static int print_text(const struct label_plain *p)
{
	char grouped[LABEL_GROUPED_MAX];
	struct sheet_qr qr;
	int r = sheet_qr_make(p->spki, &qr);

	if (r < 0)
		return ctl_complain(CTL_FAILED, "the QR code could not be made");
	print_qr(&qr);
	printf("\n%s\n", label_group(p->spki, grouped));
	if (p->model)
		printf("Model  %s\n", p->model);
	if (p->serial)
		printf("Serial %s\n", p->serial);
	return CTL_OK;
}

typedef int draw_fn(const struct label_sheet *sheets, size_t count, uint8_t **ret,
		    size_t *ret_len);

static int write_file(const struct ctl_config_out *out, draw_fn *draw,
		      const struct label_sheet sheets[static SHEETS])
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	int r = draw(sheets, SHEETS, &bytes, &len);

	if (r == 0)
		r = file_replace(out->at.dir, out->at.name, bytes, len);
	free(bytes);
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s could not be written: %s",
				    out->path, err_text(r));
	return CTL_OK;
}

static int fill_sheets(const struct label_plain *p,
		       struct label_sheet sheets[static SHEETS])
{
	int r = label_sheet_fill(p, "Telehealth hub", &sheets[0]);

	if (r == 0)
		r = label_sheet_fill(p, "Telehealth hub - for the file", &sheets[1]);
	return r < 0 ? ctl_complain(CTL_FAILED, "the QR code could not be made") : CTL_OK;
}

static int make_files(const struct args *a)
{
	static struct label_sheet sheets[SHEETS];
	struct ctl_config_out pdf, svg;
	int r = CTL_OK;

	if (a->pdf)
		r = ctl_config_out(&ctl_label, a->pdf, &pdf);
	if (r == CTL_OK && a->svg)
		r = ctl_config_out(&ctl_label, a->svg, &svg);
	if (r == CTL_OK)
		r = fill_sheets(&a->plain, sheets);
	if (r == CTL_OK && a->pdf)
		r = write_file(&pdf, label_pdf, sheets);
	if (r == CTL_OK && a->svg)
		r = write_file(&svg, label_svg, sheets);
	return r;
}

static int run(int argc, char **argv)
{
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r == CTL_OK && (a.pdf || a.svg))
		r = make_files(&a);
	if (r == CTL_OK && a.text)
		r = print_text(&a.plain);
	return r;
}

const struct ctl_verb ctl_label = {
	.name = "label",
	.what = "print a hub's label, as PDF, SVG or in the terminal",
	.usage =
		"Usage: clinicctl label LABEL OUTPUT... [--model TEXT] [--serial TEXT]\n"
		"       clinicctl label --spki FILE OUTPUT... [--model TEXT] [--serial "
		"TEXT]\n"
		"       clinicctl label DIR --hub NAME OUTPUT... [--model TEXT] "
		"[--serial "
		"TEXT]\n"
		"Prints a hub's label: QR code, first group in large letters, all of it "
		"in "
		"8 groups. Nothing\n"
		"on it is secret.\n\n"
		"  LABEL          as typed or scanned\n"
		"  --spki FILE    of the hub with this device key: certificate or public "
		"key, PEM\n"
		"  --hub NAME     of a hub that is claimed or added, in the clinic's "
		"folder "
		"DIR\n\n"
		"OUTPUT is one or more of\n"
		"  -o FILE        PDF with two pages of 62 x 90 mm: one for the hub, one "
		"for the file;\n"
		"                 print them on 62 mm tape without scaling\n"
		"  --svg FILE     the same as one drawing\n"
		"  --text         in the terminal\n\n"
		"  --model TEXT, --serial TEXT   printed in plain text, up to 28 "
		"letters\n",
	.no_clinic = true,
	.run = run,
};
