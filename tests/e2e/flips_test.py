"""Modes of two sites on one address flip at random while 64 clients read and write without pause: recorded histories
show that every promise of a mode, a fence and a drain was kept.

DRAWBRIDGE_SEED repeats the dice of a run."""

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import random
import socket
import threading
import time
import unittest

import flips_clients
import flips_history
import flips_servers
from harness import PATIENCE, TestProxy

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--flips", type=int, default=1000)
FLIPS = OPTIONS.parse_args().flips
SEED = os.environ.get("DRAWBRIDGE_SEED") or str(random.SystemRandom().randrange(1_000_000))
CLIENT_PROCESSES, CLIENTS_EACH, SERVERS, WORKERS = 4, 16, 2, 4
PAUSE_SECONDS_MAX = 0.02

CONFIG = """
[server]
workers = {workers}
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "{{folder}}/access.log"
[[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = [{servers}]
health = {{ active = false }}
[site.shop]
paths = ["/"]
pool = "blue"
readonly = {{ read = ["POST /login"], write = ["GET /logout"] }}
maintenance = {{ exempt = ["POST /alive/*"] }}
[site.devices]
paths = ["/devices"]
pool = "blue"
readonly = {{ read = ["POST /devices/login"], write = ["GET /devices/logout"] }}
maintenance = {{ exempt = ["POST /devices/alive/*"] }}
"""


class Operator:
    """Sends commands over one connection of the admin socket and notes when."""

    def __init__(self, proxy):
        self.connection = http.client.HTTPConnection("localhost", timeout=3 * PATIENCE)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.settimeout(3 * PATIENCE)
        self.connection.sock.connect(str(proxy.socket_path))
        self.commands = []
        self.receipts = []

    def close(self):
        self.connection.close()

    def flip(self, sites, mode):
        """Whether it was done; the judge says what was wrong otherwise."""
        name, _, scope = mode.partition(" ")
        body = json.dumps({"mode": name, "sites": sites} | ({"scope": scope} if scope else {}))
        sent = time.monotonic_ns()
        self.connection.request("POST", "/v1/mode", body)
        response = self.connection.getresponse()
        document = json.loads(response.read())
        returned = time.monotonic_ns()
        result = document["receipt"]["result"] if response.status == 200 else json.dumps(document)
        self.commands += [flips_history.Command(site, mode, sent, returned, result) for site in sites]
        self.receipts.append((returned - sent, document.get("receipt", {})))
        return result == "done"


def flip_at_random(operator, site, locks, count, dice, given_up):
    """Flips `site`, now and then both sites with one command, until it has done so `count` times or somebody gave up.
    A site's commands never overlap."""
    for _ in range(count):
        sites = sorted(locks) if dice.random() < 0.1 else [site]
        with contextlib.ExitStack() as held:
            for name in sites:
                held.enter_context(locks[name])
            if not operator.flip(sites, dice.choice(flips_history.MODES)):
                given_up.set()
        if given_up.wait(dice.uniform(0, PAUSE_SECONDS_MAX)):
            return


class Stage:
    """Servers and clients, each in a process of its own, so that none waits for another's turn."""

    def __init__(self):
        self.servers = []
        self.clients = []
        self.addresses = []

    def open_servers(self):
        for _ in range(SERVERS):
            listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            self.addresses.append("127.0.0.1:%d" % listener.getsockname()[1])
            ours, theirs = multiprocessing.Pipe()
            self.servers.append((self._start(flips_servers.serve, listener, theirs), ours))
            listener.close()

    def open_clients(self, address):
        for number in range(CLIENT_PROCESSES):
            ours, theirs = multiprocessing.Pipe()
            arguments = (address, f"c{number}", SEED, CLIENTS_EACH, theirs)
            self.clients.append((self._start(flips_clients.drive, *arguments), ours))

    @staticmethod
    def _start(body, *arguments):
        process = multiprocessing.get_context("fork").Process(target=body, args=arguments, daemon=True)
        process.start()
        return process

    def end_clients(self):
        for _, pipe in self.clients:
            pipe.send("stop")
        return [self._result(*client) for client in self.clients]

    def end_servers(self):
        for process, _ in self.servers:
            process.terminate()
        return [self._result(*server) for server in self.servers]

    @staticmethod
    def _result(process, pipe):
        if not pipe.poll(PATIENCE):
            raise AssertionError("a process of the test did not end what it had open")
        result = pipe.recv()
        process.join(PATIENCE)
        return result

    def close(self):
        for process, _ in self.servers + self.clients:
            process.kill()


class Flips(unittest.TestCase):
    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.close)
        self.stage.open_servers()
        servers = ", ".join(f'"{address}"' for address in self.stage.addresses)
        self.proxy = TestProxy(config=CONFIG.format(workers=WORKERS, servers=servers))
        self.addCleanup(self.proxy.remove)

    def test_no_request_is_treated_by_a_mode_that_was_not_in_force(self):
        self.stage.open_clients(self.proxy.address)
        operators = self.flip()
        ended = self.stage.end_clients()
        self.proxy.stop()
        requests = [request for result in ended for request in result[0]]
        stays = [stay for result in self.stage.end_servers() for stay in result]
        commands = [command for operator in operators for command in operator.commands]
        history = flips_history.History(requests, stays, commands)
        problems = [problem for result in ended for problem in result[1]] + flips_history.check(history)
        self.report(history, operators, sum(result[2] for result in ended))
        self.assertEqual(problems[:20], [], f"{len(problems)} problems with seed {SEED}; the first 20 are shown")
        self.assertEqual(sum(len(operator.receipts) for operator in operators), FLIPS // 2 * 2 + 1)
        self.assert_something_was_shown(history)

    def flip(self):
        locks = {"shop": threading.Lock(), "devices": threading.Lock()}
        operators, threads, given_up = [], [], threading.Event()
        for site in locks:
            operators.append(Operator(self.proxy))
            self.addCleanup(operators[-1].close)
            dice = random.Random(f"{SEED} {site}")
            arguments = (operators[-1], site, locks, FLIPS // 2, dice, given_up)
            threads.append(threading.Thread(target=flip_at_random, args=arguments))
            threads[-1].start()
        for thread in threads:
            thread.join()
        operators[0].flip(list(locks), flips_history.LIVE)  # or what waits in a hold would not end
        return operators

    def assert_something_was_shown(self, history):
        """Enough happened that a fault would have shown, and commands met what they had to wait for."""
        self.assertGreater(flips_history.count_drained(history), FLIPS // 10)
        for refused in (True, False):
            for kind in (flips_history.READ, flips_history.WRITE):
                count = sum(1 for r in history.requests if r.kind == kind and r.refused == refused)
                self.assertGreater(count, FLIPS, f"{kind} refused={refused}")

    def report(self, history, operators, connections):
        receipts = [receipt for operator in operators for receipt in operator.receipts]
        latencies = sorted(nanoseconds / 1e6 for nanoseconds, _ in receipts)
        fenced = max(receipt.get("fenced_ms", 0) for _, receipt in receipts)
        refused = sum(1 for request in history.requests if request.refused)
        print(f"seed {SEED}: {len(receipts)} flips, {len(history.requests)} requests ({refused} refused) over "
              f"{connections} connections, {flips_history.count_drained(history)} waited for; a flip took "
              f"{latencies[len(latencies) // 2]:.1f} ms (median), {latencies[-1]:.1f} ms at most, the fence "
              f"{fenced} ms at most")


if __name__ == "__main__":
    unittest.main(argv=[__file__])
