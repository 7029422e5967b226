"""Devices that notify values one after the other for as long as they are worn."""
import asyncio


class Streamer:
    """Beside Peripheral: a stream of values of one characteristic. A kind says how one looks."""

    STREAM = 0  # its characteristic
    _order = None  # what is left to be streamed
    _streaming = None  # task

    def stream_encode(self, fields):
        """Return the octets of one value."""
        raise NotImplementedError

    def stream_sample(self, number):
        """Return plausible fields for the value of that number."""
        raise NotImplementedError

    async def stream(self, count=60, interval=1.0, values=(), start=0, seconds=None, **fields):
        """Stream `count` values, one every `interval` seconds, in this connection or the next one.

        values: fields of each, over and over; start: number of the first; fields: the same in all.
        """
        self._order = {'left': count, 'number': start, 'interval': interval, 'values': list(values), 'fields': fields}
        await self.transfer(seconds)

    def ready(self, connection):
        """Start as soon as somebody listens."""
        super().ready(connection)
        if self._order and not self._streaming and self.subscription(connection, self.STREAM):
            self._streaming = self.spawn(self._stream(connection))

    async def _stream(self, connection):
        order = self._order
        sent = 0
        while order is self._order and order['left'] > 0:
            values, number = order['values'], order['number']
            some = values[number % len(values)] if values else {}
            octets = self.stream_encode({**self.stream_sample(number), **order['fields'], **some})
            await self.notify(connection, self.STREAM, self._mangled(octets))
            order['left'] -= 1
            order['number'] += 1
            sent += 1
            await asyncio.sleep(order['interval'])
        self._streaming = None
        if order is not self._order:  # a new order came meanwhile
            self.ready(connection)
            return
        self._order = None
        self.report('stream_over', count=sent)
        self.done()

    def busy(self):
        """Not cut off by itself."""
        return super().busy() or bool(self._streaming)

    def ended(self):
        """What is left waits for the next connection."""
        super().ended()
        if self._streaming:
            self._streaming.cancel()
            self._streaming = None

    def wanted(self, connection):
        """On the air while it is worn."""
        return super().wanted(connection) or bool(self._order)
