#!/usr/bin/python3
"""test_console_canaries.py - whatever a hub holds, the console prints nothing of it: canaries in every store, every verb at every level.

usage: test_console_canaries.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap, hub-console and clinicd. Values, names, addresses, keys and texts that occur nowhere else stand in the
queue, in state.db, in the spool, in the audit log, in the configuration, in the devices' pins, beside the level and the care set: by
the product's own ways, and as files in the folders. All that has come over the line is searched for each of them: as text, as
UTF-16, in hexadecimal, base32 and base64 at each alignment, backwards, and numbers in decimal and in both orders of octets.
"""
import base64
import hashlib
import importlib
import os
import pathlib
import re
import struct
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")
lockdown_io = importlib.import_module("test_lockdown_io")
console = importlib.import_module("test_console_session")

MSG_BONDED = 0x42
LEVEL_AT = 4 + 1 + 8  # of a copy of the level: docs/MESSAGES.md

HUB, CLINIC = "okapi-loft", "quokka.example"
TEXTS = {"hub": HUB, "clinic": CLINIC, "patient": "Zyx Wombatsson", "device": "Numbat BP-77", "serial": "SNX-90417-Q",
         "ssid": "Tapir-Netz", "wifi": "jerboa!pw.8812", "passkey": "739518"}
BYTES = {"address": bytes.fromhex("C2D1E79B5A43"), "value": bytes.fromhex("16A5C33E7D9142B8"), "system id": bytes.fromhex("8E1F6B20D7C4935A")}
LAST = ("reboot", "factory-reset", "retire")  # after them the hub is not what it was
NUMBERS = {"systolic": 1987, "diastolic": 1753}


