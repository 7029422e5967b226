"""Californium 3.14.0 (Java) with its own DTLS, both ways; profile dtls12-cid."""
import contextlib
import dataclasses
import shutil
import time

import formats
from cases import Case, all_there, check_acked, check_readings, need, read_uploads, same
from home import DTLS12, NAME, Home, Talker, pin_of
from ways import Way

PEER = 'Californium 3.14.0'


class Server(Talker):
    """Californium as the clinic."""

    def __init__(self, env, home, *options, pem=None, pin=None):
        super().__init__(env.java('Server') + ['--pem', pem or home.server_pem, '--root', home.root_pem, '--sign',
                                               home.sign_point, '--pin', pin or pin_of(
                                                   home.bundle / 'coap' / 'identity.crt').hex(), *options],
                         home.folder / 'californium.log')
        self.port = self.next()['port']

    def uploads(self):
        """What came so far, octet strings."""
        bad = [u for u in self.drain() if 'error' in u]
        need(not bad, f'Californium refused: {bad}')
        return [bytes.fromhex(u['bytes']) for u in self.lines if 'bytes' in u]

    def handshakes(self):
        """Times it has seen a certificate."""
        self.drain()
        self.tell('stats')
        line = self.next()
        while 'requests' not in line:
            line = self.next()
        return line['handshakes']


@contextlib.contextmanager
def hub_and_server(env, name, *options, loss=0.0, way=False):
    """A hub whose clinic is Californium, behind a path if wanted: (home, server, way)."""
    with Home(env.build, env.folder / name) as home:
        server = Server(env, home, *options)
        path = Way(('127.0.0.1', server.port), loss) if way or loss else None
        try:
            home.call(path.port if path else server.port, DTLS12)
            yield home, server, path
        finally:
            server.stop()
            if path:
                path.close()


def delivered(home, server):
    """Wait until Californium has every reading and the hub knows it."""
    home.wait('everything is delivered', lambda: all_there(home, server.uploads()))


def check_transport(server, handshakes=1):
    """Each request came as the profile says."""
    for u in (u for u in server.drain() if 'bytes' in u):
        same(u['cipher'], 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'suite')
        need(u['cid'] and u['ems'], f'no Connection ID or extended master secret: {u}')
        same((u['type'], u['format']), ('CON', 18), 'type and content format')
    same(server.handshakes(), handshakes, 'handshakes')


def longest(uploads):
    """How long they are at most, as it must be."""
    most = max(map(len, uploads))
    need(1024 < most <= 1184, f'{most} octets')
    return f' of up to {most} octets'


def upload(env):
    """Real batches; two numbers are not acknowledged at first: exactly those come again."""
    with hub_and_server(env, 'cal-upload') as (home, server, _):
        server.tell('withhold 3')
        server.tell('withhold 17')
        home.start_hub()
        home.measure(39)
        home.measure(1, alarm=True)
        home.measure_long()
        delivered(home, server)
        check_transport(server)
        times = check_readings(home, server.uploads())
        same({seq for seq, n in times.items() if n != 1}, {3, 17}, 'numbers that came again')
        check_acked(home, server.uploads(), (3, 17))

        def last():
            return read_uploads(home, server.uploads())[-1]
        home.wait('a heartbeat that knows of no reading', lambda: (last().queued, last().acked) == (0, last().highest))
        return f'{len(server.uploads())} uploads{longest(server.uploads())}, {len(times)} records, the queue is empty, 2 sent again as told'


def rebind(env):
    """The NAT box gives the hub another port, four times: no new handshake, nothing lost, nothing twice."""
    with hub_and_server(env, 'cal-rebind', way=True) as (home, server, path):
        home.start_hub()
        for _ in range(5):
            home.measure(4)
            delivered(home, server)
            path.rebind()
        home.measure(4)
        delivered(home, server)
        check_transport(server)
        times = check_readings(home, server.uploads())
        ports = {u['from'] for u in server.lines if 'bytes' in u}
        need(len(ports) >= 4, f'ports {ports}')
        return f'{len(ports)} ports, 1 handshake, {len(times)} records'


