/*
 * fuzz_config_text.c - a hub's config as a person may have left it in the editor: whatever it is, it is refused with a
 * reason, or is given out again as a text that says the same, and can be signed or is refused by name.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/config_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static struct config base(void)
{
	struct config c = { .version = 4, .epoch = 1, .heartbeat_s = 300 };

	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[CONFIG_BYTES_MAX];
	static const struct config_endpoint own = { .name = "clinic.example",
						    .port = 5684,
						    .profile = DTLS_PROFILE_13_CID,
						    .pin_count = 1 };
	struct config c = base(), again = base(), back;
	char *text = malloc(size + 1), *out, *twice, why[CONFIG_TEXT_WHY_MAX] = "";
	const char *field;
	int n;

	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (config_text_read(text, "kitchen", &own, &c, why)) {
		check(why[0] != '\0');
		check(c.device_count == 0 && c.endpoint_count == 0); /* nothing of it */
		free(text);
		return 0;
	}
	n = config_encode(&c, bytes, sizeof(bytes));
	check(n > 0);
	check(config_decode(bytes, (size_t)n, &back, &field) == 0);
	out = config_text_make("kitchen", &c, true);
	check(config_text_read(out, "kitchen", &own, &again, why) == 0);
	twice = config_text_make("kitchen", &again, true);
	check(strcmp(out, twice) == 0);
	free(twice);
	free(out);
	free(text);
	return 0;
}
