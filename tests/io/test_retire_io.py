#!/usr/bin/python3
"""test_retire_io.py - an order to retire, from two signatures to a hub in factory state, and to its next clinic.

usage: test_retire_io.py [BUILD] [Retire.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

Real hub-setup, hubd, hub-store, hub-coap, clinicd and clinicctl with DTLS and databases between them. A day passes by what hubd
keeps of the order: the instant from which on it takes effect.
"""
import hashlib
import importlib
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
enrol_hub = importlib.import_module("test_enrol_hub")
factory_io = importlib.import_module("test_factory_io")

PEOPLE = (("doc", "clinician"), ("tech", "technician"), ("tech-2", "technician"))
NORMAL, QUARANTINED, RETIRED = 0, 2, 4
DRAIN, DISCARD = 1, 2
HEAD = ">4sBQBI16sQIQBBBqIQ"  # of a copy of the level: docs/MESSAGES.md
# what a factory reset leaves of a hub
LEFT = ["coap/device", "coap/device.copy", "coap/enrol-a", "coap/enrol-b", "coap/left", "hubd/lockdown-a", "hubd/lockdown-b", "hubd/lockdown-kept"]
# of a retirement, where each program can be cut off
LAST = "store.retire.drained"
STEPS = {"hub-store": ("store.retire.rule", "store.retire.given", "store.retire.drained", "store.retire.asked"),
         "hubd": ("hubd.retired",), "clinicd": ("clinic.commit.before", "clinic.commit.after")}


class Home(factory_io.Home):
    """A hub that is enrolled, and three who may sign."""

    def __init__(self):
        super().__init__()
        self.patience = 0

    def settle(self):
        """Enrolled, with a heartbeat of ten seconds, a patient, and a config that names the people."""
        self.start("clinicd")
        self.put_trust()
        self.switch_on()
        self.claim()
        self.live(1)
        for name, role in PEOPLE:
            self.ctl("signer", "add", self.dir, name, "--role", role)
        subprocess.run([enrol_hub.BUILD / "clinicctl", "config", "edit", self.dir, "home", "--yes"], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0",
                            "EDITOR": "sed -i 's/\\(\"heartbeat_s\": \\)[0-9]*/\\110/'"})
        said = self.ctl("signer", "give", self.dir, "home")
        version = int(re.search(r"configuration (\d+)", said).group(1))
        self.hurry("the config with the people", lambda: self.status()["config"]["used"] == version)

    def hurry(self, what, condition):
        """hub-coap calls when it comes up; the next heartbeat may be far."""
        self.kill("hub-coap")
        self.start("hub-coap")
        self.wait(what, condition)

    def status(self):
        """As the clinic knows it."""
        return json.loads(self.ctl("status", self.dir, "home", "--json"))

    def orders(self):
        """By counter."""
        return {o["counter"]: o for o in map(json.loads, self.ctl("command", "list", self.dir, "home", "--json").splitlines())}

    def order(self, *words, verb="retire", code=0):
        """Give one; returns it."""
        said = self.ctl(verb, self.dir, "home", "--reason", "test", "--json", *words, code=code)
        return json.loads(said.splitlines()[0]) if code == 0 else said

    def wait_order(self, counter, *states):
        """Until the hub has said so."""
        self.hurry(f"order {counter} {states}", lambda: self.orders()[counter]["state"] in states)

    def retire(self, *words, verb="retire"):
        """An order by two, which the hub has taken. Returns its counter."""
        counter = self.order("--as", "doc", "--second", "tech", *words, verb=verb)["counter"]
        self.wait_order(counter, "pending")
        return counter

    def held(self, copy="a"):
        """(generation, level, lock epoch, counter, how, from which instant on) as hubd keeps it."""
        data = (self.hub / "hubd" / f"lockdown-{copy}").read_bytes()
        fields = struct.unpack(HEAD, data[:struct.calcsize(HEAD)])
        return fields[2], fields[3], fields[4], fields[8], fields[11], fields[12]

    def day_passes(self, level=None):
        """While hubd is down. With a level: hubd went down when that one was just durable."""
        size = struct.calcsize(HEAD)
        for copy in "ab":
            path = self.hub / "hubd" / f"lockdown-{copy}"
            fields = list(struct.unpack(HEAD, path.read_bytes()[:size]))
            fields[12] = 1
            fields[3] = fields[3] if level is None else level
            body = struct.pack(HEAD, *fields)
            path.write_bytes(body + hashlib.sha256(body).digest())

    def wait_end(self):
        """Until hubd has the machine start anew; the rest goes down with it."""
        hubd = self.running.pop("hubd")
        self.wait("hubd has the machine start anew", lambda: hubd.poll() is not None or self.again())
        self.switch_off()
        if hubd.returncode != 133:
            raise AssertionError(f"hubd ended with {hubd.returncode}")

    def again(self):
        """Every few seconds hub-coap calls, so that nobody waits for a heartbeat. Returns False."""
        self.patience += 1
        if self.patience % 30 == 0:
            self.kill("hub-coap")
            self.start("hub-coap")
        return False

    def left(self):
        """The files of the hub."""
        return sorted(str(p.relative_to(self.hub)) for p in self.hub.rglob("*") if p.is_file() and p.name != "time-floor")

    def many(self, count):
        """Readings that are durable on the hub, while the clinic may be away."""
        for systolic in range(count):
            self.radio().measure(100 + systolic, 1)


