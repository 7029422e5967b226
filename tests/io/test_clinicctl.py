#!/usr/bin/env python3
"""The clinic's programs as a person meets them: output, files, exit codes. Each test has its own folder.

    test_clinicctl.py [BUILD]      BUILD: folder with clinicctl, clinicd and tests/io/play_hub, default build
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(os.environ.get("O", "build")).absolute()
DEVICE = "bp,AA:BB:CC:DD:EE:FF/random,passkey=012345,user=sole"


def device_of(name):
    """One device measures for one hub: each hub has its own."""
    return DEVICE if name == "kitchen" else DEVICE.replace("EE:FF", f"{len(name):02X}:{sum(name.encode()) % 256:02X}")


class Clinic(unittest.TestCase):
    def setUp(self):
        self.temp = tempfile.TemporaryDirectory(prefix="clinicctl-")
        self.addCleanup(self.temp.cleanup)
        self.top = pathlib.Path(self.temp.name)
        self.dir, self.out = self.top / "clinic", self.top / "bundle"

    def run_it(self, want, program, *args):
        done = subprocess.run([BUILD / program, *map(str, args)], capture_output=True, text=True,
                              timeout=60, cwd=self.top)
        self.assertEqual(done.returncode, want, f"{program} {args}\n{done.stdout}{done.stderr}")
        if want:
            self.assertIn(program, done.stderr)
        return done

    def ctl(self, want, *args):
        return self.run_it(want, "clinicctl", *args)

    def init(self):
        return self.ctl(0, "init", self.dir, "--name", "clinic.example", "--address", "192.0.2.10")

    def add(self, name="kitchen", want=0, out=None):
        return self.ctl(want, "hub", "add", self.dir, name, "--out", out or self.out, "--device",
                        device_of(name), "--utc-offset", 60)

    def play(self):
        self.init()
        self.add()
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)


class Hubd:
    """The real hubd on a test's bundle."""

    def __init__(self, test):
        self.test, self.log = test, test.top / "hubd.log"
        run = test.top / "run"
        run.mkdir()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([BUILD / "hubd", "--state", test.out / "hubd", "--run", run, "--same-user"],
                                            stderr=log)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)

    def wait(self, text):
        end = time.monotonic() + 20
        while text not in self.log.read_text():
            self.test.assertLess(time.monotonic(), end, self.log.read_text())
            time.sleep(0.05)

    def end(self):
        self.process.terminate()
        self.test.assertEqual(self.process.wait(10), 0)


class Init(Clinic):
    def test_makes_a_private_folder(self):
        self.init()
        self.assertEqual(self.dir.stat().st_mode & 0o777, 0o700)
        for file in self.dir.iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)
        self.assertEqual(os.listdir(self.top), ["clinic"])

    def test_never_overwrites(self):
        self.init()
        before = {f.name: f.read_bytes() for f in self.dir.iterdir()}
        self.assertIn("there already", self.ctl(73, "init", self.dir, "--name", "a", "--address",
                                                "192.0.2.1").stderr)
        self.assertEqual(before, {f.name: f.read_bytes() for f in self.dir.iterdir()})

    def test_fills_an_empty_folder_only(self):
        self.dir.mkdir()
        self.init()
        (self.top / "file").write_text("mine")
        self.ctl(73, "init", self.top / "file", "--name", "a", "--address", "192.0.2.1")
        self.assertEqual((self.top / "file").read_text(), "mine")
        self.ctl(73, "init", self.top / "no" / "where", "--name", "a", "--address", "192.0.2.1")

    def test_usage(self):
        for args in (["init"], ["init", self.dir], ["init", self.dir, "--address", "192.0.2.1"],
                     ["init", self.dir, "--name", "Clinic", "--address", "192.0.2.1"],
                     ["init", self.dir, "--name", "192.0.2.1"],
                     ["init", self.dir, "--name", "a", "--address", "0.0.0.0"],
                     ["init", self.dir, "--name", "a b", "--address", "192.0.2.1"],
                     ["init", self.dir, "--name", "a", "--address", "clinic.example"],
                     ["init", self.dir, "--name", "a", "--address", "192.0.2.1", "--port", "0"],
                     ["init", self.dir, "more", "--name", "a", "--address", "192.0.2.1"],
                     ["init", self.dir, "--colour", "red"], ["paint"], []):
            self.ctl(64, *args)
        self.assertEqual(os.listdir(self.top), [])

    def test_help_and_version(self):
        for verb in ("init", "hub", "readings", "status", "gaps", "recover", "audit"):
            self.assertIn("Usage: clinicctl " + verb, self.ctl(0, verb, "--help").stdout)
        self.assertIn("readings", self.ctl(0, "--help").stdout)
        self.assertRegex(self.ctl(0, "--version").stdout, r"^clinicctl \d")
        self.assertRegex(self.run_it(0, "clinicd", "--version").stdout, r"^clinicd \d")

    @unittest.skipUnless(subprocess.run(["which", "openssl"], capture_output=True).returncode == 0,
                         "SKIP: no openssl")
    def test_certificates_please_openssl(self):
        self.init()
        self.add()
        for purpose, cert in (("sslserver", self.dir / "server.crt"),
                              ("sslclient", self.out / "coap/identity.crt")):
            subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", self.dir / "root.crt",
                            "-purpose", purpose, cert], check=True, capture_output=True)
        subprocess.run(["openssl", "verify", "-CAfile", self.dir / "root.crt", "-verify_hostname",
                        "clinic.example", self.dir / "server.crt"], check=True, capture_output=True)


