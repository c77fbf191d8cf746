"""Bounds on size and time: each passes with its own status, and the answer can be read."""

import contextlib
import threading
import time

from harness import PATIENCE, TRANSPORT, Broken, ExchangeCase, ProxyCase, TestClient, answer, eventually, main

BIG = (6 if TRANSPORT.http2 else 16) << 20  # about twice of what fits on the way


class Sizes(ExchangeCase):
    def refused(self, limits, begin):
        """The status of what the proxy says to a request, which no upstream may see."""
        upstream = self.upstream()
        asked = begin(self.visitor(self.proxy(upstream, limits=limits)))
        status = asked.answer().status
        asked.check_spent()
        self.assertEqual(upstream.requests, [])
        return status

    def test_a_target_over_its_bound_is_414(self):
        self.assertEqual(self.refused('request_line_bytes = "1KiB"', lambda v: v.begin("GET", "/" + "a" * 2000)), 414)

    def test_a_head_over_its_bound_is_431(self):
        limits = 'request_head_bytes = "4KiB"\nrequest_line_bytes = "1KiB"'
        self.assertEqual(self.refused(limits, lambda v: v.begin("GET", "/", {"X": "a" * 5000})), 431)

    def test_more_header_lines_than_their_bound_are_431(self):
        self.assertEqual(self.refused("request_headers = 20", lambda v: v.begin("GET", "/", [("X", "1")] * 21)), 431)

    def test_a_sized_body_over_its_bound_is_413_before_anything_is_forwarded(self):
        limits = 'request_body_bytes = "1KiB"'
        self.assertEqual(self.refused(limits, lambda v: v.begin("POST", length=2000).send(b"x" * 1000)), 413)

    def test_a_method_that_is_not_served_is_405(self):
        self.assertEqual(self.refused("", lambda v: v.begin("TRACE")), 405)

    def test_a_body_of_unknown_length_over_its_bound_is_413_and_never_complete(self):
        upstream = self.upstream(lambda exchange: exchange.read_body())
        upload = self.visitor(self.proxy(upstream, limits='request_body_bytes = "1KiB"')).begin("POST", length="unknown")
        upload.send(b"x" * 2048)
        self.assertEqual(upload.answer().status, 413)
        upload.check_spent()
        self.assertFalse(any(request.complete for request in upstream.requests))

    def test_a_refusal_is_readable_while_the_client_goes_on_sending(self):
        upstream = self.upstream()
        upload = self.visitor(self.proxy(upstream, limits='request_body_bytes = "1KiB"')).begin("POST", length=900_000)
        for _ in range(9):
            upload.send(b"x" * 100_000)
        self.assertEqual(upload.answer().status, 413)
        self.assertEqual(upstream.requests, [])

    def test_a_head_of_an_upstream_over_its_bound_is_502(self):
        upstream = self.upstream(answer(b"", fields="X: " + "a" * 5000 + "\r\n"))
        visitor = self.visitor(self.proxy(upstream, limits='response_head_bytes = "4KiB"'))
        self.assertEqual(visitor.get().status, 502)


