#!/usr/bin/env python3
"""hub-measure in the device: nothing is found in a hub as it was built, and what is planted is found.

    test_measure.py [BUILD]      default build; needs what test_system.py needs, and unsquashfs

A finding in a hub that is whole would lock hubs that are whole: that it is not there is the first thing to show.
"""
import json
import subprocess
import sys

from rig import Rig, has_said

EVIL = '/run/evil'


def want(what, ok):
    print(f'  {"ok  " if ok else "FAIL"} {what}', flush=True)
    if not ok:
        raise AssertionError(what)


def measure(twin):
    """One look; returns its lines in the journal."""
    twin.sh('systemctl start hub-measure.service', seconds=180)
    return twin.sh('journalctl -b --no-pager -o cat _SYSTEMD_UNIT=hub-measure.service', seconds=60)


def risk(rig, image):
    done = subprocess.run([rig.build / 'clinicctl', 'risk', rig.clinic.dir, 'home', '--image', image, '--json'],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 3):
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def evidence(rig, twin, image, counter):
    """Wait until this evidence is at the clinic."""
    for _ in range(60):
        got = risk(rig, image)
        if got['evidence'] and got['evidence']['counter'] >= counter:
            return got
        twin.drain(2)
    raise AssertionError(f'evidence {counter} does not arrive: {got["evidence"]}')


def test_clean(rig, twin, image):
    log = measure(twin)
    print(log)
    print(twin.sh('systemctl show -p CPUUsageNSec hub-measure.service').strip())
    want('nothing is found in the hub', ' hub=0' in log and 'finding what' not in log)
    want('the list is the build\'s', 'image-word' not in log)
    got = evidence(rig, twin, image, 1)
    mapped = {c['name']: c['exposed'] for c in got['components'] if c['loaded']}
    print(f'installed {got["installed"]} loaded {got["loaded"]} exposed {got["exposed"]}, '
          f'{got["evidence"]["findings_seen"]} findings outside of the hub: '
          + ', '.join(sorted({f'{f["kind"]} {f["process"]} {f["path"]}' for f in got['evidence']['findings']})))
    want('hub-store, hubd and the kernel are loaded', {'hub-store', 'hubd'} <= set(mapped) and any('linux-image' in c for c in mapped))
    want('wolfssl is, in them, and exposed', mapped.get('wolfssl'))


def test_planted(rig, twin, image):
    twin.sh(f'cp /usr/bin/sleep {EVIL}; systemd-run --uid=hub-ble {EVIL} 1000')
    log = measure(twin)
    want('it is found', EVIL in log)
    has_said(twin, 'hubd', 'what=code', 60)
    got = evidence(rig, twin, image, 2)
    want('the clinic sees it', any(f['path'] == EVIL and f['confirmed'] and f['hub'] for f in got['evidence']['findings']))


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else 'build'
    with Rig(build) as rig:
        image = rig.folder / 'image'
        subprocess.run(['unsquashfs', '-q', '-n', '-d', image, rig.overlay, 'usr/lib/hub'], check=True)
        image /= 'usr/lib/hub'
        rig.clinic.start()
        with rig.boot() as twin:
            twin.wait('booted', 400)
            has_said(twin, 'hub-coap', 'uplink-up|connected', 180)
            for test in (test_clean, test_planted):
                print(test.__name__, flush=True)
                test(rig, twin, image)
    print('ok')


if __name__ == '__main__':
    main()
