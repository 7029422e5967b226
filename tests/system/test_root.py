#!/usr/bin/env python3
"""Where the root secret comes from, on the device: systemd credentials with host key and with a TPM 2.0.

usage: test_root.py FOLDER      FOLDER holds the built programs; needs swtpm and the TSS libraries of Debian

One disk, four boots: a hub set up with root.key moves to its TPM; the same TPM again; another TPM; no TPM.
"""
import pathlib
import shutil
import subprocess
import sys

from rig import Rig, TOP, TWIN_SH, has_said

STORE = '/var/lib/hub/store'
CREDENTIAL = '/etc/credstore.encrypted/hub-root'  # a link to the data disk, see below
LIBRARIES = pathlib.Path('/usr/lib/x86_64-linux-gnu')
VALUES = {'sys': '187', 'dia': '113', 'map': '139', 'pulse': '107', 'unit': 'mmHg'}


def skip(why):
    """Not run, and why: exit status 77."""
    print(f'SKIP: {why}', flush=True)
    sys.exit(77)


class RootRig(Rig):
    """A hub whose image asks for the credential and can talk to a TPM."""

    def _make_disks(self, bundle):
        super()._make_disks(bundle)
        tree = self.folder / 'tree'
        drop_in = tree / 'etc/systemd/system/hub-store.service.d'
        drop_in.mkdir(parents=True)
        shutil.copy(TOP / 'rootfs/root-secret/credential.conf', drop_in)
        (tree / 'etc/credstore.encrypted').symlink_to('/var/lib/hub/credstore')
        found = [file for part in ('esys', 'mu', 'rc', 'sys', 'tcti-device')
                 for file in LIBRARIES.glob(f'libtss2-{part}.so.*')]
        if not found:
            skip('no TSS libraries here (packages libtss2-esys-3.0.2-0 and libtss2-tcti-device0)')
        libraries = tree / 'usr/lib/x86_64-linux-gnu'
        libraries.mkdir(parents=True, exist_ok=True)
        for file in found:
            shutil.copy(file, libraries)
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay], check=True)


def want(what, true):
    """Say what is not so."""
    if not true:
        raise AssertionError(f'not so: {what}')


def journal(twin):
    """All that was said about hub-store since the boot, by itself and by systemd."""
    return twin.sh('journalctl -b --no-pager -o cat -u hub-store')


def until(twin, pattern, seconds=60):
    """Wait until a line about hub-store is in the journal."""
    twin.sh(f"for i in $(seq {seconds}); do journalctl -b --no-pager -o cat -u hub-store | grep -q '{pattern}' && "
            f"exit 0; sleep 1; done; journalctl -b --no-pager -o cat -u hub-store | tail -30; exit 1",
            seconds=seconds + 30)


def encrypt(twin, key):
    """A new random root secret as a credential under that key."""
    twin.sh('mkdir -p -m700 /var/lib/hub/credstore; head -c 32 /dev/urandom | '
            f'systemd-creds encrypt --with-key={key} --name=hub-root - {CREDENTIAL}', seconds=120)


def secrets(twin):
    """What must not change when hub-store refuses: all that opens something."""
    return twin.sh(f'cd {STORE} && sha256sum root.key root.salt slots-a slots-b recovery 2>/dev/null; ls').strip()


def measure(rig, twin, count):
    """One measurement more is at the clinic."""
    twin.command('device.measure', **VALUES)
    twin.wait('confirmed', 90)
    twin.wait('disconnected', 30)
    rig.clinic.wait_readings(count, 90, twin.drain)


def test_host_key_then_tpm(rig, twin):
    """Set up with root.key; a credential under the host key takes over; what was measured goes on to arrive."""
    until(twin, 'root-secret from=file')
    has_said(twin, 'hub-ble', 'radio on=1', 120)
    twin.command('device.pair')
    twin.wait('paired', 120)
    twin.wait('subscribed', 60)
    measure(rig, twin, 1)
    want('root.key is there', 'root.key' in secrets(twin))
    want('and what the clinic needs should the board die', 'recovery' in secrets(twin).split())
    twin.sh('systemd-creds setup')
    encrypt(twin, 'host')
    twin.unit('restart', 'hub-store')
    until(twin, 'root-secret-moved from=file to=credential')
    want('root.key is gone', 'root.key' not in secrets(twin))
    measure(rig, twin, 2)


