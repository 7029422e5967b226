package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

import com.upokecenter.cbor.CBORObject;

import org.eclipse.californium.core.CoapResource;
import org.eclipse.californium.core.CoapServer;
import org.eclipse.californium.core.coap.CoAP.ResponseCode;
import org.eclipse.californium.core.coap.OptionSet;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.core.network.Exchange;
import org.eclipse.californium.core.server.resources.CoapExchange;
import org.eclipse.californium.core.server.resources.Resource;
import org.eclipse.californium.elements.auth.X509CertPath;

/**
 * A CoAP/DTLS server of Californium's that decides nothing: each request, on whatever path, is told and waits for its answer.
 *
 * <pre>
 * --pem FILE [--port N] [--cid LENGTH] [--block OCTETS]
 * </pre>
 *
 * Any certificate of a client is taken; it is told with each request. Standard output, one JSON object a line: {"port"}, then
 * {"id", "method", "path", "query", "format", "certificate", "body"}. Standard input: 'answer ID CODE FORMAT HEX', FORMAT '-'
 * for none, HEX may be '-'. --block: answers longer than that go in blocks (RFC 7959). Its end is the end of the program.
 */
public final class Relay extends CoapResource {
	private final Map<Long, CoapExchange> waiting = new ConcurrentHashMap<>();
	private final AtomicLong requests = new AtomicLong();

	private Relay() {
		super("");
	}

	private static synchronized void say(CBORObject line) {
		System.out.println(line.ToJSONString());
		System.out.flush();
	}

	@Override
	public Resource getChild(String name) {
		return this;
	}

	private static String certificate(CoapExchange exchange) throws Exception {
		X509CertPath path = (X509CertPath) exchange.advanced().getRequest().getSourceContext().getPeerIdentity();

		return HexFormat.of().formatHex(path.getTarget().getEncoded());
	}

	@Override
	public void handleRequest(Exchange exchange) {
		CoapExchange x = new CoapExchange(exchange);
		OptionSet options = exchange.getRequest().getOptions();
		byte[] body = exchange.getRequest().getPayload();
		long id = requests.incrementAndGet();

		waiting.put(id, x);
		try {
			say(CBORObject.NewOrderedMap().Add("id", id).Add("method", exchange.getRequest().getCode().name())
					.Add("path", options.getUriPathString()).Add("query", options.getUriQueryString())
					.Add("format", options.getContentFormat()).Add("certificate", certificate(x))
					.Add("body", HexFormat.of().formatHex(body == null ? new byte[0] : body)));
		} catch (Exception e) {
			say(CBORObject.NewOrderedMap().Add("id", id).Add("error", String.valueOf(e)));
		}
	}

	private void command(String[] word) {
		Response r = new Response(ResponseCode
				.valueOf((word[2].charAt(0) - '0') << 5 | Integer.parseInt(word[2].substring(2))));

		if (!word[0].equals("answer"))
			throw new IllegalArgumentException(word[0]);
		if (!word[3].equals("-"))
			r.getOptions().setContentFormat(Integer.parseInt(word[3]));
		if (!word[4].equals("-"))
			r.setPayload(HexFormat.of().parseHex(word[4]));
		waiting.remove(Long.parseLong(word[1])).respond(r);
	}

	public static void main(String[] args) throws Exception {
		Options o = new Options(args);
		Relay relay = new Relay();
		CoapEndpoint endpoint = Dtls.endpoint(o.number("port", 0), true, o.need("pem"), null, null,
				o.number("cid", 6), o.number("block", 1024));
		CoapServer coap = new CoapServer(endpoint.getConfig()) {
			@Override
			protected Resource createRoot() {
				return relay;
			}
		};
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

		coap.addEndpoint(endpoint);
		coap.start();
		say(CBORObject.NewOrderedMap().Add("port", endpoint.getAddress().getPort()));
		for (String text = in.readLine(); text != null; text = in.readLine())
			relay.command(text.split(" "));
		coap.destroy();
		System.exit(0);
	}
}
