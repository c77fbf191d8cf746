"""proxyd dies in the middle of cutovers: at every point that a cutover can come to, and at random instants. The next one
has the site wholly on one pool in the mode it had, says which and why, and every acknowledged write is there.

DRAWBRIDGE_SEED repeats the dice of a run."""

import argparse
import collections
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import unittest

from harness import BIN, PATIENCE, TestProxy
from harness.tables import rows
from register_servers import COPY, RegisterServer, ask

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--kills", type=int, default=200)
ARGUMENTS = OPTIONS.parse_args()
SEED = os.environ.get("DRAWBRIDGE_SEED") or str(random.SystemRandom().randrange(1_000_000))
WRITERS = 6
LIFE_SECONDS_MAX = 0.12

CONFIG = """
[server]
workers = 4
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "off"
[[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = ["{blue}"]
health = {{ path = "/healthz", timeout = "10s" }}
[pool.green]
servers = ["{green}"]
health = {{ path = "/healthz", timeout = "10s" }}
[site.shop]
pool = "blue"
"""

OTHER = {"blue": "green", "green": "blue"}
# A point in any other stage is unknown to this test, which then fails: say here which side it must come up on.
STAGES_OF_THE_OLD_POOL = {"guard", "hold", "drain", "run", "stop", "check", "back", "failed_back"}
STAGES_OF_THE_NEW_POOL = {"retire", "watch", "done"}


def has_flipped(point):
    """Whether a process that died at `point` must be followed by one on the new pool."""
    if point.startswith("flip."):
        return point == "flip.store.after"
    stage = point.split(".")[0]
    assert stage in STAGES_OF_THE_OLD_POOL | STAGES_OF_THE_NEW_POOL, f"an unknown stage: {point}"
    return stage in STAGES_OF_THE_NEW_POOL


class Writer(threading.Thread):
    """The only writer of one register: increments it until proxyd is gone. The last increment may then have been made
    or not; nothing else is left to chance."""

    def __init__(self, proxy, register):
        super().__init__()
        self.proxy, self.register = proxy, register
        self.value, self.in_doubt, self.problems = 0, False, []
        self.ended = threading.Event()

    def run(self):
        with contextlib.closing(http.client.HTTPConnection(*self.proxy.address, timeout=PATIENCE)) as connection:
            try:
                while not self.ended.is_set() and not self.problems:
                    self.increment(connection)
            except (OSError, http.client.HTTPException):
                pass

    def increment(self, connection):
        self.in_doubt = True
        answer = ask(connection, "POST", f"/inc/{self.register}")
        if answer != (200, str(self.value + 1)):
            self.problems.append(f"an increment of {self.register} after {self.value} was answered {answer}")
            return
        self.value += 1
        self.in_doubt = False

    def judge(self, found):
        """Problems with what the register holds after the restart."""
        may_be = (self.value, self.value + 1) if self.in_doubt else (self.value,)
        if found not in may_be:
            self.problems.append(f"{self.register} is {found} and not {' or '.join(map(str, may_be))}")
        return self.problems


