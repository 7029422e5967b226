"""A clinic and a hub of real programs on this machine, and what stands for hub-ble.

    with Home(build, folder) as home:
        home.call('127.0.0.1', port, DTLS12, pin)     # the hub's config, signed anew, names this server
        home.start_hub()                              # hubd, hub-store, hub-coap
        home.measure(5)                               # five readings; returns when hub-store has them
        home.wait('delivered', home.delivered)
"""
import json
import os
import pathlib
import queue
import socket
import struct
import subprocess
import sys
import threading
import time

import formats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from child import die_with_us, end  # noqa: E402
from ports import free_udp_port  # noqa: E402

DTLS13, DTLS12 = 1, 2
NAME = 'clinic.example'
LIMIT_S = 120
ADDRESS = bytes.fromhex('F0F1F2F3F4F5')
SYSTOLIC, DIASTOLIC, MMHG = 1, 2, 1
NAMED, BY_CODE = 57, 23
ASSIGNMENT = 1  # a hub's first
_MSG_RAW, _MSG_DECODED, _MSG_DURABLE = 0x10, 0x11, 0x19


def wait(what, condition, seconds=LIMIT_S, pump=None):
    """Wait for a condition; AssertionError with `what` if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'waited {seconds} s for {what}')
        if pump:
            pump()
        time.sleep(0.05)


class Program:
    """A process whose output goes into a file."""

    def __init__(self, argv, log, **options):
        self.log = pathlib.Path(log)
        with open(self.log, 'ab') as out:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            preexec_fn=die_with_us, **options)

    def said(self, text):
        """Is this text in what it has said so far?"""
        return text in self.log.read_text(errors='replace')

    def wait_said(self, text, seconds=LIMIT_S):
        """Wait until it is."""
        def look():
            if self.process.poll() is not None:
                raise AssertionError(f'{self.log.name} ended: {self.tail()}')
            return self.said(text)
        wait(f'{text!r} of {self.log.name}', look, seconds)

    def tail(self):
        """The end of what it said."""
        return self.log.read_text(errors='replace')[-600:]

    def stop(self):
        """End it in order; a program that does not is killed."""
        end(self.process, 10)


class Talker:
    """A peer that takes commands on standard input and says one JSON object a line."""

    def __init__(self, argv, log):
        self._log = open(log, 'ab')
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self._log, text=True, bufsize=1, preexec_fn=die_with_us)
        self._queue, self.lines = queue.Queue(), []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith('{'):
                self._queue.put(json.loads(line))
            else:
                self._log.write(line.encode())
        self._queue.put(None)

    def tell(self, command):
        """One command."""
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()

    def next(self, seconds=LIMIT_S):
        """The next thing it says; kept in `lines`, too."""
        try:
            line = self._queue.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f'{self._log.name} says nothing for {seconds} s') from None
        if line is None:
            raise AssertionError(f'{self._log.name} has ended: {pathlib.Path(self._log.name).read_text()[-600:]}')
        self.lines.append(line)
        return line

    def ask(self, command, seconds=LIMIT_S):
        """One command and what is said next."""
        self.tell(command)
        return self.next(seconds)

    def drain(self):
        """What was said since, all of it."""
        while not self._queue.empty():
            self.next()
        return self.lines

    def stop(self):
        """End it by its standard input."""
        try:
            self.process.stdin.close()
            self.process.wait(15)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self._thread.join(5)
        self._log.close()


class Ble:
    """Stands for hub-ble at hub-store's socket: offers blood pressure readings, one after the other."""

    def __init__(self, run_dir, wait_for):
        path = str(run_dir / 'store-ble')
        self._socket, self._wait = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), wait_for
        wait_for('hub-store listens', lambda: self._try(path))
        self._socket.settimeout(LIMIT_S)
        self._instance, self._capture = int.from_bytes(os.urandom(8), 'big'), 0

    def _try(self, path):
        try:
            self._socket.connect(path)
            return True
        except OSError:
            return False

    def offer(self, raw, values, alarm=False, full=False):
        """One reading, its values as (name, unit, mantissa, exponent[, code, unit's code]); full: with all numbers that
        a device may give; returns when hub-store has said that it is durable. Without a config it says no: again, then."""
        self._capture += 1
        captured = struct.pack('>16sQqIBhBBH', bytes(16), self._capture * 1000, 0, 0xFFFFFFFF, 0, 60, 4, 0, len(raw))
        as_it_came = (struct.pack('>BBQQIBH', 1, _MSG_RAW, self._instance, self._capture, ASSIGNMENT, 1, 0x2A35) +
                      struct.pack('>H6sB', 1, ADDRESS, 1) + captured + raw)
        packed = b''.join(struct.pack('>BBBibIH', name, unit, 0, mantissa, exponent, *(codes or (0, 0)))
                          for name, unit, mantissa, exponent, *codes in values)
        most = 0xFFFFFFFF if full else 0
        times = struct.pack('>B7sBBiBQ', 0, bytes(7), 0, 0, 0, full, most)
        rest = struct.pack('>BBBIBIBIIBIqIBIBB', full, 0, full, most, full, most, full, most, 0, 0, 0, 0, 0xFFFFFFFF, 2,
                           most, 4, 0)
        decoded = (struct.pack('>BBQBB', 1, _MSG_DECODED, self._capture, 2 if alarm else 1, len(values)) + packed +
                   times + rest)

        def stored():
            self._socket.send(as_it_came)
            self._socket.send(decoded)
            return self._answer()
        self._wait('hub-store takes a reading', stored)

    def _answer(self):
        while True:
            packet = self._socket.recv(4096)
            if not packet:
                raise AssertionError('hub-store hung up: it did not take our message')
            if packet[1] == _MSG_DURABLE:
                capture, durable = struct.unpack('>QB', packet[2:11])
                if capture == self._capture:
                    return bool(durable)

    def close(self):
        """Hang up."""
        self._socket.close()


