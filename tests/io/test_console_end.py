#!/usr/bin/python3
"""test_console_end.py - the end of a hub, ordered by two people at its console: factory-reset and retire.

usage: test_console_end.py [BUILD] [End.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

Real hub-setup, hubd, hub-store, hub-coap, hub-console, clinicd and clinicctl with DTLS and databases between them, as in
test_retire_io.py; this test stands for the units at a start, and for the technician at a pseudo-terminal.
"""
import importlib
import os
import pathlib
import signal
import struct
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
enrol_hub = importlib.import_module("test_enrol_hub")
retire_io = importlib.import_module("test_retire_io")
from serial_line import PROMPT, Serial  # noqa: E402

NORMAL, QUARANTINED, RETIRED = 0, 2, 4
DRAIN, RESET = 1, 3
# of a factory reset that was ordered here, where each program can be cut off; the rest is test_factory_io's
STEPS = {"hubd": ("hubd.reset.ordered", "hubd.lockdown.first", "hubd.lockdown.second", "hubd.retired"),
         "hub-store": ("store.reset.ordered", "store.retire.asked")}
FACTORY = [name for name in retire_io.LEFT if name != "coap/left"]


class Home(retire_io.Home):
    """With a console and a button."""

    def __init__(self):
        super().__init__()
        fifo = self.top / "button"
        os.mkfifo(fifo)
        (self.hub / "hubd" / "button").write_text(f"{fifo}\n", encoding="ascii")
        self.button = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.serial = Serial(str(self.top / "line"))
        self.commands["hub-console"] = ["hub-console", "--run", self.top / "run", "--same-user", "--line", self.top / "line"]

    def plug_in(self):
        """A technician is there."""
        self.start("hub-console")
        self.serial.prompt()
        self.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")

    def log_in(self, *words, two=True):
        """With what clinicctl gives: doc signs, and tech as well if two."""
        said = self.serial.ask("challenge")
        self.assert_ok(said)
        token = self.ctl("token", self.dir, "home", said[0], "--as", "doc", "--technician", "tech-2", *words)
        if two:
            first = self.top / "token"
            first.write_text(token.split("clinicctl:")[0], encoding="ascii")
            token = self.ctl("token", self.dir, "home", said[0], "--as", "tech", "--add", first)
        lines = token.split("clinicctl:")[0].split()
        for text in lines[:-1]:
            assert self.serial.ask(text) == [], text
        self.assert_ok(self.serial.ask(lines[-1]))

    @staticmethod
    def assert_ok(said):
        """It ends well."""
        assert said[-1] == "OK", said

    def push(self):
        """The button: struct input_event, EV_KEY, pressed and let go."""
        for value in (1, 0):
            os.write(self.button, struct.pack("llHHi", 0, 0, 1, 256, value))

    def press(self, verb):
        """Type it, and the button; what is said."""
        self.serial.send(verb.encode() + b"\r")
        got = self.serial.until(lambda got: b"Press the button" in got or PROMPT.search(got))
        if b"Press" in got:
            self.push()
            got += self.serial.prompt()
        return [text for text in got.decode().replace("\r", "").split("\n")[1:-1] if text]

    def all_is_delivered(self):
        """The console says so."""
        self.hurry("nothing waits", lambda: self.status()["hub_queued"] == 0 and self.status()["missing"] == 0)
        self.wait("hubd knows", lambda: "unsent 0" in self.serial.ask("queue"))

    def unplug(self):
        """With the hub's power."""
        if "hub-console" in self.running:
            self.kill("hub-console")

    def close(self):
        """End all."""
        self.unplug()
        super().close()
        os.close(self.button)


