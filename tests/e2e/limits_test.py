"""Bounds on size and time: each passes with its own status, and the answer can be read."""

import contextlib
import threading
import unittest

from harness import ProxyCase, TestClient, answer, eventually


class Sizes(ProxyCase):
    def refused(self, data, **options):
        """The status of what the proxy says to `data`, which no upstream may see."""
        upstream = self.upstream()
        client = self.client(self.proxy(upstream, **options))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(data)
        response = client.read_response()
        self.assertTrue(response.says_close)
        self.assertEqual(client.end(), "fin")
        self.assertEqual(upstream.requests, [])
        return response.status

    def test_a_request_line_over_its_bound_is_414(self):
        line = b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        self.assertEqual(self.refused(line, limits='request_line_bytes = "1KiB"'), 414)

    def test_a_head_over_its_bound_is_431(self):
        head = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 5000 + b"\r\n\r\n"
        self.assertEqual(self.refused(head, limits='request_head_bytes = "4KiB"\nrequest_line_bytes = "1KiB"'), 431)

    def test_more_header_lines_than_their_bound_are_431(self):
        head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 20 + b"\r\n"
        self.assertEqual(self.refused(head, limits="request_headers = 20"), 431)

    def test_a_sized_body_over_its_bound_is_413_before_anything_is_forwarded(self):
        data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000
        self.assertEqual(self.refused(data, limits='request_body_bytes = "1KiB"'), 413)

    def test_a_chunked_body_over_its_bound_is_413_and_never_complete(self):
        upstream = self.upstream(lambda exchange: exchange.read_body())
        client = self.client(self.proxy(upstream, limits='request_body_bytes = "1KiB"'))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + b"x" * 0x800 + b"\r\n0\r\n\r\n")
        self.assertEqual(client.read_response().status, 413)
        self.assertEqual(client.end(), "fin")
        self.assertFalse(any(request.complete for request in upstream.requests))

    def test_a_refusal_is_readable_while_the_client_goes_on_sending(self):
        upstream = self.upstream()
        client = self.client(self.proxy(upstream, limits='request_body_bytes = "1KiB"'))
        done = threading.Event()

        def upload():
            with contextlib.suppress(OSError):
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000)
            done.set()
        threading.Thread(target=upload, daemon=True).start()
        self.assertEqual(client.read_response().status, 413)
        self.assertTrue(done.wait(10))
        self.assertEqual(upstream.requests, [])

    def test_a_head_of_an_upstream_over_its_bound_is_502(self):
        upstream = self.upstream(answer(b"", fields="X: " + "a" * 5000 + "\r\n"))
        client = self.client(self.proxy(upstream, limits='response_head_bytes = "4KiB"'))
        self.assertEqual(client.get().status, 502)

    def test_methods_and_versions_that_are_not_served_have_statuses_of_their_own(self):
        for line, status in ((b"TRACE / HTTP/1.1", 405), (b"CONNECT a:1 HTTP/1.1", 405), (b"GET / HTTP/2.0", 505)):
            with self.subTest(line=line):
                self.assertIn(self.refused(line + b"\r\nHost: a\r\n\r\n"), (status, 501))

    def test_a_transfer_coding_that_nobody_knows_is_501(self):
        self.assertEqual(self.refused(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 501)


class Times(ProxyCase):
    def test_a_slow_head_is_408_and_can_be_read(self):
        client = self.client(self.proxy(self.upstream(), timeouts='request_head = "200ms"'))
        client.send(b"GET / HTTP/1.1\r\nHost: ")
        response = client.read_response()
        self.assertEqual((response.status, response.says_close, client.end()), (408, True, "fin"))

    def test_a_slow_head_is_408_even_if_bytes_keep_coming(self):
        client = self.client(self.proxy(self.upstream(), timeouts='request_head = "300ms"'))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")

        def trickle():
            with contextlib.suppress(OSError):
                client.send(b"x")
            return client.wire.has_more(0.02)
        eventually(trickle, "an answer")
        self.assertEqual(client.read_response().status, 408)

    def test_an_idle_connection_is_closed_without_a_word(self):
        client = self.client(self.proxy(self.upstream(), timeouts='client_idle = "500ms"'))
        client.get()
        self.assertEqual(client.end(), "fin")
        silent = self.client(self.proxy(self.upstream(), timeouts='client_idle = "500ms"'))
        self.assertEqual(silent.end(), "fin")

    def test_a_slow_body_is_408_and_never_complete(self):
        upstream = self.upstream(lambda exchange: exchange.read_body())
        client = self.client(self.proxy(upstream, timeouts='client_body = "200ms"'))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        self.assertEqual((client.read_response().status, client.end()), (408, "fin"))
        self.assertFalse(upstream.requests[0].complete)

    def test_a_body_that_trickles_is_408_however_short_its_silences(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, limits='request_body_rate = "1KiB"', timeouts='client_body = "500ms"')
        client = self.client(proxy).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")

        def trickle():
            with contextlib.suppress(OSError):
                client.send(b"x")
            return client.wire.has_more(0.1)
        eventually(trickle, "an answer")
        self.assertEqual(client.read_response().status, 408)
        self.assertFalse(upstream.requests[0].complete)

    def test_a_body_whose_server_takes_its_time_is_not_too_slow(self):
        go = threading.Event()
        upstream = self.upstream(lambda e: (e.wait(go), e.read_body(), e.send(answer(b"done"))))
        proxy = self.proxy(upstream, limits='request_body_rate = "1MiB"', timeouts='client_body = "300ms"')
        client = self.client(proxy)
        body = b"x" * (16 << 20)
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        sender = threading.Thread(target=client.send, args=(head + body,))
        sender.start()
        upstream.wait_for_requests(1)
        self.assertFalse(client.wire.has_more(1), "an answer while the server reads nothing")
        go.set()
        sender.join()
        self.assertEqual(client.read_response().body, b"done")

    def test_a_reader_that_takes_nothing_is_cut_after_its_time(self):
        body = b"x" * 30_000_000
        upstream = self.upstream(answer(body))
        proxy = self.proxy(upstream, timeouts='client_body = "200ms"')
        client = self.client(proxy, receive_buffer=4096)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: proxy.access_log(), "the record of the request")
        self.assertEqual(proxy.access_log()[0]["status"], 200)
        eventually(lambda: upstream.open_connections == 0, "the upstream connection to end")
        self.assertLess(len(client.wire.rest()), len(body))


