#!/usr/bin/python3
"""wire.py - IP bytes and packets for each reading: CoAP over DTLS as hub-coap does it, MQTT and HTTPS, side by side.

usage: wire.py FOLDER        FOLDER holds the programs; needs root and /dev/net/tun

All three go through tests/net/path.c, which counts every IP packet of both directions, acknowledgements of TCP included.
Mutual authentication with P-256 certificates everywhere, TLS 1.3 for the other two. The payloads are the same: 60 and
200 bytes, one reading sealed and signed, and a batch of those. `each` is a further message on a standing connection, a
while after the one before, as readings are; `set-up` is handshake, first message and close.

  coap13, coap12  hub-coap to coap/server, DTLS with connection ids; the answer names what is durable
  mqtt            paho to mosquitto, QoS 1, MQTT 3.1.1, topic of one letter
  https           one request on a persistent connection, with the headers that curl and Python's http.server send unasked
  lean            the same with no header that could be left out; nobody's default

The last rows are about time: 500 readings over a round trip of 100 ms.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / 'net'))

from figures import bench, note  # noqa: E402
from home import CLINIC, Home, Path, enter  # noqa: E402

NAME = 'clinic.test'
MQTT_PORT, HTTPS_PORT = 8883, 8443
PEERS = ('mqtt', 'https', 'lean')
KINDS = ('60', '200', 'one', 'many')
EACH = 12
PAUSE_S = 0.12  # longer than an acknowledgement is held back
DRAIN = 500


class Driven:
    """A child in the hub's namespace that does one thing for each line."""

    def __init__(self, path, argv):
        self.said = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen([str(a) for a in argv], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.said, preexec_fn=enter(path.spaces['hub']))
        self.words = self.process.stdout.readline().split()[1:]

    def tell(self, word):
        """Do it; returns what else it says."""
        self.process.stdin.write(word + '\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if answer[:1] != ['ok']:
            self.said.seek(0)
            raise SystemExit(f'wire.py: {self.process.args[0]}: {word}: {answer}: {self.said.read()[-600:]}')
        return answer[1:]

    def close(self):
        """End it."""
        self.process.stdin.close()
        self.process.wait(30)


def make_certificates(folder):
    """root, server and client, as PEM files; P-256."""
    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
    openssl('req', '-x509', *key, '-subj', '/CN=Root', '-keyout', 'root.key', '-out', 'root.crt')
    for name, extra in (('server', ['-addext', f'subjectAltName=DNS:{NAME}']), ('client', [])):
        openssl('req', '-x509', *key, '-CA', 'root.crt', '-CAkey', 'root.key', '-subj', f'/CN={name}', *extra,
                '-addext', 'basicConstraints=CA:FALSE', '-keyout', f'{name}.key', '-out', f'{name}.crt')


def start_servers(path, folder):
    """mosquitto and an HTTPS server in the clinic's namespace."""
    (folder / 'mosquitto.conf').write_text(
        f'listener {MQTT_PORT} {CLINIC}\nallow_anonymous true\nuser root\ntls_version tlsv1.3\n'
        f'cafile {folder}/root.crt\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key\n'
        'require_certificate true\nlog_type none\n')
    mosquitto = shutil.which('mosquitto') or '/usr/sbin/mosquitto'
    commands = ([mosquitto, '-c', folder / 'mosquitto.conf'],
                [sys.executable, HERE / 'wire_peers.py', 'server', folder])
    servers = [subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, preexec_fn=enter(path.spaces['clinic'])) for command in commands]
    sockets = pathlib.Path(f'/proc/{servers[0].pid}/net/tcp')
    for port in (MQTT_PORT, HTTPS_PORT):
        for _ in range(600):
            if re.search(rf':{port:04X} 00000000:0000 0A', sockets.read_text()):
                break
            time.sleep(0.05)
        else:
            raise SystemExit(f'wire.py: nobody listens on port {port}')
    return servers


class Total:
    """IP bytes and packets of both directions since it was made."""

    def __init__(self, path):
        self.path = path
        self.before = self._now()

    def _now(self):
        stats = self.path.stats()
        return [stats['up'][key] + stats['down'][key] for key in ('bytes', 'packets')]

    def read(self):
        """(bytes, packets)"""
        return [now - before for now, before in zip(self._now(), self.before)]


def measure(path, driven, per_request):
    """Set-up and each further one, per reading."""
    total = Total(path)
    driven.tell('connect')
    time.sleep(PAUSE_S)
    first = total.read()
    for _ in range(3):
        driven.tell('one')
        time.sleep(PAUSE_S)
    total = Total(path)
    for _ in range(EACH):
        driven.tell('one')
        time.sleep(PAUSE_S)
    each = [figure / EACH / per_request for figure in total.read()]
    total = Total(path)
    driven.tell('close')
    time.sleep(PAUSE_S)
    return {'set-up': [a + b for a, b in zip(first, total.read())], 'each': each}


