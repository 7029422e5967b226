"""peers.py - other people's stores behind one face: a program on loopback that acknowledges readings and keeps them.

Each peer takes a numbered reading of 100 bytes and says when it has it; nobody fetches, so all of it queues. After a
restart on the same folder it is asked for what it has. What 'acknowledged' is for each:

  mosquitto   PUBACK for QoS 1, to a topic that an absent subscriber with a persistent session has
  rsyslog     the RELP response, with its collector absent
  redis       the reply to RPUSH
  nats        the JetStream publish acknowledgement
"""
import base64
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from ports import free_tcp_port  # noqa: E402

READING_BYTES = 100
LIMIT_S = 20


def reading(number):
    """100 bytes that name their number; text, because some peers keep lines."""
    return f'reading {number:08d} '.ljust(READING_BYTES, 'x').encode()


def number_of(octets):
    """The number of a whole reading, or None."""
    found = re.match(rb'reading (\d{8}) x+\Z', octets)
    return int(found[1]) if found and len(octets) == READING_BYTES else None


class Wire:
    """A connection with a buffer for what has come and is not asked for yet."""

    def __init__(self, port, process):
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                self.socket = socket.create_connection(('127.0.0.1', port), LIMIT_S)
                break
            except ConnectionError:
                if process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.005)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def send(self, octets):
        """All of it."""
        self.socket.sendall(octets)

    def more(self):
        """Wait for the next octets."""
        # else an answer in parts waits 40 ms for our kernel's acknowledgement of the first part
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        got = self.socket.recv(1 << 16)
        if not got:
            raise ConnectionError('the peer has closed')
        self.buffer += got

    def take(self, count):
        """Exactly so many octets."""
        while len(self.buffer) < count:
            self.more()
        got, self.buffer = self.buffer[:count], self.buffer[count:]
        return got

    def line(self):
        """Up to and without CR LF or LF."""
        while b'\n' not in self.buffer:
            self.more()
        got, self.buffer = self.buffer.split(b'\n', 1)
        return got.rstrip(b'\r')

    def close(self):
        """Give it back."""
        self.socket.close()


