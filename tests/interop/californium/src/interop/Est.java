package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicInteger;

import com.upokecenter.cbor.CBORObject;

import org.eclipse.californium.core.coap.BlockOption;
import org.eclipse.californium.core.coap.CoAP.Code;
import org.eclipse.californium.core.coap.CoAP.Type;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.core.network.interceptors.MessageInterceptorAdapter;
import org.eclipse.californium.elements.AddressEndpointContext;

/**
 * A client of EST over CoAP (RFC 9148): keys, requests and certificates are made elsewhere, this one carries them.
 *
 * <pre>
 * --name SAN --root FILE [--block OCTETS]
 * </pre>
 *
 * Standard input, a command a line: 'ask PEM PORT METHOD PATH FORMAT ACCEPT HEX'; PEM is the file with key and certificate to
 * ask as, FORMAT and ACCEPT are numbers, '-' for none, HEX may be '-'. Each is a connection of its own. Standard output, one
 * JSON object for each: the answer, or {"error"}. --block: requests longer than that go in blocks (RFC 7959), and answers are
 * asked for in such.
 */
public final class Est {
	private static final long LIMIT_MS = 20_000;

	private Est() {
	}

	private static Request request(Options o, String[] word) {
		Request r = new Request(Code.valueOf(word[3]), Type.CON);

		r.setDestinationContext(new AddressEndpointContext(
				new InetSocketAddress("127.0.0.1", Integer.parseInt(word[2])), o.need("name"), null));
		r.setScheme("coaps");
		r.getOptions().setUriPath(word[4]);
		if (!word[5].equals("-"))
			r.getOptions().setContentFormat(Integer.parseInt(word[5]));
		if (!word[6].equals("-"))
			r.getOptions().setAccept(Integer.parseInt(word[6]));
		if (o.has("block"))
			r.getOptions().setBlock2(BlockOption.size2Szx(o.number("block", 0)), false, 0);
		if (!word[7].equals("-"))
			r.setPayload(HexFormat.of().parseHex(word[7]));
		return r;
	}

	private static CBORObject ask(Options o, String[] word) throws Exception {
		CoapEndpoint endpoint = Dtls.endpoint(0, false, word[1], o.need("root"), null, 0, o.number("block", 1024));
		CBORObject line = CBORObject.NewOrderedMap();
		Request request = request(o, word);
		AtomicInteger answers = new AtomicInteger(); // one for each block
		Response r;

		endpoint.addInterceptor(new MessageInterceptorAdapter() {
			@Override
			public void receiveResponse(Response response) {
				answers.incrementAndGet();
			}
		});
		endpoint.start();
		try {
			endpoint.sendRequest(request);
			r = request.waitForResponse(LIMIT_MS);
		} finally {
			endpoint.destroy();
		}
		if (r == null)
			return line.Add("error", request.getSendError() != null ? String.valueOf(request.getSendError()) : "no answer");
		return line.Add("code", r.getCode().text)
				.Add("body", HexFormat.of().formatHex(r.getPayload() == null ? new byte[0] : r.getPayload()))
				.Add("format", r.getOptions().getContentFormat())
				.Add("max_age", r.getOptions().hasMaxAge() ? r.getOptions().getMaxAge() : -1)
				.Add("answers", answers.get());
	}

	public static void main(String[] args) throws Exception {
		Options o = new Options(args);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

		for (String text = in.readLine(); text != null; text = in.readLine()) {
			System.out.println(ask(o, text.split(" ", -1)).ToJSONString());
			System.out.flush();
		}
		System.exit(0);
	}
}
