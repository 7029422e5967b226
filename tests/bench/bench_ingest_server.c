/*
 * bench_ingest_server.c - our CoAP/DTLS server without a store behind it: coap/server, each upload is answered with contig 0.
 *
 *	bench_ingest_server CLINIC PORT 12|13
 */
#include "coap/server.h"
#include "hub/core/batch.h"
#include "hub/rt/log.h"
#include "tests/bench/bench_ingest.h"
#include "tests/bench/measure.h"

static bool admit_all(void *arg, const uint8_t spki[static PIN_LEN])
{
	(void)arg;
	(void)spki;
	return true;
}

static void answer(void *arg, const struct coap_server_request *rq,
		   struct coap_server_response *ret)
{
	struct reply r = { .has_contig = true };
	int n = reply_encode(&r, ret->body, sizeof(ret->body));

	(void)arg;
	(void)rq;
	ret->code = COAP_CODE_CHANGED;
	ret->len = n > 0 ? (size_t)n : 0;
}

int main(int argc, char **argv)
{
	static struct pki_pair pair;
	static char root[PKI_PEM_MAX];
	struct rt *rt;
	struct coap_server *s;
	struct conf conf;
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .cert_pem = pair.cert,
					  .key_pem = pair.key,
					  .ca_pem = root,
					  .admit = admit_all,
					  .request = answer };

	log_init("bench_ingest_server");
	if (argc != 4) {
		fputs("usage: bench_ingest_server CLINIC PORT 12|13\n", stderr);
		return 2;
	}
	measure_must(crypto_init(), "random numbers");
	cfg.port = (uint16_t)strtoul(argv[2], NULL, 10);
	cfg.profile = ingest_profile(argv[3]);
	rt = rt_new();
	ingest_read_clinic(argv[1], &pair, root, &conf);
	measure_must(coap_server_new(rt, &cfg, &s), "server");
	puts("listening");
	fflush(stdout);
	rt_run(rt);
	coap_server_free(s);
	rt_free(rt);
	crypto_done();
	return 0;
}
