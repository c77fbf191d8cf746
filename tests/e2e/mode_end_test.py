"""A mode that ends by itself: it says when, ends then and not later, and remembers it over a restart."""

import json
import time

from harness import ExchangeCase, eventually, main

LATE_SECONDS = 5.0  # what a busy machine may add


class ModeEnd(ExchangeCase):
    def refusal(self, proxy):
        """(Retry-After of the field, of the body, the body's until) of a refused write."""
        with self.visitor(proxy) as visitor:
            response = visitor.post(b"hi", "/orders", {"Accept": "application/json"})
        self.assertEqual((response.status, response.not_processed), (503, True))
        body = json.loads(response.body)
        return int(response.value("Retry-After")), body["retry_after"], body["until"]

    def status_of_write(self, proxy):
        with self.visitor(proxy) as visitor:
            return visitor.post(b"hi", "/orders").status

    def site(self, proxy):
        status, out, err = proxy.ctl("status", "--json")
        self.assertEqual(status, 0, err)
        return json.loads(out)["sites"][0]

    def test_it_ends_after_its_time_and_retry_after_counts_down_to_it(self):
        proxy = self.proxy(self.upstream())
        sent = time.monotonic()
        status, _, err = proxy.ctl("mode", "readonly", "--for", "3s", "--reason", "schema patch")
        self.assertEqual(status, 0, err)
        returned = time.monotonic()
        until = self.site(proxy)["until"]
        seen = []
        while True:
            asked = time.monotonic()
            if self.status_of_write(proxy) == 200:
                break
            seen.append(self.refusal_at(proxy, sent, returned, until))
        self.assertGreaterEqual(time.monotonic(), sent + 3.0)
        self.assertLess(asked, returned + 3.0 + LATE_SECONDS)
        counted = [seconds for seconds in seen if seconds]
        self.assertEqual(counted, sorted(counted, reverse=True))
        self.assertTrue(counted)
        site = self.site(proxy)
        self.assertEqual((site["mode"], site["by"]), ("live", "timer"))
        self.assertNotIn("until", site)

    def refusal_at(self, proxy, sent, returned, until):
        """Its Retry-After, judged by the clock; 0 if the mode ended between two requests."""
        before = time.monotonic()
        try:
            field, body, shown = self.refusal(proxy)
        except AssertionError:
            self.assertGreaterEqual(time.monotonic(), sent + 3.0)
            return 0
        after = time.monotonic()
        self.assertEqual(field, body)
        self.assertEqual(shown, until)
        self.assertLessEqual(field, max(0.0, returned + 3.0 - before) + 1.0)
        self.assertGreaterEqual(field, max(1.0, sent + 3.0 - after))
        return field

    def test_then_another_mode_follows(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("maintenance", **{"for": "200ms", "then": "readonly"})
        status, _, _ = proxy.ctl("wait", "--until", "mode=readonly", "--timeout", "10s")
        self.assertEqual(status, 0)
        self.assertEqual(self.status_of_write(proxy), 503)
        with self.visitor(proxy) as visitor:
            self.assertEqual(visitor.get().status, 200)

    def test_a_restart_neither_stretches_nor_forgets_it(self):
        proxy = self.proxy(self.upstream())
        sent = time.monotonic()
        proxy.mode("readonly", **{"for": "3s"})
        returned = time.monotonic()
        before = self.site(proxy)
        proxy.kill()
        proxy.start()
        after = self.site(proxy)
        self.assertEqual([after[key] for key in ("mode", "until", "then", "since", "by")],
                         [before[key] for key in ("mode", "until", "then", "since", "by")])
        self.assertLess(after["ends_in_ms"], before["ends_in_ms"])
        self.assertEqual(self.status_of_write(proxy), 503)
        eventually(lambda: self.site(proxy)["mode"] == "live", "the end of the mode")
        ended = time.monotonic()
        self.assertGreaterEqual(ended, sent + 3.0)
        self.assertLess(ended, returned + 3.0 + LATE_SECONDS)

    def test_a_mode_whose_time_passed_while_proxyd_was_away_is_over_when_it_is_back(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("readonly", **{"for": "300ms"})
        over = time.monotonic() + 0.3
        proxy.kill()
        eventually(lambda: time.monotonic() > over, "the end of the time")
        proxy.start()
        eventually(lambda: self.site(proxy)["mode"] == "live", "the end of the mode", LATE_SECONDS)
        self.assertEqual(self.status_of_write(proxy), 200)

    def test_a_later_change_takes_the_end_away(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("readonly", **{"for": "300ms"})
        over = time.monotonic() + 0.3
        proxy.mode("readonly")
        self.assertNotIn("until", self.site(proxy))
        eventually(lambda: time.monotonic() > over + 0.2, "the time of the first change")
        self.assertEqual(self.site(proxy)["mode"], "readonly")

    def test_the_end_is_a_change_like_any_other_in_the_history(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("readonly", **{"for": "100ms"})
        self.assertEqual(proxy.ctl("wait", "--until", "live", "--timeout", "10s")[0], 0)
        changes = [e for e in proxy.admin("GET", "/v1/history")[1]["entries"] if e["kind"] == "changed"]
        self.assertEqual((changes[0]["user"], changes[0]["before"], changes[0]["after"]),
                         ("timer", {"web": "readonly"}, {"web": "live"}))


if __name__ == "__main__":
    main()