class Peer:
    """One program with one way to be set up; the subclasses know what it speaks."""

    name, program, note = '', '', ''

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()  # its data; nothing else lies there
        self.process = self.wire = None
        self.folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def path(cls):
        """Where the program is, or None."""
        return shutil.which(cls.program) or shutil.which('/usr/sbin/' + cls.program)

    def side(self, suffix):
        """A file beside the data."""
        return self.folder.with_name(self.folder.name + suffix)

    def command(self):
        """Writes the settings; returns the command line."""
        raise NotImplementedError

    def start(self, before=()):
        """Run it, under 'before' if that is given."""
        self.port = free_tcp_port()
        with open(self.side('.log'), 'ab') as log:
            self.process = subprocess.Popen([*before, *map(str, self.command())], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    def main_pid(self):
        """The program's own process: the child of whatever it was started under."""
        children = pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children')
        if pathlib.Path(f'/proc/{self.process.pid}/comm').read_text().startswith('strace'):
            return int(children.read_text().split()[0])
        return self.process.pid

    def stop(self, sign=15):
        """End it: 15 in peace, 9 at once."""
        if self.wire:
            self.wire.close()
            self.wire = None
        if self.process.poll() is None:
            os.kill(self.main_pid(), sign)
            self.process.wait(LIMIT_S)

    def prepare(self):
        """What must be on its disk before the first reading; the program runs, and may be ended here."""

    def attach(self):
        """The connection over which 'offer' goes."""

    def offer(self, numbers):
        """Readings at once; returns when each is acknowledged."""
        raise NotImplementedError

    def found(self):
        """The numbers that it delivers, one for each delivery."""
        raise NotImplementedError


# --- mosquitto ----------------------------------------------------------------------------------

def mqtt_text(text):
    """A string with its length."""
    return len(text).to_bytes(2, 'big') + text.encode()


def mqtt_packet(head, body):
    """Head octet, length, body."""
    n, length = len(body), b''
    while True:
        n, low = n >> 7, n & 127
        length += bytes([low | (128 if n else 0)])
        if not n:
            return bytes([head]) + length + body


class Mosquitto(Peer):
    """Its in-memory database is written as a whole now and then."""

    name, program, note = 'mosquitto', 'mosquitto', 'persistence true, else as it comes (autosave 30 min)'
    settings = ''

    def command(self):
        conf = self.side('.conf')
        conf.write_text(f'listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n'
                        f'persistence_location {self.folder}/\nmax_queued_messages 0\n{self.settings}'
                        'max_inflight_messages 0\nset_tcp_nodelay true\n')
        return [self.path(), '-c', conf]

    def connect(self, client, clean):
        """A session."""
        wire = Wire(self.port, self.process)
        wire.send(mqtt_packet(0x10, mqtt_text('MQTT') + bytes([4, 2 if clean else 0, 0, 0]) + mqtt_text(client)))
        self.packet(wire)
        return wire

    @staticmethod
    def packet(wire):
        """The next packet: head octet and body."""
        head, shift, length = wire.take(1)[0], 0, 0
        while True:
            octet = wire.take(1)[0]
            length |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return head, wire.take(length)

    def prepare(self):
        wire = self.connect('clinic', False)
        wire.send(mqtt_packet(0x82, b'\0\1' + mqtt_text('r') + b'\1'))
        self.packet(wire)
        wire.send(b'\xe0\0')
        wire.close()

    def attach(self):
        self.wire = self.connect('hub', True)

    def offer(self, numbers):
        self.wire.send(b''.join(mqtt_packet(0x32, mqtt_text('r') + (n % 65535 + 1).to_bytes(2, 'big') + reading(n))
                                for n in numbers))
        for _ in numbers:
            head, _ = self.packet(self.wire)
            assert head == 0x40, head

    def found(self):
        wire, numbers = self.connect('clinic', False), []
        wire.send(b'\xc0\0')  # the answer comes behind what was queued
        while True:
            head, body = self.packet(wire)
            if head == 0xd0:
                break
            if head & 0xf0 == 0x30:
                numbers.append(number_of(body[5:]))
        wire.close()
        return numbers


class MosquittoTuned(Mosquitto):
    """As often as it can be told to."""

    name, note = 'mosquitto-tuned', 'autosave_on_changes true, autosave_interval 1: the whole database after each change'
    settings = 'autosave_on_changes true\nautosave_interval 1\n'


# --- rsyslog ------------------------------------------------------------------------------------

class Rsyslog(Peer):
    """Store and forward with acknowledgements: RELP in, a queue on disk, a collector that is away."""

    name, program = 'rsyslog', 'rsyslogd'
    note = 'RELP in, queue.type="Disk", else as it comes'
    settings = ''

    def command(self):
        conf, self.collector = self.side('.conf'), getattr(self, 'collector', None) or free_tcp_port()
        conf.write_text(f'''global(workDirectory="{self.folder}")
module(load="imrelp")
template(name="bare" type="string" string="%rawmsg%\\n")
ruleset(name="keep" queue.type="Disk" queue.filename="q" queue.maxDiskSpace="1g" queue.saveOnShutdown="on"
        {self.settings}) {{
  action(type="omfwd" target="127.0.0.1" port="{self.collector}" protocol="tcp" template="bare"
         action.resumeRetryCount="-1" action.resumeInterval="1")
}}
input(type="imrelp" port="{self.port}" address="127.0.0.1" ruleset="keep")
''')
        return [self.path(), '-n', '-f', conf, '-i', self.side('.pid')]

    def start(self, before=()):
        """Its pid file would keep the next one from starting after a kill."""
        self.side('.pid').unlink(missing_ok=True)
        super().start(before)

    def response(self):
        """One RELP answer: number, command, length, text."""
        while True:
            head = b''
            while head.count(b' ') < 3 and not head.endswith(b'\n'):
                head += self.wire.take(1)
            number, _, length = head.split()[:3]
            text = self.wire.take(int(length) + (0 if head.endswith(b'\n') else 1))
            if number != b'0':
                assert text.startswith(b'200'), text
                return

    def attach(self):
        self.wire, self.serial = Wire(self.port, self.process), 1
        offer = b'relp_version=0\nrelp_software=bench\ncommands=syslog'
        self.wire.send(b'1 open %d %s\n' % (len(offer), offer))
        self.response()

    def offer(self, numbers):
        frames = []
        for n in numbers:
            self.serial = self.serial % 999999999 + 1
            frames.append(b'%d syslog %d %s\n' % (self.serial, READING_BYTES, reading(n)))
        self.wire.send(b''.join(frames))
        for _ in numbers:
            self.response()

    def found(self):
        """The collector is there again; what comes until nothing has come for a while."""
        numbers, rest = [], b''
        with socket.create_server(('127.0.0.1', self.collector)) as server:
            server.settimeout(0.8)
            try:
                connection, _ = server.accept()
            except TimeoutError:
                return numbers
            with connection:
                while select.select([connection], [], [], 0.4)[0]:
                    got = connection.recv(1 << 16)
                    if not got:
                        break
                    *lines, rest = (rest + got).split(b'\n')
                    numbers += [number_of(line) for line in lines]
        return numbers


class RsyslogTuned(Rsyslog):
    """As safe as its manual says it can be."""

    name = 'rsyslog-tuned'
    note = 'queue.syncQueueFiles="on", queue.checkpointInterval="1"'
    settings = 'queue.syncQueueFiles="on" queue.checkpointInterval="1"'


# --- redis --------------------------------------------------------------------------------------

class Redis(Peer):
    """All in memory, with a log of commands."""

    name, program, note = 'redis', 'redis-server', 'appendonly yes, else as it comes (sync each second)'
    settings = ()

    def command(self):
        return [self.path(), '--port', self.port, '--bind', '127.0.0.1', '--dir', self.folder, '--appendonly', 'yes',
                '--daemonize', 'no', '--save', '', *self.settings]

    def attach(self):
        self.wire = Wire(self.port, self.process)
        while True:
            self.wire.send(b'PING\r\n')
            if self.wire.line() == b'+PONG':  # else it is still loading
                return
            time.sleep(0.005)

    def offer(self, numbers):
        self.wire.send(b''.join(b'*3\r\n$5\r\nRPUSH\r\n$1\r\nq\r\n$100\r\n' + reading(n) + b'\r\n' for n in numbers))
        for _ in numbers:
            answer = self.wire.line()
            assert answer.startswith(b':'), answer

    def found(self):
        self.attach()
        self.wire.send(b'LRANGE q 0 -1\r\n')
        count = int(self.wire.line()[1:])
        return [number_of(self.wire.take(int(self.wire.line()[1:]) + 2)[:-2]) for _ in range(count)]


class RedisTuned(Redis):
    """Synced before each reply."""

    name, note, settings = 'redis-tuned', 'appendfsync always', ('--appendfsync', 'always')


# --- nats ---------------------------------------------------------------------------------------

class Nats(Peer):
    """JetStream's file store."""

    name, program, note = 'nats', 'nats-server', 'JetStream, storage file, as it comes (sync each 2 min)'

    def command(self):
        conf = self.side('.conf')
        conf.write_text(f'listen: 127.0.0.1:{self.port}\njetstream {{ store_dir: "{self.folder}" }}\n')
        return [self.path(), '-c', conf]

    def next(self):
        """The payload of the next message to us."""
        while True:
            line = self.wire.line()
            if line == b'PING':
                self.wire.send(b'PONG\r\n')
            elif line.startswith(b'MSG '):
                return self.wire.take(int(line.split()[-1]) + 2)[:-2]
            elif line.startswith(b'-ERR'):
                raise AssertionError(line)

    def ask(self, subject, payload):
        """A request and its answer."""
        self.wire.send(b'PUB %s in.1 %d\r\n%s\r\n' % (subject, len(payload), payload))
        return json.loads(self.next())

    def attach(self):
        self.wire = Wire(self.port, self.process)
        self.wire.line()
        self.wire.send(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB in.* 1\r\n')

    def prepare(self):
        self.attach()
        while True:
            made = self.ask(b'$JS.API.STREAM.CREATE.S', b'{"name":"S","subjects":["r"],"storage":"file"}')
            if 'error' not in made:
                return
            time.sleep(0.05)

    def offer(self, numbers):
        self.wire.send(b''.join(b'PUB r in.2 100\r\n' + reading(n) + b'\r\n' for n in numbers))
        for _ in numbers:
            answer = self.next()
            assert b'"error"' not in answer, answer

    def found(self):
        self.attach()
        info = self.ask(b'$JS.API.STREAM.INFO.S', b'')
        if 'state' not in info:
            return []
        numbers = []
        for seq in range(info['state']['first_seq'], info['state']['last_seq'] + 1):
            got = self.ask(b'$JS.API.STREAM.MSG.GET.S', json.dumps({'seq': seq}).encode())
            if 'message' in got:
                numbers.append(number_of(base64.b64decode(got['message']['data'])))
        return numbers


PEERS = (Mosquitto, MosquittoTuned, Rsyslog, RsyslogTuned, Redis, RedisTuned, Nats)
