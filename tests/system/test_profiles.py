#!/usr/bin/env python3
"""Every home device once, through a real bluetoothd: paired in the window, tested, read, and at the clinic as sent.

usage: test_profiles.py FOLDER [TEST ...]      FOLDER holds the built programs

One boot with eight emulated devices. What each of them sends is compared octet for octet with what the clinic
opens, and the values with those that the device was told to measure.
"""
import sys
import time

from rig import Rig, TwinError, device_spec, has_said

NAMES = ['scale', 'glucometer', 'oximeter', 'thermometer', 'strap', 'cgm', 'ghs', 'cuff']
SCALE, GLUCOMETER, OXIMETER, THERMOMETER, STRAP, CGM, GHS, CUFF = range(len(NAMES))
RECORDS = 500


SPECS = [('weight', 'user=1,consent=1234'), ('glucose', 'user=sole'), ('spo2', 'user=sole'), ('temp', 'user=sole'),
         ('hr', 'user=sole'), ('cgm', 'user=sole,history=all'), ('ghs', 'user=sole'), ('bp', 'user=sole')]


class Home:
    """The hub, the clinic, and what they have seen so far."""

    def __init__(self, rig, twin):
        self.rig, self.twin = rig, twin

    def device(self, number, command, **fields):
        """Do something with one device."""
        return self.twin.command(f'device.{command}', device=number, **fields)

    def readings(self, number):
        """What the clinic has of one device, in order."""
        return [r for r in self.rig.clinic.readings(raw=True) if r['device']['number'] == str(number + 1)]

    def wait_glucose(self, count):
        """The same of a meter, without contexts; each record's number once."""
        end = time.monotonic() + 180
        while True:
            got = [r for r in self.readings(GLUCOMETER) if r['kind'] == 'glucose']
            if len(got) >= count:
                break
            if time.monotonic() > end:
                raise AssertionError(f'{len(got)} of {count} records after 180 s')
            self.twin.drain(1)
        numbers = sorted(int(r['sequence']) for r in got)
        if len(numbers) != len(set(numbers)) or len(numbers) != count:
            raise AssertionError(f'{len(numbers)} records, {len(set(numbers))} different, want {count}')
        return sorted(got, key=lambda r: int(r['sequence']))

    def wait_readings(self, number, count, seconds=90):
        """Wait until the clinic has so many of this device; more is an error."""
        end = time.monotonic() + seconds
        while True:
            got = self.readings(number)
            if len(got) > count:
                raise AssertionError(f'{len(got)} readings of {NAMES[number]}, want {count}')
            if len(got) == count:
                return got
            if time.monotonic() > end:
                raise AssertionError(f'{len(got)} of {count} readings of {NAMES[number]} after {seconds} s')
            self.twin.drain(0.3)

    def pair(self, number):
        """Put a device into pairing mode; returns when it is bonded and has hung up, or listens."""
        self.device(number, 'pair')
        paired = self.twin.wait('paired', 120, device=number)
        if not paired['auth']:
            raise AssertionError(f'{NAMES[number]}: paired without its passkey')

    def gone(self, number, seconds=90):
        """Wait until its link has ended, if there is one."""
        ups = len(self.twin.seen('connected', device=number))
        while len(self.twin.seen('disconnected', device=number)) < ups and seconds > 0:
            self.twin.drain(0.2)
            seconds -= 0.2

    def measure(self, number, **fields):
        """Take a measurement and wait until the device is rid of it."""
        self.device(number, 'measure', **fields)
        self.twin.wait('confirmed', 90, device=number)
        self.gone(number)


def values(reading):
    """{name: text} of a reading."""
    return {v['name']: v['value'] for v in reading['values']}


def expect(what, got, want):
    """Complain with both."""
    if got != want:
        raise AssertionError(f'{what}: got {got}, want {want}')


def both(home, number, test, fields, shown):
    """Pair, a test reading, a reading: marked, unmarked, verified, the octets and values as sent."""
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
    r = both(home, CUFF, {'sys': '118', 'dia': '76', 'map': '90'},
             {'sys': '137', 'dia': '88', 'map': '104', 'pulse': '67'},
             {'systolic': '137', 'diastolic': '88', 'mean': '104', 'pulse': '67'})
    expect('link', r['device']['link'], 'secure connections, authenticated')


def test_thermometer(home):
    """Temperature, with its precision."""
    both(home, THERMOMETER, {'temp': '36.9'}, {'temp': '38.40', 'type': 6},
         {'temperature': '38.40', 'body site': '6'})


