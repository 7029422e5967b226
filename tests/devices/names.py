"""Addresses and passkeys of the bench's devices, for the guest and for the host."""

PASSKEYS = (123456, 654321, 111222, 333444, 444555, 555666, 666777, 777888)


def address(number):
    """Return the address of the bench's device of that number (a static random one)."""
    return f'F0:F1:F2:F3:F4:F{number:X}'


def passkey(number):
    """Return what is printed on its label."""
    return PASSKEYS[number % len(PASSKEYS)]
