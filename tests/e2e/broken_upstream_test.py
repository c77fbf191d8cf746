"""Upstreams that break: what the client sees, and what is tried again."""

import threading

from harness import Broken, ExchangeCase, ProxyCase, answer, eventually, main


class Truncation(ExchangeCase):
    """An answer that broke off never looks complete."""

    def cut_short(self, sent, end="close"):
        def script(exchange):
            exchange.read_body()
            exchange.send(sent)
            getattr(exchange, end)()
        return self.visitor(self.proxy(self.upstream(script), workers=1)).begin().cut()

    def test_a_sized_answer_that_breaks_off_is_short(self):
        self.assertEqual(self.cut_short(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), b"half")

    def test_a_chunked_answer_that_breaks_off_has_no_end(self):
        self.assertEqual(self.cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), b"half")

    def test_a_chunk_that_breaks_off_is_not_passed_as_a_whole_one(self):
        self.cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf")

    def test_a_chunked_answer_without_its_trailers_end_is_cut(self):
        self.cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-Sum: 1\r\n")

    def test_garbage_between_chunks_cuts_the_answer(self):
        self.cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\nmore")

    def test_a_reset_in_mid_body_cuts_the_answer(self):
        self.cut_short(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", end="reset")

    def test_a_reset_of_a_body_that_ends_with_the_connection_is_not_its_end(self):
        started = threading.Event()

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            exchange.wait(started)
            exchange.reset()
        asked = self.visitor(self.proxy(self.upstream(script))).begin()
        asked.head()
        started.set()
        asked.cut()


class TruncationInHttp1(ProxyCase):
    def test_a_chunked_answer_that_breaks_off_resets_a_client_of_http_1_0(self):
        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            exchange.close()
        client = self.client(self.proxy(self.upstream(script)))
        with self.assertRaises(Broken):
            client.ask(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(client.wire.ended, "reset")


class Retries(ExchangeCase):
    """Once, on another connection, only when nothing came back and repeating is safe."""

    def warm(self, second, **options):
        """A proxy with one kept connection, on which the second request meets `second`."""
        upstream = self.upstream([answer(b"first"), second, answer(b"again")])
        visitor = self.visitor(self.proxy(upstream, workers=1, **options))
        self.assertEqual(visitor.get().body, b"first")
        return upstream, visitor

    def test_a_get_is_repeated_when_a_kept_connection_breaks(self):
        for end in ("close", "reset"):
            with self.subTest(end=end):
                upstream, visitor = self.warm(lambda e, end=end: getattr(e, end)())
                self.assertEqual(visitor.get("/again").body, b"again")
                self.assertEqual([r.target for r in upstream.requests], ["/", "/again", "/again"])
                self.assertEqual(upstream.connections, 2)

    def test_a_post_is_never_sent_twice(self):
        for end in ("close", "reset"):
            with self.subTest(end=end):
                upstream, visitor = self.warm(lambda e, end=end: (e.read_body(), getattr(e, end)()))
                self.assertEqual(visitor.post(b"x").status, 502)
                self.assertEqual([r.method for r in upstream.requests], ["GET", "POST"])

    def test_nothing_is_repeated_after_the_first_byte_of_an_answer(self):
        upstream, visitor = self.warm(lambda e: (e.send(b"HTT"), e.close()))
        self.assertEqual(visitor.get().status, 502)
        self.assertEqual(len(upstream.requests), 2)

    def test_a_get_is_repeated_once_and_no_more(self):
        upstream = self.upstream([answer(b"first")] + [lambda e: e.close()])
        visitor = self.visitor(self.proxy(upstream, workers=1))
        visitor.get()
        self.assertEqual(visitor.get().status, 502)
        self.assertEqual(len(upstream.requests), 3)

    def test_a_connection_that_was_closed_while_idle_is_not_used_for_a_post(self):
        upstream = self.upstream([answer(b"first"), answer(b"second")])
        visitor = self.visitor(self.proxy(upstream, workers=1))
        visitor.get()
        upstream.close_connections()
        eventually(lambda: upstream.open_connections == 0, "the end of the kept connection")
        self.assertEqual(visitor.post(b"x").body, b"second")
        self.assertEqual([r.method for r in upstream.requests], ["GET", "POST"])

    def test_a_large_upload_is_never_sent_twice_even_by_put(self):
        upstream, visitor = self.warm(lambda e: e.reset())
        upload = visitor.begin("PUT", length=300_000).send(b"x" * 300_000)
        self.assertEqual(upload.answer().status, 502)
        self.assertEqual([r.method for r in upstream.requests], ["GET", "PUT"])

    def test_an_answer_before_the_end_of_an_upload_reaches_the_client(self):
        def close(exchange):
            exchange.send(answer(b"enough", "413 Content Too Large", "Connection: close\r\n"))
            exchange.close()
        for script in (close, lambda e: e.send(answer(b"enough", "413 Content Too Large"))):
            upload = self.visitor(self.proxy(self.upstream(script))).begin("POST", length=100_000_000)
            upload.send(b"x" * 10_000)
            self.assertEqual(upload.answer().status, 413)
            upload.check_spent()


class Failures(ExchangeCase):
    def test_a_server_that_refuses_connections_is_passed_over(self):
        upstream = self.upstream()
        visitor = self.visitor(self.proxy(self.nobody(), upstream, workers=1))
        for _ in range(4):
            self.assertEqual(visitor.post(b"x").body, b"hello")

    def test_when_no_server_can_be_connected_to_the_answer_is_502(self):
        visitor = self.visitor(self.proxy(self.nobody(), self.nobody()))
        self.assertEqual(visitor.get().status, 502)

    def test_an_upstream_that_is_silent_is_504(self):
        upstream = self.upstream(lambda e: e.say_nothing())
        visitor = self.visitor(self.proxy(upstream, timeouts='upstream_head = "200ms"'))
        self.assertEqual(visitor.get().status, 504)
        upstream.wait_for_requests(1)
        self.assertEqual(len(upstream.requests), 1)

    def test_an_upstream_that_stops_in_mid_body_is_cut_after_its_time(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
        upstream = self.upstream(lambda e: (e.send(head + b"half"), e.say_nothing()))
        visitor = self.visitor(self.proxy(upstream, timeouts='upstream_body = "200ms"'))
        self.assertEqual(visitor.begin().cut(), b"half")

    def test_an_upstream_without_a_server_process_is_502_not_a_hang(self):
        upstream = self.upstream(lambda e: e.close())
        visitor = self.visitor(self.proxy(upstream))
        response = visitor.post(b"x")
        self.assertEqual(response.status, 502)
        self.assertFalse(response.not_processed)

    def test_what_a_server_may_have_seen_is_never_called_unprocessed(self):
        upstream = self.upstream(lambda e: e.close())
        response = self.visitor(self.proxy(upstream)).get()
        self.assertEqual((response.status, response.not_processed), (502, False))
        self.assertEqual(len(upstream.requests), 1)

    def test_only_a_drawbridge_is_believed_that_nothing_was_processed(self):
        says_so = answer(b"", "503 Service Unavailable", "Drawbridge-Not-Processed: 1\r\n")
        for pool, passed_on in (("", False), ("drawbridge = false", False), ("drawbridge = true", True)):
            with self.subTest(pool=pool):
                proxy = self.proxy(self.upstream(says_so), pool=pool)
                self.assertEqual(self.visitor(proxy).post(b"x").not_processed, passed_on)

    def test_even_a_drawbridge_does_not_know_what_the_first_attempt_did(self):
        says_so = answer(b"", "503 Service Unavailable", "Drawbridge-Not-Processed: 1\r\n")
        upstream = self.upstream([answer(b"kept"), lambda e: e.close(), says_so])
        visitor = self.visitor(self.proxy(upstream, workers=1, pool="drawbridge = true"))
        self.assertEqual(visitor.get().body, b"kept")
        response = visitor.ask("PUT", body=b"")
        self.assertEqual((response.status, response.not_processed), (503, False))
        self.assertEqual(len(upstream.requests), 3)

    def test_a_server_that_breaks_during_an_upload_is_not_blamed_on_the_client(self):
        for end in ("close", "reset"):
            with self.subTest(end=end):
                proxy = self.proxy(self.upstream(lambda e, end=end: getattr(e, end)()))
                upload = self.visitor(proxy).begin("POST", length="unknown").send(b"hello")
                self.assertEqual(upload.answer().status, 502)

    def test_the_only_server_is_not_taken_out_by_requests_that_break_it(self):
        upstream = self.upstream([lambda e: e.close()] * 8 + [answer(b"still here")])
        proxy = self.proxy(upstream, workers=1)
        for _ in range(8):
            self.assertEqual(self.visitor(proxy).post(b"x", "/crash").status, 502)
        self.assertEqual(self.visitor(proxy).get().body, b"still here")

    def test_no_healthy_server_is_a_503_of_its_own(self):
        health = 'health = { interval = "100ms", timeout = "5s", rise = 1, fall = 1 }'
        proxy = self.proxy(self.nobody(), pool=health)
        eventually(lambda: '"down"' in str(proxy.ctl("pool", "--json")[1]), "the server to be seen down")
        response = self.visitor(proxy).get("/", {"Accept": "application/json"})
        self.assertEqual((response.status, response.not_processed), (503, True))
        self.assertIn(b"No server available", response.body)

    def test_a_server_that_comes_back_is_used_again(self):
        server = self.nobody()
        health = 'health = { interval = "100ms", timeout = "5s", rise = 1, fall = 1 }'
        proxy = self.proxy(server, pool=health)
        eventually(lambda: '"down"' in str(proxy.ctl("pool", "--json")[1]), "the server to be seen down")
        self.upstream(port=server.port)

        def answers():
            with self.visitor(proxy) as visitor:
                return visitor.get().status == 200
        eventually(answers, "an answer of the server")


class Strays(ExchangeCase):
    def test_a_server_that_answers_nobody_is_named_to_the_operator(self):
        upstream = self.upstream(lambda exchange: (exchange.read_body(), exchange.send(answer(b"one") + answer(b"two"))))
        proxy = self.proxy(upstream, workers=1)
        visitor = self.visitor(proxy)
        self.assertEqual([visitor.get().body for _ in range(3)], [b"one"] * 3)
        proxy.wait_until_said(f"upstream_strayed .*{upstream.address}")
        eventually(lambda: proxy.metric("drawbridge_upstream_strays_total") >= 3, "the last stray answer to be counted")
        said = f"{upstream.address} of pool blue sent bytes that no request had asked for"
        self.assertIn(said, proxy.ctl("status")[1])
        self.assertIn(said, proxy.ctl("doctor")[1])


class Operators(ExchangeCase):
    def test_a_drained_server_gets_nothing_new_and_a_ready_one_does(self):
        first, second = self.upstream(answer(b"first")), self.upstream(answer(b"second"))
        proxy = self.proxy(first, second, workers=1)
        visitor = self.visitor(proxy)
        for word, expected in (("drain", {b"second"}), ("ready", {b"first", b"second"}), ("disable", {b"second"})):
            code, _, error = proxy.ctl("server", word, "blue", first.address)
            self.assertEqual((code, error), (0, ""), word)
            self.assertEqual({visitor.get().body for _ in range(8)}, expected, word)

    def test_a_request_in_flight_survives_the_drain_of_its_server(self):
        released = threading.Event()
        upstream = self.upstream(lambda e: (e.wait(released), e.send(answer(b"late"))))
        proxy = self.proxy(upstream)
        asked = self.visitor(proxy).begin()
        upstream.wait_for_requests(1)
        self.assertEqual(proxy.ctl("server", "drain", "blue", upstream.address, "--drain", "100ms")[0], 4)
        released.set()
        self.assertEqual(asked.answer().body, b"late")
        self.assertEqual(self.visitor(proxy).get().status, 503)

    def test_a_name_with_several_addresses_uses_them_all(self):
        four = self.upstream(answer(b"four"))
        six = self.upstream(answer(b"six"), host="::1", port=four.port)
        proxy = self.proxy(f"localhost:{four.port}", workers=1)
        visitor = self.visitor(proxy)
        eventually(lambda: visitor.get().status == 200, "the name to be looked up")
        bodies = {visitor.get().body for _ in range(4)}
        four.close_connections()
        six.close_connections()
        bodies |= {visitor.get().body for _ in range(4)}
        self.assertTrue(bodies <= {b"four", b"six"})
        six.stop()
        self.assertEqual({visitor.get().body for _ in range(4)}, {b"four"})


if __name__ == "__main__":
    main()
