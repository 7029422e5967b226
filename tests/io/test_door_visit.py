#!/usr/bin/env python3
"""Bringing a hub in through clinicd's door: who enrols, a person's approval, a visit and what is written down of it; and what
a hub's audit log is held against.

    test_door_visit.py [BUILD]      as test_clinicctl.py
"""
import json
import pathlib
import subprocess
import sys
import unittest

import test_clinicctl
import test_door
from label_text import label


class Door(test_door.Clinic):
    def setUp(self):
        super().setUp()
        self.ctl(0, "claim", self.dir, label(test_door.KEYS[0]), "--name", "hall")
        self.tom = self.person("tom", "technician")
        self.ways = [self.door, self.tom]

    def journal(self):
        """Of the hub that is only claimed nothing is in 'held --journal'; play_enrol's rows say what was approved."""
        return self.run_it(0, "tests/io/play_enrol", self.dir, "rows").stdout


class Enrol(Door):
    def test_each_way_says_the_same(self):
        self.run_it(0, "tests/io/play_enrol", self.dir, "claim", test_door.KEYS[1].hex(), "attic")
        for more in ([], ["--json"]):
            here = self.ctl(0, "enrol", "list", self.dir, *more).stdout
            self.assertIn("attic", here)
            for way in self.ways:
                self.assertEqual(self.ctl(0, "enrol", "list", way, *more).stdout, here)
        rows = {r["hub"]: r for r in map(json.loads, here.splitlines())}
        self.assertEqual({k: v for k, v in rows["attic"].items() if k != "hub_id"},
                         {"hub": "attic", "state": "preregistered", "epoch": 0, "certificate_until": None, "waits_for": "ask",
                          "approved": False, "tries": 0})

    def test_many(self):
        """More than a page, and claims that were taken back between them."""
        for n in range(230):
            key = test_door.hashlib.sha256(b"many%d" % n).digest()
            self.ctl(0, "claim", self.door, label(key), "--name", f"m{n}")
            if n % 10 == 0:
                self.run_it(0, "tests/io/play_enrol", self.dir, "cancel", key.hex())
        here = self.ctl(0, "enrol", "list", self.dir, "--json").stdout
        self.assertEqual(len(here.splitlines()), 208)
        self.assertEqual(self.ctl(0, "enrol", "list", self.tom, "--json").stdout, here)

    def test_approve(self):
        auditor = self.person("aud", "auditor")
        self.ctl(0, "enrol", "list", auditor)
        self.ctl(77, "enrol", "approve", auditor, "hall")
        self.assertNotIn("approved", self.journal())
        self.assertIn("may enrol", self.ctl(0, "enrol", "approve", self.tom, "hall", "--reason", "looked at").stdout)
        self.assertIn("approved", self.journal())
        self.assertEqual(json.loads(self.ctl(0, "enrol", "approve", self.door, "hall", "--json").stdout),
                         {"hub": "hall", "approved": True})
        self.ctl(66, "enrol", "approve", self.tom, "nobody")
        self.ctl(64, "--clinic", self.door, "enrol", "ca")
        self.assertIn(("tom", "enrol-approve", "hall", "done"),
                      [(line["person"], line["asked"], line["hub"], line["result"]) for line in self.record()])


class Visit(Door):
    def visit(self, way, answers, *more):
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "visit", way, *more], input="\n".join(answers) + "\n",
                              capture_output=True, text=True, timeout=60, cwd=self.top)
        return done.stdout, done.returncode

    def shown(self, way, name):
        return [json.loads(line) for line in self.ctl(0, "visit", way, name, "--show", "--json").stdout.splitlines()]

    def test_stopped_and_gone_on_elsewhere(self):
        text, code = self.visit(self.tom, ["y", "s"], "kitchen", "--by", "somebody else")
        self.assertEqual(code, 1, text)
        self.assertIn("Step 1 of 10", text)
        steps = [(e["step"], e["outcome"], e["by"]) for e in self.shown(self.tom, "kitchen")]
        self.assertEqual(steps, [("plan", "passed", "tom"), ("consent", "passed", "tom")])
        for way in (self.dir, self.door):
            self.assertEqual(self.shown(way, "kitchen"), self.shown(self.tom, "kitchen"))
            text, _ = self.visit(way, ["s"], "kitchen", "--by", "Anna")
            self.assertIn("Who it is for: passed before", text)
            self.assertIn("Step 3 of 10", text)
        text, _ = self.visit(self.door, ["n", "wrong label", "s"], "kitchen", "--by", "Anna")
        last = self.shown(self.tom, "kitchen")[-1]
        self.assertEqual((last["step"], last["outcome"], last["by"], last["words"]), ("label", "failed", "Anna", "wrong label"))

    def test_who_may(self):
        for role, code in (("auditor", 77), ("security", 77), ("clinician", 1)):
            way = self.person(role, role)
            self.assertEqual(self.visit(way, ["y", "s"], "kitchen")[1], code, role)
            self.assertEqual(self.ctl(0, "visit", way, "kitchen", "--show").stdout,
                             self.ctl(0, "visit", self.dir, "kitchen", "--show").stdout)
        for way in (self.dir, *self.ways):
            self.ctl(66, "visit", way, "nobody")
            self.ctl(66, "visit", way, "nobody", "--show")

    def test_of_a_hub_that_is_only_claimed(self):
        text, code = self.visit(self.tom, ["s"], "hall")
        self.assertEqual(code, 1)
        self.assertIn("not yet", text)


class Audit(Door):
    def test_verified_from_elsewhere(self):
        self.run_it(0, "tests/io/play_audit", self.dir, self.out, "log", "40")
        log = self.top / "log"
        words = "kitchen", "--log", log
        here = self.ctl(0, "audit", "verify", self.dir, *words).stdout
        way = self.person("sec", "security")
        for one in (self.door, way, self.person("aud", "auditor")):
            self.assertEqual(self.ctl(0, "audit", "verify", one, *words).stdout, here)
        self.ctl(77, "audit", "verify", self.tom, *words)
        self.ctl(77, "audit", "verify", self.person("ann", "clinician"), *words)
        self.ctl(0, "audit", "export", self.dir, *words, "--fhir", "here")
        self.ctl(0, "audit", "export", way, *words, "--fhir", "there")
        self.assertEqual((self.top / "there").read_bytes(), (self.top / "here").read_bytes())
        first = log / "audit-1"
        first.write_bytes(first.read_bytes()[:-1])
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "audit", "verify", way, *words], capture_output=True, text=True,
                              timeout=60)
        self.assertIn(done.returncode, (1, 3), done.stdout)
        self.ctl(66, "audit", "verify", way, "attic", "--log", log)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