class Times(ExchangeCase):
    def test_an_idle_connection_is_ended_in_order(self):
        proxy = self.proxy(self.upstream(), timeouts='client_idle = "1s"')
        visitor, silent = self.visitor(proxy), self.visitor(proxy)
        visitor.get()
        visitor.check_end()
        silent.check_end()

    def test_a_slow_body_is_408_and_never_complete(self):
        upstream = self.upstream(lambda exchange: exchange.read_body())
        visitor = self.visitor(self.proxy(upstream, timeouts='client_body = "200ms"'))
        upload = visitor.begin("POST", length=100).send(b"half")
        self.assertEqual(upload.answer().status, 408)
        upload.check_spent()
        self.assertFalse(any(request.complete for request in upstream.requests))

    def test_a_body_that_trickles_is_408_however_short_its_silences(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, limits='request_body_rate = "1KiB"', timeouts='client_body = "500ms"')
        upload = self.visitor(proxy).begin("POST", length=100_000)
        eventually(lambda: not upload.send(b"x").is_quiet(0.1), "an answer")
        self.assertEqual(upload.answer().status, 408)
        self.assertFalse(any(request.complete for request in upstream.requests))

    def test_a_body_whose_server_takes_its_time_is_not_too_slow(self):
        go = threading.Event()
        upstream = self.upstream(lambda e: (e.wait(go), e.read_body(), e.send(answer(b"done"))), receive_buffer=4096)
        proxy = self.proxy(upstream, limits='request_body_rate = "64MiB"', timeouts='client_body = "1s"')
        upload = self.visitor(proxy).begin("POST", length=BIG)
        sender = threading.Thread(target=upload.send, args=(bytes(BIG - 1),))
        sender.start()
        upstream.wait_for_requests(1)
        sender.join(1.5)
        self.assertTrue(sender.is_alive(), "an answer while the server reads nothing")
        go.set()
        sender.join()
        self.assertTrue(upload.is_quiet(0.3), "an answer, as if the time of the server were the client's")
        self.assertEqual(upload.send(b"x").answer().body, b"done")

    def test_a_reader_that_takes_nothing_is_cut_after_its_time(self):
        body = b"x" * 30_000_000
        upstream = self.upstream(answer(body))
        proxy = self.proxy(upstream, timeouts='client_body = "200ms"')
        asked = self.visitor(proxy, receive_buffer=4096).begin()
        eventually(lambda: proxy.access_log(), "the record of the request")
        self.assertEqual(proxy.access_log()[0]["status"], 200)
        eventually(lambda: upstream.open_connections == 0, "the upstream connection to end")
        self.assertLess(len(asked.cut()), len(body))


class Connections(ExchangeCase):
    over = ("h1", "h2c")  # who is not taken would wait for TLS instead of an answer

    def test_connections_beyond_their_bound_wait_and_do_not_harm_those_within(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"done"))))
        proxy = self.proxy(upstream, limits="connections = 4", workers=1)
        within = [self.visitor(proxy).begin() for _ in range(4)]
        upstream.wait_for_requests(4)
        beyond = [self.visitor(proxy).begin() for _ in range(3)]
        self.assertTrue(all(asked.is_quiet(0.05) for asked in within + beyond))
        self.assertEqual(len(upstream.requests), 4)
        released.set()
        for asked in within + beyond:
            self.assertEqual(asked.answer().body, b"done")

    def test_idle_connections_make_room_for_those_that_wait(self):
        proxy = self.proxy(self.upstream(), limits="connections = 4", workers=1)
        idle = [self.visitor(proxy) for _ in range(4)]
        for visitor in idle:
            self.assertEqual(visitor.get().status, 200)
        self.assertEqual(self.visitor(proxy).get().status, 200)
        gone = [visitor for visitor in idle if visitor.has_ended(0.5)]
        self.assertNotEqual(gone, [])
        for visitor in gone:
            visitor.check_end()

    def test_one_address_has_at_most_its_share_of_connections(self):
        proxy = self.proxy(self.upstream(), limits="connections_per_address = 2", workers=1)
        visitors = [self.visitor(proxy) for _ in range(2)]
        for visitor in visitors:
            self.assertEqual(visitor.get().status, 200)
        refused = self.client(proxy)
        self.assertIn(refused.end(), ("fin", "reset"))
        visitors[0].close()

        def served():
            with contextlib.suppress(Exception), TestClient(proxy.address) as client:
                return client.get().status == 200
        eventually(served, "a place to become free")


