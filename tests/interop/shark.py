"""tshark as a reader of what goes over the wire: handshakes and records of both profiles, nothing malformed."""
import subprocess

from californium import Server, delivered
from cases import Case, need, same
from home import DTLS12, DTLS13, LIMIT_S, Home
from ways import Way

CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = '1', '2', '11'
CONNECTION_ID, SUPPORTED_VERSIONS, EXTENDED_MASTER_SECRET, SNI = '54', '43', '23', '0'
SUITE_13, SUITE_12 = '0x1301', '0xc02b'
TLS12_CID = '25'
# Random of a HelloRetryRequest (RFC 8446, 4.1.3). tshark 4.0 takes one over DTLS for a ServerHello, whose key_share would
# be longer, and calls it malformed.
RETRY = 'cf:21:ad:74:e5:9a:61:11:be:1d:8c:02:1e:65:b8:91:c2:a2:11:16:7a:bb:8c:5e:07:9e:09:e2:c8:a8:33:9c'


def version():
    """Of tshark."""
    return subprocess.run(['tshark', '--version'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=True).stdout.split()[2]


PEER = f'tshark {version()}'


def look(path, port, *fields, only='dtls'):
    """Rows of a capture: the fields of each packet that `only` selects, each as a list of values."""
    argv = ['tshark', '-n', '-r', path, '-d', f'udp.port=={port},dtls', '-Y', only, '-T', 'fields', '-E', 'occurrence=a',
            '-E', 'aggregator=;']
    for field in fields:
        argv += ['-e', field]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=LIMIT_S)
    need(done.returncode == 0, done.stderr)
    return [[cell.split(';') if cell else [] for cell in line.split('\t')] for line in done.stdout.splitlines()]


def hello(path, port, kind):
    """(suites, extensions) of the last hello of this kind, and the versions that it lists."""
    rows = look(path, port, 'dtls.handshake.ciphersuite', 'dtls.handshake.extension.type',
                'dtls.handshake.extensions.supported_version', only=f'dtls.handshake.type == {kind}')
    need(rows, f'no hello of kind {kind}')
    return rows[-1]


def check(path, port):
    """Everything is DTLS, and nothing in it is malformed; returns how many packets."""
    packets = look(path, port, 'frame.number', only='udp')
    same(len(look(path, port, 'frame.number')), len(packets), 'packets that are DTLS')
    bad = look(path, port, 'frame.number', '_ws.expert.message', only=(
        f'(_ws.malformed or _ws.expert.severity == error) and not dtls.handshake.random == {RETRY}'))
    same(bad, [], 'malformed packets')
    return len(packets)


def dtls12(env):
    """hub-coap to Californium."""
    with Home(env.build, env.folder / 'shark12') as home:
        server, path = Server(env, home), home.folder / 'dtls12.pcap'
        with Way(('127.0.0.1', server.port), record=path) as way:
            home.call(way.port, DTLS12)
            home.start_hub()
            for _ in range(3):
                home.measure(2)
                delivered(home, server)
        server.stop()
        packets = check(path, way.port)
        suites, extensions, versions = hello(path, way.port, CLIENT_HELLO)
        same(suites, [SUITE_12], 'suites offered')
        same(versions, [], 'other versions offered')
        need({CONNECTION_ID, EXTENDED_MASTER_SECRET, SNI} <= set(extensions), f'extensions {extensions}')
        suites, extensions, _ = hello(path, way.port, SERVER_HELLO)
        same(suites, [SUITE_12], 'suite taken')
        need({CONNECTION_ID, EXTENDED_MASTER_SECRET} <= set(extensions), f'extensions {extensions}')
        same(len(look(path, way.port, 'frame.number', only=f'dtls.handshake.type == {CERTIFICATE}')), 2, 'certificates')
        records = look(path, way.port, 'dtls.record.connection_id', only=f'dtls.record.special_type == {TLS12_CID}')
        need(len(records) >= 4, f'{len(records)} records with Connection ID')
        return f'{packets} packets, {len(records)} with Connection ID records, none malformed'


def dtls13(env):
    """hub-coap to clinicd."""
    with Home(env.build, env.folder / 'shark13') as home:
        home.start_clinicd(DTLS13)
        path = home.folder / 'dtls13.pcap'
        with Way(('127.0.0.1', home.port), record=path) as way:
            home.call(way.port, DTLS13)
            home.start_hub()
            for _ in range(3):
                home.measure(2)
                home.wait('everything is delivered', lambda: (
                    home.delivered() and len(home.readings()) == len(home.measured)))
        packets = check(path, way.port)
        suites, extensions, versions = hello(path, way.port, CLIENT_HELLO)
        same((suites, versions), ([SUITE_13], ['0xfefc']), 'suite and version offered')
        need({CONNECTION_ID, SUPPORTED_VERSIONS, SNI} <= set(extensions), f'extensions {extensions}')
        suites, extensions, versions = hello(path, way.port, SERVER_HELLO)
        same((suites, versions), ([SUITE_13], ['0xfefc']), 'suite and version taken')
        need(CONNECTION_ID in extensions, f'extensions {extensions}')
        same(look(path, way.port, 'frame.number', only=f'dtls.handshake.type == {CERTIFICATE}'), [],
             'certificates in clear')
        return f'{packets} packets, no certificate in clear, none malformed'


CASES = [
    Case(PEER, 'hub -> Californium: DTLS 1.2 as it should be', dtls12),
    Case(PEER, 'hub -> clinicd: DTLS 1.3 as it should be', dtls13),
]
