"""Message bodies arrive whole, by their own framing, in both directions; interim answers and trailers with them."""

import threading

from harness import TRANSPORT, ExchangeCase, ProxyCase, answer, chunked, main
from harness.wire import values

BODY = bytes(range(256)) * 1000


def echo(exchange):
    exchange.send(answer(exchange.read_body()))


class RequestBodies(ExchangeCase):
    def test_a_sized_request_body_arrives_whole(self):
        upstream = self.upstream(echo)
        visitor = self.visitor(self.proxy(upstream))
        for size in (0, 1, 4096, 65536, len(BODY)):
            self.assertEqual(visitor.post(BODY[:size]).body, BODY[:size])
        self.assertEqual([len(values(r.fields, "Content-Length")) for r in upstream.requests], [1] * 5)

    def test_a_body_of_unknown_length_arrives_whole_with_its_trailers(self):
        upstream = self.upstream(echo)
        visitor = self.visitor(self.proxy(upstream))
        upload = visitor.begin("POST", "/", {"Trailer": "X-Sum"}, length="unknown")
        upload.send(b"hello").send(BODY).end({"X-Sum": "7"})
        self.assertEqual(upload.answer().body, b"hello" + BODY)
        self.assertEqual(values(upstream.requests[0].trailers, "X-Sum"), ["7"])
        self.assertEqual((visitor.get().status, visitor.connections), (200, 1))

    def test_bodies_on_get_and_delete_pass_unharmed(self):
        upstream = self.upstream(echo)
        visitor = self.visitor(self.proxy(upstream))
        for method in ("GET", "DELETE", "OPTIONS"):
            self.assertEqual(visitor.ask(method, body=b"hello").body, b"hello")
        self.assertEqual([r.body for r in upstream.requests], [b"hello"] * 3)

    def test_each_request_has_one_host_and_one_framing_upstream(self):
        upstream = self.upstream(echo)
        visitor = self.visitor(self.proxy(upstream))
        visitor.post(b"hello")
        visitor.get()
        first, second = upstream.requests
        self.assertEqual((first.value("Host"), first.value("Content-Length")), ("a.example", "5"))
        self.assertEqual((second.value("Host"), second.value("Content-Length")), ("a.example", None))

    def test_fields_of_the_connection_to_the_upstream_stay_here(self):
        upstream = self.upstream(answer(b"", fields="Connection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=1\r\n"
                                                    "Proxy-Authenticate: no\r\nX-Kept: 1\r\n"))
        response = self.visitor(self.proxy(upstream)).get("/", {"TE": "trailers", "X-Passed": "1"})
        request = upstream.requests[0]
        self.assertEqual((request.value("TE"), request.value("X-Passed")), (None, "1"))
        self.assertEqual([response.value(name) for name in ("X-Mine", "Keep-Alive", "Proxy-Authenticate", "X-Kept")],
                         [None, None, None, "1"])

    def test_forwarding_fields_are_replaced_for_a_client_that_nobody_trusts(self):
        upstream = self.upstream()
        visitor = self.visitor(self.proxy(upstream))
        visitor.get("/", {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "gopher", "X-Request-Id": "mine-123456"})
        request = upstream.requests[0]
        self.assertEqual((request.value("X-Forwarded-For"), request.value("X-Forwarded-Proto"), request.value("Via")),
                         ("127.0.0.1", TRANSPORT.scheme, f"{TRANSPORT.via} drawbridge"))
        self.assertNotIn(request.value("X-Request-Id"), (None, "mine-123456"))

    def test_forwarding_fields_of_a_trusted_proxy_are_believed_and_appended_to(self):
        upstream = self.upstream()
        visitor = self.visitor(self.proxy(upstream, server='trusted_proxies = ["127.0.0.0/8"]'))
        visitor.get("/", {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Request-Id": "mine-123456"})
        request = upstream.requests[0]
        self.assertEqual((request.value("X-Forwarded-For"), request.value("X-Forwarded-Proto")), ("9.9.9.9, 127.0.0.1", "https"))
        self.assertEqual(request.value("X-Request-Id"), "mine-123456")


class ResponseBodies(ExchangeCase):
    def ask_for(self, script, method="GET"):
        upstream = self.upstream(script)
        visitor = self.visitor(self.proxy(upstream, workers=1))
        return visitor.ask(method), visitor, upstream

    def test_a_sized_response_arrives_whole(self):
        response, visitor, _ = self.ask_for(answer(BODY))
        self.assertEqual((response.body, response.value("Content-Length")), (BODY, str(len(BODY))))
        self.assertEqual(visitor.get().body, BODY)

    def test_a_chunked_response_arrives_whole_with_its_trailers(self):
        script = chunked(b"hello ", BODY, b"!", fields="Trailer: X-Sum\r\n", trailers="X-Sum: 7\r\n")
        response, visitor, upstream = self.ask_for(script)
        self.assertEqual((response.body, response.trailer("X-Sum")), (b"hello " + BODY + b"!", "7"))
        visitor.get()
        self.assertEqual(upstream.connections, 1)

    def test_a_body_that_ends_with_the_connection_becomes_one_with_an_end(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
            exchange.close()
        response, visitor, _ = self.ask_for(script)
        self.assertEqual(response.body, BODY)
        self.assertEqual((visitor.get().body, visitor.connections), (BODY, 1))

    def test_head_answers_have_fields_and_no_body(self):
        response, visitor, upstream = self.ask_for(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HEAD")
        self.assertEqual((response.value("Content-Length"), response.body), ("1000", b""))
        self.assertEqual((visitor.ask("HEAD").status, visitor.connections), (200, 1))
        self.assertEqual(upstream.connections, 1)

    def test_204_and_304_have_no_body_and_the_connections_go_on(self):
        for head in (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"):
            with self.subTest(head=head):
                response, visitor, upstream = self.ask_for(head)
                self.assertEqual(response.body, b"")
                self.assertEqual((visitor.get().status, visitor.connections), (response.status, 1))
                self.assertEqual(upstream.connections, 1)

    def test_an_upstream_of_http_1_0_ends_no_connection_of_a_client(self):
        response, visitor, _ = self.ask_for(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        self.assertEqual((response.body, visitor.get().body, visitor.connections), (b"hello", b"hello", 1))


class InterimAnswers(ExchangeCase):
    def expecting(self, proxy):
        return self.visitor(proxy).begin("POST", "/", {"Expect": "100-continue"}, length=5)

    def test_a_client_that_expects_100_gets_it_from_the_upstream(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            exchange.send(answer(exchange.read_body()))
        upstream = self.upstream(script)
        upload = self.expecting(self.proxy(upstream))
        self.assertEqual(upload.head().status, 100)
        self.assertEqual(upload.send(b"hello").answer().body, b"hello")
        self.assertEqual(upstream.requests[0].value("Expect"), "100-continue")

    def test_a_refusal_instead_of_100_reaches_the_client_that_still_holds_its_body(self):
        upstream = self.upstream(lambda exchange: exchange.send(answer(b"no", "403 Forbidden")))
        upload = self.expecting(self.proxy(upstream))
        response = upload.answer()
        self.assertEqual((response.status, response.body, response.interim), (403, b"no", []))
        upload.check_spent()

    def test_no_100_comes_from_the_proxy_itself(self):
        released = threading.Event()

        def script(exchange):
            exchange.wait(released)
            exchange.send(answer(exchange.read_body()))
        upload = self.expecting(self.proxy(self.upstream(script)))
        self.assertTrue(upload.is_quiet())
        released.set()
        self.assertEqual(upload.send(b"hello").answer().interim, [])

    def test_early_hints_are_passed_on_before_the_answer(self):
        released = threading.Event()

        def script(exchange):
            exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            exchange.wait(released)
            exchange.send(answer(b"page"))
        asked = self.visitor(self.proxy(self.upstream(script))).begin()
        hints = asked.head()
        self.assertEqual((hints.status, hints.value("Link")), (103, "</a.css>"))
        released.set()
        self.assertEqual(asked.answer().body, b"page")

    def test_interim_answers_without_end_are_a_broken_upstream(self):
        def script(exchange):
            for _ in range(1000):
                exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        self.assertEqual(self.visitor(self.proxy(self.upstream(script))).get().status, 502)


class Http1(ProxyCase):
    def test_a_chunked_request_body_arrives_whole_with_its_trailers(self):
        upstream = self.upstream(echo)
        client = self.client(self.proxy(upstream))
        request = (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                   b"5;ext=1\r\nhello\r\n" + b"%X\r\n%s\r\n" % (len(BODY), BODY) + b"0\r\nX-Sum: 7\r\n\r\n")
        self.assertEqual(client.ask(request).body, b"hello" + BODY)
        self.assertEqual(upstream.requests[0].trailers, [("X-Sum", "7")])
        self.assertEqual(client.get().status, 200)

    def test_hop_by_hop_fields_and_those_that_connection_names_stay_here(self):
        upstream = self.upstream()
        client = self.client(self.proxy(upstream))
        client.get(fields="Connection: keep-alive, X-Yours\r\nX-Yours: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                          "Proxy-Connection: close\r\nX-Passed: 1\r\n")
        names = {name for name, _ in upstream.requests[0].fields}
        self.assertTrue(names.isdisjoint({"X-Yours", "Keep-Alive", "Proxy-Connection"}), names)
        self.assertIn("X-Passed", names)

    def test_a_client_of_http_1_0_gets_chunks_as_plain_bytes(self):
        client = self.client(self.proxy(self.upstream(chunked(b"hello ", b"you"))))
        response = client.ask(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual((response.body, response.value("Transfer-Encoding")), (b"hello you", None))
        self.assertEqual(client.wire.ended, "fin")

    def test_clients_of_http_1_0_never_see_an_interim_answer(self):
        script = b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(b"page")
        client = self.client(self.proxy(self.upstream(script)))
        response = client.ask(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual((response.interim, response.body), ([], b"page"))

    def test_whatever_the_upstream_speaks_the_answer_is_http_1_1(self):
        client = self.client(self.proxy(self.upstream(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")))
        response = client.get()
        self.assertEqual((response.version, response.body, response.says_close), ("HTTP/1.1", b"hello", False))


if __name__ == "__main__":
    main()
