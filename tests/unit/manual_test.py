"""Manual page and completions are what the program says of itself, and the tools that read them accept them."""

import os
import pathlib
import subprocess
import unittest

BIN = pathlib.Path(os.environ["DRAWBRIDGE_BIN"])
SHARE = BIN.parent / "share"
PROGRAMS = {"proxyctl": 1, "proxyd": 8}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def files_of(program, section):
    return {
        "--man": SHARE / f"man/man{section}/{program}.{section}",
        "--completion bash": SHARE / f"bash-completion/completions/{program}",
        "--completion zsh": SHARE / f"zsh/site-functions/_{program}",
    }


def complete(line):
    """The words that bash offers behind `line`."""
    words = line.split(" ")
    script = f"""
        source {SHARE}/bash-completion/completions/proxyctl
        proxyctl() {{ [[ $* == 'help --names SITE' ]] && printf 'shop\\nsearch\\n'; }}
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        _proxyctl; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return set(run("bash", "-c", script).stdout.split())


class Manual(unittest.TestCase):
    def test_files_in_share_are_what_the_programs_say_now(self):
        for program, section in PROGRAMS.items():
            for arguments, path in files_of(program, section).items():
                with self.subTest(path=path):
                    said = run(BIN / program, "help", *arguments.split())
                    self.assertEqual(said.returncode, 0)
                    self.assertEqual(path.read_text(encoding="utf-8"), said.stdout)

    def test_groff_has_nothing_to_complain_about(self):
        for program, section in PROGRAMS.items():
            done = run("groff", "-man", "-ww", "-Tutf8", "-z", files_of(program, section)["--man"])
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_shells_can_read_their_completions(self):
        for program, section in PROGRAMS.items():
            for shell in ("bash", "zsh"):
                done = run(shell, "-n", files_of(program, section)[f"--completion {shell}"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_bash_offers_commands_values_and_names(self):
        self.assertEqual(complete("proxyctl sta"), {"status"})
        self.assertEqual(complete("proxyctl server "), {"drain", "ready", "disable"})
        self.assertEqual(complete("proxyctl mode "), {"live", "readonly", "hold", "maintenance"})
        self.assertEqual(complete("proxyctl mode readonly s"), {"shop", "search"})
        self.assertEqual(complete("proxyctl mode readonly --then l"), {"live"})
        self.assertEqual(complete("proxyctl --socket /x mode r"), {"readonly"})
        self.assertEqual(complete("proxyctl wait --until dr"), {"drained"})
        self.assertEqual(complete("proxyctl page preview shop --as j"), {"json"})
        self.assertIn("--reason", complete("proxyctl mode live --re"))
        self.assertEqual(complete("proxyctl mode live --reason "), set())


class ExitCodes(unittest.TestCase):
    def test_a_wrong_command_line_is_two_and_an_absent_daemon_is_three(self):
        environment = {"DRAWBRIDGE_SOCKET": "/nonexistent/admin.sock", "PATH": os.environ["PATH"]}
        wrong = run(BIN / "proxyctl", "staus", env=environment)
        self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
        absent = run(BIN / "proxyctl", "status", env=environment)
        self.assertEqual((absent.returncode, absent.stdout), (3, ""))
        self.assertIn("/nonexistent/admin.sock", absent.stderr)

    def test_versions_are_told_even_if_no_daemon_answers(self):
        done = run(BIN / "proxyctl", "--socket", "/nonexistent/x", "version")
        self.assertEqual(done.returncode, 3)
        self.assertTrue(done.stdout.startswith("proxyctl "))

    def test_help_is_zero_and_goes_to_standard_output(self):
        done = run(BIN / "proxyctl", "mode", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--drain", done.stdout)


if __name__ == "__main__":
    unittest.main()