def test_oximeter(home):
    """A spot-check and a stream."""
    both(home, OXIMETER, {'spo2': '97', 'pulse': '64'}, {'spo2': '93', 'pulse': '71'}, {'SpO2': '93', 'pulse': '71'})
    home.device(OXIMETER, 'stream', count=20, interval=0.1)
    home.twin.wait('stream_over', 60, device=OXIMETER)
    home.device(OXIMETER, 'leave')
    r = home.wait_readings(OXIMETER, 3)[-1]
    expect('kind', r['kind'], 'oximetry stream')
    if not 10 <= int(values(r)['samples']) <= 20:  # those before the link was verified are left out
        raise AssertionError(f'{values(r)["samples"]} samples of 20')


def test_strap(home):
    """Heart rate: one record for a window."""
    home.pair(STRAP)
    home.device(STRAP, 'stream', count=15, interval=0.1)
    home.twin.wait('stream_over', 60, device=STRAP)
    home.device(STRAP, 'leave')
    r = home.wait_readings(STRAP, 1)[0]
    expect('samples', values(r)['samples'], '15')
    expect('mark', 'test' in r['marks'], True)


def test_scale(home):
    """Weight and body composition of a user who consented; another user's is nobody's."""
    home.pair(SCALE)
    home.measure(SCALE, weight='80.000', user=1)
    home.measure(SCALE, weight='81.100', user=1, fat='23.4')
    home.measure(SCALE, weight='64.500', user=2)
    got = home.wait_readings(SCALE, 4)
    expect('weights', [values(r).get('weight') for r in got if r['kind'] == 'weight'],
           ['80.000', '81.100', '64.500'])
    fat = [r for r in got if r['kind'] == 'body composition'][0]
    expect('body fat', values(fat)['body fat'], '23.4')
    expect('attribution', [r['attribution'] for r in got if r['kind'] == 'weight'],
           ['confirmed', 'confirmed', 'unassigned'])


def test_glucometer(home):
    """What was stored before is fenced; 500 records afterwards, none twice, with hub-ble killed in the middle."""
    home.device(GLUCOMETER, 'fill', count=20)
    home.pair(GLUCOMETER)
    home.twin.wait_log('hub-ble', r'memory device=2 .*ignored=20', 90)
    home.gone(GLUCOMETER)
    home.device(GLUCOMETER, 'fill', count=RECORDS)
    home.device(GLUCOMETER, 'transfer')
    while len(home.twin.seen('notified', device=GLUCOMETER)) < RECORDS // 2:
        home.twin.drain(0.05)
    home.twin.kill('hub-ble')
    home.twin.wait_unit('hub-ble', 60)
    home.device(GLUCOMETER, 'transfer')
    home.twin.wait_log('hub-ble', r'memory device=2 outcome=1', 120)
    home.wait_glucose(RECORDS)
    home.gone(GLUCOMETER)
    home.device(GLUCOMETER, 'transfer')
    home.twin.wait_log('hub-ble', r'memory device=2 outcome=1 records=0', 90)
    home.gone(GLUCOMETER)
    home.device(GLUCOMETER, 'measure', glucose='0.00112', context={'meal': 1})
    home.twin.wait_log('hub-ble', r'memory device=2 outcome=1 records=1', 90)
    last = home.wait_glucose(RECORDS + 1)[-1]
    expect('glucose', values(last)['glucose'], '0.00112')


def test_cgm(home):
    """Stored values of a session and a live one, each once, dated from the session's start."""
    home.device(CGM, 'fill', count=50)
    home.pair(CGM)
    home.twin.wait_log('hub-ble', r'memory device=6 outcome=1', 120)
    home.wait_readings(CGM, 50)


def test_ghs(home):
    """An observation in MDC codes, in segments."""
    home.pair(GHS)
    home.device(GHS, 'measure')
    home.device(GHS, 'measure')
    got = home.wait_readings(GHS, 2)
    expect('values', all(r['values'] for r in got), True)


TESTS = [test_cuff, test_thermometer, test_oximeter, test_strap, test_scale, test_glucometer, test_cgm, test_ghs]


def main():
    """Run all, or the named ones."""
    build, names = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    specs = [device_spec(kind, n, more) for n, (kind, more) in enumerate(SPECS)]
    with Rig(build, specs=specs, window_min=120) as rig:
        rig.clinic.start()
        with rig.boot(devices=NAMES) as twin:
            home = Home(rig, twin)
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
