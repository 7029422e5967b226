#!/usr/bin/python3
"""test_console_pair.py - a technician at the line has the hub pair with one device and forget it, as the clinic orders in the token.

usage: test_console_pair.py [BUILD] [-s SEED] [Pair.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

Real hubd, hub-store, hub-ble, hub-coap, hub-console and clinicd; fake_bluez stands for bluetoothd, ble_peer for hub-bondinfo, and this
test for the technician at a pseudo-terminal.
"""
import importlib
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

try:
    from gi.repository import GLib
    import dbus
except ImportError as e:
    print(f"SKIP console_pair: {e}; install python3-dbus and python3-gi")
    sys.exit(77)

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
session = importlib.import_module("test_console_session")
from child import die_with_us, end  # noqa: E402
from fake_bluez import ADAPTER, CHAR, FakeBluez, uuid  # noqa: E402
from serial_line import PROMPT, Serial  # noqa: E402

ADDR, ANOTHER, SCALE = "AA:BB:CC:DD:EE:FF", "AA:BB:CC:DD:EE:02", "AA:BB:CC:DD:EE:01"
READING = bytes([0, 120, 0, 80, 0, 99, 0])
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


def path_of(address):
    """At bluetoothd."""
    return "/org/bluez/hci0/dev_" + address.replace(":", "_")


def turn():
    """What bluetoothd is asked, it answers."""
    while GLib.MainContext.default().iteration(False):
        pass


def read(line, seconds, plain=Serial.read):
    """As Serial's; bluetoothd goes on meanwhile."""
    turn()
    return plain(line, min(seconds, 0.02))


