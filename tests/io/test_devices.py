#!/usr/bin/python3
"""The emulated devices (tests/devices) against a central that is not ours: bumble's, over a link in this process.

usage: test_devices.py [FOLDER [TEST ...]]      FOLDER is not used

The octets expected here were worked out by hand from the specifications, so that the devices may serve to test
our decoders. No guest, no bluetoothd. bumble comes from the bench layer of the image (rootfs/image/twin.sh), or
from this machine's Python if it has it.
"""
import asyncio
import contextlib
import datetime
import fcntl
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'devices'))
SITE = 'usr/lib/python3/dist-packages'
NEEDED = ('bumble', 'pyee', 'typing_extensions.py')


def find_bumble():
    """Put the image's bumble on the path, unpacked once into the cache beside the image; skip the test without."""
    if importlib.util.find_spec('bumble'):
        return
    twin = TOP / 'rootfs' / 'image' / 'twin.sh'
    image = pathlib.Path(subprocess.run([twin, 'dir'], check=True, text=True, stdout=subprocess.PIPE).stdout.strip())
    unpacked = image.parents[1] / f'python-{image.name}'  # the image's own folder may be root's
    if not unpacked.exists():
        if not (image / 'bench.sqfs').exists():
            print("SKIP devices: no bumble: run 'make image' first, or install it for this Python")
            sys.exit(77)
        with open(f'{unpacked}.lock', 'w', encoding='ascii') as lock, tempfile.TemporaryDirectory() as folder:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not unpacked.exists():
                wanted = [f'{SITE}/{name}' for name in NEEDED]
                subprocess.run(['unsquashfs', '-q', '-n', '-f', '-d', folder, image / 'bench.sqfs', *wanted],
                               check=True, stdout=subprocess.DEVNULL)
                subprocess.run(['cp', '-r', f'{folder}/{SITE}', f'{unpacked}.new'], check=True)
                os.replace(f'{unpacked}.new', unpacked)
    sys.path.insert(0, str(unpacked))


find_bumble()

import kinds  # noqa: E402
import names  # noqa: E402
import octets  # noqa: E402
import radio  # noqa: E402
from bumble.att import ATT_Error, AttributeValue  # noqa: E402
from bumble.controller import Controller  # noqa: E402
from bumble.core import UUID, ProtocolError  # noqa: E402
from bumble.device import Device, Peer  # noqa: E402
from bumble.gatt import Characteristic, Service  # noqa: E402
from bumble.hci import Address, HCI_Error  # noqa: E402
from bumble.host import Host  # noqa: E402
from bumble.link import LocalLink  # noqa: E402
from bumble.pairing import PairingConfig, PairingDelegate  # noqa: E402
from bumble.transport.common import AsyncPipeSink  # noqa: E402

AT = '2026-11-21T07:31:02'  # EA 07 0B 15 07 1F 02
STAMP = 'ea070b15071f02'
radio.HEARD_EVERY_S = 0.02
QUICK = {'linger_s': 0.05, 'advertise_s': 5.0, 'passkey_entry': False, 'secure_connections': False}


class Typist(PairingDelegate):
    """A central at which somebody types what the label says."""

    def __init__(self, passkey):
        super().__init__(self.KEYBOARD_INPUT_ONLY)
        self.passkey = passkey

    async def get_number(self):
        """Return what was typed."""
        return self.passkey


class Transport:
    """A controller of bumble as a device's transport."""

    def __init__(self, controller):
        self.source, self.sink = controller, AsyncPipeSink(controller)


class Refused(Exception):
    """The device did not encrypt the link."""


class Home:
    """One device, one central, and what both saw."""

    def __init__(self, kind, **options):
        self._folder = tempfile.TemporaryDirectory()
        self.link = LocalLink()
        self.options = {'address': names.address(0), 'state': f'{self._folder.name}/x', **QUICK, **options}
        self.kind, self.events, self.got = kind, [], []
        self.device = self.central = self.connection = self.peer = None
        self._new = asyncio.Event()
        self.typed = 123456

    def _report(self, event):
        self.events.append(event)
        self._new.set()

    async def __aenter__(self):
        self.device = kinds.make(self.kind, self._report, **self.options)
        await self.device.start(Transport(Controller('device', link=self.link)))
        controller = Controller('central', link=self.link, public_address='00:AA:01:00:00:00')
        self.central = Device(host=Host(controller, AsyncPipeSink(controller)), address=Address('C0:00:00:00:00:01'))
        self.central.pairing_config_factory = lambda _: PairingConfig(
            sc=True, mitm=self.options['passkey_entry'], bonding=True, delegate=Typist(self.typed),
            identity_address_type=PairingConfig.AddressType.RANDOM)
        await self.central.power_on()
        return self

    async def __aexit__(self, *_):
        await self.device.leave()
        await asyncio.sleep(0)
        self._folder.cleanup()

    def do(self, cmd, **parameters):
        """Give the device a command."""
        return self.device.command({'cmd': cmd, **parameters})

    def seen(self, name, **match):
        """Return all events so far of that name whose fields match."""
        return [e for e in self.events if e['ev'] == name and all(e.get(k) == v for k, v in match.items())]

    async def wait(self, name, count=1, seconds=30, **match):
        """Wait until an event of that name has come `count` times; return the last."""
        end = time.monotonic() + seconds
        while len(self.seen(name, **match)) < count:
            self._new.clear()
            try:
                async with asyncio.timeout(end - time.monotonic()):
                    await self._new.wait()
            except TimeoutError as error:
                raise AssertionError(f'no event {count} x {name} {match}; last: {self.events[-5:]}') from error
        return self.seen(name, **match)[-1]

    async def connect(self, encrypt=True, address=None):
        """Connect; encrypt with the bond. No discovery: attributes stay where they are."""
        self.connection = await asyncio.wait_for(self.central.connect(Address(address or self.options['address'])), 5)
        if self.peer:
            old = self.peer.gatt_client
            self.peer = Peer(self.connection)
            client = self.peer.gatt_client
            client.services = old.services
            for subscribers in ('notification_subscribers', 'indication_subscribers'):
                setattr(client, subscribers, getattr(old, subscribers))
        if encrypt:
            try:
                await self.connection.encrypt()
            except (HCI_Error, asyncio.CancelledError) as error:  # no key, wrong key, link gone
                raise Refused from error

    async def bond(self, *subscribe):
        """Pair in pairing mode, discover, subscribe."""
        await self.do('pair')
        await self.connect(encrypt=False)
        await asyncio.wait_for(self.connection.pair(), 10)
        await self.discover()
        await self.subscribe(*subscribe)

    async def discover(self):
        """Learn the attribute table."""
        self.peer = Peer(self.connection)
        await self.peer.discover_all()

    def char(self, uuid):
        """Return a characteristic of the device."""
        for service in self.peer.services:
            for c in service.characteristics:
                if c.uuid == UUID.from_16_bits(int(uuid, 16)):
                    c.client = self.peer.gatt_client
                    return c
        raise AssertionError(f'no characteristic {uuid}')

    async def subscribe(self, *uuids, indicate=False):
        """Hear these characteristics: `got` has (UUID, hex)."""
        for uuid in uuids:
            def hear(value, uuid=uuid):
                self.got.append((uuid, bytes(value).hex()))
            await self.char(uuid).subscribe(hear, prefer_notify=not indicate)

    async def read(self, uuid):
        """Return a value in hex, or the ATT error as a number."""
        try:
            return bytes(await self.char(uuid).read_value()).hex()
        except (ATT_Error, ProtocolError) as error:
            return error.error_code

    async def write(self, uuid, value):
        """Write hex; return None or the ATT error as a number."""
        try:
            await self.char(uuid).write_value(bytes.fromhex(value), with_response=True)
        except (ATT_Error, ProtocolError) as error:
            return int(error.error_code)
        return None

    async def hang_up(self):
        """End the connection from this side."""
        with contextlib.suppress(HCI_Error, asyncio.CancelledError):  # the device was faster
            if self.device.connection:
                await self.connection.disconnect()
        await self.gone()

    async def arrived(self, count):
        """Wait until so many values have arrived."""
        end = time.monotonic() + 5
        while len(self.got) < count:
            if time.monotonic() > end:
                raise AssertionError(f'{len(self.got)} of {count} values: {self.got}')
            await asyncio.sleep(0.002)

    async def gone(self):
        """Wait until the device has ended the connection."""
        await self.wait('disconnected', len(self.seen('connected')))

    async def ask(self, uuid, request):
        """Write a control point; return its answer in hex and what else came before it; or the ATT error."""
        before, self.got = self.got, []
        if (error := await self.write(uuid, request)) is not None:
            self.got = before
            return error
        end = time.monotonic() + 5
        while not any(u == uuid for u, _ in self.got):
            if time.monotonic() > end:
                raise AssertionError(f'no answer to {request}; got {self.got}')
            await asyncio.sleep(0.002)
        return self.got[-1][1], [value for u, value in self.got if u != uuid]


