#!/usr/bin/python3
"""test_visit.py - a technician's visit with 'clinicctl visit': real hub-ble, hub-store, hub-coap, hubd and clinicd.

usage: test_visit.py FOLDER      FOLDER holds the programs

Only bluetoothd is scripted (fake_bluez.py), and the technician is: answers go to standard input when they are asked for.
"""
import fcntl
import json
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'system'))
from test_kills import DEVICE, Home  # noqa: E402  says SKIP by itself if D-Bus is not there
import dbus  # noqa: E402

LOSSES, STOPPED, NO_INPUT = 3, 1, 66
WAITS_S = 17  # a little more than the walk test wants


class Visit:
    """One run of the verb."""

    def __init__(self, home, *more):
        self.home, self.text, self.at = home, '', 0
        self.process = subprocess.Popen([home.build / 'clinicctl', 'visit', home.dir / 'clinic', 'home', *more],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        fcntl.fcntl(self.process.stdout, fcntl.F_SETFL, os.O_NONBLOCK)

    def _said(self, what):
        data = self.process.stdout.read()
        self.text += data.decode() if data else ''
        found = self.text.find(what, self.at)
        self.at = found + len(what) if found >= 0 else self.at
        return found >= 0

    def expect(self, what, answer=None):
        """Until it says so, behind what it said before; then the answer."""
        try:
            self.home.wait(f'{what!r}', lambda: self._said(what))
        except AssertionError as error:
            raise AssertionError(f'{error}\n--- said:\n{self.text}') from None
        if answer is not None:
            self.process.stdin.write(answer.encode() + b'\n')
            self.process.stdin.flush()

    def end(self, code):
        """It ends by itself."""
        self.home.wait('the end of the visit', lambda: self.process.poll() is not None)
        self._said('\0')
        assert self.process.returncode == code, (self.process.returncode, self.text)
        for value in ('mmHg', 'systolic', r'\b10[1-3]\b(?! ms)'):
            assert not re.search(value, self.text), f'{value} in: {self.text}'
        return self.text


def shown(home):
    """What is written down: (step, outcome, by, words)."""
    lines = home.ctl('visit', home.dir / 'clinic', 'home', '--show', '--json').splitlines()
    return [(e['step'], e['outcome'], e['by'], e['words']) for e in map(json.loads, lines)]


def main():
    """A visit that is stopped, goes on, and has one failure; then another begins."""
    home = Home(sys.argv[1], None)
    try:
        home.ctl('signer', 'add', home.dir / 'clinic', 'tech', '--role', 'technician')
        home.ctl('signer', 'give', home.dir / 'clinic', 'home')
        visit = Visit(home, '--by', 'Anna')
        visit.expect('Step 1 of 10')
        visit.expect('PASSED')
        visit.expect('right person', 'what?')
        visit.expect('Please answer')
        visit.expect('right person', 'yes')
        visit.expect('label: ')
        visit.expect('light: ')
        visit.expect('not yet: order a test')
        home.wait('the new config', lambda: home.config()['state'] == 'in-use')
        home.ctl('test', home.dir / 'clinic', 'home', '--as', 'tech', '--reason', 'visit', '--minutes', '30')
        visit.expect('found: the hub is active here, its code is ')
        code = re.match('[1-6]-[1-6]-[1-6]', visit.text[visit.at:]).group()
        home.wait('the code of the light', lambda: (home.dir / 'bundle/hubd/light').read_text() == f'code {code}')
        visit.expect(f'flash {code}?', 'stop')
        visit.end(STOPPED)
        assert [e[:3] for e in shown(home)] == [('plan', 'passed', 'Anna'), ('consent', 'passed', 'Anna')], shown(home)
        print('ok stopped, and written down')

        visit = Visit(home, '--by', 'Anna')
        visit.expect('Step 2 of 10: Who it is for: passed before')
        visit.expect(f'flash {code}?', 'y')
        visit.expect('stand well?', 'y')
        visit.expect('Step 5 of 10')
        visit.expect('PASSED')
        visit.expect('Step 6 of 10')
        visit.expect('not yet: ')
        home.cuff.change(DEVICE, RSSI=dbus.Int16(-62))
        home.measure(101)
        home.wait('a light that says more than the code', lambda: 'code' not in (home.dir / 'bundle/hubd/light').read_text())
        visit.expect('found: 1 paired, and a test reading of each has come; device 1: -62 dBm, ')
        visit.expect('PASSED')
        visit.expect('Step 7 of 10')
        visit.expect('not yet: no reading came that had waited')
        network = home.hold('hub-coap')
        home.measure(102)
        end = time.monotonic() + WAITS_S
        home.wait('some time without the network', lambda: time.monotonic() > end)
        home.release(network)
        visit.expect('in the hub, and then came')
        visit.expect("'reached the clinic'?", 'y')
        visit.expect('Step 8 of 10')
        visit.expect('not yet: ')
        home.measure(103)
        visit.expect('without your help?', 'y')
        visit.expect('leave it?', 'n')
        visit.expect('What is wrong?', 'no card in the bag')
        visit.expect('FAILED')
        visit.expect('sign this off?', 'y')
        text = visit.end(LOSSES)
        assert '8 passed, 1 failed: card; configuration 2 with hash ' in text and ', software ' in text, text
        entries = shown(home)
        assert [e[0] for e in entries] == ['plan', 'consent', 'label', 'place', 'uplink', 'devices', 'walk', 'patient',
                                           'card', 'sign-off'], entries
        assert entries[8][1:] == ('failed', 'Anna', 'no card in the bag'), entries
        print('ok signed off with what failed')

        visit = Visit(home)
        visit.expect('right person', 'y')
        visit.process.stdin.close()
        visit.end(STOPPED)
        assert len(shown(home)) == 12, shown(home)
        other = subprocess.run([home.build / 'clinicctl', 'visit', home.dir / 'clinic', 'nobody'], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert other.returncode == NO_INPUT and "no hub 'nobody'" in other.stderr, other
        print('ok another visit begins; an unknown hub is told')
    finally:
        home.close()


if __name__ == '__main__':
    main()
