#!/usr/bin/env python3
"""The whole path once, told as it happens: cuff, hub, network cut, clinic.

Boots the hub's image in QEMU with a real bluetoothd and an emulated cuff, runs the clinic on this machine,
and ends with 0 only if both readings lie at the clinic with exactly the values the cuff measured.
"""
import argparse
import sys
import time

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


def main():
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', default='build', help='folder of the built programs')
    arguments = parser.parse_args()
    story = Story()
    with Rig(arguments.build) as rig:
        try:
            run(rig, story)
        except (TwinError, AssertionError) as error:
            print(f'\nThe demo failed: {error}', file=sys.stderr)
            print(rig.clinic.log()[-2000:], file=sys.stderr)
            return 1
        print('\nWhat the clinic opened, with its own key:\n')
        print(rig.clinic.ctl('readings', rig.clinic.dir))
    seconds = time.monotonic() - story.start
    print(f"Both readings reached the clinic with the cuff's values, one of them taken without a network. "
          f'Total {seconds:.0f} s.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
