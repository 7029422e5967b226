"""When a device is on the air."""
import asyncio
import contextlib
import struct

from bumble.core import AdvertisingData
from bumble.hci import Address, HCI_Error, HCI_LE_Set_Random_Address_Command

HEARD_EVERY_S = 1.0
# btvirt reports an advertising when it starts and then by a timer. Its loop (5.82) goes on using a timer that was
# stopped in the same turn, and crashes: so the timer never fires, and `_stay_heard` starts anew instead.
INTERVAL_MS = 10_000_000


class Radio:
    """A part of Peripheral."""

    _advertise_until = 0.0
    _advertising_end = None  # timer
    _on_air = None  # bumble's advertising set; None from the moment of a connection

    async def _advertise(self, seconds):
        loop = asyncio.get_running_loop()
        self._advertise_until = float('inf') if self.options.always_on else loop.time() + seconds
        await self._resume_advertising()

    async def _resume_advertising(self):
        loop = asyncio.get_running_loop()
        left = self._advertise_until - loop.time()
        if left <= 0 or self.connection:
            return
        if self._advertising_end:
            self._advertising_end.cancel()
        if left < float('inf'):
            self._advertising_end = loop.call_later(left, lambda: self.spawn(self._time_over()))
        for _ in range(20):
            try:
                await self._radio_on()
                self.report('advertising', pairing=self.pairing, readings=self.waiting())
                return
            except HCI_Error as error:  # btvirt refuses now and then just after a disconnect
                self.report('advertising_refused', error=str(error))
                await asyncio.sleep(0.05)

    async def _radio_on(self):
        services = b''.join(struct.pack('<H', uuid) for uuid in self.ADVERTISED)
        data = [
            (AdvertisingData.FLAGS, bytes([0x06])),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, services),
            (AdvertisingData.APPEARANCE, struct.pack('<H', self.APPEARANCE)),
            (AdvertisingData.COMPLETE_LOCAL_NAME, self.options.name.encode()),
        ]
        await self._radio_off()
        if self.options.private:
            address = Address.generate_private_address(self.device.irk)
            self.device.random_address = address
            await self.device.send_command(HCI_LE_Set_Random_Address_Command(random_address=address))
        await self.device.start_advertising(
            advertising_data=bytes(AdvertisingData(data)),
            advertising_interval_min=INTERVAL_MS,
            advertising_interval_max=INTERVAL_MS,
        )
        if not self.connection:
            self._on_air = self.device.legacy_advertising_set
            self.spawn(self._stay_heard(self._on_air))

    async def _stay_heard(self, advertising):
        """Start anew every second, for those that began to listen meanwhile."""
        while True:
            await asyncio.sleep(HEARD_EVERY_S)
            with contextlib.suppress(HCI_Error):  # it ended meanwhile
                for step in (advertising.stop, advertising.start):
                    if self._on_air is not advertising:
                        return
                    await step()
                if self._on_air is None:  # a connection came while it started anew
                    await advertising.stop()

    async def _time_over(self):
        self.pairing = False
        await self._silence()
        self.report('advertising_over', readings=self.waiting())

    async def _silence(self):
        self._advertise_until = 0.0
        if self._advertising_end:
            self._advertising_end.cancel()
            self._advertising_end = None
        if not self.connection:
            await self._radio_off()

    async def _radio_off(self):
        """Stop advertising; bumble's own stop_advertising fails when its view and btvirt's differ."""
        advertising = self.device.legacy_advertising_set
        self.device.legacy_advertising_set = self._on_air = None
        if advertising:
            for step in (advertising.stop, advertising.remove):
                # it is off already; KeyError: two that ended at once, for bumble
                with contextlib.suppress(HCI_Error, KeyError):
                    await step()
