#!/usr/bin/env python3
"""Tickets as 'clinicctl ticket' makes, lists and revokes them. What is in the file is read here by a second reader; its
certificate is verified by openssl. What a hub does with one is in test_factory_io.py.

    test_clinicctl_ticket.py [BUILD]      as test_clinicctl.py
"""
import base64
import hashlib
import json
import pathlib
import stat
import sys
import time
import unittest

import test_clinicctl
from test_clinicctl import Clinic as Base
from test_clinicctl_trust import cbor, openssl


class Ticket(Base):
    def setUp(self):
        super().setUp()
        self.init()
        self.file = self.top / "clinic.ticket"

    def create(self, *words, want=0):
        return self.ctl(want, "ticket", "create", self.dir, "-o", self.file, *words)

    def list(self):
        return [json.loads(line) for line in self.ctl(0, "ticket", "list", self.dir, "--json").stdout.splitlines()]

    def test_file(self):
        """A clinic.trust, a certificate of the CA for hubs that enrol, its key, and when it is over."""
        said = json.loads(self.create("--days", "3", "--json", "--clinic", "Hill").stdout)
        (_, _, payload, _), end = cbor(self.file.read_bytes())
        self.assertEqual(end, self.file.stat().st_size)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        fields, _ = cbor(payload)
        self.assertEqual((sorted(fields), fields[0], len(fields[3])), ([0, 1, 2, 3, 4], 1, 32))
        self.assertAlmostEqual(fields[4], time.time() + 3 * 86400, delta=600)
        (_, _, trust, _), _ = cbor(fields[1])
        self.assertEqual(cbor(trust)[0][1], "Hill")
        text = base64.b32encode(hashlib.sha256(trust).digest()[:10]).decode()
        self.assertEqual(said["fingerprint"], " ".join(text[i:i + 4] for i in range(0, 16, 4)))
        (self.top / "ticket.der").write_bytes(fields[2])
        openssl("x509", "-inform", "DER", "-in", self.top / "ticket.der", "-out", self.top / "ticket.crt")
        self.assertIn(b": OK", openssl("verify", "-CAfile", self.dir / "root.crt", "-untrusted", self.dir / "enrol.crt",
                                       self.top / "ticket.crt"))
        public = openssl("pkey", "-pubin", "-outform", "DER", data=openssl("x509", "-in", self.top / "ticket.crt", "-noout", "-pubkey"))
        self.assertEqual(said["ticket"], base64.b32encode(hashlib.sha256(public).digest()[:5]).decode())

    def test_life(self):
        """Made by whom, taken back by whom; the key is nowhere but in the file."""
        said = self.create("--by", "anna", "--name", "kitchen", "--site", "Hill Street 4").stdout
        key = cbor(cbor(self.file.read_bytes())[0][2])[0][3]
        self.assertFalse([p for p in self.dir.rglob("*") if p.is_file() and key in p.read_bytes()])
        row, = self.list()
        self.assertIn(f"Ticket {row['ticket']} ", said)
        self.assertEqual([row[k] for k in ("state", "created_by", "name", "site", "hub_id", "alarms")],
                         ["open", "anna", "kitchen", "Hill Street 4", None, 0])
        self.ctl(64, "ticket", "revoke", self.dir, row["ticket"])
        self.assertIn("is revoked", self.ctl(0, "ticket", "revoke", self.dir, row["ticket"].lower(), "--reason", "mail lost",
                                             "--by", "bert").stdout)
        self.ctl(0, "ticket", "revoke", self.dir, row["ticket"], "--reason", "again", "--by", "carl")
        row, = self.list()
        self.assertEqual([row[k] for k in ("state", "ended_by", "reason")], ["revoked", "bert", "mail lost"])
        self.assertIn("by bert: mail lost", self.ctl(0, "ticket", "list", self.dir).stdout)

    def test_refused(self):
        for days in ("0", "15", "x"):
            self.assertIn("1 to 14", self.create("--days", days, want=64).stderr)
        self.create("--name", "two words", want=64)
        self.create("--reason", "x", want=64)
        self.ctl(64, "ticket", "create", self.dir)
        self.ctl(64, "ticket", "steal", self.dir)
        self.ctl(66, "ticket", "revoke", self.dir, "AAAAAAAA", "--reason", "x")
        self.assertEqual(self.list(), [])
        self.file.write_text("there")
        self.create(want=73)
        self.assertEqual(self.file.read_text(), "there")
        self.assertEqual(self.list(), [])
        self.file.unlink()
        (self.dir / "enrol.key").unlink()
        self.create(want=66)
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
