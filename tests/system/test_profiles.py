#!/usr/bin/env python3
"""Every home device once, through a real bluetoothd: paired in the window, tested, read, and at the clinic as sent.

usage: test_profiles.py FOLDER [TEST ...]      FOLDER holds the built programs

One boot with eight emulated devices. What each of them sends is compared octet for octet with what the clinic
opens, and the values with those that the device was told to measure.
"""
import datetime
import sys
import time

from household import KINDS, Home, specs, values
from rig import Rig, TwinError, has_said

NAMES = ['scale', 'glucometer', 'oximeter', 'thermometer', 'strap', 'cgm', 'ghs', 'cuff']
SCALE, GLUCOMETER, OXIMETER, THERMOMETER, STRAP, CGM, GHS, CUFF = range(len(NAMES))
RECORDS = 500


def expect(what, got, want):
    """Complain with both."""
    if got != want:
        raise AssertionError(f'{what}: got {got}, want {want}')


def number_of(reading):
    """The record's number, from its octets: one that hub-ble died with is there undecoded."""
    return int.from_bytes(bytes.fromhex(reading['raw'])[1:3], 'little')


def wait_glucose(home, count):
    """The meter's records at the clinic, without contexts; each number once."""
    end = time.monotonic() + 180
    while True:
        got = [r for r in home.readings(GLUCOMETER) if r['kind'] == 'glucose']
        if len(got) >= count:
            break
        if time.monotonic() > end:
            raise AssertionError(f'{len(got)} of {count} records after 180 s')
        home.twin.drain(1)
    numbers = sorted(number_of(r) for r in got)
    if len(numbers) != len(set(numbers)) or len(numbers) != count:
        raise AssertionError(f'{len(numbers)} records, {len(set(numbers))} different, want {count}')
    return sorted(got, key=number_of)


def both(home, number):
    """Pair, a test reading, a reading: marked, unmarked, verified, the octets and values as sent."""
    kind = KINDS[NAMES[number]]
    test, fields, shown = kind.test, kind.fields, kind.shown
    home.pair(number)
    home.measure(number, **test)
    home.measure(number, **fields)
    first, second = home.wait_readings(number, 2)
    expect('mark of the test reading', 'test' in first['marks'], True)
    expect('marks of the next', second['marks'], [])
    sent = [e['value'] for e in home.twin.seen('measured', device=number)]
    expect('octets', [first['raw'], second['raw']], sent[-2:])
    got = values(second)
    for name, value in shown.items():
        expect(name, got.get(name), value)
    return second


def test_cuff(home):
    """Blood pressure."""
    r = both(home, CUFF)
    expect('link', r['device']['link'], 'secure connections, authenticated')


def test_thermometer(home):
    """Temperature, with its precision."""
    both(home, THERMOMETER)


def expect_samples(reading, sent):
    """All that were sent, but those before the link was known to be the device's: up to half a second of them."""
    got = int(values(reading)['samples'])
    if not sent - 5 <= got <= sent:
        raise AssertionError(f'{got} samples of {sent}')


def test_oximeter(home):
    """A spot-check and a stream."""
    both(home, OXIMETER)
    home.device(OXIMETER, 'stream', count=20, interval=0.1)
    home.twin.wait('stream_over', 60, device=OXIMETER)
    home.device(OXIMETER, 'leave')
    r = home.wait_readings(OXIMETER, 3)[-1]
    expect('kind', r['kind'], 'oximetry stream')
    expect_samples(r, 20)


def test_strap(home):
    """Heart rate: one record for a window."""
    home.pair(STRAP)
    home.device(STRAP, 'stream', count=15, interval=0.1)
    home.twin.wait('stream_over', 60, device=STRAP)
    home.device(STRAP, 'leave')
    r = home.wait_readings(STRAP, 1)[0]
    expect_samples(r, 15)
    expect('mark', 'test' in r['marks'], True)


