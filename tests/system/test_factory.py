#!/usr/bin/env python3
"""A hub as it leaves the factory: its image, an empty data disk, and clinic.trust on the boot partition. Nothing is typed on it.

usage: test_factory.py FOLDER      FOLDER holds the built programs

One boot. The label that the hub says is claimed, it enrols, fetches its first configuration, the cuff is paired, and a reading
is at the clinic: within LIMIT_S seconds of the guest's time. Then it is to be reset: refused while a reading waits, done when none
does, and it enrols anew, with the same label. A second hub has a ticket: nobody claims it, and the ticket is erased where it lay.
"""
import os
import re
import subprocess
import sys
import time

from rig import Clinic, HOST_IN_GUEST, Rig, TWIN_SH, Twin, TwinError, device_spec
from ports import free_udp_port  # rig made its folder known

LIMIT_S = 180
STORE = '/var/lib/hub/store'
VALUES = {'sys': '128', 'dia': '82', 'map': '97', 'pulse': '71', 'unit': 'mmHg'}
FINGERPRINT = '(?:[A-Z2-7]{4} ){3}[A-Z2-7]{4}'


class FactoryRig(Rig):
    """A clinic with a port for enrolment, and a hub that nobody has added."""

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clinic = Clinic(self.build, self.folder, HOST_IN_GUEST)
        with open(self.clinic.dir / 'clinic.conf', 'a', encoding='ascii') as conf:
            conf.write(f'enrol = {free_udp_port()}\n')
        self.overlay, self.data = self.folder / 'hub.sqfs', self.folder / 'data.img'
        empty = self.folder / 'empty'
        empty.mkdir()
        self._make_disks(empty)
        said = self.clinic.ctl('trust', self.clinic.dir, '-o', self.folder / 'clinic.trust')
        self.fingerprint = re.search(FINGERPRINT, said).group()
        self.boot_disk = self.make_boot_disk({'clinic.trust': (self.folder / 'clinic.trust').read_bytes()})
        return self

    def boot(self, **options):
        return super().boot(boot_disk=self.boot_disk, **options)


def want(what, true):
    """Say what is not so."""
    if not true:
        raise AssertionError(f'not so: {what}')


def said(twin, unit, pattern, seconds=120, since=0):
    """What a unit said, at any time since the event of that number; waited for if need be. Returns the match."""
    end = time.monotonic() + seconds
    while True:
        for event in twin.events[since:]:
            if event['ev'] == 'log' and event['unit'] == unit:
                match = re.search(pattern, event['line'])
                if match:
                    return match
        if time.monotonic() > end:
            raise TwinError(f'{unit} did not say {pattern!r}')
        twin.drain(0.2)


def until(twin, what, condition, seconds=120):
    """Wait for something at the clinic."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TwinError(f'waited for {what}')
        twin.drain(0.5)


def uptime(twin):
    """Seconds of the guest since it was switched on."""
    return float(twin.sh('cat /proc/uptime').split()[0])


EDITOR = """import json, sys
text = json.load(open(sys.argv[-1], encoding='utf-8'))
text['heartbeat_s'], text['devices'] = 10, {'1': sys.argv[1]}
json.dump(text, open(sys.argv[-1], 'w', encoding='utf-8'))
"""


def configure(rig, twin, epoch):
    """What the clinic's people do when the hub has enrolled: its cuff, its patient."""
    until(twin, f'the hub to enrol, epoch {epoch}', lambda: re.search(
        f'(?m)^home +active +epoch {epoch}\\b', rig.clinic.ctl('enrol', 'list', rig.clinic.dir)))
    editor = rig.folder / 'editor.py'
    editor.write_text(EDITOR)
    done = subprocess.run([rig.clinic.build / 'clinicctl', 'config', 'edit', rig.clinic.dir, 'home', '--yes'], timeout=60,
                          capture_output=True, text=True,
                          env={**os.environ, 'VISUAL': '', 'EDITOR': f'{sys.executable} {editor} {device_spec("bp")}'})
    want(f'the configuration is signed: {done.stderr}', done.returncode == 0)
    rig.clinic.ctl('assign', rig.clinic.dir, 'home', '--patient', 'P-1', '--pair-window', 10)


def measure(twin):
    """One reading, with the cuff away again at the end."""
    twin.command('device.measure', **VALUES)
    twin.wait('disconnected', 90)


def first_reading(rig, twin):
    """From power-up to a reading at the clinic. Returns the label."""
    label = said(twin, 'hub-setup', r'label qr=(HUB1:[A-Z2-7]{56}) ').group(1)
    want('the fingerprint is the one that clinicctl trust has shown',
         said(twin, 'hub-setup', f'clinic-trust-taken .*fingerprint="({FINGERPRINT})"').group(1) == rig.fingerprint)
    rig.clinic.ctl('claim', rig.clinic.dir, label, '--name', 'home')
    claimed = uptime(twin)
    configure(rig, twin, 1)
    enrolled = uptime(twin)
    said(twin, 'hub-ble', 'radio on=1')
    said(twin, 'hubd', 'pairing-window id=.* state=open')
    twin.command('device.pair')
    paired = twin.wait('paired', 120)
    want('Secure Connections with a passkey', paired['auth'] and paired['sc'])
    twin.wait('subscribed', 60)
    measure(twin)
    reading = rig.clinic.wait_readings(1, 120, twin.drain)[0]
    end = uptime(twin)
    want('the reading says what was measured', {v['name']: v['value'] for v in reading['values']} ==
         {'systolic': '128', 'diastolic': '82', 'mean': '97', 'pulse': '71'})
    print(f'# seconds of the guest: claimed {claimed:.0f}, enrolled {enrolled:.0f}, first reading {end:.0f}', flush=True)
    want(f'first reading within {LIMIT_S} s', end <= LIMIT_S)
    return label


