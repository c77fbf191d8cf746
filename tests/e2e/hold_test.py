"""In hold, requests wait instead of being refused: bounded, in order, and never sent for a client that has gone."""

import threading
import time

from harness import ExchangeCase, answer, eventually, main
from harness.h2_upstream import H2Upstream


class Hold(ExchangeCase):
    def waiting(self, proxy):
        _, status = proxy.admin("GET", "/v1/status")
        return sum(site.get("parked", {}).get("waiting", 0) for site in status["sites"])

    def wait_for_parked(self, proxy, count):
        eventually(lambda: self.waiting(proxy) == count, f"{count} waiting requests")

    def write(self, visitor, name="order"):
        return visitor.begin("POST", f"/{name}", body=b"abc")

    def test_writes_wait_while_reads_go_on_and_are_sent_when_the_hold_ends(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        visitor = self.visitor(proxy)
        waiting = self.write(visitor)
        self.wait_for_parked(proxy, 1)
        self.assertEqual([visitor.get().status for _ in range(3)], [200] * 3)
        self.assertTrue(waiting.is_quiet(0.05))
        self.assertEqual([r.method for r in upstream.requests], ["GET"] * 3)
        proxy.mode("live")
        self.assertEqual(waiting.answer().body, b"hello")
        self.assertEqual([r.method for r in upstream.requests], ["GET", "GET", "GET", "POST"])
        self.assertEqual(upstream.requests[3].body, b"abc")

    def test_scope_all_lets_reads_wait_too(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold", scope="all")
        reader = self.visitor(proxy).begin()
        self.wait_for_parked(proxy, 1)
        self.assertEqual(upstream.requests, [])
        proxy.mode("hold", scope="writes")
        self.assertEqual(reader.answer().status, 200)

    def test_a_hold_ends_by_itself(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("hold", **{"for": "300ms"})
        self.assertEqual(self.write(self.visitor(proxy)).answer().status, 200)

    def test_a_hold_without_an_end_gets_the_longest_that_is_configured(self):
        proxy = self.proxy(self.upstream(), site="hold = { max_total = '400ms', max_wait = '400ms' }")
        proxy.mode("hold")
        self.assertEqual(proxy.ctl("wait", "--until", "live", "--timeout", "10s")[0], 0)
        self.assertEqual(proxy.ctl("mode", "hold", "--for", "1s")[0], 1)

    def test_a_client_that_leaves_is_never_sent(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        visitor = self.visitor(proxy)
        ended, given_up, stays = self.write(self.visitor(proxy), "ended"), self.write(visitor), self.write(visitor, "stays")
        self.wait_for_parked(proxy, 3)
        ended.leave("close")
        given_up.leave()
        self.wait_for_parked(proxy, 1)
        proxy.mode("live")
        self.assertEqual(stays.answer().status, 200)
        self.assertEqual([r.target for r in upstream.requests], ["/stays"])

    def test_beyond_the_number_new_ones_are_refused_and_the_waiting_keep_their_place(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, workers=4, site="hold = { max_requests = 2 }")
        proxy.mode("hold")
        visitor = self.visitor(proxy)
        waiting = [self.write(visitor) for _ in range(2)]
        self.wait_for_parked(proxy, 2)
        for another in (visitor, self.visitor(proxy)):
            refused = another.post(b"abc")
            self.assertEqual((refused.status, refused.not_processed), (503, True))
            self.assertGreater(int(refused.value("Retry-After")), 0)
        self.assertEqual(self.waiting(proxy), 2)
        proxy.mode("live")
        self.assertEqual([w.answer().status for w in waiting], [200, 200])

    def test_a_wait_that_is_over_is_refused(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, site="hold = { max_wait = '200ms' }")
        proxy.mode("hold")
        refused = self.write(self.visitor(proxy)).answer()
        self.assertEqual((refused.status, refused.not_processed), (503, True))
        self.assertEqual(upstream.requests, [])

    def test_maintenance_answers_those_who_wait(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        write = self.write(self.visitor(proxy))
        self.wait_for_parked(proxy, 1)
        proxy.mode("maintenance")
        refused = write.answer()
        self.assertEqual((refused.status, refused.not_processed), (503, True))
        self.assertEqual(upstream.requests, [])

    def test_the_end_of_the_process_answers_those_who_wait(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        write = self.write(self.visitor(proxy))
        self.wait_for_parked(proxy, 1)
        proxy.stop()
        self.assertEqual(write.answer().status, 503)
        self.assertEqual(upstream.requests, [])

    def test_a_reload_leaves_those_who_wait_waiting(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("hold")
        write = self.write(self.visitor(proxy))
        self.wait_for_parked(proxy, 1)
        self.assertEqual(proxy.ctl("reload")[0], 0)
        self.wait_for_parked(proxy, 1)
        proxy.mode("live")
        self.assertEqual(write.answer().status, 200)

    def test_what_waits_delays_no_drain_and_what_was_sent_before_does(self):
        release = threading.Event()
        upstream = self.upstream(lambda e: (e.read_body(), e.wait(release), e.send(answer(b"done"))))
        proxy = self.proxy(upstream)
        self.addCleanup(release.set)
        visitor = self.visitor(proxy)
        before = self.write(visitor, "before")
        upstream.wait_until_complete(1)
        receipts = []
        command = threading.Thread(target=lambda: receipts.append(proxy.mode("hold")))
        command.start()
        eventually(lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"] == "hold")
        self.write(visitor, "after")
        self.wait_for_parked(proxy, 1)
        self.assertEqual(receipts, [])
        release.set()
        command.join()
        self.assertEqual(receipts[0]["drained"]["writes"], 1)
        self.assertEqual(before.answer().body, b"done")
        self.assertEqual([r.target for r in upstream.requests], ["/before"])

    def test_the_release_is_in_order_and_no_faster_than_configured(self):
        server = H2Upstream()  # on its one connection they come in the order in which they were sent
        self.addCleanup(server.stop)
        proxy = self.proxy(server, workers=1, pool='protocol = "h2c"\nhealth = { active = false }',
                           site="hold = { release_per_second = 20 }")
        proxy.mode("hold")
        visitor, writes = self.visitor(proxy), []
        for number in range(12):
            writes.append(self.write(visitor, number))
            self.wait_for_parked(proxy, number + 1)
        begun = time.monotonic()
        proxy.mode("live")
        self.assertEqual({write.answer().status for write in writes}, {200})
        self.assertGreater(time.monotonic() - begun, 11 / 20 - 0.1)  # a late tick may catch up with one
        self.assertEqual([call.value(":path") for call in server.begun], [f"/{number}" for number in range(12)])

    def test_exempt_requests_pass(self):
        proxy = self.proxy(self.upstream(), site="maintenance = { exempt = ['POST /devices/**'] }")
        proxy.mode("hold", scope="all")
        self.assertEqual(self.visitor(proxy).post(b"x", "/devices/7").status, 200)


if __name__ == "__main__":
    main()
