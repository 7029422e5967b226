#!/usr/bin/env python3
"""clinicctl risk, from what a real hub-measure saw to what a person signs.

    test_risk.py [BUILD]      BUILD: folder with clinicctl, hub-measure and tests/io/play_days, default build
"""
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time
import unittest

if len(sys.argv) < 2:
    sys.argv.append(os.environ.get("O", "build"))
TOP = pathlib.Path(__file__).absolute().parent.parent.parent
sys.path.insert(0, str(TOP / "rootfs" / "image"))
sys.path.insert(0, str(TOP / "tests"))
import own_pids  # noqa: E402
import test_clinicctl  # noqa: E402
import test_measure  # noqa: E402
import sbom  # noqa: E402

test_clinicctl.BUILD = BUILD = pathlib.Path(sys.argv[1]).absolute()
CVE_BASE, CVE_LIBRARY = "CVE-2026-0001", "CVE-2026-0002"


def component(ref, name, version):
    return {"bom-ref": ref, "type": "library", "name": name, "version": version, "purl": f"pkg:deb/debian/{name}@{version}",
            "properties": [{"name": "hub:source", "value": name}, {"name": "hub:source-version", "value": version}]}


BOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
       "metadata": {"component": {"type": "firmware", "name": "telehealth-hub", "purl": "pkg:generic/telehealth-hub@1"}},
       # as the numbers of test_measure.py
       "components": [component("deb/base", "base", "1-1"), component("deb/program", "program", "1-1"),
                      component("deb/planted", "planted", "1-1")]}
TRACKER = {"base": {CVE_BASE: {"releases": {"trixie": {"status": "resolved", "fixed_version": "1-2"}}},
                    "CVE-2026-0003": {"releases": {"trixie": {"status": "resolved", "fixed_version": "1-1"}}}},
           "planted": {CVE_LIBRARY: {"releases": {"trixie": {"status": "open"}}}},
           "elsewhere": {"CVE-2026-0004": {"releases": {"trixie": {"status": "open"}}}}}


def statement(status, why, when="2026-11-20T00:00:00Z", cve=CVE_LIBRARY):
    return {"@context": "https://openvex.dev/ns/v0.2.0", "author": "rosa", "timestamp": when,
            "statements": [{"vulnerability": {"name": cve}, "status": status, "justification": why,
                            "products": [{"@id": "pkg:generic/telehealth-hub@1",
                                          "subcomponents": [{"@id": "pkg:deb/debian/planted@1-1"}]}]}]}