def same(got, want, what=''):
    """Fail with both if they differ."""
    if got != want:
        raise AssertionError(f'{what}: {got}, want {want}')


async def values_of(kind, uuid, cases, **options):
    """Each measurement of a kind arrives with the octets worked out by hand."""
    async with Home(kind, linger_s=5, **{k: v for k, v in options.items() if k != 'linger_s'}) as home:
        await home.bond(uuid)
        for number, (fields, want) in enumerate(cases, 1):
            await home.do('measure', **fields)
            await home.wait('confirmed', number)
            same(home.got[-1], (uuid, want.replace(' ', '')), fields)


# -- encodings --------------------------------------------------------------------------------------

async def test_octets():
    """SFLOAT, FLOAT (IEEE 11073-20601), E2E-CRC (check value of CRC-16/MCRF4XX), fixed-point numbers."""
    for text, want in (('128', '8000'), ('16.3', 'a3f0'), ('-2.0', 'ecff'), ('0.00112', '70b0'), ('2047', 'ff07'),
                       ('nan', 'ff07'), ('nres', '0008'), ('+inf', 'fe07'), ('-inf', '0208'), ('0x17ff', 'ff17')):
        same(octets.sfloat(text).hex(), want, text)
    for text, want in (('36.4', '6c0100ff'), ('98.60', '842600fe'), ('nan', 'ffff7f00'), ('-1', 'ffffff00')):
        same(octets.float32(text).hex(), want, text)
    for wrong in ('2048', '0.000000001'):
        try:
            octets.sfloat(wrong)
        except ValueError:
            continue
        raise AssertionError(f'{wrong} fits an SFLOAT')
    same(octets.crc(b'123456789').hex(), '916f', 'CRC')
    same(octets.fixed('81.100', '0.005').hex(), '5c3f', 'weight')
    same(octets.current_time(datetime.datetime(2026, 11, 21, 7, 31, 2, 500000)).hex(), STAMP + '068000', 'Current Time')
    when = datetime.datetime(2000, 1, 2)
    same(octets.elapsed_time(when, 0x22, 1, -4).hex(), '22' '805101000000' '01fc', 'Elapsed Time')


# -- what all have in common, with the cuff ---------------------------------------------------------

async def test_cuff_values():
    """2A35 and 2A49."""
    await values_of('cuff', '2A35', [
        # kPa, no time: 16.3 = A3 F0, 10.9 = 6D F0, mean NaN
        ({'sys': '16.3', 'dia': '10.9', 'unit': 'kPa', 'time': None}, '01 a3f0 6df0 ff07'),
        # all optional fields: 128, 82, 97; time; pulse 71.5 = CB F2; user 2; status: movement, irregular pulse
        ({'sys': '128', 'dia': '82', 'map': '97', 'time': AT, 'pulse': '71.5', 'user': 2, 'status': 5},
         '1e 8000 5200 6100' + STAMP + 'cbf2 02 0500'),
        ({'time': 'zero'}, '02 ff07 ff07 ff07 00000000000000'),
        ({'raw': 'ff'}, 'ff'),
    ])
    async with Home('cuff') as home:
        await home.bond()
        same(await home.read('2A49'), '0700', 'feature')
        same(bytes.fromhex(await home.read('2A25')), b'SN-0001', 'serial')
        same(await home.read('2A19'), '5a', 'battery')


