"""systemd reads the unit we ship without a complaint: it goes past what it does not know, and says so only here."""

import pathlib
import subprocess
import tempfile
import unittest

import tree

UNIT = tree.ROOT / "docs/proxyd.service"
INSTALLED = "/usr/local/bin/"


def complaints(text):
    """Of a unit whose programs are there."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("proxyd", "proxyctl"):
            program = pathlib.Path(folder, name)
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
        unit = pathlib.Path(folder, "proxyd.service")
        unit.write_text(text.replace(INSTALLED, f"{folder}/"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False,
                              timeout=60)
        return done.stdout + done.stderr + (f"exit status {done.returncode}" if done.returncode else "")


class UnitFile(unittest.TestCase):
    def test_systemd_understands_every_line(self):
        self.assertEqual(complaints(UNIT.read_text()), "")

    def test_a_line_that_it_does_not_understand_would_be_seen(self):
        text = UNIT.read_text()
        for line, broken in (("ProtectHome=yes", "ProtectHme=yes"), ("RestartSec=100ms", "RestartSec=100mx"),
                             ("ExecReload=" + INSTALLED, "ExecReload=/nowhere/")):
            with self.subTest(broken):
                self.assertIn(line, text)
                self.assertNotEqual(complaints(text.replace(line, broken)), "")


if __name__ == "__main__":
    unittest.main()