class HubAdd(Clinic):
    def test_bundle(self):
        self.init()
        text = self.add().stdout
        files = sorted(str(p.relative_to(self.out)) for p in self.out.rglob("*") if p.is_file())
        self.assertEqual(files, ["coap/clinic.trust", "coap/emergency", "coap/identity.crt", "coap/identity.key",
                                 "coap/root.crt", "hubd/clinic.pub", "hubd/clinic.trust", "hubd/config.cose", "store/audit.key",
                                 "store/sign.key"])
        self.assertEqual((self.out / "store/audit.key").stat().st_size, 32)
        self.assertEqual((self.out / "store/sign.key").stat().st_size, 32)
        self.assertEqual((self.out / "hubd/clinic.pub").stat().st_size, 65)
        self.assertNotIn("012345", text)
        self.assertIn("UTC+01:00", text)
        self.assertIn("10 minutes", text)
        self.assertIn("put enrol = 5685", text)
        self.assertEqual(sorted(os.listdir(self.top)), ["bundle", "clinic"])

    def test_refused_and_nothing_left(self):
        self.init()
        self.add()
        self.add(want=73, out=self.top / "second")          # the name is taken
        self.add(name="hall", want=73)                      # the folder is taken
        self.add(name="hall", want=73, out=self.top / "no" / "where")
        self.add(name="the hall", want=64, out=self.top / "second")
        self.assertEqual(sorted(os.listdir(self.top)), ["bundle", "clinic"])
        self.add(name="hall", out=self.top / "second")      # and neither attempt took the name

    def test_usage(self):
        self.init()
        good = ["hub", "add", self.dir, "k", "--out", self.out]
        for args in (["hub"], ["hub", "remove", self.dir, "k"], good, good[:4] + ["--device", DEVICE],
                     good + ["--device", "bp,AA:BB"], good + ["--device", DEVICE, "--device", DEVICE],
                     good + ["--device", DEVICE, "--utc-offset", "841"],
                     good + ["--device", DEVICE, "--heartbeat", "9"],
                     good + ["--device", DEVICE, "--heartbeat", "65536"],
                     good + ["--device", DEVICE, "--pair-window", "121"],
                     good + ["--device", DEVICE, "--pair-window", "-1"],
                     good + ["--device", DEVICE, "--dst-change", "2027-03-28,120"],
                     good + ["--device", "bp,AA:BB:CC:DD:EE:FF,user=sole"],
                     good + ["--device", DEVICE, "more"]):
            self.ctl(64, *args)
        self.assertIn("AA:BB:CC:DD:EE:FF", self.ctl(64, *good, "--device", "bp,AA:BB").stderr)
        self.assertIn("justworks", self.ctl(64, *good, "--device", "bp,any,user=sole").stderr)
        self.assertFalse(self.out.exists())

    def test_all_kinds_of_devices(self):
        self.init()
        devices = [f"{kind},any,justworks" for kind in ("weight", "glucose", "spo2", "temp", "hr", "cgm", "ghs")]
        devices += [DEVICE, "scale,any,justworks,user=1,consent=0042,serial=S/N 7,history=all"]
        args = [a for d in devices for a in ("--device", d)]
        text = self.ctl(0, "hub", "add", self.dir, "k", "--out", self.out, "--utc-offset", 60, "--dst-change",
                        "2027-03-28T01:00Z,120", "--pair-window", 0, *args).stdout
        self.assertIn("device 9 weight, any that is found while the window is open", text)
        self.assertIn("from 2027-03-28 01:00:00 +00:00 on UTC+02:00", text)
        self.assertIn("pairing window: none", text)
        self.assertEqual(text.count("WITHOUT passkey"), 8)
        self.assertNotIn("0042", text)

    def test_wrong_folder(self):
        self.assertIn("clinicctl init", self.add(want=66).stderr)
        self.assertEqual(os.listdir(self.top), [])


class PairWindow(Clinic):
    def order(self, want, *args):
        return self.ctl(want, "hub", "pair-window", self.dir, "kitchen", *args)

    def test_usage(self):
        self.init()
        self.add()
        out = ("--out", self.top / "new.cose")
        for args in ((*out,), ("x", *out), (0, *out), (1, *out, "--minutes", 0), (1, *out, "--minutes", 121),
                     ("all", "--repair", *out), (1, 2, *out), (1, *out, "--colour")):
            self.order(64, *args)
        self.assertIn("it has 1 blood pressure", self.order(66, 2, *out).stderr)
        self.ctl(66, "hub", "pair-window", self.dir, "attic", 1, *out)
        self.ctl(66, "hub", "pair-window", self.top, "kitchen", 1, *out)
        self.order(73, 1, "--out", self.top / "no" / "where")
        self.order(73, 1, "--out", self.out)
        self.assertEqual(sorted(os.listdir(self.top)), ["bundle", "clinic"])

    def test_new_config_each_time(self):
        self.init()
        self.add()
        texts = [self.order(0, *args, "--out", self.top / f"{n}.cose").stdout
                 for n, args in enumerate(((1, "--repair"), ("all", "--minutes", 2)))]
        self.assertIn("configuration 2", texts[0])
        self.assertIn("forgets", texts[0])
        self.assertIn("configuration 3", texts[1])
        self.assertIn("2 minutes for all devices", texts[1])
        first = self.top / "0.cose"
        self.assertEqual(first.stat().st_mode & 0o777, 0o600)
        self.order(73, 1, "--out", first)                   # never overwritten
        self.assertNotEqual(first.read_bytes(), (self.top / "1.cose").read_bytes())

    def test_hubd_takes_it(self):
        """From the command line to the hub: hubd reads both configs and knows the new one's version."""
        self.init()
        self.add()
        hub = Hubd(self)
        hub.wait("config-taken version=1 epoch=1 devices=1")
        self.order(0, 1, "--out", self.top / "new.cose")
        os.replace(self.top / "new.cose", self.out / "hubd/config.cose")
        hub.wait("config-taken version=2 epoch=1 devices=1")
        hub.end()


