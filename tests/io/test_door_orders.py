#!/usr/bin/env python3
"""Orders to hubs through clinicd's door: signed by people on their own machines, each with their own key and certificate, taken
or refused by clinicd as at the clinic's folder. Another hub in the place of one, endpoints and tickets from there, too. That a
hub obeys such an order: test_command_io.py.

    test_door_orders.py [BUILD]      as test_clinicctl.py
"""
import base64
import binascii
import json
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import unittest

import test_clinicctl
import test_door
from label_text import label

WHY = ("--reason", "test")
SIGNERS = (("doc", "clinician"), ("tech", "technician"), ("tech2", "technician"), ("sec", "clinic-security"))
USED, WRONG_KEY, SAME_ROLE = 4, 2, 17  # clinic/order_take.h
ORDER = 37


def cbor(value):
    """Enough of it for a question."""
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in sorted(value.items()))
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    return head(3, len(value)) + value.encode() if isinstance(value, str) else head(0, value)


def head(kind, n):
    if n < 24:
        return bytes([kind << 5 | n])
    return bytes([kind << 5 | 24, n]) if n < 256 else bytes([kind << 5 | 25]) + n.to_bytes(2, "big")


class Clinic(test_door.Clinic):
    """Ann and Tom sign on their own machines: no key of theirs is at the clinic."""

    def init_here(self):
        super().init_here()
        for name, role in SIGNERS:
            self.ctl(0, "signer", "add", self.dir, name, "--role", role)

    def setUp(self):
        super().setUp()
        self.ann = self.with_key("ann", "clinician", "doc")
        self.tom = self.with_key("tom", "technician", "tech")
        self.sue = self.with_key("sue", "security", "sec")

    def with_key(self, person, role, signer):
        way = self.person(person, role)
        (self.dir / f"signer-{signer}.key").rename(way / f"signer-{signer}.key")
        return way

    def order(self, way, verb, signer, *more, want=0, hub="kitchen"):
        """Give one; returns it, or the complaint."""
        done = self.ctl(want, verb, way, hub, "--as", signer, *WHY, "--json", *more)
        return json.loads(done.stdout) if want == 0 else done.stderr

    def orders(self, way=None, hub="kitchen"):
        return [json.loads(line) for line in self.ctl(0, "command", "list", way or self.dir, hub, "--json").stdout.splitlines()]

    def waiting(self, way):
        return [(o["hub"], o["counter"], o["missing_role"])
                for o in map(json.loads, self.ctl(0, "command", "waiting", way, "--json").stdout.splitlines())]

    def asked(self):
        return [(line["person"], line["asked"], line["hub"], line["result"]) for line in self.record()]


