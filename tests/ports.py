"""ports.py - ports of this machine for programs under test.

A port handed out is not one of those that the kernel gives to sockets by itself (ip_local_port_range), nobody has it now,
and no other test that asks here gets it as long as this process lives: a name in the abstract namespace of Unix sockets
stands for it, and goes with the process.
"""
import random
import socket

LOW, HIGH = 10000, 32000


def _free(kind, name):
    while True:
        port = random.randrange(LOW, HIGH)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                claim.bind(f'\0telehealth-hub.test.{name}.{port}')
                s.bind(('0.0.0.0', port))
            except OSError:
                claim.close()
                continue
        claim.detach()  # stays open as long as the process
        return port


def free_udp_port():
    """Return a UDP port for a program under test."""
    return _free(socket.SOCK_DGRAM, 'udp')


def free_tcp_port():
    """Return a TCP port for a program under test."""
    return _free(socket.SOCK_STREAM, 'tcp')
