/*
 * probe.c - the kernel's list of links; see probe.h.
 *
 * The requests are the kernel's ABI since 2.6, but in none of its exported headers; the structs below are those of
 * include/net/bluetooth/hci_sock.h.
 */
#include "ble/bondinfo/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/rt/log.h"

enum {
	BTPROTO_HCI = 1,
	CONTROLLERS_MAX = 16, /* HCI_MAX_DEV */
	CONNECTIONS_MAX = 64,
	NO_CONTROLLER = -1,
};

/* The kernel's headers call the argument an int, whatever it is. */
#define HCIGETDEVLIST _IOR('H', 210, int)
#define HCIGETDEVINFO _IOR('H', 211, int)
#define HCIGETCONNLIST _IOR('H', 212, int)

struct controller {
	uint16_t id;
	uint32_t flags;
};

struct controller_list {
	uint16_t count;
	struct controller controllers[CONTROLLERS_MAX];
};

struct controller_info {
	uint16_t id;
	char name[8];
	uint8_t addr[PERIPHERAL_ADDR_LEN]; /* least significant octet first */
	uint32_t flags;
	uint8_t type;
	uint8_t features[8];
	uint32_t packet_types, link_policy, link_mode;
	uint16_t mtu[4];
	uint32_t statistics[10];
};

struct connection_list {
	uint16_t id;
	uint16_t count;
	struct probe_connection connections[CONNECTIONS_MAX];
};

_Static_assert(sizeof(struct controller) == 8, "struct hci_dev_req");
_Static_assert(offsetof(struct controller_list, controllers) == 4, "hci_dev_list_req");
_Static_assert(offsetof(struct controller_info, addr) == 10, "struct hci_dev_info");
_Static_assert(sizeof(struct controller_info) == 92, "struct hci_dev_info");
_Static_assert(sizeof(struct probe_connection) == 16, "struct hci_conn_info");
_Static_assert(offsetof(struct connection_list, connections) == 4, "hci_conn_list_req");

struct probe {
	int fd;	      /* -1: the kernel gave none yet */
	bool told;    /* that it gave none */
	bool unclear; /* told that the adapter cannot be made out */
};

bool probe_same_addr(const uint8_t ours[static PERIPHERAL_ADDR_LEN],
		     const uint8_t kernels[static PERIPHERAL_ADDR_LEN])
{
	for (size_t i = 0; i < PERIPHERAL_ADDR_LEN; i++)
		if (ours[i] != kernels[PERIPHERAL_ADDR_LEN - 1 - i])
			return false;
	return true;
}

struct probe_link probe_choose(const struct probe_connection *connections, size_t count,
			       const uint8_t addr[static PERIPHERAL_ADDR_LEN])
{
	for (size_t i = 0; i < count; i++) {
		const struct probe_connection *c = &connections[i];

		if (c->type == PROBE_LE_LINK && probe_same_addr(addr, c->addr) &&
		    (c->state == PROBE_CONNECTED || c->state == PROBE_CONFIG))
			return (struct probe_link){ true, c->link_mode & PROBE_ENCRYPT,
						    c->handle };
	}
	return (struct probe_link){ 0 };
}

struct probe *probe_new(void)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->fd = -1;
	return p;
}

/* The module may be loaded after us, so that a failure is not for ever. */
static bool open_socket(struct probe *p)
{
	if (p->fd < 0)
		p->fd = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       BTPROTO_HCI);
	if (p->fd < 0 && !p->told)
		log_warn("no-bluetooth",
			 "error=\"%s\" do=\"load the kernel's bluetooth module; until "
			 "then "
			 "every reading stays unverified\"",
			 strerror(errno));
	p->told = p->fd < 0;
	return p->fd >= 0;
}

/* The controller with the adapter's address. A second one with the same address is no accident. */
static int find_controller(struct probe *p, const uint8_t *adapter)
{
	struct controller_list list = { .count = CONTROLLERS_MAX };
	int found = NO_CONTROLLER;
	size_t matches = 0;

	if (ioctl(p->fd, HCIGETDEVLIST, &list) != 0)
		list.count = 0;
	for (size_t i = 0; i < list.count && i < CONTROLLERS_MAX; i++) {
		struct controller_info info = { .id = list.controllers[i].id };

		if (ioctl(p->fd, HCIGETDEVINFO, &info) != 0 ||
		    !probe_same_addr(adapter, info.addr))
			continue;
		found = info.id;
		matches++;
	}
	if (matches != 1 && !p->unclear)
		log_warn("adapter-unclear", "controllers=%u matches=%zu", list.count,
			 matches);
	p->unclear = matches != 1;
	return matches == 1 ? found : NO_CONTROLLER;
}

struct probe_link probe_look(struct probe *p,
			     const uint8_t adapter[static PERIPHERAL_ADDR_LEN],
			     const uint8_t addr[static PERIPHERAL_ADDR_LEN])
{
	struct connection_list list = { .count = CONNECTIONS_MAX };
	int id = open_socket(p) ? find_controller(p, adapter) : NO_CONTROLLER;

	list.id = (uint16_t)id;
	if (id == NO_CONTROLLER || ioctl(p->fd, HCIGETCONNLIST, &list) != 0 ||
	    list.count > CONNECTIONS_MAX)
		return (struct probe_link){ 0 };
	return probe_choose(list.connections, list.count, addr);
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}
