"""In hold, requests wait instead of being refused: bounded, in order, and never sent for a client that has gone."""

import threading
import time
import unittest

from harness import ProxyCase, answer, eventually

POST = b"POST /%s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc"


class Hold(ProxyCase):
    def waiting(self, proxy):
        _, status = proxy.admin("GET", "/v1/status")
        return sum(site.get("parked", {}).get("waiting", 0) for site in status["sites"])

    def wait_for_parked(self, proxy, count):
        eventually(lambda: self.waiting(proxy) == count, f"{count} waiting requests")

    def parked_post(self, proxy, name=b"order"):
        return self.client(proxy).send(POST % name)

    def test_writes_wait_while_reads_go_on_and_are_sent_when_the_hold_ends(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        waiting = self.parked_post(proxy)
        self.wait_for_parked(proxy, 1)
        self.assertEqual(self.client(proxy).get().status, 200)
        self.assertEqual([r.method for r in upstream.requests], ["GET"])
        proxy.mode("live")
        self.assertEqual(waiting.read_response("POST").body, b"hello")
        self.assertEqual([r.method for r in upstream.requests], ["GET", "POST"])
        self.assertEqual(upstream.requests[1].body, b"abc")

    def test_scope_all_lets_reads_wait_too(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold", scope="all")
        reader = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.wait_for_parked(proxy, 1)
        self.assertEqual(upstream.requests, [])
        proxy.mode("hold", scope="writes")
        self.assertEqual(reader.read_response().status, 200)

    def test_a_hold_ends_by_itself(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("hold", **{"for": "300ms"})
        self.assertEqual(self.parked_post(proxy).read_response("POST").status, 200)

    def test_a_hold_without_an_end_gets_the_longest_that_is_configured(self):
        proxy = self.proxy(self.upstream(), site="hold = { max_total = '400ms', max_wait = '400ms' }")
        proxy.mode("hold")
        self.assertEqual(proxy.ctl("wait", "--until", "live", "--timeout", "10s")[0], 0)
        self.assertEqual(proxy.ctl("mode", "hold", "--for", "1s")[0], 1)

    def test_a_client_that_leaves_is_never_sent(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        self.parked_post(proxy, b"gone").close()
        stays = self.parked_post(proxy, b"stays")
        self.wait_for_parked(proxy, 1)
        proxy.mode("live")
        self.assertEqual(stays.read_response("POST").status, 200)
        self.assertEqual([r.target for r in upstream.requests], ["/stays"])

    def test_beyond_the_number_new_ones_are_refused_and_the_waiting_keep_their_place(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, workers=4, site="hold = { max_requests = 2 }")
        proxy.mode("hold")
        waiting = [self.parked_post(proxy) for _ in range(2)]
        self.wait_for_parked(proxy, 2)
        refused = self.client(proxy).post(b"abc")
        self.assertEqual((refused.status, refused.value("Drawbridge-Not-Processed")), (503, "1"))
        self.assertEqual(self.waiting(proxy), 2)
        proxy.mode("live")
        self.assertEqual([w.read_response("POST").status for w in waiting], [200, 200])

    def test_a_wait_that_is_over_is_refused(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, site="hold = { max_wait = '200ms' }")
        proxy.mode("hold")
        client = self.parked_post(proxy)
        refused = client.read_response("POST")
        self.assertEqual((refused.status, refused.value("Drawbridge-Not-Processed")), (503, "1"))
        self.assertEqual(upstream.requests, [])

    def test_maintenance_answers_those_who_wait(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        client = self.parked_post(proxy)
        self.wait_for_parked(proxy, 1)
        proxy.mode("maintenance")
        refused = client.read_response("POST")
        self.assertEqual((refused.status, refused.value("Drawbridge-Not-Processed")), (503, "1"))
        self.assertEqual(upstream.requests, [])

    def test_the_end_of_the_process_answers_those_who_wait(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        client = self.parked_post(proxy)
        self.wait_for_parked(proxy, 1)
        proxy.stop()
        self.assertEqual(client.read_response("POST").status, 503)
        self.assertEqual(upstream.requests, [])

    def test_a_reload_leaves_those_who_wait_waiting(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("hold")
        client = self.parked_post(proxy)
        self.wait_for_parked(proxy, 1)
        self.assertEqual(proxy.ctl("reload")[0], 0)
        self.wait_for_parked(proxy, 1)
        proxy.mode("live")
        self.assertEqual(client.read_response("POST").status, 200)

    def test_what_waits_delays_no_drain_and_what_was_sent_before_does(self):
        release = threading.Event()
        upstream = self.upstream(lambda e: (e.read_body(), e.wait(release), e.send(answer(b"done"))))
        proxy = self.proxy(upstream)
        self.addCleanup(release.set)
        before = self.parked_post(proxy, b"before")
        upstream.wait_until_complete(1)
        receipts = []
        command = threading.Thread(target=lambda: receipts.append(proxy.mode("hold")))
        command.start()
        eventually(lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"] == "hold")
        self.parked_post(proxy, b"after")
        self.wait_for_parked(proxy, 1)
        self.assertEqual(receipts, [])
        release.set()
        command.join()
        self.assertEqual(receipts[0]["drained"]["writes"], 1)
        self.assertEqual(before.read_response("POST").body, b"done")
        self.assertEqual([r.target for r in upstream.requests], ["/before"])

    def test_the_release_is_in_order_and_no_faster_than_configured(self):
        times = []
        upstream = self.upstream(lambda e: (e.read_body(), times.append(time.monotonic()), e.send(answer())))
        proxy = self.proxy(upstream, workers=1, site="hold = { release_per_second = 20 }")
        proxy.mode("hold")
        clients = []
        for number in range(12):
            clients.append(self.parked_post(proxy, b"%d" % number))
            self.wait_for_parked(proxy, number + 1)
        proxy.mode("live")
        self.assertEqual({c.read_response("POST").status for c in clients}, {200})
        self.assertEqual([r.target for r in upstream.requests], [f"/{n}" for n in range(12)])
        self.assertGreater(times[-1] - times[0], 11 / 20 - 0.1)  # a late tick may catch up with one

    def test_exempt_requests_pass(self):
        proxy = self.proxy(self.upstream(), site="maintenance = { exempt = ['POST /devices/**'] }")
        proxy.mode("hold", scope="all")
        self.assertEqual(self.client(proxy).post(b"x", "/devices/7").status, 200)


if __name__ == "__main__":
    unittest.main()
