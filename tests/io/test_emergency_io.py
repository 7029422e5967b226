#!/usr/bin/python3
"""test_emergency_io.py - at level 3 the emergency identity speaks, for uploads that are held and for nothing else.

usage: test_emergency_io.py [BUILD] [Wire.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

Real hubd, hub-store, hub-coap and clinicd with DTLS and databases between them, as in test_command_io.py. Searches of hub-coap's
memory need root.
"""
import base64
import concurrent.futures
import importlib
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")
test_enrol_hub = importlib.import_module("test_enrol_hub")
renewal_io = importlib.import_module("test_renewal_io")

MAPPING_MAX = 1 << 30  # larger ones are a sanitizer's
WRAPPED, EMERGENCY = 2, 4  # flags of an identity file


def scalar(pem):
    """Of an EC PRIVATE KEY."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))
    at = der.index(b"\x04\x20") + 2
    return der[at:at + 32]


class Identity:
    """A file of hub-coap's (docs/MESSAGES.md, 'Identity')."""

    def __init__(self, path):
        data = path.read_bytes()
        magic, version, self.flags, self.epoch = struct.unpack(">4sBBI", data[:10])
        if magic != b"HKEY":
            raise AssertionError(path)
        at = 10
        self.wanted = struct.unpack(">I", data[at:at + 4])[0] if version == 2 else 0
        at += 4 if version == 2 else 0
        self.private = None if self.flags & WRAPPED else data[at:at + 32]
        at += 60 if self.flags & WRAPPED else 32
        at += 32 if self.flags & EMERGENCY else 0
        at += 2 + struct.unpack(">H", data[at:at + 2])[0]
        self.cert = data[at + 2:at + 2 + struct.unpack(">H", data[at:at + 2])[0]]

    def pem(self, folder, name):
        """Writes NAME.crt and, if it is known, NAME.key; returns their paths."""
        crt, key = folder / f"{name}.crt", folder / f"{name}.key"
        subprocess.run(["openssl", "x509", "-inform", "DER", "-out", crt], input=self.cert, check=True)
        if self.private:
            # RFC 5915, without the public key
            der = bytes.fromhex("30310201010420") + self.private + bytes.fromhex("a00a06082a8648ce3d030107")
            subprocess.run(["openssl", "ec", "-inform", "DER", "-out", key], input=der, check=True, stderr=subprocess.DEVNULL)
        return crt, key


def holds(pid, secret):
    """How often is it in the memory of this process? In either order of octets: numbers lie the other way round."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            begin, end, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            begin, size = int(begin, 16), int(end, 16) - int(begin, 16)
            if "r" not in mode or size > MAPPING_MAX or "[v" in line:
                continue
            try:
                data = os.pread(mem.fileno(), size, begin)
            except OSError:
                continue
            found += data.count(secret) + data.count(secret[::-1])
    return found


class World(command_io.World):
    """The key that the bundle came with is remembered: hub-coap wraps it, and erases the file."""

    def start(self, name, **environment):
        key = self.bundle / "coap" / "identity.key"
        if name == "hub-coap" and key.exists():
            self.normal = scalar(key.read_text())
        super().start(name, **environment)

    def identity(self, name):
        """A file of hub-coap's."""
        return Identity(self.bundle / "coap" / name)

    def seal(self):
        """Level 3, by two people of different roles."""
        counter = self.order("lock", "tech", "--level", "3")["counter"]
        self.ctl("command", "sign", self.dir, "home", counter, "--as", "doc", "--yes")
        self.wait("level 3 on the hub", lambda: "lockdown level=3" in self.log("hubd"))


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.cuff = command_io.Cuff(self.world.top / "run")
        self.addCleanup(self.cuff.socket.close)

    def held(self):
        """How many readings are held, by reason."""
        w, groups = self.world, {}
        for group in map(json.loads, w.ctl("held", w.dir, "home", "--json").splitlines()):
            groups[group["reason"]] = groups.get(group["reason"], 0) + group["count"]
        return groups

    def filed(self):
        """How many readings are filed."""
        return command_io.Wire.readings(self)[0]

    def measure_held(self, count):
        """So many more, which all are held in the end."""
        w, before = self.world, self.held().get("emergency", 0)
        for _ in range(count):
            self.cuff.measure()
        w.wait("they are held", lambda: self.held().get("emergency", 0) >= before + count)

    def test_sealed(self):
        """Readings go on arriving, held; the normal key is neither in memory nor to be had from the disk; over starts, too."""
        w = self.world
        self.cuff.measure()
        w.wait("a reading is filed", lambda: self.filed() == 1)
        w.wait("the key in use is wrapped", lambda: not (w.bundle / "coap/identity.key").exists())
        self.assertTrue(w.identity("current").flags & WRAPPED)
        self.assertGreater(holds(w.running["hub-coap"].pid, w.normal), 0)
        w.seal()
        w.wait("the emergency identity speaks", lambda: "speaks=emergency level=3" in w.log("hub-coap"))
        self.assertEqual(holds(w.running["hub-coap"].pid, w.normal), 0)
        self.measure_held(2)
        w.wait_level(3)
        w.window()
        self.measure_held(1)
        self.assertEqual(w.config()["state"], "on-its-way")
        self.assertNotIn("mailbox-only", w.log("clinicd"))
        for name in ("hub-coap", "hubd"):
            w.kill(name)
            w.start(name)
            self.measure_held(1)
        self.assertEqual(holds(w.running["hub-coap"].pid, w.normal), 0)
        self.assertEqual(self.filed(), 1)
        self.assertEqual(set(self.held()), {"emergency"})
        for file in (w.bundle / "coap").iterdir():
            if file.name not in ("device", "device.copy"):  # of a bundle the first key is the device's, too
                self.assertNotIn(w.normal, file.read_bytes(), file)

    def test_each_reading_once(self):
        """What was sent before under the normal identity, and not acknowledged, is filed or held, never both."""
        w = self.world
        w.wait("the key in use is wrapped", lambda: not (w.bundle / "coap/identity.key").exists())
        w.way.lost = 0.5
        for _ in range(10):
            self.cuff.measure()
        w.seal()
        w.way.lost = 0
        for _ in range(3):
            self.cuff.measure()
        w.wait("all are there", lambda: self.filed() + sum(self.held().values()) >= 13)
        self.measure_held(1)
        own = sum(self.held().values()) + self.filed() - 14
        self.assertIn(own, (0, 1))  # an account of the day may be among what is held