class CutoverCrash(unittest.TestCase):
    def setUp(self):
        self.blue, self.green = RegisterServer(), RegisterServer()
        self.addCleanup(self.blue.stop)
        self.addCleanup(self.green.stop)
        config = CONFIG.format(blue=self.blue.address, green=self.green.address)
        self.proxy = TestProxy(config=config, start=False)
        self.addCleanup(self.proxy.remove)
        self.copy = self.proxy.folder / "copy.sh"
        self.copy.write_text(COPY.format(blue=self.blue.address, green=self.green.address, folder=self.proxy.folder))
        self.copy.chmod(0o755)
        self.values = collections.Counter()

    def site(self):
        return self.proxy.admin("GET", "/v1/status")[1]["sites"][0]

    def cutover_of(self, *more, run=None):
        target = OTHER[self.site()["pool"]]
        return ["cutover", "shop", "--to", target, "--run", run or str(self.copy), *more]

    @contextlib.contextmanager
    def writers(self):
        writers = []
        for number in range(WRITERS):
            writers.append(Writer(self.proxy, f"r{number}"))
            writers[-1].value = self.values[writers[-1].register]
            writers[-1].start()
        try:
            yield writers
        finally:
            for writer in writers:
                writer.ended.set()
            for writer in writers:
                writer.join(PATIENCE)

    def record_on_disk(self):
        """The pool that the dead process left as the active one, and the stage of its cutover, if it had one."""
        state = json.loads((self.proxy.folder / "state/state.json").read_text())
        site = state["sites"]["shop"]
        return site["pool"], site.get("cutover", {}).get("stage")

    def come_up(self, before, writers=()):
        """Starts anew and judges what is found; the site as status shows it."""
        self.proxy.kill()
        for server in (self.blue, self.green):
            server.wait_until_left()
        pool, stage = self.record_on_disk()
        self.proxy.environment.pop("DRAWBRIDGE_TEST_DIE_AT", None)
        self.proxy.start()
        status = self.proxy.admin("GET", "/v1/status")[1]
        site = status["sites"][0]
        self.assertEqual((site["pool"], site.get("cutover")), (pool, None))
        story = ("mode", "by", "reason", "until", "then")
        if pool == before["pool"]:
            self.assertEqual([site.get(key) for key in story], [before.get(key) for key in story])
        self.assert_says(status["warnings"], stage, site["pool"], before["pool"])
        for writer in writers:
            self.values[writer.register] = self.read(writer.register)
            self.assertEqual(writer.judge(self.values[writer.register]), [])
        return site

    def assert_says(self, warnings, stage, pool, pool_before):
        """A cutover that was found is told in status, history and the log; without one nothing is."""
        event = "cutover_failed_back" if pool == pool_before else "cutover_found_made"
        if stage is None:
            self.assertEqual(warnings, [])
            self.assertNotRegex(self.proxy.said, "cutover_f")
            return
        self.assertRegex(warnings[0], f"shop: the cutover from .* stage {stage}; the site is on {pool}")
        self.assertRegex(self.proxy.said, f"{event} .*stage={stage} .*pool={pool}")
        entries = self.proxy.admin("GET", "/v1/history?site=shop")[1]["entries"]
        self.assertIn(f"proxyd ended in stage {stage}", [entry.get("reason") for entry in entries[:3]])

    def read(self, register):
        with contextlib.closing(http.client.HTTPConnection(*self.proxy.address, timeout=PATIENCE)) as connection:
            status, text = ask(connection, "GET", f"/get/{register}")
        self.assertEqual(status, 200, text)
        return int(text)

    def die_at(self, point, *more):
        """Runs a cutover whose command fails, then one that succeeds (or one that takes too long), until proxyd dies of
        it at `point`: the site as it was before."""
        attempts = [("exit 3", "60s"), (None, "60s")]
        if point.startswith("stop."):  # the more time is for a machine on which the drain takes the less
            attempts = [("exec sleep 60", "300ms"), ("exec sleep 60", "5s")]
        for run, deadline in attempts:
            before = self.site()
            out = self.proxy.ctl(*self.cutover_of("--check", "/healthz", "--watch", "50ms", "--deadline", deadline, *more,
                                                  run=run))[1]
            if ", epoch " not in out:  # no receipt
                self.assertEqual(self.proxy.wait(), -signal.SIGKILL)
                return before
        self.fail(f"no cutover of this test comes to {point}")

    def launch_for(self, point):
        if self.proxy.process is not None:
            self.proxy.kill()  # of a point that failed
        self.proxy.environment["DRAWBRIDGE_TEST_DIE_AT"] = point
        self.proxy.start()

    def test_a_process_that_dies_at_any_point_of_a_cutover_loses_no_write(self):
        for point in points():
            with self.subTest(point=point):
                self.launch_for(point)
                with self.writers() as writers:
                    before = self.die_at(point)
                site = self.come_up(before, writers)
                self.assertEqual(site["pool"], OTHER[before["pool"]] if has_flipped(point) else before["pool"])
                self.proxy.stop()

    def test_a_process_that_dies_at_any_point_leaves_the_mode_as_it_was(self):
        for point in points():
            with self.subTest(point=point):
                self.proxy.environment.pop("DRAWBRIDGE_TEST_DIE_AT", None)
                self.proxy.start()
                self.proxy.mode("readonly", reason="upgrade", then="maintenance", **{"for": "1h"})
                self.proxy.stop()
                self.launch_for(point)
                before = self.die_at(point)
                site = self.come_up(before)
                self.assertEqual((site["mode"], site["then"], site["reason"]), ("readonly", "maintenance", "upgrade"))
                self.assertEqual(site["until"], before["until"])
                self.proxy.stop()

    def test_a_slice_is_wholly_on_one_pool_at_whatever_point_a_process_dies(self):
        for point in points():
            with self.subTest(point=point):
                shutil.rmtree(self.proxy.folder / "state")
                (self.proxy.folder / "state").mkdir()
                self.launch_for(point)
                before = self.die_at(point, "--match", "header:X-Tenant=acme", "--cut")
                self.proxy.kill()
                self.proxy.environment.pop("DRAWBRIDGE_TEST_DIE_AT", None)
                self.proxy.start()
                site = self.site()
                self.assertEqual((site["pool"], site.get("cutover")), (before["pool"], None))
                pools = [slice["pool"] for slice in site.get("slices", [])]
                self.assertEqual(pools, [OTHER[before["pool"]]] if has_flipped(point) else [])
                self.proxy.stop()

    def test_a_process_that_is_killed_at_any_instant_loses_no_write(self):
        dice = random.Random(SEED)
        stages = collections.Counter()
        self.proxy.start()
        for number in range(ARGUMENTS.kills):
            with self.subTest(seed=SEED, kill=number):
                with self.writers() as writers:
                    before = self.site()
                    status = self.kill_in_a_cutover(dice)
                stages[self.record_on_disk()[1]] += 1
                site = self.come_up(before, writers)
                if status == 0:
                    self.assertEqual(site["pool"], OTHER[before["pool"]])
        told = ", ".join(f"{stage or 'none'} {count}" for stage, count in stages.most_common())
        print(f"seed {SEED}: {ARGUMENTS.kills} kills, the stages found: {told}; {self.values.total()} increments")
        if ARGUMENTS.kills >= 100:  # few may all come too early or too late
            self.assertGreater(len(stages), 1)
        self.proxy.stop()

    def kill_in_a_cutover(self, dice):
        """The exit status of proxyctl, whose daemon dies at some instant."""
        running = subprocess.Popen([BIN / "proxyctl", *self.cutover_of(), "--socket", self.proxy.socket_path],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(dice.uniform(0, LIFE_SECONDS_MAX))
        self.proxy.process.kill()
        self.proxy.process.wait(PATIENCE)
        return running.wait(3 * PATIENCE)


def points():
    return [row[0].decode() for row in rows("cutover_points")]


if __name__ == "__main__":
    unittest.main(argv=[__file__])
