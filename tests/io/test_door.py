#!/usr/bin/env python3
"""clinicd's door: verbs of clinicctl say through it what they say at the clinic's folder, each role may do its own, nobody
else anything, and all of it is on record.

    test_door.py [BUILD]      as test_clinicctl.py
"""
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import test_clinicctl
from label_text import label
from test_clinicctl import Clinic as Base

KEYS = [hashlib.sha256(bytes([n])).digest() for n in range(4)]
USER = "nobody"


class Clinic(Base):
    def setUp(self):
        super().setUp()
        self.init_here()
        self.add()
        self.serve()

    def init_here(self):
        self.ctl(0, "init", self.dir, "--name", "clinic.example", "--address", "127.0.0.1")

    def serve(self):
        self.door, self.log = self.top / "door", self.top / "clinicd.log"
        with open(self.log, "w") as log:
            self.clinicd = subprocess.Popen([test_clinicctl.BUILD / "clinicd", "--dir", self.dir, "--port", "0",
                                             "--door", self.door, "--door-port", "0"], stderr=log)
        self.addCleanup(self.stop)
        self.wait("door-open")
        self.port = re.search(r"door-open .*port=(\d+)", self.log.read_text())[1]

    def stop(self):
        self.clinicd.terminate()
        self.clinicd.wait(30)

    def wait(self, text):
        end = time.monotonic() + 60
        while text not in self.log.read_text():
            self.assertIsNone(self.clinicd.poll(), self.log.read_text())
            self.assertLess(time.monotonic(), end, self.log.read_text())
            time.sleep(0.05)

    def person(self, name, role, where="elsewhere"):
        out = self.top / f"of-{name}"
        self.ctl(0, "person", "add", self.dir, name, "--role", role, "--out", out, "--port", self.port)
        return out

    def record(self):
        return [json.loads(line) for line in self.ctl(0, "person", "record", self.dir, "--json").stdout.splitlines()]


class Same(Clinic):
    """Each way in says the same."""

    def setUp(self):
        super().setUp()
        self.ctl(0, "claim", self.dir, label(KEYS[0]), "--name", "hall", "--site", "Hill Street 4", "--by", "nurse Ann")
        self.ways = [self.door, self.person("ann", "clinician")]

    def test_reads(self):
        for words in (["hub", "list", "--json"], ["hub", "show", "kitchen"],
                      ["hub", "show", "hall", "--json"], ["hub", "show", "kitchen", "--json"], ["status"], ["status", "--json"],
                      ["status", "kitchen"], ["assign", "kitchen"], ["assign", "kitchen", "--json"],):
            at = 2 if words[0] == "hub" else 1
            here = self.ctl(0, *words[:at], self.dir, *words[at:]).stdout
            self.assertIn("1  -" if words == ["assign", "kitchen"] else "hall" if "hall" in words else "kitchen", here)
            for way in self.ways:
                self.assertEqual(self.ctl(0, *words[:at], way, *words[at:]).stdout, here, (way, words))

    def test_what_holds_up_a_certificate(self):
        for state, trouble, text, word in ((5, 5, "the renewal of its certificate is held up: who answers", "other-root"),
                                           (2, 3, "its enrolment is held up: nobody answers", "no-answer")):
            self.run_it(0, "tests/io/play_enrol", self.dir, "status", "kitchen", state, trouble)
            for way in [self.dir, *self.ways]:
                self.assertIn(text, self.ctl(0, "status", way).stdout)
                self.assertEqual(json.loads(self.ctl(0, "status", way, "--json").stdout)["status"]["enrolment_trouble"], word)
        self.run_it(0, "tests/io/play_enrol", self.dir, "status", "kitchen", 5, 0)
        self.assertNotIn("held up", self.ctl(0, "status", self.door).stdout)
        status = json.loads(self.ctl(0, "status", self.door, "--json").stdout)["status"]
        self.assertEqual((status["enrolment"], status["enrolment_trouble"]), ("active", None))

    def test_absent(self):
        for way in [self.dir, *self.ways]:
            for words in (["hub", "show", way, "attic"], ["status", way, "attic"], ["assign", way, "attic"],
                          ["status", way, "a" * 300]):
                self.assertIn("there is no hub", self.ctl(66, *words).stderr)

    def test_claims(self):
        for n, way in enumerate(self.ways, 1):
            self.assertIn(KEYS[n][:16].hex(), self.ctl(0, "claim", way, label(KEYS[n]), "--name", f"hub{n}").stdout)
            self.assertIn("is claimed already", self.ctl(0, "claim", self.dir, label(KEYS[n]), "--name", f"hub{n}").stdout)
            self.assertIn("taken", self.ctl(73, "claim", way, label(KEYS[3]), "--name", f"hub{n}").stderr)
            self.assertIn("no hub 'none'", self.ctl(66, "claim", way, label(KEYS[3]), "--replaces", "none").stderr)
            self.ctl(0, "claim", way, "--cancel", f"hub{n}")
            self.ctl(66, "claim", way, "--cancel", f"hub{n}")

    def test_the_journal_has_the_name_that_was_proved(self):
        self.ctl(0, "claim", self.ways[1], label(KEYS[1]), "--name", "attic", "--by", "somebody else")
        self.assertIn("by ann ", self.ctl(0, "hub", "show", self.dir, "attic").stdout)

    def test_many_hubs(self):
        for n in range(210):
            self.ctl(0, "claim", self.door, label(hashlib.sha256(b"many%d" % n).digest()), "--name", f"m{n}")
        here = self.ctl(0, "hub", "list", self.dir, "--json").stdout
        self.assertEqual(len(here.splitlines()), 212)
        for way in self.ways:
            self.assertEqual(self.ctl(0, "hub", "list", way, "--json").stdout, here)

    def test_where_from(self):
        here = self.ctl(0, "hub", "list", self.dir).stdout
        self.assertEqual(self.ctl(0, "--clinic", self.door, "hub", "list").stdout, here)
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "hub", "show", "kitchen"], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "CLINICCTL_CLINIC": str(self.ways[1])})
        self.assertEqual(done.stdout, self.ctl(0, "hub", "show", self.dir, "kitchen").stdout)
        self.assertIn("needs the clinic's folder", self.ctl(64, "--clinic", self.door, "recover", "attic").stderr)