class Retire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.home.settle()

    def erase(self, home):
        """What the units do at the next start."""
        for status, words in home.reset():
            self.assertEqual(status, 0, words)
        self.assertEqual(home.left(), LEFT)
        self.assertFalse((home.hub / "store" / "reset").exists())

    def test_to_another_clinic(self):
        """What is unsent is delivered, then all is erased; the next clinic has it by its label, with a higher epoch."""
        h, other = self.home, enrol_hub.World()
        self.addCleanup(other.close)
        h.measure(121, 1, 1)
        first = h.order("--as", "doc", verb="transfer")
        self.assertEqual((first["state"], first["discard"], h.status()["state"]), ("waits-for-signature", False, "active"))
        self.assertIn("another role", h.ctl("command", "sign", h.dir, "home", first["counter"], "--as", "doc", code=77))
        h.ctl("command", "sign", h.dir, "home", first["counter"], "--as", "tech", "--yes")
        h.wait_order(first["counter"], "pending")
        self.assertEqual((h.status()["state"], h.status()["status"]["level"]), ("suspended", NORMAL))
        self.assertEqual(h.held()[4], DRAIN)
        self.assertIn("with tech: test", h.ctl("held", h.dir, "home", "--journal"))
        self.assertIn("has an order", h.ctl("hub", "resume", h.dir, "home", code=1))
        self.assertIn("already", h.order("--as", "doc", "--discard", code=1))
        h.stop("clinicd")
        h.many(2)  # it goes on measuring that day
        h.kill("hubd")
        h.day_passes()
        h.start("hubd")
        h.start("clinicd")
        h.wait_end()
        log = h.log("hub-store")
        self.assertIn("retired note=", log)
        self.assertNotIn("readings-discarded", log)
        self.assertIn("to=no-config", log)  # from level 4 on nothing is taken
        self.assertEqual((h.status()["state"], h.status()["missing"], h.status()["given_up"]), ("retired", 0, 0))
        self.assertEqual(sum(json.loads(line)["count"] for line in h.ctl("held", h.dir, "home", "--json").splitlines()
                             if line.startswith("{")), 2)
        self.assertIn("drained-and-retired", h.ctl("held", h.dir, "home", "--journal"))
        label = h.device()
        self.erase(h)
        # its next life
        other.start("clinicd")
        self.assertIn("clinic-trust-left", h.set_up())  # that of the clinic it comes from is there still
        self.assertFalse((h.hub / "coap/clinic.trust").exists())
        (h.boot / "clinic.trust").unlink()
        other.ctl("trust", other.dir, "-o", h.boot / "clinic.trust", "--enrol",
                  f"name={enrol_hub.SERVER},address=127.0.0.1,port={other.enrol_port}")
        self.assertIn("clinic-trust-taken", h.switch_on())
        self.assertEqual(h.device(), label)
        other.hub = h.hub
        other.claim()
        h.wait_state("active", "none", "2")
        other.configure()
        h.wait("the config", lambda: re.search("config-taken .*epoch=2 ", h.log("hubd")))
        h.radio().measure(131, 1)
        h.wait("its first reading there", lambda: len(other.readings()) == 1)
        self.assertEqual(other.readings()[0]["epoch"], 2)
        self.assertEqual(h.held()[1], NORMAL)

    def given_up(self):
        """An order to discard, with two readings that are unsent when it takes effect."""
        h = self.home
        h.measure(121, 1, 1)
        h.retire("--discard")
        h.wait("the rule", (h.hub / "store" / "reset-rule").exists)
        h.stop("clinicd")
        h.many(2)
        h.switch_off()
        h.day_passes(RETIRED)
        return h

    def test_discarded(self):
        """The hub names what it gives up, and the clinic knows of it."""
        h = self.given_up()
        h.switch_on()
        h.wait("they are given up", lambda: "readings-discarded" in h.log("hub-store"))
        h.start("clinicd")
        h.wait_end()
        status = h.status()
        self.assertEqual((status["state"], status["missing"]), ("retired", 0))
        self.assertGreaterEqual(status["given_up"], 2)
        self.assertRegex(h.ctl("gaps", h.dir, "home", code=3), "(?i)order")
        self.assertIn("retired-by-two", h.ctl("held", h.dir, "home", "--journal"))
        self.erase(h)

    def killed_once(self, program, step):
        """At this step, then everything is started again: given up and named, erased, and retired at the clinic."""
        h = self.given_up()
        if step.encode() not in (enrol_hub.BUILD / program).read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        if step == "store.retire.rule":
            (h.hub / "store" / "reset-rule").unlink()
        once = h.top / "once"
        h.set_up()
        for name in ("clinicd", "hubd", "hub-store", "hub-coap"):
            h.start(name, **({"HUB_FAILPOINT": step, "HUB_FAILPOINT_ONCE": str(once)} if name == program else {}))
        process = h.running.pop(program)
        h.wait(f"the kill at {step}", lambda: process.poll() is not None or h.again())
        self.assertEqual((process.returncode, once.exists()), (-signal.SIGKILL, True))
        h.start(program)
        if step == LAST:  # the clinic has retired it and talks to it no more: it waits a day, or for somebody who resets it
            h.wait("the clinic's end", lambda: h.status()["state"] == "retired")
            h.switch_off()
            (h.hub / "store" / "reset").touch()
        else:
            h.wait_end()
        self.assertEqual((h.status()["state"], h.status()["missing"]), ("retired", 0))
        self.erase(h)

    def test_signing_is_cut_off(self):
        """Between the signature and the hub's life: nothing, or all of it."""
        h = self.home
        if b"clinic.order.signed" not in (enrol_hub.BUILD / "clinicctl").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        counter = h.order("--as", "doc")["counter"]
        words = [enrol_hub.BUILD / "clinicctl", "command", "sign", h.dir, "home", str(counter), "--as", "tech", "--yes"]
        done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, capture_output=True, env={
            "PATH": "/usr/bin", "ASAN_OPTIONS": "detect_leaks=0", "HUB_FAILPOINT": "clinic.order.signed",
            "HUB_FAILPOINT_ONCE": str(h.top / "once")})
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertEqual((h.orders()[counter]["state"], h.status()["state"]), ("waits-for-signature", "active"))
        h.ctl("command", "sign", h.dir, "home", counter, "--as", "tech", "--yes")
        self.assertEqual(h.status()["state"], "suspended")

    def test_cancelled(self):
        """By one, also when the hub has taken the order; then the day that passes changes nothing."""
        h = self.home
        first = h.retire()
        self.assertIn("is to be retired already", h.order("--as", "tech", code=1))
        cancel = h.order("--cancel", "--as", "tech-2")["counter"]
        self.assertEqual(h.status()["state"], "active")
        h.wait_order(cancel, "done")
        self.assertEqual(h.held()[4:], (0, 0))
        h.kill("hubd")
        h.day_passes()
        h.start("hubd")
        h.measure(121, 1, 1)
        self.assertEqual(h.held()[1], NORMAL)
        # one that waits for its second signature is void, too
        waits = h.order("--as", "doc")["counter"]
        h.order("--cancel", "--as", "doc")
        self.assertIn("was cancelled", h.ctl("command", "sign", h.dir, "home", waits, "--as", "tech", "--yes", code=1))
        self.assertGreater(waits, first)

    def test_cancelled_too_late(self):
        """It is taken back at the clinic just as the hub comes to its end: what the hub says last decides, on both sides."""
        h = self.home
        h.measure(121, 1, 1)
        self.assertEqual(h.retire(), 1)
        for name in ("hub-coap", "hubd"):
            h.kill(name)
        h.day_passes(level=RETIRED)
        cancel = h.order("--cancel", "--as", "tech-2")["counter"]
        self.assertEqual(h.status()["state"], "active")
        h.start("hubd", "hub-coap")
        h.wait("the clinic knows the truth", lambda: h.again() or h.status()["state"] == "retired")
        self.assertNotEqual(h.orders()[cancel]["state"], "done")
        self.assertIn("came too late", h.ctl("held", h.dir, "home", "--journal"))
        self.assertEqual((h.status()["missing"], h.status()["highest"] > 0), (0, True))
        h.wait_end()
        self.erase(h)

    def test_reset_by_hand(self):
        """With an order to retire somebody at the hub need not wait; the clinic is told by a person."""
        h = self.home
        h.measure(121, 1, 1)
        self.assertIn("no order of two people", h.ctl("retire", h.dir, "home", "--end", "--reason", "x", code=1))
        h.order("--as", "doc")
        self.assertIn("no order of two people", h.ctl("retire", h.dir, "home", "--end", "--reason", "x", code=1))
        h.retire()
        h.hurry("nothing waits", lambda: h.status()["hub_queued"] == 0 and h.status()["missing"] == 0)
        h.switch_off()
        (h.hub / "store" / "reset").touch()
        self.erase(h)
        done = json.loads(h.ctl("retire", h.dir, "home", "--end", "--reason", "reset there", "--by", "Ann", "--json"))
        self.assertEqual((done["state"], done["missing"], h.status()["state"]), ("retired", 0, "retired"))
        h.start("hubd")
        h.wait("its next life", (h.hub / "hubd" / "engine.share").exists)
        self.assertEqual((h.held()[1], h.held("b")[1], h.held()[4]), (NORMAL, NORMAL, 0))

    def test_a_reset_does_not_unlock(self):
        """A locked hub stays what it is, until two people end what was."""
        h = self.home
        counter = h.order("--as", "doc", verb="lock")["counter"]
        h.wait_order(counter, "done")
        h.wait("hub-store knows", (h.hub / "store" / "reset-rule").exists)
        h.switch_off()
        before = h.left()
        (h.hub / "store" / "reset").touch()
        mark = h.hub / "hubd" / "lockdown-locked"
        mark.unlink()  # hub-store knows by itself
        (status, said), = h.reset()
        self.assertEqual(status, 0)
        self.assertIn("reset-refused locked=1", said)
        mark.touch()
        self.assertEqual(h.left(), before)
        # where hub-store had no time to hear of it nothing begins: in factory state nobody could release this hub
        (h.hub / "store" / "reset-rule").unlink()
        (h.hub / "store" / "reset").touch()
        self.assertEqual(h.reset(), [])
        h.switch_on()
        h.wait("it is refused", lambda: "reset-refused locked=1" in h.log("hub-store"))
        h.wait("hub-store has put it away and knows why", lambda: not (h.hub / "store" / "reset").exists() and
               (h.hub / "store" / "reset-rule").exists())
        self.assertEqual((h.held()[1], h.held("b")[1]), (QUARANTINED, QUARANTINED))
        h.retire()
        h.hurry("nothing waits", lambda: h.status()["hub_queued"] == 0 and h.status()["missing"] == 0)
        h.wait("the lock stands in no reset's way", lambda: not (h.hub / "store" / "reset-rule").exists() and not mark.exists())
        h.switch_off()
        (h.hub / "store" / "reset").touch()
        self.erase(h)
        h.start("hubd")
        h.wait("its next life", (h.hub / "hubd" / "engine.share").exists)
        self.assertEqual((h.held()[1], h.held("b")[1]), (NORMAL, NORMAL))


for one_program, its_steps in STEPS.items():
    for one_step in its_steps:
        setattr(Retire, "test_kill_" + one_step.replace(".", "_"),
                lambda self, program=one_program, step=one_step: self.killed_once(program, step))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.path.isdir(sys.argv[1]):
        enrol_hub.BUILD = pathlib.Path(sys.argv[1]).absolute()
    sys.exit(config_io.main(Retire, __file__, at_once=4))
