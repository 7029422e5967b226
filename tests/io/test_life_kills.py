#!/usr/bin/python3
"""test_life_kills.py - what people say of a hub's life is done whole or not at all, wherever clinicctl is killed.

usage: test_life_kills.py [BUILD] [Life.NAME]      BUILD holds the programs

Each order is killed after each row it has written, and the database must be what it was, to the last column; then after it is
durable, and the database must be what it is when nobody is killed; then it is given once more.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import test_clinicctl
from label_text import label

WRITTEN, COMMITTED = "clinic.sql.written", "clinic.sql.committed"
WRITES_MAX = 60


class Life(test_clinicctl.Clinic):
    """A clinic with two hubs that are active; the first one has a patient."""

    def setUp(self):
        super().setUp()
        if WRITTEN.encode() not in (test_clinicctl.BUILD / "clinicctl").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        self.init()
        self.add("kitchen")
        self.add("attic", out=self.top / "attic")
        self.ctl(0, "assign", self.dir, "kitchen", "--patient", "P-1")
        self.ctl(0, "assign", self.dir, "attic", "--unassign")
        self.kills = 0

    def rows(self, folder=None, *which):
        """All that is in the database."""
        return self.run_it(0, "tests/io/play_rows", folder or self.dir, *which).stdout

    def killed(self, step, skip, args):
        """One run that is killed when it comes to this step for the (skip + 1)th time; False if it does not."""
        self.kills += 1
        once = self.top / f"once-{self.kills}"
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", *map(str, args)], capture_output=True, timeout=60, check=False,
                              env={**os.environ, "HUB_FAILPOINT": step, "HUB_FAILPOINT_ONCE": str(once), "HUB_FAILPOINT_SKIP": str(skip)})
        self.assertEqual(done.returncode, -signal.SIGKILL if once.exists() else 0, f"{step} {skip} {args}: {done}")
        return once.exists()

    def whole(self, at_least, *args, again=0):
        """The order is whole; at_least: so many rows it writes. again: what the same order once more exits with; None: it is another one."""
        twin = self.top / "twin"
        shutil.copytree(self.dir, twin)
        before = self.rows(self.dir, "all")
        writes = 0
        while self.killed(WRITTEN, writes, args):
            self.assertEqual(self.rows(self.dir, "all"), before, f"{args}, killed after {writes + 1} writes")
            writes += 1
            self.assertLess(writes, WRITES_MAX)
        self.assertGreaterEqual(writes, at_least, args)
        after = self.rows()
        self.assertNotEqual(self.rows(self.dir, "all"), before, args)
        self.assertTrue(self.killed(COMMITTED, 0, [twin if a == self.dir else a for a in args]), args)
        self.assertEqual(self.rows(twin), after, f"{args}, killed after its commit")
        if again is not None:
            self.ctl(again, *args)
            self.assertEqual(self.rows(), after, f"{args}, once more")
        shutil.rmtree(twin)

    def test_suspend_and_resume(self):
        self.whole(3, "hub", "suspend", self.dir, "kitchen", "--reason", "looked at")
        self.whole(3, "hub", "resume", self.dir, "kitchen", "--reason", "all is well")

    def test_lost_and_found(self):
        self.whole(4, "lost", self.dir, "kitchen", "--reason", "left in a train")
        self.whole(3, "lost", self.dir, "kitchen", "--undo", "--reason", "it was found")

    def test_replaced(self):
        """The patient and the devices are with one hub or with the other, never with both or with none."""
        self.whole(10, "replace", self.dir, "kitchen", "--by", "attic", "--reason", "it smells")

    def test_replaced_by_one_that_enrols(self):
        """It is claimed and the other one is suspended, or neither."""
        self.whole(5, "replace", self.dir, "kitchen", "--by", label(bytes(range(32))), "--name", "new", "--reason", "it smells")

    def test_claimed(self):
        self.whole(1, "claim", self.dir, label(bytes(range(32))), "--name", "cellar")
        self.whole(1, "claim", self.dir, "--cancel", label(bytes(range(32))), "--reason", "a mistake", again=66)

    def test_retired(self):
        """The order of one, then the signature of the other, with what that means for the hub."""
        for name, role in (("doc", "clinician"), ("tech", "technician")):
            self.ctl(0, "signer", "add", self.dir, name, "--role", role)
        self.ctl(0, "signer", "give", self.dir, "kitchen")
        self.whole(2, "retire", self.dir, "kitchen", "--as", "doc", "--reason", "burnt", again=None)
        self.whole(2, "command", "sign", self.dir, "kitchen", "1", "--as", "tech", "--yes", again=None)

    def test_assigned(self):
        self.whole(3, "assign", self.dir, "kitchen", "--unassign", again=1)


if __name__ == "__main__":
    if len(sys.argv) > 1 and pathlib.Path(sys.argv[1]).is_dir():
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
