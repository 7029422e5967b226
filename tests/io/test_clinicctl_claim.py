#!/usr/bin/env python3
"""Hubs claimed by their labels: 'clinicctl claim', 'clinicctl hub list' and 'clinicctl hub show'.

    test_clinicctl_claim.py [BUILD]      as test_clinicctl.py
"""
import hashlib
import pathlib
import re
import subprocess
import sys
import unittest

import test_clinicctl
from label_text import groups, label
from test_clinicctl import Clinic as Base

KEYS = [hashlib.sha256(bytes([n])).digest() for n in range(4)]


class Clinic(Base):
    def setUp(self):
        super().setUp()
        self.init()

    def claim(self, want, *words):
        return self.ctl(want, "claim", self.dir, *words)

    def listed(self):
        """Line by line, whatever the time is."""
        return re.sub(r"just now|\d+ s ago", "now", self.ctl(0, "hub", "list", self.dir).stdout).splitlines()


class Claim(Clinic):
    def test_is_shown_as_never_contacted(self):
        text = self.claim(0, label(KEYS[0]), "--name", "kitchen", "--site", "Hill Street 4", "--by", "nurse Ann").stdout
        self.assertIn(KEYS[0][:16].hex(), text)
        self.assertEqual(self.listed(), ["kitchen          claimed, never contacted; by nurse Ann now, for Hill Street 4"])
        shown = self.ctl(0, "hub", "show", self.dir, "kitchen").stdout
        self.assertIn(" ".join(groups(label(KEYS[0]))), shown)
        self.assertIn(KEYS[0][:16].hex(), shown)
        self.assertIn("nurse Ann", shown)

    def test_however_the_label_is_typed(self):
        text = label(KEYS[0])
        self.claim(0, *groups(text))
        for words in ([f"HUB1:{text}"], [text.lower()], ["-".join(groups(text))], ["hub1:", *groups(text)],
                      [" ".join(groups(text)).lower()]):
            self.assertIn("claimed already, as 'hub-" + text[:7].lower() + "'", self.claim(0, *words).stdout)
        self.assertEqual(len(self.listed()), 1)

    def test_twice_says_by_whom(self):
        self.claim(0, label(KEYS[0]), "--name", "kitchen", "--site", "Hill Street 4", "--by", "nurse Ann")
        before = self.listed()
        for words in ([], ["--name", "kitchen"], ["--site", "Hill Street 4"], ["--by", "nurse Bob"]):
            self.assertRegex(self.claim(0, label(KEYS[0]), *words).stdout, "already.*nurse Ann")
        for words in (["--name", "hall"], ["--site", "elsewhere"]):
            done = self.claim(73, label(KEYS[0]), *words)
            self.assertRegex(done.stderr, "already, as 'kitchen', by nurse Ann on 20.*Hill Street 4.*nothing was changed")
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.listed(), before)

    def test_one_name_one_hub(self):
        self.add("attic")
        self.claim(0, label(KEYS[0]), "--name", "kitchen")
        self.assertIn("taken", self.claim(73, label(KEYS[1]), "--name", "kitchen").stderr)
        self.assertIn("taken", self.claim(73, label(KEYS[1]), "--name", "attic").stderr)
        self.add("kitchen", 73, out=self.top / "second")
        self.assertFalse((self.top / "second").exists())
        self.assertEqual(len(self.listed()), 2)

    def test_replaces(self):
        self.add("old")
        self.claim(66, label(KEYS[0]), "--replaces", "older")
        self.claim(0, label(KEYS[0]), "--name", "new", "--replaces", "old")
        self.assertIn("in the place of 'old'", self.ctl(0, "hub", "show", self.dir, "new").stdout)
        self.claim(0, label(KEYS[0]), "--replaces", "old")
        self.assertIn("replaced by 'new' already", self.claim(73, label(KEYS[1]), "--replaces", "old").stderr)

    def test_label_of_a_hub_that_is_here(self):
        self.add("attic")
        der = subprocess.run(["openssl", "x509", "-in", self.out / "coap/identity.crt", "-noout", "-pubkey"], check=True,
                             capture_output=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, check=True, capture_output=True).stdout
        text = label(hashlib.sha256(der).digest())
        self.assertIn(" ".join(groups(text)), self.ctl(0, "hub", "show", self.dir, "attic").stdout)
        self.assertIn("added to this clinic already", self.claim(73, text).stderr)
        self.assertIn("not claimed", self.claim(66, "--cancel", text).stderr)

    def test_cancel(self):
        self.claim(0, label(KEYS[0]), "--name", "kitchen")
        self.claim(0, label(KEYS[1]), "--name", "hall")
        self.claim(66, "--cancel", "attic")
        self.claim(66, "--cancel", label(KEYS[2]))
        self.assertEqual(len(self.listed()), 2)
        self.claim(0, "--cancel", "kitchen", "--reason", "wrong box")
        self.claim(0, *groups(label(KEYS[1])), "--cancel")
        self.assertEqual(self.listed(), [])
        self.claim(66, "--cancel", "kitchen")
        self.ctl(66, "hub", "show", self.dir, "kitchen")
        self.claim(0, label(KEYS[0]), "--name", "hall")


class Wrong(Clinic):
    def refused(self, why, *words, code=64):
        done = self.claim(code, *words)
        self.assertRegex(done.stderr, why)
        self.assertEqual(self.listed(), [])

    def test_labels(self):
        good = groups(label(KEYS[0]))
        for at in range(8):
            for bad in ("0", "1", "8"):
                self.refused(f"group {at + 1} has '{bad}' as its 3rd", *good[:at], good[at][:2] + bad + good[at][3:], *good[at + 1:])
            other = "A" if good[at][2] != "A" else "B"
            self.refused(f"group {at + 1} does not check; look at its 3rd character: it is '{other}', should it be '{good[at][2]}'",
                         *good[:at], good[at][:2] + other + good[at][3:], *good[at + 1:])
            self.refused(f"group {at + 1} has 6 characters", *good[:at], good[at][:6], *good[at + 1:])
        self.refused("HUB1", "HUB2:" + "".join(good))
        self.refused("8 groups of 7", "".join(good) + "A")
        self.refused("8 groups of 7", *good[:7])
        self.refused("more than one|should it be", "".join(reversed("".join(good))))
        self.refused("too long", "A" * 600)

    def test_usage(self):
        text = label(KEYS[0])
        for words in ([], [text, "--name", "a b"], [text, "--name", "n" * 41], [text, "--site", ""], [text, "--site", "s" * 121],
                      [text, "--site", "two\nlines"], [text, "--by", ""], [text, "--reason", "none"], [text, "--colour", "red"],
                      [text, "--cancel", "--name", "kitchen"], [text, "--cancel", "--site", "here"]):
            self.refused("clinicctl", *words)
        self.ctl(64, "claim")
        self.ctl(66, "claim", self.top / "nowhere", text)
        self.ctl(64, "hub", "list")
        self.ctl(64, "hub", "show", self.dir)
        self.ctl(64, "hub", "list", self.dir, "more")
        self.assertIn("Usage: clinicctl claim", self.ctl(0, "claim", "--help").stdout)

    def test_longest(self):
        self.claim(0, label(KEYS[0]), "--name", "n" * 40, "--site", "s" * 120, "--by", "b" * 64)
        shown = self.ctl(0, "hub", "show", self.dir, "n" * 40).stdout
        self.assertIn("s" * 120, shown)
        self.assertIn("b" * 64, shown)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