class Http1(ProxyCase):
    def refused(self, data):
        """The status of what the proxy says to `data`, which no upstream may see."""
        upstream = self.upstream()
        client = self.client(self.proxy(upstream))
        response = client.send(data).read_response()
        self.assertTrue(response.says_close)
        self.assertEqual(client.end(), "fin")
        self.assertEqual(upstream.requests, [])
        self.assertNotIn(response.reason, ("", "Error", "Status"))  # but the words of its status
        return response.status

    def test_methods_and_versions_that_are_not_served_have_statuses_of_their_own(self):
        for line, status in ((b"TRACE / HTTP/1.1", 405), (b"CONNECT a:1 HTTP/1.1", 405), (b"GET / HTTP/2.0", 505)):
            with self.subTest(line=line):
                self.assertEqual(self.refused(line + b"\r\nHost: a\r\n\r\n"), status)

    def test_a_transfer_coding_that_nobody_knows_is_501(self):
        self.assertEqual(self.refused(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 501)

    def answer_to_slow_head(self, proxy, trickles):
        """(client, answer). The handshake has no more time than the head: it may need another attempt."""
        def attempt():
            with contextlib.suppress(OSError, Broken):
                client = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
                deadline = time.monotonic() + PATIENCE
                while trickles and not client.wire.has_more(0.02) and time.monotonic() < deadline:
                    client.send(b"x")
                return client, client.read_response()
        return eventually(attempt, "an answer to a head that was begun")

    def test_a_slow_head_is_408_and_can_be_read(self):
        proxy = self.proxy(self.upstream(), timeouts='request_head = "200ms"')
        client, response = self.answer_to_slow_head(proxy, trickles=False)
        self.assertEqual((response.status, response.says_close, client.end()), (408, True, "fin"))

    def test_a_slow_head_is_408_even_if_bytes_keep_coming(self):
        proxy = self.proxy(self.upstream(), timeouts='request_head = "300ms"')
        _, response = self.answer_to_slow_head(proxy, trickles=True)
        self.assertEqual(response.status, 408)

    def test_a_client_that_is_being_answered_may_be_quiet_for_longer_than_a_body_may(self):
        upstream = self.upstream(lambda e: (e.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"),
                                            e.read_body(), e.send(b"4\r\nlast\r\n0\r\n\r\n")))
        proxy = self.proxy(upstream, limits='request_body_rate = "1MiB"', timeouts='client_body = "1s"')
        client = self.client(proxy).send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        client.read_head()
        self.assertEqual(client.wire.exactly(10), b"5\r\nfirst\r\n")
        self.assertTrue(client.stays_open(1.5))
        client.send(b"2\r\nhi\r\n")
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.wire.rest(), b"4\r\nlast\r\n0\r\n\r\n")
        self.assertEqual(upstream.requests[0].body, b"hi" * 2)

    def test_a_call_of_grpc_may_be_quiet_before_it_is_answered(self):
        upstream = self.upstream(lambda exchange: (exchange.read_body(), exchange.send(answer(b"sum"))))
        proxy = self.proxy(upstream, limits='request_body_rate = "1MiB"', timeouts='client_body = "200ms"')
        client = self.client(proxy).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc+proto\r\n"
                                         b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        for _ in range(2):
            self.assertTrue(client.stays_open(0.4))
            client.send(b"2\r\nhi\r\n")
        self.assertEqual(client.send(b"0\r\n\r\n").read_response().body, b"sum")

    def test_a_reader_who_is_slow_and_never_silent_gets_all_of_it(self):
        body = b"x" * 8_000_000
        proxy = self.proxy(self.upstream(answer(body)), timeouts='client_body = "1s"')
        client = self.client(proxy, receive_buffer=4096).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        pace = threading.Event()
        for _ in range(40):  # two seconds
            client.wire.fill()
            pace.wait(0.05)
        self.assertEqual(proxy.access_log(), [])
        self.assertEqual(client.read_response().body, body)

    def test_a_reader_who_takes_an_answer_drop_by_drop_holds_a_drain_no_longer_than_it_may(self):
        body = b"x" * 30_000_000
        held = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.read_body(), exchange.wait(held), exchange.send(answer(body))))
        proxy = self.proxy(upstream, limits='response_body_rate = "1GiB"', timeouts='client_body = "1s"')
        client = self.client(proxy, receive_buffer=4096)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        upstream.wait_for_requests(1)
        self.assertEqual(proxy.ctl("mode", "readonly", "--drain", "100ms")[0], 4)
        held.set()
        pace = threading.Event()

        def sip():
            if client.wire.has_more(0.05) and (client.wire.buffer or client.wire.fill()):
                client.wire.take(65536)
                pace.wait(0.01)
            return upstream.open_connections == 0
        eventually(sip, "the end of the answer")
        self.assertEqual(proxy.ctl("wait", "--until", "drained", "--timeout", "10s")[0], 0)
        self.assertLess(client.wire.received + len(client.wire.rest()), len(body))


if __name__ == "__main__":
    main()
