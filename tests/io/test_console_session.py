#!/usr/bin/python3
"""test_console_session.py - a technician at the line of a real hub: from the challenge to the release, and what is refused.

usage: test_console_session.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap, hub-console and clinicd, as in test_command_io.py; this test stands for hub-ble, and for the
technician at a pseudo-terminal. Tokens are play_token's: also those that clinicctl would not give.
"""
import importlib
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
from serial_line import Serial  # noqa: E402

BAD = ("signature", "no-form", "other-hub", "any-hub", "other-epoch", "other-nonce", "unknown", "verbs", "twice")
CHALLENGE = re.compile(r"^[A-Z2-7]{69}$")
VERBS = ("version", "level", "risk", "sbom-hash", "selftest", "net check", "ble list", "ble rssi", "queue", "diagnose", "status", "help", "challenge")


class World(command_io.World):
    """With a console; button: the hub has one."""

    def __init__(self, button):
        self.button = None
        super().__init__()
        if button:
            self.add_button()
        self.serial = Serial(str(self.top / "line"))
        self.commands["hub-console"] = ["hub-console", "--run", self.top / "run", "--same-user", "--line", self.top / "line"]
        self.start("hub-console")
        self.serial.prompt()
        self.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")

    def add_button(self):
        """A FIFO in the place of an input device."""
        fifo = self.top / "button"
        os.mkfifo(fifo)
        (self.bundle / "hubd" / "button").write_text(f"{fifo}\n", encoding="ascii")
        self.button = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.kill("hubd")
        self.start("hubd")

    def press(self):
        """The button: struct input_event, EV_KEY, pressed and let go."""
        for value in (1, 0):
            os.write(self.button, struct.pack("llHHi", 0, 0, 1, 256, value))

    def challenge(self):
        """A new one."""
        said = self.serial.ask("challenge")
        assert CHALLENGE.match(said[0]) and said[-1] == "OK", said
        return said[0]

    def token(self, challenge, verbs="all", by="sec", level="-", seconds=3600, what="good", technician="tech"):
        """As it is pasted: lines."""
        done = subprocess.run([str(config_io.BUILD / "tests/io/play_token"), str(self.dir), "home", challenge, str(level), str(seconds),
                               technician, verbs, by, what], text=True, timeout=60, stdout=subprocess.PIPE, check=True,
                              env={"ASAN_OPTIONS": "detect_leaks=0"})
        return done.stdout.split()

    def paste(self, lines, verb=""):
        """Returns what is said after the last line."""
        lines = [f"{verb} {lines[0]}".strip(), *lines[1:]]
        for text in lines[:-1]:
            assert self.serial.ask(text) == [], text
        return self.serial.ask(lines[-1])

    def login(self, **more):
        """A session; returns what was said."""
        return self.paste(self.token(self.challenge(), **more))

    def audit(self):
        """What hubd wrote for the audit log about the console."""
        return re.findall(r'console event="([^"]*)" detail="([^"]*)"', self.log("hubd"))

    def close(self):
        """End all."""
        super().close()
        if self.button is not None:
            os.close(self.button)


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    button = False

    def setUp(self):
        self.world = World("button" in self._testMethodName)
        self.addCleanup(self.world.close)
        self.serial = self.world.serial

    def test_session(self):
        """A token opens a session with its verbs and no others; each prints what it may; the audit log names the person."""
        w = self.world
        cuff = command_io.Cuff(w.top / "run")
        self.addCleanup(cuff.socket.close)
        cuff.measure()
        self.assertEqual(self.serial.ask("queue"), ["NO no-session. Next: type 'challenge', send it to the clinic, paste the token."])
        said = w.login(verbs="queue+selftest")
        self.assertEqual(said[-1], "OK")
        self.assertRegex(said[0], r"^session ends in \d+min, or if idle for 2min$")
        self.assertEqual(self.serial.ask("queue")[-1], "OK")
        self.assertEqual(self.serial.ask("ble list"), ["NO not-in-token. Next: ask the clinic for a token with this verb."])
        self.assertEqual(self.serial.ask("help"), [f"verb {v}" for v in ("challenge", "status", "selftest", "queue", "logout", "help", "login")] +
                         ["OK"])
        self.assertEqual(self.serial.ask("logout"), ["Session closed: logged out.", "OK"])
        self.assertEqual(self.serial.ask("queue")[0].split()[:2], ["NO", "no-session."])
        person = re.search(r"opened person=(\d+) token=[0-9a-f]{8}$", w.audit()[0][1]).group(1)
        self.assertEqual([d.split(" why=")[0] for e, d in w.audit()[1:]],
                         [f"queue person={person}", f"ble list person={person}", f"closed person={person} by=logout"])

    def test_release_with_button(self):
        """From a locked hub to a released one: the challenge, the token, the button. Without it nothing happens."""
        w = self.world
        w.wait_order(w.order("lock", "doc")["counter"], "done")
        self.assertIn("level 2 quarantined", self.serial.ask("status"))
        lines = w.token(w.challenge(), verbs="release+level", level=0)
        self.assertEqual(w.paste(lines)[-1], "OK")
        self.serial.send(b"release\r")
        self.serial.until(lambda got: b"Press the button" in got)
        w.press()
        said = self.serial.prompt().decode()
        self.assertIn("NO too-early", said)  # half an hour of a lock is not over
        self.serial.send(b"release\r")
        self.assertIn(b"NO no-button", self.serial.prompt())
        self.assertIn("level 2 quarantined", self.serial.ask("status"))


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
