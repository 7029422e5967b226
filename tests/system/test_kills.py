#!/usr/bin/python3
"""test_kills.py - each process killed at each step of the path; every reading is at the clinic exactly once.

usage: test_kills.py FOLDER [FAILPOINT]      FOLDER holds the programs, built with FAILPOINTS=1

The real hub-ble, hub-store, hub-coap, hubd and clinicd with DTLS and databases between them. Only bluetoothd is
scripted (tests/io/fake_bluez.py): a kill at a named step cannot be provoked in the guest, where systemd starts
the programs. A supervisor restarts what dies, as systemd does. One process at a time gets one failpoint, which
ends it with SIGKILL the first time it is reached.

Five readings are taken: two before, two into and one after the kill. The cuff has the habit of most: what it
measured last is sent again at the next connection, since it cannot know what became of it. For a cuff that
forgets after bluetoothd's confirmation one step is not covered, 'ble.value.received' (docs/ARCHITECTURE.md).
"""
import concurrent.futures
import ctypes
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'io'))

try:
    from gi.repository import GLib
    from fake_bluez import DEVICE, FakeBluez, octets
except ImportError as error:
    print(f'SKIP kills: {error}; install python3-dbus and python3-gi')
    sys.exit(77)

ADDRESS = 'F0:F1:F2:F3:F4:F5'
BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
</policy></busconfig>'''
SOURCES = {'ble': 'hub-ble', 'store': 'hub-store', 'coap': 'hub-coap', 'clinic': 'clinicd'}
LIMIT_S = 60


def failpoints():
    """All names in the sources, so that a new one cannot be forgotten here."""
    names = set()
    for folder in ('ble', 'storage', 'coap', 'clinic', 'hub'):
        for source in (TOP / folder).rglob('*.c'):
            names.update(re.findall(r'FAILPOINT\("([a-z.]+)"\)', source.read_text()))
    return sorted(names)


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def die_with_us():
    """A test run that is itself killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Supervised:
    """A program that is started again when it dies, at most `limit` times."""

    def __init__(self, name, argv, folder, environment):
        self.name, self.argv, self.environment = name, [str(a) for a in argv], environment
        self.log = folder / f'{name}.log'
        self.starts, self.process, self.ends = 0, None, []

    def look(self):
        """Start it if it does not run."""
        if self.process and self.process.poll() is None:
            return
        if self.process:
            self.ends.append(self.process.returncode)
        self.starts += 1
        if self.starts > 20:
            raise AssertionError(f'{self.name} does not stay up: {self.log.read_text()[-800:]}')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment}, preexec_fn=die_with_us)

    def stop(self):
        """End it for good."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Home:
    """A hub and its clinic in one folder, with one bonded cuff."""

    def __init__(self, build, failpoint):
        self.build, self.failpoint = pathlib.Path(build).resolve(), failpoint
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='kills-'))
        self.context = GLib.MainContext.default()
        (self.dir / 'bus.conf').write_text(BUS_CONFIG % self.dir)
        self.address = f'unix:path={self.dir}/bus'
        self.daemon = subprocess.Popen(['dbus-daemon', '--nofork', f'--config-file={self.dir}/bus.conf'],
                                       stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
        self.wait('the D-Bus daemon', (self.dir / 'bus').exists)
        self.bluez = FakeBluez(self.address)
        self.last = None
        self.programs = []
        self._provision()
        self._add_cuff()

    # -- set-up -------------------------------------------------------------------------------------

    def _provision(self):
        clinic, bundle, run = self.dir / 'clinic', self.dir / 'bundle', self.dir / 'run'
        run.mkdir()
        self.ctl('init', clinic, '--name', 'clinic.example', '--address', '127.0.0.1', '--port', free_udp_port())
        self.ctl('hub', 'add', clinic, 'home', '--out', bundle, '--heartbeat', '10', '--utc-offset', '0',
                 '--device', f'bp,{ADDRESS}/random,passkey=123456,user=sole',
                 '--pair-window', '0')  # bonded already
        common = ['--run', run, '--same-user']
        self._add('clinicd', ['--dir', clinic])
        self._add('hubd', ['--state', bundle / 'hubd', *common])
        self._add('hub-store', ['--state', bundle / 'store', *common])
        self._add('hub-coap', ['--state', bundle / 'coap', *common])
        self._add('hub-ble', ['--bus', self.address, *common])
        # hub-bondinfo would ask the kernel about links that only the script knows
        self.bond = subprocess.Popen([self.build / 'tests/io/ble_peer', 'bond', run], stdin=subprocess.PIPE,
                                     stdout=subprocess.DEVNULL, preexec_fn=die_with_us)

    def _add(self, name, arguments):
        environment = {}
        if self.failpoint and SOURCES[self.failpoint.partition('.')[0]] == name:
            environment = {'HUB_FAILPOINT': self.failpoint, 'HUB_FAILPOINT_ONCE': str(self.dir / 'armed')}
            (self.dir / 'armed').touch()  # not yet: arm() removes it
        self.programs.append(Supervised(name, [self.build / name, *arguments], self.dir, environment))

    def _add_cuff(self):
        self.bluez.add_adapter()
        self.cuff = self.bluez.add_device(ADDRESS, Paired=True, Bonded=True, Trusted=True)
        self.bpm = self.bluez.add_char(self.cuff, 0x0b, 0x2A35, ['indicate'])

    def ctl(self, *arguments):
        """Run clinicctl; returns what it printed."""
        return subprocess.run([self.build / 'clinicctl', *map(str, arguments)], check=True, text=True, timeout=30,
                              stdout=subprocess.PIPE).stdout

    # -- time ---------------------------------------------------------------------------------------

    def wait(self, what, condition, seconds=LIMIT_S):
        """Run everything until the condition holds."""
        end = time.monotonic() + seconds
        while True:
            for program in getattr(self, 'programs', ()):
                program.look()
            while self.context.iteration(False):
                pass
            if condition():
                return
            if time.monotonic() > end:
                raise AssertionError(f'waited {seconds} s for {what}; at the clinic: {self.systolics()}; {self.tails()}')
            time.sleep(0.01)

    def tails(self):
        """The last lines of every log."""
        return '\n'.join(f'--- {p.name} ({p.starts} starts, ends {p.ends})\n{p.log.read_text()[-700:]}'
                         for p in self.programs if p.log.exists())

    # -- what happens at home -----------------------------------------------------------------------

    def listening(self):
        """True if hub-ble has the radio on and hears the cuff."""
        powered = self.bluez.nodes['/org/bluez/hci0'].props['org.bluez.Adapter1'].get('Powered')
        return bool(powered) and self.hub_ble_is_there()

    def hub_ble_is_there(self):
        """True if hub-ble of this moment has asked for the cuff's values."""
        ble = next(p for p in self.programs if p.name == 'hub-ble')
        return ble.log.exists() and ble.log.read_text().count('bluetooth-attached') >= ble.starts

    def measure(self, number):
        """The cuff measures and, as many do, sends what it sent last once more."""
        self.wait('hub-ble listens', self.listening)
        self.cuff.change(DEVICE, Connected=True, ServicesResolved=True)
        if self.last:
            self.bpm.indicate(self.last)
        self.last = value(number)
        self.bpm.indicate(self.last)
        for _ in range(20):
            while self.context.iteration(False):
                pass
            time.sleep(0.005)
        self.cuff.change(DEVICE, Connected=False, ServicesResolved=False)

    def arm(self):
        """From now on the failpoint kills, once."""
        if self.failpoint:
            (self.dir / 'armed').unlink()

    def was_hit(self):
        """True if the failpoint has killed."""
        return not self.failpoint or (self.dir / 'armed').exists()

    def systolics(self):
        """What the clinic has, opened: the systolic octet of the raw value, which is there even if hub-ble died
        before it had decoded it."""
        lines = self.ctl('readings', self.dir / 'clinic', '--json', '--raw').splitlines()
        return sorted(bytes.fromhex(json.loads(line)['raw'])[1] for line in lines)

    def all_delivered(self):
        """True if the hub's light says that nothing waits."""
        return (self.dir / 'bundle' / 'hubd' / 'light').read_text() == 'reached-the-clinic'

    def status(self):
        """What the clinic knows of its only hub."""
        return json.loads(self.ctl('status', self.dir / 'clinic', '--json').splitlines()[0])

    def close(self):
        """End everything that was started here."""
        for program in self.programs:
            program.stop()
        self.bond.kill()
        self.bond.wait()
        self.bluez.stop()
        self.daemon.kill()
        self.daemon.wait()
        shutil.rmtree(self.dir)


def value(number):
    """A reading: systolic 100 + number, stamped a minute apart."""
    when = datetime.datetime(2026, 11, 21, 10, number, 0)
    return octets(bytes([0x06, 100 + number, 0, 80, 0, 90, 0, when.year & 0xff, when.year >> 8, when.month,
                         when.day, when.hour, when.minute, when.second, 70, 0]))


def run(build, failpoint):
    """One home, one kill; returns the seconds it took."""
    start = time.monotonic()
    home = Home(build, failpoint)
    try:
        home.measure(1)
        home.measure(2)
        home.wait('the first two readings', lambda: home.systolics() == [101, 102])
        home.arm()
        home.measure(3)
        home.measure(4)
        home.wait('the kill', home.was_hit)
        home.measure(5)
        home.wait('all five readings', lambda: home.systolics() == [101, 102, 103, 104, 105])
        home.wait('an empty queue', home.all_delivered)
        status = home.status()
        if [status[k] for k in ('records', 'contig', 'hub_highest', 'quarantined', 'missing')] != [5, 5, 5, 0, 0]:
            raise AssertionError(f'not each exactly once: {status}')
        extra = [p.name for p in home.programs if p.starts > 1 and SOURCES.get(str(failpoint).split('.')[0]) != p.name]
        if extra:
            raise AssertionError(f'{extra} died as well; {home.tails()}')
    finally:
        home.close()
    return time.monotonic() - start


def one(build, name):
    """One kill in a process of its own; returns its output and exit code."""
    done = subprocess.run([sys.executable, __file__, build, name or 'none'], text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout, end='', flush=True)
    return done.returncode


def main():
    """All failpoints side by side, or the one that is named ('none': no kill)."""
    build = sys.argv[1]
    if len(sys.argv) == 3:
        name = None if sys.argv[2] == 'none' else sys.argv[2]
        try:
            print(f'ok kill at {name or "no step"} ({run(build, name):.1f} s)')
            return 0
        except AssertionError as error:
            print(f'FAILED kill at {name}: {error}')
            return 1
    names = [None, *failpoints()]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        failed = sum(code != 0 for code in pool.map(lambda name: one(build, name), names))
    print(f'{len(names) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
