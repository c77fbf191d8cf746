"""What the metrics say of holds, drains and cutovers is what is going on."""

import threading
import unittest

from cutover_case import POST, CutoverCase
from harness import eventually


class Metrics(CutoverCase):
    def until(self, line_start, value):
        eventually(lambda: self.the_proxy.metric(line_start) == value, f"{line_start} to be {value:g}")

    def slow_order(self):
        go = threading.Event()
        self.addCleanup(go.set)
        answered = self.blue.script
        self.blue.script = lambda exchange: (exchange.read_body(), exchange.wait(go), exchange.send(answered))
        self.client(self.the_proxy).send(POST % b"slow")
        self.blue.wait_until_complete()
        return go

    def test_who_waits_for_a_cutover_and_how_it_stands_and_ended(self):
        proxy = self.shop()
        gate, running = self.gated_cut_over()
        waiting = self.parked_post()
        self.assertEqual(proxy.metric('drawbridge_requests_parked{site="web"}'), 1)
        self.assertEqual(proxy.metric('drawbridge_cutover_stage{site="web",stage="run"} '), 1)
        self.assertEqual(proxy.metric("drawbridge_cutover_last_outcome{"), 0)
        gate.touch()
        self.assertEqual(self.end_of(running)[0], 0)
        waiting.read_response("POST")
        self.until('drawbridge_requests_parked{site="web"}', 0)
        self.until("drawbridge_cutover_stage{", 0)
        self.until('drawbridge_cutover_last_outcome{site="web",outcome="done"} ', 1)
        self.until('drawbridge_hold_wait_seconds_count{site="web"}', 1)
        self.assertNotEqual(proxy.ctl("cutover", "web", "--to", "blue", "--run", "exit 1")[0], 0)
        self.until('drawbridge_cutover_last_outcome{site="web",outcome="failed_back"} ', 1)

    def test_what_a_drain_waits_for_and_that_its_deadline_has_passed(self):
        proxy = self.shop()
        go = self.slow_order()
        before = proxy.metric("drawbridge_drain_duration_seconds_count")
        self.assertEqual(proxy.ctl("mode", "readonly", "--drain", "200ms")[0], 4)
        self.until('drawbridge_drain_open{site="web",class="write"}', 1)
        self.until("drawbridge_drains_outstanding ", 1)
        go.set()
        self.until('drawbridge_drain_open{site="web",class="write"}', 0)
        self.until("drawbridge_drains_outstanding ", 0)
        self.until("drawbridge_drain_duration_seconds_count", before + 1)


if __name__ == "__main__":
    unittest.main()
