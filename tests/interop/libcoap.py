"""libcoap 4.3.5 as released, on Mbed TLS, OpenSSL and GnuTLS, both ways; profile dtls12-cid, and what happens without CID."""
import contextlib
import re
import subprocess
import time

import formats
from californium import Batches, foreign_hub, longest, refused_by_hub, systolics
from cases import Case, all_there, check_readings, need, same
from home import DTLS12, LIMIT_S, NAME, Home, Talker
from ways import Way

TLS = {'mbedtls': 'libcoap 4.3.5, Mbed TLS 3.6.6', 'openssl': 'libcoap 4.3.5, OpenSSL', 'gnutls': 'libcoap 4.3.5, GnuTLS'}


class Server(Talker):
    """libcoap as the clinic; the answers are the second encoder's."""

    def __init__(self, env, home, tls, root=None):
        super().__init__([env.servers / tls, home.server_pem, root or home.root_pem],
                         home.folder / 'server.log')
        self.begin(home, '' if tls == 'mbedtls' else home.hub_id.hex())  # on Mbed TLS it tells of no good chain

    def begin(self, home, name):
        """It has started; name: what it must tell of the hub's certificate."""
        self.home, self.name, self.port, self.durable, self.uploads = home, name, self.next()['port'], set(), []

    def stop(self):
        """End it; it looks at its input only when an upload has come."""
        self.process.kill()
        super().stop()

    def serve(self):
        """Answer what has come."""
        for line in self.drain()[1 + len(self.uploads):]:
            data = bytes.fromhex(line['bytes'])
            u = formats.read_upload(data, self.home.sign_public)
            same((line['format'], line['confirmable']), (18, True), 'content format, CON')
            same(line.get('cn'), self.name, 'name in the certificate')
            self.uploads.append(data)
            self.durable.update(u.seqs)
            time_ms = (int(time.time() * 1000), 2) if u.flags & formats.FLAG_WANT_TIME else None
            self.tell(f'204 {formats.reply(self.durable, time_ms).hex()}')


@contextlib.contextmanager
def hub_and_server(env, name, tls, loss=0.0, way=False):
    """A hub whose clinic is libcoap: (home, server, way)."""
    with Home(env.build, env.folder / name) as home:
        server = Server(env, home, tls)
        path = Way(('127.0.0.1', server.port), loss) if way or loss else None
        try:
            home.call(path.port if path else server.port, DTLS12)
            yield home, server, path
        finally:
            server.stop()
            if path:
                path.close()


def deliver(home, server, count):
    """Measure, and wait until the server has every reading and the hub knows it."""
    home.measure(count)
    home.wait('everything is delivered', lambda: server.serve() or all_there(home, server.uploads))


def handshakes(home):
    """Connections that hub-coap has made."""
    return home.programs['hub-coap'].log.read_text().count('uplink-up')


def upload(tls):
    """Real batches, acknowledged by the second encoder's replies."""
    def case(env):
        with hub_and_server(env, f'lc-{tls}', tls) as (home, server, _):
            home.start_hub()
            home.measure_long()
            deliver(home, server, 20)
            times = check_readings(home, server.uploads)
            same(set(times.values()), {1}, 'times that each number came')
            same(handshakes(home), 1, 'connections')
            same(home.programs['hub-coap'].said('uplink-no-cid'), tls != 'mbedtls', 'no Connection ID')
            return f'{len(times)} records{longest(server.uploads)}, {"Connection ID" if tls == "mbedtls" else "no Connection ID, as told"}'
    return case


def rebind(env):
    """The hub's port changes: no new handshake."""
    with hub_and_server(env, 'lc-rebind', 'mbedtls', way=True) as (home, server, path):
        home.start_hub()
        for _ in range(4):
            deliver(home, server, 5)
            path.rebind()
        deliver(home, server, 5)
        times = check_readings(home, server.uploads)
        same(handshakes(home), 1, 'connections')
        return f'{path.rebinds} new ports, 1 handshake, {len(times)} records'


def rebind_without_cid(env):
    """The hub's port changes and the server knows no Connection ID: a new handshake, everything arrives."""
    with hub_and_server(env, 'lc-rebind-no', 'openssl', way=True) as (home, server, path):
        home.start_hub()
        deliver(home, server, 5)
        path.rebind()
        deliver(home, server, 5)
        check_readings(home, server.uploads)
        need(handshakes(home) > 1, 'no new handshake?')
        return f'{handshakes(home)} handshakes'


def loss(env):
    """5 % of all datagrams are lost, each way."""
    with hub_and_server(env, 'lc-loss', 'mbedtls', loss=0.05) as (home, server, path):
        home.start_hub()
        for _ in range(6):
            deliver(home, server, 15)
        times = check_readings(home, server.uploads)
        need(path.lost > 0, 'nothing was lost')
        again = sum(n - 1 for n in times.values())
        return f'{path.lost} of {path.lost + path.carried} datagrams lost, {len(times)} records, {again} of them twice'


# --- coap-client -----------------------------------------------------------------------------------


