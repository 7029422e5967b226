#!/usr/bin/env python3
"""What clinicctl says of itself agrees: each verb's --help, the manual page, and what a real bash completes.

    test_clinicctl_help.py [BUILD]      as test_clinicctl.py
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import unittest

import test_clinicctl
from test_clinicctl import Clinic

PAGE = pathlib.Path(__file__).parents[2] / "clinic/clinicctl.1"


class Help(Clinic):
    def verbs(self):
        text = self.ctl(0, "--help").stdout
        return re.findall(r"^  ([a-z]+) ", text, re.M)

    def help(self, verb):
        return self.ctl(0, verb, "--help").stdout

    def synopses(self, verb):
        """(part or '', text) of each synopsis."""
        return [(m[1] or "", m[0]) for m in
                re.finditer(rf"^(?:Usage: |       )clinicctl {verb}(?: ([a-z][a-z-]*)(?= |$))?.*(?:\n {{9,}}.*)*", self.help(verb), re.M)]

    def options(self, text):
        return set(re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[a-z])(?![\w-])", text))


class Page(Help):
    def page_of(self, verb, part):
        """The text of the synopses in the manual."""
        synopsis = PAGE.read_text().split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")[0]
        name = f"{verb} {part}".strip()
        return "".join(block for block in re.split(r"^\.Nm$", synopsis, flags=re.M) for first in [block.strip().split("\n")[0]]
                       if first == f".Cm {name}")

    def test_each_verb_part_and_option_is_in_the_synopsis(self):
        missing = []
        for verb in self.verbs():
            self.assertTrue(self.synopses(verb), verb)
            for part, text in self.synopses(verb):
                page = self.page_of(verb, part)
                if verb == "completion":
                    continue  # its parts are names of shells, in one synopsis
                if not page:
                    missing.append(f"{verb} {part}")
                missing += [f"{verb} {part} {option}" for option in self.options(text)
                            if f"Fl {option[1:]}" not in re.sub(r"\s+", " ", page)]
        self.assertEqual(missing, [])

    def test_the_page_names_no_option_that_is_not_there(self):
        synopsis = PAGE.read_text().split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")[0]
        known = set().union(*(self.options(self.help(verb)) for verb in self.verbs())) | {"--clinic", "--key", "--passphrase-file"}
        named = {"-" + option for option in re.findall(r"Fl (-?[a-z][a-z0-9-]*)", synopsis)}
        self.assertEqual(named - known, set())

    def test_what_can_be_asked_from_elsewhere_is_said(self):
        far = self.ctl(0, "--help").stdout.split("a person's folder, for:\n")[1].split("\n")[0]
        page = PAGE.read_text().split("The last two serve")[1].split("lists them.")[0]
        for verb, parts in re.findall(r"([a-z]+)(?: \(([a-z -]+)\))?", far):
            for part in parts.split() or [""]:
                self.assertIn(f".Cm {verb} {part}".strip() + "\n", re.sub(r" [,;]\n", "\n", page))

    def test_which_verb_works_where(self):
        """The table in CLINIC.md says what the program does."""
        far = self.ctl(0, "--help").stdout.split("a person's folder, for:\n")[1].split("\n")[0]
        can = {f"{verb} {part}".strip() for verb, parts in re.findall(r"([a-z]+)(?: \(([a-z -]+)\))?", far)
               for part in parts.split() or [""]}
        table = (PAGE.parents[1] / "docs/CLINIC.md").read_text().split("# Which verb works where")[1].split("\n# ")[0]
        rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
        says = {where.strip(): set() for _, where in rows}
        for verbs, where in rows:
            says[where.strip()] |= set(re.findall(r"`([a-z -]+)`", verbs))
        self.assertEqual(says["anywhere"], can)
        (self.top / "of-ann").mkdir()
        (self.top / "of-ann/door.conf").write_text("name = clinic.example\nport = 1\n")
        for words in says["the clinic's folder"]:
            said = self.ctl(64, *words.split(), self.top / "of-ann", "x").stderr
            self.assertRegex(said, f"{words}.* needs the clinic's folder; .* is none: .*. Say it on the clinic's machine")

    def test_options_in_help_are_taken(self):
        """None of them is unknown to the program."""
        for verb in self.verbs():
            for part, text in self.synopses(verb):
                for option in self.options(text):
                    done = subprocess.run([test_clinicctl.BUILD / "clinicctl", verb, *([part] if part else []), "/nonexistent", "x",
                                           option], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                                          cwd=self.top)
                    self.assertNotRegex(done.stderr, "unrecognized option|invalid option", (verb, part, option))


class Json(Help):
    """Each verb has --json, and the manual names what is in it."""

    # a drawing, a talk, a script for a shell, a secret that is typed
    WITHOUT = {("label", ""), ("completion", "bash"), ("completion", "zsh"), ("passphrase", "")}

    def test_each_verb_and_part_has_it(self):
        missing = {(verb, part) for verb in self.verbs() for part, text in self.synopses(verb)
                   if "--json" not in text and not (verb == "visit" and "--show" not in text)}
        self.assertEqual(missing, self.WITHOUT)

    def names(self, value):
        """Of all objects in it; not the keys of those that are lists by name."""
        if isinstance(value, list):
            return set().union(*map(self.names, value))
        if not isinstance(value, dict):
            return set()
        return set(value) | set().union(*(self.names(v) for k, v in value.items() if k not in ("left", "devices", "plan", "limits")))

    def test_what_is_in_it_is_in_the_manual(self):
        told = PAGE.read_text().split(".Sh JSON")[1].split(".Sh EXIT STATUS")[0]
        told = {word for line in re.findall(r"\.(?:It |Pq |Po )?Va ([^\n]*)", told) for word in re.findall(r"[a-z_0-9]+", line)}
        label = "HUB1:AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQBYBK"
        out, bundle, why, device = self.top / "clinic.trust", self.top / "hall", ("--reason", "x"), test_clinicctl.DEVICE
        for words in (["init", self.dir, "--name", "clinic.example", "--address", "192.0.2.1"],
                      ["hub", "add", self.dir, "kitchen", "--out", bundle, "--device", device], ["hub", "list", self.dir],
                      ["hub", "show", self.dir, "kitchen"], ["hub", "pair-window", self.dir, "kitchen", "1"],
                      ["hub", "suspend", self.dir, "kitchen", *why], ["hub", "resume", self.dir, "kitchen"],
                      ["hub", "withdraw", self.dir, "kitchen", "1", *why], ["held", self.dir, "--journal"],
                      ["held", self.dir, "kitchen", "--release", *why], ["claim", self.dir, label, "--name", "attic"],
                      ["claim", self.dir, label], ["ticket", "create", self.dir, "-o", self.top / "clinic.ticket"],
                      ["ticket", "list", self.dir], ["enrol", "list", self.dir], ["enrol", "approve", self.dir, "attic"],
                      ["claim", self.dir, "--cancel", "attic"], ["trust", self.dir, "-o", out], ["trust", "show", out],
                      ["assign", self.dir, "kitchen", "--patient", "P-1"], ["assign", self.dir, "kitchen", "--unassign"],
                      ["signer", "add", self.dir, "tech", "--role", "technician"], ["signer", "list", self.dir],
                      ["signer", "give", self.dir, "kitchen"], ["network", self.dir, "kitchen", "--dhcp"], ["signer", "remove", self.dir, "tech"],
                      ["person", "add", self.dir, "ann", "--role", "auditor", "--out", self.top / "ann", "--port", "5690"],
                      ["person", "list", self.dir], ["person", "revoke", self.dir, "ann"], ["keys", "next", self.dir, "server"],
                      ["config", "edit", self.dir, "kitchen", "--yes"]):
            done = subprocess.run([test_clinicctl.BUILD / "clinicctl", *map(str, words), "--json"], capture_output=True, text=True,
                                  timeout=60, cwd=self.top, env={**os.environ, "EDITOR": "true"})
            self.assertEqual(done.returncode, 0, (words, done.stderr))
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertTrue(lines, words)
            for line in lines:
                self.assertEqual(self.names(line) - told, set(), words)


@unittest.skipUnless(shutil.which("bash"), "SKIP: no bash")
class Completion(Help):
    def bash(self, script):
        return subprocess.run(["bash", "--norc", "-c", f"PATH={test_clinicctl.BUILD}:$PATH\n. {PAGE.parent}/clinicctl.bash\n" + script],
                              capture_output=True, text=True, timeout=60, check=True, cwd=self.top).stdout

    def complete(self, *words):
        array = " ".join(map(shlex.quote, ["clinicctl", *words]))
        return self.bash(f"COMP_WORDS=({array}); COMP_CWORD={len(words)}; _clinicctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"").split()

    def test_bash_knows_it(self):
        self.assertEqual(self.bash("complete -p clinicctl").strip(), "complete -o default -F _clinicctl clinicctl")

    def test_verbs(self):
        self.assertEqual(set(self.complete("")), {*self.verbs(), "--help", "--version", "--clinic", "--key", "--passphrase-file"})
        self.assertEqual(self.complete("sta"), ["status"])
        self.assertEqual(self.complete("--clinic", "x", "sta"), ["status"])

    def test_parts_and_options(self):
        for verb in self.verbs():
            parts = {part for part, _ in self.synopses(verb) if part}
            self.assertEqual(set(self.complete(verb, "")), parts, verb)
            for part in {part for part, _ in self.synopses(verb)}:
                want = set().union(*(self.options(text) for p, text in self.synopses(verb) if p == part)) | {"--help"}
                self.assertEqual(set(self.complete(verb, *([part] if part else []), "-")), want, (verb, part))
                self.assertEqual(self.complete(verb, *([part] if part else []), "x", "y"), [])
        self.assertIn("list", self.complete("hub", ""))
        self.assertIn("--silent-after", self.complete("--clinic", "x", "status", "--s"))

    def test_zsh_gets_the_same(self):
        zsh = self.ctl(0, "completion", "zsh").stdout
        self.assertTrue(zsh.startswith("#compdef clinicctl\n"))
        self.assertTrue(zsh.endswith(self.ctl(0, "completion", "bash").stdout))
        self.ctl(64, "completion", "fish")
        self.ctl(64, "completion")


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
