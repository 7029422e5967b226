#!/usr/bin/python3
"""test_console_account.py - what was done at a hub's console reaches the clinic: from the login to what clinicctl prints.

usage: test_console_account.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

Real hubd, hub-store, hub-coap, hub-console and clinicd, as in test_console_session.py.
"""
import importlib
import json
import pathlib
import re
import signal
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")
console = importlib.import_module("test_console_session")

# the program that is killed, where, and how the session has ended then
KILLS = {"hubd.account.kept": ("hubd", "cut-off"), "hubd.account.taken": ("hubd", "logout"), "store.account.between": ("hub-store", "logout")}


class World(console.World):
    """With what the clinic knows."""

    def console(self, code=0):
        """What clinicctl says of the console."""
        return json.loads(self.ctl("console", self.dir, "home", "--json", code=code))

    def sessions(self, count):
        """So many of them, when they are there."""
        self.wait(f"the clinic has {count}", lambda: len(self.console()["sessions"]) >= count)
        said = self.console()
        assert len(said["sessions"]) == count and said["missing"] == said["unread"] == said["older"] == 0, said
        return said["sessions"]

    def answers(self):
        """A technician is at the line."""
        self.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World("button" in self._testMethodName)
        self.addCleanup(self.world.close)
        self.serial = self.world.serial

    def test_session(self):
        """Who, whose signatures, when, each verb with its result, how it ended; nothing else is in it; nothing is missing in the numbers."""
        w = self.world
        cuff = command_io.Cuff(w.top / "run")
        self.addCleanup(cuff.socket.close)
        cuff.measure()
        self.assertIn("has told of nobody", w.ctl("console", w.dir, "home"))
        self.assertEqual(w.login(verbs="queue+selftest", by="sec+doc")[-1], "OK")
        self.serial.ask("status")  # anybody may ask for it: it is not told
        self.assertEqual(self.serial.ask("queue")[-1], "OK")
        self.assertEqual(self.serial.ask("ble list")[-1].split(".")[0], "NO not-in-token")
        self.assertEqual(self.serial.ask("logout")[-1], "OK")
        (one,) = w.sessions(1)
        self.assertEqual([(v["verb"], v["result"]) for v in one["verbs"]], [("queue", "OK"), ("ble list", "not-in-token")])
        self.assertTrue(all(0 <= v["ms"] < 60000 for v in one["verbs"]), one)
        self.assertEqual((one["number"], one["ended"], one["level"], one["voice"], one["more"], one["wrong_tokens"]), (1, "logout", 0, False, 0, 0))
        self.assertEqual((one["technician"], sorted(one["signed_by"])), ("tech", ["doc", "sec"]))
        self.assertLess(one["lasted_s"], 600)
        self.assertGreaterEqual(one["received"][:16], one["began"][:16])
        text = w.ctl("console", w.dir, "home")
        self.assertRegex(text, r"tech, signed by (doc and sec|sec and doc), level 0, .*, ended by logout\n    queue +OK +\d+ ms\n    ble list +not-in-token")
        w.wait("all is delivered", lambda: json.loads(w.ctl("status", w.dir, "home", "--json"))["hub_queued"] == 0)
        self.assertEqual(json.loads(w.ctl("status", w.dir, "home", "--json"))["missing"], 0)
        rows = [json.loads(line) for line in w.ctl("readings", w.dir, "--json").splitlines()]
        self.assertEqual(len([r for r in rows if r.get("kind") == "blood pressure"]), 1)
        self.assertFalse([r for r in rows if r.get("kind") == "console"], rows)

    def test_locked(self):
        """A locked hub tells of it, too: a session that ended with the cable, and one that a newer token took the place of."""
        w = self.world
        w.wait_order(w.order("lock", "doc")["counter"], "done")
        self.assertEqual(w.login(verbs="queue")[-1], "OK")
        self.assertEqual(w.login(verbs="level")[-1], "OK")
        self.assertEqual(self.serial.ask("level")[-1], "OK")
        self.serial.pull()
        first, second = w.sessions(2)
        self.assertEqual([(s["number"], s["level"], s["ended"], [v["verb"] for v in s["verbs"]]) for s in (first, second)],
                         [(1, 2, "another-token", []), (2, 2, "cable", ["level"])])

    def test_wrong(self):
        """Wrong tokens are told though nobody got in, and those that were summed up before a start are not lost."""
        w = self.world
        w.kill("hubd")
        (w.bundle / "hubd" / "console-accounts").write_bytes(bytes([0x84, 1, 1, 3, 0x80]))  # three that no account told of
        w.start("hubd")
        (one,) = w.sessions(1)
        self.assertEqual((one["ended"], one["wrong_tokens"], one["technician"], one["verbs"]), ("nobody-got-in", 3, None, []))
        self.assertIn("nobody got in", w.ctl("console", w.dir, "home"))

    def test_away(self):
        """What was done while hub-store was away is told when it is there again; what never came is said to be missing."""
        w = self.world
        self.assertEqual(w.login(verbs="queue")[-1], "OK")
        self.serial.ask("logout")
        w.sessions(1)
        w.kill("hub-store")
        for _ in range(10):
            self.assertEqual(w.login(verbs="queue")[-1], "OK")
            self.serial.ask("logout")
        w.start("hub-store")
        w.wait("the clinic has the last one", lambda: "number\":11," in w.ctl("console", w.dir, "home", "--json", code=None))
        said = w.console(code=3)
        self.assertEqual(([s["number"] for s in said["sessions"]], said["missing"]), ([1, *range(4, 12)], 2))
        self.assertIn("2 between these never came", w.ctl("console", w.dir, "home", code=3))

    def killed(self, step, program, ended):
        """At this step: the session is told, once."""
        w = self.world
        if step.encode() not in (config_io.BUILD / program).read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        once = w.top / "once"
        w.kill(program)
        w.start(program, HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(once))
        w.answers()
        self.paste_and_leave(w.token(w.challenge(), verbs="queue"))
        process = w.running.pop(program)
        w.wait(f"the kill at {step}", lambda: process.poll() is not None)
        self.assertEqual((process.returncode, once.exists()), (-signal.SIGKILL, True))
        w.start(program)
        (one,) = w.sessions(1)
        self.assertEqual((one["number"], one["ended"], one["technician"]), (1, ended, "tech"))
        w.answers()
        self.assertEqual(w.login(verbs="queue")[-1], "OK")
        self.serial.ask("logout")
        self.assertEqual([s["number"] for s in w.sessions(2)], [1, 2])

    def paste_and_leave(self, lines):
        """Whatever is said: hubd may be gone by then."""
        for text in lines:
            self.serial.ask(text)
        self.serial.ask("logout")


for one_step, (one_program, its_end) in KILLS.items():
    setattr(Wire, "test_kill_" + re.sub(r"\W", "_", one_step),
            lambda self, step=one_step, program=one_program, ended=its_end: self.killed(step, program, ended))


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
