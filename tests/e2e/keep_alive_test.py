"""Connections are kept on both sides, and messages on them never mix."""

from harness import ExchangeCase, ProxyCase, answer, main


class KeepAlive(ExchangeCase):
    def test_requests_of_one_client_share_one_connection_on_each_side(self):
        upstream = self.upstream()
        visitor = self.visitor(self.proxy(upstream, workers=1))
        for number in range(5):
            self.assertEqual(visitor.get(f"/{number}").body, b"hello")
        self.assertEqual([r.target for r in upstream.requests], ["/0", "/1", "/2", "/3", "/4"])
        self.assertEqual((visitor.connections, upstream.connections), (1, 1))

    def test_an_upstream_connection_serves_one_client_after_the_other(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, workers=1)
        for _ in range(3):
            with self.visitor(proxy) as visitor:
                visitor.get()
        self.assertEqual(upstream.connections, 1)

    def test_an_upstream_that_asks_to_close_is_not_asked_again(self):
        upstream = self.upstream(answer(b"last", fields="Connection: close\r\n"))
        visitor = self.visitor(self.proxy(upstream, workers=1))
        for _ in range(3):
            self.assertEqual(visitor.get().body, b"last")
        self.assertEqual((visitor.connections, upstream.connections), (1, 3))

    def test_bytes_after_a_response_poison_no_later_request(self):
        upstream = self.upstream([answer(b"good") + answer(b"evil"), answer(b"next")])
        visitor = self.visitor(self.proxy(upstream, workers=1))
        self.assertEqual([visitor.get().body for _ in range(2)], [b"good", b"next"])
        self.assertEqual(upstream.connections, 2)

    def test_an_idle_connection_that_speaks_unasked_is_not_used(self):
        upstream = self.upstream()
        visitor = self.visitor(self.proxy(upstream, workers=1))
        visitor.get()
        upstream.say(answer(b"evil"))
        self.assertEqual(visitor.post(b"x").body, b"hello")
        self.assertEqual(visitor.get().body, b"hello")
        self.assertEqual(upstream.connections, 2)


class Http1(ProxyCase):
    def test_pipelined_requests_are_answered_in_order(self):
        upstream = self.upstream(lambda e: e.send(answer(e.read_body() or e.request.target.encode())))
        client = self.client(self.proxy(upstream, workers=1))
        client.send(b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (n, n % 3, b"x" * (n % 3))
                             for n in range(50)))
        bodies = [client.read_response().body for _ in range(50)]
        self.assertEqual(bodies, [b"x" * (n % 3) or b"/%d" % n for n in range(50)])

    def test_a_client_that_asks_to_close_is_closed_after_the_answer(self):
        client = self.client(self.proxy(self.upstream()))
        response = client.get(fields="Connection: close\r\n")
        self.assertTrue(response.says_close)
        self.assertEqual(client.end(), "fin")

    def test_http_1_0_is_closed_unless_it_asks_to_be_kept(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        client = self.client(proxy)
        self.assertEqual(client.ask(b"GET / HTTP/1.0\r\n\r\n").body, b"hello")
        self.assertEqual(client.end(), "fin")
        client = self.client(proxy)
        for _ in range(2):
            response = client.ask(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual((response.body, response.says_close), (b"hello", False))


if __name__ == "__main__":
    main()
