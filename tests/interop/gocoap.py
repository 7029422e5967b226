"""go-coap 3.4.0 on pion's DTLS 3.0.6 (Go), both ways; profile dtls12-cid."""
import contextlib
import pathlib

import formats
from californium import Batches, foreign_hub, longest, refused_by_hub, systolics
from cases import Case, check_readings, need, same
from home import DTLS12, NAME, Home, Talker
from libcoap import Server, deliver, handshakes
from ways import Way

PEER = 'go-coap 3.4.0, pion 3.0.6'


def program(env):
    """The program, or None: this machine has no Go, or too old a one."""
    return env.gocoap / 'gocoap' if env.gocoap != pathlib.Path() else None


class GoServer(Server):
    """go-coap as the clinic; the same lines as libcoap's, without a name."""

    def __init__(self, env, home, root=None):
        Talker.__init__(self, [program(env), 'server', home.server_pem, root or home.root_pem], home.folder / 'go.log')
        self.begin(home, None)


def upload(env):
    """Real batches; the hub's port changes: no new handshake."""
    with Home(env.build, env.folder / 'go-upload') as home:
        server = GoServer(env, home)
        with Way(('127.0.0.1', server.port)) as path:
            home.call(path.port, DTLS12)
            home.start_hub()
            home.measure_long()
            for _ in range(4):
                deliver(home, server, 8)
                path.rebind()
            deliver(home, server, 8)
            times = check_readings(home, server.uploads)
            same(handshakes(home), 1, 'connections')
            same(home.programs['hub-coap'].said('uplink-no-cid'), False, 'no Connection ID')
            server.stop()
            return f'{path.rebinds} new ports, 1 handshake, {len(times)} records{longest(server.uploads)}'


def hub_refused(env):
    """The server trusts another root: nothing is uploaded, the hub goes on saving."""
    with Home(env.build, env.folder / 'go-refused') as home:
        server = GoServer(env, home, root=Home(env.build, home.folder / 'other').root_pem)
        home.call(server.port, DTLS12)
        refused_by_hub(home, server, 'handshake')
        return 'alert understood, hub goes on saving'


@contextlib.contextmanager
def client(env, home, port, pem=None, root=None, name=NAME):
    """go-coap as the hub."""
    talker = Talker([program(env), 'client', pem or home.hub_pem, root or home.root_pem, port, name],
                    home.folder / 'go.log')
    try:
        yield talker
    finally:
        talker.stop()


def client_upload(env):
    """Batches to clinicd, over a path that changes the port; other requests."""
    with Home(env.build, env.folder / 'go-client') as home:
        home.start_clinicd(DTLS12)
        with Way(('127.0.0.1', home.port)) as path, client(env, home, path.port) as go:
            batches = Batches(home)
            for _ in range(5):
                data = formats.sign1('hub/v1/batch', batches.next(2).encode(), home.sign)
                answer = go.ask(f'POST /u {data.hex()}')
                same(answer.get('code'), 204, f'answer {answer}')
                same(formats.read_reply(bytes.fromhex(answer['body'])).contig, batches.seq, 'contig')
                path.rebind()
            for line, want in (('POST /u 00', 400), ('POST /x 00', 404), ('PUT /u 00', 405), ('GET /u -', 405)):
                same(go.ask(line).get('code'), want, line)
            same(systolics(home), [100 + n for n in range(1, batches.seq + 1)], 'systolics')
            return f'{path.rebinds} new ports, {batches.seq} readings; 4.00, 4.04, 4.05'


def client_refused(env):
    """A key without a row, a certificate of another root; a server of another root or name."""
    with Home(env.build, env.folder / 'go-client-refused') as home:
        other, seen = Home(env.build, home.folder / 'other'), []
        home.start_clinicd(DTLS12)
        data = formats.sign1('hub/v1/batch', Batches(home).next(1).encode(), home.sign).hex()
        for options in (dict(pem=foreign_hub(home)), dict(pem=other.hub_pem), dict(root=other.root_pem),
                        dict(name='other.example')):
            with client(env, home, home.port, **options) as go:
                # it may hold itself for connected before the server has looked
                answer = go.ask(f'POST /u {data}')
                need('error' in answer, f'{options}: {answer}')
                seen.append(answer['error'].rpartition(': ')[2])
        same(home.readings(), [], 'readings')
        with client(env, home, home.port) as go:
            same(go.ask(f'POST /u {data}').get('code'), 204, 'the right one is taken afterwards')
        return '; '.join(seen)


CASES = [Case(PEER, 'hub -> server: batches, NAT rebinding', upload),
         Case(PEER, 'hub -> server: hub of another root refused', hub_refused),
         Case(PEER, 'client -> clinicd: batches, NAT rebinding', client_upload),
         Case(PEER, 'client -> clinicd: wrong identities refused', client_refused)]
