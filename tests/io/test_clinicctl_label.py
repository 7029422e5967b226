#!/usr/bin/env python3
"""Printed labels: the QR code is read by zbar from the page as poppler draws it, the letters by pdftotext; neither needs
a display.

    test_clinicctl_label.py [BUILD]      as test_clinicctl.py
"""
import hashlib
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import test_clinicctl
from label_text import groups, label
from test_clinicctl import Clinic as Base

KEYS = [hashlib.sha256(bytes([n])).digest() for n in range(20)]
MM = 72 / 25.4
HALVES = " ▀▄█"
TOOLS = ["zbarimg", "pdftoppm", "pdftotext"]
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]


def scan(*images):
    """What zbar reads, sorted; one line a code."""
    said = subprocess.run(["zbarimg", "--quiet", "--raw", *images], capture_output=True, text=True, timeout=60)
    return sorted(said.stdout.split())


def pgm(path, rows, scale=6):
    """rows of 1 (dark) and 0"""
    with open(path, "wb") as file:
        file.write(b"P5 %d %d 255\n" % (len(rows[0]) * scale, len(rows) * scale))
        for row in rows:
            file.write(b"".join((b"\0" if dark else b"\xff") * scale for dark in row) * scale)
    return path


def modules(text):
    """The modules that half blocks draw."""
    rows = []
    for line in text.splitlines():
        if set(line) <= set(HALVES) and len(line) > 20:
            rows += [[HALVES.index(c) >> k & 1 for c in line] for k in (0, 1)]
    return rows


def read_pgm(path):
    """Rows of 1 (dark) and 0."""
    with open(path, "rb") as file:
        head = b"".join(file.readline() for _ in range(3)).split()
        assert head[0] == b"P5" and head[3] == b"255", head
        width, height = int(head[1]), int(head[2])
        return [[v < 128 for v in file.read(width)] for _ in range(height)]


def sample(rows, top_mm=0):
    """The modules of a sheet's code, quiet zone included: 41 mm wide, in the middle. A scanner also reads a mirrored one."""
    dots = len(rows[0]) / 62
    return [[int(rows[round((top_mm + 6.5 + y + 0.5) * dots)][round((10.5 + x + 0.5) * dots)]) for x in range(41)] for y in range(41)]


