#!/usr/bin/env python3
"""Emulated devices by name, and any of them on the command line.

    kinds.py glucometer --transport hci-socket:1 --address F0:F1:F2:F3:F4:F5

JSON commands on standard input, one a line ({"cmd": "measure", ...}); JSON events, one a line, out.
"""
import argparse
import asyncio
import dataclasses
import json
import sys

from cgm import Cgm
from cuff import Cuff
from ghs import Ghs
from glucometer import Glucometer
from oximeter import Oximeter
from scale import Scale
from strap import Strap
from thermometer import Thermometer

KINDS = {
    'cuff': Cuff, 'scale': Scale, 'glucometer': Glucometer, 'oximeter': Oximeter, 'thermometer': Thermometer,
    'strap': Strap, 'cgm': Cgm, 'ghs': Ghs,
}


def make(kind, report, **options):
    """Return a new device of that kind, with its options as given; report: called with every event."""
    cls = KINDS[kind]
    return cls(cls.OPTIONS(**options), report)


def parse_arguments():
    """Return the command line: one option for each field of the kind's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest='kind', required=True)
    for kind, cls in KINDS.items():
        one = kinds.add_parser(kind, help=cls.__doc__.splitlines()[0])
        one.add_argument('--transport', default='hci-socket:1', help='bumble transport of its controller')
        for field in dataclasses.fields(cls.OPTIONS):
            option = '--' + field.name.replace('_', '-')
            if field.type is bool:
                one.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default)
            else:
                one.add_argument(option, type=field.type, default=field.default)
    return parser.parse_args()


async def main():
    """Run one device until standard input ends."""
    arguments = vars(parse_arguments())
    kind, transport = arguments.pop('kind'), arguments.pop('transport')
    device = make(kind, lambda event: print(json.dumps(event), flush=True), **arguments)
    await device.start(transport)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await device.command(json.loads(line))


if __name__ == '__main__':
    asyncio.run(main())