def loss(env):
    """5 % of all datagrams are lost, each way."""
    with hub_and_server(env, 'cal-loss', loss=0.05) as (home, server, path):
        home.start_hub()
        for _ in range(8):
            home.measure(15)
            delivered(home, server)
        times = check_readings(home, server.uploads())
        need(path.lost > 0, 'nothing was lost')
        again = sum(n - 1 for n in times.values())
        return f'{path.lost} of {path.lost + path.carried} datagrams lost, {len(times)} records, {again} of them twice'


def separate(env):
    """An empty acknowledgement first, the answer in a message of its own."""
    with hub_and_server(env, 'cal-separate') as (home, server, _):
        server.tell('separate on')
        home.start_hub()
        home.measure(12)
        delivered(home, server)
        check_transport(server)
        times = check_readings(home, server.uploads())
        same({n for n in times.values()}, {1}, 'times that each number came')
        return f'{len(times)} records'


def our_replies(env):
    """Replies made by the second encoder, with keys that the hub has to skip; the first reading's has no contig and
    names everything as a range: that acknowledges nothing, so the reading comes again."""
    with hub_and_server(env, 'cal-replies') as (home, server, _):
        durable, useless, answered = set(), [], 0

        def answer():
            nonlocal answered
            for line in [u for u in server.drain() if 'bytes' in u][answered:]:
                u = formats.read_upload(bytes.fromhex(line['bytes']), home.sign_public)
                if u.seqs and not useless:
                    useless.append(u)
                    body = formats.cbor2.dumps({2: [[1, u.highest]]})
                else:
                    durable.update(u.seqs)
                    body = formats.reply(durable, (int(time.time() * 1000), 2), k40=['x', {1: b'y'}], k41=None)
                server.tell(f'answer {line["id"]} {body.hex()}')
                answered += 1

        server.tell('ask on')
        home.start_hub()
        home.measure(10)
        home.wait('everything is delivered', lambda: answer() or all_there(home, server.uploads()))
        times = check_readings(home, server.uploads())
        same({seq for seq, n in times.items() if n != 1}, set(useless[0].seqs), 'numbers that came again')
        return f'{answered} replies of cbor2; the one without contig acknowledged nothing'


def refused_by_hub(home, server, incident):
    """The hub tells this incident, uploads nothing and goes on saving."""
    home.start_hub()
    home.programs['hub-coap'].wait_said(f'uplink-incident what="{incident}"')
    home.measure(2)
    home.wait('a light that says saved', lambda: home.light() == 'saved')
    same(server.drain()[1:], [], 'what the server saw')
    server.stop()
    need(not home.programs['hub-coap'].said('uplink-up'), 'connected?')


def wrong_server(env):
    """Californium with another key, with another name, and with a certificate of another root: the hub sends nothing."""
    for i, (what, incident) in enumerate((('pin', 'server-identity'), ('name', 'server-identity'),
                                          ('root', 'handshake'))):
        with Home(env.build, env.folder / f'cal-wrong-{i}') as home:
            other = Home(env.build, home.folder / 'other')
            server = Server(env, home, pem=other.server_pem if what == 'root' else None)
            home.call(server.port, DTLS12, pin=dict(pin=bytes(32), root=pin_of(other.clinic / 'server.crt')).get(what),
                      name=f'x{NAME}' if what == 'name' else None)
            refused_by_hub(home, server, incident)
    return 'other pin, other name, other root refused'


def wrong_hub(env):
    """The hub's key is not the one that Californium has pinned: no request is answered."""
    with Home(env.build, env.folder / 'cal-wrong-hub') as home:
        server = Server(env, home, pin='00' * 32)
        home.call(server.port, DTLS12)
        refused_by_hub(home, server, 'handshake')
        return 'alert understood, hub goes on saving'


# --- Californium as the hub ------------------------------------------------------------------------