class Orders(Clinic):
    def test_each_way_says_the_same(self):
        given = self.order(self.ann, "lock", "doc")
        self.assertEqual((given["counter"], given["state"], given["signed_by"][0]["name"], given["reason"]),
                         (1, "waits-for-hub", "doc", "test"))
        self.order(self.tom, "test", "tech", "--minutes", "5")
        self.order(self.tom, "reboot", "tech", "--valid", "10")
        here = self.orders()
        self.assertEqual([(o["counter"], o["verb"]) for o in here], [(1, "lock"), (2, "test"), (3, "reboot")])
        # counted from when it was asked what to sign
        self.assertAlmostEqual(here[2]["not_after_s"] - here[2]["ordered_ms"] // 1000, 600, delta=60)
        for way in (self.door, self.ann, self.sue, self.person("aud", "auditor")):
            self.assertEqual(self.orders(way), here)
            self.assertEqual(self.ctl(0, "command", "show", way, "kitchen", "2").stdout,
                             self.ctl(0, "command", "show", self.dir, "kitchen", "2").stdout)
        self.ctl(66, "command", "show", self.ann, "kitchen", "9")
        self.ctl(66, "command", "list", self.ann, "attic")
        for line in (("ann", "order", "kitchen", "done"), ("tom", "order", "kitchen", "done")):
            self.assertIn(line, self.asked())

    def test_two_people_on_two_machines(self):
        first = self.order(self.tom, "lock", "tech", "--level", "3")
        self.assertEqual((first["state"], first["signatures_needed"]), ("waits-for-signature", 2))
        missing = ["clinician", "clinic-security", "manufacturer"]
        for way in (self.dir, self.door, self.ann):
            self.assertEqual(self.waiting(way), [("kitchen", 1, missing)])
            self.assertIn("MISSING: a signature of another role (clinician, clinic-security or manufacturer)",
                          self.ctl(0, "command", "list", way, "kitchen").stdout)
        self.assertIn("must be of another role", self.ctl(77, "command", "sign", self.dir, "kitchen", 1, "--as", "tech2").stderr)
        self.assertIn("has no order 7", self.ctl(66, "command", "sign", self.ann, "kitchen", 7, "--as", "doc").stderr)
        second = json.loads(self.ctl(0, "command", "sign", self.ann, "kitchen", 1, "--as", "doc", "--yes", "--json").stdout)
        self.assertEqual((second["state"], [s["name"] for s in second["signed_by"]], second["missing_role"]),
                         ("waits-for-hub", ["tech", "doc"], []))
        self.assertEqual(self.waiting(self.sue), [])
        self.assertIn("waits for no signature", self.ctl(1, "command", "sign", self.sue, "kitchen", 1, "--as", "sec").stderr)
        self.assertIn(("ann", "order-sign", "kitchen", "done"), self.asked())

    def sign(self, way, counter, signer, answer, *more):
        return subprocess.run([test_clinicctl.BUILD / "clinicctl", "command", "sign", way, "kitchen", str(counter), "--as", signer, *more],
                              input=answer, capture_output=True, text=True, timeout=120, check=False)

    def test_asked_before_signing(self):
        """What is signed is shown first, and only a yes signs it."""
        self.order(self.tom, "retire", "tech", "--discard")
        hub = json.loads(self.ctl(0, "hub", "show", self.dir, "kitchen", "--json").stdout.splitlines()[0])["hub_id"]
        for answer in ("", "n\n", "\n"):
            done = self.sign(self.ann, 1, "doc", answer)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            for word in ("'tech' (technician)", f"hub 'kitchen', which is {hub}", "order 1: retire, give up what is unsent, until 20",
                         "reason is: test", "Sign this, too?", "nothing was signed"):
                self.assertIn(word, done.stderr)
            self.assertEqual(self.orders()[0]["state"], "waits-for-signature")
        self.assertIn("with --yes", self.sign(self.ann, 1, "doc", "", "--json").stderr)
        self.assertEqual(self.sign(self.ann, 1, "doc", "y\n").returncode, 0)
        self.assertEqual(self.orders()[0]["state"], "waits-for-hub")

    def test_clinicd_that_was_taken_over(self):
        """It says one thing and would have another one signed: what the first one signed decides, and neither is signed."""
        first = self.order(self.tom, "retire", "tech")
        cose = bytes.fromhex(first["signed_by"][0]["cose"])
        self.assertEqual(cose[:7], b"\x84\x43\xa1\x01\x26\xa0\x58")
        payload = cose[8:8 + cose[7]]
        self.assertEqual(payload[-1], 1)  # drain
        other = payload[:-1] + b"\x02"    # discard
        key = ("--yes", "--key", self.ann / "signer-doc.key")
        said = lambda answer: answer.replace(payload, other, 1)
        signed = lambda answer: other.join(answer.rsplit(payload, 1))
        for lie in (said, signed, lambda answer: answer.replace(payload, other)):
            done = self.sign(self.proxy(lie), 1, "doc", "", *key)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("is not what 'tech' has signed; nothing was signed", done.stderr)
            self.assertNotIn("What 'tech'", done.stderr)
        self.assertEqual(self.orders()[0]["state"], "waits-for-signature")
        self.assertEqual(self.sign(self.proxy(lambda answer: answer), 1, "doc", "", *key).returncode, 0)

    def proxy(self, change):
        """A socket in front of clinicd's that changes its answers."""
        path = self.top / f"proxy{len(list(self.top.glob('proxy*')))}"
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        server.settimeout(120)

        def run():
            with server, server.accept()[0] as here, socket.socket(socket.AF_UNIX) as there:
                there.connect(str(self.door))
                while question := read(here):
                    there.sendall(struct.pack(">I", len(question)) + question)
                    answer = change(read(there))
                    here.sendall(struct.pack(">I", len(answer)) + answer)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return path

    def test_retire(self):
        state = lambda: json.loads(self.ctl(0, "status", self.dir, "kitchen", "--json").stdout)["state"]
        counter = self.order(self.ann, "retire", "doc")["counter"]
        self.assertIn("no order of two people", self.ctl(1, "retire", self.tom, "kitchen", "--end", *WHY).stderr)
        self.assertEqual(state(), "active")
        self.ctl(0, "command", "sign", self.tom, "kitchen", counter, "--as", "tech", "--yes")
        self.assertEqual(state(), "suspended")
        self.assertIn("is to be retired already", self.order(self.ann, "retire", "doc", want=1))
        self.assertRegex(self.ctl(0, "held", self.dir, "--journal").stdout, "doc: .*with tech: test")
        self.order(self.tom, "retire", "tech", "--cancel")
        self.assertEqual(state(), "active")
        counter = self.order(self.tom, "retire", "tech", "--discard")["counter"]
        self.ctl(0, "command", "sign", self.ann, "kitchen", counter, "--as", "doc", "--yes")
        self.ctl(77, "retire", self.person("aud", "auditor"), "kitchen", "--end", *WHY)
        done = json.loads(self.ctl(0, "retire", self.tom, "kitchen", "--end", *WHY, "--json").stdout)
        self.assertEqual((done["state"], state()), ("retired", "retired"))

    def test_who_may_not(self):
        self.assertIn("may not be ordered by a clinician", self.order(self.ann, "reboot", "doc", want=77))
        self.assertIn("there is no signer 'nobody'", self.order(self.ann, "lock", "nobody", want=66))
        self.assertIn("nothing to release", self.order(self.sue, "release", "sec", want=1))
        self.assertIn("signer-tech.key", self.order(self.ann, "lock", "tech", want=66))
        self.assertIn("the key is not that of 'doc'", self.order(self.ann, "lock", "doc", "--key", self.tom / "signer-tech.key",
                                                                 want=1))
        self.ctl(0, "signer", "add", self.dir, "late", "--role", "clinician")
        late = self.with_key("lea", "clinician", "late")
        self.assertIn("does not know 'late'", self.order(late, "lock", "late", want=1))
        auditor = self.person("aud", "auditor")
        self.assertIn("your role", self.order(auditor, "lock", "doc", "--key", self.ann / "signer-doc.key", want=77))
        self.assertIn(("lea", "order", "kitchen", "refused"), self.asked())
        self.assertIn(("aud", "order-facts", "kitchen", "refused"), self.asked())
        # who is no signer any more, and who is nobody any more
        self.ctl(0, "signer", "remove", self.dir, "doc")
        self.assertIn("there is no signer 'doc'", self.order(self.ann, "lock", "doc", want=66))
        self.ctl(0, "person", "revoke", self.dir, "tom")
        self.assertIn("does not know you", self.order(self.tom, "test", "tech", want=1))
        self.assertEqual(self.orders(), [])

    def test_orders_of_who_was_removed(self):
        """What a stolen key has signed goes to no hub once it is known as stolen, and nobody is led to sign it, too."""
        self.order(self.tom, "lock", "tech", "--level", "3")
        self.order(self.tom, "reboot", "tech")
        self.order(self.tom, "lock", "tech", "--level", "3")
        self.ctl(0, "command", "sign", self.ann, "kitchen", 3, "--as", "doc", "--yes")
        self.order(self.ann, "lock", "doc")
        done = json.loads(self.ctl(0, "signer", "remove", self.dir, "tech", "--json").stdout)
        self.assertEqual(done["orders_withdrawn"], 3)
        self.assertEqual([o["state"] for o in self.orders()], ["refused"] * 3 + ["waits-for-hub"])
        self.assertIn("was removed from the signers", self.ctl(0, "command", "list", self.ann, "kitchen").stdout)
        self.assertEqual(self.waiting(self.ann), [])
        self.assertIn("waits for no signature", self.ctl(1, "command", "sign", self.ann, "kitchen", 1, "--as", "doc").stderr)

    def challenge(self, level):
        """As the console of a hub shows it, at this level."""
        hub = json.loads(self.ctl(0, "hub", "show", self.dir, "kitchen", "--json").stdout.splitlines()[0])["hub_id"]
        data = bytes.fromhex(hub)[:8] + struct.pack(">I16sB8sI", 7, bytes(range(16)), level, bytes(8), 0)
        return base64.b32encode(data + binascii.crc_hqx(data, 0xffff).to_bytes(2, "big")).decode().rstrip("=")

    def test_token(self):
        """Two people on two machines answer a challenge; the clinic knows who has, before anything of it is shown."""
        challenge = self.challenge(3)
        first = self.ctl(0, "token", self.sue, "kitchen", challenge, "--as", "sec", "--technician", "tech", "--level", "0", "--verb",
                         "reboot", "--reason", "he called")
        self.assertIn("never told the clinic what ends level 3", first.stderr)
        file = self.top / "token"
        file.write_text(first.stdout)
        second = self.ctl(0, "token", self.ann, "kitchen", challenge, "--as", "doc", "--add", file, "--json")
        self.assertRegex(second.stderr, r"'sec' \(clinic-security\) has signed for hub 'kitchen': from level 3 to 0; .*reboot.*; for 240 min; "
                                        r"'tech' is at the hub")
        self.assertEqual([s["name"] for s in json.loads(second.stdout)["signed_by"]], ["sec", "doc"])
        self.assertIn("must be of another role", self.ctl(77, "token", self.dir, "kitchen", challenge, "--as", "tech", "--key",
                                                          self.tom / "signer-tech.key", "--add", self.second_of("tech2", challenge)).stderr)
        journal = [json.loads(line) for line in self.ctl(0, "held", self.dir, "kitchen", "--journal", "--json").stdout.splitlines()]
        nonce = bytes(range(16)).hex()
        self.assertEqual([(e["who"], e["act"], e["count"]) for e in journal][:2], [("sue", "token-made", 7), ("ann", "token-made", 7)])
        self.assertRegex(journal[0]["why"], f"^challenge {nonce} of lock 7, signed by sec: level 3 to 0, .*reboot.*, for tech: he called$")
        self.assertRegex(journal[1]["why"], f"^challenge {nonce} of lock 7, signed by sec and doc: ")
        # who may not write it down gets none
        auditor = self.person("aud", "auditor")
        refused = self.ctl(77, "token", auditor, "kitchen", challenge, "--as", "sec", "--key", self.sue / "signer-sec.key",
                           "--technician", "tech")
        self.assertEqual(refused.stdout, "")
        self.assertIn("has not told its release key", self.ctl(1, "token", self.sue, "kitchen", self.challenge(2), "--voice",
                                                               "--level", "0").stderr)

    def test_token_that_orders(self):
        """What it orders beside its verbs is told to the second one, too: it may end the hub."""
        challenge, file = self.challenge(2), self.top / "token"
        for how in ("discard", "drain"):
            file.write_text(self.ctl(0, "token", self.sue, "kitchen", challenge, "--as", "sec", "--technician", "tech", "--retire", how,
                                     "--pair", "1").stdout)
            said = self.ctl(0, "token", self.ann, "kitchen", challenge, "--as", "doc", "--add", file).stderr
            self.assertRegex(said, rf"from level 2 to 2; .*retire.*; pair 1; retire {how}; for 240 min")
        journal = [json.loads(line)["why"] for line in self.ctl(0, "held", self.dir, "kitchen", "--journal", "--json").stdout.splitlines()]
        self.assertEqual([("retire discard" in why, "retire drain" in why, "pair 1" in why) for why in journal],
                         [(True, False, True)] * 2 + [(False, True, True)] * 2)

    def second_of(self, signer, challenge):
        """A token that one has signed already."""
        file = self.top / f"by-{signer}"
        file.write_text(self.ctl(0, "token", self.dir, "kitchen", challenge, "--as", signer, "--technician", "tech").stdout)
        return file

    def test_brake(self):
        """After three hubs the security officer is needed, whoever asks from wherever."""
        for name in ("a", "bb", "ccc"):
            self.add(name, out=self.top / name)
            self.order(self.dir if name == "a" else self.ann, "lock", "doc", "--key", self.ann / "signer-doc.key", hub=name)
        self.assertIn("the role clinic-security is needed", self.order(self.ann, "lock", "doc", want=77))
        self.assertIn("the role clinic-security is needed", self.order(self.dir, "lock", "doc", "--key",
                                                                       self.ann / "signer-doc.key", want=77))
        self.assertEqual(self.orders(), [])
        # one that was ordered to lock already is no further one
        self.order(self.ann, "lock", "doc", "--level", "3", hub="bb")
        self.order(self.sue, "lock", "sec")

    def ask(self, question):
        """As a program of somebody else's making would."""
        body = cbor({0: 1, **question})
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(self.door))
            s.sendall(struct.pack(">I", len(body)) + body)
            return read(s)

    def test_what_was_signed_once_is_not_taken_again(self):
        order = self.order(self.ann, "lock", "doc")
        cose = bytes.fromhex(order["signed_by"][0]["cose"])
        again = {1: ORDER, 2: "kitchen", 5: "doc", 6: "again", 9: cose}
        self.assertEqual(self.ask(again)[:7], bytes([0x83, 1, 0, 0x84, USED, 2, 0]))
        for change in ({5: "tech"}, {9: cose[:-1] + bytes([cose[-1] ^ 1])}, {9: cose[1:]}, {9: bytes(2000)}):
            self.assertEqual(self.ask({**again, **change})[:5], bytes([0x83, 1, 0, 0x84, WRONG_KEY]), change)
        first = self.order(self.tom, "lock", "tech", "--level", "3")
        twice = {1: ORDER + 1, 2: "kitchen", 5: "tech", 8: 2, 9: bytes.fromhex(first["signed_by"][0]["cose"])}
        self.assertEqual(self.ask(twice)[:5], bytes([0x83, 1, 0, 0x84, SAME_ROLE]))
        self.assertEqual(self.ask({**twice, 8: 1})[:5], bytes([0x83, 1, 0, 0x84, 16]))
        self.add("hall", out=self.top / "hall")
        self.assertEqual(self.ask({**again, 2: "hall"})[:5], bytes([0x83, 1, 0, 0x84, 3]))
        self.assertEqual([len(o["signed_by"]) for o in self.orders()], [1, 1])
        self.assertEqual(self.orders(hub="hall"), [])

    def test_another_order_in_between(self):
        """Somebody is faster each time: said in words, and nothing of it is kept."""
        way = self.top / "between"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(way))
        listening.listen()
        self.addCleanup(listening.close)

        def between():
            ours = listening.accept()[0]
            with ours, socket.socket(socket.AF_UNIX) as theirs:
                theirs.connect(str(self.door))
                while (question := read(ours)):
                    if question[3:6] == b"\x01\x18" + bytes([ORDER]):
                        self.order(self.tom, "test", "tech")
                    theirs.sendall(struct.pack(">I", len(question)) + question)
                    answer = read(theirs)
                    ours.sendall(struct.pack(">I", len(answer)) + answer)

        thread = threading.Thread(target=between)
        thread.start()
        said = self.order(way, "lock", "doc", "--key", self.ann / "signer-doc.key", want=1)
        thread.join(60)
        self.assertRegex(said, r"was given another order meanwhile: counter \d+ is used up, the next one is \d+; nothing was ordered")
        self.assertEqual({o["verb"] for o in self.orders()}, {"test"})