def coap_client(env, home, tls, path, *options, pem=None, root=None):
    """Run libcoap's own coap-client; returns (body, what it said).

    By a host's name: with an address it gives Mbed TLS no name, and Mbed TLS 3.6.6 then refuses every server
    ("Attempt to verify a certificate without an expected hostname"). It does not mind which name the server has.
    """
    out = home.folder / 'body'
    out.unlink(missing_ok=True)
    done = subprocess.run(
        [env.libcoap / tls / 'coap-client', '-c', pem or home.hub_pem, '-j', pem or home.hub_pem, '-C',
         root or home.root_pem, '-B', '60', '-o', out, *options, f'coaps://localhost:{home.port}/{path}'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
    return out.read_bytes() if out.exists() else b'', done.stdout


def post(env, home, tls, upload, *options, **more):
    """One upload by coap-client: (body, what it said)."""
    path = home.folder / 'upload'
    path.write_bytes(formats.sign1('hub/v1/batch', upload.encode(), home.sign))
    return coap_client(env, home, tls, 'u', '-m', 'post', '-t', '18', '-f', path, *options, **more)


def client_upload(tls):
    """coap-client posts a signed batch to clinicd; and what clinicd must refuse."""
    def case(env):
        with Home(env.build, env.folder / f'lc-client-{tls}') as home:
            home.start_clinicd(DTLS12)
            batches = Batches(home)
            for _ in range(2):
                body, said = post(env, home, tls, batches.next(2))
                same(formats.read_reply(body).contig, batches.seq, f'contig; {said}')
            same(systolics(home), [101, 102, 103, 104], 'systolics')
            codes = [coap_client(env, home, tls, p, '-m', m, *o)[1] for p, m, *o in (
                ('u', 'post', '-e', 'x'), ('x', 'post', '-e', 'x'), ('u', 'get'), ('u', 'put', '-e', 'x'))]
            for want, said in zip(('4.00', '4.04', '4.05', '4.05'), codes):
                need(want in said, f'want {want}, got {said}')
            return '4 readings, 4.00, 4.04, 4.05'
    return case


def client_refused(tls):
    """A key without a row, a certificate of another root; and a client that trusts another root."""
    def case(env):
        with Home(env.build, env.folder / f'lc-refused-{tls}') as home:
            other = Home(env.build, home.folder / 'other')
            home.start_clinicd(DTLS12)
            for options in (dict(pem=foreign_hub(home)), dict(pem=other.hub_pem), dict(root=other.root_pem)):
                body, said = post(env, home, tls, Batches(home).next(1), '-B', '5', **options)
                same(body, b'', f'an answer? {said}')
            same(home.readings(), [], 'readings')
            body, said = post(env, home, tls, Batches(home).next(1))
            same(formats.read_reply(body).contig, 1, f'the right one is taken afterwards; {said}')
            return 'no row, other root, other trust: nothing stored; the right one is taken'
    return case


def client_rebind(env):
    """coap-client changes its own port each two requests (-d 2): answers go on without a new handshake."""
    with Home(env.build, env.folder / 'lc-client-rebind') as home:
        home.start_clinicd(DTLS12)
        batches = Batches(home)
        for _ in range(10):  # on a busy machine it leaves before it has sent all six
            body, said = post(env, home, 'mbedtls', batches.next(1), '-d', '2', '-G', '6', '-v', '7')
            answers, ports = list(formats.replies(body)), set(re.findall(r'127\.0\.0\.1:(\d+) <-> ', said))
            need({r.contig for r in answers} <= {batches.seq}, f'answers {answers}')
            same(said.count('Mbed TLS established'), 1, 'handshakes')
            if len(answers) >= 3:
                break
        need(len(answers) >= 3 and len(ports) >= 2, f'{len(answers)} answers, ports {ports}')
        same(systolics(home), [100 + n for n in range(1, batches.seq + 1)], 'systolics')
        return f'{len(ports)} ports, 1 handshake, {len(answers)} answers'


def hub_refused(tls):
    """The server trusts another root: nothing is uploaded, the hub goes on saving."""
    def case(env):
        with Home(env.build, env.folder / f'lc-hub-refused-{tls}') as home:
            server = Server(env, home, tls, root=Home(env.build, home.folder / 'other').root_pem)
            home.call(server.port, DTLS12)
            refused_by_hub(home, server, 'handshake')
            return 'alert understood, hub goes on saving'
    return case


def names(env):
    """The name that the hub wants is the certificate's, whatever the address: other name, no upload."""
    with Home(env.build, env.folder / 'lc-names') as home:
        server = Server(env, home, 'mbedtls')
        home.call(server.port, DTLS12, name=f'x{NAME}')
        refused_by_hub(home, server, 'server-identity')
        return 'refused'


CASES = [
    *(Case(name, 'hub -> server: batches, replies of a second encoder', upload(tls)) for tls, name in TLS.items()),
    Case(TLS['mbedtls'], 'hub -> server: NAT rebinding', rebind),
    Case(TLS['openssl'], 'hub -> server: NAT rebinding without Connection ID', rebind_without_cid),
    Case(TLS['mbedtls'], 'hub -> server: 5 % loss', loss),
    Case(TLS['mbedtls'], 'hub -> server: other name refused', names),
    *(Case(name, 'hub -> server: hub of another root refused', hub_refused(tls)) for tls, name in TLS.items()),
    *(Case(name, 'coap-client -> clinicd: batches', client_upload(tls)) for tls, name in TLS.items()),
    Case(TLS['mbedtls'], 'coap-client -> clinicd: its port changes', client_rebind),
    *(Case(name, 'coap-client -> clinicd: wrong identities refused', client_refused(tls)) for tls, name in TLS.items()),
]