class Readings(Clinic):
    def lines(self, want, *args):
        return [json.loads(l, parse_float=str, parse_int=str)
                for l in self.ctl(want, *args, "--json").stdout.splitlines()]

    def test_empty(self):
        self.init()
        self.assertIn("No readings yet", self.ctl(0, "readings", self.dir).stdout)
        self.assertEqual(self.ctl(0, "readings", self.dir, "--json").stdout, "")
        self.ctl(66, "readings", self.dir, "--hub", "attic")
        self.ctl(66, "readings", self.top / "nowhere")
        self.ctl(64, "readings")
        self.ctl(64, "readings", self.dir, "--colour")

    def test_known_values(self):
        self.play()
        r = {int(l["seq"]): l for l in self.lines(1, "readings", self.dir, "--raw")}
        # 12 is shown with 13
        self.assertEqual(sorted(r), [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, *range(13, 22)])

        def values(seq):
            return [(v["name"], v["value"], v["unit"]) for v in r[seq]["values"]]
        self.assertEqual(values(1), [("systolic", "128", "mmHg"), ("diastolic", "82", "mmHg"),
                                     ("mean", "97", "mmHg"), ("pulse", "64", "/min")])
        self.assertEqual(r[1]["device_clock"], {
            "time": "2026-11-21T07:26:50", "offset_source": "read", "offset_ms": "252000",
            "uncertainty_ms": "1000", "timeline": "0"})
        self.assertEqual(r[1]["measured"], {"time": "2026-11-21T07:31:02.000+01:00",
                                            "basis": "corrected", "uncertainty_ms": "1040"})
        self.assertEqual(r[1]["hub_clock"]["time"], "2026-11-21T07:31:05.000+01:00")
        self.assertEqual(r[1]["hub_clock"]["quality"], "clinic")
        self.assertEqual(r[1]["received"], "2026-11-21T06:32:05.000+00:00")
        self.assertEqual(r[1]["device"]["address"], "AA:BB:CC:DD:EE:FF")
        self.assertEqual(r[1]["raw"], "1e800052006100")
        self.assertEqual(r[1]["attribution"], "probable")
        # digits as the device sent them
        self.assertEqual(values(2), [("systolic", "17.1", "kPa"), ("diastolic", "10.90", "kPa"),
                                     ("pulse", "64.0", "/min")])
        self.assertEqual(values(3)[0], ("systolic", None, "mmHg"))
        self.assertEqual(r[3]["values"][0]["special"], "NaN")
        self.assertEqual(r[3]["marks"], ["no result"])
        self.assertEqual(r[3]["status"], ["body moved", "irregular pulse"])
        self.assertEqual((r[3]["user"], r[3]["attribution"]), ("2", "confirmed"))
        self.assertIsNone(r[4]["device_clock"]["time"])
        self.assertEqual(r[4]["measured"]["basis"], "received")
        self.assertEqual((r[5]["values"], r[5]["marks"]), ([], ["not decoded"]))
        self.assertEqual(r[5]["raw"], "1e800052006100")
        self.assertIsNone(r[6]["hub_clock"]["time"])
        self.assertIsNone(r[6]["measured"]["time"])
        self.assertEqual((r[7]["class"], r[7]["marks"]), ("alarm", ["test"]))
        self.assertEqual(r[7]["measured"]["basis"], "unknown")
        self.assertIn("seal", r[9]["error"])
        self.assertIn("not a reading", r[10]["error"])
        self.assertNotIn("values", r[9])

    def test_text(self):
        self.play()
        done = self.ctl(1, "readings", self.dir, "--hub", "kitchen")
        for text in ("128/82 mmHg, mean 97 mmHg, pulse 64 /min", "17.1/10.90 kPa, pulse 64.0 /min",
                     "NaN/82 mmHg", "2026-11-21 07:31:02 +01:00", "4 min 12 s slow (read, +/- 1 s)",
                     "(clinic, +/- 40 ms)", "sent no time", "not decoded, raw bytes kept",
                     "error not measured", "not set when the reading came", "alarm, test",
                     "irregular pulse", "18 readings."):
            self.assertIn(text, done.stdout)
        self.assertEqual(done.stdout.count("NOT OPENED"), 2)
        self.assertIn("2 of 20", done.stderr)

    def test_other_kinds(self):
        self.play()
        r = {int(l["seq"]): l for l in self.lines(1, "readings", self.dir)}
        weight = r[11]["values"][0]
        self.assertEqual((weight["name"], weight["value"], weight["unit"]), ("weight", "81.100", "kg"))
        self.assertEqual(r[11]["device"]["link"], "legacy, just works")

        glucose = r[13]["values"]
        self.assertEqual(glucose[0]["value"], "0.00105")
        self.assertEqual(glucose[0]["clinical"], {"unit": "mg/dL", "value": "105"})
        self.assertEqual([v.get("meaning") for v in glucose], [None, "capillary plasma", "finger"])
        self.assertEqual((r[13]["sequence"], r[13]["history"]), ("70", "1"))
        self.assertEqual(r[13]["status"], ["battery low", "below device's range"])
        self.assertEqual(r[13]["marks"], ["from the device's memory"])
        self.assertEqual(r[13]["device_clock"]["time_offset_min"], "15")
        self.assertEqual(r[13]["measured"]["time"], "2026-11-21T07:46:02.000+01:00")
        context = r[13]["context"]
        self.assertEqual(context["seq"], "12")
        self.assertEqual([(v["name"], v.get("meaning"), v["value"]) for v in context["values"]],
                         [("meal", "before a meal", "1"), ("carbohydrate", None, "0.045")])
        self.assertNotIn("raw", context)
        self.assertEqual((r[14]["kind"], r[14]["sequence"]), ("glucose context", "71"))
        self.assertEqual(r[14]["measured"]["basis"], "unknown")         # from a memory, without time

        self.assertEqual(r[15]["status"], ["battery low", "calibration recommended", "falling fast"])
        self.assertEqual(r[15]["values"][1]["value"], "-1.2")
        self.assertEqual(r[16]["status"], ["fully qualified"])
        self.assertEqual(r[16]["device_status"], ["low perfusion"])
        self.assertEqual(r[16]["measured"]["basis"], "received")
        self.assertEqual(r[17]["values"][0], {"name": "samples", "unit": "count", "value": "2"})
        self.assertNotIn("samples", r[17])
        self.assertEqual(r[18]["device_information"], {
            "maker": "A&D?", "serial": "042",
            "pnp_id": {"source": "1", "vendor": "105", "product": "1", "version": "2"},
            "other": [{"characteristic": "2a19", "value": "50"}]})
        self.assertEqual(r[19]["values"], [
            {"name": "MDC", "unit": "MDC", "value": "97.0", "code": "150456", "code_meaning": "SpO2",
             "unit_code": "544", "unit_meaning": "%"},
            {"name": "MDC", "unit": "MDC", "value": "1", "code": "4711", "unit_code": "12"}])
        self.assertIs(r[19]["device_clock"]["utc"], True)
        self.assertEqual(r[19]["measured"]["time"], "2026-11-21T07:31:02.000+01:00")
        self.assertIs(r[20]["measured"]["ambiguous"], True)
        self.assertEqual(r[20]["values"][1]["meaning"], "ear")
        self.assertEqual(r[21]["device_clock"]["ticks"], "36000000")
        self.assertEqual(r[21]["measured"]["time"], "2026-11-21T07:31:05.000+01:00")

    def test_samples(self):
        self.play()
        r = {int(l["seq"]): l for l in self.lines(1, "readings", self.dir, "--raw")}
        self.assertEqual(r[17]["samples"], [{"after_ms": "0", "value": "163c"},
                                            {"after_ms": "1000", "value": "163d"}])
        self.assertIn("raw", r[13]["context"])
        text = self.ctl(1, "readings", self.dir, "--raw").stdout
        self.assertIn("after  1000 ms: 163d", text)

    def test_text_of_other_kinds(self):
        self.play()
        text = self.ctl(1, "readings", self.dir).stdout
        for part in ("weight 81.100 kg, BMI 25.0 kg/m2", "glucose 0.00105 kg/L (105 mg/dL), sample type "
                     "capillary plasma, sample location finger",
                     "context    meal before a meal, carbohydrate 0.045 kg (number 12, from the device's memory)",
                     "(+15 min for its user), 4 min 12 s slow", "its record 70 of history 1",
                     "glucose 105 mg/dL, trend -1.2 mg/dL/min", "falling fast", "low perfusion",
                     "device's clock not set", "samples 2, heart rate median 60 /min",
                     "maker      A&D?", "pnp id     Bluetooth vendor 0069", "SpO2 97.0 %, MDC 4711 1 MDC 12",
                     "06:26:50 UTC as sent, 4 min 12 s slow", "temperature 36.50 Cel, body site ear",
                     "in the hour that clocks showed twice", "3600.0000 s of a counter (read, +/- 1 s)",
                     "link legacy, just works"):
            self.assertIn(part, text)
        self.assertEqual(text.count("carbohydrate"), 2)                 # beside its glucose, and alone

    def test_status(self):
        self.init()
        self.assertIn("No hubs yet", self.ctl(0, "status", self.dir).stdout)
        self.add()
        self.assertIn("never", self.ctl(0, "status", self.dir).stdout)
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)
        s = self.lines(0, "status", self.dir)[0]
        got = {k: s[k] for k in ("records", "contig", "highest", "missing", "quarantined",
                                 "hub_queued", "hub_highest")}
        self.assertEqual(got, {"records": "20", "contig": "7", "highest": "21", "missing": "1",
                               "quarantined": "0", "hub_queued": "3", "hub_highest": "23"})
        self.assertEqual((s["given_up"], s["given_up_numbers"]), ("0", []))
        self.assertNotIn("given up on the hub", self.ctl(0, "status", self.dir).stdout)
        self.assertIn("first missing is number 8", self.ctl(0, "status", self.dir).stdout)

    def test_status_of_one_hub(self):
        self.play()
        self.add("garden", out=self.top / "garden")
        self.assertEqual([s["hub"] for s in self.lines(0, "status", self.dir)], ["garden", "kitchen"])
        self.assertEqual([s["hub"] for s in self.lines(0, "status", self.dir, "kitchen")], ["kitchen"])
        self.assertNotIn("garden", self.ctl(0, "status", self.dir, "kitchen").stdout)
        self.assertIn("no hub 'attic'", self.ctl(66, "status", self.dir, "attic").stderr)
        for more in ("-1", "8761", "1.5", "", "x"):
            self.ctl(64, "status", self.dir, "--silent-after", more)
        self.ctl(64, "status", self.dir, "kitchen", "garden")

    def test_silent_hub(self):
        """What play_hub sent is of the day before, and said nothing of the hub itself."""
        self.play()
        text = self.ctl(0, "status", self.dir, "kitchen").stdout
        self.assertRegex(text, r"kitchen: last heard of .* ago \[offline\]: nothing is heard of the hub")
        self.assertIn("of the numbers 1 to 21, 20 are here, 0 were given up, 1 are missing", text)
        hub = self.lines(0, "status", self.dir, "kitchen", "--silent-after", "0")[0]
        self.assertEqual((hub["reason"], hub["status"]), ("offline", None))
        device = hub["devices"][0]
        self.assertEqual((device["reason"], device["silent"], device["last_reading"]), ("offline", True, None))
        self.assertIn("network", device["what"])
        # just added: nothing is due yet
        device = self.lines(0, "status", self.dir, "kitchen", "--silent-after", "1")[0]["devices"][0]
        self.assertEqual((device["reason"], device["what"]), ("none", ""))

    def test_given_up(self):
        self.init()
        self.add()
        self.run_it(0, "tests/io/play_hub", self.dir, self.out, "--gave-up")
        s = self.lines(0, "status", self.dir)[0]
        got = {k: s[k] for k in ("records", "contig", "highest", "given_up", "missing")}
        self.assertEqual(got, {"records": "20", "contig": "25", "highest": "27", "given_up": "6", "missing": "1"})
        self.assertEqual([(g["first"], g["last"], g["cause"], g["class"]) for g in s["given_up_numbers"]],
                         [("8", "8", "refused", "alarm"), ("22", "23", "evicted", "routine"),
                          ("24", "25", "evicted", "routine"), ("27", "27", "skipped", None)])
        text = self.ctl(0, "status", self.dir).stdout
        for line in ("4 readings were given up on the hub for want of space: 22-25\n",
                     "1 reading was refused here and was put aside on the hub: 8\n",
                     "1 number was skipped by the hub, no reading had it: 27\n",
                     "first missing is number 26"):
            self.assertIn(line, text)

    def test_lost_and_wrong_keys(self):
        self.play()
        key = (self.dir / "store.key").read_bytes()
        (self.dir / "store.key").write_bytes(bytes(48))
        self.assertIn("belong together", self.ctl(1, "readings", self.dir).stderr)
        (self.dir / "store.key").write_bytes(key[:-1])
        self.assertIn("wrong length", self.ctl(1, "readings", self.dir).stderr)
        (self.dir / "store.key").write_bytes(key)
        (self.dir / "seal.key").unlink()
        self.ctl(66, "readings", self.dir)
        self.ctl(0, "status", self.dir)

    def test_values_are_not_on_the_disk_in_clear(self):
        self.play()
        for file in self.dir.glob("clinic.db*"):
            self.assertNotIn(bytes.fromhex("1e800052006100"), file.read_bytes())
            self.assertNotIn(b"kitchen", file.read_bytes())

    def test_full_output(self):
        self.play()
        with open("/dev/full", "w") as full:
            done = subprocess.run([BUILD / "clinicctl", "readings", self.dir], stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)


