#!/usr/bin/env python3
"""To whom a hub is assigned, as a person says it: 'clinicctl assign'.

    test_clinicctl_assign.py [BUILD]      as test_clinicctl.py
"""
import json
import os
import pathlib
import sys
import time
import unittest

import test_clinicctl
from test_clinicctl import DEVICE, Clinic as Base

SCALE = "weight,F0:F1:F2:F3:F4:A1/random,justworks,user=2,consent=1234,history=all"


class Clinic(Base):
    def hub(self, name="kitchen", *devices):
        return self.ctl(0, "hub", "add", self.dir, name, "--out", self.top / name,
                        *(word for d in devices or (DEVICE,) for word in ("--device", d)))

    def assign(self, want, *args, name="kitchen", out="new.cose"):
        before = sorted(os.listdir(self.top)), self.shown(name)
        done = self.ctl(want, "assign", self.dir, name, *args, *(["--out", out] if out else []))
        if want:
            self.assertEqual((sorted(os.listdir(self.top)), self.shown(name)), before)
        elif out:
            os.replace(self.top / out, self.top / name / "hubd/config.cose")
        return done

    def shown(self, name="kitchen"):
        return json.loads(self.ctl(0, "assign", self.dir, name, "--json").stdout)


class Assign(Clinic):
    def setUp(self):
        super().setUp()
        self.init()

    def test_numbers_only_rise(self):
        self.hub()
        first = self.shown()
        self.assertEqual((first["assignment_wanted"], first["patient"], first["assignment_in_force"], first["hand_over"]),
                         (1, None, None, "unknown"))
        self.assertIn("assignment 2", self.assign(0, "--patient", "P-17", "--reason", "moved in", "--by", "nurse 4").stdout)
        self.assign(0, "--unassign")
        self.assertEqual(self.shown()["assignment_wanted"], 0)
        self.assign(0, "--patient", "P-17")
        last = self.shown()
        self.assertEqual(last["assignment_wanted"], 3)
        self.assertEqual([(a["assignment"], a["patient"], a["first_number"]) for a in last["assignments"]],
                         [(1, "", 0), (2, "P-17", 0), (3, "P-17", 0)])
        status = json.loads(self.ctl(0, "status", self.dir, "--json").stdout)
        self.assertEqual((status["assignment_wanted"], status["patient"]), (3, "P-17"))
        self.assertIn("kitchen: assignment 3, patient P-17", self.ctl(0, "status", self.dir).stdout)
        text = self.ctl(0, "assign", self.dir, "kitchen").stdout
        self.assertRegex(text, r"\n +3  P-17 +20")
        journal = self.ctl(0, "held", self.dir, "kitchen", "--journal").stdout
        self.assertIn("moved in", journal)
        self.assertIn("nurse 4", journal)
        self.assertIn("assigned", journal)

    def test_refused(self):
        self.hub()
        for args in (("--patient", ""), ("--patient", "Jane Doe"), ("--patient", "x" * 65), ("--patient", "Zo\u00eb"),
                     ("--patient", "P", "--unassign"), ("--user", "1"), ("--user", "1=x"), ("--patient", "P", "--user", "0=1"),
                     ("--patient", "P", "--pair-window", "121"), ("--colour",), ("more",), ()):
            self.assign(64, *args)
        self.assign(66, "--patient", "P", "--user", "7=sole")
        self.assertIn("no hub 'hall'", self.ctl(66, "assign", self.dir, "hall", "--patient", "P", "--out", "o.cose").stderr)
        self.assertIn("assignment 2", self.assign(0, "--patient", "P", out=None).stdout)  # it is fetched; no file is needed
        self.assign(0, "--patient", "x" * 64)
        self.assertIn("already", self.assign(1, "--patient", "x" * 64).stderr)
        self.assign(0, "--unassign")
        self.assertIn("no patient", self.assign(1, "--unassign").stderr)

    def test_one_hub_for_a_device(self):
        """The second hub is refused and the first one named, until that one has no patient."""
        self.hub()
        said = self.ctl(73, "hub", "add", self.dir, "hall", "--out", self.top / "hall", "--device", DEVICE).stderr
        self.assertIn("device 1 measures for the patient of hub 'kitchen'", said)
        self.assertFalse((self.top / "hall").exists())
        self.assign(0, "--unassign")
        self.hub("hall")
        self.assign(0, "--unassign", name="hall")
        self.assign(0, "--patient", "P-1")
        said = self.assign(1, "--patient", "P-2", name="hall").stderr
        self.assertIn("device 1 of hub 'hall' measures for the patient of hub 'kitchen'", said)
        self.assign(0, "--unassign")
        self.assign(0, "--patient", "P-2", name="hall")
        self.assertIn("of hub 'hall'", self.assign(1, "--patient", "P-1").stderr)

    def test_users_are_said_anew(self):
        """The number on a scale is the old patient's; so is what it has stored."""
        self.hub("kitchen", SCALE)
        self.assertIn("--user 1=N", self.assign(1, "--patient", "P-1").stderr)
        old = (self.top / "kitchen/hubd/config.cose").read_bytes()
        self.assign(0, "--patient", "P-1", "--user", "1=3,consent=42")
        new = (self.top / "kitchen/hubd/config.cose").read_bytes()
        # user, sole, consent, import: 2, false, 1234, true; then 3, false, 42, false
        self.assertIn(bytes.fromhex('02f41904d2f5'), old)
        self.assertIn(bytes.fromhex('03f4182af4'), new)
        self.assign(0, "--patient", "P-2", "--user", "1=sole", "--pair-window", "0")
        sole = (self.top / "kitchen/hubd/config.cose").read_bytes()
        self.assertIn(bytes.fromhex('f6f5f6f4'), sole)

    def test_hubd_takes_it(self):
        """What is in force is not what is wanted before hub-ble has let go of the devices."""
        self.hub()
        self.out = self.top / "kitchen"
        hub = test_clinicctl.Hubd(self)
        hub.wait("config-taken version=1 epoch=1 devices=1")
        last = time.monotonic() + 30  # it says so first
        while not (self.out / "hubd/assignment").exists() and time.monotonic() < last:
            time.sleep(0.02)
        self.assertTrue((self.out / "hubd/assignment").exists())
        self.assign(0, "--patient", "P-1")
        hub.wait("config-taken version=2 epoch=1 devices=1")
        hub.end()
        self.assertEqual((self.out / "hubd/assignment").read_bytes().hex(), "8401010100")


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