class Enrolled(unittest.TestCase):
    """A hub that has enrolled by itself; each with a clinic of its own."""

    def setUp(self):
        self.world = renewal_io.Calendar()
        self.addCleanup(self.world.close)

    def live(self, *begin):
        """Enrolled, and with an emergency identity."""
        w = self.world
        if not begin:
            w.live()
        w.wait("an emergency identity", self.is_whole)

    def is_whole(self):
        """Both are there and confirmed, and the normal one is wrapped."""
        coap = self.world.hub / "coap"
        return (coap / "emergency").exists() and not (coap / "emergency.next").exists() and (coap / "current").exists() and \
            bool(Identity(coap / "current").flags & WRAPPED)

    def shakes_hands(self, crt, key):
        """At the enrol port, by a peer that is not ours."""
        done = subprocess.run(["timeout", "-k", "2", "15", "openssl", "s_client", "-dtls1_2", "-connect",
                               f"127.0.0.1:{self.world.enrol_port}", "-cert", crt, "-key", key, "-CAfile",
                               self.world.dir / "root.crt"],
                              input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode == 0 and b"alert" not in done.stdout

    def test_got_at_once(self):
        """With the enrolment; its certificate verifies; it is not let in at the enrol port, where the hub's own key is."""
        w = self.world
        self.live()
        identity = Identity(w.hub / "coap" / "emergency")
        self.assertTrue(identity.flags & EMERGENCY)
        crt, key = identity.pem(w.top, "emergency")
        subprocess.run(["openssl", "verify", "-purpose", "sslclient", "-CAfile", w.dir / "root.crt", "-untrusted",
                        w.dir / "enrol.crt", crt], check=True, stdout=subprocess.DEVNULL)
        self.assertIn("outcome=confirmed", [line for line in w.log("clinicd").splitlines() if "emergency-identity" in line][-1])
        self.assertFalse(self.shakes_hands(crt, key))
        self.assertIn("mailbox-only", w.log("clinicd"))
        self.assertTrue(self.shakes_hands(*Identity(w.hub / "coap" / "device").pem(w.top, "device")))

    def test_renewed_with_the_other(self):
        """Another one with each renewal; hub and clinic have one each."""
        w = self.world
        self.live()
        first, before = Identity(w.hub / "coap" / "emergency").cert, w.active()
        w.pass_days(renewal_io.DUE_DAYS)
        w.hurry("the renewal", lambda: w.renewed(before))
        w.hurry("another emergency identity", lambda: self.is_whole() and
                Identity(w.hub / "coap" / "emergency").cert != first)
        w.measure()
        w.wait("a reading", w.all_are_there)

    def kill_at(self, steps):
        """hub-coap, once at each, from the first start on."""
        w = self.world
        if b"identity.wrap.between" not in (test_enrol_hub.BUILD / "hub-coap").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        w.start("clinicd", "hubd", "hub-store")
        w.start("hub-coap")
        w.claim()
        for step in steps:
            once = w.top / f"once-{step}"
            w.kill("hub-coap")
            w.start("hub-coap", HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(once))
            process = w.running.pop("hub-coap")
            if not (w.hub / "coap" / "clinic.trust").exists():
                w.put_trust()
            w.wait(f"the kill at {step}", once.exists)
            process.wait(20)
            w.start("hub-coap")
        self.live("killed")
        w.configure()
        w.measure()
        w.wait("a reading", w.all_are_there)

    def test_killed_promoting(self):
        self.kill_at(("identity.emergency.promoted",))

    def test_killed_wrapping(self):
        self.kill_at(("identity.wrap.between", "coap.identity.used"))


def one(name):
    """One test in a process of its own: most of its time is spent waiting."""
    done = subprocess.run([sys.executable, __file__, config_io.BUILD, name], text=True, timeout=600, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    print(f"ok {name}" if done.returncode == 0 else f"FAILED {name}\n{done.stdout}", flush=True)
    return done.returncode


def all_at_once():
    """All tests; returns the exit code."""
    names = [f"{case.__name__}.{name}" for case in (Wire, Enrolled)
             for name in unittest.defaultTestLoader.getTestCaseNames(case)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return 1 if any(list(pool.map(one, names))) else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).is_dir():
        config_io.BUILD = test_enrol_hub.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    if len(sys.argv) > 1:
        unittest.main()
    sys.exit(all_at_once())