class End(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.home.settle()
        self.home.plug_in()

    def erase(self, want=None):
        """What the units do at the next start; what is left then is a hub in factory state."""
        h = self.home
        h.unplug()
        for status, words in h.reset():
            self.assertEqual(status, 0, words)
        self.assertEqual([name for name in h.left() if name != "hubd/button"], want or FACTORY)
        self.assertFalse((h.hub / "store" / "reset").exists())

    def next_life(self):
        """It enrols at the same clinic, in the next epoch, with nothing that locks it."""
        h = self.home
        (h.hub / "hubd" / "button").unlink(missing_ok=True)
        h.switch_on()
        h.live(2)
        self.assertEqual((h.held()[1], h.held("b")[1], h.held()[4]), (NORMAL, NORMAL, 0))
        self.assertFalse((h.hub / "hubd" / "lockdown-locked").exists())

    def test_reset(self):
        """Refused while a reading is unsent, and to one person; then all is erased, of a locked hub too, which begins anew at level 0."""
        h = self.home
        h.measure(121, 1, 1)
        h.wait_order(h.order("--as", "doc", verb="lock")["counter"], "done")
        h.log_in("--verb", "factory-reset", "--verb", "queue", two=False)
        self.assertEqual(h.press("factory-reset"), ["NO second-person. Next: ask the clinic for a token that two people signed."])
        h.serial.ask("logout")
        h.stop("clinicd")
        h.many(1)
        h.log_in("--verb", "factory-reset", "--verb", "queue")
        self.assertEqual(h.press("factory-reset")[-1], "NO unsent-readings. Next: wait for the clinic ('queue'), or take a stick ('export-queue').")
        self.assertEqual(h.held()[4], 0)
        self.assertTrue((h.hub / "hubd" / "lockdown-locked").exists())
        h.start("clinicd")
        h.all_is_delivered()
        self.assertEqual(h.press("factory-reset")[-1], "OK")
        self.assertEqual((h.held()[1], h.held()[4]), (QUARANTINED, RESET))
        h.wait_end()
        self.erase()
        self.next_life()
        self.assertEqual(h.status()["missing"], 0)

    def test_reset_without_button(self):
        """Nothing of it happens."""
        h = self.home
        h.measure(121, 1, 1)
        h.log_in("--verb", "factory-reset", "--verb", "queue")
        h.all_is_delivered()
        before = h.held()
        h.serial.send(b"factory-reset\r")
        got = h.serial.until(lambda got: PROMPT.search(got))
        self.assertIn(b"NO no-button.", got)
        self.assertEqual(h.held(), before)
        self.assertFalse((h.hub / "store" / "reset").exists())

    def killed_once(self, program, step):
        """At this step, as soon as it is durable anywhere that two people have ordered it: it is gone on with, to its end."""
        h = self.home
        if step.encode() not in (enrol_hub.BUILD / program).read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        once = h.top / "once"
        h.measure(121, 1, 1)
        h.wait_order(h.order("--as", "doc", verb="lock")["counter"], "done")
        h.kill(program)
        h.start(program, HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(once))
        h.wait("hubd answers", lambda: h.serial.ask("status")[-1] == "OK")
        h.log_in("--verb", "factory-reset", "--verb", "queue")
        h.all_is_delivered()
        process = h.running.pop(program)
        h.serial.send(b"factory-reset\r")
        h.serial.until(lambda got: b"Press the button" in got)
        h.push()
        h.wait(f"the kill at {step}", lambda: process.poll() is not None)
        self.assertEqual((process.returncode, once.exists()), (-signal.SIGKILL, True))
        h.start(program)
        h.wait_end()
        self.erase()
        self.next_life()

    def test_retire(self):
        """Level 4 at once: what is unsent is delivered, the hub is erased, the clinic retires it by what the hub says last."""
        h = self.home
        h.measure(121, 1, 1)
        h.log_in("--retire", "drain", two=False)
        self.assertEqual(h.press("retire"), ["NO second-person. Next: ask the clinic for a token that two people signed."])
        h.serial.ask("logout")
        h.stop("clinicd")
        h.many(2)
        h.log_in("--retire", "drain")
        self.assertEqual(h.press("retire")[-1], "OK")
        self.assertEqual((h.held()[1], h.held()[4]), (RETIRED, DRAIN))
        self.assertIn("level 4 retired", h.serial.ask("status"))
        self.assertEqual(h.serial.ask("challenge")[-1].split(".")[0], "NO not-at-this-level")
        h.start("clinicd")
        h.wait_end()
        self.assertEqual((h.status()["state"], h.status()["missing"]), ("retired", 0))
        self.assertIn("two people have ordered it there", h.ctl("held", h.dir, "home", "--journal"))
        self.erase(retire_io.LEFT)


for one_program, its_steps in STEPS.items():
    for one_step in its_steps:
        setattr(End, "test_kill_" + one_step.replace(".", "_"),
                lambda self, program=one_program, step=one_step: self.killed_once(program, step))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.path.isdir(sys.argv[1]):
        enrol_hub.BUILD = pathlib.Path(sys.argv[1]).absolute()
    sys.exit(config_io.main(End, __file__, at_once=4))
