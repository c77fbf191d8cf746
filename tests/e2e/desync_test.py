"""No visitor ever gets another's answer: early answers, answers with too much, connections that end in the middle."""

import contextlib
import threading

from harness import Broken, ExchangeCase, ProxyCase, answer, chunked, eventually, main

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


class AnswersWithTooMuch(ExchangeCase):
    """Bytes behind a complete answer belong to nobody."""

    def check(self, sent, method="GET"):
        """`sent` answers a request, whatever follows in it; the next answer must be the next request's own."""
        def script(exchange):
            exchange.read_body()
            if exchange.request.target != "/":
                exchange.send(answer(exchange.request.target.encode()))
            else:
                exchange.send(sent)
        upstream = self.upstream(script)
        proxy = self.proxy(upstream, workers=1)
        with self.visitor(proxy) as visitor:
            first = visitor.ask(method)
            for target in ("/1", "/2"):
                self.assertEqual(visitor.get(target).body, target.encode())
            self.assertEqual(visitor.connections, 1)
        with self.visitor(proxy) as other:
            self.assertEqual(other.get("/3").body, b"/3")
        self.assertNotEqual(upstream.requests[0].connection, upstream.requests[1].connection)
        return first

    def test_a_body_that_follows_head_is_no_answer_to_the_next_request(self):
        self.check(b"HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n" + answer(b""), "HEAD")

    def test_a_body_that_follows_204_is_no_answer_to_the_next_request(self):
        self.assertEqual(self.check(b"HTTP/1.1 204 No Content\r\n\r\n" + answer(b"evil")).body, b"")

    def test_a_body_that_follows_304_is_no_answer_to_the_next_request(self):
        self.check(b"HTTP/1.1 304 Not Modified\r\n\r\n" + answer(b"evil"))

    def test_an_answer_behind_the_last_chunk_is_no_answer_to_the_next_request(self):
        self.assertEqual(self.check(chunked(b"good") + answer(b"evil")).body, b"good")

    def test_an_answer_behind_a_sized_body_is_no_answer_to_the_next_request(self):
        self.assertEqual(self.check(answer(b"good") + b"X").body, b"good")

    def test_an_interim_answer_behind_the_final_one_is_no_answer_to_the_next_request(self):
        self.check(answer(b"good") + b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_line_ends_behind_an_answer_are_no_answer_to_the_next_request(self):
        self.check(answer(b"good") + b"\r\n")


class EarlyAnswers(ExchangeCase):
    def early(self, length, rest):
        """The upstream answers before the body has ended; then the client sends the rest, with a request in it."""
        def script(exchange):
            if exchange.request.method == "POST":
                exchange.send(answer(b"early"))
                exchange.read_rest()
            else:
                exchange.send(answer(b"other"))
        upstream = self.upstream(script)
        proxy = self.proxy(upstream, workers=1)
        upload = self.visitor(proxy).begin("POST", length=length).send(b"part")
        self.assertEqual(upload.answer().body, b"early")
        upload.send(rest)
        upload.check_spent()
        with self.visitor(proxy) as other:
            self.assertEqual(other.get().body, b"other")
        self.assertEqual([r.target for r in upstream.requests], ["/", "/"])
        self.assertEqual([r.connection for r in upstream.requests], [1, 2])

    def test_the_rest_of_a_sized_body_is_never_read_as_a_request(self):
        self.early(100_000, SMUGGLED)

    def test_the_rest_of_a_body_of_unknown_length_is_never_read_as_a_request(self):
        self.early("unknown", SMUGGLED)

    def test_a_client_that_never_sends_what_it_expected_to_send_poisons_nobody(self):
        upstream = self.upstream(lambda e: e.send(answer(b"no", "417 Expectation Failed")))
        visitor = self.visitor(self.proxy(upstream, workers=1))
        upload = visitor.begin("POST", "/", {"Expect": "100-continue"}, length=len(SMUGGLED))
        self.assertEqual(upload.answer().status, 417)
        upload.check_spent()
        upload.send(SMUGGLED)
        self.assertEqual([request.target for request in upstream.requests], ["/"])


class Strangers(ExchangeCase):
    def test_what_a_client_left_of_an_answer_reaches_nobody_else(self):
        halfway = threading.Event()

        def script(exchange):
            if exchange.request.target != "/big":
                exchange.send(answer(b"small"))
                return
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            exchange.wait(halfway)
            exchange.send(answer(b"evil") + b"x" * 100)
        upstream = self.upstream(script)
        proxy = self.proxy(upstream, workers=1)
        left = self.visitor(proxy).begin("GET", "/big")
        left.head()
        left.leave()
        halfway.set()
        with self.visitor(proxy) as other:
            for _ in range(5):
                self.assertEqual(other.get().body, b"small")

    def test_many_clients_at_once_each_get_their_own_answers(self):
        upstream = self.upstream(lambda e: e.send(answer((e.request.target * 50).encode())))
        proxy = self.proxy(upstream, workers=4)
        wrong = []

        def ask(name):
            with self.visitor(proxy) as visitor:
                for number in range(100):
                    target = f"/{name}/{number}"
                    if visitor.get(target).body != (target * 50).encode():
                        wrong.append(target)
        threads = [threading.Thread(target=ask, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((wrong, len(upstream.requests)), ([], 800))

    def test_requests_on_their_way_at_once_each_get_their_own_answers(self):
        gates = [threading.Event() for _ in range(10)]

        def script(exchange):
            number = int(exchange.request.target[1:])
            exchange.wait(gates[number])
            exchange.send(answer(b"%d" % number * 1000))
        visitor = self.visitor(self.proxy(self.upstream(script), workers=1))
        asked = [visitor.begin("GET", f"/{number}") for number in range(len(gates))]
        for number in (3, 9, 0, 4, 1, 8, 2, 7, 6, 5):
            gates[number].set()
            self.assertEqual(asked[number].answer().body, b"%d" % number * 1000)


class Http1(ProxyCase):
    def test_the_rest_of_a_chunk_is_never_read_as_a_request(self):
        upstream = self.upstream(lambda e: (e.send(answer(b"early")), e.read_rest()))
        client = self.client(self.proxy(upstream, workers=1))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\npart")
        self.assertEqual(client.read_response().body, b"early")
        with contextlib.suppress(OSError):
            client.send(SMUGGLED)
            self.assertEqual(client.wire.rest(), b"")
        self.assertEqual([r.target for r in upstream.requests], ["/"])

    def test_requests_behind_one_that_closes_are_never_served(self):
        upstream = self.upstream()
        client = self.client(self.proxy(upstream))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + SMUGGLED)
        self.assertTrue(client.read_response().says_close)
        self.assertEqual(client.end(), "fin")
        self.assertEqual([request.target for request in upstream.requests], ["/"])

    def test_requests_behind_a_truncated_answer_are_never_served(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            exchange.close()
        upstream = self.upstream(script)
        client = self.client(self.proxy(upstream))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED)
        with self.assertRaises(Broken) as caught:
            client.read_response()
        self.assertEqual(caught.exception.got, b"half")
        self.assertEqual([request.target for request in upstream.requests], ["/"])

    def test_a_refused_upgrade_leaves_its_following_bytes_to_the_judge(self):
        upstream = self.upstream()
        client = self.client(self.proxy(upstream))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello\r\n\r\n")
        self.assertEqual([client.read_response().status for _ in range(2)], [200, 400])
        self.assertEqual(client.end(), "fin")

    def test_idle_and_slow_clients_keep_nobody_out(self):
        proxy = self.proxy(self.upstream(), workers=1)
        slow = [self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ") for _ in range(300)]
        client = self.client(proxy)
        for _ in range(50):
            self.assertEqual(client.get().status, 200)
        for other in slow:
            other.close()
        eventually(lambda: proxy.metric("drawbridge_client_connections_open") <= 1, "the slow ones to be forgotten")


class Patience(ExchangeCase):
    def test_a_head_that_trickles_from_an_upstream_is_504_after_its_time(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
            with contextlib.suppress(OSError):
                while not exchange.wire.has_more(0.02):
                    exchange.send(b"x")
            exchange.close()
        visitor = self.visitor(self.proxy(self.upstream(script), timeouts='upstream_head = "300ms"'))
        self.assertEqual(visitor.get().status, 504)

    def test_interim_answers_give_a_long_request_its_time_anew(self):
        def script(exchange):
            for _ in range(4):
                exchange.wire.has_more(0.6)
                exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            exchange.send(answer(b"done"))
        response = self.visitor(self.proxy(self.upstream(script), timeouts='upstream_head = "2s"')).get()
        self.assertEqual((response.body, len(response.interim)), (b"done", 4))

    def test_a_long_upload_does_not_use_up_the_time_for_the_answer(self):
        upstream = self.upstream(lambda e: e.send(answer(e.read_body())))
        upload = self.visitor(self.proxy(upstream, timeouts='upstream_head = "1s"')).begin("POST", length=4)
        for byte in (b"a", b"b", b"c", b"d"):
            self.assertTrue(upload.is_quiet(0.35))
            upload.send(byte)
        self.assertEqual(upload.answer().body, b"abcd")


if __name__ == "__main__":
    main()
