#!/usr/bin/env python3
"""A hub that locks itself while a cuff and an oximeter go on measuring: every reading is at the clinic, once, at each level.

    test_lockdown.py [BUILD]      default build; needs what test_system.py needs

    level 0 -> code that nobody built, in a process of the hub's (T12) -> level 2 -> its audit log is broken, too (T14): two that measure -> level 3
            -> a token of two people at the serial line -> level 0, watched for a day
            -> a packet of a process that has none to send (T16): one is enough now -> level 3
            -> retired at the serial line by two people -> level 4 -> drained, and the clinic has retired it

Level 1 is in test_stick.py, what ends level 2, which takes half an hour, in test_release.py.
"""
import json
import re
import sys
import time

from household import specs
from locked import BREAK_LOG, Cable, Locked, LockedRig, journal_s, want
from rig import TwinError, has_said, names

NAMES = ['cuff', 'oximeter']
SIGNERS = [('doc', 'clinician'), ('sec', 'clinic-security'), ('tech', 'technician')]
EVIL = '/run/evil'
LOCKED_WITHIN_S = 2.0
# a socket is there for a moment only: nobody who looks at sockets sees it
SENDS = """
import os, socket
os.setuid(951)
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.0.2.2", 9))
except PermissionError:
    print("refused")
"""


def test_normal(home):
    """Both are paired; what they measure is filed. Nothing is found: nothing of a whole hub's was dropped by its packet filter."""
    home.look(0)
    home.pair_both()
    home.measure_both()
    want('both are filed, without a mark', home.wait_all() == {(False, False)})


def test_level_2(home):
    """Code that nobody built: seen by hub-measure; state.db closes in time, readings go on and have a mark."""
    home.twin.sh(f'cp /usr/bin/sleep {EVIL}; systemd-run --uid=hub-ble --unit=evil {EVIL} 100000')
    home.twin.sh('systemctl start hub-measure.service', seconds=180)
    home.level(2)
    has_said(home.twin, 'hub-store', 'state-closed level=2', 60)
    took = journal_s(home.twin, 'hub-store', 'state-closed level=2') - journal_s(home.twin, 'hubd', 'incident by=measure')
    print(f'  trigger to the key of state.db gone: {took * 1000:.0f} ms')
    want(f'within {LOCKED_WITHIN_S:.0f} s', took <= LOCKED_WITHIN_S)
    home.measure_both()
    want('both are filed, with a mark', home.wait_all() == {(True, False)})
    home.clinic_knows(2)


def test_snapshot(home):
    """hubd has a locked hub looked at once more, and what it looked like comes to the clinic."""
    clinic, got = home.rig.clinic, {}
    for _ in range(180):
        text = clinic.ctl('evidence', clinic.dir, 'home', '--json', check=False)
        got = json.loads(text) if text else {}
        if got.get('snapshots') and got['snapshots'][-1]['whole']:
            break
        home.twin.drain(1)
    want('it is whole, and signed by the key of the evidence',
         [(s['level'], s['whole'], s['key_known']) for s in got.get('snapshots', [])] == [(2, True, True)])
    folder = home.rig.folder / 'evidence'
    clinic.ctl('evidence', clinic.dir, 'home', '--out', folder)
    there = {p.name: p.read_bytes() for p in (folder / str(got['snapshots'][0]['number'])).iterdir()}
    print('  ' + ', '.join(f'{n} {len(b)}' for n, b in sorted(there.items())))
    want('the code that nobody built is in it', f'unowned {EVIL}'.encode() in there['files'])
    want('services, sockets and the kernel\'s log are', b'hub-store.service' in there['services'] and there['kernel-log'])
    audit = [f'--log={folder / str(got["snapshots"][0]["number"]) / n}' for n in there if n.startswith('audit-')]
    want('the audit log is', audit)
    clinic.ctl('audit', 'verify', clinic.dir, 'home', *audit, check=False)


def test_level_3(home):
    """A second thing that another process measures: sealed. The share is gone, readings go on and are held."""
    home.twin.unit('stop', 'hub-store.service')
    home.twin.sh(f'python3 - <<"EOF"\n{BREAK_LOG}\nEOF')
    home.twin.unit('start', 'hub-store.service')
    home.level(3)
    home.measure_both()
    want('both are held', {held for _mark, held in home.wait_all()} == {True})
    shares = home.twin.sh('ls /var/lib/hub/hubd').split()
    print(f'  hubd has {" ".join(shares)}')
    want('state.db is not open', 'state.db' not in home.twin.sh(
        'ls -l /proc/$(systemctl show -p MainPID --value hub-store.service)/fd', check=False))


def test_console(home):
    """A technician sees what is wrong and nothing of the patient, and a token of two people ends level 3."""
    twin, cable = home.twin, Cable(home)
    twin.sh('systemctl stop evil.service', check=False)
    home.look(0)
    said = cable.ask('status')
    print('  ' + said.replace('\r', '').replace('\n', '\n  '))
    want('it says the level', 'level 3' in said)
    cable.login('sec', 'doc', more=['--level', '0'])
    seen = [cable.ask(verb) for verb in ('help', 'diagnose')]
    print('  ' + seen[1].replace('\r', '').replace('\n', '\n  '))
    for device in (0, 1):
        for canary in (names.address(device), names.passkey(device), *(v for _n, v in home.taken[device][-3:])):
            want(f'nothing says {canary}', not any(re.search(rf'\b{re.escape(str(canary))}\b', s) for s in seen))
    want('released', '\nOK' in cable.press_for('release'))
    home.level(0)
    cable.ask('logout')
    home.cable = cable
    home.measure_both()
    want('both are filed, without a mark', home.wait_all() == {(False, False)})


def test_packet(home):
    """What the packet filter dropped locks; a hub that was just released is sealed by one such thing."""
    want('it cannot send', 'refused' in home.twin.sh(f"python3 -c '{SENDS}'"))
    home.look(1)
    home.level(3)
    want('it was a socket', 'what=socket' in home.twin.sh('journalctl -b --no-pager -o cat _SYSTEMD_UNIT=hubd.service'))
    home.measure_both()
    want('both are held', {held for _mark, held in home.wait_all()} == {True})


def test_level_4(home):
    """Two people at the serial line end its life: what it still has is delivered, and the clinic has retired it."""
    twin, clinic, cable = home.twin, home.rig.clinic, home.cable
    twin.link(False)
    home.measure_both()
    home.until('both are saved', lambda: home.said('hubd', 'light state=saved'))
    cable.login('sec', 'doc', more=['--retire', 'drain'])
    said = cable.press_for('retire', r'\n(OK|NO)[^\n]*\n')
    want(f'it is taken: {said!r}', '\nOK' in said)
    home.level(4)
    want('nothing of that is at the clinic', all(len(home.at_clinic(d)) == len(home.taken[d]) - 1 for d in home.taken))
    twin.link(True)
    want('both are held', {held for _mark, held in home.wait_all()} == {True})

    def retired():
        known = json.loads(clinic.ctl('status', clinic.dir, 'home', '--json', check=False))
        return (known['state'], known['missing']) == ('retired', 0)

    home.until('it is retired, and nothing is missing', retired, 180)


TESTS = [test_normal, test_level_2, test_snapshot, test_level_3, test_console, test_packet, test_level_4]


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else 'build'
    with LockedRig(build, specs=specs(NAMES), signers=SIGNERS) as rig:
        rig.clinic.start()
        with rig.boot(devices=NAMES) as twin:
            twin.wait('booted', 400)
            home = Locked(rig, twin, NAMES)
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
