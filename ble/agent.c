/*
 * agent.c - the pairing agent (org.bluez.Agent1), always exported, registered only while
 * a device is looked for.
 *
 * It knows one answer: the passkey of the device that is being paired by order of the
 * configuration. Every other question, from whomever and about whatever, is refused.
 */
#include <errno.h>

#include "ble/bluez_internal.h"
#include "hub/rt/log.h"

#define REJECTED BLUEZ_NAME ".Error.Rejected"

static int refuse(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;

	if (bluez_is_from(b, m))
		log_warn("pairing-question-refused", "question=%s",
			 sd_bus_message_get_member(m));
	return sd_bus_error_set_const(ret_error, REJECTED, "not asked for");
}

static int request_passkey(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;
	const struct object_device *d;
	size_t device = CONFIG_DEVICES_MAX;
	const char *path;
	uint32_t passkey;

	if (!bluez_is_from(b, m) || sd_bus_message_read(m, "o", &path) < 0)
		return refuse(m, arg, ret_error);
	d = objects_find_device(&b->objects, path);
	if (d && d->config >= 0)
		device = (size_t)d->config;
	if (b->h.passkey(b->arg, device, &passkey) != 0)
		return refuse(m, arg, ret_error);
	return sd_bus_reply_method_return(m, "u", passkey);
}

static int accept_silently(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	(void)arg;
	(void)ret_error;
	return sd_bus_reply_method_return(m, NULL);
}

/* UNPRIVILEGED: sd-bus would ask the bus about the caller,
 * with blocking calls; bluez_is_from asks nobody. */
#define QUESTION(name, in, out, fn)                                                      \
	SD_BUS_METHOD(name, in, out, fn, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	QUESTION("RequestPasskey", "o", "u", request_passkey),
	QUESTION("RequestPinCode", "o", "s", refuse),
	QUESTION("DisplayPinCode", "os", "", refuse),
	QUESTION("DisplayPasskey", "ouq", "", refuse),
	QUESTION("RequestConfirmation", "ou", "", refuse),
	QUESTION("RequestAuthorization", "o", "", refuse),
	QUESTION("AuthorizeService", "os", "", refuse),
	QUESTION("Cancel", "", "", accept_silently),
	QUESTION("Release", "", "", accept_silently),
	SD_BUS_VTABLE_END,
};

int agent_export(struct bluez *b)
{
	int r = sd_bus_add_object_vtable(bus_sd(b->bus), NULL, AGENT_PATH,
					 BLUEZ_NAME ".Agent1", vtable, b);

	return r < 0 ? -EIO : 0;
}