def forms(value):
    """Each way in which these octets may be written."""
    yield "octets", value
    yield "backwards", value[::-1]
    for text in (value.hex(), value[::-1].hex()):
        for between in ("", ":", "-", " "):
            yield "hexadecimal", between.join(re.findall("..", text)).encode()
    # the characters that hang on nothing before or after
    for name, encode, bits in (("base64", base64.b64encode, 6), ("base32", base64.b32encode, 5)):
        for skip in range(5):
            whole = encode(bytes(skip) + value)
            yield name, whole[-(-8 * skip // bits):8 * (skip + len(value)) // bits]


def find(seen):
    """All canaries in what was printed: their names and forms."""
    found, lower = [], seen.lower()
    for name, text in TEXTS.items():
        ways = [("text", text.encode()), ("reversed", text[::-1].encode()), ("UTF-16LE", text.encode("utf-16-le")),
                ("UTF-16BE", text.encode("utf-16-be")), *forms(text.encode())]
        found += [(name, way) for way, octets in ways if octets.lower() in lower]
    for name, value in BYTES.items():
        found += [(name, way) for way, octets in forms(value) if octets.lower() in lower]
    for name, number in NUMBERS.items():
        if re.search(rb"(?<![0-9a-z])%d(?![0-9a-z])" % number, lower):
            found.append((name, "decimal"))
        for size in (4, 8):
            found += [(name, "binary") for order in ("little", "big") if number.to_bytes(size, order) in seen]
    return found


class Cuff(command_io.Cuff):
    """Whose values nobody else has."""

    def measure(self):
        self.capture += 1
        value = bytes([0]) + struct.pack("<HH", NUMBERS["systolic"], NUMBERS["diastolic"]) + BYTES["value"]
        self.socket.send(struct.pack(">BBQQIBH", 1, command_io.MSG_RAW, self.instance, self.capture, 1, 1, 0x2A35) +
                         struct.pack(">H6sB", 1, BYTES["address"], 0) +
                         struct.pack(">16sQqIBhBBH", bytes(16), self.capture * 1000, 0, 0xFFFFFFFF, 0, 0, 4, 0, len(value)) + value)
        while True:
            packet = self.socket.recv(4096)
            if packet[1] == command_io.MSG_DURABLE and struct.unpack(">QB", packet[2:11]) == (self.capture, 1):
                return


class World(console.World):
    """A hub with other names; its stores hold them."""

    name = HUB

    def ctl(self, *arguments, **more):
        """The names of this test in the place of those of all others."""
        others = {"home": HUB, "clinic.example": CLINIC}
        at = ":".join(re.findall("..", BYTES["address"].hex().upper()))
        return super().ctl(*(others.get(a, a.replace("AA:BB:CC:DD:EE:FF", at).replace("123456", TEXTS["passkey"]))
                             if isinstance(a, str) else a for a in arguments), **more)

    def plant(self):
        """In each of the folders; what the product itself would not write there stands in files of its own."""
        text = "\n".join([*TEXTS.values(), *(v.hex() for v in BYTES.values()), *map(str, NUMBERS.values())]).encode()
        for name in ("hubd/canary", "hubd/notes", "store/spool-canary", "store/audit-canary", "store/care-canary", "coap/care-canary"):
            (self.bundle / name).write_bytes(text + b"".join(BYTES.values()))
        radio = lockdown_io.Radio(self.top / "run")
        serial = TEXTS["serial"].encode()
        radio.say(struct.pack(">BBHB6sBB", 1, MSG_BONDED, 1, 1, BYTES["address"], 0, 4) + bytes([len(serial)]) + serial +
                  struct.pack(">B8sQ", 1, BYTES["system id"], 1))
        return radio

    def set_level(self, level):
        """As if it had come to that: both copies."""
        self.kill("hubd")
        for name in ("lockdown-a", "lockdown-b"):
            path = self.bundle / "hubd" / name
            held = bytearray(path.read_bytes()[:-32])
            held[LEVEL_AT] = level
            path.write_bytes(bytes(held) + hashlib.sha256(held).digest())
        self.start_hubd()

    def start_hubd(self):
        """And it answers."""
        self.start("hubd")
        self.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")

    def ask(self, line):
        """What is said, also by a hubd that ends with it."""
        said = self.serial.ask(line)
        ended = self.running["hubd"].poll() is not None
        if ended:
            self.running.pop("hubd")
            self.start_hubd()
        return said, ended


def verbs():
    """All of the table."""
    text = (TOP / "hub/core/verbs.c").read_text(encoding="ascii")
    return re.findall(r'\{ VERB_[A-Z_]+, "([a-z -]+)"', text)


class Wire(unittest.TestCase):
    """One home."""

    def setUp(self):
        self.world = World(False)
        self.addCleanup(self.world.close)
        self.cuff = Cuff(self.world.top / "run")
        self.addCleanup(self.cuff.socket.close)

    def check(self, what):
        """Nothing was printed."""
        self.assertEqual(find(self.world.serial.seen), [], what)

    def test_nothing_of_it(self):
        """Every verb, without a session and with all that two people can grant, at levels 0 to 4."""
        w, answers = self.world, 0
        radio = w.plant()
        self.addCleanup(radio.socket.close)
        for _ in range(3):
            self.cuff.measure()
        for level in range(5):
            if level == 1:
                self.be_noisy()
                w.wait("level 1", lambda: "level 1 guarded" in w.serial.ask("status"))
            elif level > 1:
                w.set_level(level)
                self.assertIn(f"level {level} ", "\n".join(w.serial.ask("status")))
            answers += self.all_verbs(level, False) if level % 2 == 0 else 0
            answers += self.all_verbs(level, True)
            self.check(f"level {level}")
        self.assertGreater(answers, 30)
        # they are there to be found
        held = b"".join(p.read_bytes() for p in w.bundle.rglob("*") if p.is_file() and p.name != "notes")
        self.assertGreaterEqual({name for name, _ in find(held)}, {"passkey", "clinic", "address", "serial"})
        self.control()

    def be_noisy(self):
        """As somebody in reach of the radio."""
        radio = lockdown_io.Radio(self.world.top / "run")
        self.addCleanup(radio.socket.close)
        for _ in range(3):
            radio.report(lockdown_io.RADIO, 1, 20)

    def all_verbs(self, level, session):
        """Returns how many were done."""
        w, done, open_ = self.world, 0, False
        for verb in sorted(verbs(), key=lambda v: v in LAST):
            if verb in ("login", "logout", "challenge") or (level == 4 and session) or (verb in LAST and level < 3):
                continue
            if session and not open_:
                self.assertEqual(w.login(by="sec+tech", level=0 if level < 2 else level)[-1], "OK")
                open_ = True
            said, ended = w.ask(verb)
            done += said[-1] == "OK"
            open_ = open_ and not ended
        w.serial.ask("logout")
        return done

    def control(self):
        """What is typed comes back, and is found in each form."""
        line = self.world.serial
        for what in (TEXTS["wifi"], TEXTS["ssid"], BYTES["value"].hex(), base64.b64encode(b"x" + BYTES["value"]).decode(),
                     base64.b32encode(b"xy" + TEXTS["device"].encode()).decode(), str(NUMBERS["systolic"])):
            line.seen = b""
            line.ask(f"say {what}")
            self.assertNotEqual(find(line.seen), [], what)
        self.assertNotEqual(find(b"." + TEXTS["patient"].encode("utf-16-le")), [])
        self.assertNotEqual(find(os.urandom(3) + NUMBERS["diastolic"].to_bytes(4, "little")), [])


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=1))
