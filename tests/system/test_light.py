#!/usr/bin/env python3
"""The patient's light in the device: a LED of the kernel's LED class, handed to hubd by systemd.

usage: test_light.py FOLDER      FOLDER holds the built programs

Debian's kernel has no LEDs of user space, but the bench's keyboard has some: its caps lock stands for the one lamp of a board.
hubd sees no device and nothing of /sys, and lights it; while somebody looks for it, it has to go on and off.
"""
import subprocess
import sys

from rig import Rig, TWIN_SH, TwinError, has_said

LAMP = '/sys/class/leds/input0::capslock'

WATCH = f"""
import time
end, seen = time.monotonic() + 12, ""
while time.monotonic() < end:
    now = open("{LAMP}/brightness").read().strip()
    seen += now if not seen.endswith(now) else ""
    time.sleep(0.01)
print(seen)"""


class LightRig(Rig):
    """A hub on a board with one lamp and nothing else."""

    def _make_disks(self, bundle):
        super()._make_disks(bundle)
        tree = self.folder / 'tree'
        lamp = tree / 'etc/hub/board/single'
        lamp.unlink()
        lamp.symlink_to(LAMP)
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay], check=True)


def lit(twin):
    """Is it?"""
    return int(twin.sh(f'cat {LAMP}/brightness')) > 0


def want(what, true):
    """Say what is not so."""
    if not true:
        raise AssertionError(f'not so: {what}')


def run(twin):
    """All of it."""
    want('the bench has a keyboard with a lamp', twin.sh(f'test -d {LAMP}; echo $?').strip() == '0')
    has_said(twin, 'hubd', 'board lamps=1 beeper=0 display=0', 120)
    pid = twin.sh('systemctl show -P MainPID hubd').strip()
    opened = twin.sh(f'ls -l /proc/{pid}/fd')
    want(f'the lamp is open in hubd: {opened}', 'capslock/brightness' in opened)
    want('hubd sees nothing of /sys', twin.sh(f'ls /proc/{pid}/root/sys 2>/dev/null | wc -l').strip() == '0')
    want('its trigger is gone', '[none]' in twin.sh(f'cat {LAMP}/trigger'))
    # a watcher in the guest itself, as a look from here takes longer than a flash
    seen = twin.sh(f'/usr/bin/python3 -c \'{WATCH}\'', seconds=120).strip()
    want(f'it flashes: {seen}', '010' in seen and set(seen) == {'0', '1'})
    # with its sockets: whoever calls it would have it started again
    twin.sh("systemctl stop 'hubd-*.socket' hubd")
    want('hubd has ended', twin.sh('systemctl is-active hubd; true').strip() == 'inactive')
    want('it is dark when hubd has ended', not lit(twin))
    twin.sh('systemctl start hubd')
    print(f'ok   the lamp is lit in its pattern ({seen}), dark at the end', flush=True)


def main():
    """One boot."""
    with LightRig(sys.argv[1]) as rig:
        rig.clinic.start()
        with rig.boot() as twin:
            twin.wait('booted', 300)
            try:
                run(twin)
            except (TwinError, AssertionError) as error:
                print(f'FAILED the light in the device: {error}')
                print(twin.sh('journalctl -b --no-pager -o cat -u hubd | tail -n 20; ls -l /etc/hub/board; ls /sys/class/leds', check=False))
                return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
