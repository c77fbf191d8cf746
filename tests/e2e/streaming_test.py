"""Bodies stream: nothing waits in a buffer, nothing fills the memory, and who goes away is noticed."""

import threading

from harness import ExchangeCase, ProxyCase, answer, eventually, main

PIECE = b"x" * 65536
PIECES = 1024  # 64 MiB
MEMORY_MAX = 16 * 1024 * 1024  # far below what is streamed, far above two buffers


class Flow(ExchangeCase):
    def test_the_first_event_of_a_stream_arrives_at_once(self):
        second = threading.Event()

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            exchange.send(b"9\r\ndata: 1\n\n\r\n")
            exchange.wait(second)
            exchange.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        events = self.visitor(self.proxy(self.upstream(script))).begin("GET", "/events", {"Accept": "text/event-stream"})
        self.assertEqual(events.head().value("Content-Type"), "text/event-stream")
        self.assertEqual(events.read(9), b"data: 1\n\n")
        self.assertTrue(events.is_quiet(0.05))
        second.set()
        self.assertEqual(events.read(9), b"data: 2\n\n")
        events.answer()

    def test_a_stream_of_events_keeps_no_other_request_of_its_visitor_waiting(self):
        end = threading.Event()

        def script(exchange):
            if exchange.request.target != "/events":
                exchange.send(answer(exchange.request.target.encode()))
                return
            exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
            exchange.wait(end)
            exchange.send(b"0\r\n\r\n")
        visitor = self.visitor(self.proxy(self.upstream(script), workers=1))
        events = visitor.begin("GET", "/events")
        self.assertEqual(events.read(9), b"data: 1\n\n")
        for number in range(5):
            self.assertEqual(visitor.get(f"/{number}").body, b"/%d" % number)
        end.set()
        self.assertEqual(events.answer().body, b"data: 1\n\n")

    def test_the_head_of_an_answer_arrives_before_its_body(self):
        body = threading.Event()

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            exchange.wait(body)
            exchange.send(b"hello")
        asked = self.visitor(self.proxy(self.upstream(script))).begin()
        self.assertEqual(asked.head().status, 200)
        body.set()
        self.assertEqual(asked.answer().body, b"hello")

    def test_the_first_bytes_of_an_upload_arrive_before_its_last(self):
        seen = threading.Event()

        def script(exchange):
            if exchange.wire.exactly(5) == b"first":
                seen.set()
            exchange.wire.exactly(4)
            exchange.send(answer(b"done"))
        upload = self.visitor(self.proxy(self.upstream(script))).begin("POST", length=9).send(b"first")
        self.assertTrue(seen.wait(10))
        self.assertEqual(upload.send(b"last").answer().body, b"done")

    def test_both_directions_flow_at_the_same_time(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                exchange.send(b"5\r\n" + exchange.wire.exactly(5) + b"\r\n")
            exchange.send(b"0\r\n\r\n")
        talk = self.visitor(self.proxy(self.upstream(script))).begin("POST", length=15)
        self.assertEqual(talk.head().status, 200)
        for word in (b"alpha", b"beta ", b"gamma"):
            talk.send(word)
            self.assertEqual(talk.read(5), word)
        self.assertEqual(talk.answer().body, b"alphabeta gamma")


class Memory(ExchangeCase):
    def test_a_slow_reader_holds_the_upstream_back_and_costs_no_memory(self):
        sent = []

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
            for _ in range(PIECES):
                exchange.send(PIECE)
                sent.append(1)
        proxy = self.proxy(self.upstream(script), workers=1)
        before = proxy.rss_bytes()
        asked = self.visitor(proxy, receive_buffer=4096).begin()
        asked.head()
        self.wait_until_still(sent)
        self.assertLess(len(sent), PIECES)
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)
        self.assertEqual(len(asked.answer().body), len(PIECE) * PIECES)
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
        upload = self.visitor(proxy).begin("POST", length=len(PIECE) * PIECES)
        sent = []

        def send():
            for _ in range(PIECES):
                upload.send(PIECE)
                sent.append(1)
        sender = threading.Thread(target=send)
        sender.start()
        self.wait_until_still(sent)
        self.assertLess(len(sent), PIECES)
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)
        go_on.set()
        sender.join()
        self.assertEqual(upload.answer().body, b"got it")
        self.assertLess(proxy.rss_bytes() - before, MEMORY_MAX)

    def wait_until_still(self, sent):
        """Until the sender has sent something and then nothing for a while: it is held back."""
        seen = [0, 0]

        def still():
            seen[1] = seen[1] + 1 if len(sent) == seen[0] and sent else 0
            seen[0] = len(sent)
            return seen[1] > 40
        eventually(still, "the sender to be held back")


