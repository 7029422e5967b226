package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.security.PrivateKey;
import java.util.HexFormat;

import com.upokecenter.cbor.CBORObject;

import org.eclipse.californium.core.coap.CoAP.Code;
import org.eclipse.californium.core.coap.CoAP.Type;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.DtlsEndpointContext;
import org.eclipse.californium.elements.EndpointContext;

/**
 * A hub of Californium's: signs payloads and uploads them.
 *
 * <pre>
 * --to PORT --name SAN --pem FILE --root FILE --sign SCALAR [--pin HEX] [--cid LENGTH]
 * </pre>
 *
 * Standard input, a command a line: 'post HEX' signs this payload and sends it to /u; 'send METHOD PATH HEX' sends
 * octets as they are. Standard output, one JSON object for each: the answer, or {"error"}.
 */
public final class Client {
	private static final int FORMAT_SIGN1 = 18;
	private static final long LIMIT_MS = 90_000;

	private Client() {
	}

	private static CBORObject exchange(CoapEndpoint endpoint, Request request) throws InterruptedException {
		CBORObject line = CBORObject.NewOrderedMap();
		Response r;
		EndpointContext context;

		endpoint.sendRequest(request);
		r = request.waitForResponse(LIMIT_MS);
		line.Add("handshakes", Dtls.handshakes.get());
		if (r == null)
			return line.Add("error", request.getSendError() != null ? String.valueOf(request.getSendError())
					: request.isRejected() ? "reset" : "no answer");
		context = r.getSourceContext();
		return line.Add("code", r.getCode().text)
				.Add("body", HexFormat.of().formatHex(r.getPayload() == null ? new byte[0] : r.getPayload()))
				.Add("format", r.getOptions().getContentFormat())
				.Add("piggybacked", r.getType() == Type.ACK)
				.Add("cipher", String.valueOf(context.get(DtlsEndpointContext.KEY_CIPHER)))
				.Add("cid", context.get(DtlsEndpointContext.KEY_READ_CONNECTION_ID) != null)
				.Add("peer_cid", context.get(DtlsEndpointContext.KEY_WRITE_CONNECTION_ID) != null)
				.Add("ems", Boolean.TRUE.equals(context.get(DtlsEndpointContext.KEY_EXTENDED_MASTER_SECRET)));
	}

	private static Request request(Options o, Code method, String path, byte[] body) {
		Request r = new Request(method, Type.CON);

		r.setDestinationContext(new AddressEndpointContext(
				new InetSocketAddress("127.0.0.1", o.number("to", 0)), o.need("name"), null));
		r.setScheme("coaps");
		r.getOptions().setUriPath(path);
		if (body.length > 0) {
			r.getOptions().setContentFormat(FORMAT_SIGN1);
			r.setPayload(body);
		}
		return r;
	}

	public static void main(String[] args) throws Exception {
		Options o = new Options(args);
		PrivateKey key = Upload.privateKey(HexFormat.of().parseHex(o.need("sign")));
		CoapEndpoint endpoint = Dtls.endpoint(0, false, o.need("pem"), o.need("root"), o.get("pin"),
				o.number("cid", 0));
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

		endpoint.start();
		for (String text = in.readLine(); text != null; text = in.readLine()) {
			String[] word = text.split(" ", -1);
			Request r = word[0].equals("post")
					? request(o, Code.POST, "u", Upload.sign(HexFormat.of().parseHex(word[1]), key))
					: request(o, Code.valueOf(word[1]), word[2], HexFormat.of().parseHex(word[3]));

			System.out.println(exchange(endpoint, r).ToJSONString());
			System.out.flush();
		}
		endpoint.destroy();
		System.exit(0);
	}
}
