#!/usr/bin/python3
"""test_factory_io.py - what may go wrong from a hub's first start to its second life, with real processes.

usage: test_factory_io.py [BUILD] [Factory.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

hub-setup before the others at each start, a clinic that is not the one that was meant, a label on another box, an old card, and
a factory reset that is cut off at each of its steps.
"""
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import unittest

import test_enrol_hub
from test_enrol_hub import Ble, SERVER, TOP, World

FINGERPRINT = "(?:[A-Z2-7]{4} ){3}[A-Z2-7]{4}"
HUB = ("hubd", "hub-store", "hub-coap")
# each step of a factory reset at which it can be cut off, by the program that takes it
STEPS = {"hub-store-reset": ("reset.counted", "reset.begun", "reset.keys.between", "reset.erase.between", "reset.erased"),
         "hub-setup": ("identity.forget.between", "identity.state.between")}


class Home(World):
    """A clinic, and a hub that is switched on and off as a whole."""

    def __init__(self):
        super().__init__()
        self.boot, self.starts = self.top / "boot", 0
        self.boot.mkdir()

    def run(self, program, *arguments, **environment):
        """To its end, in which a SIGKILL at a failpoint is one, too. Returns (status, what it said)."""
        done = subprocess.run([test_enrol_hub.BUILD / program, *map(str, arguments)], stdin=subprocess.DEVNULL, timeout=60,
                              capture_output=True, text=True, check=False,
                              env={"PATH": "/usr/bin", "ASAN_OPTIONS": "detect_leaks=0", **environment})
        return done.returncode, done.stdout + done.stderr

    def set_up(self):
        """What runs before hub-coap. Returns what it said."""
        status, said = self.run("hub-setup", "--state", self.hub / "coap", "--boot", self.boot)
        if status:
            raise AssertionError(said)
        return said

    def switch_on(self):
        """Returns what hub-setup said."""
        said = self.set_up()
        (self.hub / "hubd" / "enrolment").unlink(missing_ok=True)  # what hubd showed before is not what it shows now
        (self.top / "run" / "store-ble").unlink(missing_ok=True)
        self.start_hub()
        return said

    def switch_off(self):
        """All of the hub, at once."""
        for name in HUB:
            if name in self.running:
                self.kill(name)
        if self.ble:
            self.ble.socket.close()
        self.ble = None

    def put_trust(self, *words):
        """On the card's boot partition. Returns its fingerprint."""
        path = self.boot / "clinic.trust"
        path.unlink(missing_ok=True)
        said = self.ctl("trust", self.dir, "-o", path, "--enrol", f"name={SERVER},address=127.0.0.1,port={self.enrol_port}",
                        *words)
        return re.search(FINGERPRINT, said).group()

    def radio(self):
        """Stands for hub-ble, as soon as hub-store listens."""
        def connects():
            if self.ble:
                return True
            try:
                self.ble = Ble(self)
            except OSError:
                return False
            self.starts += 1
            self.ble.capture = 100 * self.starts  # no name of a value twice
            return True

        self.wait("hub-store's door", connects)
        return self.ble

    def measure(self, systolic, count, assignment):
        """A reading that is the clinic's count-th."""
        self.radio()
        self.ble.measure(systolic, assignment)
        self.wait(f"reading {count} at the clinic", lambda: len(self.readings()) == count)
        return self.readings()[-1]

    def live(self, epoch):
        """Enrolled, and with a config and a patient."""
        self.wait_state("active", "none", str(epoch))
        self.configure()
        self.wait("the config", lambda: re.search(f"config-taken .*epoch={epoch} ", self.log("hubd")))

    def reset(self, steps=None, **environment):
        """What the units do at a start, in their order. With steps: only so many. Returns the statuses."""
        store, state = self.hub / "store", self.hub / "coap"
        first = (TOP / "rootfs/units/hub-store-reset.service").read_text()
        for wanted, path in re.findall("^ConditionPathExists=(!?)/var/lib/hub/(.*)", first, re.M):
            if (self.hub / path).exists() == bool(wanted) and not (store / "resetting").exists():
                return []
        unit = (TOP / "rootfs/units/hub-reset-hubd.service").read_text()
        find = shlex.split(re.search("^ExecStart=(/usr/bin/find .*)", unit, re.M).group(1))
        todo = [lambda: self.run("hub-store-reset", "--state", store, "decide", **environment),
                lambda: (subprocess.run([str(self.hub / "hubd") if w == "/var/lib/hub/hubd" else w for w in find],
                                        check=True).returncode, ""),
                lambda: self.run("hub-setup", "--state", state, "--reset", **environment),
                lambda: self.run("hub-store-reset", "--state", store, "finish", **environment)]
        said = []
        for number, step in enumerate(todo[:steps]):
            if number and not (store / "resetting").exists():
                break
            said.append(step())
            if said[-1][0]:
                break
        return said


