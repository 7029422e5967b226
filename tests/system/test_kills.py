#!/usr/bin/python3
"""test_kills.py - each process killed at each step of the path; every reading is at the clinic exactly once.

usage: test_kills.py FOLDER [FAILPOINT]      FOLDER holds the programs, built with FAILPOINTS=1

The real hub-ble, hub-store, hub-coap, hubd and clinicd with DTLS and databases between them. Only bluetoothd is
scripted (tests/io/fake_bluez.py): a kill at a named step cannot be provoked in the guest, where systemd starts
the programs. A supervisor restarts what dies, as systemd does. One process at a time gets one failpoint, which
ends it with SIGKILL the first time it is reached.

The steps of giving up readings (store.evict.*) need a full disk: there the store's folder is a small tmpfs, which takes
root; without root they are skipped. The clinic is away, the disk is filled up, and readings are taken until the
oldest go; in the end each number is a record or a tombstone at the clinic.

The steps of a config that comes over the wire (*.config.*) need one: it is signed when the failpoint is armed, and must be in
use in the end.
The steps of a hand-over to another assignment need one: a reading waits in the queue, the hub is given to another patient,
the cuff is paired anew and measures for him. In the end each reading is filed under the assignment of whom it was taken
from.

Else five readings are taken: two before, two into and one after the kill. The cuff has the habit of most: what it
measured last is sent again at the next connection, since it cannot know what became of it. For a cuff that
forgets after bluetoothd's confirmation one step is not covered, 'ble.value.received' (docs/ARCHITECTURE.md).
"""
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'tests' / 'io')]

from child import die_with_us, end  # noqa: E402
from ports import free_udp_port  # noqa: E402

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
# tests that kill by themselves, and name where
ELSEWHERE = ('io/test_clinicctl_keys.py', 'unit/test_records.c', 'unit/test_identity_store.c', 'unit/test_reset.c',
             'unit/test_store_enrol.c', 'unit/test_store_life.c', 'io/test_command_io.py', 'io/test_lockdown_io.py', 'interop/enrol.py', 'io/test_enrol_hub.py',
             'io/test_ticket_io.py', 'io/test_retire_io.py', 'io/test_root_io.py',
             'io/test_sealed_io.py', 'io/test_emergency_io.py', 'io/test_console_end.py', 'io/test_console_pair.py',
             'io/test_console_account.py')
SOURCES = {'ble': 'hub-ble', 'store': 'hub-store', 'coap': 'hub-coap', 'clinic': 'clinicd', 'hubd': 'hubd'}
LIMIT_S = 60
FULL = 'store.evict.'  # steps that only a full disk reaches
HAND_OVER = ('hubd.assignment.', 'ble.fence', 'store.fenced.')  # steps that only another patient reaches
FULL_DISK_KB = 320
FULL_READINGS = 120  # at most, until the disk is full


