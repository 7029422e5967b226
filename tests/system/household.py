"""The devices of a home as the system tests and the demo use them: how the clinic knows each, and what it measures."""
import dataclasses
import time

from rig import device_spec


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of device of tests/devices."""

    spec: str  # kind for clinicctl hub add
    more: str  # and its options
    unit: str  # how its first value is shown
    test: dict  # fields of the test reading
    fields: dict  # fields of the reading after it
    shown: dict  # what clinicctl shows of that: {name: text}


KINDS = {
    'cuff': Kind('bp', 'user=sole', 'mmHg', {'sys': '118', 'dia': '76', 'map': '90'},
                 {'sys': '137', 'dia': '88', 'map': '104', 'pulse': '67'},
                 {'systolic': '137', 'diastolic': '88', 'mean': '104', 'pulse': '67'}),
    'thermometer': Kind('temp', 'user=sole', 'Cel', {'temp': '36.9'}, {'temp': '38.40', 'type': 6},
                        {'temperature': '38.40', 'body site': '6'}),
    'oximeter': Kind('spo2', 'user=sole', '%', {'spo2': '97', 'pulse': '64'}, {'spo2': '93', 'pulse': '71'},
                     {'SpO2': '93', 'pulse': '71'}),
    'scale': Kind('weight', 'user=1,consent=1234', 'kg', {'weight': '80.000', 'user': 1},
                  {'weight': '81.100', 'user': 1}, {'weight': '81.100'}),
    'glucometer': Kind('glucose', 'user=sole', 'kg/L', {'glucose': '0.00098'}, {'glucose': '0.00112'},
                       {'glucose': '0.00112'}),
    # what it stored before it was paired is wanted, too
    'cgm': Kind('cgm', 'user=sole,history=all', 'mg/dL', {'glucose': '101', 'offset': 5}, {'glucose': '117', 'offset': 10},
                {'glucose': '117'}),
    'strap': Kind('hr', 'user=sole', '/min', {}, {}, {}),
    'ghs': Kind('ghs', 'user=sole', 'MDC', {'type': 147842, 'value': '61', 'unit': 2720},
                {'type': 147842, 'value': '72', 'unit': 2720}, {'MDC': '72'}),
}


def specs(names):
    """Return what clinicctl hub add wants to know of devices in the order of the bench's."""
    return [device_spec(KINDS[name].spec, number, KINDS[name].more) for number, name in enumerate(names)]


def values(reading):
    """Return {name: text} of a reading of clinicctl."""
    return {v['name']: v['value'] for v in reading['values']}


class Home:
    """The hub, the clinic, and what they have seen so far."""

    def __init__(self, rig, twin, names):
        """names: of the emulated devices, in order."""
        self.rig, self.twin, self.names = rig, twin, names

    def device(self, number, command, **fields):
        """Do something with one device."""
        return self.twin.command(f'device.{command}', device=number, **fields)

    def readings(self, number):
        """What the clinic has of one device, in order."""
        return [r for r in self.rig.clinic.readings(raw=True) if r['device']['number'] == str(number + 1)]

    def wait_readings(self, number, count, seconds=90):
        """Wait until the clinic has so many of this device; more is an error."""
        end = time.monotonic() + seconds
        while True:
            got = self.readings(number)
            if len(got) > count:
                raise AssertionError(f'{len(got)} readings of {self.names[number]}, want {count}')
            if len(got) == count:
                return got
            if time.monotonic() > end:
                raise AssertionError(f'{len(got)} of {count} readings of {self.names[number]} after {seconds} s')
            self.twin.drain(0.3)

    def pair(self, number):
        """Put a device into pairing mode; returns when it is bonded and has hung up, or listens."""
        self.device(number, 'pair')
        paired = self.twin.wait('paired', 120, device=number)
        if not paired['auth']:
            raise AssertionError(f'{self.names[number]}: paired without its passkey')

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