class Factory(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)

    def test_false_trust(self):
        """Somebody else's clinic.trust was put in: the hub goes there, and both signs of it are to be seen."""
        ours, theirs = self.home, Home()
        self.addCleanup(theirs.close)
        ours.start("clinicd")
        theirs.start("clinicd")
        fingerprint = ours.put_trust()
        other = theirs.put_trust()
        shutil.copy(theirs.boot / "clinic.trust", ours.boot / "clinic.trust")
        said = ours.switch_on()
        self.assertIn(f'fingerprint="{other}"', said)
        self.assertNotIn(fingerprint, said)
        ours.claim()
        theirs.hub = ours.hub
        theirs.claim()
        ours.wait_state("active", "none", "1")
        self.assertIn("never contacted", ours.ctl("hub", "list", ours.dir))
        self.assertEqual(theirs.row()[0], "active")
        # the right one, put in now, is not taken; after a reset it is
        ours.switch_off()
        fingerprint = ours.put_trust()
        self.assertIn(f'clinic-trust-ignored fingerprint="{fingerprint}"', ours.switch_on())
        ours.switch_off()
        (ours.hub / "store" / "reset").touch()
        self.assertEqual([s for s, _ in ours.reset()], [0, 0, 0, 0])
        self.assertIn(f'clinic-trust-taken clinic="{SERVER}" fingerprint="{fingerprint}"', ours.switch_on())
        ours.live(2)
        self.assertEqual(ours.measure(131, 1, 1)["epoch"], 2)

    def test_label_on_another_box(self):
        """A label that was copied is worth nothing without the key."""
        ours, box = self.home, Home()
        self.addCleanup(box.close)
        ours.start("clinicd")
        ours.put_trust()
        ours.set_up()
        ours.claim()  # what both boxes have printed on them
        shutil.copy(ours.boot / "clinic.trust", box.boot / "clinic.trust")
        box.switch_on()
        box.wait("it is turned away", lambda: box.state()[1:2] == ("turned-away",))
        self.assertIn("never contacted", ours.ctl("hub", "list", ours.dir))
        ours.switch_on()
        ours.wait_state("active", "none", "1")
        self.assertEqual(box.state()[2], "0")

    def test_old_card(self):
        """A card of yesterday is put in: its numbers were given since; no reading is lost, none is taken for another. The
        hub locks itself, and what it sends from then on is filed with a mark."""
        h = self.home
        h.start("clinicd")
        h.put_trust()
        h.switch_on()
        h.claim()
        h.live(1)
        h.measure(121, 1, 1)
        h.switch_off()
        shutil.copytree(h.hub, h.top / "old")
        h.switch_on()
        h.measure(122, 2, 1)
        h.measure(123, 3, 1)
        h.switch_off()
        shutil.rmtree(h.hub)
        shutil.move(h.top / "old", h.hub)
        said = h.switch_on()
        self.assertNotIn("clinic-trust-", said)
        h.wait_state("active", "none", "1")
        h.wait("the lock", lambda: re.search("level=2 ", h.log("hubd")))
        self.assertIn("disk-rolled-back highest=", h.log("hub-store"))
        h.radio().measure(124, 1)
        h.wait("what was measured on the old card", lambda: h.readings()[-1].get("suspect"))
        self.assertIn("SUSPECT", h.ctl("readings", h.dir))
        self.assertIn("Nothing is held", h.ctl("held", h.dir, "home"))
        said = h.ctl("readings", h.dir, "--json", "--raw")
        for systolic in (121, 122, 123, 124):
            self.assertEqual(said.count(bytes([0, systolic, 0, 70, 0, 90, 0]).hex()), 1, systolic)
        numbers = [reading["seq"] for reading in h.readings()]
        self.assertEqual(len(set(numbers)), 4, numbers)
        self.assertFalse(any("not_filed" in reading for reading in h.readings()))

    def test_reset_is_refused(self):
        """While a reading waits, and what is asked once is not done later."""
        h = self.home
        h.start("clinicd")
        h.put_trust()
        h.switch_on()
        h.claim()
        h.live(1)
        h.stop("clinicd")
        h.radio().measure(121, 1)
        h.ble.measure(122, 1)
        h.switch_off()
        (h.hub / "store" / "reset").touch()
        (status, said), = h.reset()
        self.assertEqual(status, 0)
        self.assertRegex(said, 'reset-refused unsent=[2-9] do="let the hub reach its clinic')
        self.assertFalse((h.hub / "store" / "reset").exists())
        h.start("clinicd")
        h.switch_on()
        h.wait("both readings at the clinic", lambda: len(h.readings()) == 2)

    def test_reset_is_cut_off(self):
        """Killed at each step, then finished: always a hub in factory state, with its label; it enrols anew."""
        h = self.home
        if b"reset.erased" not in (test_enrol_hub.BUILD / "hub-store-reset").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        h.start("clinicd")
        h.put_trust()
        label = re.search("label qr=.*", h.switch_on()).group()
        h.claim()
        h.live(1)
        h.measure(121, 1, 1)
        h.switch_off()
        shutil.copytree(h.hub, h.top / "used")
        for program, steps in STEPS.items():
            for step in steps:
                shutil.rmtree(h.hub)
                shutil.copytree(h.top / "used", h.hub)
                (h.hub / "store" / "reset").touch()
                once = h.top / f"once-{step}"
                said = h.reset(HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(once))
                self.assertEqual((said[-1][0], once.exists()), (-signal.SIGKILL, True), f"{program} {step}: {said}")
                for status, words in h.reset():
                    self.assertEqual(status, 0, words)
                left = sorted(str(p.relative_to(h.hub)) for p in h.hub.rglob("*") if p.is_file())
                self.assertEqual([name for name in left if name != "hubd/time-floor"],
                                 ["coap/device", "coap/device.copy", "coap/enrol-a", "coap/enrol-b", "hubd/lockdown-a",
                                  "hubd/lockdown-b", "hubd/lockdown-kept"], step)
        self.assertEqual(re.search("label qr=.*", h.switch_on()).group(), label)
        h.live(2)
        self.assertEqual(h.measure(122, 2, 1)["epoch"], 2)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).is_dir():
        test_enrol_hub.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