def test_tpm_seals(rig, twin):
    """The same 32 octets under the TPM: another envelope, the same root secret."""
    twin.sh('systemd-creds has-tpm2 || true')
    twin.sh(f'systemd-creds decrypt --name=hub-root {CREDENTIAL} - | systemd-creds encrypt --with-key=tpm2 '
            f'--name=hub-root - {CREDENTIAL}.new && mv {CREDENTIAL}.new {CREDENTIAL}', seconds=120)
    said = journal(twin).count('root-secret from=credential')
    twin.unit('restart', 'hub-store')
    twin.drain(2)
    want('it started once more with the credential', journal(twin).count('root-secret from=credential') == said + 1)
    measure(rig, twin, 3)


def test_same_tpm(rig, twin):
    """After a power cut, with the same TPM."""
    until(twin, 'root-secret from=credential')
    want('no other provider was in force', 'root-secret from=file' not in journal(twin))
    has_said(twin, 'hub-ble', 'radio on=1', 120)
    measure(rig, twin, 4)


def test_other_tpm(rig, twin):
    """Card in another hub: systemd cannot open the credential, hub-store does not run, nothing changes."""
    until(twin, 'Failed to set up credentials')
    before = secrets(twin)
    twin.drain(10)
    want('nothing changed', secrets(twin) == before)
    want('hub-store never had a root secret', 'root-secret from=' not in journal(twin))
    want('and the radio is off', not any('radio on=1' in e['line'] for e in twin.seen('log', unit='hub-ble')))


def test_no_credential(rig, twin):
    """The credential is gone: hub-store itself says what is missing and takes nothing."""
    before = secrets(twin)
    twin.sh(f'mv {CREDENTIAL} {CREDENTIAL}.away')
    twin.unit('restart', 'hub-store')
    until(twin, 'keys-fault.*credential hub-root, which is not there')
    want('nothing changed', secrets(twin) == before)
    want('the clinic has what it had', len(rig.clinic.readings()) == 4)


def test_other_secret(rig, twin):
    """Another credential under a TPM that opens it: it is not the one."""
    before = secrets(twin)
    encrypt(twin, 'tpm2')
    twin.unit('restart', 'hub-store')
    until(twin, 'keys-fault.*not the one the hub was set up with')
    want('nothing changed', secrets(twin) == before)


def test_board_memory(rig, twin):
    """A folder of its own, and an nvmem device as the board's memory: systemd reads it for a hub-store without /sys."""
    memory = twin.sh('ls -d /sys/bus/nvmem/devices/*/nvmem | head -1').strip()
    want('this machine has an nvmem device', memory)
    run = ('systemd-run -q --unit=board-{n} -p User=hub-store -p StateDirectory=hub/board -p InaccessiblePaths=/sys '
           f'-p LoadCredential=hub-board:{memory} -p LimitMEMLOCK=64M '
           '/usr/libexec/hub/hub-store --state /var/lib/hub/board --run /run/hub')
    for n, made in ((1, 1), (2, 0)):
        twin.sh(run.format(n=n))
        twin.sh(f'for i in $(seq 30); do journalctl -b -o cat -u board-{n} | grep -q "root-secret from=board '
                f'made={made}" && break; sleep 1; done; journalctl -b -o cat -u board-{n}; systemctl stop board-{n}; '
                f'journalctl -b -o cat -u board-{n} | grep -q "root-secret from=board made={made}"', seconds=90)
    there = twin.sh('ls /var/lib/hub/board').split()
    want('the salt and no key lie there', 'root.salt' in there and 'root.key' not in there)


def test_back(rig, twin):
    """The right TPM and the right credential: as if nothing had been."""
    twin.sh(f'mv {CREDENTIAL}.away {CREDENTIAL}')
    twin.unit('restart', 'hub-store')
    until(twin, 'root-secret from=credential')
    has_said(twin, 'hub-ble', 'radio on=1', 120)
    measure(rig, twin, 5)


BOOTS = [('tpm-1', (test_host_key_then_tpm, test_tpm_seals)),
         ('tpm-1', (test_same_tpm,)),
         ('tpm-2', (test_other_tpm, test_no_credential, test_other_secret, test_board_memory)),
         ('tpm-1', (test_back,))]


def main():
    """Run all boots."""
    if not shutil.which('swtpm'):
        skip('no swtpm here (package swtpm)')
    with RootRig(sys.argv[1]) as rig:
        rig.clinic.start()
        for tpm, tests in BOOTS:
            with rig.boot(tpm=rig.folder / tpm) as twin:
                twin.wait('booted', 180)
                for test in tests:
                    test(rig, twin)
                    print(f'ok {test.__name__}: {test.__doc__.splitlines()[0]}', flush=True)


if __name__ == '__main__':
    main()