def test_scale(home):
    """Weight and body composition of a user who consented; another user's is nobody's."""
    home.device(SCALE, 'set', consent_first=True)
    home.pair(SCALE)
    home.measure(SCALE, weight='80.000', user=1)
    home.measure(SCALE, weight='81.100', user=1, fat='23.4')
    home.device(SCALE, 'set', consent_first=False)
    home.measure(SCALE, weight='64.500', user=2)
    got = home.wait_readings(SCALE, 4)
    expect('weights', [values(r).get('weight') for r in got if r['kind'] == 'weight'],
           ['80.000', '81.100', '64.500'])
    fat = [r for r in got if r['kind'] == 'body composition'][0]
    expect('body fat', values(fat)['body fat'], '23.4')
    expect('attribution', [r['attribution'] for r in got if r['kind'] == 'weight'],
           ['unassigned', 'confirmed', 'unassigned'])  # the first is the test reading


def yesterday():
    """As a device's clock shows it."""
    return (datetime.datetime.now() - datetime.timedelta(days=1)).isoformat(timespec='seconds')


def test_glucometer(home):
    """What was stored before is fenced; 500 records afterwards, none twice, with hub-ble killed in the middle."""
    home.device(GLUCOMETER, 'fill', count=20, end=yesterday())
    home.pair(GLUCOMETER)
    home.twin.wait_log('hub-ble', r'memory device=2 .*ignored=20', 90)
    home.gone(GLUCOMETER)
    home.device(GLUCOMETER, 'fill', count=RECORDS, step=0.1)
    home.device(GLUCOMETER, 'transfer')
    while len(home.twin.seen('notified', device=GLUCOMETER)) < RECORDS // 2:
        home.twin.drain(0.05)
    home.twin.kill('hub-ble')
    home.twin.wait_unit('hub-ble', 60)
    home.device(GLUCOMETER, 'transfer')
    home.twin.wait_log('hub-ble', r'memory device=2 outcome=1', 120)
    wait_glucose(home, RECORDS)
    home.gone(GLUCOMETER)
    home.device(GLUCOMETER, 'transfer')
    home.twin.wait_log('hub-ble', r'memory device=2 outcome=1 records=0', 90)
    home.gone(GLUCOMETER)
    home.device(GLUCOMETER, 'measure', glucose='0.00112', context={'meal': 1})
    home.twin.wait_log('hub-ble', r'memory device=2 outcome=1 records=1', 90)
    last = wait_glucose(home, RECORDS + 1)[-1]
    expect('glucose', values(last)['glucose'], '0.00112')


def test_cgm(home):
    """Stored values of a session and a live one, each once, dated from the session's start."""
    home.device(CGM, 'fill', count=50)
    home.pair(CGM)
    home.twin.wait_log('hub-ble', r'memory device=6 outcome=1', 120)
    home.wait_readings(CGM, 50)
    home.device(CGM, 'leave')
    home.gone(CGM)


def test_ghs(home):
    """Observations in MDC codes, in segments, asked for from its memory."""
    kind = KINDS['ghs']
    home.pair(GHS)
    home.gone(GHS)
    for count, fields in enumerate((kind.test, kind.fields), 1):
        home.device(GHS, 'measure', **fields)
        got = home.wait_readings(GHS, count)
        home.gone(GHS)
    expect('mark of the test reading', 'test' in got[0]['marks'], True)
    value = got[1]['values'][0]
    expect('value', [value[k] for k in ('value', 'code', 'unit_code')], ['72', '147842', '2720'])


TESTS = [test_cuff, test_thermometer, test_oximeter, test_strap, test_scale, test_glucometer, test_cgm, test_ghs]


def main():
    """Run all, or the named ones."""
    build, names = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    with Rig(build, specs=specs(NAMES), window_min=120) as rig:
        rig.clinic.start()
        with rig.boot(devices=NAMES) as twin:
            home = Home(rig, twin, NAMES)
            twin.wait('booted', 300)
            print(f'ok boot ({twin.events[-1]["host_t"]:.0f} s)', flush=True)
            has_said(twin, 'hub-ble', 'radio on=1', 120)
            for test in TESTS:
                if names and test.__name__ not in names:
                    continue
                try:
                    start = twin.events[-1]['host_t']
                    test(home)
                    passed += 1
                    print(f'ok {test.__name__} ({twin.events[-1]["host_t"] - start:.0f} s)', flush=True)
                except (TwinError, AssertionError) as error:
                    failed += 1
                    print(f'FAILED {test.__name__}: {error}', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
