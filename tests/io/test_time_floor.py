#!/usr/bin/python3
"""test_time_floor.py - a hub-coap that was taken over and lied about the time leaves nothing behind that stops care.

usage: test_time_floor.py [BUILD] [Floor.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap and clinicd with DTLS and databases between them; tests/net/feed.c stands for hub-ble, and
tests/io/play_time.c for the hub-coap that lies. See docs/adr/0024-time-floor.md.
"""
import os
import pathlib
import subprocess
import sys
import time
import unittest

import test_config_io
from test_life_io import World

YEAR_MS = 365 * 24 * 3600 * 1000
TIME = 6  # T6
LEVEL_AT = 4 + 1 + 8  # in both files


class Floor(unittest.TestCase):
    """A hub that has delivered three readings, and then hears of a time that is years off."""

    def setUp(self):
        self.w = World("home")
        self.addCleanup(self.w.close)
        self.home = self.w.homes["home"]
        self.home.start()
        self.deliver(3)

    def deliver(self, count):
        """So many more; the clinic has them all."""
        self.home.give(count)
        self.home.wait("all readings", lambda s: s["records"] - s["manifests"] == self.home.given)

    def play(self, *arguments):
        """What play_time prints."""
        done = subprocess.run([str(test_config_io.BUILD / "tests/io/play_time"), str(self.home.run), *map(str, arguments)],
                              text=True, timeout=120, stdout=subprocess.PIPE, check=True,
                              env={"ASAN_OPTIONS": "detect_leaks=0"})
        return done.stdout

    def lie(self, offset_ms):
        """hub-coap is somebody else's for a moment."""
        self.w.kill("home-hub-coap")
        self.play(round(time.time() * 1000) + offset_ms)

    def start_anew(self):
        """All of the hub, as after a power cut."""
        for name in self.home.programs():
            if name in self.w.running:
                self.w.kill(name)
        for name in self.home.programs():
            self.w.start(name)

    def is_well(self):
        """It delivers, is at no level that a person would have to end, and hub-ble stamps by what time it is."""
        self.deliver(2)
        self.home.wait("its level", lambda s: s["status"] and s["status"]["level"] <= 1)
        self.assertEqual([(self.home.bundle / "hubd" / f"lockdown-{c}").read_bytes()[LEVEL_AT] for c in "ab"], [0, 0])
        self.w.wait("the time", lambda: abs(int(self.play()) - time.time() * 1000) < 60000)

    def test_thirty_years_ahead(self):
        """Beyond the end of every certificate. A genuine hub-coap is all that it takes, and the clinic hears that clocks disagreed."""
        self.lie(30 * YEAR_MS)
        self.w.start("home-hub-coap")
        self.is_well()
        self.home.wait("T6", lambda s: {t["trigger"]: t["level"] for t in s["status"]["noticed"]} == {TIME: 1})

    def test_after_a_power_cut(self):
        """Nothing of it is on the disk."""
        self.lie(30 * YEAR_MS)
        self.start_anew()
        self.is_well()

    def test_again_and_again(self):
        """Nor does it add up."""
        for _ in range(5):
            self.lie(30 * YEAR_MS)
            self.start_anew()
        self.is_well()

    def test_left_by_an_older_hubd(self):
        """Which wrote down what hub-coap had said: this one does not go by it."""
        self.w.kill("home-hubd")
        (self.home.bundle / "hubd" / "time-floor").write_bytes(
            b"\x82\x01\x1b" + (round(time.time() * 1000) + 30 * YEAR_MS).to_bytes(8, "big"))
        self.start_anew()
        self.is_well()


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.path.isdir(sys.argv[1]):
        test_config_io.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
