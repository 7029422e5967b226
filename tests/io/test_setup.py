#!/usr/bin/env python3
"""hub-setup: a hub's device key, its label and clinic.trust, as clinicctl wrote it, at one start after the other.

    test_setup.py [BUILD]      as test_clinicctl.py
"""
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import test_clinicctl
from label_text import groups, label
from test_clinicctl import Clinic as Base
from test_clinicctl_label import HALVES, pgm, scan
from test_clinicctl_trust import openssl

FINGERPRINT = r"(?:[A-Z2-7]{4} ){3}[A-Z2-7]{4}"
KEY_AT, REQUEST_AT = 10, 42  # in a file 'device', docs/MESSAGES.md, Identity


def spki(device):
    """SHA-256 of the public key that the device key's certificate has, by openssl."""
    length = int.from_bytes(device[REQUEST_AT:REQUEST_AT + 2], "big")
    at = REQUEST_AT + 2 + length
    size = int.from_bytes(device[at:at + 2], "big")
    pem = openssl("x509", "-inform", "DER", "-noout", "-pubkey", data=device[at + 2:at + 2 + size])
    return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", data=pem)).digest()


class Setup(Base):
    def setUp(self):
        super().setUp()
        self.init()
        self.state, self.boot = self.top / "coap", self.top / "boot"
        self.state.mkdir(mode=0o700)
        self.boot.mkdir()

    def start(self, want=0):
        """One start of the hub: what it said."""
        done = self.run_it(want, "hub-setup", "--state", self.state, "--boot", self.boot)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def shown(self):
        return self.run_it(0, "hub-setup", "--state", self.state, "--boot", self.boot, "--label").stdout

    def trust(self, *words):
        """Another clinic.trust on the boot partition; its fingerprint, as clinicctl shows it."""
        (self.boot / "clinic.trust").unlink(missing_ok=True)
        said = self.ctl(0, "trust", self.dir, "-o", self.boot / "clinic.trust", *words).stdout
        return re.search(FINGERPRINT, said).group()

    def files(self):
        return {p.name: p.read_bytes() for p in self.state.iterdir()}

    def test_label(self):
        said = self.start()
        device = (self.state / "device").read_bytes()
        text = label(spki(device))
        self.assertIn(f'label qr=HUB1:{text} text="{" ".join(groups(text))}"', said)
        self.assertIn("no-clinic do=", said)
        before = self.files()
        self.assertEqual(self.start(), said)
        self.assertEqual(self.files(), before)
        lines = self.shown().splitlines()
        number = int.from_bytes(spki(device)[:4], "big")
        code = "-".join(str(number // 6 ** k % 6 + 1) for k in range(3))
        self.assertIn(f" code={code}\n", said)
        self.assertEqual(lines[:4], [f"HUB1:{text}", " ".join(groups(text)), f"code {code}", "clinic none"])
        self.assertEqual(self.files(), before)
        for private in (device[KEY_AT:REQUEST_AT], device[KEY_AT:KEY_AT + 8]):
            for shape in (private.hex(), private.hex().upper()):
                self.assertNotIn(shape, said + self.shown())
        rows = []  # what is drawn is light
        for line in lines[4:]:
            self.assertLessEqual(set(line), set(HALVES))
            rows += [[1 - (HALVES.index(c) >> k & 1) for c in line] for k in (0, 1)]
        if shutil.which("zbarimg"):
            self.assertEqual(scan(pgm(self.top / "qr.pgm", rows)), [f"HUB1:{text}"])

    def test_label_without_a_key(self):
        done = self.run_it(66, "hub-setup", "--state", self.state, "--label")
        self.assertIn("made at the first start", done.stderr)
        self.assertEqual(self.files(), {})

    def test_trust(self):
        fingerprint = self.trust("--clinic", 'Praxis "Dr. Weiß"')
        said = self.start()
        self.assertIn(f'clinic-trust-taken clinic="Praxis \'Dr. Weiß\'" fingerprint="{fingerprint}"', said)
        self.assertEqual((self.state / "clinic.trust").read_bytes(), (self.boot / "clinic.trust").read_bytes())
        self.assertEqual((self.state / "clinic.trust").stat().st_mode & 0o777, 0o600)
        self.assertIn(f"clinic {fingerprint}\n", self.shown())
        # the card stays in: nothing new to say
        again = self.start()
        self.assertNotIn("clinic-trust-", again)
        self.assertIn(f'fingerprint="{fingerprint}" do="compare', again)
        (self.boot / "clinic.trust").unlink()
        self.assertEqual(self.start(), again)

    def test_another_one_is_ignored(self):
        first = self.trust()
        self.start()
        kept = self.files()
        second = self.trust("--clinic", "Another")
        self.assertNotEqual(first, second)
        said = self.start()
        self.assertIn(f'clinic-trust-ignored fingerprint="{second}"', said)
        self.assertIn("reset it to factory state first", said)
        self.assertIn(f'clinic-trust clinic="clinic.example" fingerprint="{first}"', said)
        (self.boot / "clinic.trust").write_bytes(b"no such thing")
        self.assertIn('clinic-trust-ignored fingerprint="unknown"', self.start())
        self.assertEqual(self.files(), kept)

    def test_bundle(self):
        """A hub whose files came by hand has a clinic."""
        self.add()
        self.state = self.out / "coap"
        self.trust()
        bundled = (self.state / "clinic.trust").read_bytes()
        self.assertIn("clinic-trust-ignored", self.start())
        self.assertEqual((self.state / "clinic.trust").read_bytes(), bundled)
        # one of before bundles had it takes that of its own root: it could not renew its certificate else
        (self.state / "clinic.trust").unlink()
        self.assertIn("clinic-trust-taken", self.start())
        self.assertEqual((self.state / "clinic.trust").read_bytes(), (self.boot / "clinic.trust").read_bytes())

    def test_reset(self):
        """Of a reset the device key is left, so the label is the same; another clinic may come."""
        first = self.trust()
        said = self.start()
        label_line = re.search("label qr=.*", said).group()
        reset = self.run_it(0, "hub-setup", "--state", self.state, "--reset")
        self.assertIn("identity-forgotten epoch=0", reset.stderr)
        self.assertEqual(set(self.files()), {"device", "device.copy", "enrol-a", "enrol-b"})
        kept = self.files()
        self.run_it(0, "hub-setup", "--state", self.state, "--reset")
        self.assertEqual(self.files(), kept)
        second = self.trust("--clinic", "Another")
        self.assertNotEqual(first, second)
        said = self.start()
        self.assertIn(f'clinic-trust-taken clinic="Another" fingerprint="{second}"', said)
        self.assertEqual(re.search("label qr=.*", said).group(), label_line)

    def test_reset_of_a_bundle(self):
        """The key that came by hand stays as the device key; its epoch is used up."""
        self.add()
        self.state = self.out / "coap"
        before = self.start()
        self.assertIn("identity-forgotten epoch=1", self.run_it(0, "hub-setup", "--state", self.state, "--reset").stderr)
        self.assertNotIn("identity.key", self.files())
        self.assertIn(re.search("label qr=.*", before).group(), self.start())

    def test_refused(self):
        self.trust()
        file = self.boot / "clinic.trust"
        good = file.read_bytes()
        self.start()
        (self.state / "clinic.trust").unlink()
        kept = self.files()
        for bad, why in ((good[:-1], "not a clinic.trust, or damaged"), (b"", "not a clinic.trust, or damaged"),
                         (bytes(9000), "not a clinic.trust, or damaged"),
                         (good[:-1] + bytes([good[-1] ^ 1]), "not signed by the clinic that it names")):
            file.write_bytes(bad)
            said = self.start()
            self.assertIn(f'clinic-trust-refused why="{why}"', said)
            self.assertIn('do="copy it anew', said)
            self.assertIn("no-clinic", said)
            self.assertEqual(self.files(), kept)
        file.unlink()
        file.symlink_to(self.state / "device")  # whatever it leads to
        self.assertIn('clinic-trust-refused', self.start())
        self.assertEqual(self.files(), kept)
        file.unlink()
        file.write_bytes(good)
        self.assertIn("clinic-trust-taken", self.start())

    def test_usage(self):
        self.run_it(64, "hub-setup", "--what")
        self.run_it(64, "hub-setup", "more")
        self.assertIn("usage: hub-setup", self.run_it(0, "hub-setup", "--help").stdout)
        self.assertRegex(self.run_it(0, "hub-setup", "--version").stdout, r"^hub-setup \d")
        done = subprocess.run([test_clinicctl.BUILD / "hub-setup", "--state", self.top / "none"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (74, ""))
        self.assertIn("check the disk", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
