package interop;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPrivateKeySpec;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import java.util.List;
import java.util.ArrayList;
import java.util.SortedSet;

import com.upokecenter.cbor.CBOREncodeOptions;
import com.upokecenter.cbor.CBORObject;
import com.upokecenter.cbor.CBORType;

/** An upload and a reply as docs/MESSAGES.md has them, read and made without any code of the hub. */
final class Upload {
	private static final byte[] PROTECTED = { (byte) 0xa1, 0x01, 0x26 };
	private static final byte[] CONTEXT = "hub/v1/batch".getBytes();
	private static final CBOREncodeOptions DETERMINISTIC = new CBOREncodeOptions("ctap2canonical=true");
	private static final int VERSION = 3, VERSION_WITH_STATUS = 4, FLAG_WANT_TIME = 1;

	byte[] hub;
	long epoch, acked, queued, highest;
	boolean wantsTime;
	/** Numbers of the records, ascending. */
	final List<Long> seqs = new ArrayList<>();

	private Upload() {
	}

	private static ECParameterSpec p256() throws GeneralSecurityException {
		AlgorithmParameters p = AlgorithmParameters.getInstance("EC");

		p.init(new ECGenParameterSpec("secp256r1"));
		return p.getParameterSpec(ECParameterSpec.class);
	}

	/** @param point 04, x, y: 65 bytes */
	static PublicKey publicKey(byte[] point) throws GeneralSecurityException {
		BigInteger x = new BigInteger(1, Arrays.copyOfRange(point, 1, 33));
		BigInteger y = new BigInteger(1, Arrays.copyOfRange(point, 33, 65));

		return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(new ECPoint(x, y), p256()));
	}

	/** @param scalar 32 bytes, big-endian */
	static PrivateKey privateKey(byte[] scalar) throws GeneralSecurityException {
		return KeyFactory.getInstance("EC").generatePrivate(
				new ECPrivateKeySpec(new BigInteger(1, scalar), p256()));
	}

	private static byte[] toBeSigned(byte[] payload) {
		return CBORObject.NewArray().Add("Signature1").Add(PROTECTED).Add(CONTEXT).Add(payload).EncodeToBytes();
	}

	/** Payload to COSE_Sign1. */
	static byte[] sign(byte[] payload, PrivateKey key) throws GeneralSecurityException {
		Signature s = Signature.getInstance("SHA256withECDSAinP1363Format");

		s.initSign(key);
		s.update(toBeSigned(payload));
		return CBORObject.NewArray().Add(PROTECTED).Add(CBORObject.NewMap()).Add(payload).Add(s.sign())
				.EncodeToBytes();
	}

	private static void need(boolean good, String what) {
		if (!good)
			throw new IllegalArgumentException(what);
	}

	private static void checkDeterministic(CBORObject o, byte[] bytes) {
		need(Arrays.equals(o.EncodeToBytes(DETERMINISTIC), bytes), "not deterministic");
	}

	/** Verifies and reads; IllegalArgumentException or CBORException says what is wrong. */
	static Upload read(byte[] bytes, PublicKey key) throws GeneralSecurityException {
		CBORObject sign1 = CBORObject.DecodeFromBytes(bytes);
		Signature s = Signature.getInstance("SHA256withECDSAinP1363Format");

		need(sign1.getType() == CBORType.Array && sign1.size() == 4, "no COSE_Sign1");
		checkDeterministic(sign1, bytes);
		need(Arrays.equals(sign1.get(0).GetByteString(), PROTECTED), "protected header");
		need(sign1.get(1).getType() == CBORType.Map && sign1.get(1).size() == 0, "unprotected header");
		s.initVerify(key);
		s.update(toBeSigned(sign1.get(2).GetByteString()));
		need(s.verify(sign1.get(3).GetByteString()), "signature");
		return readPayload(sign1.get(2).GetByteString());
	}

	private static Upload readPayload(byte[] payload) {
		CBORObject p = CBORObject.DecodeFromBytes(payload);
		Upload u = new Upload();

		checkDeterministic(p, payload);
		need(p.size() == 9 && p.get(0).AsInt32() == VERSION || p.size() == 10 && p.get(0).AsInt32() == VERSION_WITH_STATUS,
				"version or length");
		u.hub = p.get(1).GetByteString();
		need(u.hub.length == 16, "hub");
		u.epoch = p.get(2).AsInt64Value();
		u.acked = p.get(3).AsInt64Value();
		u.wantsTime = (p.get(4).AsInt32() & FLAG_WANT_TIME) != 0;
		u.queued = p.get(5).get(0).AsInt64Value();
		u.highest = p.get(5).get(1).AsInt64Value();
		for (CBORObject r : p.get(6).getValues()) {
			long seq = r.get(1).AsInt64Value();

			need(r.size() == 5 && r.get(4).getType() == CBORType.ByteString, "record");
			need(seq > (u.seqs.isEmpty() ? 0 : u.seqs.get(u.seqs.size() - 1)) && seq <= u.highest, "seq");
			u.seqs.add(seq);
		}
		need(p.get(7).getType() == CBORType.Array && p.get(8).getType() == CBORType.ByteString, "tail");
		if (p.size() == 10)
			readStatus(p.get(9).GetByteString());
		return u;
	}

	/** How the hub is: a map with keys of the table; nobody here acts on it. */
	private static void readStatus(byte[] bytes) {
		CBORObject map = CBORObject.DecodeFromBytes(bytes);

		checkDeterministic(map, bytes);
		need(bytes.length <= 864 && map.getType() == CBORType.Map, "status");
		for (CBORObject key : map.getKeys())
			need(key.AsInt32() >= 1 && key.AsInt32() <= 22, "key of the status");
	}

	/** Reply that names these numbers as durable, and tells the time if it is asked for. */
	static byte[] reply(SortedSet<Long> durable, boolean tellTime) {
		CBORObject map = CBORObject.NewOrderedMap(), ranges = CBORObject.NewArray();
		long contig = 0, first = 0, last = 0;

		while (durable.contains(contig + 1))
			contig++;
		for (long seq : durable.tailSet(contig + 1)) {
			if (first != 0 && seq == last + 1) {
				last = seq;
				continue;
			}
			if (first != 0)
				ranges.Add(CBORObject.NewArray().Add(first).Add(last));
			first = last = seq;
		}
		if (first != 0)
			ranges.Add(CBORObject.NewArray().Add(first).Add(last));
		map.Add(1, contig);
		if (ranges.size() > 0)
			map.Add(2, ranges);
		if (tellTime)
			map.Add(4, CBORObject.NewArray().Add(System.currentTimeMillis()).Add(2));
		return map.EncodeToBytes(DETERMINISTIC);
	}
}
