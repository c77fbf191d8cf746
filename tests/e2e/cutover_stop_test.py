"""A command that is given up and does not end at once: no write goes to the old pool while anything of it runs, for it may
still make the new one the right one."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from cutover_case import CutoverCase, children, has_ended, state_of
from harness import BIN, PATIENCE, eventually

# Tells its pid, and takes a while to end when it is told to: long enough to see who does not wait for it. It has no use
# for the pipes of a proxyctl that is gone: the shell would die of writing there.
SLOW_TO_END = "exec >/dev/null 2>&1; trap 'sleep 1; exit 0' TERM; echo $$ >{0}.new; mv {0}.new {0}; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; echo $$ >{0}.new; mv {0}.new {0}; while :; do sleep 0.1; done"


class Stop(CutoverCase):
    def run_command(self, command, *options):
        """A cutover whose command runs; with the pid of its shell, which lives on in a keeper's care."""
        self.pid_file = self.shop().folder / "pid"
        running = self.cut_over(*options, "--run", command.format(self.pid_file))
        eventually(self.pid_file.exists, "the command")
        return running, int(self.pid_file.read_text())

    def assert_released_after(self, parked, pid):
        self.assertEqual(parked.read_response("POST").body, b"blue")
        self.assertTrue(has_ended(pid), "a write went to blue while the command ran")
        self.assert_on("blue")

    def test_after_the_deadline_writes_wait_until_a_deaf_command_is_killed(self):
        running, pid = self.run_command(DEAF, "--deadline", "4s")
        self.assert_released_after(self.parked_post(), pid)
        status, out, error = self.end_of(running)
        self.assertEqual(status, 1)
        self.assertIn("the deadline of 4s passed in stage run", out)
        self.assertIn("writes wait until nothing of it runs", error)
        self.assertNotIn("was not heard", out)

    def test_an_abort_returns_when_the_command_has_ended_and_writes_go_on(self):
        running, pid = self.run_command(SLOW_TO_END)
        parked = self.parked_post()
        status, out, _ = self.the_proxy.ctl("cutover", "web", "--abort")
        self.assertTrue(has_ended(pid))
        self.assertEqual(status, 0)
        self.assertRegex(out, "given up; its command is told to end, and writes wait until it has")
        self.assert_released_after(parked, pid)
        self.assertEqual(self.end_of(running)[0], 1)

    def test_what_runs_the_command_of_a_proxyctl_that_is_gone_says_when_it_has_ended(self):
        for number in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(number):
                running, pid = self.run_command(SLOW_TO_END)
                parked = self.parked_post()
                running.send_signal(number)
                self.assert_released_after(parked, pid)

    def test_what_a_thread_of_the_command_has_started_is_told_to_end_too(self):
        child = "trap 'touch {0}.tidied; exit' TERM; echo $$ >{0}.new; mv {0}.new {0}; while :; do sleep 0.1; done"
        wrapper = ("import subprocess, threading; threading.Thread(target=subprocess.call, "
                   "args=([\"sh\", \"-c\", r\"\"\"%s\"\"\"],)).start()")
        running, pid = self.run_command(f"exec {sys.executable} -c '{wrapper}'" % child.replace("'", "'\\''"))
        self.assertEqual(self.the_proxy.ctl("cutover", "web", "--abort")[0], 0)
        self.assertEqual((has_ended(pid), pathlib.Path(f"{self.pid_file}.tidied").exists()), (True, True))
        self.assertEqual(self.end_of(running)[0], 1)

    def test_a_killed_keeper_is_not_taken_for_the_end_of_the_command(self):
        running, pid = self.run_command(DEAF)
        parked = self.parked_post()
        os.kill(children(running.pid)[0], signal.SIGKILL)
        self.assertIn("something of the command may run on", self.said(running))
        self.assertEqual((has_ended(pid), self.site()["cutover"]["stage"]), (False, "run"))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: has_ended(pid), "the end of the command")
        self.assertEqual(self.the_proxy.ctl("cutover", "web", "--abort", "--now")[0], 0)
        self.assert_released_after(parked, pid)
        self.assertEqual(self.end_of(running)[0], 1)

    @staticmethod
    def said(running):
        """What proxyctl says when the command's end is not known."""
        return next((line for line in running.stderr if "was killed" in line), "")

    def test_where_nobody_can_say_it_the_site_stays_held_until_an_operator_says_so(self):
        running, pid = self.run_command(SLOW_TO_END)
        parked = self.parked_post()
        keeper = children(running.pid)[0]  # what would have ended the command
        running.send_signal(signal.SIGSTOP)
        eventually(lambda: state_of(running.pid) == "T", "a proxyctl that says nothing any more")
        os.kill(keeper, signal.SIGKILL)
        running.kill()
        self.until_stage("stop")
        eventually(lambda: has_ended(pid), "the end of the command")
        status, _, error = self.the_proxy.ctl("cutover", "web", "--abort")
        self.assertEqual((status, "--abort --now" in error), (1, True), error)
        self.assertEqual(self.site()["mode"], "hold")
        status, out, _ = self.the_proxy.ctl("cutover", "web", "--abort", "--now")
        self.assertEqual((status, out), (0, "web: given up; the site is on blue\n"))
        self.assert_released_after(parked, pid)

    def test_a_cutover_that_is_given_up_as_its_command_is_told_to_begin_begins_none(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path, marker = pathlib.Path(folder.name, "admin.sock"), pathlib.Path(folder.name, "begun")
        progress = '{"progress":{"stage":"%s","id":2,"site":"web","left_ms":9000,"env":{}}}\n'
        heard = []
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen()
            running = subprocess.Popen([BIN / "proxyctl", "--socket", path, "cutover", "web", "--to", "green", "--run",
                                        f"touch {marker}"], stderr=subprocess.DEVNULL)
            self.addCleanup(running.wait, PATIENCE)
            self.addCleanup(running.kill)
            listening.settimeout(PATIENCE)
            with listening.accept()[0] as cutover:
                cutover.recv(65536)
                lines = (progress % "run" + progress % "stop").encode()
                cutover.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(lines), lines))
                with listening.accept()[0] as word:
                    word.settimeout(PATIENCE)
                    while not heard or b'"output"' not in heard[-1]:
                        heard.append(word.recv(65536))
                        self.assertTrue(heard[-1])
        self.assertIn(b'"stopped":true', b"".join(heard))
        self.assertFalse(marker.exists())


if __name__ == "__main__":
    unittest.main()