async def test_enhanced_cuff():
    """2B34, and records: sequence number, UUID, value, CRC; in segments."""
    # 2026-11-21 07:31:02 is 848561462 s after 2000 = 0x32940536
    value = '62' '8000' '5200' '6100' '36059432' '36059432'
    async with Home('cuff', enhanced=True, feature=0x47, first_key=7, linger_s=5) as home:
        await home.bond('2B34', '2B36', '2A52')
        await home.connection.gatt_client.request_mtu(200)
        await home.do('measure', sys='128', dia='82', map='97', time=AT)
        await home.wait('confirmed')
        same(home.got[-1], ('2B34', value), 'live')
        await home.do('store', sys='128', dia='82', map='97', time=AT)
        record = bytes.fromhex('0700' '342b' + value)
        same(await home.ask('2A52', '0101'), ('06000101', ['03' + (record + octets.crc(record)).hex()]), 'record')
        same(await home.ask('2A52', '0103020000' '0033'), ('06000106', []), 'from a later second on')
    async with Home('cuff', enhanced=True, mtu=23, linger_s=5) as home:
        await home.bond('2B36', '2A52')
        await home.do('store', sys='128', dia='82', map='97', time=AT, user=2)
        answer, (first, second) = await home.ask('2A52', '0106')
        same((answer, first[:2], second[:2]), ('06000101', '01', '06'), 'segment headers')
        same(first[2:] + second[2:], '0000' '342b' '6a' + value[2:22] + '02' + value[22:], 'joined')


async def test_pairing():
    """Passkey and Just Works, SC and legacy; refused outside pairing mode; wrong passkey leaves nothing."""
    for sc in (True, False):
        for entry in (True, False):
            async with Home('cuff', secure_connections=sc, passkey_entry=entry) as home:
                await home.bond('2A35')
                paired = await home.wait('paired')
                same((paired['sc'], paired['auth']), (sc, entry), 'strength')
                await home.hang_up()
                await home.do('measure', sys='128', dia='82', time=None)
                await home.connect()
                await home.wait('confirmed')
                same(home.got, [('2A35', '00' '8000' '5200' 'ff07')], 'right after encryption')
    async with Home('cuff') as home:
        await home.do('transfer')
        await home.connect(encrypt=False)
        await refused(home)
        await home.wait('pairing_refused')
    async with Home('cuff', passkey_entry=True) as home:
        home.typed = 654321
        await home.do('pair')
        await home.connect(encrypt=False)
        await refused(home)
        await home.wait('pairing_failed')
        same((await home.do('state'))['bonds'], 0, 'bonds')


async def refused(home):
    """Pairing must fail."""
    try:
        await asyncio.wait_for(home.connection.pair(), 5)
    except (Exception, asyncio.CancelledError):  # whatever bumble calls it
        return
    raise AssertionError('pairing was accepted')


async def test_encryption_needed():
    """Without encryption no subscription, no clock; an impostor without the key gets no encryption."""
    async with Home('cuff') as home:
        await home.bond('2A35')
        await home.hang_up()
        await home.do('measure', sys='128', dia='82')
        await home.connect(encrypt=False)
        same(await home.write('2A08', STAMP), 0x0F, 'write of the clock')
        same(await home.read('2A08'), 0x0F, 'reading of the clock')
        same(home.got, [], 'values')
        await home.connection.disconnect()
        for key in ('none', 'wrong'):
            await home.do('set', key=key, indicate_early=True, drop='after')
            await home.do('transfer')
            before = len(home.got)
            await home.connect(encrypt=False)
            await home.gone()
            same(len(home.got), before + 1, 'the impostor sends before encryption')
            await home.do('set', indicate_early=False, drop='')
            await home.do('transfer')
            try:
                await home.connect()
            except Refused:
                await home.hang_up()
            else:
                raise AssertionError(f'encrypted with key={key}')
        await home.do('set', key='own')
        await home.do('transfer')
        await home.connect()
        await home.wait('disconnected', len(home.seen('connected')))
        same((await home.do('state'))['readings'], 0, 'left')


async def test_delivery_habits():
    """Kept until confirmed; sent again when the link dropped; the whole memory again with `resend`; bond forgotten."""
    async with Home('cuff') as home:
        await home.bond('2A35')
        await home.hang_up()
        same(await home.do('fill', count=3), {'count': 3}, 'fill')
        wanted = [r['values'][0][1] for r in await home.do('records')]
        same(len(set(wanted)), 3, 'different values')
        await home.do('set', drop='after')
        await home.do('transfer')
        await home.connect()
        await home.gone()
        await home.do('set', drop='')
        await home.connect()  # it is still on the air: something is left
        await home.gone()
        same([v for _, v in home.got], [wanted[0], *wanted], 'values')
        await home.do('set', resend=True)
        home.got.clear()
        await home.do('measure', sys='128', dia='82', time=None)
        await home.connect()
        await home.gone()
        same([v for _, v in home.got], [*wanted, '0080005200ff07'], 'the whole memory')
        await home.do('forget')
        await home.do('transfer')
        try:
            await home.connect()
        except Refused:
            return
        raise AssertionError('encrypted without a bond')


async def test_link_faults():
    """Dropped at a stage, never ended, advertising on, slow, small MTU, moved handles, missing characteristic."""
    async with Home('cuff') as home:
        await home.bond('2A35')
        await home.hang_up()
        for stage in ('connected', 'encrypted'):
            await home.do('set', drop=stage)
            await home.do('transfer')
            with contextlib.suppress(Refused):
                await home.connect()
            await home.gone()
        await home.do('set', drop='', stay=True, slow_s=0.2, mtu=30, advertise_on=True)
        await home.do('measure', sys='128', dia='82')
        await home.connect()
        start = time.monotonic()
        await home.read('2A49')
        same(time.monotonic() - start >= 0.2, True, 'slow answer')
        same(await home.connection.gatt_client.request_mtu(200), 30, 'MTU')
        await home.wait('confirmed')
        await asyncio.sleep(0.2)
        same(bool(home.device.connection), True, 'stays')
        await home.do('set', stay=False, slow_s=0.0, moved=True, missing='2A49')
        await home.gone()
        before = home.char('2A35').handle
        await home.connect()  # advertises on
        await home.discover()
        same(home.char('2A35').handle > before, True, 'moved')
        try:
            home.char('2A49')
        except AssertionError:
            return
        raise AssertionError('2A49 is still there')


