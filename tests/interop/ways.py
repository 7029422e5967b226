"""A UDP path on the loopback that loses datagrams and changes the client's port, as networks and NAT boxes do."""
import random
import selectors
import socket
import struct
import threading
import time


class Record:
    """A capture file (pcap, raw IPv4) of what is carried; as from a machine beside the client."""

    def __init__(self, path):
        self._file = open(path, 'wb')
        self._file.write(struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))

    def add(self, source, target, data):
        """One datagram between two ports of the loopback."""
        host = socket.inet_aton('127.0.0.1')
        packet = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 28 + len(data), 0, 0, 64, socket.IPPROTO_UDP, 0, host, host)
        packet += struct.pack('>HHHH', source, target, 8 + len(data), 0) + data
        now = time.time()
        self._file.write(struct.pack('<IIII', int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)

    def close(self):
        """Complete it."""
        self._file.close()


class Way:
    """Carries datagrams between one client, who sends to `port`, and the server at `to`.

    loss      part of the datagrams that is lost, each way
    record    file for a capture of what is carried
    rebind()  from now on the server sees the client at another port; what goes to the old one is lost
    """

    def __init__(self, to, loss=0.0, seed=1, record=None):
        self.to, self.loss, self.lost, self.rebinds, self.carried = to, loss, 0, 0, 0
        self._random = random.Random(seed)
        self._inner = self._socket()
        self._outer = self._socket()
        self._client = None
        self._record = Record(record) if record else None
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake, self._wakened = socket.socketpair()
        for s in (self._inner, self._outer, self._wakened):
            self._selector.register(s, selectors.EVENT_READ)
        self.port = self._inner.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def _socket():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('127.0.0.1', 0))
        s.setblocking(False)
        return s

    def rebind(self):
        """Give the client another port."""
        with self._lock:
            new = self._socket()
            self._selector.unregister(self._outer)
            self._selector.register(new, selectors.EVENT_READ)
            self._outer.close()
            self._outer = new
            self.rebinds += 1
        self._wake.send(b'.')

    def _carry(self, source, target):
        try:
            data, sender = source.recvfrom(4096)
        except OSError:  # nobody listens there: to the other side that is silence
            return
        if source is self._inner:
            self._client = sender
        address = self.to if source is self._inner else self._client
        if address is None or self._random.random() < self.loss:
            self.lost += 1
            return
        try:
            target.sendto(data, address)
            self.carried += 1
        except OSError:
            return
        if self._record:
            ports = (self._client[1], self.port)
            self._record.add(*(ports if source is self._inner else ports[::-1]), data)

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wakened:
                    if not self._wakened.recv(64):
                        return
                    continue
                with self._lock:
                    if key.fileobj is self._inner:
                        self._carry(self._inner, self._outer)
                    elif key.fileobj is self._outer:
                        self._carry(self._outer, self._inner)

    def close(self):
        """End it."""
        self._wake.close()
        self._thread.join(5)
        for s in (self._inner, self._outer, self._wakened):
            s.close()
        if self._record:
            self._record.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