class Departures(ExchangeCase):
    LEAVES = ("close", "reset")

    def test_an_upstream_learns_that_the_client_left_in_the_middle_of_the_answer(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            exchange.say_nothing()
            left.set()
        left = threading.Event()
        asked = self.visitor(self.proxy(self.upstream(script))).begin()
        asked.head()
        asked.leave()
        self.assertTrue(left.wait(10), "the upstream still waits for a client that is gone")

    def test_an_upstream_learns_that_the_client_left_before_the_answer(self):
        left = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.say_nothing(), left.set()))
        asked = self.visitor(self.proxy(upstream)).begin()
        upstream.wait_for_requests(1)
        asked.leave()
        self.assertTrue(left.wait(10), "the upstream still works for a client that is gone")

    def test_a_write_whose_client_has_left_goes_on_and_a_drain_waits_for_it(self):
        for leave in self.LEAVES:
            with self.subTest(leave=leave):
                released = threading.Event()
                upstream = self.upstream(lambda e, go=released: (e.read_body(), e.wait(go), e.send(answer())))
                proxy = self.proxy(upstream)
                write = self.visitor(proxy).begin("POST", body=b"x")
                upstream.wait_until_complete()
                write.leave(leave)
                self.assertEqual(proxy.mode("readonly", drain="200ms")["outstanding_counts"]["writes"], 1)
                released.set()
                self.assertEqual(proxy.ctl("wait", "--until", "drained", "--timeout", "10s")[0], 0)

    def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_complete_request(self):
        for length in (100, "unknown"):
            for leave in self.LEAVES:
                with self.subTest(length=length, leave=leave):
                    upstream = self.upstream(lambda exchange: exchange.read_body())
                    proxy = self.proxy(upstream)
                    upload = self.visitor(proxy).begin("POST", length=length).send(b"half")
                    upstream.wait_for_requests(1)
                    upload.leave(leave)
                    eventually(lambda u=upstream: u.open_connections == 0, "the upstream connection to end")
                    self.assertFalse(upstream.requests[0].complete)
                    eventually(lambda p=proxy: p.access_log(), "the record of the request")

    def test_after_a_truncated_answer_nobody_gets_the_rest(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            exchange.close()
        self.assertEqual(self.visitor(self.proxy(self.upstream(script))).begin().cut(), b"half")

    def test_nothing_is_left_open_when_all_have_gone(self):
        proxy = self.proxy(self.upstream(lambda exchange: exchange.say_nothing()), timeouts='upstream_idle = "1ms"')
        before = proxy.sockets()
        asked = [self.visitor(proxy).begin() for _ in range(50)]
        eventually(lambda: proxy.sockets() >= before + 90, "both sides of 50 requests")
        for one in asked:
            one.leave()
        for one in asked:
            one.leave("close")
        eventually(lambda: proxy.sockets() <= before, "every socket to be closed")


class HalfClosed(ProxyCase):
    def test_a_client_that_finished_sending_still_gets_its_answer(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"late"))))
        client = self.client(self.proxy(upstream))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").finish_sending()
        upstream.wait_for_requests(1)
        released.set()
        self.assertEqual(client.read_response().body, b"late")
        self.assertEqual(client.end(), "fin")


if __name__ == "__main__":
    main()
