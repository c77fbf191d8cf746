"""A site moves between two servers that share nothing while clients increment registers: none is lost, doubled or
refused; and whatever fails or is killed on the way, the site is wholly on one of the two."""

import argparse
import contextlib
import json
import signal
import subprocess
import threading
import time
import unittest

from cutover_case import until_kept
from harness import BIN, PATIENCE, TRANSPORT, Cut, TestProxy, eventually, visit
from register_servers import COPY, RegisterServer

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--cutovers", type=int, default=50)
ARGUMENTS = OPTIONS.parse_args()
CLIENTS = 12

CONFIG = """
[server]
workers = 4
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "off"
[[listener]]
address = "127.0.0.1:0"
{listener}
[pool.blue]
servers = ["{blue}"]
health = {{ path = "/healthz", timeout = "10s" }}
[pool.green]
servers = ["{green}"]
health = {{ path = "/healthz", timeout = "10s" }}
[site.shop]
pool = "blue"
"""


def ask(visitor, method, path):
    answer = visitor.ask(method, path, body=b"" if method == "POST" else None)
    return answer.status, answer.body.decode()


class Client(threading.Thread):
    """The only writer of one register: each answer must be its own last value plus one, each read exactly that."""

    def __init__(self, address, name):
        super().__init__()
        self.address, self.name_of_register = address, name
        self.value, self.problems, self.longest = 0, [], 0.0
        self.ended = threading.Event()

    def run(self):
        try:
            with visit(self.address) as visitor:
                while not self.ended.is_set() and not self.problems:
                    self.step(visitor)
        except (OSError, AssertionError, Cut) as error:
            self.problems.append(repr(error))

    def step(self, visitor):
        begin = time.monotonic()
        written = ask(visitor, "POST", f"/inc/{self.name_of_register}")
        self.longest = max(self.longest, time.monotonic() - begin)
        if written != (200, str(self.value + 1)):
            self.problems.append(f"an increment after {self.value} was answered {written}")
            return
        self.value += 1
        read = ask(visitor, "GET", f"/get/{self.name_of_register}")
        if read != (200, str(self.value)):
            self.problems.append(f"a read after {self.value} was answered {read}")


