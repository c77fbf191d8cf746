"""A site moves back and forth between two servers that share nothing, under 64 clients who increment and read counters:
for all of them it is one counter that never stops, never forgets, never counts twice and never goes back.

With a hold of writes reads go on to the old server until the flip, with a hold of everything they wait as well. Neither
lets anybody read the past: nothing is written while writes wait and the copy is made, so what the old server still says
is what the new one will say. A read that is under way at the flip may answer what was true when it began.

DRAWBRIDGE_SEED repeats the dice of the clients."""

import argparse
import os
import random
import time
import unittest

import registers_history
from register_stage import RegisterStage

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--cutovers", type=int, default=500)
OPTIONS.add_argument("--http2", action="store_true", help="the clients speak HTTP/2")
CUTOVERS = OPTIONS.parse_args().cutovers
HTTP2 = OPTIONS.parse_args().http2
SEED = os.environ.get("DRAWBRIDGE_SEED") or str(random.SystemRandom().randrange(1_000_000))
CUTOVERS_WITHOUT_HOLD = 10
PROMOTION = "sleep 0.05"  # a database takes its time; what is written to the old one by then is forgotten
THINK_US = 3_000  # enough of the machine is left for the operator


class Linearizable(unittest.TestCase):
    def test_one_counter_through_all_cutovers(self):
        with RegisterStage() as stage:
            clients = stage.clients(think_us=THINK_US, seed=SEED, http2=HTTP2)
            began = time.monotonic()
            receipts = [stage.move("--hold", ("writes", "all")[number // 2 % 2]) for number in range(CUTOVERS)]
            took = time.monotonic() - began
            history = clients.end()
            problems = registers_history.check(history, stage.finals())
            self.report(history, receipts, took)
            self.assertEqual(problems[:20], [], f"{len(problems)} problems with seed {SEED}; the first 20 are shown")
            self.assert_something_was_shown(history, receipts)

    def assert_something_was_shown(self, history, receipts):
        """Most cutovers were met by requests that waited, and many by writes that had to end first: fewer if the machine
        lets clients or servers stand still."""
        self.assertGreater(len(history), 20 * CUTOVERS)
        self.assertEqual({receipt["cutover"]["refused"] for receipt in receipts}, {0})
        self.assertGreater(sum(receipt["cutover"]["parked"]["waiting"] > 0 for receipt in receipts), CUTOVERS * 0.5)
        self.assertGreater(sum(receipt["drained"]["writes"] > 0 for receipt in receipts), CUTOVERS * 0.25)

    def test_the_judge_complains_when_increments_are_not_held(self):
        """An exempt rule lets them pass in every mode: the same moves, but for the hold."""
        with RegisterStage(site='maintenance = { exempt = ["POST /inc/*"] }') as stage:
            clients = stage.clients(think_us=THINK_US, seed=SEED, http2=HTTP2)
            for _ in range(CUTOVERS_WITHOUT_HOLD):
                stage.move(then=PROMOTION)
            problems = registers_history.check(clients.end(), stage.finals())
        self.assertTrue(any("increments were answered" in problem for problem in problems), problems[:20])
        self.assertTrue(any("which this client had seen" in problem for problem in problems), problems[:20])
        print(f"without the hold: {len(problems)} problems in {CUTOVERS_WITHOUT_HOLD} cutovers")

    def report(self, history, receipts, took):
        held = sorted(receipt["cutover"]["held_ms"] for receipt in receipts)
        longest = max((one.end - one.start for one in history if one.kind == registers_history.INCREMENT), default=0)
        print(f"seed {SEED}: {len(receipts)} cutovers in {took:.1f} s under {len(history)} operations; held "
              f"{held[len(held) // 2]} ms (median, the copy included), {held[-1]} ms at most; the longest increment "
              f"{longest / 1e6:.0f} ms")


if __name__ == "__main__":
    unittest.main(argv=[__file__])
