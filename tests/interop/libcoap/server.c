/*
 * server.c - a clinic on libcoap as released: POST /u prints the upload, standard input has the answer.
 *
 *   server PEM ROOT      key and certificate in one file; the one trusted certificate
 *
 * Output, one JSON object a line: {"port"}, then {"bytes","cn"} for each upload. It waits for the answer, one line:
 * CODE HEX, such as '204 a10105'. End of input is its end.
 */
#include <coap3/coap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_LEN = 4096, FORMAT_CBOR = 60, FORMAT_SIGN1 = 18 };

static const char *common_name = "";

static int on_certificate(const char *cn, const uint8_t *der, size_t len,
			  coap_session_t *session, unsigned depth, int validated,
			  void *arg)
{
	static char name[128];

	(void)der, (void)len, (void)session, (void)arg;
	if (depth == 0) {
		snprintf(name, sizeof(name), "%s", cn);
		common_name = name;
	}
	return validated;
}

static void print_upload(const coap_pdu_t *request)
{
	coap_opt_iterator_t it;
	coap_opt_t *format = coap_check_option(request, COAP_OPTION_CONTENT_FORMAT, &it);
	const uint8_t *body = NULL;
	size_t len = 0;

	coap_get_data(request, &len, &body);
	printf("{\"cn\": \"%s\", \"format\": %u, \"confirmable\": %s, \"bytes\": \"",
	       common_name,
	       format ? coap_decode_var_bytes(coap_opt_value(format),
					      coap_opt_length(format))
		      : 0,
	       coap_pdu_get_type(request) == COAP_MESSAGE_CON ? "true" : "false");
	for (size_t i = 0; i < len; i++)
		printf("%02x", body[i]);
	puts("\"}");
	fflush(stdout);
}

static void on_post(coap_resource_t *resource, coap_session_t *session,
		    const coap_pdu_t *request, const coap_string_t *query,
		    coap_pdu_t *response)
{
	static char line[LINE_MAX_LEN];
	static uint8_t body[LINE_MAX_LEN / 2];
	unsigned code, byte;
	uint8_t option[4];
	size_t len = 0;

	(void)resource, (void)session, (void)query;
	print_upload(request);
	if (!fgets(line, sizeof(line), stdin) || sscanf(line, "%u", &code) != 1)
		exit(0);
	for (const char *hex = line + strcspn(line, " ") + 1;
	     sscanf(hex, "%2x", &byte) == 1; hex += 2)
		body[len++] = (uint8_t)byte;
	coap_pdu_set_code(response, (coap_pdu_code_t)COAP_RESPONSE_CODE(code));
	coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
			coap_encode_var_safe(option, sizeof(option), FORMAT_CBOR),
			option);
	coap_add_data(response, len, body);
}

static coap_context_t *make_context(const char *pem, const char *root)
{
	coap_context_t *ctx = coap_new_context(NULL);
	coap_resource_t *u = coap_resource_init(coap_make_str_const("u"), 0);
	coap_dtls_pki_t pki = { .version = COAP_DTLS_PKI_SETUP_VERSION,
				.verify_peer_cert = 1,
				.check_common_ca = 1,
				.cert_chain_validation = 1,
				.cert_chain_verify_depth = 2,
				.validate_cn_call_back = on_certificate };

	pki.pki_key.key_type = COAP_PKI_KEY_PEM;
	pki.pki_key.key.pem.ca_file = root;
	pki.pki_key.key.pem.public_cert = pem;
	pki.pki_key.key.pem.private_key = pem;
	if (!ctx || !coap_context_set_pki(ctx, &pki))
		return NULL;
	coap_register_request_handler(u, COAP_REQUEST_POST, on_post);
	coap_add_resource(ctx, u);
	return ctx;
}

int main(int argc, char **argv)
{
	coap_context_t *ctx;
	coap_endpoint_t *endpoint;
	coap_address_t at;
	char *port;

	if (argc != 3)
		return 64;
	coap_startup();
	coap_set_log_level(COAP_LOG_INFO);
	coap_dtls_set_log_level(COAP_LOG_WARN);
	ctx = make_context(argv[1], argv[2]);
	coap_address_init(&at);
	at.addr.sin.sin_family = AF_INET;
	at.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.size = sizeof(at.addr.sin);
	endpoint = ctx ? coap_new_endpoint(ctx, &at, COAP_PROTO_DTLS) : NULL;
	if (!endpoint)
		return 1;
	port = strrchr(coap_endpoint_str(endpoint), ':');
	if (!port)
		return 1;
	printf("{\"port\": %d, \"tls\": \"%s\"}\n", atoi(port + 1), coap_package_build());
	fflush(stdout);
	while (coap_io_process(ctx, COAP_IO_WAIT) >= 0)
		;
	return 1;
}
