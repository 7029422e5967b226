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
                        DEVICE, "--utc-offset", 60)

    def play(self):
        self.init()
        self.add()
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)


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
        for args in (["init"], ["init", self.dir], ["init", self.dir, "--name", "a"],
                     ["init", self.dir, "--name", "a b", "--address", "192.0.2.1"],
                     ["init", self.dir, "--name", "a", "--address", "clinic.example"],
                     ["init", self.dir, "--name", "a", "--address", "192.0.2.1", "--port", "0"],
                     ["init", self.dir, "more", "--name", "a", "--address", "192.0.2.1"],
                     ["init", self.dir, "--colour", "red"], ["paint"], []):
            self.ctl(64, *args)
        self.assertEqual(os.listdir(self.top), [])

    def test_help_and_version(self):
        for verb in ("init", "hub", "readings", "status"):
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
        self.assertEqual(files, ["coap/identity.crt", "coap/identity.key", "coap/root.crt",
                                 "hubd/clinic.pub", "hubd/config.cose", "store/sign.key"])
        self.assertEqual((self.out / "store/sign.key").stat().st_size, 32)
        self.assertEqual((self.out / "hubd/clinic.pub").stat().st_size, 65)
        self.assertNotIn("012345", text)
        self.assertIn("UTC+01:00", text)
        self.assertIn("10 minutes", text)
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
        for args in ((1,), (*out,), ("x", *out), (0, *out), (1, *out, "--minutes", 0), (1, *out, "--minutes", 121),
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
        run = self.top / "run"
        run.mkdir()
        log = open(self.top / "hubd.log", "w+")
        self.addCleanup(log.close)
        hubd = subprocess.Popen([BUILD / "hubd", "--state", self.out / "hubd", "--run", run, "--same-user"],
                                stderr=log)
        self.addCleanup(hubd.wait)
        self.addCleanup(hubd.kill)
        self.wait_for(log, "config-taken version=1 epoch=1 devices=1")
        self.order(0, 1, "--out", self.top / "new.cose")
        os.replace(self.top / "new.cose", self.out / "hubd/config.cose")
        self.wait_for(log, "config-taken version=2 epoch=1 devices=1")
        hubd.terminate()
        self.assertEqual(hubd.wait(10), 0)

    def wait_for(self, log, text):
        end = time.monotonic() + 20
        while text not in pathlib.Path(log.name).read_text():
            self.assertLess(time.monotonic(), end, pathlib.Path(log.name).read_text())
            time.sleep(0.05)


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


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
