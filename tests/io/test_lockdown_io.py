#!/usr/bin/python3
"""test_lockdown_io.py - a hub that locks itself goes on with care, tells the clinic, and comes back from each step of it locked.

usage: test_lockdown_io.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap and clinicd with DTLS and databases between them, as in test_command_io.py; this test stands for
hub-ble at both of its sockets.
"""
import importlib
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")

MSG_STORE_STATE, MSG_INCIDENT = 0x18, 0x40
RADIO, IMPOSTOR, DECODER, STORAGE, IPC = 2, 3, 7, 8, 13
LOCKED_WITHIN_S = 2.0  # from the trigger to the key of state.db gone


class Radio:
    """Stands for hub-ble at hubd's socket."""

    def __init__(self, run):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(str(run / "hubd-ble"))
        self.socket.settimeout(config_io.LIMIT_S)

    def say(self, packet):
        """As it is."""
        self.socket.send(packet)

    def report(self, what, subject, count):
        """An incident."""
        self.say(struct.pack(">BBHHI", 1, MSG_INCIDENT, what, subject, count))

    def break_rules(self):
        """What only hub-store may send, and not to hubd: well-formed."""
        self.say(bytes([1, MSG_STORE_STATE, 0]))

    def is_shut_out(self):
        """Until the other side has closed the link."""
        while self.socket.recv(4096):
            pass
        return True


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = command_io.World()
        self.addCleanup(self.world.close)
        self.cuff = command_io.Cuff(self.world.top / "run")
        self.addCleanup(self.cuff.socket.close)
        self.cuff.measure()
        self.world.wait("a reading is filed", lambda: self.readings() == (1, 0, 0))

    def readings(self):
        """How many there are at the clinic: filed, of these marked, and held."""
        return command_io.Wire.readings(self)

    def radio(self):
        """Another link to hubd."""
        radio = Radio(self.world.top / "run")
        self.addCleanup(radio.socket.close)
        return radio

    def status(self):
        """As the hub said last."""
        return json.loads(self.world.ctl("status", self.world.dir, "home", "--json"))["status"]

    def noticed(self):
        """Triggers that the clinic knows of, with the levels that they call for."""
        return {t["trigger"]: t["level"] for t in self.status()["noticed"]}

    def holds_state(self):
        """Has hub-store state.db open?"""
        fds = pathlib.Path(f"/proc/{self.world.running['hub-store'].pid}/fd")
        return any(os.readlink(fd).endswith("/state.db") for fd in fds.iterdir() if fd.is_symlink())

    def level_on_disk(self):
        """Of the two copies."""
        copies = [(self.world.bundle / "hubd" / f"lockdown-{c}").read_bytes() for c in "ab"]
        return [c[4 + 1 + 8] for c in copies]

    def test_a_breach_locks_and_care_goes_on(self):
        """T13: level 2 within two seconds, durable; readings are taken and delivered; the clinic knows why; pairing and config are off."""
        w, radio = self.world, self.radio()
        self.assertTrue(self.holds_state())
        began = time.monotonic()
        radio.break_rules()
        while "state-closed level=2" not in w.log("hub-store"):
            self.assertLess(time.monotonic() - began, config_io.LIMIT_S)
            time.sleep(0.005)
        took = time.monotonic() - began
        print(f"trigger to state.db closed and its key gone: {took * 1000:.0f} ms")
        self.assertLess(took, LOCKED_WITHIN_S)
        self.assertFalse(self.holds_state())
        self.assertEqual(self.level_on_disk(), [2, 2])
        self.assertTrue(radio.is_shut_out())
        for marked in (1, 2):
            self.cuff.measure()
            w.wait("it is filed, with a mark", lambda marked=marked: self.readings() == (1 + marked, marked, 0))
        self.assertEqual(w.ctl("readings", w.dir).count("SUSPECT "), 2)
        w.wait("the clinic knows", lambda: self.status()["level"] == 2 and self.noticed() == {IPC: 2}, 60)
        self.assertIn("a process broke the rules", w.ctl("status", w.dir, "home"))
        w.window()
        self.assertNotEqual(w.config()["state"], "in-use")
        for name in ("hubd", "hub-store"):
            w.kill(name)
            w.start(name)
        self.cuff.socket.close()
        w.wait("queue open again", lambda: w.log("hub-store").count("to=ready") >= 2)
        self.cuff = command_io.Cuff(w.top / "run")
        self.addCleanup(self.cuff.socket.close)
        self.cuff.measure()
        w.wait("over a start, too", lambda: self.readings() == (4, 3, 0))
        self.assertFalse(self.holds_state())
        self.assertEqual(w.config()["state"], "on-its-way")

    def test_outsiders_lock_nothing(self):
        """Floods of what anybody in reach can cause, and bytes that do not parse: level 1, which ends, and nothing is closed."""
        w, radio = self.world, self.radio()
        for what in (RADIO, IMPOSTOR, DECODER, STORAGE):
            radio.report(what, 1, 1000)
        w.wait("the clinic knows of level 1", lambda: self.status()["level"] == 1, 60)
        w.wait("and of what", lambda: self.noticed() == {RADIO: 1, IMPOSTOR: 0, DECODER: 1, STORAGE: 1}, 60)
        for packet in (b"", b"\x01", bytes([1, MSG_INCIDENT]), bytes([2, MSG_STORE_STATE, 0]), bytes(4000)):
            liar = self.radio()
            liar.say(packet or b"\0")
            self.assertTrue(liar.is_shut_out())
        self.cuff.measure()
        w.wait("it is filed as ever", lambda: self.readings() == (2, 0, 0))
        self.assertTrue(self.holds_state())
        self.assertEqual(self.level_on_disk(), [0, 0])
        version = w.window()
        w.wait_config(state="in-use", used=version)
        w.kill("hubd")
        w.start("hubd")
        w.wait("level 1 outlives a start", lambda: "noticed level=1" in w.log("hubd").rsplit("lockdown level=0", 1)[-1])
        self.assertEqual(self.status()["level"], 1)

    def test_killed_at_each_step(self):
        """Once the cause is durable there is no way back."""
        w = self.world
        if b"hubd.triggers.durable" not in (config_io.BUILD / "hubd").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        fresh = {f: (w.bundle / "hubd" / f).read_bytes() for f in ("lockdown-a", "lockdown-b")}
        for step in ("hubd.triggers.durable", "hubd.lockdown.first", "hubd.lockdown.second", "hubd.lockdown.durable"):
            once = w.top / f"once-{step}"
            w.kill("hubd")
            (w.bundle / "hubd" / "triggers").unlink(missing_ok=True)
            for name, data in fresh.items():
                (w.bundle / "hubd" / name).write_bytes(data)
            w.start("hubd", HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(once))
            process = w.running.pop("hubd")
            at = w.log("hubd").count("lockdown level=")
            w.wait("hubd listens", lambda at=at: w.log("hubd").count("lockdown level=") >= at and self.connects())
            self.radio().break_rules()
            w.wait(f"the kill at {step}", once.exists)
            self.assertEqual(process.wait(20), -signal.SIGKILL)
            w.start("hubd")
            w.wait(f"{step}: locked", lambda: self.level_on_disk() == [2, 2])
        w.wait_level(2)

    def connects(self):
        """Is somebody at hubd's socket?"""
        try:
            self.radio()
        except OSError:
            return False
        return True


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
