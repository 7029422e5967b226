"""How a device delivers its values: oldest first, each until it is confirmed."""
import asyncio
import contextlib
import struct

from bumble.gatt import Characteristic

P = Characteristic.Properties
HISTORY = 250  # delivered values that a device with the habit 'resend' still has


class Delivery:
    """A part of Peripheral."""

    def push(self, connection, characteristic, value, indicate=False):
        """Send one PDU; no state is looked at, nothing is waited for."""
        opcode = 0x1D if indicate else 0x1B
        value = value[:connection.att_mtu - 3]
        pdu = struct.pack('<BH', opcode, characteristic.handle) + value
        self.device.gatt_server.send_gatt_pdu(connection, pdu)
        self.touch()

    async def deliver_frame(self, connection, uuid, frame, early=False):
        """Send one frame as its subscriber asked for, and wait for the confirmation of an indication."""
        c = self.chars[uuid]
        bits = self.subscription(connection, uuid)
        # bumble forgets subscriptions at disconnect, a bonded device does not: 'force'
        indicate = c.properties & P.INDICATE and (bits & 2 or not c.properties & P.NOTIFY or (early and not bits))
        if not indicate:
            await self.notify(connection, uuid, frame)
            return
        self.report('indicated', value=frame.hex(), uuid=f'{uuid:04X}')
        if self.options.drop == 'before':
            asyncio.get_running_loop().call_soon(self._end, connection)
        await self.device.gatt_server.indicate_subscriber(connection, c, frame, force=True)
        self.touch()

    async def notify(self, connection, uuid, value):
        """Notify one value and wait until the controller has it."""
        self.report('notified', value=value.hex(), uuid=f'{uuid:04X}')
        self.push(connection, self.chars[uuid], value)
        with contextlib.suppress(ValueError):  # the connection is gone; our task is about to be cancelled
            await connection.drain()

    def progress(self, early=False):
        """Start sending if there is a value, a link that is fit for it, and a subscriber."""
        c = self.connection
        if not c or not (early or c.is_encrypted):
            return
        if self._flood:
            self._start_flood(c)
        if not self.busy() and self._next(c, early):
            self._sending = self.spawn(self._send(c, early))
        if not early:
            self.ready(c)

    def held(self, connection, uuid, value):
        """Return True if a value must not be sent yet."""
        del connection, uuid, value
        return False

    def _next(self, connection, early):
        """Return the queue and the place of what is to be sent now; None if nothing."""
        for queue in (self._again, self.readings):
            for place, (uuid, value) in enumerate(queue):
                if early or self.subscription(connection, uuid) and not self.held(connection, uuid, value):
                    return queue, place
        return None

    async def _send(self, connection, early):
        """Send what is left, oldest first; a value goes only after its confirmation."""
        drop = self.options.drop
        while found := self._next(connection, early):
            queue, place = found
            uuid, value = queue[place]
            try:
                for frame in self.frames(connection, uuid, value):
                    await self.deliver_frame(connection, uuid, frame, early)
            except TimeoutError:  # 30 s without a confirmation: the bearer is dead (Core, vol 3 part F, 3.3.3)
                self.report('unconfirmed', value=value.hex(), uuid=f'{uuid:04X}')
                await connection.disconnect()
                return
            if drop in ('before', 'after'):
                await connection.disconnect()
                return
            del queue[place]
            if queue is self.readings:
                self.history = [*self.history, (uuid, value)][-HISTORY:]
            self.save()
            self.report('confirmed', value=value.hex(), uuid=f'{uuid:04X}')
        self._sending = None
        self.done()

    def _start_flood(self, connection):
        order, self._flood = self._flood, None
        self._flooding = self.spawn(self._run_flood(connection, **order))

    async def _run_flood(self, connection, rate, seconds, same, fields):
        """Notify at a rate; values differ unless told otherwise."""
        loop = asyncio.get_running_loop()
        start, sent = loop.time(), 0
        while loop.time() < start + seconds:
            due = int((loop.time() - start) * rate) + 1
            for number in range(sent, due):
                for uuid, value in self.encode({**self.sample(0 if same else number), **fields}, self.now()):
                    self.push(connection, self.chars[uuid], self._mangled(value))
            sent = due
            await connection.drain()
            await asyncio.sleep(1 / rate)
        self.report('flooded', count=sent)
