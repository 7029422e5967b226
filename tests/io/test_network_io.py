#!/usr/bin/python3
"""test_network_io.py - a technician sets the network of a real hub: it is tried, and kept or taken back; what is not the clinic's is refused.

usage: test_network_io.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap, hub-console, hub-network and clinicd, as in test_console_session.py. This test stands for the service manager:
it hands hub-network its file, and starts hub-coap anew.
"""
import importlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
console = importlib.import_module("test_console_session")

FIXED = "192.0.2.77/24,192.0.2.1,198.51.100.53"
CANARY = ("192.0.2.", "198.51.100.")
TRYING = "network static on-trial, goes back unless the clinic answers within"


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = console.World("button" in self._testMethodName)
        self.addCleanup(self.world.close)
        self.serial = self.world.serial

    def template(self, *options, hub="home"):
        """Lines to paste."""
        said = self.world.ctl("network", self.world.dir, hub, *options).splitlines()
        return [text for text in said if re.fullmatch(r"(HN1:)?[A-Z2-7]*\.?", text)]

    def login(self):
        """Two people: the board has no button."""
        said = self.world.login(verbs="net set+net check", by="sec+tech")
        self.assertEqual(said[-1], "OK")

    def set(self, *options, **more):
        """What is said."""
        return self.world.paste(self.template(*options, **more), "net set")

    def state(self, name="network"):
        """A file of hubd's, None without it."""
        path = self.world.bundle / "hubd" / name
        return path.read_bytes() if path.exists() else None

    def apply(self):
        """As the units do. Returns what networkd would read, None for the image's own."""
        w = self.world
        out = w.top / "networkd"
        out.mkdir(exist_ok=True)
        source = w.bundle / "hubd" / "network"
        fd = os.open(source if source.exists() else "/dev/null", os.O_RDONLY)
        # the descriptor is 3 and the number that of the program: both only a shell can say before it becomes it
        done = subprocess.run(["/bin/sh", "-c", 'exec env LISTEN_PID=$$ "$0" "$@" 3<&0 0</dev/null', config_io.BUILD / "hub-network", out], stdin=fd,
                              env={"PATH": "/usr/bin:/bin", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "setting", "ASAN_OPTIONS": "detect_leaks=0"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        os.close(fd)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("192.0.2", done.stdout)
        w.kill("hub-coap")
        w.start("hub-coap")
        path = out / "70-hub.network"
        return path.read_text(encoding="ascii") if path.exists() else None

    def restart(self):
        """Another hubd, as after a power cut."""
        w = self.world
        w.kill("hubd")
        w.start("hubd")
        w.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")

    def net_check(self):
        """Its lines; hub-coap may not have found a new hubd yet."""
        said = []

        def answers():
            said[:] = self.serial.ask("net check")
            return said[-1] == "OK"

        self.world.wait("net check", answers)
        return said

    def check_nothing_told(self):
        """No address was printed or logged."""
        printed = self.serial.seen.decode()
        for name in ("hubd", "hub-console", "hub-coap", "hub-store"):
            printed += self.world.log(name)
        for canary in CANARY:
            self.assertNotIn(canary, printed)

    def test_kept(self):
        """It is on trial until the clinic has answered another hub-coap, and is kept then; over a power cut; not twice, not an older one."""
        older = self.template("--dhcp")
        self.login()
        lines = self.template("--static", FIXED)
        self.assertEqual(self.world.paste(lines, "net set"), [f"{TRYING} 10min", "OK"])
        self.assertEqual(self.apply().split("[Network]\n")[1],
                         "DHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nAddress=192.0.2.77/24\nGateway=192.0.2.1\nDNS=198.51.100.53\n")
        self.serial.until(lambda got: b"network static kept" in got)
        self.serial.send(b"\r")
        self.serial.prompt()
        self.assertIn("network static kept", self.net_check())
        for again in (lines, older):
            self.assertEqual(self.world.paste(again, "net set"), ["NO old-template. Next: ask the clinic for one that is newer."])
        kept = self.state()
        self.restart()
        self.login()
        self.assertIn("network static kept", self.net_check())
        self.assertEqual(self.world.paste(lines, "net set")[-1].split(".")[0], "NO old-template")
        self.assertEqual(self.state(), kept)
        self.assertEqual(self.set("--dhcp"), ["network dhcp on-trial, goes back unless the clinic answers within 10min", "OK"])
        self.assertIsNone(self.apply())
        self.world.wait("it is kept", lambda: "setting=dhcp trial=kept" in self.world.log("hubd"))
        self.check_nothing_told()
        told = [detail for _, detail in self.world.audit() if detail.startswith("net set")]
        self.assertRegex(told[0], r"^net set person=\d+ why=0 ms=\d+$")
        self.assertEqual(told[1], "net set kept")

    def test_went_back(self):
        """Without an answer it goes back: what is left of its time outlives the power, and each start costs a minute of it."""
        w = self.world
        self.login()
        w.running["clinicd"].send_signal(signal.SIGSTOP)
        self.assertEqual(self.set("--static", FIXED)[-1], "OK")
        self.assertIn(b"Address=192.0.2.77", self.apply().encode())
        self.restart()
        self.assertIn("network setting=static trial=on-trial", w.log("hubd"))
        self.assertEqual(len(re.findall("trial=went-back", w.log("hubd"))), 0)
        self.login()
        said = [text for text in self.net_check() if text.startswith("network")]
        self.assertRegex(said[0], f"^{TRYING} [89]min$")
        self.assertEqual(self.set("--static", FIXED, "--confirm", "1")[-1], "OK")
        self.restart()
        w.wait("it is taken back", lambda: "network setting=dhcp trial=went-back" in w.log("hubd"))
        self.assertEqual(self.state(), b"\xf6")
        self.assertIsNone(self.apply())
        self.login()
        self.assertIn("network dhcp went-back", self.net_check())
        w.running["clinicd"].send_signal(signal.SIGCONT)
        self.check_nothing_told()

    def test_power_cut(self):
        """Between the two files: what hub-network reads is mended at the next start. A damaged one is DHCP, and is told."""
        self.login()
        self.assertEqual(self.set("--static", FIXED)[-1], "OK")
        want = self.state()
        (self.world.bundle / "hubd" / "network").unlink()
        self.restart()
        self.assertEqual(self.state(), want)
        (self.world.bundle / "hubd" / "network").write_bytes(want[:-1])
        self.assertIsNone(self.apply())
        self.restart()
        self.assertEqual(self.state(), want)
        (self.world.bundle / "hubd" / "network.state").write_bytes(b"\x00")
        self.restart()
        self.world.wait("it is told", lambda: "network-file" in self.world.log("hubd"))
        self.assertEqual(self.state(), b"\xf6")

    def test_refused(self):
        """Nobody's, another hub's, another key's, damaged ones: nothing changes."""
        w = self.world
        mine = self.template("--static", FIXED)
        self.assertEqual(w.paste(mine, "net set")[-1].split(".")[0], "NO no-session")
        self.assertEqual(self.serial.ask("net set")[-1].split(".")[0], "NO no-session")
        self.login()
        self.assertEqual(self.serial.ask("net set"), ["NO bad-argument. Next: type 'help'."])
        self.assertEqual(self.serial.ask(mine[0]), ["NO unknown-verb. Next: type 'help'."])
        w.ctl("hub", "add", w.dir, "attic", "--out", w.top / "attic", "--device", "bp,AA:BB:CC:DD:EE:01,passkey=123456,user=sole")
        bad = "NO bad-template. Next: ask the clinic for another one for this hub."
        self.assertEqual(self.set("--static", FIXED, hub="attic"), [bad])
        damaged = [mine[0][:9] + ("A" if mine[0][9] != "A" else "B") + mine[0][10:], *mine[1:]]
        self.assertEqual(w.paste(damaged, "net set"), ["NO damaged-token. Next: paste it again."])
        w.ctl("init", w.top / "other", "--name", "other.example", "--address", "127.0.0.1", "--hub-ports", "1-65535", "--port", "5690")
        other = w.ctl("--key", w.top / "other" / "config.key", "network", w.dir, "home", "--dhcp").splitlines()
        self.assertEqual(w.paste([t for t in other if re.fullmatch(r"(HN1:)?[A-Z2-7]*\.?", t)], "net set"), [bad])
        self.serial.ask("logout")
        self.assertEqual(w.login(verbs="net check")[-1], "OK")
        self.assertEqual(w.paste(mine, "net set")[-1].split(".")[0], "NO not-in-token")
        self.assertIsNone(self.state())
        self.assertIsNone(self.state("network.state"))

    def test_with_button(self):
        """One signature and the button; unpressed, nothing changes."""
        w = self.world
        self.assertEqual(w.login(verbs="net set")[-1], "OK")
        lines = self.template("--static", FIXED)
        for text in [f"net set {lines[0]}", *lines[1:-1]]:
            self.assertEqual(self.serial.ask(text), [])
        self.serial.send(lines[-1].encode() + b"\r")
        self.serial.until(lambda got: b"Press the button" in got)
        self.assertIsNone(self.state())
        w.press()
        self.assertIn(f"{TRYING} 10min".encode(), self.serial.prompt())
        self.assertIsNotNone(self.state())

    def test_arguments(self):
        """What no host can be set up with is not signed."""
        w = self.world
        for fixed in ("192.0.2.7", "192.0.2.7/24", "192.0.2.7/24,192.0.3.1", "192.0.2.7/24,192.0.2.7", "192.0.2.0/24,192.0.2.1", "127.0.0.2/24,127.0.0.1",
                      "192.0.2.7/33,192.0.2.1", "192.0.2.7/24,192.0.2.1,1.1.1.1,1.1.1.2,1.1.1.3", "a/24,b", "2001:db8::2/64,2001:db8::1", "", "x" * 200):
            w.ctl("network", w.dir, "home", "--static", fixed, code=64)
        w.ctl("network", w.dir, "home", code=64)
        w.ctl("network", w.dir, "home", "--dhcp", "--static", FIXED, code=64)
        w.ctl("network", w.dir, "home", "--dhcp", "--confirm", "0", code=64)
        w.ctl("network", w.dir, "home", "--dhcp", "--confirm", "61", code=64)
        w.ctl("network", w.dir, "nobody", "--dhcp", code=66)


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