class Risk(test_clinicctl.Clinic):
    def setUp(self):
        super().setUp()
        self.world = test_measure.World()
        self.addCleanup(self.world.close)
        self.init()
        self.add()
        self.image = self.top / "image"
        self.image.mkdir()
        self.key = self.top / "build.pem"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key], check=True)
        self.build({"features": {}, "enforced": {"exec": False, "dlopen": False}})
        self.feed = self.top / "tracker.json"
        self.feed.write_text(json.dumps(TRACKER))

    def build(self, facts):
        """What the build of the image leaves behind."""
        bom, fact = json.dumps(BOM).encode(), json.dumps(facts).encode()
        manifest = pathlib.Path(self.world.image, "manifest.bin").read_bytes()
        word = sbom.cbor([1, "telehealth-hub", "1"] + [hashlib.sha256(b).digest() for b in (manifest, bom, fact)])
        for name, data in (("sbom.cdx.json", bom), ("facts.json", fact), ("image.cose", sbom.signed(self.key, word)),
                           ("build.pub", sbom.public_point(self.key))):
            (self.image / name).write_bytes(data)

    def measure(self):
        """One look of the real hub-measure, brought to the clinic."""
        e, _incidents, _code = self.world.measure()
        file = self.top / "evidence"
        file.write_bytes(struct.pack(">Q", e.counter) + e.signed)
        self.run_it(0, "tests/io/play_days", self.dir, self.out, "evidence", file)

    def risk(self, want, *args):
        done = subprocess.run([BUILD / "clinicctl", "risk", self.dir, "kitchen", "--image", self.image, "--feed", self.feed,
                               *args], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, want, done.stdout + done.stderr)
        return done.stdout if want in (0, 3) else done.stderr

    def report(self, want, *args):
        got = json.loads(self.risk(want, "--json", *args))
        self.assertEqual(sum(got["groups"].values()), got["cve"])
        return {c["id"]: c for c in got["cves"]}, got

    def signer(self, role="clinic-security"):
        self.ctl(0, "signer", "add", self.dir, "rosa", "--role", role)

    def vex(self, document):
        path = self.top / "vex.json"
        path.write_text(json.dumps(document))
        self.ctl(0, "risk", "sign", self.dir, path, "--as", "rosa")
        return path

    def test_no_evidence(self):
        cves, got = self.report(3)
        self.assertEqual((got["loaded"], cves[CVE_LIBRARY]["tier"]), (None, 5))
        self.assertIn("NO EVIDENCE", self.risk(3))

    def test_a_component_is_loaded(self):
        self.measure()
        cves, got = self.report(3)
        self.assertEqual((got["installed"], got["loaded"], got["exposed"], got["cve"]), (3, 2, 2, 2))
        self.assertEqual((cves[CVE_BASE]["tier"], cves[CVE_LIBRARY]["tier"], cves[CVE_LIBRARY]["group"]), (5, 3, "unproven"))
        self.world.plant(f"file {self.world.library}")
        self.measure()
        cves, got = self.report(3)
        self.assertEqual((got["loaded"], cves[CVE_LIBRARY]["tier"], cves[CVE_LIBRARY]["group"]), (3, 5, "actual"))
        self.assertIn("installed 3 | loaded 3 | exposed 3 | CVE 2: actual 2 (R5), internal 0 (R4), unproven 0 (R3), closed 0 "
                      "(R0-R2) | data 0 days old\n", self.risk(3))
        self.assertNotIn(CVE_BASE, self.risk(3, "--cve", CVE_LIBRARY))
        self.assertIn("R0", self.risk(3, "--cve", "CVE-2026-0004"))

    def check_given(self, *args):
        """The next configuration has the figures of the report, of this image and as old as the list, and names the first that matter."""
        cves, got = self.report(3, *args)
        file = self.top / "config.cose"
        file.unlink(missing_ok=True)
        self.ctl(0, "hub", "pair-window", self.dir, "kitchen", "1", "--out", file)
        names = [hashlib.sha256(n.encode()).digest()[:4] for n, c in cves.items() if c["group"] == "actual"]
        self.assertEqual(got["groups"]["closed"], 1 if args else 0)
        groups = [got["groups"][g] for g in ("actual", "internal", "unproven", "closed")]
        want = [int(self.feed.stat().st_mtime), hashlib.sha256(pathlib.Path(self.world.image, "manifest.bin").read_bytes()).digest()[:8],
                got["installed"], got["loaded"], got["exposed"], *groups, [int.from_bytes(n, "big") for n in names[:8]]]
        self.assertIn(sbom.cbor(want), file.read_bytes())

    def test_given_to_the_hub(self):
        """The figures go into the hub's configuration: not without evidence, nor of older lists than before."""
        self.assertIn("what is not known is not said", self.risk(1, "--give"))
        self.build({"features": {}, "enforced": {"exec": True, "dlopen": True}})
        self.measure()
        said = self.risk(3, "--give")
        self.assertRegex(said, r"Hub 'kitchen' gets these figures for its console with configuration 2\.")
        self.assertIn(f"  there {hashlib.sha256(CVE_BASE.encode()).hexdigest()[:8]} is {CVE_BASE}\n", said)
        self.check_given()
        # more than there is room for, and one that somebody has closed
        more = {f"CVE-2026-{n}": TRACKER["base"][CVE_BASE] for n in range(1000, 1010)}
        self.feed.write_text(json.dumps({**TRACKER, "base": {**TRACKER["base"], **more}}))
        self.signer()
        path = self.vex(statement("not_affected", "vulnerable_code_not_in_execute_path"))
        self.risk(3, "--give", "--vex", path)
        self.check_given("--vex", path)
        day = time.time() - 24 * 3600
        os.utime(self.feed, (day, day))
        self.assertIn("are older than those", self.risk(1, "--give"))

    def test_snapshot(self):
        """What a locked hub looked like: listed, held against the evidence's key, written as files."""
        def evidence(want, *args):
            done = subprocess.run([BUILD / "clinicctl", "evidence", self.dir, "kitchen", *args], capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, want, done.stdout + done.stderr)
            return done.stdout

        def item(number, data, seq, n=0):
            file = self.top / "item"
            file.write_bytes(struct.pack(">QBQ", number, n, seq) + data)
            self.run_it(0, "tests/io/play_days", self.dir, self.out, "snapshot", file)

        self.assertIn("nothing of the kind", evidence(0))
        path = self.world.make("evil.so")
        self.world.plant(f"file {path}")
        self.world.snapshot = 5 * 8 + 2
        self.measure()
        signed = b"".join(self.world.snapshot_pieces)
        item(42, signed, 5000)
        item(42, b"HAUD" + bytes(2000), 5500, 1)
        got = json.loads(evidence(0, "--json"))["snapshots"]
        self.assertEqual([(s["number"], s["level"], s["lock"], s["whole"], s["signed"], s["key_known"], s["audit_files"])
                          for s in got], [(42, 2, 5, True, True, True, 1)])
        out = self.top / "out"
        self.assertIn("level 2, lock 5", evidence(0, "--out", out))
        self.assertIn(f"unowned {path}", (out / "42" / "files").read_text())
        self.assertEqual((out / "42" / "audit-1").read_bytes(), b"HAUD" + bytes(2000))
        self.assertEqual({p.name for p in (out / "42").iterdir()} - {"kernel-log", "modules", "services", "usb"},
                         {"files", "processes", "sockets", "interfaces", "mounts", "kernel", "audit-1"})
        evidence(73, "--out", out)  # there is something already
        # changed on its way, and one that has no end
        item(50, signed[:200] + bytes([signed[200] ^ 1]) + signed[201:], 6000)
        self.assertIn("its signature is not good", evidence(3))
        item(58, signed, 7000)  # of another lock than it says
        self.assertEqual([s["signed"] for s in json.loads(evidence(3, "--json"))["snapshots"]], [True, False, False])

    @unittest.skipUnless(shutil.which("openssl"), "SKIP: no openssl")
    def test_text_called_as_a_log(self):
        """Whoever has hub-measure chooses the names of its texts: with none of them is a file of the audit log hidden."""
        def openssl(*words, data=None):
            return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout

        def octets(data):
            return bytes([0x58, len(data)]) + data if len(data) < 256 else b"\x59" + struct.pack(">H", len(data)) + data

        key = self.top / "key"
        key.write_bytes(openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"))
        public = openssl("ec", "-in", key, "-pubout", "-outform", "DER")[-65:]
        texts = {"audit-1": b"not the log", "audit-": b"x", "audi": b"y", "kernel": b"z"}
        payload = (bytes([0x86, 1, 0x18, 42, 0x1a]) + struct.pack(">I", int(time.time())) + octets(bytes(16)).replace(b"\x58\x10", b"\x50", 1)
                   + octets(public) + bytes([0x80 | len(texts)]))
        for name, text in texts.items():
            payload += b"\x83" + bytes([0x60 | len(name)]) + name.encode() + bytes([0x40 | len(text)]) + text + b"\x00"
        der = openssl("dgst", "-sha256", "-sign", key,
                      data=b"\x84\x6aSignature1\x43\xa1\x01\x26\x4fhub/v1/snapshot" + octets(payload))
        halves, at = b"", 2
        for _ in range(2):
            halves += der[at + 2:at + 2 + der[at + 1]][-32:].rjust(32, b"\0")
            at += 2 + der[at + 1]
        file, out = self.top / "item", self.top / "out"
        for n, data in enumerate((b"\x84\x43\xa1\x01\x26\xa0" + octets(payload) + octets(halves), b"HAUD" + bytes(100))):
            file.write_bytes(struct.pack(">QBQ", 42, n, 5000 + 100 * n) + data)
            self.run_it(0, "tests/io/play_days", self.dir, self.out, "snapshot", file)
        done = subprocess.run([BUILD / "clinicctl", "evidence", self.dir, "kitchen", "--out", out, "--json"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)  # by a key that nobody knows
        self.assertTrue(json.loads(done.stdout)["snapshots"][0]["signed"])
        self.assertEqual({p.name: p.read_bytes() for p in (out / "42").iterdir()},
                         {"audit-1": b"HAUD" + bytes(100), "audit-1.text": b"not the log", "audit-.text": b"x", "audi": b"y", "kernel": b"z"})

    def test_code_that_nobody_built(self):
        path = self.world.make("evil.so")
        self.world.plant(f"file {path}")
        self.measure()
        _cves, got = self.report(3)
        found = [f for f in got["evidence"]["findings"] if f["hub"]]
        self.assertEqual([(f["kind"], f["confirmed"], f["path"]) for f in found], [("unowned", True, path)])
        self.assertIn("IN THE HUB", self.risk(3))

    def test_signed_and_reopened(self):
        self.build({"features": {}, "enforced": {"exec": True, "dlopen": True}})
        self.signer()
        self.measure()
        cves, _got = self.report(3)
        self.assertEqual((cves[CVE_LIBRARY]["tier"], cves[CVE_LIBRARY]["group"]), (2, "unproven"))
        path = self.vex(statement("not_affected", "vulnerable_code_not_in_execute_path"))
        cves, _got = self.report(3, "--vex", path)
        self.assertEqual((cves[CVE_LIBRARY]["group"], cves[CVE_LIBRARY]["statement"]["signer"]), ("closed", "rosa"))
        # it is loaded after all
        self.world.plant(f"file {self.world.library}")
        self.measure()
        cves, _got = self.report(3, "--vex", path)
        self.assertEqual((cves[CVE_LIBRARY]["group"], cves[CVE_LIBRARY]["reopened"]), ("actual", True))
        self.assertIn("REOPENED", self.risk(3, "--vex", path))

    def test_signatures(self):
        self.measure()
        self.signer()
        path = self.vex(statement("fixed", ""))
        cves, _got = self.report(3, "--vex", path)
        self.assertEqual(cves[CVE_LIBRARY]["group"], "closed")
        path.write_text(path.read_text() + " ")
        self.assertIn("as it is now", self.risk(1, "--vex", path))
        signature = pathlib.Path(f"{path}.cose")
        signature.write_bytes(signature.read_bytes().replace(b"rosa", b"\x1b[2J"))
        self.assertIn("is no signature of a statement", self.risk(1, "--vex", path))
        signature.unlink()
        self.risk(66, "--vex", path)
        self.ctl(66, "risk", "sign", self.dir, path, "--as", "nobody")
        self.ctl(0, "signer", "add", self.dir, "doc", "--role", "clinician")
        self.ctl(66, "risk", "sign", self.dir, path, "--as", "doc")
        self.ctl(64, "risk", "sign", self.dir, path)

    def test_the_builds_word(self):
        self.measure()
        self.assertIn("whoever's that is", self.risk(3))
        self.assertIn("signed by the key that was given", self.risk(3, "--build-key", self.image / "build.pub"))
        other = self.top / "other.pem"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other], check=True)
        (self.top / "other.pub").write_bytes(sbom.public_point(other))
        self.assertIn("not signed by the key", self.risk(1, "--build-key", self.top / "other.pub"))
        (self.image / "facts.json").write_text("{}")
        self.assertIn("not what the build has signed", self.risk(1))
        # the hub runs another image
        self.world.files[self.world.make("new")] = (bytes(32), 0, 1)
        self.world.write_list()
        self.build({})
        self.assertIn("another image", self.risk(1))

    def test_old_data(self):
        self.measure()
        eight = time.time() - 8 * 24 * 3600
        os.utime(self.feed, (eight, eight))
        self.assertIn("data 8 days old: OLD", self.risk(3))
        self.feed.write_text("[]")
        self.assertEqual(self.report(0)[1]["cve"], 0)
        self.feed.write_text("{}")
        self.risk(1)


if __name__ == "__main__":
    own_pids.enter()
    unittest.main(argv=sys.argv[:1])