async def test_values_spoilt():
    """Octets short, long, none, too many; reserved bits; raw PDUs; a flood."""
    want = {'short': '0080005200ff', 'long': '0080005200ff0700', 'empty': '', 'reserved': 'e080005200ff07'}
    async with Home('cuff', linger_s=5) as home:
        await home.bond('2A35')
        for number, (mangle, value) in enumerate(want.items(), 1):
            await home.do('set', mangle=mangle)
            await home.do('measure', sys='128', dia='82', time=None)
            await home.wait('confirmed', number)
            same(home.got[-1][1], value, mangle)
        await home.do('set', mangle='huge')
        await home.do('measure', sys='128', dia='82', time=None)
        await home.wait('confirmed', 5)
        same(len(home.got[-1][1]) // 2, min(512, home.connection.att_mtu - 3), 'huge')
        await home.do('set', mangle='')
        home.got.clear()
        await home.do('send', value='0102', count=3, indicate=True)
        await asyncio.sleep(0.05)
        same(home.got, [('2A35', '0102')] * 3, 'sent')
        home.char('2A35').client.notification_subscribers = home.char('2A35').client.indication_subscribers
        home.got.clear()
        await home.do('flood', rate=200, seconds=0.5)
        count = (await home.wait('flooded'))['count']
        await asyncio.sleep(0.05)
        same((len(home.got), count >= 50, len(set(home.got)) > 40), (count, True, True), 'flood')


async def test_reserved_bits():
    """Every kind can set the reserved bits of its flags, and only those."""
    for kind, uuid, fields, want in (
            ('scale', '2A9D', {'weight': '81.1', 'time': None}, 'f05c3f'),
            ('scale', '2A9C', {'fat': '23.4', 'time': None}, '00e0ea00'),
            ('oximeter', '2A5E', {'spo2': '97', 'pulse': '63', 'time': None}, 'e061003f00'),
            ('thermometer', '2A1C', {'temp': '36.4', 'time': None}, 'f86c0100ff'),
            ('strap', '2A37', {'bpm': 72}, 'e048')):
        async with Home(kind, mangle='reserved') as home:
            await home.bond(uuid)
            await home.do('store', **fields)
            await home.do('transfer')
            await home.arrived(1)
            same(home.got, [(uuid, want)], kind)
    for kind, uuid, fields, want in (
            ('glucometer', '2A18', {'glucose': None, 'time': 'zero'}, 'e0' '0000' '00000000000000'),
            ('cgm', '2AA7', {'glucose': '112', 'offset': 5}, '06' '1c' '7000' '0500'),
            ('ghs', '2BDD', {'class': 'discrete', 'code': 1, 'time': None},
             '03' '01000000' '02' '0900' '00fc' '01000000')):
        async with Home(kind, mangle='reserved', linger_s=5) as home:
            await home.bond(uuid, '2A52')
            await home.do('store', **fields)
            same(await home.ask('2A52', '0101'), ('06000101', [want]), kind)


async def test_clock():
    """2A08 and 2A2B: read, set, refused, write only, none, fetched from the central."""
    async with Home('cuff', clock_offset=-3600.0, linger_s=5) as home:
        await home.bond()
        about(octets.read_date_time(bytes.fromhex(await home.read('2A08'))), -3600)
        same(await home.write('2A2B', 'ea070b15071f02' '00' '00' '01'), None, 'set')
        same((await home.read('2A2B'))[:12], STAMP[:12], 'reads what was set, to the minute')
        await home.do('set', clock_error=0x80)
        same(await home.write('2A08', STAMP), 0x80, 'refused')
        await home.do('set', clock_error=0, set_clock_refused=True, clock_offset=0.0)
        same(await home.write('2A08', STAMP), None, 'ignored')
        about(octets.read_date_time(bytes.fromhex(await home.read('2A08'))), 0)
        same(home.seen('clock_written')[-1]['value'], STAMP, 'event')
        await home.do('set', clock='2A08', clock_readable=False)
        await home.discover()
        same(await home.read('2A08'), 0x02, 'write only')
    async with Home('thermometer', clock='', fetch_clock=True) as home:
        value = AttributeValue(read=lambda _: bytes.fromhex(STAMP + '068000'))
        home.central.add_service(Service(UUID.from_16_bits(0x1805), [Characteristic(
            UUID.from_16_bits(0x2A2B), Characteristic.Properties.READ, Characteristic.Permissions.READABLE, value)]))
        await home.bond()
        same((await home.wait('clock_fetched'))['value'], STAMP + '068000', 'fetched')
        same(home.device.now().isoformat()[:16], AT[:16], 'clock')


def about(when, offset):
    """A device's time is `offset` seconds off, within 2 s."""
    off = (when - datetime.datetime.now()).total_seconds()
    if abs(off - offset) > 2:
        raise AssertionError(f'clock is {off} s off, want {offset}')


async def test_private_address():
    """Resolvable private addresses: a new one each time, the identity address and IRK given at pairing."""
    async with Home('cuff', private=True) as home:
        await home.do('pair')
        first = home.device.device.random_address
        await home.connect(encrypt=False, address=str(first))
        await home.connection.pair()
        same(str(home.connection.peer_address), home.options['address'], 'identity')
        await home.discover()
        await home.subscribe('2A35')
        await home.connection.disconnect()
        await home.gone()
        await home.do('measure', sys='128', dia='82', time=None)
        second = home.device.device.random_address
        same((first.is_resolvable, second.is_resolvable, first != second), (True, True, True), 'addresses')


# -- scale ------------------------------------------------------------------------------------------

async def test_scale_values():
    """2A9D and 2A9C."""
    await values_of('scale', '2A9D', [
        # 81.100 kg = 16220 x 0.005 = 3F5C
        ({'weight': '81.1', 'time': AT}, '02 5c3f' + STAMP),
        # 180.50 lb = 18050 = 4682; user 2; BMI 24.9 = F9 00; 67.5 in = 675 = 02A3
        ({'weight': '180.5', 'unit': 'lb', 'time': None, 'user': 2, 'bmi': '24.9', 'height': '67.5'},
         '0d 8246 02 f900 a302'),
        ({'weight': 'none', 'time': None, 'user': 255}, '04 ffff ff'),
        ({'weight': '81.1', 'time': None, 'bmi': '27.7', 'height': '1.71'}, '08 5c3f 1501 ae06'),
    ])
    await values_of('scale', '2A9C', [
        # fat 23.4 % = EA 00; BMR 7000 kJ = 1B58; muscle 40.1 % = 0191; impedance 500.5 ohm = 138D
        ({'fat': '23.4', 'time': None, 'bmr': '7000', 'muscle_percent': '40.1', 'impedance': '500.5'},
         '1802 ea00 581b 9101 8d13'),
        # time, user 1, muscle mass 30.000 kg = 6000 = 1770, height 1.715 m = 06B3
        ({'fat': '23.4', 'time': AT, 'user': 1, 'muscle_mass': '30', 'composition_height': '1.715'},
         '2608 ea00' + STAMP + '01 7017 b306'),
        ({'fat': 'none', 'time': None}, '0000 ffff'),
        # lb and in: 66.14 lb = 19D6, three times; 180.50 lb = 4682
        ({'fat': '23.4', 'unit': 'lb', 'time': None, 'fat_free_mass': '66.14', 'soft_lean_mass': '66.14',
          'water_mass': '66.14', 'composition_weight': '180.5', 'composition_height': '67.5'},
         'c10d ea00 d619 d619 d619 8246 a302'),
    ])


async def test_scale_pairs():
    """Weight and composition of one step; composition in two packets, or the first of them only."""
    async with Home('scale', linger_s=5) as home:
        await home.bond('2A9D', '2A9C')
        await home.do('measure', weight='81.1', fat='23.4', time=None, bmr='7000', muscle_percent='40.1', split=1)
        await home.wait('confirmed', 3)
        same(home.got, [('2A9D', '005c3f'), ('2A9C', '0810' 'ea00' '581b'), ('2A9C', '1000' 'ea00' '9101')], 'values')
        await home.do('measure', fat='23.4', time=None, bmr='7000', muscle_percent='40.1', split=1, half=True)
        await home.wait('confirmed', 4)
        await asyncio.sleep(0.05)
        same(len(home.got), 4, 'half')


async def test_users():
    """Consent, wrong consent, lock, register, list; a value that waits for its user."""
    async with Home('scale', linger_s=5, consent_first=True, locks=True) as home:
        await home.bond('2A9D')
        same(await home.write('2A9F', '0201d204'), 0xFD, 'not subscribed')
        await home.subscribe('2A9F')
        same(await home.read('2A9A'), 'ff', 'index without consent')
        same(await home.read('2A8E'), 0x80, 'height without consent')
        await home.do('measure', weight='81.1', time=None, user=1)
        await asyncio.sleep(0.05)
        same(home.got, [], 'held')
        same(await home.ask('2A9F', '0201d304'), ('200205', []), 'wrong code')
        same(await home.ask('2A9F', '0201d204'), ('200201', []), 'consent')  # 1234 = 04D2
        same(home.seen('consent')[-1]['user'], 1, 'event')
        await home.wait('confirmed')
        same(home.got[-1], ('2A9D', '045c3f01'), 'after consent')
        same(await home.read('2A9A'), '01', 'index')
        same((await home.read('2A8E'), await home.read('2A80')), ('ab00', '43'), 'height, age')
        same((await home.read('2A9E'), await home.read('2A9B')), ('2f000000', 'ff1f0000'), 'features')
        same((await home.write('2A99', '07000000'), await home.read('2A99')), (None, '07000000'), 'change increment')
        await home.do('measure', weight='81.1', time=AT, user=1)
        await home.wait('confirmed', 2)
        await home.do('measure', weight='180.5', unit='lb', fat='23.4', time=None, user=2)
        await asyncio.sleep(0.05)
        same(len(home.seen('confirmed')), 2, "another user's")
        await home.subscribe('2B37')
        same(await home.ask('2A9F', '04'), ('20040102', [f'0301{user:02x}' + f'user {user}'.encode().hex()
                                                        for user in (1, 2)]), 'list')
        same(await home.ask('2A9F', '019a02'), ('20010103', []), 'register')
        same(await home.ask('2A9F', '01ffff'), ('200103', []), 'register, no code')
        same(await home.ask('2A9F', '77'), ('207702', []), 'unknown')
        for _ in range(3):
            await home.ask('2A9F', '02010000')
        same(await home.ask('2A9F', '0201d204'), ('200204', []), 'locked')
        await home.do('set', list_unsupported=True, consent_refused=True)
        await home.do('unlock')
        same(await home.ask('2A9F', '04'), ('200402', []), 'list unsupported')
        same(await home.ask('2A9F', '0201d204'), ('200205', []), 'refused')


# -- records ----------------------------------------------------------------------------------------

async def meter(home, count=0, *, step=60.0, end=AT):
    """Bond, subscribe all, fill."""
    await home.bond('2A18', '2A34', '2A52')
    if count:
        await home.do('fill', count=count, step=step, end=end)


async def test_glucometer_values():
    """2A18, 2A34, 2A51."""
    async with Home('glucometer', first_key=258) as home:
        await meter(home)
        same(await home.read('2A51'), 'ff03', 'feature')
        # sequence 258 = 0201; base time; offset -60 min; 0.00112 kg/L = 112 e-5 = 70 B0; type 1, finger 1; status
        await home.do('store', glucose='0.00112', time=AT, offset=-60, status=0x0420)
        same(await home.ask('2A52', '0106'),
             ('06000101', ['0b' '0201' + STAMP + 'c4ff' '70b0' '11' '2004']), 'kg/L')
        # mol/L: 0.0062 = 62 e-4 = 3E C0; control solution; context follows
        context = {'extended': 0, 'carb': [2, '0.045'], 'meal': 3, 'tester': 1, 'health': 5, 'exercise': [1800, 60],
                   'medication': [1, '0.012'], 'medication_unit': 'L', 'hba1c': '6.5'}
        await home.do('store', glucose='0.0062', unit='mol/L', type=10, location=4, time=AT, context=context)
        same(await home.ask('2A52', '0106'), ('06000101', [
            '16' '0301' + STAMP + '3ec0' '4a',
            'ff' '0301' '00' '02' '2dd0' '03' '51' '0807' '3c' '01' '0cd0' '41f0']), 'mol/L and context')
        await home.do('store', glucose=None, time=AT, status=1)
        same(await home.ask('2A52', '0106'), ('06000101', ['08' '0401' + STAMP + '0100']), 'no result')
        for context, want in (({'meal': 3}, '02' '0501' '03'), ({'extended': 7}, '80' '0601' '07'),
                              ({'health': 2}, '04' '0701' '2f'), ({'hba1c': '6.5'}, '40' '0801' '41f0'),
                              ({'medication': [2, '0.5']}, '10' '0901' '02' '05f0')):
            await home.do('store', glucose='0.00112', time=AT, context=context)
            _, (_, value) = await home.ask('2A52', '0106')
            same(value, want, context)


def sequences(values):
    """Sequence numbers of 2A18 values."""
    return [int.from_bytes(bytes.fromhex(v)[1:3], 'little') for v in values]


async def test_record_access():
    """Every operator, count, delete, and every response code."""
    async with Home('glucometer', linger_s=5) as home:
        await home.bond('2A18')
        same(await home.write('2A52', '0101'), 0xFD, 'RACP not subscribed')
        await home.subscribe('2A52')
        same(await home.ask('2A52', '0101'), ('06000106', []), 'no records')
        same(await home.do('fill', count=10, end=AT), {'count': 10, 'first': 0, 'last': 9}, 'fill')
        for request, want in (('0101', range(10)), ('0103010700', (7, 8, 9)), ('0102010200', (0, 1, 2)),
                              ('010401' '0300' '0500', (3, 4, 5)), ('0105', (0,)), ('0106', (9,)),
                              # by time: 07:29:02 and later, the last three
                              ('010302' 'ea070b15071d02', (7, 8, 9))):
            answer, values = await home.ask('2A52', request)
            same((answer, sequences(values)), ('06000101', list(want)), request)
        for request, want in (('0401', '05000a00'), ('0403010700', '05000300'), ('0403016400', '05000000'),
                              ('0901', '06000902'), ('0601', '06000602'), ('0100', '06000103'), ('0107', '06000104'),
                              ('0103', '06000105'), ('01030107', '06000105'), ('010401' '0500' '0300', '06000105'),
                              ('010102', '06000105'), ('0103030000', '06000109'), ('0103016400', '06000106'),
                              ('0300', '06000307'), ('0301', '06000303')):
            same(await home.ask('2A52', request), (want, []), request)
        same(await home.ask('2A52', '0202010200'), ('06000201', []), 'delete')
        same(await home.ask('2A52', '0401'), ('05000700', []), 'count after it')
        same(home.seen('racp_request')[-1]['value'], '0401', 'event')
        same(home.seen('racp_response')[-1]['value'], '05000700', 'event')


async def test_record_faults():
    """Unsupported things, busy, silence, an end in the middle, order, lateness, contexts."""
    async with Home('glucometer', linger_s=5) as home:
        await meter(home, 6)  # contexts at 0 and 3

        def ask(request='0101'):
            return home.ask('2A52', request)

        await home.do('set', racp_operators='1')
        same(await ask('0103010000'), ('06000104', []), 'operator unsupported')
        await home.do('set', racp_operators='1+3', racp_filters=False)
        same(await ask('0103010000'), ('06000109', []), 'operand unsupported')
        await home.do('set', racp_busy=1)
        same(await ask(), 0xFE, 'busy')
        await home.do('set', racp_delete=False)
        same(await ask('0201'), ('06000202', []), 'no delete')
        for code in (4, 8, 9):
            await home.do('set', racp_code=code)
            same(await ask(), (f'060001{code:02x}', []), 'code')
        await home.do('set', racp_code=0, racp_fail_after=2)
        answer, values = await ask()
        same((answer, len(values)), ('06000108', 3), 'fails after two, one of them with context')
        await home.do('set', racp_fail_after=-1, racp_reversed=True, context_missing=1)
        answer, values = await ask()
        same(sequences(values), [5, 4, 3, 2, 1, 0], 'reversed, no contexts')
        await home.do('set', racp_reversed=False, context_missing=0, context_late=True)
        answer, values = await ask()
        same(sequences(values), [0, 1, 2, 3, 4, 5, 0, 3], 'contexts last')
        await home.do('set', context_late=False, context_orphan=1)
        answer, values = await ask()
        same(sequences(values), [0, 1, 2, 3, 4, 5], 'orphans')
        await home.do('set', context_orphan=0, racp_late=2, context_missing=1)
        await ask()
        await home.arrived(7)
        same([u for u, _ in home.got], ['2A18'] * 4 + ['2A52'] + ['2A18'] * 2, 'two after the response')
        await home.do('set', racp_late=0, racp_stop_after=3)
        home.got.clear()
        await home.write('2A52', '0101')
        await asyncio.sleep(0.1)
        same([u for u, _ in home.got], ['2A18'] * 3, 'silent after three')
        await home.do('set', racp_stop_after=-1, racp_silent=True)
        home.got.clear()
        await home.write('2A52', '0101')
        await asyncio.sleep(0.05)
        same(home.got, [], 'silent')
        await home.do('set', racp_silent=False, racp_drop_after=3.5, context_missing=0)
        await home.write('2A52', '0101')
        await home.gone()
        same(sequences(v for _, v in home.got), [0, 0, 1, 2, 3], 'dropped between record 3 and its context')


async def test_history():
    """500 records, abort in the middle, resumed from the mark; what else is busy meanwhile; the meter hangs up."""
    async with Home('glucometer', linger_s=0.3, record_interval_s=0.001) as home:
        await meter(home, 500)
        await home.write('2A52', '0101')
        await home.wait('notified', 50)
        same(await home.write('2A52', '0401'), 0xFE, 'second procedure')
        answer, _ = await home.ask('2A52', '0300')
        same(answer, '06000301', 'abort')
        await asyncio.sleep(0.05)
        reported = home.seen('notified', uuid='2A18')
        count = len(reported)
        await home.do('set', record_interval_s=0.0)
        answer, values = await home.ask('2A52', '010301' + count.to_bytes(2, 'little').hex())
        rest = [s for s, v in zip(sequences(values), values) if len(v) > 8]
        same((answer, rest), ('06000101', list(range(count, 500))), 'the rest')
        await home.gone()
    async with Home('glucometer', linger_s=5, racp_no_abort=True, record_interval_s=0.01) as home:
        await meter(home, 20)
        await home.write('2A52', '0101')
        await home.write('2A52', '0300')
        await home.wait('racp_response')
        same(home.seen('racp_response')[-1]['value'], '06000101', 'abort ignored')
        await home.do('wipe', key=65535)
        await home.do('fill', count=2)
        same([r['key'] for r in await home.do('records')], [65535, 0], 'wraps')


# -- oximeter, thermometer, strap -------------------------------------------------------------------

async def test_oximeter():
    """2A5E, 2A5F, 2A60; the stream; the memory."""
    await values_of('oximeter', '2A5E', [
        ({'spo2': '97', 'pulse': '63', 'time': None}, '00 6100 3f00'),
        # time, both statuses, amplitude 1.8 % = 12 F0, clock not set
        ({'spo2': '97', 'pulse': '63', 'time': AT, 'status': 0x0120, 'sensor': 0x010020, 'amplitude': '1.8',
          'unset': True}, '1f 6100 3f00' + STAMP + '2001 200001 12f0'),
        ({'spo2': '97', 'pulse': '63', 'time': None, 'unset': True}, '10 6100 3f00'),
        ({'spo2': '97', 'pulse': '63', 'time': None, 'sensor': 1}, '04 6100 3f00 010000'),
    ])
    async with Home('oximeter', linger_s=5) as home:
        await home.bond('2A5F')
        same(await home.read('2A60'), '7b00' 'e0ff' 'ffff00', 'features')
        await home.do('stream', count=4, interval=0.01, pulse='63', values=[
            {'spo2': '98'}, {'spo2': '97', 'fast': ['96', '70']}, {'spo2': '97', 'slow': ['95', '71'], 'status': 32}])
        await home.wait('stream_over')
        await home.arrived(4)
        same([v for _, v in home.got], ['0062003f00', '0161003f0060004600', '0661003f005f0047002000', '0062003f00'],
             'stream')
    async with Home('oximeter', storage=True, linger_s=5) as home:
        await home.bond('2A5E', '2A52')
        await home.do('fill', count=2, end=AT)
        answer, values = await home.ask('2A52', '0101')
        same((answer, [v[:10] for v in values]), ('06000101', ['015a003200', '015b003300']), 'memory')
        same(await home.ask('2A52', '0106'), ('06000104', []), 'last')
        same((await home.read('2A60'))[:4], '7f00', 'features')


async def test_thermometer():
    """2A1C, 2A1D."""
    await values_of('thermometer', '2A1C', [
        ({'temp': '36.4', 'time': None}, '00 6c0100ff'),  # 364 e-1
        # 98.60 degF = 9860 e-2 = 2684; time; finger
        ({'temp': '98.60', 'unit': 'F', 'time': AT, 'type': 4}, '07 842600fe' + STAMP + '04'),
        ({'time': None}, '00 ffff7f00'),
        ({'temp': '36.4', 'time': None, 'type': 6}, '04 6c0100ff 06'),
    ])
    async with Home('thermometer') as home:
        await home.bond()
        same(await home.read('2A1D'), '03', 'type')


async def test_strap():
    """2A37: 8 and 16 bits, contact, energy, RR intervals; the stream goes on in the next connection."""
    async with Home('strap', linger_s=5, advertise_s=20.0) as home:
        await home.bond('2A37')
        values = [{'bpm': 72}, {'bpm': 300, 'contact': True}, {'bpm': 72, 'contact': False, 'energy': 258},
                  {'bpm': 72, 'rr': [819, 1024]}]
        await home.do('measure', count=6, interval=0.05, values=values)
        await home.arrived(4)
        same([v for _, v in home.got], ['0048', '07' '2c01', '0c' '48' '0201', '10' '48' '3303' '0004'], 'values')
        await home.hang_up()
        await home.connect()
        await home.wait('stream_over')
        await home.arrived(6)
        same((await home.write('2A39', '02'), await home.write('2A39', '01')), (0x80, None), 'control point')


# -- CGM --------------------------------------------------------------------------------------------

async def test_cgm():
    """2AA7, 2AA8, 2AA9, 2AAA, 2AAB, 2AAC without E2E-CRC; records; values live."""
    async with Home('cgm', zone=4, dst=4) as home:
        await home.bond('2AA7', '2AAC', '2A52')
        start = await home.do('session', start=AT)
        same((start, await home.read('2AAA')), (AT, STAMP + '0404'), 'session start')
        same(await home.read('2AA8'), 'ffef01' '59' 'ffff', 'feature')
        await home.do('clock', offset=(datetime.datetime.fromisoformat(AT) - datetime.datetime.now()).total_seconds()
                      + 300 * 60 + 1)
        same(await home.read('2AA9'), '2c01' '000000', 'status, in minute 300')
        same(await home.read('2AAB'), '5001', 'run time')
        await home.do('measure', glucose='112', offset=5)
        same(home.got[-1], ('2AA7', '06' '00' '7000' '0500'), 'live')
        # status, calibration, warning in this order; trend -2.0 = EC FF; quality 98.5 = D9 F3
        await home.do('store', glucose='112', offset=10, status=1, cal=2, warning=4, trend='-2.0', quality='98.5')
        same(await home.ask('2A52', '0106'),
             ('06000101', ['0d' 'e3' '7000' '0a00' '01' '02' '04' 'ecff' 'd9f3']), 'all fields')
        same(await home.ask('2A52', '0103010600'), await home.ask('2A52', '0106'), 'from minute 6 on')
        await home.do('set', bundle=2)
        same(await home.ask('2A52', '0101'), ('06000101', ['060070000500' '0de370000a00010204ecffd9f3']), 'bundle')
        for request, want in (('02', '0305'), ('08', '09fa00'), ('0b', '0c3c00'), ('0e', '0f3600'), ('11', '122c01'),
                              ('14', '15ecff'), ('17', '1814f0'), ('1a', '1c1a04'), ('1b', '1c1b04'),
                              ('05ffff', '06' '6400' '1e00' '11' 'd002' '0100' '00'), ('77', '1c7702')):
            same(await home.ask('2AAC', request), (want, []), request)


async def test_cgm_crc():
    """The same with E2E-CRC: in all that is read and notified, asked of all that is written."""
    def checked(text):
        return text + octets.crc(bytes.fromhex(text)).hex()

    async with Home('cgm', crc=True) as home:
        await home.bond('2AA7', '2AAC', '2A52')
        await home.do('session', start=AT)
        same(await home.read('2AA8'), checked('ffff0159'), 'feature')
        same(await home.read('2AAA'), checked(STAMP + '0000'), 'session start')
        await home.do('store', glucose='112', offset=5)
        same(await home.ask('2A52', '0101'), ('06000101', [checked('08' '00' '7000' '0500')]), 'record')
        await home.do('set', crc_wrong=True)
        (_, (value,)) = await home.ask('2A52', '0101')
        same((value[:-4], value[-4:] != checked(value[:-4])[-4:]), ('080070000500', True), 'wrong')
        same(await home.write('2AAC', '02'), 0x80, 'missing')
        same(await home.write('2AAC', '020000'), 0x81, 'wrong')
        same(await home.ask('2AAC', checked('02')), (checked('0305'), []), 'right')


# -- generic health sensor --------------------------------------------------------------------------

# 2026-11-21 07:31:02 in Elapsed Time: UTC and current timeline, 0x32940536 s, NTP, no offset
ELAPSED = '22' '360594320000' '01' '00'


async def test_ghs_live():
    """Live observations by class, only when started, in segments; features; control point."""
    cases = [
        # numeric: type 147842 = 00024182; 72 /min (2720 = 0AA0)
        ({'type': 147842, 'value': '72', 'unit': 2720, 'time': AT},
         '01' '1800' '0300' '82410200' + ELAPSED + 'a00a' '48000000'),
        # compound: 150020 = 00024A04; two parts; user 1, status questionable
        ({'type': 150020, 'time': None, 'user': 1, 'status': 2, 'parts': [
            {'type': 150021, 'value': '128', 'unit': 3872}, {'type': 150022, 'value': '82', 'unit': 3872}]},
         '07' '2300' '2900' '044a0200' '0200' '01' '02' '054a0200' '01' '200f' '80000000'
         '064a0200' '01' '200f' '52000000'),
        ({'class': 'discrete', 'time': None, 'code': 0x0102}, '02' '0900' '0000' '02010000'),
        ({'class': 'string', 'time': None, 'text': 'ok'}, '03' '0900' '0000' '0200' '6f6b'),
        ({'time': None, 'bundle': [{'class': 'discrete', 'code': 1}, {'class': 'discrete', 'code': 2, 'object': 5}]},
         'ff' '1c00' '0000' '02' '02' '0900' '0000' '01000000' '02' '0d00' '1000' '05000000' '02000000'),
        # everything that is optional but time, type, status, object, user: 1.5 s = 15 e-1
        ({'class': 'discretes', 'time': None, 'codes': [258, 1], 'duration': '1.5', 'supplement': [3], 'derived': [4],
          'members': [5, 6], 'tlvs': '00'},
         '05' '2600' 'c403' '0f0000ff' '0103000000' '0104000000' '020500000006000000' '00' '02' '02010000' '01000000'),
        ({'class': 'states', 'time': None, 'mask': 'ff', 'kinds': '00', 'bits': '05'}, '06' '0900' '0000' '01ff0005'),
        ({'class': 'samples', 'time': None, 'unit': 512, 'offset': '0', 'period': '0.5', 'samples': '0a0b'},
         '04' '1b00' '0000' '0002' '01000000' '00000000' '050000ff' '01' '01' '02000000' '0a0b'),
    ]
    async with Home('ghs', stored=False, linger_s=5) as home:
        await home.bond('2B8B', '2BF4')
        same(await home.read('2BF3'), '01' '02' '82410200' '044a0200' '01' '0710' '01', 'features')
        await home.do('measure', **cases[0][0])
        await asyncio.sleep(0.05)
        same(home.got, [], 'not started')
        await home.connection.gatt_client.request_mtu(200)
        same(await home.write('2BF4', '03'), 0x81, 'unknown command')
        same((await home.ask('2BF4', '01'))[0], '80', 'start')
        await home.wait('confirmed')
        for number, (fields, want) in enumerate(cases):
            if number:
                await home.do('measure', **fields)
            await home.wait('confirmed', number + 1)
            same(home.got[-1], ('2B8B', f'{3 | number << 2:02x}' + want), fields)
        await home.do('set', length_counts='rest')
        await home.do('measure', **cases[2][0])
        await home.wait('confirmed', len(cases) + 1)
        same(home.got[-1][1][2:8], '020600', 'length of the rest')
        same((await home.ask('2BF4', '02'))[0], '80', 'stop')
        home.got.clear()
        await home.do('measure', **cases[2][0])
        await asyncio.sleep(0.05)
        same(home.got, [], 'stopped')


async def test_ghs_stored():
    """Stored observations: record number first, in segments, combined report, filters; a segment lost."""
    observation = '01' '1800' '0300' '82410200' + ELAPSED + 'a00a' '48000000'
    async with Home('ghs', linger_s=5, mtu=23, first_key=9) as home:
        await home.bond('2BDD', '2A52')
        await home.do('store', type=147842, value='72', unit=2720, time=AT)
        whole = '09000000' + observation  # 28 octets: 19 and 9
        first, second = '01' + whole[:38], '06' + whole[38:]
        same(await home.ask('2A52', '0101'), ('06000101', [first, second]), 'all')
        answer, values = await home.ask('2A52', '0701')
        same((answer, [v[2:] for v in values]), ('080001000000', [first[2:], second[2:]]), 'combined')
        same(await home.ask('2A52', '04030109000000'), ('050001000000', []), 'count')
        same(await home.ask('2A52', '0703010a000000'), ('06000706', []), 'none')
        await home.do('set', segment_fault='lost')
        answer, values = await home.ask('2A52', '0106')
        same((answer, len(values)), ('06000101', 1), 'lost')
        await home.do('set', segment_fault='doubled')
        answer, values = await home.ask('2A52', '0106')
        same((answer, len(values), values[1] == values[2]), ('06000101', 3, True), 'doubled')


async def test_elapsed_time():
    """2BF2: read with status and capabilities, set, refused for a wrong format."""
    async with Home('ghs', linger_s=5) as home:
        await home.bond()
        same(await home.write('2BF2', ELAPSED), None, 'set')
        value = await home.read('2BF2')
        same((value[:2], value[6:], len(value)), ('22', '94320000' '0100' '0000', 22), 'read')
        for flags in ('23', '20', '26', '2a', '32'):  # ticks, local, 100 ms, ms, with offset
            same(await home.write('2BF2', flags + ELAPSED[2:]), 0x81, flags)
        await home.do('set', clock_error=0x80, clock_needs_setting=True)
        same(await home.write('2BF2', ELAPSED), 0x80, 'source too low')
        same((await home.read('2BF2'))[18:], '0100', 'needs setting')


TESTS = [test for name, test in list(globals().items()) if name.startswith('test_')]


async def main(wanted):
    """Run all, or the named ones."""
    passed = failed = 0
    for test in TESTS:
        if wanted and test.__name__ not in wanted:
            continue
        start = time.monotonic()
        try:
            await asyncio.wait_for(test(), 30)
            passed += 1
            print(f'ok {test.__name__} ({time.monotonic() - start:.1f} s)', flush=True)
        except (Exception, asyncio.CancelledError) as error:  # a fault in the device as well as a wrong value
            failed += 1
            print(f'FAILED {test.__name__}: {type(error).__name__}: {error}', flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc(limit=-6)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(asyncio.run(main(sys.argv[2:])))
