"""A shop moves customer by customer between servers that share nothing, under load: no increment of anybody is lost,
doubled or refused, nobody but the customer who moves waits, and a client of a percentage never changes sides."""

import argparse
import contextlib
import json
import signal
import subprocess
import threading
import unittest

import register_servers
from harness import BIN, PATIENCE, TRANSPORT, Cut, TestProxy, eventually, visit
from register_servers import RegisterServer

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--rounds", type=int, default=3)
ARGUMENTS = OPTIONS.parse_args()
TENANTS = ("acme", "beta", "gamma")
CLIENTS_EACH = 4

CONFIG = """
[server]
workers = 4
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "{{folder}}/access.log"
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

# Copies the registers of one customer, whose name is the first word of theirs.
COPY = """#!/bin/sh
set -e
blue={blue} green={green}
eval from=\\$$DRAWBRIDGE_FROM to=\\$$DRAWBRIDGE_TO
tenant=${{DRAWBRIDGE_MATCH##*=}}
curl -sf http://$from/dump | jq --arg t "$tenant-" 'with_entries(select($t == "-" or (.key | startswith($t))))' |
  curl -sf --data-binary @- http://$to/merge >&2
"""


class Handler(register_servers.Handler):
    def do_GET(self):
        if self.path == "/who":
            return self.answer(self.server.name)
        return super().do_GET()

    def do_POST(self):
        if self.path != "/merge":
            return super().do_POST()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.registers.update(json.loads(body))
        return self.answer("merged")


def server(name):
    made = RegisterServer()
    made.name = name
    made.RequestHandlerClass = Handler
    return made


def said(visitor, method, path, fields):
    answer = visitor.ask(method, path, fields, b"" if method == "POST" else None)
    return answer.status, answer.body.decode()


class Client(threading.Thread):
    """The only writer of one register of a customer: each answer must be its own last value plus one."""

    def __init__(self, address, tenant, number):
        super().__init__()
        self.address, self.tenant, self.register = address, tenant, f"{tenant}-{number}"
        self.value, self.problems = 0, []
        self.ended = threading.Event()

    def run(self):
        try:
            with visit(self.address) as visitor:
                while not self.ended.is_set() and not self.problems:
                    self.step(visitor)
        except (OSError, AssertionError, Cut) as error:
            self.problems.append(repr(error))

    def step(self, visitor):
        for method, path, wanted in (("POST", "inc", self.value + 1), ("GET", "get", self.value + 1)):
            answer = said(visitor, method, f"/{path}/{self.register}", {"X-Tenant": self.tenant})
            if answer != (200, str(wanted)):
                self.problems.append(f"{method} of {self.register} after {self.value} was answered {answer}")
                return
        self.value += 1


class Slices(unittest.TestCase):
    def setUp(self):
        self.blue, self.green = server("blue"), server("green")
        self.addCleanup(self.blue.stop)
        self.addCleanup(self.green.stop)
        self.proxy = TestProxy(config=CONFIG.format(
            listener=TRANSPORT.listener(), blue=self.blue.address, green=self.green.address))
        self.addCleanup(self.proxy.remove)
        self.addCleanup(self.proxy.stop)
        self.copy = self.proxy.folder / "copy.sh"
        self.copy.write_text(COPY.format(blue=self.blue.address, green=self.green.address))
        self.copy.chmod(0o755)

    def site(self):
        return self.proxy.admin("GET", "/v1/status")[1]["sites"][0]

    def places(self):
        site = self.site()
        return {one["match"]: one["pool"] for one in site.get("slices", [])} | {"": site["pool"]}

    def ctl(self, *arguments, status=0):
        done, out, error = self.proxy.ctl(*arguments)
        self.assertEqual(done, status, out + error)
        return out + error

    def move(self, match, to, *more, verb="cutover"):
        arguments = [verb, "shop", *(("--to", to) if verb == "cutover" else ()), *(("--match", match) if match else ())]
        status, out, error = self.proxy.ctl(*arguments, *more, "--json")
        self.assertEqual(status, 0, out + error)
        return json.loads(out)["receipt"]

    def begin(self, *arguments):
        return subprocess.Popen([BIN / "proxyctl", *arguments, "--socket", self.proxy.socket_path],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ask(self, method, path, headers=None):
        with visit(self.proxy.address) as visitor:
            return said(visitor, method, path, headers or {})

    def held_in_run(self, *arguments):
        """A cutover whose command runs until the file `go` is there."""
        running = self.proxy.folder / "running"
        waits = f"touch {running}; while [ ! -e {self.proxy.folder}/go ]; do sleep 0.02; done"
        begun = self.begin("cutover", "shop", "--run", waits, *arguments)
        eventually(running.exists, "the command to run")
        return begun

    @contextlib.contextmanager
    def clients(self):
        clients = [Client(self.proxy.address, tenant, number) for tenant in TENANTS for number in range(CLIENTS_EACH)]
        for client in clients:
            client.start()
        try:
            eventually(lambda: all(client.value or client.problems for client in clients), "increments")
            yield clients
        finally:
            for client in clients:
                client.ended.set()
            for client in clients:
                client.join(3 * PATIENCE)

    def test_customers_move_one_by_one_and_back_and_nothing_of_theirs_is_lost(self):
        receipts = []
        with self.clients() as clients:
            for _ in range(ARGUMENTS.rounds):
                for tenant in TENANTS:
                    receipts.append(self.move(f"header:X-Tenant={tenant}", "green", "--run", self.copy))
                receipts.append(self.move("header:X-Tenant=beta", "", "--run", self.copy, "--discard-writes",
                                          verb="rollback"))
                self.assertEqual(self.places(), {"header:X-Tenant=acme": "green", "header:X-Tenant=gamma": "green",
                                                 "": "blue"})
                receipts.append(self.move("header:X-Tenant=beta", "green", "--run", self.copy))
                written = self.blue.increments
                # The last night: nobody is left on blue, and the customers who are there are not bothered.
                receipts.append(self.move("", "green"))
                self.assertEqual(self.places(), {"": "green"})
                self.assertEqual(self.blue.increments, written)
                receipts.append(self.move("", "blue", "--run", self.copy))
        self.assertEqual([client.problems for client in clients if client.problems], [])
        self.assertEqual(self.blue.increments + self.green.increments, sum(client.value for client in clients))
        self.assertTrue(all(one["result"] == "done" and one["cutover"]["refused"] == 0 for one in receipts), receipts)
        self.assertEqual([one["cutover"]["parked"]["waiting"] for one in receipts[5::7]], [0] * ARGUMENTS.rounds)
        self.assertEqual(len(receipts[5]["cutover"]["absorbed"]), 3)
        self.assertGreater(sum(one["cutover"]["parked"]["waiting"] for one in receipts), len(receipts))

    def test_while_one_customer_is_held_nobody_else_waits(self):
        begun = self.held_in_run("--to", "green", "--match", "header:X-Tenant=acme")
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(self.ask("POST", "/inc/acme-0", {"X-Tenant": "acme"})))
        waiting.start()
        eventually(lambda: self.site().get("parked", {}).get("waiting") == 1, "a parked write")
        self.assertEqual(self.ask("POST", "/inc/beta-0", {"X-Tenant": "beta"}), (200, "1"))
        self.assertEqual(self.ask("POST", "/inc/x"), (200, "1"))
        self.assertEqual(self.ask("GET", "/who", {"X-Tenant": "acme"}), (200, "blue"))
        self.assertEqual(self.ask("POST", "/inc/acme-1", {"X-Tenant": "acme", "X_Tenant": "beta"})[0], 400)
        self.assertEqual(self.site()["mode"], "live")
        self.assertIn("shop is in a cutover of header:X-Tenant=acme from blue to green by", self.ctl("status"))
        self.assertIn("cutover of header:X-Tenant=acme", self.ctl(
            "cutover", "shop", "--to", "green", "--match", "header:X-Tenant=beta", status=1))
        self.assertEqual(answers, [])
        (self.proxy.folder / "go").touch()
        waiting.join(PATIENCE)
        self.assertEqual(answers, [(200, "1")])
        said = begun.communicate(timeout=PATIENCE)[0]
        self.assertEqual(begun.returncode, 0, said)
        self.assertIn("header:X-Tenant=acme of shop: from blue to green at", said)
        self.assertEqual((self.blue.registers, self.green.registers), ({"beta-0": 1, "x": 1}, {"acme-0": 1}))

    def test_only_the_customer_who_moves_is_waited_for(self):
        slow = visit(self.proxy.address)
        self.addCleanup(slow.close)
        slow.begin("POST", "/inc/slow", {"X-Tenant": "beta"}, length=10).send(b"12345")
        eventually(lambda: self.site()["in_flight"]["writes"] == 1, "a write in flight")
        self.move("header:X-Tenant=acme", "green")
        receipt = self.move("header:X-Tenant=gamma", "green", "--drain", "1s")
        self.assertEqual(receipt["drained"]["writes"], 0)
        self.ctl("cutover", "shop", "--to", "green", "--match", "header:X-Tenant=beta", "--drain", "200ms", status=1)
        self.assertNotIn("header:X-Tenant=beta", self.places())

    def test_a_client_keeps_its_side_while_the_percentage_grows(self):
        def sides():
            with visit(self.proxy.address) as visitor:
                return {number for number in range(150)
                        if said(visitor, "GET", "/who", {"Cookie": f"sid=client-{number}"})[1] == "green"}
        before = sides()
        self.assertEqual(before, set())
        for percent in (10, 25, 60, 100):
            self.move(f"percent:{percent} by cookie:sid", "green")
            now = sides()
            self.assertLessEqual(before, now)
            before = now
        self.assertEqual(len(before), 150)
        self.assertIn("smaller percentage", self.ctl("cutover", "shop", "--to", "green", "--match",
                                                     "percent:10 by cookie:sid", status=1))
        self.move("percent:100 by cookie:sid", "", verb="rollback")
        self.assertEqual(self.places(), {"percent:60 by cookie:sid": "green", "": "blue"})

    def test_slices_outlive_restarts_and_crashes_and_a_move_that_was_cut_short_is_undone(self):
        self.move("header:X-Tenant=acme", "green")
        self.proxy.stop()
        self.proxy.start()
        there = {"header:X-Tenant=acme": "green", "": "blue"}
        self.assertEqual(self.places(), there)
        self.assertEqual(self.ask("GET", "/who", {"X-Tenant": "acme"}), (200, "green"))
        begun = self.held_in_run("--to", "green", "--match", "header:X-Tenant=beta")
        self.proxy.kill()
        (self.proxy.folder / "go").touch()
        begun.communicate(timeout=PATIENCE)
        self.assertEqual(begun.returncode, 3)  # nobody can tell how it ended
        self.proxy.start()
        self.assertEqual(self.places(), there)
        self.assertEqual(self.ask("POST", "/inc/beta-0", {"X-Tenant": "beta"}), (200, "1"))
        self.assertEqual(self.blue.registers, {"beta-0": 1})
        self.assertIn("the cutover of header:X-Tenant=beta from blue to green by", self.ctl("status"))
        self.assertIn("not known", self.ctl("rollback", "shop", "--match", "header:X-Tenant=acme", status=1))
        self.move("header:X-Tenant=acme", "", "--discard-writes", verb="rollback")
        self.assertEqual(self.places(), {"": "blue"})

    def test_an_operator_who_leaves_ends_the_move_of_a_customer(self):
        begun = self.held_in_run("--to", "green", "--match", "path:/inc")
        begun.send_signal(signal.SIGKILL)
        begun.communicate(timeout=PATIENCE)
        eventually(lambda: "cutover" not in self.site(), "the end of the cutover")
        self.assertEqual(self.places(), {"": "blue"})
        self.assertEqual(self.ask("POST", "/inc/x"), (200, "1"))

    def test_an_operator_sees_who_is_where_and_why(self):
        self.move("header:X-Tenant=acme", "green", "--reason", "night 5")
        self.assertEqual(self.ask("POST", "/inc/acme-0", {"X-Tenant": "acme"}), (200, "1"))
        self.assertEqual(self.ask("POST", "/inc/x", {"X-Tenant": ["acme", "beta"][0] + ",beta"})[0], 400)
        status = self.ctl("status")
        for part in ("SLICE", "header:X-Tenant=acme", "the rest", "night 5", "WRITES THERE"):
            self.assertIn(part, status)
        explained = self.ctl("explain", "POST", "http://shop.example/x", "-H", "X-Tenant: acme")
        self.assertIn("forward to pool green", explained)
        self.assertIn("slice  header:X-Tenant=acme", explained)
        self.assertIn("ambiguous, answer 400", self.ctl("explain", "POST", "http://a/x", "-H", "X_Tenant: acme"))
        def logged():
            found = [one for one in self.proxy.access_log() if one.get("slice")]
            return {one["status"] for one in found} >= {200, 400} and found
        records = eventually(logged, "their records")
        self.assertEqual({(one["slice"], one.get("pool")) for one in records if one["status"] == 200},
                         {("header:X-Tenant=acme", "green")})
        self.assertEqual([one["why"] for one in records if one["status"] == 400], ["ambiguous_slice"])
        counted = 'drawbridge_slice_requests_total{site="shop",slice="header:X-Tenant=acme",class="write"}'
        eventually(lambda: self.proxy.metric(counted) == 1, "its write to be counted")
        self.assertIn("cutover of header:X-Tenant=acme to green", self.ctl("history"))
        said = self.ctl("rollback", "shop", "--match", "header:X-Tenant=acme", status=1)
        self.assertIn("green has accepted 1 write", said)
        looked = self.ctl("cutover", "shop", "--to", "green", "--dry-run")
        self.assertIn("it would end the slices header:X-Tenant=acme (on green)", looked)
        self.assertEqual(self.places(), {"header:X-Tenant=acme": "green", "": "blue"})
        for match in ("", "acme", "percent:0", "header:Host=a"):
            self.ctl("cutover", "shop", "--to", "green", "--match", match, status=2)


if __name__ == "__main__":
    unittest.main(argv=["slices_test"])
