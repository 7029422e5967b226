#!/usr/bin/env python3
"""clinic.trust as 'clinicctl trust' writes and shows it. Its bytes are read here by a second reader, and its signature is
verified by openssl with the root that is in it.

    test_clinicctl_trust.py [BUILD]      as test_clinicctl.py
"""
import base64
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

import test_clinicctl
from test_clinicctl import Clinic as Base


def cbor(data, at=0):
    """One item, of the kinds that are in a trust. Returns it and where the next begins."""
    kind, n = data[at] >> 5, data[at] & 31
    at += 1
    if n > 23:
        size = 1 << (n - 24)
        n, at = int.from_bytes(data[at:at + size], "big"), at + size
    if kind == 0:
        return n, at
    if kind in (2, 3):
        return (data[at:at + n] if kind == 2 else data[at:at + n].decode()), at + n
    items = []
    for _ in range(n * (2 if kind == 5 else 1)):
        item, at = cbor(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if kind == 5 else items), at


def byte_string(data):
    return b"\x59" + len(data).to_bytes(2, "big") + data


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], input=data, check=True, capture_output=True).stdout


def der_integer(number):
    text = number.lstrip(b"\0")
    text = b"\0" + text if text[0] & 0x80 else text
    return b"\x02" + bytes([len(text)]) + text