class Client(Talker):
    """Californium as the hub."""

    def __init__(self, env, home, port, pem=None, pin=None, root=None, name=NAME, cid=4):
        super().__init__(env.java('Client') + ['--to', port, '--name', name, '--pem', pem or home.hub_pem, '--root',
                                               root or home.root_pem, '--sign', home.sign_scalar, '--cid', cid,
                                               '--pin', pin or pin_of(home.clinic / 'server.crt').hex()],
                         home.folder / 'californium.log')


class Batches:
    """Uploads made by the second encoder."""

    def __init__(self, home):
        self.home, self.seq, self.acked = home, 0, 0

    def next(self, count, flags=0):
        """Payload with so many further readings."""
        home, records = self.home, []
        for _ in range(count):
            self.seq += 1
            raw = bytes([0, 100 + self.seq, 0, 70, 0, 80, 0])
            body = formats.body_bp(raw, [(1, 1, 100 + self.seq, 0), (2, 1, 70, 0)], int(time.time() * 1000))
            records.append(formats.seal(body, formats.Record(1, self.seq, formats.ROUTINE, formats.KIND_BP, b''),
                                        home.hub_id, 1, home.seal_id, home.seal_public))
        return formats.Upload(home.hub_id, 1, self.acked, flags, count, self.seq, tuple(records))


def take(client, upload, code='2.04'):
    """One upload and its answer, read."""
    line = client.ask(f'post {upload.encode().hex()}')
    same(line.get('code'), code, f'answer {line}')
    if code != '2.04':
        return line
    same(line['format'], 60, 'content format')
    return formats.read_reply(bytes.fromhex(line['body']))


@contextlib.contextmanager
def clinic_and_client(env, name, loss=0.0, way=False):
    """The real clinicd, and Californium as a hub: (home, client, way)."""
    with Home(env.build, env.folder / name) as home:
        home.start_clinicd(DTLS12)
        path = Way(('127.0.0.1', home.port), loss) if way or loss else None
        client = Client(env, home, path.port if path else home.port)
        try:
            yield home, client, path
        finally:
            client.stop()
            if path:
                path.close()


def systolics(home):
    """What the clinic opened: the systolic of each reading, in order."""
    return [int(v['value']) for r in home.readings() for v in r['values'] if v['name'] == 'systolic']


def client_upload(env):
    """Batches of the second encoder, signed and sent by Java: stored, opened by clinicctl; duplicates; refusals."""
    with clinic_and_client(env, 'cal-client') as (home, client, _):
        batches = Batches(home)
        first = batches.next(3, formats.FLAG_WANT_TIME)
        reply = take(client, first)
        same((reply.contig, reply.ranges), (3, []), 'reply')
        need(abs(reply.time[0] - time.time() * 1000) < 60_000, f'time {reply.time}')
        line = client.lines[-1]
        need(line['cid'] and line['peer_cid'] and line['ems'] and line['piggybacked'], f'transport: {line}')
        same(take(client, first).contig, 3, 'the same again')
        batches.next(2)  # these do not come
        reply = take(client, batches.next(2))
        same((reply.contig, reply.ranges), (3, [[6, 7]]), 'reply over a hole')
        same(systolics(home), [101, 102, 103, 106, 107], 'systolics')
        odd = dataclasses.replace(batches.next(1), hub=bytes(16))
        same(take(client, odd, '4.03')['body'], '', 'a batch of another hub')
        same(client.ask('send POST u 83010203')['code'], '4.00', 'no COSE_Sign1')
        same(client.ask('send POST x 83010203')['code'], '4.04', 'no such resource')
        same(client.ask('send GET u ')['code'], '4.05', 'GET')
        same(client.ask(f'send POST u {"00" * 1300}')['code'], '4.13', 'in blocks')
        same(client.lines[-1]['handshakes'], 1, 'handshakes')
        return '5 readings opened, duplicate, hole; 4.00, 4.03, 4.04, 4.05, 4.13'


