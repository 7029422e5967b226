"""home.py - a hub and its clinic in a network namespace each, with tests/net/path.c between them.

The real hub-store, hub-coap, hubd and clinicd, started again when they die, as systemd does. tests/net/feed.c stands for
hub-ble: readings by number. tests/net/shift.c sets the hub's clocks.
"""
import ctypes
import json
import os
import pathlib
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from child import die_with_us, end  # noqa: E402

CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
MS_PRIVATE, MS_REC, MS_BIND = 0x40000, 0x4000, 0x1000
CLINIC = '10.77.2.2'
PORT = 5684
LIMIT_S = 240  # for whatever is waited for; the machine may be busy


def enter(space, names=None):
    """For a child before exec: into this network namespace; names: the file that is /etc/hosts there."""
    def run():
        die_with_us()
        libc = ctypes.CDLL(None, use_errno=True)
        fd = os.open(space, os.O_RDONLY)
        if libc.setns(fd, CLONE_NEWNET):
            os._exit(126)
        os.close(fd)
        if names and (libc.unshare(CLONE_NEWNS) or libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None) or
                      libc.mount(os.fsencode(names), b'/etc/hosts', None, MS_BIND, None)):
            os._exit(126)
    return run


class Path:
    """The bad network; see tests/net/path.c for what it can do."""

    def __init__(self, build, seed=1):
        self.process = subprocess.Popen([build / 'tests/net/path', str(seed)], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, preexec_fn=die_with_us)
        first = self.process.stdout.readline()
        if not first:
            raise SystemExit(self.process.wait())
        self.spaces = json.loads(first)

    def tell(self, command):
        """One command; returns its answer."""
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if 'error' in answer:
            raise AssertionError(f'path: {command}: {answer["error"]}')
        return answer

    def set(self, direction='both', **settings):
        """set(loss=30, delay=1000)"""
        return self.tell(f'set {direction} ' + ' '.join(f'{key}={value}' for key, value in settings.items()))

    def stats(self):
        """Counters of both directions."""
        return self.tell('stats')

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


