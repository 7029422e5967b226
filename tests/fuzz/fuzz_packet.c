/*
 * fuzz_packet.c - the test network's reading of packets: nothing outside is touched, translation keeps good checksums good.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/net/nat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t made[PACKET_MAX], *bytes = malloc(size ? size : 1);
	struct packet p, error;
	struct nat nat;
	size_t len = 0;
	bool good;

	nat_init(&nat, 0x0a4d0301);
	if (size)
		memcpy(bytes, data, size);
	if (size <= PACKET_MAX && packet_parse(bytes, size, &p) == 0) {
		const uint8_t *payload = packet_payload(&p, &len);

		check(p.len <= size && p.transport <= p.len);
		check(!payload || payload + len == bytes + p.len);
		good = packet_sums_hold(&p);
		(void)nat_in(&nat, &p);
		if (nat_out(&nat, &p))
			check(!good || packet_sums_hold(&p));
		len = packet_unreachable(&p, 1, ICMP_TOO_BIG, 576, made);
		check(len <= sizeof(made) && packet_parse(made, len, &error) == 0 &&
		      packet_sums_hold(&error));
	}
	free(bytes);
	return 0;
}