class Trust(Base):
    def setUp(self):
        super().setUp()
        self.init()
        self.file = self.top / "clinic.trust"

    def make(self, *words, want=0):
        return self.ctl(want, "trust", self.dir, "-o", self.file, *words)

    def read(self):
        (protected, unprotected, payload, signature), end = cbor(self.file.read_bytes())
        self.assertEqual((protected, unprotected, end), (b"\xa1\x01\x26", {}, self.file.stat().st_size))
        trust, end = cbor(payload)
        self.assertEqual(end, len(payload))
        return trust, payload, signature

    def test_says_what_the_folder_has(self):
        now = time.time()
        self.make("--clinic", "Praxis Dr. Weiß")
        trust, _, _ = self.read()
        pin = hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER",
                                     data=openssl("x509", "-in", self.dir / "server.crt", "-noout", "-pubkey"))).digest()
        address = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 10])
        seal = (self.dir / "seal.pub").read_bytes()
        self.assertEqual({k: v for k, v in trust.items() if k != 7},
                         {0: 1, 1: "Praxis Dr. Weiß", 2: [["clinic.example", address, 5684, 1, [pin]]],
                          3: ["clinic.example", address, 5685, 1, [pin]],
                          4: openssl("x509", "-in", self.dir / "root.crt", "-outform", "DER"),
                          5: (self.dir / "config.pub").read_bytes(), 6: [seal[0], seal[1:]]})
        self.assertAlmostEqual(trust[7], now + 90 * 86400, delta=600)

    def test_signed_by_its_root(self):
        self.make()
        trust, payload, signature = self.read()
        signed = b"\x84\x6aSignature1\x43\xa1\x01\x26\x4chub/v1/trust" + byte_string(payload)
        pair = der_integer(signature[:32]) + der_integer(signature[32:])
        (self.top / "sig").write_bytes(b"\x30" + bytes([len(pair)]) + pair)
        (self.top / "root.der").write_bytes(trust[4])
        (self.top / "root.pub").write_bytes(openssl("x509", "-inform", "DER", "-in", self.top / "root.der", "-noout", "-pubkey"))
        said = openssl("dgst", "-sha256", "-verify", self.top / "root.pub", "-signature", self.top / "sig", data=signed)
        self.assertIn(b"Verified OK", said)

    def test_fingerprint(self):
        made = self.make().stdout
        text = base64.b32encode(hashlib.sha256(self.read()[1]).digest()[:10]).decode()
        text = " ".join(text[i:i + 4] for i in range(0, 16, 4))
        self.assertIn(f"fingerprint   {text}\n", made)
        self.assertIn(f"fingerprint   {text}\n", self.ctl(0, "trust", "show", self.file).stdout)

    def test_options(self):
        pin = "ab" * 32
        self.make("--days", "10", "--endpoint", "name=a.example,pin=" + pin, "--endpoint", "address=192.0.2.11,weight=7",
                  "--enrol", f"name=enrol.example,port=5699,pin={pin},pin={'cd' * 32}")
        trust, _, _ = self.read()
        self.assertEqual([e[0] for e in trust[2]], ["a.example", "clinic.example"])
        self.assertEqual(trust[2][1][5], 7)
        self.assertEqual(trust[3], ["enrol.example", bytes(16), 5699, 1, [b"\xab" * 32, b"\xcd" * 32]])
        self.assertAlmostEqual(trust[7], time.time() + 10 * 86400, delta=600)
        shown = self.ctl(0, "trust", "show", self.file).stdout
        for part in ("a.example", "enrol.example", pin, "Clinic 'clinic.example'"):
            self.assertIn(part, shown)
        self.file.unlink()
        self.make("--enrol", "address=192.0.2.12")
        self.assertEqual(self.read()[0][3][2], 5685)

    def test_damaged(self):
        self.make()
        good = self.file.read_bytes()
        for at in range(0, len(good), 61):
            self.file.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1:])
            self.assertEqual(self.ctl(1, "trust", "show", self.file).stdout, "")
        for cut in (good[:-1], good + b"\0", b"", good[:200], good * 8):
            self.file.write_bytes(cut)
            self.ctl(1, "trust", "show", self.file)

    def test_changed_by_another_hand(self):
        """A trust with one byte of its name changed, or all of it taken over by somebody with another root."""
        self.make("--clinic", "Clinic on the Hill")
        self.file.write_bytes(self.file.read_bytes().replace(b"Hill", b"Mill"))
        self.assertIn("not signed", self.ctl(1, "trust", "show", self.file).stderr)
        first = re.search("fingerprint +(.*)", self.ctl(0, "trust", self.dir, "-o", self.top / "ours").stdout)[1]
        shutil.rmtree(self.dir)
        self.init()
        second = re.search("fingerprint +(.*)", self.ctl(0, "trust", self.dir, "-o", self.top / "theirs").stdout)[1]
        self.assertNotEqual(first, second)

    def test_keys_that_do_not_belong_together(self):
        shutil.copy(self.dir / "server.key", self.dir / "root.key")
        self.assertIn("do not belong together", self.make(want=1).stderr)
        self.assertFalse(self.file.exists())
        (self.dir / "root.key").unlink()
        self.make(want=66)

    def test_usage(self):
        for words in ([], [self.dir], [self.dir, "-o", self.file, "more"], [self.dir, "-o", self.file, "--days", "0"],
                      [self.dir, "-o", self.file, "--days", "3651"], [self.dir, "-o", self.file, "--clinic", ""],
                      [self.dir, "-o", self.file, "--clinic", "x" * 65], [self.dir, "-o", self.file, "--clinic", "a\nb"],
                      [self.dir, "-o", self.file, "--enrol", "address=192.0.2.1,weight=3"],
                      [self.dir, "-o", self.file, "--enrol", "address=192.0.2.1", "--enrol", "address=192.0.2.2"],
                      [self.dir, "-o", self.file, "--enrol", "name=other.example"],
                      [self.dir, "-o", self.file, *["--endpoint", "address=192.0.2.1"] * 2], ["show"], ["show", "a", "b"]):
            self.ctl(64, "trust", *words)
        self.assertFalse(self.file.exists())
        self.make("--clinic", "x" * 64)
        before = self.file.read_bytes()
        self.assertIn("there already", self.make(want=73).stderr)
        self.assertEqual(self.file.read_bytes(), before)
        self.ctl(66, "trust", "show", self.top / "nothing")
        self.ctl(66, "trust", self.top / "nowhere", "-o", self.top / "x")
        self.assertIn("Usage: clinicctl trust", self.ctl(0, "trust", "--help").stdout)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