class Configs(Clinic):
    """Signed by the person, kept by clinicd."""

    def setUp(self):
        super().setUp()
        self.ann = self.person("ann", "clinician")
        shutil.copy(self.dir / "config.key", self.ann)

    def text(self, way):
        return self.ctl(0, "config", "show", way, "kitchen").stdout

    def edit(self, want, way, before="(.*)", after=r"\1", pause=None):
        """An edit by sed, as an editor would do it."""
        return subprocess.run([test_clinicctl.BUILD / "clinicctl", "config", "edit", way, "kitchen", "--yes"], capture_output=True,
                              text=True, timeout=60, cwd=self.top, env={**os.environ, "HOME": str(self.top),
                              "EDITOR": f"sed -i -E 's/{before}/{after}/'"})

    def test_edit(self):
        for n, way in enumerate([self.ann, self.dir], 2):
            done = self.edit(0, way, '"heartbeat_s": [0-9]+', f'"heartbeat_s": {600 + n}')
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"Configuration {n} of hub 'kitchen' is signed", done.stdout)
            for other in (self.ann, self.dir, self.door):
                self.assertIn(f"{600 + n} s", self.text(other))
            self.assertEqual(list(way.glob("edit-*")), [])

    def test_the_key_of_the_clinic_and_no_other(self):
        (self.ann / "config.key").write_bytes(bytes(31) + b"\x07")
        before = self.text(self.dir)
        done = self.ctl(1, "hub", "pair-window", self.ann, "kitchen", "1")
        self.assertIn("not the key", done.stderr)
        self.assertEqual(self.text(self.dir), before)
        (self.ann / "config.key").unlink()
        self.assertIn("config.key", self.ctl(66, "hub", "pair-window", self.ann, "kitchen", "1").stderr)
        self.assertEqual(self.text(self.dir), before)

    def test_a_device_of_another_patient(self):
        self.add("hall", out=self.top / "hall-bundle")
        theirs = test_clinicctl.device_of("hall").split(",")[1]
        ours = test_clinicctl.DEVICE.split(",")[1]
        before = self.text(self.dir)
        for way in (self.ann, self.dir):
            done = self.edit(0, way, ours.replace("/", "."), theirs.replace("/", "\\/"))
            self.assertEqual(done.returncode, 73, done.stdout + done.stderr)
            self.assertIn("device 1 measures for the patient of hub 'hall'", done.stderr)
            self.assertEqual(self.text(self.dir), before)
            (way / "edit-kitchen.json").unlink()
        # what it had before stays as it is, and a hub without a patient uses none
        self.ctl(0, "hub", "pair-window", self.ann, "kitchen", "1")
        self.ctl(0, "assign", self.ann, "hall", "--unassign")
        done = self.edit(0, self.ann, ours.replace("/", "."), theirs.replace("/", "\\/"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("measures for", self.ctl(1, "assign", self.ann, "hall", "--patient", "P-9").stderr)

    def test_window(self):
        self.ctl(0, "hub", "pair-window", self.ann, "kitchen", "1")
        self.assertIn("pairing window number 2", self.text(self.door))

    def test_assign(self):
        self.ctl(0, "assign", self.ann, "kitchen", "--patient", "P-1", "--reason", "moved in")
        self.assertIn("P-1", self.ctl(0, "assign", self.dir, "kitchen").stdout)
        self.assertIn("already", self.ctl(1, "assign", self.ann, "kitchen", "--patient", "P-1").stderr)
        self.assertRegex(self.ctl(0, "held", self.dir, "--journal").stdout, "ann: assigned.*moved in")
        self.ctl(0, "assign", self.dir, "kitchen", "--patient", "P-2")
        self.ctl(0, "assign", self.ann, "kitchen", "--unassign")
        self.assertIn("no patient", self.ctl(1, "assign", self.ann, "kitchen", "--unassign").stderr)

    def test_who_may_not_sign(self):
        for role, code in (("technician", 77), ("auditor", 77)):
            way = self.person(role, role)
            shutil.copy(self.dir / "config.key", way)
            self.ctl(code, "hub", "pair-window", way, "kitchen", "1")
            self.assertNotIn("012345", self.text(way))
        way = self.person("sec", "security")
        shutil.copy(self.dir / "config.key", way)
        self.ctl(0, "hub", "pair-window", way, "kitchen", "1")
        self.ctl(77, "assign", way, "kitchen", "--patient", "P-1")


class Roles(Clinic):
    def test_each_may_do_its_own(self):
        for role, changes, assigns in (("clinician", 0, 0), ("technician", 0, 77), ("security", 0, 0), ("auditor", 77, 0)):
            way = self.person(role, role)
            self.ctl(0, "hub", "list", way)
            self.ctl(0, "status", way)
            self.ctl(changes, "claim", way, label(hashlib.sha256(role.encode()).digest()), "--name", f"of-{role}")
            self.ctl(assigns, "assign", way, "kitchen")
        lines = self.record()
        refused = [(line["person"], line["asked"]) for line in lines if line["result"] == "refused"]
        self.assertEqual(refused, [("auditor", "claim"), ("technician", "assignments")])
        self.assertIn(("clinician", "claim", "of-clinician", "done"),
                      [(line["person"], line["asked"], line["hub"], line["result"]) for line in lines])
        self.assertNotIn("of-auditor", self.ctl(0, "hub", "list", self.dir).stdout)

    def test_a_technician_sees_no_patient(self):
        self.ctl(0, "assign", self.dir, "kitchen", "--patient", "P-4711")
        self.assertIn("P-4711", self.ctl(0, "status", self.person("ann", "clinician")).stdout)
        self.assertNotIn("P-4711", self.ctl(0, "status", self.person("bob", "technician")).stdout)

    def test_who_is_revoked_is_out(self):
        way = self.person("ann", "clinician")
        self.ctl(0, "hub", "list", way)
        self.ctl(0, "person", "revoke", self.dir, "ann")
        self.ctl(1, "hub", "list", way)
        self.ctl(66, "person", "revoke", self.dir, "ann")
        self.ctl(73, "person", "add", self.dir, "ann", "--role", "auditor", "--out", self.top / "again", "--port", self.port)
        self.assertFalse((self.top / "again").exists())
        self.assertIn("revoked", self.ctl(0, "person", "list", self.dir).stdout)

    def test_renewed(self):
        """Another key under the same name: the one before is nobody's, the role stays."""
        way, again = self.person("ann", "technician"), self.top / "again"
        renew = lambda name, *more, want=0: self.ctl(want, "person", "renew", self.dir, name, "--port", self.port, *more)
        self.ctl(0, "person", "add", self.dir, "tom", "--role", "auditor", "--login", "daemon")
        self.person("sue", "auditor")
        self.ctl(0, "person", "revoke", self.dir, "sue")
        for name in ("nobody", "tom", "sue"):
            self.assertIn("person list", renew(name, "--out", again, want=66).stderr)
        renew("ann", "--out", way, want=73)
        for words in ((), ("--out", again, "--role", "clinician"), ("--out", again, "--login", "daemon"), ("--out", again, "--by", "x")):
            renew("ann", *words, want=64)
        self.ctl(64, "person", "renew", self.dir, "ann", "--out", again)
        self.assertFalse(again.exists())
        self.ctl(0, "hub", "list", way)
        done = json.loads(renew("ann", "--out", again, "--json").stdout)
        self.assertEqual(done, {"person": "ann", "may_ask": True, "role": "technician", "folder": str(again)})
        self.ctl(1, "hub", "list", way)
        self.assertEqual(self.ctl(0, "hub", "list", again).stdout, self.ctl(0, "hub", "list", self.dir).stdout)
        self.assertIn("may not do that", self.ctl(77, "assign", again, "kitchen").stderr)
        ann = [p for p in map(json.loads, self.ctl(0, "person", "list", self.dir, "--json").stdout.splitlines()) if p["person"] == "ann"]
        self.assertEqual(len(ann), 1)
        self.assertIsNotNone(ann[0]["renewed"])
        self.assertEqual({p.name for p in again.iterdir()}, {p.name for p in way.iterdir()})

    def later(self, days):
        """What status says of persons when so many days have passed."""
        clock = self.top / "clock"
        clock.write_bytes(struct.pack("=qq", 0, days * 86400))
        env = {**os.environ, "LD_PRELOAD": str(test_clinicctl.BUILD / "tests/net/shift.so"), "HUB_TEST_CLOCK": str(clock),
               "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}
        said = []
        for more in ((), ("--json",)):
            done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "status", self.dir, *more], capture_output=True, text=True, timeout=120,
                                  env=env, check=True)
            said.append([line for line in done.stdout.splitlines() if "ann" in line])
        self.assertEqual(len(said[0]), len(said[1]))
        return "".join(said[0])

    def test_warned_of_its_end(self):
        """A certificate is good for 730 days."""
        self.person("ann", "clinician")
        self.ctl(0, "person", "add", self.dir, "anna", "--role", "auditor", "--login", "daemon")
        self.assertIn("good until 20", self.ctl(0, "person", "list", self.dir).stdout)
        self.assertEqual(self.later(699), "")
        self.assertRegex(self.later(701), "'ann' can ask this clinic until 20.* only: .*person renew")
        self.assertIn("'ann' cannot ask this clinic any more", self.later(731))
        self.ctl(0, "person", "revoke", self.dir, "ann")
        self.assertEqual(self.later(731), "")

    def test_a_certificate_alone_is_nobody(self):
        """A hub's certificate is of the same root."""
        way = self.person("ann", "clinician")
        for own, theirs in (("person.key", "identity.key"), ("person.crt", "identity.crt")):
            shutil.copy(self.out / "coap" / theirs, way / own)
        self.ctl(1, "hub", "list", way)
        self.wait("door-closed reason=nobody")

    def test_another_clinics_server_is_not_believed(self):
        way = self.person("ann", "clinician")
        self.ctl(0, "init", self.top / "other", "--name", "clinic.example", "--address", "127.0.0.1")
        shutil.copy(self.top / "other/root.crt", way / "root.crt")
        self.assertRegex(self.ctl(1, "hub", "list", way).stderr, "is not this clinic|do not belong together")

    def test_the_servers_name_counts(self):
        way = self.person("ann", "clinician")
        conf = way / "door.conf"
        conf.write_text(conf.read_text().replace("clinic.example", "clinic.other"))
        self.assertIn("is not this clinic", self.ctl(1, "hub", "list", way).stderr)


@unittest.skipUnless(os.geteuid() == 0, "SKIP: only root can act as another user")
class Users(Clinic):
    """By the uid at the other end of the socket."""

    def setUp(self):
        super().setUp()
        os.chmod(self.top, 0o711)
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="clinicctl-user-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.place.chmod(0o755)
        self.program = shutil.copy(test_clinicctl.BUILD / "clinicctl", self.place)

    def as_user(self, *words):
        user = pwd.getpwnam(USER)
        return subprocess.run([self.program, *map(str, words)], capture_output=True, text=True, timeout=60, user=user.pw_uid,
                              group=user.pw_gid, extra_groups=[], cwd="/")

    def test_a_user_is_somebody_as_long_as_the_row_is_there(self):
        self.assertEqual(self.as_user("hub", "list", self.door).returncode, 1)
        self.ctl(0, "person", "add", self.dir, "ann", "--role", "auditor", "--login", USER)
        self.assertEqual(self.as_user("hub", "list", self.door).stdout, self.ctl(0, "hub", "list", self.dir).stdout)
        self.assertEqual(self.as_user("claim", self.door, label(KEYS[0])).returncode, 77)
        self.assertEqual(self.as_user("hub", "list", self.dir).returncode, 77)
        self.ctl(73, "person", "add", self.dir, "bob", "--role", "auditor", "--login", USER)
        self.ctl(0, "person", "revoke", self.dir, "ann")
        self.assertEqual(self.as_user("hub", "list", self.door).returncode, 1)


class Garbage(Clinic):
    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(str(self.door))
        self.addCleanup(s.close)
        return s

    def ask(self, s, body):
        s.sendall(struct.pack(">I", len(body)) + body)
        size = struct.unpack(">I", self.read(s, 4))[0]
        return self.read(s, size)

    def read(self, s, n):
        got = b""
        while len(got) < n:
            more = s.recv(n - len(got))
            self.assertTrue(more, "the connection ended")
            got += more
        return got

    def test_what_is_no_question_is_answered_as_such(self):
        s = self.connect()
        for body, code in ((b"\0", 1), (b"\xa0", 7), (b"\xa2\x00\x01\x01\x18\x63", 7), (b"\xa2\x00\x02\x01\x01", 7),
                           (b"\xa2\x01\x01\x00\x01", 1), (b"\xa3\x00\x01\x01\x06\x02\x61\x0a", 1), (b"\xa2\x00\x01\x01\x06", 3)):
            self.assertEqual(self.ask(s, body), bytes([0x82, 1, code]), body.hex())
        self.assertEqual(self.ask(s, b"\xa2\x00\x01\x01\x01")[:3], bytes([0x83, 1, 0]))

    def test_too_long_ends_it(self):
        for size in (0, 256 * 1024 + 1, 0xffffffff):
            s = self.connect()
            s.sendall(struct.pack(">I", size))
            self.assertEqual(s.recv(1), b"")
        self.ctl(0, "hub", "list", self.door)

    def test_in_pieces_and_two_at_once(self):
        s = self.connect()
        one = struct.pack(">I", 5) + b"\xa2\x00\x01\x01\x01"
        for byte in one:
            s.send(bytes([byte]))
        first = self.read(s, struct.unpack(">I", self.read(s, 4))[0])
        s.sendall(one + one)
        for _ in range(2):
            self.assertEqual(self.read(s, struct.unpack(">I", self.read(s, 4))[0]), first)

    def test_so_many_and_no_more(self):
        many = [self.connect() for _ in range(16)]
        for s in many:
            self.ask(s, b"\xa2\x00\x01\x01\x01")
        extra = self.connect()
        self.assertEqual(extra.recv(1), b"")
        many[0].close()
        end = time.monotonic() + 60
        while self.run_quietly() != 0:
            self.assertLess(time.monotonic(), end)

    def test_strangers_keep_nobody_out(self):
        """Who connects and says nothing has a place until somebody else wants it, and no longer than five seconds."""
        silent = [socket.create_connection(("127.0.0.1", int(self.port))) for _ in range(40)]
        for s in silent:
            s.settimeout(60)
            self.addCleanup(s.close)
        self.ctl(0, "hub", "list", self.person("ann", "clinician"))
        self.ask(self.connect(), b"\xa2\x00\x01\x01\x01")
        for s in silent:
            self.assertEqual(s.recv(1), b"")

    def run_quietly(self):
        return subprocess.run([test_clinicctl.BUILD / "clinicctl", "hub", "list", self.door], capture_output=True,
                              timeout=60).returncode

    def test_the_socket_of_one_that_was_killed_is_taken_over(self):
        self.clinicd.kill()
        self.clinicd.wait(30)
        self.assertTrue(self.door.exists())
        self.serve()
        self.ctl(0, "hub", "list", self.door)

    def test_a_file_in_its_place_is_left_alone(self):
        self.stop()
        self.door.write_text("mine")
        done = subprocess.run([test_clinicctl.BUILD / "clinicd", "--dir", self.dir, "--port", "0", "--door", self.door],
                              capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no socket", done.stderr)
        self.assertEqual(self.door.read_text(), "mine")


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
