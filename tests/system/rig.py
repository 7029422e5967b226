"""What every system test and the demo stand on: a clinic on this machine, a hub in QEMU, nothing made up.

    with Rig(build, folder) as rig:            # a clinic, a hub added to it, its image and its disk
        rig.clinic.start()
        with rig.boot() as twin:               # the hub
            twin.wait('booted', 180)
            ...
            rig.clinic.wait_readings(1, 60)

The clinic runs outside the guest and listens on the loopback only; the hub reaches it over QEMU's user
network. Python's standard library only.
"""
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
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'tests' / 'bench'), str(TOP / 'tests' / 'devices')]

import names  # noqa: E402
from ports import free_udp_port  # noqa: E402
from twin import HOST_IN_GUEST, TWIN_SH, Twin, TwinError  # noqa: E402


def device_spec(kind, number=0, more='user=sole'):
    """Return what `clinicctl hub add --device` wants to know of the bench's device of that number."""
    return f'{kind},{names.address(number)}/random,passkey={names.passkey(number)}' + (f',{more}' if more else '')


def has_said(twin, unit, pattern, seconds):
    """Wait until a unit has said a line, at any time since the guest's start."""
    if not twin.seen('log', unit=unit, line=re.compile(pattern)):
        twin.wait_log(unit, pattern, seconds)


ENROL_PORT = '5685'  # where hubs ask for certificates, unless clinic.conf says otherwise


class Clinic:
    """clinicd and clinicctl on this machine, with their folder."""

    def __init__(self, build, folder, address, port=None):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder)
        self.dir = self.folder / 'clinic'
        self.port = port or free_udp_port()
        self._process = None
        self.ctl('init', self.dir, '--hub-ports', '1-65535', '--name', 'clinic.example', '--address', address, '--port', self.port)

    def ctl(self, *arguments, check=True):
        """Run clinicctl; returns what it printed."""
        done = subprocess.run([self.build / 'clinicctl', *map(str, arguments)], text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode:
            raise RuntimeError(f'clinicctl {arguments[0]}: exit {done.returncode}: {done.stderr}')
        return done.stdout

    def add_hub(self, name='home', *, devices=(device_spec('bp'),), heartbeat_s=10, window_min=10):
        """Add a hub that opens a pairing window for so many minutes; returns the bundle's folder."""
        bundle = self.folder / f'bundle-{name}'
        options = [option for device in devices for option in ('--device', device)]
        options += ['--pair-window', window_min]
        self.ctl('hub', 'add', self.dir, name, '--out', bundle, '--heartbeat', heartbeat_s, '--utc-offset', 0,
                 *options)
        return bundle

    def ports(self):
        """The UDP ports that hubs send to, as text: what a hub's packet filter must let through."""
        found = re.findall(r'^(?:port|enrol) *= *(\d+)$', (self.dir / 'clinic.conf').read_text(), re.M)
        return sorted({str(self.port), ENROL_PORT, *found})

    def start(self, **environment):
        """Start clinicd and wait until it listens."""
        log = open(self.folder / 'clinicd.log', 'ab')
        start = (self.folder / 'clinicd.log').stat().st_size
        self._process = subprocess.Popen([self.build / 'clinicd', '--dir', self.dir], stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log, env={**os.environ, **environment})
        log.close()
        end = time.monotonic() + 10
        while b'listening' not in (self.folder / 'clinicd.log').read_bytes()[start:]:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f'clinicd does not start: {self.log()[-500:]}')
            time.sleep(0.02)

    def stop(self, kill=False):
        """End clinicd: in order, or as the power does."""
        if self._process and self._process.poll() is None:
            self._process.kill() if kill else self._process.terminate()
        if self._process:
            self._process.wait(20)
        self._process = None

    def ended(self):
        """True if clinicd has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def log(self):
        """All that clinicd said."""
        return (self.folder / 'clinicd.log').read_text(errors='replace')

    def readings(self, raw=False, information=False):
        """Return every reading of the store, opened: a list of dicts as in clinicctl(1), numbers as text.

        raw: with their octets; information: also what devices said of themselves.
        """
        readings = self._lines('readings', self.dir, '--json', *(['--raw'] if raw else []))
        return [r for r in readings if 'not_filed' not in r and (information or r['kind'] != 'device information')]

    def held(self):
        """Return every reading that is here and not filed, such as of a hub that has locked itself, opened."""
        return [r for r in self._lines('held', self.dir, '--open', '--json') if r['kind'] != 'device information']

    def _lines(self, *arguments):
        return [json.loads(line, parse_int=str, parse_float=str) for line in self.ctl(*arguments).splitlines()]

    def wait_readings(self, count, seconds, pump=time.sleep):
        """Wait until there are `count` readings; returns them. More than that is an error."""
        end = time.monotonic() + seconds
        while True:
            readings = self.readings()
            if len(readings) > count:
                raise AssertionError(f'{len(readings)} readings at the clinic, want {count}: {readings}')
            if len(readings) == count:
                return readings
            if time.monotonic() > end:
                raise AssertionError(f'{len(readings)} of {count} readings at the clinic after {seconds} s')
            pump(0.2)


class Rig:
    """A clinic, one hub of it, and the disks to boot that hub with."""

    def __init__(self, build='build', folder=None, keep=False, specs=(device_spec('bp'),), window_min=10,
                 signers=()):
        """specs: what the clinic knows of the hub's devices, see device_spec; window_min: see add_hub; signers: (name, role) of people
        that the hub knows."""
        self.specs, self.window_min, self.signers = specs, window_min, signers
        self.build = pathlib.Path(build).resolve()
        self._own = folder is None and not keep
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix='hub-rig-'))
        self.clinic = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clinic = Clinic(self.build, self.folder, HOST_IN_GUEST)
        for name, role in self.signers:
            self.clinic.ctl('signer', 'add', self.clinic.dir, name, '--role', role)
        bundle = self.clinic.add_hub(devices=self.specs, window_min=self.window_min)
        self.overlay, self.data = self.folder / 'hub.sqfs', self.folder / 'data.img'
        self._make_disks(bundle)
        return self

    def _make_disks(self, bundle):
        tree = self.folder / 'tree'
        make = ['make', '-s', '-C', TOP, f'O={self.build}', f'DESTDIR={tree}', 'install-hub']
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        ports = self.clinic.ports()
        (tree / 'usr/lib/hub/nftables/ports.nft').write_text(f'define CLINIC_PORTS = {{ {", ".join(ports)} }}\n')
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay], check=True)
        subprocess.run([TWIN_SH, 'data', bundle, self.data], check=True)

    def make_boot_disk(self, files):
        """What the first partition of a card is, with these files (name: bytes); ext4 here. Returns its path."""
        folder, disk = self.folder / 'boot', self.folder / 'boot.img'
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        disk.unlink(missing_ok=True)
        with open(disk, 'wb') as file:
            file.truncate(4 << 20)
        mkfs = shutil.which('mkfs.ext4') or '/sbin/mkfs.ext4'
        subprocess.run([mkfs, '-q', '-L', 'HUBBOOT', '-d', folder, disk], check=True)
        return disk

    def boot(self, **options):
        """Return a Twin, not started yet: use it with `with`."""
        return Twin(overlay=self.overlay, data=self.data, device_disk=self.folder / 'devices.img',
                    folder=self.folder / 'guest', **options)

    def __exit__(self, *_):
        if self.clinic:
            self.clinic.stop()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)


__all__ = ['Clinic', 'HOST_IN_GUEST', 'Rig', 'TWIN_SH', 'Twin', 'TwinError', 'device_spec', 'has_said', 'names', 'TOP']