class Home:
    """A clinic's folder, a hub's bundle, and the programs on them."""

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.clinic, self.bundle, self.run = (self.folder / n for n in ('clinic', 'bundle', 'run'))
        self.run.mkdir()
        self.port = free_udp_port()
        self.ctl('init', self.clinic, '--hub-ports', '1-65535', '--name', NAME, '--address', '127.0.0.1', '--port', self.port)
        self.ctl('hub', 'add', self.clinic, 'home', '--out', self.bundle, '--heartbeat', '10', '--utc-offset', '60',
                 '--device', 'bp,F0:F1:F2:F3:F4:F5/random,passkey=123456,user=sole', '--pair-window', '0')
        self.sign = formats.private_key((self.bundle / 'store' / 'sign.key').read_bytes())
        self.sign_public = self.sign.public_key()
        self.sign_scalar = (self.bundle / 'store' / 'sign.key').read_bytes().hex()
        self.sign_point = formats.point_of(self.sign).hex()
        self.seal_private = (self.clinic / 'seal.key').read_bytes()[1:]
        self.seal_id, self.seal_public = (lambda b: (b[0], b[1:]))((self.clinic / 'seal.pub').read_bytes())
        self.root = self.clinic / 'root.crt'
        self.programs, self.ble, self.measured = {}, None, []
        self.server_pem = self._pair('server', self.clinic / 'server')
        self.hub_pem = self._pair('hub', self.bundle / 'coap' / 'identity')
        self.root_pem = self.folder / 'root.pem'
        self.root_pem.write_bytes(self.root.read_bytes())

    def _pair(self, name, stem):
        """Key and certificate in one file, as most peers like it."""
        path = self.folder / f'{name}.pem'
        path.write_bytes(b''.join(stem.with_suffix(s).read_bytes() for s in ('.key', '.crt')))
        return path

    def ctl(self, *arguments):
        """Run clinicctl; returns what it printed."""
        done = subprocess.run([self.build / 'clinicctl', *map(str, arguments)], text=True, timeout=LIMIT_S,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise AssertionError(f'clinicctl {arguments[0]}: {done.stderr}')
        return done.stdout

    @property
    def hub_id(self):
        """16 octets."""
        return pin_of(self.bundle / 'coap' / 'identity.crt')[:16]

    def call(self, port, profile, pin=None, name=None):
        """The hub shall call that port of the loopback; not while hubd runs."""
        path = self.bundle / 'hubd' / 'config.cose'
        key = formats.private_key((self.clinic / 'config.key').read_bytes())
        path.write_bytes(formats.redirect(path.read_bytes(), key, '127.0.0.1', port, profile,
                                          pin or pin_of(self.clinic / 'server.crt'), name))

    def start(self, name, *arguments):
        """Start one program of the build folder."""
        self.programs[name] = Program([self.build / name, *arguments], self.folder / f'{pathlib.Path(name).name}.log')
        return self.programs[name]

    def start_hub(self):
        """hubd, hub-store and hub-coap."""
        common = ['--run', self.run, '--same-user']
        for name, state in (('hubd', 'hubd'), ('hub-store', 'store'), ('hub-coap', 'coap')):
            self.start(name, '--state', self.bundle / state, *common)
        self.ble = Ble(self.run, self.wait)

    def start_clinicd(self, profile):
        """The clinic's server with this profile, on its port."""
        name = 'clinicd' if profile == DTLS13 else 'tests/interop/clinicd-dtls12'
        self.start(name, '--dir', self.clinic, '--listen', '127.0.0.1').wait_said('listening')

    def measure(self, count, alarm=False):
        """So many readings, each with other numbers; returns when hub-store has them."""
        for _ in range(count):
            number = len(self.measured)
            systolic, diastolic = 100 + number % 100, 50 + number // 100
            self._offer(bytes([0, systolic, 0, diastolic, 0, 90, 0]), [(SYSTOLIC, MMHG, systolic, 0),
                                                                       (DIASTOLIC, MMHG, diastolic, 0)], alarm)

    def measure_long(self):
        """The longest reading that there is: its upload is the longest, too."""
        values = [(NAMED, BY_CODE, -2 ** 31 + i, -128, 0xFFFFFFFF, 0xFFFF) for i in range(13)]
        self._offer(os.urandom(512), values, full=True)

    def _offer(self, raw, values, alarm=False, full=False):
        self.ble.offer(raw, values, alarm, full)
        self.measured.append((raw, [list(v) for v in values]))

    def delivered(self):
        """True if the hub's light says that nothing waits for the clinic."""
        light = self.bundle / 'hubd' / 'light'
        return light.exists() and light.read_text() == 'reached-the-clinic'

    def light(self):
        """What the hub's light says."""
        return (self.bundle / 'hubd' / 'light').read_text()

    def readings(self):
        """What the clinic has, opened."""
        return [json.loads(line) for line in self.ctl('readings', self.clinic, '--json', '--raw').splitlines()]

    def status(self):
        """What the clinic knows of its hub."""
        return json.loads(self.ctl('status', self.clinic, '--json').splitlines()[0])

    def wait(self, what, condition, seconds=LIMIT_S, pump=None):
        """Wait for a condition while every program must live."""
        def look():
            for name, program in self.programs.items():
                if program.process.poll() is not None:
                    raise AssertionError(f'{name} has ended with {program.process.returncode}: {program.tail()}')
            return condition()
        try:
            wait(what, look, seconds, pump)
        except AssertionError as error:
            raise AssertionError(f'{error}; {self.tails()}') from None

    def tails(self):
        """The ends of all logs."""
        return '\n'.join(f'--- {name}: {program.tail()}' for name, program in self.programs.items())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.ble:
            self.ble.close()
        for program in reversed(list(self.programs.values())):
            program.stop()


def pin_of(certificate):
    """SHA-256 of the SubjectPublicKeyInfo of a PEM certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    key = x509.load_pem_x509_certificate(pathlib.Path(certificate).read_bytes()).public_key()
    return formats.fingerprint(key.public_bytes(serialization.Encoding.DER,
                                                serialization.PublicFormat.SubjectPublicKeyInfo))
