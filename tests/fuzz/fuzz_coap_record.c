/*
 * fuzz_coap_record.c - how a datagram that came to a server's port is sorted, before anything of it is known: record with a
 * connection id, Client Hello, or neither. Of our patches to libcoap, built for the fuzzer (libcoap.sh).
 */
#include <stdint.h>
#include <stdlib.h>

/* Of libcoap's internal headers. */
const uint8_t *coap_dtls_find_cid(const uint8_t *data, size_t data_len);
int coap_dtls_is_client_hello(const uint8_t *data, size_t data_len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CID_LEN = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cid = coap_dtls_find_cid(data, size);

	if (cid && (cid <= data || cid + CID_LEN > data + size))
		abort();
	if (cid && coap_dtls_is_client_hello(data, size))
		abort();
	return 0;
}
