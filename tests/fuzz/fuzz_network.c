/*
 * fuzz_network.c - a network setting and its template, from a person's hands or a disk: what is taken is one that a host can live with,
 * is written again as the same, and makes lines of ours. The first octet says which of the four the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/network/render.h"
#include "hub/network_trial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void setting(const uint8_t *data, size_t size)
{
	static const char letters[] = "\n #-./0123456789:=ABCDEFGHIJKLMNOPQRSTUVWXYZ[]"
				      "abcdefghijklmnopqrstuvwxyz";
	uint8_t buf[NETWORK_SETTING_MAX];
	struct network_setting s, back;
	char text[RENDER_MAX];
	int n;

	if (network_setting_decode(data, size, &s))
		return;
	n = network_setting_encode(&s, buf, sizeof(buf));
	check(n > 0 && network_setting_decode(buf, (size_t)n, &back) == 0 &&
	      network_setting_same(&s, &back));
	check(render_network(&s, text) < RENDER_MAX - 1);
	check(strspn(text, letters) == strlen(text));
}

static void template(const uint8_t *data, size_t size)
{
	uint8_t a[NETWORK_PAYLOAD_MAX], b[NETWORK_PAYLOAD_MAX];
	struct network_template t, again;
	int n;

	if (network_template_decode(data, size, &t))
		return;
	check(network_setting_good(&t.setting) && t.epoch >= 1 && t.number >= 1 &&
	      t.confirm_s >= NETWORK_CONFIRM_MIN_S &&
	      t.confirm_s <= NETWORK_CONFIRM_MAX_S);
	n = network_template_encode(&t, a, sizeof(a));
	check(n > 0 && network_template_decode(a, (size_t)n, &again) == 0);
	check(network_template_encode(&again, b, sizeof(b)) == n &&
	      memcmp(a, b, (size_t)n) == 0);
}

static void text(const char *data, size_t size)
{
	uint8_t bytes[NETWORK_BYTES_MAX], back[NETWORK_BYTES_MAX];
	char again[NETWORK_TEXT_MAX];
	int n = network_parse(data, size, bytes), k;

	if (n < 0)
		return;
	check(n > 0 && n <= NETWORK_BYTES_MAX);
	k = network_text(bytes, (size_t)n, again);
	check(k > 0 && network_parse(again, (size_t)k, back) == n &&
	      memcmp(bytes, back, (size_t)n) == 0);
}

static void file(const uint8_t *data, size_t size)
{
	uint8_t a[NETWORK_FILE_MAX], b[NETWORK_FILE_MAX];
	struct network n, again;
	size_t len;

	network_init(&n);
	if (network_decode(data, size, &n))
		return;
	check(network_setting_good(&n.now) && network_setting_good(&n.before));
	len = network_encode(&n, a);
	network_init(&again);
	check(network_decode(a, len, &again) == 0);
	check(network_encode(&again, b) == len && memcmp(a, b, len) == 0);
	(void)network_on_start(&n, (struct mono){ 1000 });
	check(network_left_s(&n, (struct mono){ 1000 }) <= NETWORK_CONFIRM_MAX_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] & 3) {
	case 0: setting(data + 1, size - 1); break;
	case 1: template(data + 1, size - 1); break;
	case 2: text((const char *)data + 1, size - 1); break;
	default: file(data + 1, size - 1);
	}
	return 0;
}
