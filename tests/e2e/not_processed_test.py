"""What no server has seen a byte of, or a server says that it did not touch, is asked elsewhere; and where there is no
elsewhere, the client is told that it may send it again. Of all else nothing is claimed."""

import socket
import threading
import unittest

from harness import Certificates, ProxyCase, answer, eventually
from harness.h2_client import INTERNAL_ERROR, REFUSED_STREAM
from harness.h2_upstream import H2Upstream

HTTP_1 = "health = { active = false }"
H2C = f'protocol = "h2c"\n{HTTP_1}'
ADVICE = b"check whether it took effect"
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


class NotProcessedCase(ProxyCase):
    def front(self, *servers, pool=HTTP_1, **options):
        return self.proxy(*servers, **{"listener": "h2c = true", "pool": pool, "workers": 1, **options})

    def h2_server(self, script):
        upstream = H2Upstream(script)
        self.addCleanup(upstream.stop)
        return upstream

    def assert_marked(self, response, status=502):
        self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (status, "1"))
        self.assertEqual(response.value("Retry-After"), "1")
        self.assertNotIn(ADVICE, response.body)
        self.assertIn(b"Nothing of this request was processed", response.body)

    def assert_nothing_claimed(self, response, status=502):
        self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (status, None))
        self.assertIn(ADVICE, response.body)

    def full_address(self):
        """Of a server whose queue of connections is full: nobody gets in, and nobody is refused."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        guest = socket.create_connection(listener.getsockname())
        self.addCleanup(guest.close)
        self.addCleanup(listener.close)
        return "127.0.0.1:%d" % listener.getsockname()[1]


class NoConnection(NotProcessedCase):
    def test_a_post_to_servers_that_refuse_may_be_sent_again(self):
        for pool in (HTTP_1, H2C):
            proxy = self.front(self.nobody(), self.nobody(), pool=pool)
            self.assert_marked(self.client(proxy).post(b"x"))

    def test_one_whose_body_is_still_on_its_way_too(self):
        for pool in (HTTP_1, H2C):
            client = self.client(self.front(self.nobody(), pool=pool))
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegun")
            self.assert_marked(client.read_response())

    def test_a_server_that_lets_nobody_in_is_504(self):
        for pool in (HTTP_1, H2C):
            proxy = self.front(self.full_address(), pool=pool, timeouts='upstream_connect = "100ms"')
            self.assert_marked(self.client(proxy).post(b"x"), 504)

    def test_a_handshake_that_fails_sends_nothing(self):
        made = Certificates()
        self.addCleanup(made.remove)
        made.issue("named", "DNS:app.internal")
        for protocol in ("http1", "h2"):
            server = self.upstream(tls=made.server_context("named", protocols=["h2", "http/1.1"]))
            proxy = self.front(server, pool=f'{HTTP_1}\nprotocol = "{protocol}"\ntls = {{ ca = "{made.ca}" }}')
            self.assert_marked(self.client(proxy).post(b"x"))

    def test_the_next_server_gets_it(self):
        for pool, good in ((HTTP_1, self.upstream(answer(b"hello"))), (H2C, self.h2_server(lambda c: c.answer()))):
            client = self.client(self.front(self.nobody(), good, pool=pool))
            self.assertEqual([client.post(b"x").body for _ in range(3)], [b"hello"] * 3)

    def test_a_call_of_grpc_hears_unavailable_and_when_to_come_back(self):
        for pool in (HTTP_1, H2C):
            stream = self.h2_client(self.front(self.nobody(), pool=pool)).request("POST", "/a.B/C", GRPC, b"")
            self.assertEqual((stream.status, stream.body, stream.trailers), (200, b"", None))
            said = [stream.value(n) for n in ("grpc-status", "drawbridge-not-processed", "grpc-retry-pushback-ms")]
            self.assertEqual(said, ["14", "1", "1000"])

    def test_a_problem_document_says_it_too(self):
        client = self.client(self.front(self.nobody()))
        head = b"POST / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n"
        self.assert_marked(client.ask(head))


class Untouched(NotProcessedCase):
    """What a server of HTTP/2 did not take, and says so."""

    def test_a_server_that_always_refuses_streams(self):
        server = self.h2_server(lambda c: c.refuse(REFUSED_STREAM))
        self.assert_marked(self.client(self.front(server, pool=H2C)).post(b"x"))
        self.assertEqual(len(server.calls), 2, "asked once more")

    def test_a_server_that_always_says_goodbye(self):
        server = self.h2_server(lambda c: c.peer.goaway(0))
        self.assert_marked(self.client(self.front(server, pool=H2C)).post(b"x"))
        self.assertEqual([call.connection for call in server.calls], [1, 2])

    def test_another_server_is_asked_if_there_is_one_though_it_has_more_to_do(self):
        for refusal in (lambda c: c.refuse(REFUSED_STREAM), lambda c: c.peer.goaway(0)):
            bad, good = self.h2_server(refusal), self.h2_server(lambda c: c.answer(c.body) if c.body else None)
            proxy = self.front(bad, good, pool=H2C)
            busy = self.h2_client(proxy)
            busy.open()
            eventually(lambda: good.calls, "the request that keeps it busy")
            client = self.client(proxy)
            asked = len(bad.calls)
            for _ in range(2):
                self.assertEqual(client.post(b"x").body, b"x")
            self.assertGreater(len(bad.calls), asked)

    def test_a_body_that_is_not_all_here_is_not_sent_twice_but_marked(self):
        server = self.h2_server(None)
        client = self.client(self.front(server, pool=H2C))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegun")
        eventually(lambda: server.begun, "the request")
        server.begun[0].refuse(REFUSED_STREAM)
        self.assert_marked(client.read_response())
        self.assertEqual(len(server.begun), 1)

    def test_a_server_that_says_goodbye_to_what_came_too_late_is_not_taken_out(self):
        leaving = self.h2_server(lambda c: c.peer.goaway(0))
        good = self.h2_server(lambda c: c.answer())
        pool = 'protocol = "h2c"\nbalance = "round_robin"\nhealth = { active = false, passive_fall = 1 }'
        proxy = self.front(leaving, good, pool=pool)
        client = self.client(proxy)
        for _ in range(8):
            self.assertEqual(client.post(b"x").status, 200)
        self.assertGreater(len(leaving.calls), 2)
        self.assertNotIn("server_down", proxy.said)


class MayHaveBeenProcessed(NotProcessedCase):
    def test_a_request_that_was_read_and_not_answered(self):
        servers = (HTTP_1, self.upstream(lambda e: (e.read_body(), e.close()))), (H2C, self.h2_server(
            lambda c: c.refuse(INTERNAL_ERROR))), (H2C, self.h2_server(lambda c: c.peer.close()))
        for pool, server in servers:
            self.assert_nothing_claimed(self.client(self.front(server, pool=pool)).post(b"x"))

    def test_a_call_of_grpc_that_was_read_is_given_no_time_to_come_back(self):
        client = self.h2_client(self.front(self.h2_server(lambda c: c.refuse(INTERNAL_ERROR)), pool=H2C))
        stream = client.request("POST", "/a.B/C", GRPC, b"")
        said = [stream.value(n) for n in ("grpc-status", "drawbridge-not-processed", "grpc-retry-pushback-ms")]
        self.assertEqual(said, ["14", None, None])

    def test_a_goodbye_that_does_not_leave_it_out(self):
        server = self.h2_server(lambda c: (c.peer.goaway(c.number), c.peer.close()))
        self.assert_nothing_claimed(self.client(self.front(server, pool=H2C)).post(b"x"))

    def test_a_refusal_by_a_server_that_had_said_something_about_it(self):
        early = lambda c: c.head(("link", "</a>; rel=preload"), status="103")
        for refuse in (lambda c: early(c).refuse(REFUSED_STREAM), lambda c: early(c).peer.goaway(0)):
            server = self.h2_server(refuse)
            self.assert_nothing_claimed(self.h2_client(self.front(server, pool=H2C)).request("POST", "/", body=b"x"))
            self.assertEqual(len(server.calls), 1)

    def test_one_that_was_read_once_and_then_met_nobody(self):
        def leave(exchange):
            exchange.read_body()
            exchange.upstream.stop()
            exchange.close()

        server = self.upstream(leave)
        proxy = self.front(server)
        request = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        self.assert_nothing_claimed(self.client(proxy).ask(request))
        self.assertEqual(len(server.requests), 1)

    def test_a_slow_server(self):
        go = threading.Event()
        self.addCleanup(go.set)
        for pool, server in ((HTTP_1, self.upstream(lambda e: e.wait(go))), (H2C, self.h2_server(lambda c: None))):
            proxy = self.front(server, pool=pool, timeouts='upstream_head = "100ms"')
            self.assert_nothing_claimed(self.client(proxy).post(b"x"), 504)


if __name__ == "__main__":
    unittest.main()