class World(session.World):
    """With a radio; any_cuff: the address of the cuff is not in the configuration."""

    def __init__(self, any_cuff):
        self.bus = self.peer = self.value = self.cuff = None
        self.any_cuff, self.address = any_cuff, ADDR
        Serial.read = read
        super().__init__(True)
        path = self.top / "bus"
        (self.top / "bus.conf").write_text(BUS % path, encoding="ascii")
        self.bus = subprocess.Popen(["dbus-daemon", "--nofork", "--config-file", str(self.top / "bus.conf")],
                                    stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
        self.wait("dbus-daemon", path.exists)
        self.bluez = FakeBluez(f"unix:path={path}")
        self.bluez.passkey, self.bluez.on_paired = 123456, self.add_services
        self.bluez.on_discovery = lambda: GLib.timeout_add(20, self.appear)
        self.bluez.add_adapter()
        self.bluez.add_device(SCALE, kind="public", Paired=True, Bonded=True, Trusted=True)
        self.peer = subprocess.Popen([str(config_io.BUILD / "tests/io/ble_peer"), "bond", str(self.top / "run")],
                                     stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=die_with_us)
        self.commands["hub-ble"] = ["hub-ble", "--run", self.top / "run", "--bus", f"unix:path={path}", "--same-user"]
        self.start("hub-ble")
        self.wait("the radio", lambda: self.bluez.nodes["/org/bluez/hci0"].props[ADAPTER]["Powered"])

    def ctl(self, *arguments, **more):
        """As its; the home has a scale, too, which is paired."""
        if arguments[:2] == ("hub", "add"):
            arguments = [str(a).replace(f"bp,{ADDR}", "bp,any") if self.any_cuff else a for a in arguments]
            arguments += ["--device", f"weight,{SCALE},passkey=654321,user=sole"]
        return super().ctl(*arguments, **more)

    def wait(self, what, condition, seconds=config_io.LIMIT_S):
        """As its; bluetoothd goes on meanwhile."""
        if not self.bus:
            super().wait(what, condition, seconds)
            return
        last = time.monotonic() + seconds
        while not condition():
            turn()
            if time.monotonic() > last or any(p.poll() is not None for p in self.running.values()):
                super().wait(what, condition, 0)  # says what is wrong
            time.sleep(0.02)

    def add_services(self, device):
        """Of a cuff."""
        self.bluez.add_service(device, 0x0a, 0x1810)
        self.value = self.bluez.add_char(device, 0x0b, 0x2A35, ["indicate"])

    def appear(self):
        """It is switched on."""
        if path_of(self.address) not in self.bluez.nodes:
            self.cuff = self.bluez.add_device(self.address, kind="public", RSSI=dbus.Int16(-50),
                                              UUIDs=dbus.Array([uuid(0x1810)], signature="s"))
        return False

    def called(self, *what):
        """How often bluetoothd was asked."""
        return sum(c[:len(what)] == what for c in self.bluez.calls)

    def log_in(self, *words):
        """With what clinicctl gives."""
        said = self.ctl("token", self.dir, "home", self.challenge(), "--as", "sec", "--technician", "tech", "--verb", "ble list",
                        "--verb", "selftest", *words)
        said = self.paste(said.split("clinicctl:")[0].split())
        assert said[-1] == "OK", said

    def ask(self, verb):
        """With the button; what is said last."""
        self.serial.send(verb.encode() + b"\r")
        got = self.serial.until(lambda got: b"Press the button" in got or PROMPT.search(got))
        if b"Press" in got:
            self.press()
            got += self.serial.prompt()
        return [text for text in got.decode().replace("\r", "").split("\n")[1:-1] if text]

    def device(self, i=0):
        """(its eight digits, its state) in this session: the cuff's, or the scale's."""
        said = self.serial.ask("ble list")
        return re.match("device ([0-9a-f]{8}), state ([a-z-]+),", said[i]).groups()

    def pins(self):
        """What hubd has written down of paired devices: who each is, and since when."""
        return (self.bundle / "hubd" / "peripherals").read_bytes()

    def pair(self):
        """To the test reading, with which the window ends; nothing is forgotten meanwhile."""
        self.value = None
        said = self.ask("pair bp")
        assert said[-2:] == ["switch the device on: it can be paired for 10min", "OK"], said
        said = self.ask(f"unpair {self.device()[0]}")
        assert said[-1].startswith("NO busy."), said
        before = self.log("hubd").count("state=done")
        self.wait("the bond", lambda: self.value and self.value.props[CHAR]["Notifying"])
        self.value.indicate(READING)
        self.wait("the window's end", lambda: self.log("hubd").count("state=done") > before)
        self.wait("hubd knows", lambda: self.device()[1] in ("paired", "connected"))

    def close(self):
        """End all."""
        super().close()
        for p in (self.peer, self.bus):
            if p:
                end(p, 10)
        if self.peer:
            self.peer.stdin.close()


class Pair(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World("another" in self._testMethodName)
        self.addCleanup(self.world.close)

    def test_pair_and_unpair_another(self):
        """Only the device, and only the kind, of the order; what is paired is paired once; what is forgotten is forgotten on both sides, so
        that the next may be another one."""
        w = self.world
        self.assertEqual(w.login(verbs="pair+unpair+level", by="sec+doc")[-1], "OK")  # granted, and nothing ordered
        self.assertEqual(w.ask("pair bp"), ["NO not-in-token. Next: ask the clinic for a token with this verb."])
        self.assertNotIn("verb pair", w.serial.ask("help"))
        w.serial.ask("logout")
        w.log_in("--pair", "1", "--unpair", "1")
        self.assertIn("verb pair", w.serial.ask("help"))
        self.assertEqual(w.ask("pair weight")[-1].split(".")[0], "NO not-in-token")
        self.assertEqual(w.ask("unpair 12345678")[-1].split(".")[0], "NO no-such-device")
        self.assertEqual(w.serial.ask("pair"), ["NO unknown-verb. Next: type 'help'."])
        w.serial.send(b"pair bp\r")
        self.assertIn(b"NO no-button.", w.serial.until(lambda got: PROMPT.search(got)))
        self.assertEqual(w.called("StartDiscovery"), 0)
        w.pair()
        self.assertEqual(w.ask("pair bp")[-1], "NO already-paired. Next: type 'unpair' and its 8 digits first.")
        (digits, _), (others, _) = w.device(), w.device(1)
        self.assertEqual(w.ask(f"unpair {others}")[-1].split(".")[0], "NO not-in-token")
        self.assertEqual(w.called("RemoveDevice"), 0)
        pins = w.pins()
        self.assertIn(bytes.fromhex(ADDR.replace(":", "")), pins)
        for i, after in enumerate((ADDR, ANOTHER), 1):
            self.assertEqual(w.ask(f"unpair {digits}")[-1], "OK")
            self.assertEqual(w.called("RemoveDevice", path_of(ADDR)), i)
            self.assertNotIn(path_of(ADDR), w.bluez.nodes)
            self.assertNotIn(bytes.fromhex(ADDR.replace(":", "")), w.pins())
            w.wait("it is told", lambda: w.device()[1] == "not-paired")
            w.address = after
            w.pair()
            self.assertIn(path_of(after), w.bluez.nodes)
            self.assertNotEqual(w.pins(), pins)  # what it measured in between is not the patient's
        self.assertIn(path_of(SCALE), w.bluez.nodes)
        self.assertIn("unpair person=", str(w.audit()))
        w.serial.ask("logout")
        w.wait_order(w.order("lock", "doc")["counter"], "done")
        w.log_in("--pair", "1")
        self.assertEqual(w.ask("pair bp")[-1].split(".")[0], "NO not-at-this-level")

    def killed_once(self, program, step):
        """At this step, when bluetoothd has forgotten it: after the next one all know the same."""
        w = self.world
        if step.encode() not in (config_io.BUILD / program).read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        w.log_in("--pair", "1", "--unpair", "1")
        w.pair()
        w.serial.ask("logout")
        w.kill(program)
        w.start(program, HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(w.top / "once"))
        w.wait("hubd answers", lambda: w.serial.ask("status")[-1] == "OK")
        w.log_in("--pair", "1", "--unpair", "1")
        w.wait("it is there", lambda: w.device()[1] in ("paired", "connected"))
        process = w.running.pop(program)
        self.assertRegex(w.ask(f"unpair {w.device()[0]}")[-1], "^(NO |The hub|WAIT )")
        self.assertEqual(process.wait(20), -signal.SIGKILL)
        self.assertNotIn(path_of(ADDR), w.bluez.nodes)
        w.start(program)
        w.wait("hubd answers", lambda: w.serial.ask("status")[-1] == "OK")
        if program == "hubd":
            w.log_in("--pair", "1", "--unpair", "1")
        w.wait("it is told", lambda: "ble good" in w.serial.ask("selftest") and w.device()[1] == "not-paired")
        self.assertEqual(w.ask(f"unpair {w.device()[0]}")[-1], "OK")
        w.pair()

    def test_kill_ble(self):
        """Before it has told."""
        self.killed_once("hub-ble", "ble.unpaired")

    def test_kill_hubd(self):
        """Before its own note of the device is gone."""
        self.killed_once("hubd", "hubd.unpaired")


if __name__ == "__main__":
    sys.exit(config_io.main(Pair, __file__, at_once=3))