class Connections(ProxyCase):
    def test_connections_beyond_their_bound_wait_and_do_not_harm_those_within(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"done"))))
        proxy = self.proxy(upstream, limits="connections = 4", workers=1)
        ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        within = [self.client(proxy).send(ask) for _ in range(4)]
        upstream.wait_for_requests(4)
        beyond = [self.client(proxy).send(ask) for _ in range(3)]
        self.assertTrue(all(client.stays_open(0.05) for client in within + beyond))
        self.assertEqual(len(upstream.requests), 4)
        released.set()
        for client in within + beyond:
            self.assertEqual(client.read_response().body, b"done")

    def test_idle_connections_make_room_for_those_that_wait(self):
        proxy = self.proxy(self.upstream(), limits="connections = 4", workers=1)
        idle = [self.client(proxy) for _ in range(4)]
        for client in idle:
            self.assertEqual(client.get().status, 200)
        self.assertEqual(self.client(proxy).get().status, 200)
        self.assertIn("fin", [client.end() for client in idle if client.wire.has_more(0.5)])

    def test_one_address_has_at_most_its_share_of_connections(self):
        proxy = self.proxy(self.upstream(), limits="connections_per_address = 2", workers=1)
        clients = [self.client(proxy) for _ in range(2)]
        for client in clients:
            self.assertEqual(client.get().status, 200)
        refused = self.client(proxy)
        self.assertIn(refused.end(), ("fin", "reset"))
        clients[0].close()

        def served():
            with contextlib.suppress(Exception), TestClient(proxy.address) as client:
                return client.get().status == 200
        eventually(served, "a place to become free")


if __name__ == "__main__":
    unittest.main()