class Held(Clinic):
    """What is not filed, and a person's word on it; held by ingest as clinicd calls it, see tests/io/play_hub.c."""

    def suspended(self):
        self.init()
        self.add()
        self.ctl(0, "hub", "suspend", self.dir, "kitchen", "--reason", "lid was open")
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)

    def json(self, want, verb, *args):
        return [json.loads(line) for line in self.ctl(want, verb, self.dir, *args, "--json").stdout.splitlines()]

    def status(self):
        return self.json(0, "status")[0]

    def test_suspend_and_release(self):
        self.suspended()
        said = self.ctl(0, "held", self.dir).stdout
        self.assertRegex(said, r"20 \(suspended\) since .*numbers from 1 to 21, assignment 1")
        self.assertNotIn("mmHg", said)
        got = self.json(0, "held", "kitchen")
        self.assertEqual([(g["reason"], g["count"], g["assignment"]) for g in got], [("suspended", 20, 1)])
        self.assertEqual(self.json(0, "readings"), [{"hub": "kitchen", "hub_id": got[0]["hub_id"], "not_filed": 20}])
        self.assertIn("20 more came and are not filed", self.ctl(0, "readings", self.dir).stdout)
        self.assertIn("is suspended", self.ctl(0, "status", self.dir).stdout)
        status = self.status()
        self.assertEqual((status["held"], status["held_unassigned"], status["missing"], status["records"]), (20, 0, 1, 0))
        opened = self.ctl(1, "held", self.dir, "kitchen", "--open")      # two cannot be opened
        self.assertIn("128/82 mmHg", opened.stdout)
        self.assertIn("HELD       suspended: not filed", opened.stdout)
        self.assertIn("still held", self.ctl(0, "hub", "resume", self.dir, "kitchen").stdout)
        self.assertIn("2 records of hub kitchen are discarded", self.ctl(
            0, "held", self.dir, "kitchen", "--discard", "--numbers", "20-21", "--reason", "not hers").stdout)
        self.assertIn("18 records of hub kitchen are filed", self.ctl(
            0, "held", self.dir, "kitchen", "--release", "--reason", "lid looked at", "--by", "nurse K").stdout)
        for act in "--release", "--discard":
            self.assertIn("nothing was changed", self.ctl(
                0, "held", self.dir, "kitchen", act, "--reason", "again").stdout)
        status = self.status()
        self.assertEqual((status["records"], status["held"], status["discarded"], status["missing"]), (18, 0, 2, 1))
        self.assertIn("9-21             stored", self.ctl(0, "gaps", self.dir, "kitchen").stdout)   # discarded is no gap
        # under other seals: the numbers of what is filed and of what is discarded are both taken
        self.assertIn("stored=0 duplicate=0", self.run_it(0, "tests/io/play_hub", self.dir, self.out).stdout)
        self.assertEqual([(g["reason"], g["count"]) for g in self.json(0, "held")], [("conflict", 20)])
        self.assertEqual(self.json(3, "held", "kitchen", "--release", "--reason", "x"),
                         [{"hub": "kitchen", "released": 0, "left": {"conflict": 20}}])
        self.assertEqual(self.json(0, "held", "kitchen", "--discard", "--only", "conflict", "--reason", "a test"),
                         [{"hub": "kitchen", "discarded": 20, "left": {}}])
        self.assertEqual((self.status()["records"], self.status()["discarded"]), (18, 2))
        self.assertIn("2 records were discarded", self.ctl(0, "status", self.dir).stdout)
        self.assertEqual(len({r["seq"] for r in self.json(1, "readings")}), 18 - 1)   # one is a glucose's context
        self.assertEqual([(j["act"], j["count"], j["why"]) for j in self.json(0, "held", "kitchen", "--journal")],
                         [("suspended", 0, "lid was open"), ("resumed", 0, "no reason given"),
                          ("discarded", 2, "not hers"), ("released", 18, "lid looked at"), ("discarded", 20, "a test")])
        self.assertEqual(self.json(0, "held", "kitchen", "--journal")[3]["who"], "nurse K")
        self.assertIn("Nothing is held of hub kitchen.", self.ctl(0, "held", self.dir, "kitchen").stdout)

    def test_withdrawn(self):
        self.init()
        self.add()
        self.ctl(66, "hub", "withdraw", self.dir, "kitchen", 2, "--reason", "x")
        self.ctl(0, "hub", "withdraw", self.dir, "kitchen", 1, "--reason", "lent to a neighbour")
        again = self.ctl(0, "hub", "withdraw", self.dir, "kitchen", 1, "--reason", "x")
        self.assertIn("nothing was changed", again.stdout)
        self.assertIn("stored=0", self.run_it(0, "tests/io/play_hub", self.dir, self.out).stdout)
        self.assertEqual(self.json(0, "held")[0]["reason"], "withdrawn-assignment")
        self.assertEqual(self.status()["held_unassigned"], 20)
        self.assertIn("20 readings are not filed: it is not known whose they are", self.ctl(0, "status", self.dir).stdout)
        left = self.run_it(3, "clinicctl", "held", self.dir, "kitchen", "--release", "--reason", "x")
        self.assertIn("0 records of hub kitchen are filed", left.stdout)
        self.assertIn("20 still held: their assignment is withdrawn; if you know whose they are: --assignment N", left.stderr)
        self.assertEqual(self.json(3, "held", "kitchen", "--release", "--reason", "x", "--assignment", "2"),
                         [{"hub": "kitchen", "released": 0, "left": {"withdrawn-assignment": 20}}])
        self.assertEqual(self.json(0, "held", "kitchen", "--release", "--reason", "x", "--assignment", "1", "--numbers", "3"),
                         [{"hub": "kitchen", "released": 1, "left": {}}])
        self.ctl(0, "hub", "withdraw", self.dir, "kitchen", 1, "--undo", "--reason", "it was not lent")
        self.assertEqual(self.json(0, "held", "kitchen", "--release", "--only", "withdrawn-assignment", "--reason", "x"),
                         [{"hub": "kitchen", "released": 19, "left": {}}])
        self.assertEqual([j["act"] for j in self.json(0, "held", "--journal")],
                         ["assignment-withdrawn", "released", "assignment-given-again", "released"])
        self.assertEqual(self.status()["records"], 20)

    def test_usage(self):
        self.suspended()
        reason = "--reason", "x"
        for args in (("--release",), ("--release", "--discard", *reason), ("--release", "--open", *reason),
                     ("--open", "--journal"), ("--only", "suspended"), reason, ("--by", "x"), ("--numbers", "1"),
                     ("--discard", "--assignment", "1", *reason), ("--release", "--only", "recovered", *reason),
                     ("--release", "--only", "?", *reason), ("--release", "--reason", ""), ("--release", "--reason", "a\nb"),
                     ("--release", "--reason", "x" * 401), ("--release", "--by", "x" * 65, *reason),
                     ("--release", "--numbers", "0", *reason), ("--release", "--numbers", "7-6", *reason),
                     ("--release", "--numbers", "7-", *reason), ("--release", "--numbers", "-7", *reason),
                     ("--release", "--assignment", "0", *reason), ("--release", "--assignment", "4294967296", *reason)):
            self.ctl(64, "held", self.dir, "kitchen", *args)
        self.ctl(64, "held")
        self.ctl(64, "held", self.dir, "kitchen", "more")
        self.ctl(64, "held", self.dir, "--release", *reason)
        for args in (("suspend", "kitchen"), ("suspend", "kitchen", "--undo", *reason), ("suspend", *reason), ("resume",),
                     ("withdraw", "kitchen", "1"), ("withdraw", "kitchen", "x", *reason), ("withdraw", "kitchen", *reason)):
            self.ctl(64, "hub", args[0], self.dir, *args[1:])
        for args in (("held", self.dir, "nobody"), ("held", self.dir, "nobody", "--release", *reason),
                     ("held", self.top / "none"), ("hub", "suspend", self.dir, "nobody", *reason),
                     ("hub", "resume", self.dir, "nobody"), ("hub", "withdraw", self.dir, "nobody", "1", *reason)):
            self.ctl(66, *args)
        self.assertEqual(self.json(0, "held")[0]["count"], 20)
        self.assertEqual(len(self.json(0, "held", "--journal")), 1)
        self.ctl(0, "held", self.dir, "kitchen", "--release", "--reason", "x" * 400, "--by", "y" * 64)
        (self.dir / "seal.key").unlink()
        self.ctl(0, "held", self.dir)
        self.ctl(66, "held", self.dir, "--open")


