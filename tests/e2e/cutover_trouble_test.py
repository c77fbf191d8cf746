"""What happens to a cutover when its surroundings do not play along: its operator, its command, its servers, its disk,
its proxyd. Whatever it is, the site is wholly on one pool, nobody is left waiting, and what is said is true."""

import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import threading
import unittest

from cutover_case import POST, CutoverCase, children, has_ended, until_kept
from harness import BIN, PATIENCE, answer, eventually


class Trouble(CutoverCase):
    # Its operator.

    def test_an_abort_by_somebody_else_ends_the_command_and_releases_to_the_old_pool(self):
        self.shop()
        running = self.cut_over("--run", "echo begun; sleep 60")
        self.until_stage("run")
        parked = self.parked_post()
        status, out, _ = self.the_proxy.ctl("cutover", "web", "--abort")
        self.assertEqual(status, 0)
        self.assertRegex(out, "web: given up; its command is told to end(.|\n)*on blue")
        self.assertEqual(parked.read_response("POST").body, b"blue")
        status, out, error = self.end_of(running)
        self.assertEqual(status, 1)
        self.assertIn("ended it in stage run", out)
        self.assertIn("told to end", error)
        self.assert_on("blue")
        status, _, error = self.the_proxy.ctl("cutover", "web", "--abort")
        self.assertEqual((status, "is in no cutover" in error), (1, True))

    def test_what_the_command_has_started_ends_with_it(self):
        proxy = self.shop()
        pid_file = proxy.folder / "pid"
        running = self.cut_over("--deadline", "1s", "--run", f"sh -c 'echo $$ >{pid_file}; exec sleep 60' | cat")
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 1)
        self.assertIn("deadline", out)
        pid = int(pid_file.read_text())
        eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the end of the grandchild")
        self.assert_on("blue")

    def test_a_terminal_that_hangs_up_or_an_interrupt_releases_to_the_old_pool(self):
        proxy = self.shop()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                pids = proxy.folder / f"pids-{number}"
                running = self.cut_over("--run", f"sh -c 'echo $$ $PPID >{pids}.new; mv {pids}.new {pids}; sleep 60; echo' | cat")
                eventually(pids.exists, "the command")
                parked = self.parked_post()
                running.send_signal(number)
                self.assertEqual(parked.read_response("POST").body, b"blue")
                self.assertEqual(self.end_of(running)[0], 3 if number != signal.SIGKILL else -number)
                self.assert_on("blue")
                for pid in pids.read_text().split():
                    eventually(lambda pid=pid: not pathlib.Path(f"/proc/{pid}").exists(), "the end of the command")

    def test_an_interrupt_of_all_ends_what_the_command_has_started_though_its_shell_ended_first(self):
        proxy = self.shop()
        for trap in ("", "trap 'exit 0' INT; "):
            with self.subTest(trap):
                pid_file = proxy.folder / f"pid-{len(trap)}"
                running = self.cut_over("--run", f"{trap}sleep 60 >/dev/null 2>&1 & echo $! >{pid_file}.new; "
                                        f"mv {pid_file}.new {pid_file}; wait", start_new_session=True)
                eventually(pid_file.exists, "the command")
                keeper = children(running.pid)[0]
                shell = children(keeper)[0]
                os.kill(keeper, signal.SIGSTOP)
                try:
                    os.killpg(running.pid, signal.SIGINT)
                    self.assertEqual(self.end_of(running)[0], 3)
                    eventually(lambda shell=shell: has_ended(shell), "the end of the shell")
                finally:
                    os.kill(keeper, signal.SIGCONT)
                self.assert_on("blue")
                eventually(lambda pid=int(pid_file.read_text()): has_ended(pid), "the end of what it has started")

    def test_a_command_that_does_not_end_when_it_is_told_to_is_killed_though_proxyctl_is_gone(self):
        proxy = self.shop()
        pid_file = proxy.folder / "pid"
        running = self.cut_over("--run", f"sh -c 'trap : TERM; echo $$ >{pid_file}; while :; do sleep 0.1; done'; true")
        eventually(lambda: pid_file.exists() and pid_file.read_text(), "the command")
        running.kill()
        self.assert_on("blue")
        pid = int(pid_file.read_text())
        eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the end of the command")

    def test_an_interrupt_of_a_watch_stops_only_the_looking_on(self):
        proxy = self.shop()
        screen, end = pty.openpty()
        running = self.cut_over("--watch", "20s", "--return-on-errors", stderr=end, env={**os.environ, "TERM": "xterm"})
        os.close(end)
        seen = b""
        while b"; watching: " not in seen:
            seen += os.read(screen, 1024)
        running.send_signal(signal.SIGINT)
        self.assertEqual(self.end_of(running)[0], 4)
        self.assertIn(b"proxyd goes on watching", os.read(screen, 65536))
        os.close(screen)
        self.green.stop()
        for _ in range(25):
            self.client(proxy).send(POST % b"order").read_response("POST")
        self.assert_on("blue")

    def test_an_operator_who_is_stopped_does_not_keep_the_site_held_beyond_the_end_of_the_command(self):
        self.shop()
        began = self.the_proxy.folder / "began"
        running = self.cut_over("--deadline", "800ms", "--run", f"touch {began}; exec sleep 60")
        eventually(began.exists, "the command")
        running.send_signal(signal.SIGSTOP)
        self.assert_on("blue")
        running.send_signal(signal.SIGCONT)
        self.assertEqual(self.end_of(running)[0], 1)

    def test_wait_follows_a_cutover_whose_operator_was_lost(self):
        self.shop()
        running = self.cut_over("--run", "exec sleep 60")
        self.until_stage("run")
        until_kept(running)
        waiting = self.begin("wait", "web", "--until", "drained")
        live = self.begin("wait", "web", "--until", "live")
        self.assertRaises(subprocess.TimeoutExpired, waiting.wait, 0.2)
        running.kill()
        status, out, _ = self.end_of(waiting)
        self.assertEqual(status, 1)
        self.assertIn("web is on blue, the cutover came to nothing", out)
        self.assertEqual(self.end_of(live)[0], 0)

    def test_the_second_operator_is_told_who_is_first(self):
        proxy = self.shop()
        running = self.cut_over("--run", "exec sleep 60")
        self.until_stage("run")
        until_kept(running)
        epoch = self.proxy_epoch()
        for command in (["cutover", "web", "--to", "green"], ["mode", "live", "web"], ["reload"]):
            status, _, error = proxy.ctl(*command)
            self.assertEqual(status, 1, error)
            self.assertRegex(error, r"web is in a cutover from blue to green by .*, stage run")
            self.assertIn("to give it up: proxyctl cutover web --abort", error)
        proxy.signal(signal.SIGHUP)
        proxy.wait_until_said("reload_refused")
        self.assertEqual(self.proxy_epoch(), epoch)
        running.kill()
        self.assert_on("blue")

    def proxy_epoch(self):
        return self.the_proxy.admin("GET", "/v1/status")[1]["epoch"]

    # Its command.

    def test_the_output_of_the_command_is_streamed_and_kept(self):
        proxy = self.shop()
        gate = proxy.folder / "gate"
        running = self.cut_over("--run", f"echo first; while [ ! -e {gate} ]; do sleep 0.02; done; echo second >&2")
        self.assertEqual(running.stdout.readline(), "first\n")
        gate.touch()
        status, out, error = self.end_of(running)
        self.assertEqual(status, 0, out + error)
        entries = json.loads(proxy.ctl("history", "--json")[1])["entries"]
        self.assertEqual([entry["output"] for entry in entries if "output" in entry], ["first\nsecond\n"])

    def test_output_without_end_neither_blocks_the_command_nor_fills_the_history(self):
        proxy = self.shop()
        with open(os.devnull, "wb") as nowhere:
            running = subprocess.Popen(
                [BIN / "proxyctl", "cutover", "web", "--to", "green", "--socket", proxy.socket_path, "--run",
                 "head -c 3000000 /dev/urandom; sleep 30 &"], stdout=nowhere, stderr=nowhere)
        self.assertEqual(running.wait(3 * PATIENCE), 0)
        entries = json.loads(proxy.ctl("history", "--json")[1])["entries"]
        self.assertLessEqual(max(len(entry.get("output", "")) for entry in entries), 4096)

    # Its servers.

    def test_a_new_pool_that_dies_while_the_command_runs_is_not_moved_to(self):
        self.shop()
        gate, running = self.gated_cut_over()
        parked = self.parked_post()
        self.green.stop()
        gate.touch()
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 1)
        self.assertIn("the check of green failed", out)
        self.assertEqual(parked.read_response("POST").body, b"blue")
        self.assert_on("blue")

    def test_a_server_taken_out_of_the_new_pool_meanwhile_is_noticed(self):
        proxy = self.shop()
        gate, running = self.gated_cut_over()
        self.assertEqual(proxy.ctl("server", "disable", "green", self.green.address)[0], 0)
        gate.touch()
        status, out, _ = self.end_of(running)
        self.assertEqual((status, "no server of green is ready" in out), (1, True), out)
        self.assert_on("blue")

    def test_a_new_pool_with_errors_is_reported_or_left(self):
        self.green.script = answer(b"broken", status="500 Internal Server Error")
        proxy = self.shop()
        for options, expected, pool, says in (
                ([], 4, "green", "web is on green, but not well"), (["--return-on-errors"], 1, "blue", "back on blue")):
            with self.subTest(options):
                running = self.cut_over("--watch", "2s", *options)
                self.until_stage("watch")
                for _ in range(25):
                    self.client(proxy).get()
                status, out, error = self.end_of(running)
                self.assertEqual(status, expected, out + error)
                self.assertIn(says, out)
                self.assertRegex(out, r"2\d of 2\d answers of green were errors")
                self.assertEqual(self.site()["pool"], pool)
                if pool == "green":
                    self.assertEqual(proxy.ctl("rollback", "web")[0], 0)

    def test_a_watch_that_somebody_else_ends_is_not_done(self):
        proxy = self.shop()
        running = self.cut_over("--watch", "20s")
        self.until_stage("watch")
        self.assertEqual(proxy.ctl("rollback", "web")[0], 0)
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 1, out)
        self.assertIn("ended the watch", out)
        self.assertNotIn("switched off", out)

    def test_a_pool_that_was_sent_no_write_has_no_last_one(self):
        proxy = self.shop()
        self.assertEqual(self.client(proxy).send(POST % b"order").read_response("POST").status, 200)
        self.assertIn("last write on blue ended", self.end_of(self.cut_over())[1])
        status, out, _ = proxy.ctl("rollback", "web")
        self.assertEqual(status, 0, out)
        self.assertNotIn("last write", out)

    def test_a_slice_that_a_rollback_brings_back_may_have_had_writes_meanwhile(self):
        proxy = self.shop()
        acme = ("--match", "header:X-Tenant=acme")
        self.assertEqual(self.end_of(self.cut_over(*acme))[0], 0)
        self.assertEqual(self.end_of(self.cut_over())[0], 0)
        self.assertEqual(proxy.ctl("rollback", "web")[0], 0)
        status, _, error = proxy.ctl("rollback", "web", *acme)
        self.assertEqual((status, "--discard-writes" in error), (1, True), error)

    def test_writes_that_the_new_pool_has_accepted_forbid_the_way_back(self):
        self.green.script = answer(b"broken", status="500 Internal Server Error")
        proxy = self.shop()
        gate, running = self.gated_cut_over("--watch", "1s", "--return-on-errors")
        parked = self.parked_post()
        gate.touch()
        self.assertEqual(parked.read_response("POST").status, 500)
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 4)
        self.assertIn("it has accepted writes, and --discard-writes was not given, so web stays there", out)
        self.assertIn("has accepted 1 write since", proxy.ctl("rollback", "web")[2])

    def test_a_new_pool_that_dies_after_the_flip_is_left_though_writes_were_tried(self):
        proxy = self.shop()
        running = self.cut_over("--watch", "20s", "--return-on-errors")
        self.until_stage("watch")
        self.green.stop()
        statuses = [self.client(proxy).send(POST % b"order").read_response("POST").status for _ in range(25)]
        self.assertGreaterEqual(min(statuses[:20]), 502)  # so many tell: it may be back before the others
        status, out, error = self.end_of(running)
        self.assertEqual((status, "back on blue" in out), (1, True), out + error)
        self.assert_on("blue")

    # Its old side.

    def test_no_connection_is_kept_to_the_pool_that_was_left(self):
        proxy = self.shop(pool="health = { active = false }\ntimeouts = { idle = '60s' }")
        for _ in range(3):
            self.assertEqual(self.client(proxy).get().status, 200)
        self.assertGreater(self.blue.open_connections, 0)
        self.assertEqual(self.end_of(self.cut_over())[0], 0)
        eventually(lambda: self.blue.open_connections == 0, "the end of idle connections")

    def test_the_receipt_names_the_last_write_there_and_the_first_one_here(self):
        proxy = self.shop()
        self.client(proxy).send(POST % b"old").read_response("POST")
        gate, running = self.gated_cut_over("--json")
        parked = self.parked_post()
        gate.touch()
        self.assertEqual(parked.read_response("POST").body, b"green")
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 0)
        cutover = json.loads(out)["receipt"]["cutover"]
        self.assertLess(cutover["last_write_at"], cutover["flip_at"])
        self.assertGreaterEqual(cutover["first_write_at"], cutover["flip_at"])

    # Its disk.

    def test_a_disk_that_takes_nothing_refuses_before_the_hold_and_is_not_needed_after_it(self):
        proxy = self.shop()
        self.fill_disk(proxy)
        status, _, error = self.end_of(self.cut_over())
        self.assertEqual(status, 1, error)
        self.assertIn("nothing has changed", error)
        self.free_disk(proxy)
        gate, running = self.gated_cut_over()
        self.fill_disk(proxy)
        gate.touch()
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 0, out)
        self.free_disk(proxy)
        self.assert_on("green")
        proxy.kill()
        proxy.start()
        self.assert_on("green")

    @staticmethod
    def fill_disk(proxy):
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    @staticmethod
    def free_disk(proxy):
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    # Its proxyd.

    def test_a_proxyd_that_is_told_to_end_answers_who_waits_and_says_where_the_site_comes_up(self):
        proxy = self.shop()
        running = self.cut_over("--run", "exec sleep 60")
        self.until_stage("run")
        parked = self.parked_post()
        proxy.signal(signal.SIGTERM)
        response = parked.read_response("POST")
        self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (503, "1"))
        status, _, error = self.end_of(running)
        self.assertEqual(status, 3, error)
        self.assertIn("web will come up on blue", error)
        proxy.wait()
        proxy.start()
        self.assert_on("blue")

    # Its own bounds.

    def test_drains_that_time_out_go_back_or_cut(self):
        for cut in (False, True):
            with self.subTest(cut=cut):
                go_on = threading.Event()
                self.blue.script = lambda exchange, go_on=go_on: (
                    exchange.read_body(), exchange.wait(go_on), exchange.send(answer(b"blue")))
                self.shop()
                slow = self.client(self.the_proxy).send(POST % b"slow")
                self.blue.wait_for_requests(1)
                running = self.cut_over("--drain", "300ms", *["--cut"][: cut])
                status, out, _ = self.end_of(running)
                self.assertIn("/slow", out)
                self.assertEqual(status, 0 if cut else 1, out)
                go_on.set()
                self.assertEqual(slow.read_response("POST").status, 502 if cut else 200)
                self.blue.script = answer(b"blue")
                self.assert_on("green" if cut else "blue")
                self.blue.requests.clear()

    def test_a_hold_that_overflows_refuses_and_the_receipt_says_so(self):
        proxy = self.shop(site="hold = { max_requests = 1 }")
        gate, running = self.gated_cut_over("--json")
        parked = self.parked_post()
        for _ in range(2):
            self.assertEqual(self.client(proxy).send(POST % b"too-many").read_response("POST").status, 503)
        gate.touch()
        self.assertEqual(parked.read_response("POST").body, b"green")
        status, out, _ = self.end_of(running)
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out)["receipt"]["cutover"]["refused"], 2)

    # Its mode.

    def test_a_site_in_an_operators_hold_moves_and_stays_held_until_that_ends(self):
        proxy = self.shop()
        self.assertEqual(proxy.ctl("mode", "hold", "web", "--for", "20s")[0], 0)
        parked = self.parked_post()
        status, out, error = self.end_of(self.cut_over())
        self.assertEqual(status, 0, error)
        self.assertIn("web stays in hold", out)
        self.assert_on("green", "hold")
        self.assertEqual(proxy.ctl("mode", "live", "web")[0], 0)
        self.assertEqual(parked.read_response("POST").body, b"green")

    def test_readonly_and_maintenance_stay(self):
        proxy = self.shop()
        for mode, target in (("readonly", "green"), ("maintenance", "blue")):
            self.assertEqual(proxy.ctl("mode", mode, "web")[0], 0)
            status, out, error = self.end_of(self.begin("cutover", "web", "--to", target))
            self.assertEqual(status, 0, error)
            self.assertIn(f"web stays in {mode}", out)
            self.assert_on(target, mode)


if __name__ == "__main__":
    unittest.main()
