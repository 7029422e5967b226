#!/usr/bin/env python3
"""What ends level 2, half an hour later, while a cuff and an oximeter go on measuring: every reading is at the clinic, once.

    test_release.py [BUILD]      default build; needs what test_system.py needs

    level 0 -> its audit log is broken (T14) -> level 2 -> the clinic's order, too early: refused; half an hour later: level 0
            -> broken once more -> level 2 -> 20 digits over the telephone, at the serial line: too early; half an hour later: level 0

The half hour is later.c's: the hub's services start anew in a time name space whose clocks are ahead, each in the sandbox of its unit.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

from household import specs
from locked import BREAK_LOG, Cable, Locked, LockedRig, want
from rig import TWIN_SH, TwinError

NAMES = ['cuff', 'oximeter']
SIGNERS = [('doc', 'clinician'), ('sec', 'clinic-security')]
SERVICES = ' '.join(f'{name}.service' for name in ('hubd', 'hub-store', 'hub-ble', 'hub-coap', 'hub-console'))
HALF_AN_HOUR_S = 1900


class LaterRig(LockedRig):
    """A hub whose image also has what starts services later than it is."""

    def _make_disks(self, bundle):
        super()._make_disks(bundle)
        tree = self.folder / 'tree'
        folder = tree / 'usr' / 'libexec' / 'hub-later'
        folder.mkdir()
        source = pathlib.Path(__file__).with_name('later.c')
        subprocess.run([os.environ.get('CC', 'gcc'), '-std=gnu17', '-D_GNU_SOURCE', '-O2', '-static', '-Wall', '-Werror',
                        '-o', folder / 'later', source], check=True)
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay, '/usr/libexec/hub-later/'], check=True)


class LaterHome(Locked):
    """The home, and how much later it is in it."""

    def __init__(self, rig, twin, devices):
        super().__init__(rig, twin, devices)
        self.later_s = 0
        twin.sh('cp /usr/lib/systemd/systemd-executor /run/later-executor; '
                'mount --bind /usr/libexec/hub-later/later /usr/lib/systemd/systemd-executor; systemctl daemon-reexec', seconds=180)

    def half_an_hour(self):
        """It is half an hour later for the hub's services."""
        starts, challenge = self.said('hubd', 'lockdown level='), self.status().get('challenge')
        self.later_s += HALF_AN_HOUR_S
        self.twin.sh(f'echo {self.later_s} >/run/later; systemctl restart {SERVICES}', seconds=180)
        self.until('hubd has started', lambda: self.said('hubd', 'lockdown level=') > starts)
        up = float(self.twin.sh('cut -d" " -f1 /proc/uptime'))
        hub = float(self.twin.sh('nsenter --time --target $(systemctl show -p MainPID --value hubd.service) cut -d" " -f1 /proc/uptime'))
        want(f'hubd is on for {hub:.0f} s, the machine for {up:.0f} s', hub - up > self.later_s - 60)
        self.until('the clinic has its new challenge', lambda: self.status().get('challenge') not in (None, challenge))

    def order_ends(self, counter, state):
        """Wait until the hub has said what became of an order; returns what."""
        def order():
            said = self.rig.clinic.ctl('command', 'show', self.rig.clinic.dir, 'home', counter, '--json')
            return json.loads(said)
        self.until(f'order {counter} is {state}', lambda: order()['state'] == state)
        return order().get('result', '')

    def break_log(self):
        """Level 2, by a cause that nothing measures again."""
        self.twin.unit('stop', 'hub-store.service')
        self.twin.sh(f'python3 - <<"EOF"\n{BREAK_LOG}\nEOF')
        self.twin.unit('start', 'hub-store.service')
        self.level(2)
        self.measure_both()
        want('both are filed, with a mark', self.wait_all() == {(True, False)})
        self.clinic_knows(2)

    def released(self):
        """All is as it was."""
        self.level(0)
        self.clinic_knows(0)
        want('state.db is open', 'state.db' in self.twin.sh('ls -l /proc/$(systemctl show -p MainPID --value hub-store.service)/fd'))
        self.measure_both()
        want('both are filed, without a mark', self.wait_all() == {(False, False)})


def test_normal(home):
    """Both are paired; what they measure is filed."""
    home.pair_both()
    home.measure_both()
    want('both are filed, without a mark', home.wait_all() == {(False, False)})


def test_order(home):
    """The clinic's order, from afar."""
    clinic = home.rig.clinic
    home.break_log()
    home.until('the clinic has a challenge', lambda: home.status().get('challenge'))

    def order():
        return json.loads(clinic.ctl('release', clinic.dir, 'home', '--as', 'sec', '--reason', 'log looked at', '--json'))['counter']

    early = home.order_ends(order(), 'refused')
    want(f'too early: {early!r}', 'not locked long enough' in early)
    home.half_an_hour()
    want('it is level 2 still', home.status().get('level') == 2)
    home.measure_both()
    want('both are filed, with a mark', home.wait_all() == {(True, False)})
    home.order_ends(order(), 'done')
    home.released()


def test_digits(home):
    """20 digits that somebody reads out, at the serial line, with the button."""
    clinic = home.rig.clinic
    home.break_log()

    def digits(cable):
        said = json.loads(clinic.ctl('token', clinic.dir, 'home', cable.challenge(), '--voice', '--level', '0', '--by', 'Ann',
                                     '--reason', 'by telephone', '--json'))
        return said['code']

    cable = Cable(home)
    said = cable.press_for(f'release {digits(cable)}')
    want(f'too early: {said!r}', 'NO too-early' in said)
    home.half_an_hour()
    cable.again()
    said = cable.press_for(f'release {digits(cable)}')
    want(f'released: {said!r}', '\nOK' in said)
    home.released()


TESTS = [test_normal, test_order, test_digits]


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else 'build'
    with LaterRig(build, specs=specs(NAMES), signers=SIGNERS) as rig:
        rig.clinic.start()
        with rig.boot(devices=NAMES) as twin:
            twin.wait('booted', 400)
            home = LaterHome(rig, twin, NAMES)
            for test in TESTS:
                print(f'{test.__name__} at {time.monotonic() - twin.started:.0f} s', flush=True)
                try:
                    test(home)
                except (AssertionError, TwinError):
                    print(twin.sh('journalctl -b --no-pager -o short-monotonic -n 120 -u "hub*"', check=False), flush=True)
                    raise
    print('ok')


if __name__ == '__main__':
    main()
