#!/usr/bin/env python3
"""A USB stick that somebody puts in, and one by which a technician takes what a hub without a network has to the clinic.

    test_stick.py [BUILD]      default build; needs what test_system.py needs

Nobody is logged in: it is level 1, and nothing else happens (A-05, A-08); the clinic's order ends that at once, and what stays in counts once. No network: two readings are measured; the token of two people and the button let it in for one
verb; what it holds then is imported by the clinic, and is there once although the hub sends it, too, when it has its network again.
"""
import re
import subprocess
import sys
import time

from household import specs
from locked import Cable, Locked, LockedRig, want
from rig import TwinError

NAMES = ['cuff', 'oximeter']
SIGNERS = [('doc', 'clinician'), ('sec', 'clinic-security'), ('tech', 'technician')]


def make_stick(path):
    """A FAT file system of 32 MB on a disk without partitions, as some sticks come."""
    with open(path, 'wb') as file:
        file.truncate(32 << 20)
    subprocess.run(['mkfs.vfat', '-n', 'STICK', path], check=True, stdout=subprocess.DEVNULL)
    return path


def usb(twin):
    """What the kernel has of USB: devices that are let in, disks."""
    said = twin.sh("for d in /sys/bus/usb/devices/*/authorized; do [ -e ${d%/*}/idVendor ] && echo ${d%/authorized} $(cat $d) $(cat ${d%/*}/serial); "
                   "done; echo disks $(ls /sys/block | grep ^sd)")
    sticks = [line.split()[1] for line in said.splitlines() if 'BENCH-STICK' in line]
    return sticks, said.splitlines()[-1].split()[1:]


def export(cable):
    """The verb, the button, and its answer."""
    return cable.press_for('export-queue', r'\n(OK|NO)[^\n]*\n', 120)


def test_release(home, clinic):
    """The clinic's order ends level 1, while the stick is still in its port: it is not new at the next look."""
    home.until('the clinic may release it', lambda: home.status().get('challenge'))
    want('and reads so', 'guarded, until it is released' in clinic.ctl('status', clinic.dir, 'home'))
    clinic.ctl('release', clinic.dir, 'home', '--as', 'sec', '--reason', 'a stick that nobody misses')
    home.until('it is level 0', lambda: home.said('hubd', 'noticed level=0 before=1'))
    home.clinic_knows(0)
    home.look(0)
    want('the stick counts once', home.said('hubd', 'incident by=measure what=usb') == 1 and home.status()['level'] == 0)
    want('there is nothing to release any more', home.status()['challenge'] is None)


def run(home, rig, twin):
    """All of it."""
    clinic = rig.clinic
    home.pair_both()
    home.measure_both()
    want('both are at the clinic', home.wait_all() == {(False, False)})
    stick = make_stick(rig.folder / 'stick.img')
    twin.plug(stick)
    home.until('the stick is seen', lambda: usb(twin)[0])
    want(f'and not let in: {usb(twin)}', usb(twin) == (['0'], []))
    twin.sh('systemctl start hub-measure.service', seconds=180)
    home.until('it is level 1', lambda: home.said('hubd', 'noticed level=1 before=0'))
    home.clinic_knows(1)
    home.measure_both()
    want('both are filed, without a mark', home.wait_all() == {(False, False)})
    test_release(home, clinic)
    twin.unplug()
    cable = Cable(home)
    twin.link(False)
    home.measure_both()
    home.until('both are saved', lambda: home.said('hubd', 'light state=saved'))
    cable.login('doc', 'sec', more=['--verb', 'export-queue'])
    said = export(cable)
    want(f'without a stick: {said!r}', 'NO no-stick' in said)
    twin.plug(stick)
    home.until('the stick is seen', lambda: usb(twin)[0])
    said = export(cable)
    want(f'two records: {said!r}', re.search(r'\nOK', said))
    home.until('it is let out again', lambda: usb(twin) == (['0'], []))
    want('it is not mounted', 'hub-stick' not in twin.sh('grep " /run/hub-stick/folder " /proc/*/mounts', check=False))
    twin.unplug()
    files = subprocess.run(['mdir', '-b', '-i', stick, '::'], check=True, text=True, stdout=subprocess.PIPE).stdout.split()
    want(f'one file: {files}', len(files) == 1 and re.search(r'hub-[0-9a-f]{8}-queue-1\.stick$', files[0]))
    subprocess.run(['mcopy', '-n', '-i', stick, files[0], rig.folder / 'export'], check=True)
    print('  ' + clinic.ctl('import', clinic.dir, rig.folder / 'export').replace('\n', '\n  '))
    want('both are at the clinic, without a network', home.wait_all() == {(False, False)})
    twin.link(True)
    home.measure_both()
    want('and once, with it', home.wait_all() == {(False, False)})
    cable.ask('logout')
    cable.end.close()


def main():
    """One boot."""
    build = sys.argv[1] if len(sys.argv) > 1 else 'build'
    with LockedRig(build, specs=specs(NAMES), signers=SIGNERS) as rig:
        rig.clinic.start()
        with rig.boot(devices=NAMES) as twin:
            twin.wait('booted', 400)
            try:
                run(Locked(rig, twin, NAMES), rig, twin)
            except (AssertionError, TwinError):
                print(twin.sh('journalctl -b --no-pager -o short-monotonic -n 160 -u "hub*"; dmesg | tail -30', check=False), flush=True)
                raise
            print(f'ok at {time.monotonic() - twin.started:.0f} s')


if __name__ == '__main__':
    main()