def client_rebind(env):
    """The port of the foreign hub changes between uploads: clinicd answers on, without a new handshake."""
    with clinic_and_client(env, 'cal-client-rebind', way=True) as (home, client, path):
        batches = Batches(home)
        for _ in range(6):
            same(take(client, batches.next(2)).contig, batches.seq, 'contig')
            path.rebind()
        same(take(client, batches.next(2)).contig, batches.seq, 'contig')
        same(client.lines[-1]['handshakes'], 1, 'handshakes')
        same(systolics(home), [100 + n for n in range(1, batches.seq + 1)], 'systolics')
        return f'{path.rebinds} ports, 1 handshake, {batches.seq} readings'


def client_loss(env):
    """5 % of all datagrams are lost, each way."""
    with clinic_and_client(env, 'cal-client-loss', loss=0.05) as (home, client, path):
        batches = Batches(home)
        for _ in range(40):
            same(take(client, batches.next(1)).contig, batches.seq, 'contig')
        need(path.lost > 0, 'nothing was lost')
        same(systolics(home), [100 + n for n in range(1, batches.seq + 1)], 'systolics')
        return f'{path.lost} of {path.lost + path.carried} datagrams lost, {batches.seq} readings, each once'


def client_refused(env):
    """A key without a row, a certificate of another root, and servers that the client does not mean: each refused
    by the side that has to."""
    with Home(env.build, env.folder / 'cal-client-refused') as home:
        other = Home(env.build, home.folder / 'other')
        home.start_clinicd(DTLS12)
        seen = []
        for what, why, options in (('no row', 'fatal alert', dict(pem=foreign_hub(home))),
                                   ('other root', 'fatal alert', dict(pem=other.hub_pem)),
                                   ('other pin', 'not the pinned key', dict(pin='00' * 32)),
                                   ('other trust', 'could not be validated', dict(root=other.root_pem)),
                                   ('other name', "doesn't match", dict(name='other.example'))):
            client = Client(env, home, home.port, **options)
            line = client.ask(f'post {Batches(home).next(1).encode().hex()}')
            need('error' in line, f'{what}: {line}')
            seen.append((what, why, line['error'].rpartition('Exception: ')[2]))
            client.stop()
        bad = [(what, error) for what, why, error in seen if why.lower() not in error.lower()]
        need(not bad, f'refused, but why? {bad}')
        same(home.readings(), [], 'readings')
        return '; '.join(f'{what}: {error}' for what, _, error in seen)


def foreign_hub(home):
    """Key and certificate of a hub that the clinic's root has signed, but that has no row in its database."""
    twin = home.folder / 'twin'
    shutil.copytree(home.clinic, twin)
    home.ctl('hub', 'add', twin, 'other', '--out', home.folder / 'bundle2', '--device',
             'bp,F0:F1:F2:F3:F4:F6/random,passkey=123456,user=sole')
    path = home.folder / 'other.pem'
    path.write_bytes(b''.join((home.folder / 'bundle2' / 'coap' / f).read_bytes()
                              for f in ('identity.key', 'identity.crt')))
    return path


CASES = [
    Case(PEER, 'hub -> server: batches verified by Java, forgotten as acknowledged', upload),
    Case(PEER, 'hub -> server: NAT rebinding', rebind),
    Case(PEER, 'hub -> server: 5 % loss', loss),
    Case(PEER, 'hub -> server: separate responses', separate),
    Case(PEER, 'hub -> server: replies of a second encoder', our_replies),
    Case(PEER, 'hub -> server: wrong server refused', wrong_server),
    Case(PEER, 'hub -> server: hub refused', wrong_hub),
    Case(PEER, 'client -> clinicd: batches of a second encoder', client_upload),
    Case(PEER, 'client -> clinicd: NAT rebinding', client_rebind),
    Case(PEER, 'client -> clinicd: 5 % loss', client_loss),
    Case(PEER, 'client -> clinicd: wrong identities refused', client_refused),
]