class Program:
    """A program in a namespace that is started again when it dies."""

    def __init__(self, name, argv, space, log, environment=None):
        self.name, self.argv, self.space, self.log = name, [str(a) for a in argv], space, log
        self.environment = {**os.environ, **(environment or {})}
        self.process, self.starts, self.ends, self.expected = None, 0, [], False
        self.names = None  # see enter

    def look(self):
        """Start it if it does not run; one that died although nobody killed it is remembered."""
        if self.process and self.process.poll() is None:
            return
        if self.process and not self.expected:
            self.ends.append(self.process.returncode)
        self.expected = False
        self.starts += 1
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, preexec_fn=enter(self.space, self.names))

    def kill(self):
        """kill -9; the next look() starts it again."""
        self.expected = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it in order."""
        self.expected = True
        if self.process:
            end(self.process, 20)

    def rss_kb(self):
        """Resident memory."""
        return int(pathlib.Path(f'/proc/{self.process.pid}/statm').read_text().split()[1]) * 4


class Home:
    """Everything in one temporary folder."""

    def __init__(self, build, seed=1, heartbeat=10):
        self.build = pathlib.Path(build).resolve()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='net-'))
        self.clinic, self.bundle, self.run = self.dir / 'clinic', self.dir / 'bundle', self.dir / 'run'
        self.run.mkdir()
        self.given, self.durable, self.programs = 0, 0, []
        self.held = []  # numbers of the readings that must be in quarantine
        self.path = Path(self.build, seed)
        self.clock = self.dir / 'clock'
        self.shift = [0, 0]
        self.clock.write_bytes(bytes(16))
        self.ctl('init', self.clinic, '--hub-ports', '1-65535', '--name', 'clinic.example', '--address', CLINIC, '--port', PORT)
        self.ctl('hub', 'add', self.clinic, 'home', '--out', self.bundle, '--heartbeat', heartbeat, '--utc-offset', 0,
                 '--device', 'glucose,F0:F1:F2:F3:F4:F5/random,passkey=123456,user=sole', '--pair-window', 0)
        self.server = self._add('clinicd', ['--dir', self.clinic], 'clinic')
        common = ['--run', self.run, '--same-user']
        shifted = {'LD_PRELOAD': str(self.build / 'tests/net/shift.so'), 'HUB_TEST_CLOCK': str(self.clock)}
        self.hub = [self._add('hubd', ['--state', self.bundle / 'hubd', *common], 'hub', shifted),
                    self._add('hub-store', ['--state', self.bundle / 'store', *common], 'hub', shifted),
                    self._add('hub-coap', ['--state', self.bundle / 'coap', *common], 'hub', shifted)]
        self.store, self.coap = self.hub[1:]
        self.feed = subprocess.Popen([self.build / 'tests/net/feed', self.run], text=True, bufsize=1, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=die_with_us)

    def _add(self, name, arguments, side, environment=None):
        program = Program(name, [self.build / name, *arguments], self.path.spaces[side], self.dir / f'{name}.log', environment)
        self.programs.append(program)
        return program

    def ctl(self, *arguments):
        """clinicctl; returns what it printed."""
        return subprocess.run([self.build / 'clinicctl', *map(str, arguments)], check=True, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def endpoints(self, *change):
        """Another config by 'clinicctl hub endpoints', carried to the hub; returns what that says of it."""
        file = self.dir / 'config.cose'
        said = json.loads(self.ctl('hub', 'endpoints', self.clinic, 'home', *change, '--out', file, '--json'))
        os.replace(file, self.bundle / 'hubd/config.cose')
        return said

    def row(self, state):
        """The clinic's staff say of the hub: active, lost, ..."""
        subprocess.run([self.build / 'tests/net/row', self.clinic, 'home', state], check=True, timeout=60)

    # -- time ---------------------------------------------------------------------------------------

    def look(self):
        """Start what died; hear what got durable."""
        for program in self.programs:
            program.look()
        while select.select([self.feed.stdout], [], [], 0)[0]:
            line = self.feed.stdout.readline()
            if not line:
                raise AssertionError('feed ended')
            self.durable = int(line.split()[1])

    def wait(self, what, condition, seconds=LIMIT_S):
        """Until the condition holds."""
        end = time.monotonic() + seconds
        while True:
            self.look()
            if condition():
                return
            if time.monotonic() > end:
                raise AssertionError(f'waited {seconds} s for {what}; {self.path.stats()}\n{self.tails()}')
            time.sleep(0.05)

    def pass_s(self, seconds, tick=None):
        """So many seconds; tick() is called now and then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            if tick:
                tick()
            time.sleep(0.05)

    def step(self, since_start=0, wall=0):
        """The hub's clocks go on by so many seconds, and whoever of its processes waits looks at them."""
        self.shift = [self.shift[0] + since_start, self.shift[1] + wall]
        with open(self.clock, 'r+b') as f:  # in place: it is mapped
            f.write(struct.pack('=qq', *self.shift))
        for program in self.hub:
            if program.process and program.process.poll() is None:
                program.process.send_signal(signal.SIGSTOP)
                program.process.send_signal(signal.SIGCONT)

    # -- readings -----------------------------------------------------------------------------------

    def give(self, count, kind='give'):
        """So many more readings, durable at the hub when this returns."""
        self.given += count
        self.feed.stdin.write(f'{kind} {count}\n')
        self.wait('readings to be durable', lambda: self.durable == self.given)

    def status(self):
        """What the clinic knows of its only hub."""
        return json.loads(self.ctl('status', self.clinic, '--json').splitlines()[0])

    def at_clinic(self):
        """How many readings the clinic has, without the hub's own accounts of days."""
        status = self.status()
        return status['records'] + status['held'] - status['manifests']

    def wait_all(self, seconds=LIMIT_S):
        """Until as many records are at the clinic as were given."""
        def arrived():
            time.sleep(0.2)  # it is a process each time
            return self.at_clinic() >= self.given
        self.wait(f'{self.given} readings at the clinic', arrived, seconds)

    def numbers(self):
        """The sequence numbers of the opened readings at the clinic, sorted."""
        lines = map(json.loads, self.ctl('readings', self.clinic, '--json', '--raw').splitlines())
        raws = (bytes.fromhex(line['raw']) for line in lines if line.get('raw'))
        return sorted(raw[1] | raw[2] << 8 for raw in raws)

    def handshakes(self):
        """How often hub-coap said that it is connected."""
        return self.log('hub-coap').count('uplink-up')

    def log(self, name):
        """What a program has said."""
        file = self.dir / f'{name}.log'
        return file.read_text(errors='replace') if file.exists() else ''

    def tails(self):
        """The last lines of every log."""
        return '\n'.join(f'--- {p.name} ({p.starts} starts, ends {p.ends})\n{self.log(p.name)[-900:]}' for p in self.programs)

    # -- the end ------------------------------------------------------------------------------------

    def check(self):
        """Each reading exactly once at the clinic, nothing waits on the hub, nobody died, the audit log is whole."""
        self.wait_all()
        self.wait('an empty queue', lambda: (self.bundle / 'hubd/light').read_text() == 'reached-the-clinic')
        if self.numbers() != [n for n in range(1, self.given + 1) if n not in self.held]:
            raise AssertionError(f'not each reading once: {self.numbers()}')
        status = self.status()
        if status['held'] != len(self.held) or status['missing'] or status['quarantined'] or status['given_up'] or status['contig'] < self.given:
            raise AssertionError(f'the clinic misses something: {status}')
        died = {p.name: p.ends for p in self.programs if p.ends}
        if died:
            raise AssertionError(f'died: {died}\n{self.tails()}')
        for program in reversed(self.hub):
            program.stop()
        verdict = subprocess.run([self.build / 'clinicctl', 'audit', 'verify', self.clinic, 'home', '--log',
                                  self.bundle / 'store/audit'], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if verdict.returncode:
            raise AssertionError(f'audit log, {verdict.returncode}: {verdict.stdout}')

    def close(self):
        """End everything that was started here."""
        for program in reversed(self.programs):
            program.stop()
        self.feed.kill()
        self.feed.wait()
        self.path.close()
        if 'NET_KEEP' not in os.environ:
            shutil.rmtree(self.dir)