def failpoints():
    """All names in the sources, so that a new one cannot be forgotten; but those at which another test kills."""
    names, elsewhere = set(), set()
    for test in ELSEWHERE:
        elsewhere.update(re.findall(r'["\']([a-z]+\.[a-z.]+)["\']', (TOP / 'tests' / test).read_text()))
    for folder in ('ble', 'storage', 'coap', 'clinic', 'hub'):
        for source in (TOP / folder).rglob('*.c'):
            names.update(re.findall(r'FAILPOINT\("([a-z.]+)"\)', source.read_text()))
    return sorted(names - elsewhere)


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
        if self.process:
            end(self.process, 5)


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
        self.last, self.filler = None, None
        self.programs = []
        self._provision()
        self._add_cuff()

    # -- set-up -------------------------------------------------------------------------------------

    def _provision(self):
        clinic, bundle, run = self.dir / 'clinic', self.dir / 'bundle', self.dir / 'run'
        run.mkdir()
        self.ctl('init', clinic, '--hub-ports', '1-65535', '--name', 'clinic.example', '--address', '127.0.0.1', '--port', free_udp_port())
        self.ctl('hub', 'add', clinic, 'home', '--out', bundle, '--heartbeat', '10', '--utc-offset', '0',
                 '--device', f'bp,{ADDRESS}/random,passkey=123456,user=sole',
                 '--pair-window', '0')  # bonded already
        common = ['--run', run, '--same-user']
        if str(self.failpoint).startswith(FULL):
            self._small_disk(bundle / 'store')
        self._add('clinicd', ['--dir', clinic])
        self._add('hubd', ['--state', bundle / 'hubd', *common])
        self._add('hub-store', ['--state', bundle / 'store', *common])
        self._add('hub-coap', ['--state', bundle / 'coap', *common])
        self._add('hub-ble', ['--bus', self.address, *common])
        # hub-bondinfo would ask the kernel about links that only the script knows
        self.bond = subprocess.Popen([self.build / 'tests/io/ble_peer', 'bond', run], stdin=subprocess.PIPE,
                                     stdout=subprocess.DEVNULL, preexec_fn=die_with_us)

    def _small_disk(self, folder, size_kb=FULL_DISK_KB):
        """What is in the folder moves to a tmpfs in its place; the mount namespace is ours (one())."""
        kept = {p.name: p.read_bytes() for p in folder.iterdir()}
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size_kb}k', 'tmpfs', folder], check=True)
        for name, data in kept.items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)
        self.filler = folder / 'filler'

    def fill_disk(self):
        """Not one block is free."""
        with open(self.filler, 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass

    def hold(self, name):
        """The program ends and is not started again; returns it for release()."""
        program = next(p for p in self.programs if p.name == name)
        self.programs.remove(program)
        program.stop()
        return program

    def release(self, program):
        """It runs again."""
        self.programs.insert(0, program)

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

    def ctl(self, *arguments, **environment):
        """Run clinicctl; returns what it printed."""
        return subprocess.run([self.build / 'clinicctl', *map(str, arguments)], check=True, text=True, timeout=30,
                              stdout=subprocess.PIPE, env={**os.environ, **environment}).stdout

    def sign_config(self):
        """The clinic signs another config, which the hub is to fetch."""
        self.ctl('config', 'edit', self.dir / 'clinic', 'home', '--yes', VISUAL='sed -i "s/_s\\": 10,/_s\\": 11,/"')

    def config(self):
        """What the clinic knows of it."""
        return self.status()['config']

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

    def assign(self, patient):
        """The hub gets a config for another patient; its cuff can be paired again, once it is looked for."""
        new, config = self.dir / 'new.cose', self.dir / 'bundle' / 'hubd' / 'config.cose'
        self.bluez.passkey = 123456
        self.bluez.on_paired = self._add_values
        self.bluez.on_discovery = lambda: GLib.timeout_add(20, self._advertise)
        self.ctl('assign', self.dir / 'clinic', 'home', '--patient', patient, '--out', new)
        os.replace(new, config)

    def _add_values(self, cuff):
        self.bpm = self.bluez.add_char(cuff, 0x0b, 0x2A35, ['indicate'])

    def _advertise(self):
        if not any(n.props.get(DEVICE, {}).get('Address') == ADDRESS for n in self.bluez.nodes.values()):
            self.cuff = self.bluez.add_device(ADDRESS)
        return False

    def in_force(self):
        """The assignment in force, None during a hand-over: the file of hubd, [1, epoch, assignment, step]."""
        data = (self.dir / 'bundle' / 'hubd' / 'assignment').read_bytes()
        return data[3] if data[4] == 0 else None

    def is_paired(self):
        """True if the cuff has a bond that hub-ble has found good."""
        return bool(self.bluez.nodes.get(self.cuff.path) and self.cuff.props[DEVICE].get('Trusted'))

    def assignments(self):
        """Each reading that is filed, with its assignment."""
        lines = map(json.loads, self.ctl('readings', self.dir / 'clinic', '--json', '--raw').splitlines())
        return sorted((bytes.fromhex(x['raw'])[1], x['assignment']) for x in lines if 'raw' in x)

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
        if self.filler:
            subprocess.run(['umount', '--lazy', self.filler.parent], check=True)
        shutil.rmtree(self.dir)


def value(number):
    """A reading: systolic 100 + number, stamped a minute apart."""
    when = datetime.datetime(2026, 11, 21, 10, 0, 0) + datetime.timedelta(minutes=number)
    return octets(bytes([0x06, 100 + number, 0, 80, 0, 90, 0, when.year & 0xff, when.year >> 8, when.month,
                         when.day, when.hour, when.minute, when.second, 70, 0]))


def run_full(home):
    """Readings on a full disk without a clinic, until the oldest are given up and the kill comes."""
    home.measure(1)
    home.measure(2)
    home.wait('the first two readings', lambda: home.systolics() == [101, 102])
    clinic = home.hold('clinicd')
    made = 2
    for made in range(3, 9):
        home.measure(made)
    home.fill_disk()
    home.arm()
    while not home.was_hit() and made < FULL_READINGS:
        made += 1
        home.measure(made)
    home.wait('the kill', home.was_hit)
    home.measure(made + 1)
    home.filler.unlink()
    home.release(clinic)
    home.wait('an empty queue', lambda: home.all_delivered() and home.status()['missing'] == 0)
    home.wait('the last reading', lambda: 100 + made + 1 in home.systolics())
    home.wait('an empty queue', home.all_delivered)
    status = home.status()
    lost = set(range(101, 100 + made + 2)) - set(home.systolics())
    if status['contig'] != status['hub_highest'] or status['missing'] or status['quarantined'] or \
            status['records'] + status['given_up'] != status['contig'] or len(lost) > status['given_up']:
        raise AssertionError(f'not each a record or a tombstone: {status}, without {sorted(lost)}')


def run_hand_over(home):
    """Another patient, and a kill on the way; each reading is his from whom it was taken."""
    home.measure(1)
    home.wait('the first reading', lambda: home.systolics() == [101])
    uplink = home.hold('hub-coap')
    home.measure(2)
    home.arm()
    home.assign('P-2')
    home.wait('the kill', home.was_hit)
    home.wait('the hand-over', lambda: home.in_force() == 2)
    home.wait('the bond', home.is_paired)
    home.cuff.change(DEVICE, Connected=False, ServicesResolved=False)
    home.measure(3)  # sends the reading before once more: it is not the new patient's
    home.measure(4)
    home.release(uplink)
    want = [(101, 1), (102, 1), (103, 2), (104, 2)]
    home.wait('all four readings', lambda: home.assignments() == want)
    home.wait('an empty queue', home.all_delivered)
    status = home.status()
    if status['held'] or status['missing'] or status['assignment_wanted'] != 2 or status['patient'] != 'P-2':
        raise AssertionError(f'not as ordered: {status}')
    home.wait('the status', lambda: (home.status()['assignment_in_force'], home.status()['hand_over']) == (2, 'settled'))


def run(build, failpoint):
    """One home, one kill; returns the seconds it took."""
    start = time.monotonic()
    home = Home(build, failpoint)
    try:
        if str(failpoint).startswith(FULL):
            run_full(home)
            return time.monotonic() - start
        if str(failpoint).startswith(HAND_OVER):
            run_hand_over(home)
            return time.monotonic() - start
        home.measure(1)
        home.measure(2)
        home.wait('the first two readings', lambda: home.systolics() == [101, 102])
        home.arm()
        if '.config.' in str(failpoint):
            home.sign_config()
        home.measure(3)
        home.measure(4)
        home.wait('the kill', home.was_hit)
        home.measure(5)
        home.wait('all five readings', lambda: home.systolics() == [101, 102, 103, 104, 105])
        home.wait('an empty queue', home.all_delivered)
        wanted = 2 if '.config.' in str(failpoint) else 1
        home.wait('the config in use', lambda: home.config()['state'] == 'in-use' and home.config()['used'] == wanted)
        status = home.status()
        numbers = 5 + status['manifests']  # a day's account has a number, too
        if [status[k] for k in ('records', 'contig', 'hub_highest', 'quarantined', 'missing')] != \
                [numbers, numbers, numbers, 0, 0]:
            raise AssertionError(f'not each exactly once: {status}')
        extra = [p.name for p in home.programs if p.starts > 1 and SOURCES.get(str(failpoint).split('.')[0]) != p.name]
        if extra:
            raise AssertionError(f'{extra} died as well; {home.tails()}')
    finally:
        home.close()
    return time.monotonic() - start


def one(build, name):
    """One kill in a process of its own; returns its output and exit code."""
    own_mounts = ['unshare', '--mount'] if str(name).startswith(FULL) else []
    done = subprocess.run([*own_mounts, sys.executable, __file__, build, name or 'none'], text=True, timeout=300,
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
    if os.geteuid() != 0:
        print(f'SKIP {sum(n is not None and n.startswith(FULL) for n in names)} steps on a full disk: they need root')
        names = [n for n in names if n is None or not n.startswith(FULL)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        failed = sum(code != 0 for code in pool.map(lambda name: one(build, name), names))
    print(f'{len(names) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
