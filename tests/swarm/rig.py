"""rig.py - a clinic's processes that are killed and started again, a swarm of hubs, and the check of what is stored.

The verdict is made of two things that know nothing of each other: the ledger, written by the hubs (what they made, what
was acknowledged to them), and the rows of the store.
"""
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests'))

from child import die_with_us, end  # noqa: E402
from ports import free_udp_port  # noqa: E402

FULL = os.environ.get('SWARM') == 'full'
STARTS_MAX = 500
BUSY_S = 1
EPOLL_WAIT = ('232', '281', '22')  # numbers of epoll_wait and epoll_pwait, amd64 and arm64


def wait(what, condition, seconds, poll=0.1):
    """Until the condition holds; its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(poll)


class Clinicd:
    """One clinicd on one port, started again whenever it is not there."""

    def __init__(self, build, folder, port, log):
        self.argv = [build / 'clinicd', '--dir', folder, '--listen', '127.0.0.1', '--port', str(port)]
        self.log, self.lock = log, threading.Lock()
        self.process, self.kills, self.starts, self.ends, self.held = None, 0, 0, [], False
        self.look()

    def look(self):
        """Start it if it does not run and is not held back."""
        with self.lock:
            if self.held or (self.process and self.process.poll() is None):
                return
            if self.process:
                self.ends.append(self.process.returncode)
            self.starts += 1
            if self.starts > STARTS_MAX:
                raise AssertionError(f'clinicd does not stay up: {self.log.read_text()[-800:]}')
            with open(self.log, 'ab') as log:
                self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env={**os.environ, 'HUB_DEBUG': '1'}, preexec_fn=die_with_us)

    def is_ready(self):
        """It has said that it listens since its last start."""
        return self.log.read_text(errors='replace').count('clinicd: listening ') >= self.starts

    def is_busy(self):
        """It is at something, such as a COMMIT, and not waiting for a datagram."""
        try:
            return pathlib.Path(f'/proc/{self.process.pid}/syscall').read_text().split()[0] not in EPOLL_WAIT
        except (OSError, IndexError):
            return True  # ended meanwhile

    def kill(self):
        """As if the power went, in the middle of a request if one comes soon."""
        end = time.monotonic() + BUSY_S
        while time.monotonic() < end and not self.is_busy():
            time.sleep(0.0005)
        with self.lock:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
                self.kills += 1

    def hold(self, held):
        """Held back it is not started again."""
        self.held = held

    def stop(self):
        """End it in order, for good."""
        self.hold(True)
        end(self.process, 20)

    def memory_kb(self):
        """Resident now, and the most it ever was."""
        text = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        return tuple(int(re.search(name + r':\s+(\d+)', text)[1]) for name in ('VmRSS', 'VmHWM'))

    def duplicates(self):
        """Records that came again, as far as its log tells: it writes 50 lines a second at most."""
        return sum(int(n) for n in re.findall(r'upload hub=\S+ stored=\d+ duplicate=(\d+)', self.log.read_text(errors='replace')))


class Keeper(threading.Thread):
    """Starts what died, all the time, as systemd does; a program that does not come up is shown by the test that waits for it."""

    def __init__(self, programs):
        super().__init__(daemon=True)
        self.programs, self.over = programs, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.2):
            for program in self.programs:
                program.look()

    def stop(self):
        """No more starts."""
        self.over.set()
        self.join()


class Swarm:
    """The hubs, in one process."""

    def __init__(self, build, clinic, folder, ports, **options):
        folder.mkdir()
        self.folder, self.hubs, self.readings = folder, options['hubs'], options['readings']
        argv = [build / 'tests/swarm/swarm', 'run', clinic, folder]
        argv += [a for port in ports for a in ('--port', str(port))]
        argv += [a for name, value in options.items() for a in (f'--{name.replace("_", "-")}', str(value))]
        self.log = folder / 'log'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            preexec_fn=die_with_us)
        self.figures, self.marks = {}, 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith('swarm '):
                self.figures = {k: int(v) for k, v in (pair.split('=') for pair in line.split()[1:])}
            elif line == 'marked\n':
                self.marks += 1
                self.figures['back'] = 0

    def get(self, name):
        """A figure of the last line; the swarm must live."""
        if self.process.poll() is not None:
            raise AssertionError(f'the swarm ended with {self.process.returncode}: {self.log.read_text(errors="replace")[-800:]}')
        return self.figures.get(name, 0)

    def mark(self):
        """Who comes back from now on is counted anew."""
        marks = self.marks
        self.process.stdin.write('mark\n')
        self.process.stdin.flush()
        wait('mark', lambda: self.marks > marks, 60)

    def wait_all_acked(self, seconds):
        """Until every reading of every hub is acknowledged."""
        try:
            wait('all readings acknowledged', lambda: self.get('acked') == self.hubs * self.readings, seconds)
        except AssertionError as error:
            raise AssertionError(f'{error}: {self.figures}') from None

    def stop(self, force=False):
        """End it; force: at once, as nothing of its own is worth waiting for."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if force else signal.SIGTERM)
        self.process.wait(60)
        self.reader.join()
        return self.process.returncode