class Cutover(unittest.TestCase):
    def setUp(self):
        self.blue, self.green = RegisterServer(), RegisterServer()
        self.addCleanup(self.blue.stop)
        self.addCleanup(self.green.stop)
        self.proxy = TestProxy(config=CONFIG.format(
            listener=TRANSPORT.listener(), blue=self.blue.address, green=self.green.address))
        self.addCleanup(self.proxy.remove)
        self.addCleanup(self.proxy.stop)
        self.copy = self.proxy.folder / "copy.sh"
        self.copy.write_text(COPY.format(blue=self.blue.address, green=self.green.address, folder=self.proxy.folder))
        self.copy.chmod(0o755)

    def site(self):
        return self.proxy.admin("GET", "/v1/status")[1]["sites"][0]

    def begin(self, *arguments):
        return subprocess.Popen([BIN / "proxyctl", *arguments, "--socket", self.proxy.socket_path],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def increment(self, register):
        """(status, body) over a connection of its own."""
        with visit(self.proxy.address) as visitor:
            return ask(visitor, "POST", f"/inc/{register}")

    def assert_as_before(self):
        site = self.site()
        self.assertEqual((site["pool"], site["mode"], site.get("cutover")), ("blue", "live", None))
        self.assertEqual(self.increment("after")[0], 200)

    def until_in_run(self):
        eventually(lambda: self.site().get("cutover", {}).get("stage") == "run", "stage run")

    @contextlib.contextmanager
    def clients(self):
        clients = [Client(self.proxy.address, f"r{number}") for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield clients
        finally:
            for client in clients:
                client.ended.set()
            for client in clients:
                client.join(3 * PATIENCE)

    def move(self, pool, command):
        status, out, error = self.proxy.ctl("cutover", "shop", "--to", pool, "--run", command, "--json")
        self.assertEqual(status, 0, out + error)
        self.assertEqual(self.site()["pool"], pool)
        return json.loads(out)["receipt"]

    def test_no_increment_is_lost_doubled_or_refused(self):
        with self.clients() as clients:
            receipts = [self.move(("green", "blue")[number % 2], str(self.copy)) for number in range(ARGUMENTS.cutovers)]
        self.assertEqual([client.problems for client in clients if client.problems], [])
        total = sum(client.value for client in clients)
        self.assertEqual(self.blue.increments + self.green.increments, total)
        self.assertTrue(all(receipt["result"] == "done" for receipt in receipts), receipts)
        self.assertTrue(all(receipt["cutover"]["refused"] == 0 for receipt in receipts))
        self.assertGreater(sum(receipt["cutover"]["parked"]["waiting"] for receipt in receipts), len(receipts))
        held = sorted(receipt["cutover"]["held_ms"] for receipt in receipts)
        print(f"{len(receipts)} cutovers under {total} increments: held {held[len(held) // 2]} ms (median, the copy "
              f"included), {held[-1]} ms at most; the longest increment {max(c.longest for c in clients):.3f} s")

    def test_the_clients_would_notice_a_move_that_leaves_writes_behind(self):
        with self.clients() as clients:
            eventually(lambda: all(client.value for client in clients), "increments")
            self.move("green", "true")
            eventually(lambda: all(client.problems for client in clients), "what was left behind")

    def test_a_command_that_fails_brings_the_site_back(self):
        status, out, error = self.proxy.ctl("cutover", "shop", "--to", "green", "--run", "echo promoting; exit 3")
        self.assertEqual(status, 1, out + error)
        self.assertIn("promoting", out)
        self.assertIn("the command ended with 3", out)
        self.assert_as_before()

    def test_writes_wait_as_long_as_something_of_a_command_that_failed_may_still_act(self):
        is_deaf, may_end = self.proxy.folder / "is-deaf", self.proxy.folder / "may-end"
        deaf = f"trap '' TERM; touch {is_deaf}; until [ -e {may_end} ]; do sleep 0.05; done"
        running = self.begin("cutover", "shop", "--to", "green", "--run",
                             f'sh -c "{deaf}" & until [ -e {is_deaf} ]; do sleep 0.05; done; exit 3')
        lines = iter(running.stderr.readline, "")
        said = next(line for line in lines if "does not end when told to" in line)
        self.assertIn("the command failed, and what it left running", said)
        self.assertIn("sh (", said)
        self.assertEqual(self.proxy.admin("GET", "/v1/status")[1]["sites"][0]["cutover"]["stage"], "run")
        may_end.touch()
        out, error = running.communicate(timeout=3 * PATIENCE)
        self.assertEqual(running.returncode, 1, out + error)
        self.assert_as_before()

    def test_a_check_that_fails_brings_the_site_back(self):
        gate = self.proxy.folder / "gate"
        running = self.begin("cutover", "shop", "--to", "green", "--check", "/ready",
                             "--run", f"until [ -e {gate} ]; do sleep 0.02; done")
        self.until_in_run()
        self.green.is_healthy = False
        gate.touch()
        out, error = running.communicate(timeout=3 * PATIENCE)
        self.assertEqual(running.returncode, 1, out + error)
        self.assertIn("status 500", out)
        self.assert_as_before()

    def test_a_command_that_takes_too_long_is_ended_and_the_site_goes_back(self):
        status, out, error = self.proxy.ctl("cutover", "shop", "--to", "green", "--deadline", "500ms", "--run",
                                            "exec sleep 60")
        self.assertEqual(status, 1, out + error)
        self.assertIn("deadline", out)
        self.assert_as_before()

    def test_an_operator_whose_line_breaks_leaves_no_hold_behind(self):
        running = self.begin("cutover", "shop", "--to", "green", "--run", "exec sleep 60")
        self.until_in_run()
        until_kept(running)
        self.assertEqual(self.site()["mode"], "hold")
        refused = self.proxy.ctl("mode", "maintenance", "shop")
        self.assertEqual(refused[0], 1)
        self.assertIn("cutover from blue to green", refused[2])
        running.kill()
        running.communicate()
        eventually(lambda: "cutover" not in self.site(), "the end of the cutover")
        self.assert_as_before()

    def test_dry_runs_and_guards_change_nothing(self):
        epoch = self.proxy.admin("GET", "/v1/status")[1]["epoch"]
        self.assertEqual(self.proxy.ctl("cutover", "shop", "--to", "green", "--dry-run")[0], 0)
        self.green.is_healthy = False
        for more in ([], ["--dry-run"]):
            status, _, error = self.proxy.ctl("cutover", "shop", "--to", "green", *more)
            self.assertEqual(status, 1)
            self.assertIn("status 500", error)
        self.assertEqual(self.proxy.admin("GET", "/v1/status")[1]["epoch"], epoch)
        self.assert_as_before()

    def test_rollback_counts_the_writes_it_would_leave_behind(self):
        self.assertEqual(self.proxy.ctl("cutover", "shop", "--to", "green")[0], 0)
        self.assertEqual(self.proxy.ctl("rollback", "shop")[0], 0)
        self.assertEqual(self.proxy.ctl("cutover", "shop", "--to", "green")[0], 0)
        for _ in range(3):
            self.increment("x")
        status, _, error = self.proxy.ctl("rollback", "shop")
        self.assertEqual(status, 1)
        self.assertIn("3 writes", error)
        status, out, _ = self.proxy.ctl("rollback", "shop", "--discard-writes")
        self.assertEqual(status, 0)
        self.assertIn("left behind on green: 3 writes", out)
        self.assertEqual(self.site()["pool"], "blue")

    def test_a_daemon_that_is_killed_while_the_command_runs_comes_up_on_the_old_pool(self):
        began = self.proxy.folder / "began"
        running = self.begin("cutover", "shop", "--to", "green", "--run", f"touch {began}; exec sleep 60")
        eventually(began.exists, "the command")
        self.proxy.kill()
        self.proxy.start()
        self.assert_as_before()
        warnings = self.proxy.admin("GET", "/v1/status")[1]["warnings"]
        self.assertIn("stage run; the site is on blue", warnings[0])
        _, error = running.communicate(timeout=PATIENCE)
        self.assertEqual(running.returncode, 3, error)
        self.assertIn("its last known stage is run", error)


if __name__ == "__main__":
    unittest.main(argv=[__file__])