def restart(twin, units='hub.target'):
    """The hub's processes anew, as at power-up. Returns the number of the next event."""
    twin.drain()
    since = len(twin.events)
    twin.sh(f'systemctl stop {units} && systemctl start {units}', seconds=120)
    return since


def reset_refused(rig, twin):
    """A reading waits: nothing is erased, the reading arrives, and what was asked is not done later."""
    said(twin, 'hubd', 'light state=ready', 180)
    twin.link(False)
    twin.drain(2)
    before = len(twin.events)  # the first reading's light was the same
    measure(twin)
    said(twin, 'hubd', 'light state=saved', since=before)
    twin.sh(f'touch {STORE}/reset')
    since = restart(twin)
    said(twin, 'hub-store-reset', 'reset-refused unsent=1 do=', since=since)
    want('the request is gone', twin.sh(f'ls {STORE}').split().count('reset') == 0)
    twin.link(True)
    rig.clinic.wait_readings(2, 180, twin.drain)


def ask_for_reset(twin):
    """Again as long as something is on its way to the clinic. Returns the number of the event before it was done."""
    for _ in range(6):
        twin.drain(3)
        twin.sh(f'touch {STORE}/reset')
        since = restart(twin, 'hub.target bluetooth.service')
        if said(twin, 'hub-store-reset', 'reset-(begun|refused)', since=since).group(1) == 'begun':
            return since
    raise AssertionError('a reset was refused, though the clinic has all')


def reset(rig, twin, label):
    """Nothing waits: all of the clinic and the patient is gone, the label stays, and it may enrol again."""
    since = ask_for_reset(twin)
    said(twin, 'hub-reset-end', 'reset-done', since=since)
    said(twin, 'hub-reset-coap', 'identity-forgotten epoch=1', since=since)
    want('the same label', said(twin, 'hub-setup', 'label qr=([A-Z2-7:0-9]*)', since=since).group(1) == label)
    want('bluetoothd knows no device', twin.sh('find /var/lib/bluetooth -name info').strip() == '')
    want('no config is left', twin.sh('ls /var/lib/hub/hubd').split().count('config.good') == 0)
    configure(rig, twin, 2)
    said(twin, 'hubd', 'config-taken .*epoch=2', 180, since)


def ticket(rig):
    """Another hub lets itself in; of the ticket nothing is left on the boot partition, not even in what it has freed."""
    file = rig.folder / 'clinic.ticket'
    rig.clinic.ctl('ticket', 'create', rig.clinic.dir, '-o', file, '--name', 'lobby')
    secret, empty = file.read_bytes(), rig.folder / 'empty'
    disk, data = rig.make_boot_disk({'clinic.ticket': secret}), rig.folder / 'data-2.img'
    want('the ticket lies on the disk', secret[100:164] in disk.read_bytes())
    subprocess.run([TWIN_SH, 'data', empty, data], check=True)
    with Twin(overlay=rig.overlay, data=data, device_disk=rig.folder / 'devices-2.img', folder=rig.folder / 'guest-2',
              boot_disk=disk, boot_writable=True) as twin:
        twin.wait('booted', 300)
        until(twin, 'the hub to let itself in', lambda: re.search(
            r'(?m)^lobby +active +epoch 1\b', rig.clinic.ctl('enrol', 'list', rig.clinic.dir)), 180)
        until(twin, 'the ticket to be erased', lambda: 'clinic.ticket' not in twin.sh('ls /boot'), 60)
        want('/boot is read-only again', ' ro,' in twin.sh('grep " /boot " /proc/mounts'))
        twin.poweroff()
    want('nothing of the ticket is left', secret[100:164] not in disk.read_bytes())


def main():
    """Run all, in two boots."""
    with FactoryRig(sys.argv[1]) as rig:
        rig.clinic.start()
        with rig.boot() as twin:
            try:
                twin.wait('booted', 300)
                label = first_reading(rig, twin)
                print('ok first reading', flush=True)
                reset_refused(rig, twin)
                print('ok reset refused', flush=True)
                reset(rig, twin, label)
                print('ok reset, and enrolled anew', flush=True)
                twin.poweroff()
                ticket(rig)
                print('ok a ticket, erased', flush=True)
            except (TwinError, AssertionError, RuntimeError) as error:
                last = [f'{e["t"]:.1f} {e["unit"]}: {e["line"]}' for e in twin.seen('log')[-60:]]
                print(f'FAILED: {error}\n{rig.clinic.log()[-1500:]}', *last, sep='\n', flush=True)
                return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