Verdict = collections.namedtuple('Verdict', 'made acked stored lost twice phantom changed missing odd')


def judge(made, acked, dump):
    """made, acked: lines of the ledger; dump: what 'swarm dump' printed. Each finding as a list.

    lost: acknowledged and not stored; twice: stored more than once; phantom: stored and never made; changed: another
    body; missing: made and not stored; odd: hubs with something in quarantine, or called rolled back.
    """
    made = {tuple(line.split()[:3]): line.split()[3] for line in made}
    acked = [tuple(line.split()) for line in acked]
    rows = [line.split() for line in dump]
    records = [row for row in rows if row[0] != 'hub']
    times = collections.Counter(tuple(row[:3]) for row in records)
    return Verdict(
        made=len(made), acked=len(acked), stored=len(records),
        lost=[key for key in acked if key not in times],
        twice=[key for key, n in times.items() if n > 1] + [key for key, n in collections.Counter(acked).items() if n > 1],
        phantom=[key for key in times if key not in made],
        changed=[tuple(row) for row in records if made.get(tuple(row[:3]), row[3]) != row[3]],
        missing=[key for key in made if key not in times],
        odd=[row for row in rows if row[0] == 'hub' and (row[5] != '0' or row[7] != '0')])


def prove_judge(made, acked, dump):
    """The judge must see each kind of damage, done to the very lines that it found good."""
    row = next(line for line in dump if not line.startswith('hub'))
    key = ' '.join(row.split()[:3])
    others = [line for line in dump if line != row]
    hub = next(line for line in dump if line.startswith('hub'))
    assert judge(made, acked, others).lost and judge(made, acked, others).missing, 'a lost row is not seen'
    assert judge(made, acked, dump + [row]).twice, 'a row stored twice is not seen'
    assert judge(made, acked, others + [f'{key} {"0" * 64}']).changed, 'another body is not seen'
    assert judge([line for line in made if not line.startswith(key + ' ')], acked, dump).phantom, 'a row that nobody made is not seen'
    assert judge(made, acked, dump + [hub.replace('quarantined 0', 'quarantined 1')]).odd, 'quarantine is not seen'