def over_coap(path, build, version, kind):
    """One kind of request; returns figures, and the payload's length and number of readings."""
    driven = Driven(path, [build / 'tests/bench/bench_wire', path.spaces['clinic'], CLINIC, version, kind])
    length, readings = map(int, driven.words)
    try:
        return measure(path, driven, readings), length, readings
    finally:
        driven.close()


def over_peer(path, folder, peer, length, readings):
    """The same payload."""
    driven = Driven(path, [sys.executable, HERE / 'wire_peers.py', peer, folder, length])
    try:
        return measure(path, driven, readings)
    finally:
        driven.close()


def compare_bytes(path, build, folder):
    """All rows of bytes; returns the length of a sealed and signed reading."""
    sealed = 0
    for kind in KINDS:
        found = {}
        found['coap13'], length, readings = over_coap(path, build, '13', kind)
        found['coap12'] = over_coap(path, build, '12', kind)[0]
        for peer in PEERS:
            found[peer] = over_peer(path, folder, peer, length, readings)
        for who, figures in found.items():
            bench(f'wire-{who}-{kind}', figures['each'][0], 'B')
        note(f'wire-{kind}: {length} B of payload with {readings} reading{"s" if readings > 1 else ""} a message; packets '
             + ', '.join(f'{who} {figures["each"][1]:.2f}' for who, figures in found.items())
             + '; set-up, one message and close: '
             + ', '.join(f'{who} {figures["set-up"][0]} B in {figures["set-up"][1]}' for who, figures in found.items()))
        targets = {('coap13', 'mqtt', '60'): 0.75, ('coap13', 'https', '60'): 0.4}
        for us in ('coap13', 'coap12'):
            for peer in PEERS:
                target = targets.get((us, peer, kind))
                bench(f'wire-ratio-{us}-{peer}-{kind}', found[us]['each'][0] / found[peer]['each'][0], 'x',
                      *(['<=', target] if target else []))
        if kind == 'one':
            sealed = length
            single = found
    for us in ('coap13', 'coap12'):
        bench(f'wire-ratio-{us}-batch-to-mqtt-one', found[us]['each'][0] / single['mqtt']['each'][0], 'x')
    return sealed


def drain_hub(build, delay_ms, loss):
    """Readings that waited on a real hub, from the start of hub-coap; a second of it is the start itself."""
    home = Home(build, heartbeat=300)
    try:
        home.programs.remove(home.coap)
        home.give(DRAIN)
        home.path.set(delay=delay_ms, loss=loss)
        home.programs.append(home.coap)
        home.coap.look()
        home.wait('the connection', lambda: home.handshakes() > 0)
        start = time.monotonic()
        home.wait_all()
        took = time.monotonic() - start
        home.check()
        return DRAIN / took
    finally:
        home.close()


def drain_peer(path, folder, peer, length, delay_ms, loss):
    """The same number over a peer, with as many under way as it allows."""
    driven = Driven(path, [sys.executable, HERE / 'wire_peers.py', peer, folder, length])
    try:
        path.set(delay=delay_ms, loss=loss)
        driven.tell('connect')
        count = DRAIN if peer == 'mqtt' else DRAIN // 5  # https: one after the other
        return count / float(driven.tell(f'burst {count}')[0])
    finally:
        path.set(delay=0, loss=0)
        driven.close()


def compare_drains(path, build, folder, sealed):
    """Readings per second over a round trip of 100 ms."""
    for loss in (0, 5):
        bench(f'wire-drain-hub-loss-{loss}', drain_hub(build, 50, loss), 'readings/s')
        for peer in ('mqtt', 'https'):
            bench(f'wire-drain-{peer}-loss-{loss}', drain_peer(path, folder, peer, sealed, 50, loss), 'readings/s')
    note('wire-drain: the hub in batches, all stored and committed by clinicd; the others one reading a message, not stored')


def main():
    """All rows."""
    build = pathlib.Path(sys.argv[1]).resolve()
    try:
        path = Path(build)
    except SystemExit as why:
        if why.code != 77:
            raise
        note('wire: SKIP, needs /dev/net/tun and the right to make network namespaces')
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix='wire-'))
    servers = []
    try:
        make_certificates(folder)
        servers = start_servers(path, folder)
        sealed = compare_bytes(path, build, folder)
        compare_drains(path, build, folder, sealed)
    finally:
        for server in servers:
            server.kill()
            server.wait()
        path.close()
        shutil.rmtree(folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
