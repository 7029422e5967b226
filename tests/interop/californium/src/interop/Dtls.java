package interop;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import javax.security.auth.x500.X500Principal;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.elements.config.CertificateAuthenticationMode;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.elements.config.UdpConfig;
import org.eclipse.californium.elements.util.SslContextUtil;
import org.eclipse.californium.scandium.DTLSConnector;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.config.DtlsConfig.DtlsRole;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.AlertMessage;
import org.eclipse.californium.scandium.dtls.AlertMessage.AlertDescription;
import org.eclipse.californium.scandium.dtls.AlertMessage.AlertLevel;
import org.eclipse.californium.scandium.dtls.CertificateMessage;
import org.eclipse.californium.scandium.dtls.CertificateType;
import org.eclipse.californium.scandium.dtls.CertificateVerificationResult;
import org.eclipse.californium.scandium.dtls.ConnectionId;
import org.eclipse.californium.scandium.dtls.ExtendedMasterSecretMode;
import org.eclipse.californium.scandium.dtls.HandshakeException;
import org.eclipse.californium.scandium.dtls.HandshakeResultHandler;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.californium.scandium.dtls.x509.NewAdvancedCertificateVerifier;
import org.eclipse.californium.scandium.dtls.x509.SingleCertificateProvider;
import org.eclipse.californium.scandium.dtls.x509.StaticNewAdvancedCertificateVerifier;
import org.eclipse.californium.scandium.util.ServerNames;

/** Scandium set up as the profile dtls12-cid asks: one suite, P-256 certificates on both sides, Connection ID. */
final class Dtls {
	/** Times a peer's certificate was looked at: once in each full handshake. */
	static final AtomicInteger handshakes = new AtomicInteger();

	private static final int BLOCK_LARGEST = 1024;

	private Dtls() {
	}

	/** Chain to the one root, and the peer's key is the pinned one. */
	private static final class Pinned implements NewAdvancedCertificateVerifier {
		private final NewAdvancedCertificateVerifier chain;
		private final byte[] pin;

		Pinned(NewAdvancedCertificateVerifier chain, byte[] pin) {
			this.chain = chain;
			this.pin = pin;
		}

		@Override
		public List<CertificateType> getSupportedCertificateTypes() {
			return chain.getSupportedCertificateTypes();
		}

		@Override
		public CertificateVerificationResult verifyCertificate(ConnectionId cid, ServerNames serverName,
				InetSocketAddress remotePeer, boolean clientUsage, boolean verifySubject,
				boolean truncateCertificatePath, CertificateMessage message) {
			handshakes.incrementAndGet();
			if (pin != null && !Arrays.equals(pin, sha256(message.getPublicKey().getEncoded())))
				return new CertificateVerificationResult(cid,
						new HandshakeException("not the pinned key",
								new AlertMessage(AlertLevel.FATAL, AlertDescription.BAD_CERTIFICATE)), null);
			return chain.verifyCertificate(cid, serverName, remotePeer, clientUsage, verifySubject,
					truncateCertificatePath, message);
		}

		@Override
		public List<X500Principal> getAcceptedIssuers() {
			return chain.getAcceptedIssuers();
		}

		@Override
		public void setResultHandler(HandshakeResultHandler handler) {
			chain.setResultHandler(handler);
		}
	}

	static byte[] sha256(byte[] in) {
		try {
			return MessageDigest.getInstance("SHA-256").digest(in);
		} catch (GeneralSecurityException e) {
			throw new IllegalStateException(e);
		}
	}

	/**
	 * An endpoint, not started yet.
	 *
	 * @param port      UDP port on the loopback, 0 takes a free one
	 * @param server    which side it is
	 * @param pem       file with private key and certificate
	 * @param root      file with the one trusted certificate; null: any is trusted
	 * @param pin       SHA-256 of the peer's SubjectPublicKeyInfo in hex; null: any that the root has signed
	 * @param cidLength of the Connection ID that the peer has to send; 0: it need not send one, -1: no Connection ID
	 */
	static CoapEndpoint endpoint(int port, boolean server, String pem, String root, String pin, int cidLength)
			throws IOException, GeneralSecurityException {
		return endpoint(port, server, pem, root, pin, cidLength, BLOCK_LARGEST);
	}

	private static NewAdvancedCertificateVerifier verifier(String root) throws IOException, GeneralSecurityException {
		StaticNewAdvancedCertificateVerifier.Builder b = StaticNewAdvancedCertificateVerifier.builder();

		if (root == null)
			b.setTrustAllCertificates();
		else
			b.setTrustedCertificates((X509Certificate) SslContextUtil.loadTrustedCertificates(root)[0]);
		return b.build();
	}

	/** As above; bodies longer than 'block' octets go in blocks of that size. */
	static CoapEndpoint endpoint(int port, boolean server, String pem, String root, String pin, int cidLength, int block)
			throws IOException, GeneralSecurityException {
		CoapConfig.register();
		UdpConfig.register();
		DtlsConfig.register();
		Configuration config = new Configuration();
		SslContextUtil.Credentials own = SslContextUtil.loadCredentials(pem);
		DtlsConnectorConfig.Builder b = DtlsConnectorConfig.builder(config);

		config.set(CoapConfig.MAX_ACTIVE_PEERS, 20000);
		if (block != BLOCK_LARGEST) {
			config.set(CoapConfig.MAX_MESSAGE_SIZE, block);
			config.set(CoapConfig.PREFERRED_BLOCK_SIZE, block);
		}
		b.setAddress(new InetSocketAddress("127.0.0.1", port));
		b.set(DtlsConfig.DTLS_ROLE, server ? DtlsRole.SERVER_ONLY : DtlsRole.CLIENT_ONLY);
		b.set(DtlsConfig.DTLS_CLIENT_AUTHENTICATION_MODE, CertificateAuthenticationMode.NEEDED);
		b.set(DtlsConfig.DTLS_EXTENDED_MASTER_SECRET_MODE, ExtendedMasterSecretMode.REQUIRED);
		b.set(DtlsConfig.DTLS_MAX_CONNECTIONS, 20000);
		b.set(DtlsConfig.DTLS_USE_SERVER_NAME_INDICATION, !server); // a client then looks for that name in the certificate
		b.set(DtlsConfig.DTLS_RETRANSMISSION_TIMEOUT, 1000, TimeUnit.MILLISECONDS);
		b.setAsList(DtlsConfig.DTLS_CIPHER_SUITES, CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
		if (cidLength >= 0)
			b.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, cidLength);
		b.setCertificateIdentityProvider(new SingleCertificateProvider(own.getPrivateKey(),
				own.getCertificateChain(), CertificateType.X_509));
		b.setAdvancedCertificateVerifier(new Pinned(verifier(root), pin == null ? null : HexFormat.of().parseHex(pin)));
		return CoapEndpoint.builder().setConfiguration(config).setConnector(new DTLSConnector(b.build())).build();
	}
}