class World:
    """A clinic's folder, its processes and its hubs; removed at the end, kept after a failure."""

    def __init__(self, build, name, ports=1):
        self.build = pathlib.Path(build).resolve()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f'swarm-{name}-'))
        self.dir.chmod(0o755)  # a database server is another user
        self.clinic, self.ports = self.dir / 'clinic', [free_udp_port() for _ in range(ports)]
        self.swarm, self.keeper, self.servers, self.stopped = None, None, [], []

    def init(self, *more):
        """The clinic's folder and its empty store."""
        self.ctl('init', self.clinic, '--hub-ports', '1-65535', '--name', 'clinic.test', '--address', '127.0.0.1',
                 '--port', self.ports[0], *more)

    def ctl(self, *arguments):
        """Run clinicctl; returns what it printed."""
        return subprocess.run([self.build / 'clinicctl', *map(str, arguments)], check=True, text=True, timeout=60,
                              stdout=subprocess.PIPE).stdout

    def start_servers(self):
        """One clinicd for each port, kept alive."""
        for port in self.ports:
            self.servers.append(Clinicd(self.build, self.clinic, port, self.dir / f'clinicd-{port}.log'))
        self.keeper = Keeper(self.servers)
        wait('clinicd', lambda: all(s.is_ready() for s in self.servers), 60)

    def start_swarm(self, **options):
        """The hubs know all ports."""
        self.swarm = Swarm(self.build, self.clinic, self.dir / 'swarm', self.ports, **options)

    def kill_one(self, number):
        """The servers take turns."""
        self.servers[number % len(self.servers)].kill()

    def stop_servers(self):
        """For good."""
        for server in self.servers:
            server.stop()
        if self.keeper:
            self.keeper.stop()  # not before: what its thread has started dies with it
        self.keeper, self.stopped, self.servers = None, self.servers, []

    def dump(self):
        """The store's rows."""
        return subprocess.run([self.build / 'tests/swarm/swarm', 'dump', self.clinic], check=True, text=True, timeout=300,
                              stdout=subprocess.PIPE).stdout.splitlines()

    def ledger(self, name):
        """Its lines."""
        return (self.dir / 'swarm' / name).read_text().splitlines()

    def judge(self):
        """What is stored, against the ledger."""
        return judge(self.ledger('made'), self.ledger('acked'), self.dump())

    def prove_judge(self):
        """The same lines, damaged."""
        prove_judge(self.ledger('made'), self.ledger('acked'), self.dump())

    def close(self, good):
        """Nothing is left but, after a failure, the folder."""
        if self.swarm:
            self.swarm.stop(force=True)
        self.stop_servers()
        if good:
            shutil.rmtree(self.dir)
        else:
            print(f'     kept: {self.dir}', flush=True)


def kill_for(world, seconds, every_s=5, at=()):
    """Kill one clinicd every few seconds; at: (seconds from now, what to do then), in order. Returns the kills."""
    begun, kills, at = time.monotonic(), 0, list(at)
    while time.monotonic() - begun < seconds:
        time.sleep(0.1)
        passed = time.monotonic() - begun
        if at and passed >= at[0][0]:
            at.pop(0)[1]()
        if passed >= (kills + 1) * every_s:
            world.kill_one(kills)
            kills += 1
    for _, action in at:
        action()
    return kills


def expect_all_once(world, verdict):
    """Each reading is stored, once, as it was made; all of them were acknowledged."""
    whole = world.swarm.hubs * world.swarm.readings
    for name in ('lost', 'twice', 'phantom', 'changed', 'missing', 'odd'):
        found = getattr(verdict, name)
        assert not found, f'{name}: {len(found)}, such as {found[0]}'
    assert verdict.made == verdict.acked == verdict.stored == whole, f'{verdict.made} made, {verdict.acked} acknowledged, {verdict.stored} stored of {whole}'
    assert world.swarm.figures['refused'] == 0, f'{world.swarm.figures["refused"]} refused'


def tell(world, verdict, kills, **more):
    """One line of counts."""
    servers = world.servers or world.stopped
    counts = {'acknowledged': verdict.acked, 'stored': verdict.stored, 'kills': kills,
              'starts': sum(s.starts for s in servers), 'handshakes': world.swarm.figures['handshakes'],
              'duplicates-refused': f'{sum(s.duplicates() for s in servers)}+', **more}
    print('     ' + ' '.join(f'{k}={v}' for k, v in counts.items()), flush=True)
