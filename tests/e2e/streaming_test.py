"""Bodies stream: nothing waits in a buffer, nothing fills the memory, and who goes away is noticed."""

import threading
import unittest

from harness import Broken, ProxyCase, answer, eventually

PIECE = b"x" * 65536
PIECES = 1024  # 64 MiB
MEMORY_MAX = 16 * 1024 * 1024  # far below what is streamed, far above two buffers


class Flow(ProxyCase):
    def test_the_first_event_of_a_stream_arrives_at_once(self):
        second = threading.Event()

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            exchange.send(b"9\r\ndata: 1\n\n\r\n")
            exchange.wait(second)
            exchange.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        client = self.client(self.proxy(self.upstream(script)))
        client.send(b"GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")
        response = client.read_head()
        self.assertEqual(client.wire.exactly(14), b"9\r\ndata: 1\n\n\r\n")
        second.set()
        client.read_body(response)

    def test_the_head_of_an_answer_arrives_before_its_body(self):
        body = threading.Event()

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            exchange.wait(body)
            exchange.send(b"hello")
        client = self.client(self.proxy(self.upstream(script)))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        response = client.read_head()
        body.set()
        client.read_body(response)
        self.assertEqual(response.body, b"hello")

    def test_the_first_bytes_of_an_upload_arrive_before_its_last(self):
        seen = threading.Event()

        def script(exchange):
            if exchange.wire.exactly(5) == b"first":
                seen.set()
            exchange.wire.exactly(4)
            exchange.send(answer(b"done"))
        client = self.client(self.proxy(self.upstream(script)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfirst")
        self.assertTrue(seen.wait(10))
        self.assertEqual(client.send(b"last").read_response().body, b"done")

    def test_both_directions_flow_at_the_same_time(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                exchange.send(b"5\r\n" + exchange.wire.exactly(5) + b"\r\n")
            exchange.send(b"0\r\n\r\n")
        client = self.client(self.proxy(self.upstream(script)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n")
        client.read_head()
        for word in (b"alpha", b"beta ", b"gamma"):
            client.send(word)
            self.assertEqual(client.wire.until(b"\r\n" + word + b"\r\n")[-7:-2], word)
        self.assertEqual(client.wire.until(b"0\r\n\r\n"), b"0\r\n\r\n")


class Memory(ProxyCase):
    def test_a_slow_reader_holds_the_upstream_back_and_costs_no_memory(self):
        sent = []

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
            for _ in range(PIECES):
                exchange.send(PIECE)
                sent.append(1)
        proxy = self.proxy(self.upstream(script), workers=1)
        before = proxy.rss_bytes()
        client = self.client(proxy, receive_buffer=4096)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_head()
        self.wait_until_still(sent)
        self.assertLess(len(sent), PIECES)
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)
        self.assertEqual(len(client.wire.exactly(len(PIECE) * PIECES)), len(PIECE) * PIECES)
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)

    def test_a_slow_upstream_holds_the_client_back_and_costs_no_memory(self):
        go_on = threading.Event()

        def script(exchange):
            exchange.wait(go_on)
            for _ in range(PIECES):
                exchange.wire.exactly(len(PIECE))
            exchange.send(answer(b"got it"))
        proxy = self.proxy(self.upstream(script), workers=1)
        before = proxy.rss_bytes()
        client = self.client(proxy)
        sent = []

        def upload():
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
            for _ in range(PIECES):
                client.send(PIECE)
                sent.append(1)
        sender = threading.Thread(target=upload)
        sender.start()
        self.wait_until_still(sent)
        self.assertLess(len(sent), PIECES)
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)
        go_on.set()
        self.assertEqual(client.read_response().body, b"got it")
        sender.join()
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)

    def wait_until_still(self, sent):
        """Until the sender has sent something and then nothing for a while: it is held back."""
        seen = [0, 0]

        def still():
            seen[1] = seen[1] + 1 if len(sent) == seen[0] and sent else 0
            seen[0] = len(sent)
            return seen[1] > 40
        eventually(still, "the sender to be held back")


class Departures(ProxyCase):
    def test_an_upstream_learns_that_the_client_left_in_the_middle_of_the_answer(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            exchange.say_nothing()
            left.set()
        left = threading.Event()
        proxy = self.proxy(self.upstream(script))
        client = self.client(proxy)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").read_head()
        client.reset()
        self.assertTrue(left.wait(10), "the upstream still waits for a client that is gone")

    def test_an_upstream_learns_that_the_client_left_before_the_answer(self):
        left = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.say_nothing(), left.set()))
        proxy = self.proxy(upstream)
        client = self.client(proxy)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        client.reset()
        self.assertTrue(left.wait(10), "the upstream still works for a client that is gone")

    def test_a_write_whose_client_has_left_goes_on_and_a_drain_waits_for_it(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.read_body(), exchange.wait(released), exchange.send(answer())))
        proxy = self.proxy(upstream)
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        upstream.wait_until_complete()
        client.reset()
        self.assertEqual(proxy.mode("readonly", drain="200ms")["outstanding_counts"]["writes"], 1)
        released.set()
        self.assertEqual(proxy.ctl("wait", "--until", "drained", "--timeout", "10s")[0], 0)

    def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_complete_request(self):
        for framing, part in (("Content-Length: 100", b"half"), ("Transfer-Encoding: chunked", b"4\r\nhalf\r\n")):
            for leave in ("close", "reset"):
                with self.subTest(framing=framing, leave=leave):
                    upstream = self.upstream(lambda exchange: exchange.read_body())
                    proxy = self.proxy(upstream)
                    client = self.client(proxy)
                    client.send(b"POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s" % (framing.encode(), part))
                    upstream.wait_for_requests(1)
                    getattr(client, leave)()
                    eventually(lambda u=upstream: u.open_connections == 0, "the upstream connection to end")
                    self.assertFalse(upstream.requests[0].complete)
                    eventually(lambda p=proxy: p.access_log(), "the record of the request")

    def test_a_client_that_finished_sending_still_gets_its_answer(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"late"))))
        client = self.client(self.proxy(upstream))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").finish_sending()
        upstream.wait_for_requests(1)
        released.set()
        self.assertEqual(client.read_response().body, b"late")
        self.assertEqual(client.end(), "fin")

    def test_after_a_truncated_answer_the_connection_ends(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            exchange.close()
        client = self.client(self.proxy(self.upstream(script)))
        with self.assertRaises(Broken) as caught:
            client.get()
        self.assertEqual(caught.exception.got, b"half")
        self.assertNotEqual(client.wire.ended, "")

    def test_nothing_is_left_open_when_all_have_gone(self):
        proxy = self.proxy(self.upstream(lambda exchange: exchange.say_nothing()), timeouts='upstream_idle = "1ms"')
        before = proxy.sockets()
        clients = [self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(50)]
        eventually(lambda: proxy.sockets() >= before + 90, "both sides of 50 requests")
        for client in clients:
            client.reset()
        eventually(lambda: proxy.sockets() <= before, "every socket to be closed")


if __name__ == "__main__":
    unittest.main()
