"""What every emulated device is and how it behaves; a kind adds its own options. README.md explains them."""
import dataclasses


@dataclasses.dataclass
class Options:
    """What a device is and how it behaves; all can be changed while it runs. The last block are faults, all off."""

    name: str = 'TWIN'
    address: str = 'F0:F1:F2:F3:F4:F5'
    passkey: int = 123456
    state: str = '/tmp/device'  # its memory: <state>.keys (the bond), <state>.json (all else)
    maker: str = 'Twin Medical'
    model: str = 'TWIN-1'
    serial: str = 'SN-0001'
    firmware: str = '1.0'
    system_id: str = '0100000000005a00'
    battery: int = 90
    secure_connections: bool = True
    passkey_entry: bool = True  # False: Just Works
    private: bool = False  # resolvable private addresses, a new one at each advertising

    clock: str = '2A2B'  # what it offers: '2A08', '2A2B', both joined by '+', or ''
    clock_offset: float = 0.0  # seconds its own clock is ahead of true time
    clock_readable: bool = True  # False: write only
    fetch_clock: bool = False  # reads the central's Current Time once the link is encrypted

    advertise_s: float = 30.0  # after a measurement
    pairing_s: float = 120.0  # in pairing mode
    linger_s: float = 0.5  # from its last duty to its own disconnect
    patient: bool = False  # what the central reads or writes extends linger_s
    idle_s: float = 60.0  # ends a connection in which nothing happens
    resend: bool = False  # sends what it delivered before, too, at each connection
    always_on: bool = False  # advertises whenever it has no connection

    key_size: int = 16
    key: str = 'own'  # 'none' or 'wrong': an impostor without the bond's key
    pairing_answer: str = 'accept'  # or 'refuse', 'silent'
    indicate_early: bool = False  # before the link is encrypted, whoever subscribed
    drop: str = ''  # drops the link: 'connected', 'encrypted', 'subscribed', 'before' or 'after' a confirmation
    stay: bool = False  # never ends the connection itself
    advertise_on: bool = False  # goes on advertising after a session until advertise_s is over
    slow_s: float = 0.0  # before each answer to a request
    mtu: int = 517
    moved: bool = False  # other attribute handles, as after a firmware update
    missing: str = ''  # characteristics that are not there, '2A49+2A19'
    set_clock_refused: bool = False  # silently
    clock_error: int = 0  # ATT error code that answers a write of the clock
    mangle: str = ''  # every value: 'short', 'long', 'empty', 'huge', 'noise' (seeded), 'reserved' (flag bits set)


# options that are part of the attribute table, which is built anew when one changes
STRUCTURE = {'clock', 'clock_readable', 'moved', 'missing'}