@unittest.skipIf(MISSING, f"SKIP: no {' '.join(MISSING)}")
class Label(Base):
    def setUp(self):
        super().setUp()
        self.pdf, self.svg = self.top / "label.pdf", self.top / "label.svg"

    def label(self, want, *words):
        return self.ctl(want, "label", *words)

    def as_text(self, key):
        return modules(self.label(0, label(key), "--text").stdout)[:41]

    def pages(self):
        subprocess.run(["pdftoppm", "-r", "200", "-gray", self.pdf, self.top / "page"], check=True, capture_output=True)
        return sorted(self.top.glob("page*.pgm"))

    def words(self):
        """(word, left, right, top, bottom) in mm and the size of the page, for each page."""
        out = self.top / "words.html"
        subprocess.run(["pdftotext", "-bbox", self.pdf, out], check=True, capture_output=True)
        pages = []
        for page in re.findall(r"<page .*?</page>", out.read_text(), re.S):
            size = [float(v) / MM for v in re.search(r'width="([\d.]+)" height="([\d.]+)"', page).groups()]
            places = re.findall(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>', page)
            pages.append((size, [(word, *(float(v) / MM for v in (x1, x2, y1, y2))) for x1, y1, x2, y2, word in places]))
        return pages

    def test_pdf(self):
        for n, key in enumerate(KEYS):
            self.pdf = self.top / f"{n}.pdf"
            self.label(0, label(key), "-o", self.pdf)
            if n == 0:
                self.assertEqual(scan(*self.pages()), ["HUB1:" + label(key)] * 2)
                for page in self.pages():
                    self.assertEqual(sample(read_pgm(page)), self.as_text(key))
            text = subprocess.run(["pdftotext", self.pdf, "-"], check=True, capture_output=True, text=True).stdout
            # a word of 7 is a group; the first one is there twice, once large
            found = re.findall(r"\b[A-Z2-7]{7}\b", text)
            self.assertEqual(sorted(found), sorted(2 * (groups(label(key)) + groups(label(key))[:1])))

    def test_each_code_is_read(self):
        for n, key in enumerate(KEYS):
            rows = modules(self.label(0, label(key), "--text").stdout)
            self.assertEqual(scan(pgm(self.top / f"{n}.pgm", rows)), ["HUB1:" + label(key)])

    def test_damaged_code(self):
        """A thumb's width of dirt on it."""
        rows = modules(self.label(0, label(KEYS[0]), "--text").stdout)
        for row in rows[16:24]:
            row[16:24] = [1] * 8
        self.assertEqual(scan(pgm(self.top / "dirty.pgm", rows)), ["HUB1:" + label(KEYS[0])])

    def test_plain_text_and_places(self):
        model, serial = "W" * 28, r"S/N <1>&(2)\3 " + "m" * 14
        self.label(0, label(KEYS[1]), "-o", self.pdf, "--model", model, "--serial", serial)
        pages = self.words()
        self.assertEqual(len(pages), 2)
        for (width, height), words in pages:
            self.assertAlmostEqual(width, 62, delta=0.1)
            self.assertAlmostEqual(height, 90, delta=0.1)
            for word, left, right, top, bottom in words:
                self.assertGreaterEqual(left, 3, word)
                self.assertLessEqual(right, 59, word)
                self.assertTrue(0 <= top < bottom <= 90, word)
            lines = {}
            for word, left, _, _, bottom in sorted(words, key=lambda w: w[1]):
                lines.setdefault(round(bottom), []).append(word)
            text = "\n".join(" ".join(line) for line in lines.values())
            self.assertIn("Model " + model, text)
            self.assertIn("Serial S/N &lt;1&gt;&amp;(2)\\3 " + "m" * 14, text)
        self.assertEqual(["file" in " ".join(w[0] for w in words) for _, words in pages], [False, True])
        self.assertEqual(scan(*self.pages()), ["HUB1:" + label(KEYS[1])] * 2)

    def test_short_form_is_7_mm_high(self):
        """By the metrics of Courier-Bold: a capital is 562 thousandths of the size."""
        self.label(0, label(KEYS[0]), "-o", self.pdf)
        first = groups(label(KEYS[0]))[0]
        sizes = [float(size) for size, text in
                 re.findall(r"/F\d+ ([\d.]+) Tf.*?\((.*?)\) Tj", self.pdf.read_bytes().decode("latin-1"), re.S) if text == first]
        self.assertEqual(len(sizes), 4)  # large and small, on two pages
        self.assertEqual([size * 0.562 / MM >= 7 for size in sizes], [True, False] * 2)

    def test_svg(self):
        self.label(0, label(KEYS[2]), "--svg", self.svg, "--model", "<Hub> & more")
        root = xml.etree.ElementTree.parse(self.svg).getroot()
        ns = "{http://www.w3.org/2000/svg}"
        self.assertEqual((root.get("width"), root.get("height"), root.get("viewBox")), ("62mm", "180mm", "0 0 62 180"))
        scale = 10
        rows = [[0] * (62 * scale) for _ in range(180 * scale)]
        for rect in root.iter(ns + "rect"):
            if rect.get("fill") == "white":
                continue
            x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
            for row in rows[round(y * scale):round((y + h) * scale)]:
                row[round(x * scale):round((x + w) * scale)] = [1] * (round((x + w) * scale) - round(x * scale))
        self.assertEqual(scan(pgm(self.top / "svg.pgm", rows, 1)), ["HUB1:" + label(KEYS[2])] * 2)
        for top in (0, 90):
            self.assertEqual(sample(rows, top), self.as_text(KEYS[2]))
        texts = [t.text for t in root.iter(ns + "text")]
        self.assertEqual([t for t in texts if re.fullmatch("[A-Z2-7]{7}", t)],
                         2 * (groups(label(KEYS[2]))[:1] + groups(label(KEYS[2]))))
        self.assertEqual(texts.count("Model  <Hub> & more"), 2)

    def test_text(self):
        done = self.label(0, label(KEYS[0]), "--text", "--model", "Hub 3", "--serial", "0123")
        self.assertNotIn("\x1b", done.stdout)
        self.assertIn(" ".join(groups(label(KEYS[0]))) + "\nModel  Hub 3\nSerial 0123\n", done.stdout)

    def test_terminal_is_told_the_colours(self):
        leader, follower = pty.openpty()
        with subprocess.Popen([test_clinicctl.BUILD / "clinicctl", "label", label(KEYS[0]), "--text"], stdout=follower) as process:
            os.close(follower)
            said = b""
            try:
                while part := os.read(leader, 4096):
                    said += part
            except OSError:  # the other end is closed
                pass
            self.assertEqual(process.wait(60), 0)
        os.close(leader)
        lines = [line for line in said.decode().splitlines() if "\x1b[" in line]
        self.assertGreater(len(lines), 15)
        for line in lines:
            self.assertTrue(line.startswith("\x1b[30;107m") and line.endswith("\x1b[0m"), repr(line))

    def test_where_it_is_taken_from(self):
        self.init()
        self.add("attic")
        cert = self.out / "coap/identity.crt"
        public = self.top / "public.pem"
        public.write_bytes(subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], check=True,
                                          capture_output=True).stdout)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], check=True, capture_output=True).stdout
        want = " ".join(groups(label(hashlib.sha256(der).digest())))
        for words in (["--spki", cert], ["--spki", public], ["--hub", "attic", self.dir], [self.dir, "--hub", "attic"]):
            self.assertIn(want, self.label(0, *words, "--text").stdout)
        self.ctl(0, "claim", self.dir, label(KEYS[3]), "--name", "hall")
        self.assertIn(" ".join(groups(label(KEYS[3]))), self.label(0, "--hub", "hall", self.dir, "--text").stdout)
        self.label(66, "--hub", "nobody", self.dir, "--text")
        self.label(66, "--spki", self.top / "nothing", "--text")
        for text in ("", "no PEM", "x" * 5000):
            public.write_text(text)
            self.assertIn("neither", self.label(1, "--spki", public, "--text").stderr)
        public.write_bytes(subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout"], check=True,
                                          capture_output=True).stdout)
        self.label(1, "--spki", public, "--text")

    def test_usage(self):
        text = label(KEYS[0])
        for words in ([], [text], ["--text"], [text[1:], "--text"], [text, "--text", "--model", ""], [text, "--text", "--serial", "s" * 29],
                      [text, "--text", "--model", "Größe"], [text, "--text", "--model", "a\nb"], ["--hub", "a", "--text"],
                      ["--hub", "a", "--spki", "b", "--text"], ["--spki", "a", "b", "--text"], [text, "--text", "--colour", "red"]):
            self.label(64, *words)
        self.label(0, text, "-o", self.pdf)
        before = self.pdf.read_bytes()
        self.assertIn("there already", self.label(73, text, "-o", self.pdf, "--svg", self.svg).stderr)
        self.assertEqual(self.pdf.read_bytes(), before)
        self.assertFalse(self.svg.exists())
        self.label(73, text, "-o", self.top / "no" / "where.pdf")
        self.assertIn("Usage: clinicctl label", self.ctl(0, "label", "--help").stdout)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
