"""proxyd is killed (SIGKILL) at random instants while modes change, again and again: after each restart the mode is one
that was acknowledged or in progress and never an older one, ends by itself as it was told to, and the audit has every
change that was acknowledged.

DRAWBRIDGE_SEED repeats the dice of a run."""

import argparse
import datetime
import http.client
import json
import os
import random
import socket
import threading
import time
import unittest

from crash_account import LIVE, MAINTENANCE, READONLY, Account, Order
from harness import PATIENCE, TestProxy

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--kills", type=int, default=200)
KILLS = OPTIONS.parse_args().kills
SEED = os.environ.get("DRAWBRIDGE_SEED") or str(random.SystemRandom().randrange(1_000_000))
LIFE_SECONDS_MAX = 0.1
START_SECONDS_MAX = 0.03

SITES = ("devices", "shop")
CONFIG = """
[server]
workers = 2
state_dir = "{folder}/state"
admin_socket = "{folder}/admin.sock"
access_log = "off"
[[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = ["127.0.0.1:1"]
health = { active = false }
[site.shop]
paths = ["/"]
pool = "blue"
[site.devices]
paths = ["/devices"]
pool = "blue"
"""


class Dice:
    """Draws orders: some stay, some end in hours, some within the life of the process that carries them out."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.number = 0

    def order(self):
        self.number += 1
        sites = self.random.choice((SITES, SITES[:1], SITES[1:]))
        mode = self.random.choice((LIVE, READONLY, MAINTENANCE))
        how = self.random.choice(("stays", "stays", "until", "lasts"))
        if mode == LIVE or how == "stays":
            return Order(self.number, sites, mode)
        then = self.random.choice((LIVE, READONLY, MAINTENANCE))
        if how == "lasts":
            return Order(self.number, sites, mode, lasts=self.random.choice((0.02, 0.05, 0.1)), then=then)
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1, seconds=self.number)
        return Order(self.number, sites, mode, until=end.strftime("%Y-%m-%dT%H:%M:%SZ"), then=then)


class Operator:
    """Gives orders over one connection until it breaks."""

    def __init__(self, proxy):
        self.connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.settimeout(PATIENCE)
        self.connection.sock.connect(str(proxy.socket_path))

    def give(self, order):
        """The answer, or None if the connection broke before it was whole."""
        body = {"mode": order.mode, "sites": list(order.sites), "reason": order.reason}
        if order.until or order.lasts:
            body |= {"then": order.then}
            body |= {"until": order.until} if order.until else {"for": f"{round(order.lasts * 1000)}ms"}
        try:
            self.connection.request("POST", "/v1/mode", json.dumps(body))
            response = self.connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            return None

    def close(self):
        self.connection.close()


class Crashes(unittest.TestCase):
    def setUp(self):
        self.dice = Dice(SEED)
        self.account = Account(SITES)
        self.proxy = TestProxy(config=CONFIG, start=False)
        self.addCleanup(self.proxy.remove)
        self.restart_seconds = []

    def test_what_is_on_after_a_crash_was_acknowledged_or_in_progress(self):
        kills = 0
        while kills < KILLS:
            self.restart()
            with self.subTest(seed=SEED, kill=kills):
                self.judge()
            self.give_orders_until_killed()
            kills += 1
            while kills < KILLS and self.dice.random.random() < 0.25:
                self.kill_while_it_starts()
                kills += 1
        self.restart()
        self.judge()
        self.proxy.stop()
        self.report(kills)
        self.assertGreater(len(self.account.acknowledged), kills // 10)

    def restart(self):
        began = time.monotonic()
        self.proxy.start()
        self.restart_seconds.append(time.monotonic() - began)

    def judge(self):
        status, out, err = self.proxy.ctl("status", "--json")
        self.assertEqual(status, 0, err)
        self.assertEqual(self.account.check_status(json.loads(out), time.monotonic()), [])
        status, document = self.proxy.admin("GET", "/v1/history")
        self.assertEqual(status, 200, document)
        self.assertEqual(self.account.check_history(document["entries"][::-1]), [])

    def give_orders_until_killed(self):
        operator = Operator(self.proxy)
        self.addCleanup(operator.close)
        killer = threading.Timer(self.dice.random.uniform(0, LIFE_SECONDS_MAX), self.proxy.process.kill)
        killer.start()
        while self.give_one(operator):
            pass
        killer.join()
        self.proxy.kill()

    def give_one(self, operator):
        order = self.dice.order()
        self.account.send(order, time.monotonic())
        answer = operator.give(order)
        if answer is None:
            return False
        status, document = answer
        # On a busy machine a short mode may end before its receipt is written.
        results = ("done", "superseded") if order.lasts else ("done",)
        self.assertEqual(status, 200, document)
        self.assertIn(document["receipt"]["result"], results, document)
        self.assertEqual(self.account.acknowledge(document["receipt"]["epoch"]), [])
        return True

    def kill_while_it_starts(self):
        self.proxy.launch()
        killer = threading.Timer(self.dice.random.uniform(0, START_SECONDS_MAX), self.proxy.process.kill)
        killer.start()
        killer.join()
        self.proxy.kill()

    def report(self, kills):
        restarts = sorted(self.restart_seconds)
        print(f"seed {SEED}: {kills} kills, {self.dice.number} orders, {len(self.account.acknowledged)} acknowledged, "
              f"{len(self.account.dropped)} open ones not carried out; a restart took "
              f"{restarts[len(restarts) // 2] * 1000:.0f} ms (median), {restarts[-1] * 1000:.0f} ms at most")


if __name__ == "__main__":
    unittest.main(argv=[__file__])
