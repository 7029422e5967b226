package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.security.PublicKey;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

import com.upokecenter.cbor.CBORObject;

import org.eclipse.californium.core.CoapResource;
import org.eclipse.californium.core.CoapServer;
import org.eclipse.californium.core.coap.CoAP.ResponseCode;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.core.server.resources.CoapExchange;
import org.eclipse.californium.elements.DtlsEndpointContext;
import org.eclipse.californium.elements.EndpointContext;

/**
 * A clinic of Californium's: takes uploads at POST /u, keeps their numbers in memory, and answers what it has.
 *
 * <pre>
 * --pem FILE --root FILE [--port N] [--pin HEX] [--cid LENGTH]
 * --sign POINT   the hub's signing key: each upload is verified and read; or
 * --fixed        each upload is answered with contig 0 and not looked at: for measuring
 * </pre>
 *
 * Standard output, one JSON object a line: {"port"}, then one for each upload. Standard input, a command a line:
 *
 * <pre>
 * withhold SEQ     its first arrival is not acknowledged
 * separate on|off  an empty acknowledgement first, the answer later
 * ask on|off       answers wait for 'answer'
 * answer ID HEX    body of a 2.04 for that upload
 * code CODE        answer this (4.04, 5.03 ...) instead; 'code -' ends it
 * stats            {"handshakes", "requests"}
 * </pre>
 *
 * Its end is the end of the program.
 */
public final class Server {
	private static final int FORMAT_CBOR = 60, FORMAT_SIGN1 = 18;

	private final PublicKey key;
	private final SortedSet<Long> durable = new TreeSet<>();
	private final Set<Long> withheld = new HashSet<>();
	private final Map<Long, CoapExchange> waiting = new ConcurrentHashMap<>();
	private final AtomicLong requests = new AtomicLong();
	private volatile boolean separate, ask;
	private volatile ResponseCode code;

	private Server(PublicKey key) {
		this.key = key;
	}

	private static synchronized void say(CBORObject line) {
		System.out.println(line.ToJSONString());
		System.out.flush();
	}

	private static void answer(CoapExchange exchange, byte[] body) {
		Response r = new Response(ResponseCode.CHANGED);

		r.setPayload(body);
		r.getOptions().setContentFormat(FORMAT_CBOR);
		exchange.respond(r);
	}

	/** What the transport says of this request. */
	private CBORObject describe(CoapExchange exchange, long id) {
		EndpointContext context = exchange.advanced().getRequest().getSourceContext();
		Object cid = context.get(DtlsEndpointContext.KEY_READ_CONNECTION_ID);
		Object writeCid = context.get(DtlsEndpointContext.KEY_WRITE_CONNECTION_ID);

		return CBORObject.NewOrderedMap().Add("id", id).Add("from", context.getPeerAddress().getPort())
				.Add("cipher", String.valueOf(context.get(DtlsEndpointContext.KEY_CIPHER)))
				.Add("cid", cid != null).Add("peer_cid", writeCid != null)
				.Add("ems", Boolean.TRUE.equals(context.get(DtlsEndpointContext.KEY_EXTENDED_MASTER_SECRET)))
				.Add("principal", String.valueOf(context.getPeerIdentity()))
				.Add("type", exchange.advanced().getRequest().getType().name())
				.Add("format", exchange.getRequestOptions().getContentFormat())
				.Add("handshakes", Dtls.handshakes.get());
	}

	/** What the upload says; durable grows by it. */
	private synchronized byte[] take(byte[] bytes, CBORObject line) throws Exception {
		Upload u = Upload.read(bytes, key);
		CBORObject seqs = CBORObject.NewArray();

		for (long seq : u.seqs) {
			seqs.Add(seq);
			if (!withheld.remove(seq))
				durable.add(seq);
		}
		line.Add("hub", HexFormat.of().formatHex(u.hub)).Add("epoch", u.epoch).Add("acked", u.acked)
				.Add("queued", u.queued).Add("highest", u.highest).Add("seqs", seqs);
		return Upload.reply(durable, u.wantsTime);
	}

	private void onPost(CoapExchange exchange) {
		long id = requests.incrementAndGet();
		byte[] bytes = exchange.getRequestPayload(), reply;
		CBORObject line = describe(exchange, id).Add("bytes", HexFormat.of().formatHex(bytes));

		if (separate)
			exchange.accept();
		try {
			if (exchange.getRequestOptions().getContentFormat() != FORMAT_SIGN1)
				throw new IllegalArgumentException("content format");
			reply = take(bytes, line);
		} catch (Exception e) {
			say(line.Add("error", String.valueOf(e)));
			exchange.respond(ResponseCode.BAD_REQUEST);
			return;
		}
		if (ask)
			waiting.put(id, exchange);
		say(line);
		if (ask)
			return;
		if (code != null)
			exchange.respond(code);
		else
			answer(exchange, reply);
	}

	private CoapResource resource(boolean fixed) {
		byte[] nothing = Upload.reply(new TreeSet<>(), false);

		return new CoapResource("u") {
			@Override
			public void handlePOST(CoapExchange exchange) {
				if (!fixed) {
					onPost(exchange);
					return;
				}
				requests.incrementAndGet();
				answer(exchange, nothing);
			}
		};
	}

	private static ResponseCode parseCode(String text) {
		int n = (text.charAt(0) - '0') << 5 | Integer.parseInt(text.substring(2));

		return ResponseCode.valueOf(n);
	}

	private void command(String[] word) {
		switch (word[0]) {
		case "withhold":
			synchronized (this) {
				withheld.add(Long.parseLong(word[1]));
			}
			break;
		case "separate":
			separate = word[1].equals("on");
			break;
		case "ask":
			ask = word[1].equals("on");
			break;
		case "code":
			code = word[1].equals("-") ? null : parseCode(word[1]);
			break;
		case "answer":
			answer(waiting.remove(Long.parseLong(word[1])), HexFormat.of().parseHex(word[2]));
			break;
		case "stats":
			say(CBORObject.NewOrderedMap().Add("handshakes", Dtls.handshakes.get())
					.Add("requests", requests.get()));
			break;
		default:
			throw new IllegalArgumentException(word[0]);
		}
	}

	public static void main(String[] args) throws Exception {
		Options o = new Options(args);
		boolean fixed = o.has("fixed");
		Server server = new Server(fixed ? null : Upload.publicKey(HexFormat.of().parseHex(o.need("sign"))));
		CoapEndpoint endpoint = Dtls.endpoint(o.number("port", 0), true, o.need("pem"), o.need("root"),
				o.get("pin"), o.number("cid", 6));
		CoapServer coap = new CoapServer(endpoint.getConfig());
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

		coap.addEndpoint(endpoint);
		coap.add(server.resource(fixed));
		coap.start();
		say(CBORObject.NewOrderedMap().Add("port", endpoint.getAddress().getPort()));
		for (String text = in.readLine(); text != null; text = in.readLine())
			server.command(text.split(" "));
		coap.destroy();
		System.exit(0);
	}
}