def read(s):
    """One question or answer; b"": the end."""
    got, size = b"", 4
    while len(got) < size:
        more = s.recv(size - len(got) if len(got) >= 4 else 4 - len(got))
        if not more:
            return b""
        got += more
        if len(got) == 4:
            size = 4 + struct.unpack(">I", got)[0]
    return got[4:]


class Others(Clinic):
    """What a clinician does to a hub beside orders."""

    def setUp(self):
        super().setUp()
        for way in (self.ann, self.tom):
            (way / "config.key").write_bytes((self.dir / "config.key").read_bytes())

    def test_endpoints(self):
        said = self.ctl(0, "hub", "endpoints", self.ann, "kitchen", "--add", "address=192.0.2.7,weight=3").stdout
        self.assertIn("192.0.2.7", said)
        for way in (self.dir, self.door, self.ann):
            shown = json.loads(self.ctl(0, "hub", "endpoints", way, "kitchen", "--json").stdout)
            self.assertEqual({e["address"] for e in shown["endpoints"]}, {"127.0.0.1", "192.0.2.7"})
            self.assertEqual(len({tuple(e["pins"]) for e in shown["endpoints"]}), 1)
        self.ctl(77, "hub", "endpoints", self.tom, "kitchen", "--add", "address=192.0.2.8")

    def test_signers(self):
        self.ctl(0, "signer", "add", self.dir, "late", "--role", "clinician")
        far, near = ([json.loads(line) for line in self.ctl(0, "signer", "list", way, "--json").stdout.splitlines()]
                     for way in (self.tom, self.dir))
        # where keys are each folder knows for itself
        keys = [{row["name"]: row.pop("key") for row in rows} for rows in (far, near)]
        self.assertEqual([k["late"] for k in keys], ["elsewhere", "file"])
        self.assertEqual(far, near)
        given = json.loads(self.ctl(0, "signer", "give", self.ann, "kitchen", "--json").stdout)
        self.assertEqual(given["signers"], len(SIGNERS) + 1)
        self.order(self.ann, "lock", "late", "--key", self.dir / "signer-late.key")

    def test_replace_by_one_that_is_here(self):
        self.add("hall", out=self.top / "hall")
        self.ctl(0, "assign", self.ann, "hall", "--unassign")
        self.ctl(0, "assign", self.ann, "kitchen", "--patient", "P-4")
        self.assertIn("config.key", self.ctl(66, "replace", self.sue_with("clinician"), "kitchen", "--by", "hall").stderr)
        self.assertEqual(json.loads(self.ctl(0, "status", self.dir, "kitchen", "--json").stdout)["state"], "active")
        done = json.loads(self.ctl(0, "replace", self.ann, "kitchen", "--by", "hall", *WHY, "--json").stdout)
        self.assertEqual((done["state"], done["handed_over"], done["successor"]), ("suspended", True, "hall"))
        shown = json.loads(self.ctl(0, "assign", self.dir, "hall", "--json").stdout)
        self.assertEqual((shown["patient"], shown["assignment_wanted"]), ("P-4", done["assignment"]))
        again = json.loads(self.ctl(0, "replace", self.dir, "kitchen", "--by", "hall", "--json").stdout)
        self.assertEqual((again["handed_over"], again["assignment"]), (True, None))
        journal = self.ctl(0, "held", self.dir, "--journal").stdout
        self.assertRegex(journal, "ann: replaced.*by hall: test")
        self.assertIn("taken-over", journal)
        self.ctl(77, "replace", self.tom, "kitchen", "--by", "hall")

    def sue_with(self, role):
        return self.person("bea", role)

    def test_replace_by_one_that_is_claimed_with_it(self):
        by = label(test_door.KEYS[0])
        self.assertIn("no hub 'attic'", self.ctl(66, "replace", self.ann, "kitchen", "--by", "attic").stderr)
        self.ctl(64, "replace", self.ann, "kitchen", "--by", "kitchen")
        self.assertIn("is taken", self.ctl(73, "replace", self.ann, "kitchen", "--by", by, "--name", "kitchen").stderr)
        done = json.loads(self.ctl(0, "replace", self.ann, "kitchen", "--by", by, "--name", "hall", "--json").stdout)
        self.assertEqual((done["successor"], done["successor_active"], done["state"]), ("hall", False, "suspended"))
        self.assertIn("by ann ", self.ctl(0, "hub", "show", self.dir, "hall").stdout)
        self.assertIn("replaced by 'hall' already",
                      self.ctl(73, "replace", self.ann, "kitchen", "--by", label(test_door.KEYS[1]), "--name", "b").stderr)

    def test_tickets(self):
        self.ctl(0, "ticket", "create", self.dir, "-o", self.top / "clinic.ticket", "--name", "hall")
        here = self.ctl(0, "ticket", "list", self.dir, "--json").stdout
        for way in (self.door, self.ann, self.person("aud", "auditor")):
            self.assertEqual(self.ctl(0, "ticket", "list", way, "--json").stdout, here)
        ticket = json.loads(here)["ticket"]
        self.ctl(66, "ticket", "revoke", self.tom, "ABCD", *WHY)
        self.ctl(0, "ticket", "revoke", self.tom, ticket, *WHY)
        self.ctl(0, "ticket", "revoke", self.ann, ticket, *WHY)
        now = json.loads(self.ctl(0, "ticket", "list", self.dir, "--json").stdout)
        self.assertEqual((now["state"], now["ended_by"], now["reason"]), ("revoked", "tom", "test"))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