class Server(Clinic):
    def start(self, *args):
        server = subprocess.Popen([BUILD / "clinicd", "--dir", self.dir, "--listen", "127.0.0.1",
                                   *args], stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        log = ""
        for line in server.stderr:
            log += line
            if "listening" in line:
                break
        else:
            self.fail(log)
        return server, int(re.search(r"port=(\d+)", log)[1]), log

    def test_starts_and_stops(self):
        self.init()
        server, _, log = self.start("--port", "0")
        self.assertIn("sealing-key-here", log)
        self.add()                                          # while it runs
        self.ctl(0, "status", self.dir)
        server.terminate()
        self.assertEqual(server.wait(10), 0)

    def test_no_warning_without_sealing_key(self):
        self.init()
        (self.dir / "seal.key").unlink()
        self.assertNotIn("sealing-key", self.start("--port", "0")[2])

    def test_port_taken(self):
        self.init()
        _, port, _ = self.start("--port", "0")
        done = self.run_it(1, "clinicd", "--dir", self.dir, "--listen", "127.0.0.1", "--port", port)
        self.assertIn("taken", done.stderr)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            self.run_it(1, "clinicd", "--dir", self.dir, "--listen", "127.0.0.1", "--port",
                        other.getsockname()[1])

    def test_wrong_folder_and_usage(self):
        done = self.run_it(66, "clinicd", "--dir", self.dir)
        self.assertIn("clinicctl init", done.stderr)
        self.run_it(64, "clinicd")
        self.run_it(64, "clinicd", "--dir", self.dir, "--port", "65536")
        self.run_it(64, "clinicd", "--dir", self.dir, "--listen", "localhost")
        self.init()
        (self.dir / "clinic.conf").write_text("name = a\nport = x\n")
        self.assertIn("line 2", self.run_it(1, "clinicd", "--dir", self.dir).stderr)


class Days(Clinic):
    """What a hub has given and what became of it; see tests/io/play_days.c."""

    def play_days(self, scenario):
        self.init()
        self.add()
        return self.run_it(0, "tests/io/play_days", self.dir, self.out, scenario).stdout

    def gaps(self, want, *args):
        # the answer of 1 and 3 is the report, not a complaint
        done = subprocess.run([BUILD / "clinicctl", "gaps", str(self.dir), "kitchen", *args], capture_output=True,
                              text=True, timeout=60, cwd=self.top)
        self.assertEqual(done.returncode, want, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def gaps_json(self, want):
        return json.loads(self.gaps(want, "--json"))

    def test_complete(self):
        self.play_days("complete")
        text = self.gaps(0)
        self.assertTrue(text.startswith("kitchen: Complete: every number from 1 to 7 is accounted for.\n"), text)
        self.assertIn("3 signed by the hub, for 2026-11-20 to 2026-11-21; 1 of them says that no number", text)
        j = self.gaps_json(0)
        self.assertEqual(j["verdict"], "complete")
        self.assertEqual(j["numbers"], [{"first": 1, "last": 7, "state": "stored"}])
        self.assertEqual([(m["seq"], m["manifest"], m["first"], m["last"], m["from_day"], m["to_day"])
                          for m in j["manifests"]],
                         [(1, 1, 1, 0, "2026-11-20", "2026-11-19"), (5, 2, 2, 4, "2026-11-20", "2026-11-20"),
                          (6, 3, 6, 5, "2026-11-21", "2026-11-21")])
        self.assertEqual((j["notes"], j["contradictions"]), ([], []))

    def test_manifests_are_no_readings(self):
        self.play_days("complete")
        lines = [json.loads(l) for l in self.ctl(0, "readings", self.dir, "--json").stdout.splitlines()]
        self.assertEqual([l["seq"] for l in lines], [2, 3, 4, 7])
        self.assertIn("4 readings.", self.ctl(0, "readings", self.dir).stdout)
        status = json.loads(self.ctl(0, "status", self.dir, "--json").stdout)
        self.assertEqual((status["records"], status["manifests"], status["older"]), (7, 3, False))
        self.assertRegex(self.ctl(0, "status", self.dir).stdout, r"kitchen +active .* 4 +0 +0 +0\n")

    def test_nothing_yet(self):
        self.init()
        self.add()
        self.assertIn("has not given a number yet", self.gaps(0))
        self.assertIn("none has come yet", self.gaps(0))

    def test_told_losses(self):
        self.play_days("losses")
        text = self.gaps(3)
        self.assertIn("Complete: every number from 1 to 9 is accounted for; 2 were given up (2 no space).", text)
        self.assertIn("2 readings were given up on the hub for want of space: ALARM", text)
        self.assertEqual(self.gaps_json(3)["numbers"][1],
                         {"first": 8, "last": 9, "state": "given up", "cause": "evicted", "class": "alarm"})

    def test_told_evidence(self):
        self.play_days("evidence-losses")
        text = self.gaps(3)                     # nobody's reading, and yet something that should be here
        self.assertIn("from 1 to 9 is accounted for; 2 were given up (1 no space, 1 evidence, no space).", text)
        self.assertRegex(text, r"\n  8 +given up +1 reading was given up on the hub for want of space\n"
                               r"  9 +given up +1 piece of evidence was given up on the hub for want of space; it was no reading\n")
        self.assertEqual(self.gaps_json(3)["numbers"][2],
                         {"first": 9, "last": 9, "state": "given up", "cause": "evidence", "class": "routine"})
        self.assertIn("1 piece of evidence was given up on the hub for want of space; it was no reading: 9\n",
                      self.ctl(0, "status", self.dir).stdout)

    def test_missing_manifest(self):
        self.play_days("missing")
        self.assertIn("Note: manifest 2 is not here.", self.gaps(3))

    def test_waiting(self):
        self.play_days("waiting")
        self.assertIn("is accounted for; 2 wait on the hub.", self.gaps(0))

    def test_not_complete(self):
        for scenario, text in (("unexplained", "NOT COMPLETE: of the numbers 1 to 9, 2 are not accounted for."),
                               ("lost", "lost at the clinic"),
                               ("forged", "number 6 is no proof: its signature is not this hub's"),
                               ("older", "its storage is older than it was"),
                               ("conflict", "number 7 came with two contents")):
            with self.subTest(scenario):
                self.setUp()
                self.play_days(scenario)
                self.assertIn(text, self.gaps(1))

    def test_older_hub_in_status(self):
        self.assertIn("older=1", self.play_days("older"))
        self.assertIn("number 7 is here: its storage is older", self.ctl(0, "status", self.dir).stdout)
        self.assertIs(json.loads(self.ctl(0, "status", self.dir, "--json").stdout)["older"], True)

    def test_without_the_sealing_key(self):
        self.play_days("forged")
        (self.dir / "seal.key").unlink()
        text = self.gaps(0)                     # the numbers are here; the forgery is sealed
        self.assertIn("3 could not be opened: ", text)
        self.assertIn("seal.key", text)
        j = self.gaps_json(0)
        self.assertIs(j["manifests_opened"], False)
        self.assertTrue(all("error" in m for m in j["manifests"]))

    def test_usage(self):
        self.init()
        self.ctl(64, "gaps")
        self.ctl(64, "gaps", self.dir)
        self.ctl(64, "gaps", self.dir, "kitchen", "more")
        self.ctl(64, "gaps", self.dir, "kitchen", "--colour")
        self.ctl(66, "gaps", self.dir, "attic")
        self.ctl(66, "gaps", self.top / "nowhere", "kitchen")


class Recover(Clinic):
    """The card of a hub whose board died: 1 to 10 in its queue, 11 and 12 in its spool; 1 to 7 are at the clinic."""

    def setUp(self):
        super().setUp()
        self.init()
        self.add()
        self.card = self.top / "card"
        self.run_it(0, "tests/io/play_days", self.dir, self.out, "complete")
        self.run_it(0, "tests/io/play_days", self.dir, self.out, "card", self.card)

    def recover(self, want, *args):
        return self.ctl(want, "recover", self.dir, self.card, *args)

    def records(self, want, *args):
        return [json.loads(l) for l in self.recover(want, "--json", *args).stdout.splitlines()]

    def test_counts(self):
        done = self.recover(1)
        self.assertRegex(done.stdout, r"queue-1\.db +0 alarms, 10 routine, 0 refused")
        self.assertRegex(done.stdout, r"spool-1 +2 records")
        self.assertIn("12 records of hub kitchen: 7 are at the clinic, 5 are not.", done.stdout)
        self.assertIn("1 of them do not open", done.stderr)
        self.assertNotIn("80.8", done.stdout)
        self.assertEqual(self.ctl(0, "readings", self.dir, "--recovered", "--json").stdout, "")

    def test_readings(self):
        lines = self.records(1)
        self.assertEqual([(l["seq"], l["recovered_from"]) for l in lines],
                         [(8, "queue-1.db"), (9, "queue-1.db"), (10, "queue-1.db"), (11, "spool-1"), (12, "spool-1")])
        self.assertEqual(lines[0]["values"], [{"name": "weight", "unit": "kg", "value": 80.8}])
        self.assertIsNone(lines[0]["received"])
        self.assertIn("seal", lines[2]["error"])
        text = self.recover(1, "--readings").stdout
        self.assertIn("weight 80.8 kg", text)
        self.assertIn("from the hub's card (spool-1), not signed", text)

    def test_import_is_no_record(self):
        for _ in range(2):                                      # twice is once
            self.assertIn("4 set aside, unsigned", self.recover(1, "--import").stdout)
            lines = [json.loads(l) for l in self.ctl(0, "readings", self.dir, "--recovered", "--json").stdout.splitlines()]
            self.assertEqual([l["seq"] for l in lines], [8, 9, 11, 12])
            self.assertTrue(all(l["recovered_from"] == "set aside" for l in lines))
        self.assertIn("4 readings.", self.ctl(0, "readings", self.dir).stdout)
        status = json.loads(self.ctl(0, "status", self.dir, "--json").stdout)
        self.assertEqual((status["recovered"], status["quarantined"], status["records"]), (4, 0, 7))
        self.assertIn("4 records from its card are set aside", self.ctl(0, "status", self.dir).stdout)
        report = subprocess.run([BUILD / "clinicctl", "gaps", str(self.dir), "kitchen"], capture_output=True, text=True,
                                timeout=60)
        self.assertEqual(report.returncode, 1)                  # 10 does not open
        self.assertIn("of the numbers 1 to 12, 1 is not accounted for; 4 came from the hub's card, unsigned",
                      report.stdout)

    def test_without_recovery(self):
        (self.card / "recovery").unlink()
        done = self.recover(1)
        self.assertIn("2 records of hub kitchen: 0 are at the clinic, 2 are not.", done.stdout)
        self.assertIn("queue-1.db: there is no file 'recovery'", done.stderr)

    def test_several_segments(self):
        """One of which 'recovery' has no key; the others are read all the same."""
        (self.card / "queue-2.db").write_bytes((self.card / "queue-1.db").read_bytes())
        done = self.recover(1)
        self.assertIn("queue-2.db: its key is not in the file 'recovery'", done.stderr)
        self.assertIn("12 records", done.stdout)
        (self.card / "queue-2.db").rename(self.card / "queue-2.db.aside")
        self.assertIn("queue-2.db.aside: its key is not in", self.recover(1).stderr)

    def test_set_aside_by_the_hub(self):
        for end in "", "-wal":
            (self.card / f"queue-1.db{end}").rename(self.card / f"queue-1.db.aside{end}")
        done = self.recover(1)
        self.assertRegex(done.stdout, r"queue-1\.db\.aside +0 alarms, 10 routine")
        self.assertIn("12 records", done.stdout)

    def test_damage(self):
        spool = bytearray((self.card / "spool-1").read_bytes())
        spool[4096 + 120] ^= 1                                  # in the first commit; the second is whole
        (self.card / "spool-1").write_bytes(spool)
        done = self.recover(1)
        self.assertRegex(done.stdout, r"spool-1 +1 records")
        self.assertIn("spool-1: damaged in places", done.stderr)
        spool[10] ^= 1                                          # and its head
        (self.card / "spool-1").write_bytes(spool)
        self.assertRegex(self.recover(1).stdout, r"spool-1 +1 records")
        queue = bytearray((self.card / "queue-1.db-wal").read_bytes())
        for at in range(100, len(queue), 512):
            queue[at] ^= 1
        (self.card / "queue-1.db-wal").write_bytes(queue)
        self.assertIn("queue-1.db: ", self.recover(1).stderr)
        recovery = bytearray((self.card / "recovery").read_bytes())
        recovery[30] ^= 1
        (self.card / "recovery").write_bytes(recovery)
        self.assertIn("recovery: damaged", self.recover(1).stderr)

    def test_wrong_folders(self):
        self.ctl(64, "recover")
        self.ctl(64, "recover", self.dir)
        self.recover(64, "--colour")
        self.ctl(66, "recover", self.dir, self.top / "nowhere")
        self.assertIn("is it a copy of", self.ctl(66, "recover", self.dir, self.out).stderr)
        other = self.top / "other"
        self.ctl(0, "init", other, "--name", "other.example", "--address", "192.0.2.11")
        self.assertIn("does not know", self.ctl(66, "recover", other, self.card).stderr)
        (self.dir / "seal.key").unlink()
        self.assertIn("seal.key", self.recover(66).stderr)
class Audit(Clinic):
    """play_audit is the hub; its log is a folder beside the bundle."""

    def live(self, events, *more):
        return self.run_it(0, "tests/io/play_audit", self.dir, self.out, "log", events, *more).stdout

    def set_up(self):
        self.init()
        self.add()
        self.log = self.top / "log"

    def verify(self, want, *args):
        done = subprocess.run([BUILD / "clinicctl", "audit", "verify", self.dir, "kitchen", "--log",
                               *map(str, args or [self.log])], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, want, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def export(self, want, *args):
        done = subprocess.run([BUILD / "clinicctl", "audit", "export", self.dir, "kitchen", "--log",
                               *map(str, args)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, want, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_whole(self):
        self.set_up()
        self.assertRegex(self.live(5), r"^stored records=9 witnessed=7$")
        self.assertIn("Whole: records 1 to 9", self.verify(0))
        # the next life, a file at a time, and each file named by itself, whatever the order
        self.live(300)
        files = sorted(self.log.glob("audit-[0-9]*"))
        self.assertGreater(len(files), 1)
        line = self.verify(0)
        self.assertRegex(line, "^Whole: records 1 to 3[0-9][0-9], all as the hub wrote them.")
        self.assertIn("that the clinic has not witnessed yet: 2.", line)
        args = [files[-1]]
        for file in files[:-1]:
            args += ["--log", file]
        self.assertEqual(self.verify(0, *args), line)

    def test_changed_cut_and_given_up(self):
        self.set_up()
        self.live(300)
        whole = {f.name: f.read_bytes() for f in self.log.iterdir()}
        first = bytearray(whole["audit-1"])
        first[5 * 4096 + 200] ^= 1
        (self.log / "audit-1").write_bytes(first)
        self.assertIn("NOT WHOLE", self.verify(1))
        (self.log / "audit-1").write_bytes(whole["audit-1"])
        last = max((n for n in whole if n[6:].isdigit()), key=lambda n: int(n[6:]))
        (self.log / last).unlink()
        self.assertIn("NOT WHOLE", self.verify(1))
        (self.log / last).write_bytes(whole[last])
        self.verify(0)
        (self.log / "audit-1").unlink()
        self.assertIn("NOT WHOLE", self.verify(1))
        empty = self.top / "empty"
        empty.mkdir()
        self.assertIn("NOT WHOLE", self.verify(1, empty))
        # a ring that went round: nothing is lost as long as the clinic had seen it
        (self.log / "audit-1").write_bytes(whole["audit-1"])
        for _ in range(6):
            self.live(500)
        self.assertFalse((self.log / "audit-1").exists())
        self.assertIn("Whole: ", self.verify(0))
        self.live(2000, "--away")
        self.assertRegex(self.verify(3), "Whole, with gaps.*never witnessed: [0-9]+")

    def test_nothing(self):
        self.set_up()
        empty = self.top / "empty"
        empty.mkdir()
        self.assertIn("Nothing to verify", self.verify(2, empty))

    def test_card_set_back(self):
        """The hub's storage as it was three records ago: it is seen at the next contact, and in the log."""
        self.set_up()
        self.live(5)
        image = {f: f.read_bytes() for f in [*self.log.iterdir(), self.top / "log.key"]}
        self.assertIn("stored records=21 witnessed=19", self.live(7))
        for file in self.log.iterdir():
            file.unlink()
        for file, data in image.items():
            file.write_bytes(data)
        self.assertRegex(self.live(1), r"^older records=\d+ witnessed=7$")
        line = self.verify(1)
        self.assertIn("NOT WHOLE", line)
        self.assertIn("had gone back", line)
        status = self.ctl(0, "status", self.dir)
        self.assertIn("audit log", status.stdout)
        entry = json.loads(self.ctl(0, "status", self.dir, "--json").stdout)
        self.assertTrue(entry["audit_distrusted"])
        self.assertEqual(entry["audit_witnessed"], 19)
        self.live(50)  # longer than what was seen: it stays so
        self.assertRegex(self.live(1), "^distrusted")

    def test_export(self):
        self.set_up()
        self.live(5)
        fhir = self.top / "events.ndjson"
        self.assertIn("9 records are in", self.export(0, self.log, "--fhir", fhir))
        events = [json.loads(line) for line in fhir.read_text().splitlines()]
        self.assertEqual(len(events), 9)
        self.assertEqual({e["resourceType"] for e in events}, {"AuditEvent"})
        self.assertEqual(fhir.stat().st_mode & 0o777, 0o600)
        before = fhir.read_bytes()
        self.assertIn("there already", self.export(73, self.log, "--fhir", fhir))
        self.assertEqual(fhir.read_bytes(), before)
        empty = self.top / "empty"
        empty.mkdir()
        self.export(1, empty, "--fhir", self.top / "none")
        self.assertFalse((self.top / "none").exists())
        self.export(73, self.log, "--fhir", self.top / "no" / "where")

    def test_usage(self):
        self.set_up()
        for args in (["audit"], ["audit", "look", self.dir, "kitchen"],
                     ["audit", "verify", self.dir, "kitchen"], ["audit", "verify", self.dir, "--log", "x"],
                     ["audit", "verify", self.dir, "kitchen", "--log", "x", "--fhir", "y"],
                     ["audit", "export", self.dir, "kitchen", "--log", "x"],
                     ["audit", "key", self.dir, "kitchen"],
                     ["audit", "key", self.dir, "kitchen", "--out", "y", "--log", "x"],
                     ["audit", "verify", self.dir, "kitchen", "--log", "x", "--colour", "red"],
                     ["audit", "verify", self.dir, "kitchen", *(["--log", "x"] * 65)]):
            self.ctl(64, *args)
        self.ctl(66, "audit", "verify", self.dir, "hall", "--log", self.log)
        self.ctl(66, "audit", "verify", self.dir, "kitchen", "--log", self.top / "nowhere")
        self.ctl(66, "audit", "verify", self.top / "nowhere", "kitchen", "--log", self.log)

    def test_another_hubs_log(self):
        self.set_up()
        self.live(1)
        self.add(name="hall", out=self.top / "second")
        done = self.ctl(66, "audit", "verify", self.dir, "hall", "--log", self.log)
        self.assertIn("of another hub", done.stderr)

    def test_key_for_an_older_hub(self):
        self.set_up()
        done = self.ctl(73, "audit", "key", self.dir, "kitchen", "--out", self.top / "audit.key")
        self.assertIn("has its key already", done.stderr)
        self.assertFalse((self.top / "audit.key").exists())
        self.live(0, "--older-hub")
        done = self.ctl(66, "audit", "verify", self.dir, "kitchen", "--log", self.top)
        self.assertIn("'clinicctl audit key'", done.stderr)
        (self.top / "there").write_text("mine")
        self.ctl(73, "audit", "key", self.dir, "kitchen", "--out", self.top / "there")
        self.assertEqual((self.top / "there").read_text(), "mine")
        self.ctl(0, "audit", "key", self.dir, "kitchen", "--out", self.out / "store/audit.key.new")
        (self.out / "store/audit.key.new").rename(self.out / "store/audit.key")
        self.assertEqual((self.out / "store/audit.key").stat().st_size, 32)
        self.assertIn("stored", self.live(3))
        self.verify(0)
        self.ctl(73, "audit", "key", self.dir, "kitchen", "--out", self.top / "audit.key")


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
