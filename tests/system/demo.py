#!/usr/bin/env python3
"""The whole path once, told as it happens: cuff, hub, network cut, clinic. Or any of the home's devices, one by one.

Boots the hub's image in QEMU with a real bluetoothd and emulated devices, runs the clinic on this machine, and ends
with 0 only if every reading lies at the clinic with exactly the values that were measured.
"""
import argparse
import sys
import time

from household import KINDS, Home, specs, values
from rig import Rig, TwinError, has_said

FIRST = {'sys': '128', 'dia': '82', 'map': '97', 'pulse': '71', 'unit': 'mmHg'}
SECOND = {'sys': '17.1', 'dia': '10.9', 'map': '13.0', 'pulse': '68', 'unit': 'kPa'}


class Story:
    """Prints one line a step, with the seconds since the start."""

    def __init__(self):
        self.start = time.monotonic()

    def tell(self, text):
        """Print one line."""
        print(f'{time.monotonic() - self.start:6.1f} s  {text}', flush=True)


def wanted(measured):
    """The values as clinicctl must show them."""
    names = {'sys': 'systolic', 'dia': 'diastolic', 'map': 'mean', 'pulse': 'pulse'}
    return {(names[k], v, '/min' if k == 'pulse' else measured['unit'])
            for k, v in measured.items() if k != 'unit'}


def shown(reading):
    """The values that clinicctl shows; numbers as text, so that 13.0 is not 13."""
    return {(v['name'], v['value'], v['unit']) for v in reading['values']}


def run(rig, story):
    """Tell the story; raises if a step does not happen."""
    rig.clinic.start()
    story.tell('the clinic listens on this machine')
    with rig.boot() as twin:
        story.tell('the hub boots' + ('' if twin.kvm else ' (software emulation: this takes a while)'))
        twin.wait('booted', 300)
        has_said(twin, 'hub-coap', 'uplink-up', 120)
        story.tell('the hub is up and has reached the clinic (DTLS, both sides proved by certificate)')
        twin.command('device.pair')
        twin.wait('paired', 120)
        story.tell('the cuff is paired (LE Secure Connections, passkey from its label)')
        twin.wait('subscribed', 60)

        twin.command('device.measure', **FIRST)
        twin.wait_log('hubd', 'state=saved', 90)
        story.tell('first reading: saved on the hub, sealed for the clinic')
        rig.clinic.wait_readings(1, 60, twin.drain)
        story.tell('first reading: reached the clinic')

        if not twin.seen('disconnected'):  # the cuff may have gone while the reading was on its way
            twin.wait('disconnected', 60)
        twin.link(False)
        story.tell('the network cable is pulled')
        twin.command('device.measure', **SECOND)
        twin.wait_log('hubd', 'state=saved', 90)
        story.tell('second reading: saved on the hub, while offline')
        twin.drain(3)
        if len(rig.clinic.readings()) != 1:
            raise AssertionError('a reading reached the clinic without a network')
        twin.link(True)
        story.tell('the network is back')
        readings = rig.clinic.wait_readings(2, 180, twin.drain)
        twin.wait_log('hubd', 'state=reached-the-clinic', 30)
        story.tell('second reading: reached the clinic, acknowledged, removed from the hub')
    for reading, measured in zip(readings, (FIRST, SECOND)):
        if shown(reading) != wanted(measured):
            raise AssertionError(f'the clinic shows {shown(reading)}, the cuff measured {wanted(measured)}')


def use(home, story, number):
    """Pair one device and measure twice with it: the test reading, and the first of the patient's."""
    name = home.names[number]
    kind = KINDS[name]
    home.pair(number)
    story.tell(f'{name}: paired, with the number from its label')
    if name == 'strap':
        home.device(number, 'stream', count=10, interval=0.2)
        home.twin.wait('stream_over', 60, device=number)
        home.device(number, 'leave')
        home.wait_readings(number, 1)
        story.tell(f'{name}: ten heartbeats streamed, one record at the clinic')
        return
    for count, fields in enumerate((kind.test, kind.fields), 1):
        home.device(number, 'measure', **fields)
        reading = home.wait_readings(number, count)[-1]
        home.gone(number)
        what = ', '.join(f'{n} {v}' for n, v in values(reading).items())
        story.tell(f'{name}: {what} at the clinic' + (' (test reading)' if 'test' in reading['marks'] else ''))
    for value, text in kind.shown.items():
        if values(reading).get(value) != text:
            raise AssertionError(f'{name}: the clinic shows {values(reading)}, measured was {kind.fields}')


def tour(rig, story, names):
    """Every named device, one after the other."""
    rig.clinic.start()
    with rig.boot(devices=names) as twin:
        story.tell('the hub boots' + ('' if twin.kvm else ' (software emulation: this takes a while)'))
        twin.wait('booted', 300)
        has_said(twin, 'hub-ble', 'radio on=1', 120)
        story.tell('the hub listens; its pairing window is open')
        home = Home(rig, twin, names)
        for number in range(len(names)):
            use(home, story, number)


def main():
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', default='build', help='folder of the built programs')
    parser.add_argument('--devices', default='', help=f'comma between two of: {", ".join(KINDS)}; default: one cuff, '
                        'and a network that fails')
    arguments = parser.parse_args()
    story = Story()
    names = [name for name in arguments.devices.split(',') if name]
    for name in names:
        if name not in KINDS:
            parser.error(f"'{name}' is no device; there are: {', '.join(KINDS)}")
    with Rig(arguments.build, **({'specs': specs(names), 'window_min': 60} if names else {})) as rig:
        try:
            tour(rig, story, names) if names else run(rig, story)
        except (TwinError, AssertionError) as error:
            print(f'\nThe demo failed: {error}', file=sys.stderr)
            print(rig.clinic.log()[-2000:], file=sys.stderr)
            return 1
        print('\nWhat the clinic opened, with its own key:\n')
        print(rig.clinic.ctl('readings', rig.clinic.dir))
    seconds = time.monotonic() - story.start
    told = (f'{len(names)} devices, every reading at the clinic with the values that were measured.' if names else
            "Both readings reached the clinic with the cuff's values, one of them taken without a network.")
    print(f'{told} Total {seconds:.0f} s.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
