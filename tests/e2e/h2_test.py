"""HTTP/2 for clients: each stream is an exchange like any other, and none of them waits for another."""

import contextlib
import os
import struct
import sys
import threading
import unittest

from h2_case import H2Case, echo
from harness import TRANSPORT, answer, chunked, eventually, h2_client, hpack


class Exchanges(H2Case):
    def test_a_get_is_answered(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        stream = client.request("GET", "/a?b=c", [("x-one", "1")])
        self.assertEqual((stream.status, stream.body), (200, b"hello"))
        request = upstream.requests[0]
        self.assertEqual((request.method, request.target, request.version), ("GET", "/a?b=c", "HTTP/1.1"))
        self.assertEqual(request.value("Host"), "a.example")
        self.assertEqual(request.value("X-One"), "1")
        self.assertEqual(request.value("Via"), "2.0 drawbridge")
        self.assertEqual(request.value("X-Forwarded-For"), "127.0.0.1")
        for name, _ in stream.fields:
            self.assertEqual(name, name.lower())
            self.assertNotIn(name, ("connection", "transfer-encoding", "keep-alive"))

    def test_a_head_has_fields_and_no_body(self):
        proxy = self.proxy(self.upstream(answer(b"hello").replace(b"hello", b"")))
        stream = self.h2_client(proxy).request("HEAD")
        self.assertEqual((stream.status, stream.body, stream.value("content-length")), (200, b"", "5"))

    def test_bodies_travel_both_ways_sized_and_not(self):
        upstream = self.upstream([echo, lambda x: x.send(chunked(x.read_body(), b"more"))])
        client = self.h2_client(self.proxy(upstream))
        sized = client.open("POST", "/", [("content-length", "5")], end=False)
        client.send_data(sized, b"abcde", end=True)
        self.assertEqual(client.finish(sized).body, b"abcde")
        body = bytes(range(256)) * 200  # within the window: byte by byte, giving it back would be an abuse
        self.assertEqual(client.request("POST", body=body).body, body + b"more")
        self.assertEqual(upstream.requests[0].value("Content-Length"), "5")
        self.assertEqual(upstream.requests[1].value("Transfer-Encoding"), "chunked")

    def test_an_answer_before_the_end_of_its_request_is_whole_and_the_rest_is_not_wanted(self):
        client = self.h2_client(self.proxy(self.upstream(lambda x: x.send(answer(b"enough")))))
        stream = client.open("POST", end=False)
        client.pump(lambda: stream.reset is not None)
        self.assertEqual((stream.body, stream.ended, stream.reset), (b"enough", True, h2_client.NO_ERROR))

    def test_trailers_travel_both_ways(self):
        upstream = self.upstream(lambda x: (x.read_body(), x.send(chunked(b"x", trailers="X-Sum: 7\r\n"))))
        client = self.h2_client(self.proxy(upstream))
        stream = client.open("POST", end=False)
        client.send_data(stream, b"abc")
        client.send_trailers(stream, [("x-check", "9")])
        client.finish(stream)
        self.assertEqual(stream.trailers, [("x-sum", "7")])
        self.assertEqual(upstream.requests[0].trailers, [("x-check", "9")])

    def test_interim_answers_are_passed_on(self):
        upstream = self.upstream(
            lambda x: x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"done")))
        stream = self.h2_client(self.proxy(upstream)).request()
        self.assertEqual([dict(fields)[":status"] for fields in stream.interim], ["103"])
        self.assertEqual(stream.body, b"done")

    def test_streams_of_one_connection_do_not_wait_for_each_other(self):
        go = threading.Event()

        def script(exchange):
            if exchange.request.target == "/slow":
                exchange.wait(go)
            exchange.send(answer(exchange.request.target.encode()))

        client = self.h2_client(self.proxy(self.upstream(script)))
        slow = client.open("GET", "/slow")
        quick = [client.open("GET", f"/{i}") for i in range(60)]
        client.pump(lambda: all(s.over for s in quick))
        self.assertEqual([s.body for s in quick], [b"/%d" % i for i in range(60)])
        self.assertFalse(slow.over)
        go.set()
        self.assertEqual(client.finish(slow).body, b"/slow")

    def test_cookies_reach_the_server_as_one(self):
        upstream = self.upstream()
        self.h2_client(self.proxy(upstream)).request("GET", "/", [("cookie", "a=1"), ("cookie", "b=2")])
        self.assertEqual(upstream.requests[0].value("Cookie"), "a=1; b=2")

    def test_http_1_is_spoken_at_the_same_door(self):
        proxy = self.proxy(self.upstream())
        self.assertEqual(self.client(proxy).get().body, b"hello")
        self.assertEqual(self.client(proxy).send_bytewise(b"PRI / HTTP/1.1\r\nHost: a\r\n\r\n").read_response().status, 200)

    def test_the_preface_may_come_byte_by_byte(self):
        client = self.h2_client(self.proxy(self.upstream()), preface=False)
        for at in range(24):
            client.send_raw(h2_client.PREFACE[at : at + 1])
        client.send(h2_client.SETTINGS, 0, 0)
        self.assertEqual(client.request().body, b"hello")

    def test_where_it_is_not_allowed_the_preface_is_refused(self):
        client = self.client(self.proxy(self.upstream(), **({} if TRANSPORT.tls else {"listener": ""})))
        self.assertEqual(client.ask(h2_client.PREFACE).status, 505)

    def test_records_name_the_protocol(self):
        proxy = self.proxy(self.upstream())
        self.h2_client(proxy).request("GET", "/seen")
        eventually(lambda: any(r["target"] == "/seen" for r in proxy.access_log()), "the record")
        self.assertEqual([r["protocol"] for r in proxy.access_log()], ["HTTP/2.0"])


class Limits(H2Case):
    def test_a_server_is_read_only_as_fast_as_the_client_takes_it(self):
        sent = []

        def script(exchange):
            size = 64 * 1024 * 1024
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // 65536):
                exchange.send(b"x" * 65536)
                sent.append(65536)

        client = self.h2_client(self.proxy(self.upstream(script)), give_back=False)
        stream = client.open()
        client.pump(lambda: len(stream.body) == h2_client.WINDOW)
        quick = client.open("HEAD", "/quick")  # frames still go both ways: only bodies stand still
        client.reset(quick)
        self.assertLess(sum(sent), 32 * 1024 * 1024)
        client.reset(stream)

    def test_a_client_sends_only_as_fast_as_the_server_takes_it(self):
        go = threading.Event()
        client = self.h2_client(self.proxy(self.upstream(lambda x: (x.wait(go), echo(x)))))
        stream = client.open("POST", end=False)
        client.pump(lambda: client.settings)
        total = 0
        while min(stream.window, client.window) > 0 and total < 64 * 1024 * 1024:
            piece = min(stream.window, client.window, 16384)
            client.send_data(stream, b"y" * piece)
            total += piece
        self.assertLess(total, 64 * 1024 * 1024)
        go.set()
        client.send_data(stream, b"", end=True)
        client.finish(stream)
        self.assertEqual(len(stream.body), total)

    def test_more_streams_than_allowed_are_refused_and_may_be_sent_again(self):
        go = threading.Event()
        client = self.h2_client(
            self.proxy(self.upstream(lambda x: (x.wait(go), x.send(answer(b"ok")))), limits="http2_streams = 3"))
        streams = [client.open("GET", f"/{i}") for i in range(5)]
        client.pump(lambda: sum(s.reset is not None for s in streams) == 2)
        self.assertEqual([s.reset for s in streams[3:]], [h2_client.REFUSED_STREAM] * 2)
        self.assertEqual(client.settings[h2_client.MAX_STREAMS], 3)
        go.set()
        client.pump(lambda: all(s.over for s in streams))
        self.assertEqual([s.body for s in streams[:3]], [b"ok"] * 3)
        self.assertEqual(client.request().body, b"ok")

    def test_a_stream_that_is_reset_keeps_its_place_until_its_work_has_ended(self):
        go = threading.Event()
        self.addCleanup(go.set)
        upstream = self.upstream(lambda x: (x.wait(go), x.send(answer(b"ok"))))
        client = self.h2_client(self.proxy(upstream, limits="http2_streams = 3"))
        for number in range(3):
            stream = client.open("POST", f"/{number}")
            upstream.wait_for_requests(number + 1)
            client.reset(stream)
        refused = client.finish(client.open("POST", "/too-early"))
        self.assertEqual(refused.reset, h2_client.REFUSED_STREAM)
        go.set()
        eventually(lambda: client.finish(client.open("POST", "/again")).body == b"ok", "a free place")
        self.assertNotIn("/too-early", [request.target for request in upstream.requests])

    def test_a_head_beyond_the_limits_gets_431(self):
        client = self.h2_client(self.proxy(self.upstream(), limits='request_head_bytes = "2KiB"\nrequest_line_bytes = "1KiB"'))
        self.assertEqual(client.request("GET", "/", [("x-long", "y" * 3000)]).status, 431)
        self.assertEqual(client.request().status, 200)

    def test_a_body_beyond_the_limit_gets_413(self):
        upstream = self.upstream(lambda x: x.say_nothing())
        client = self.h2_client(self.proxy(upstream, limits='request_body_bytes = "1KiB"'))
        announced = client.open("POST", "/", [("content-length", "4096")], end=False)
        self.assertEqual(client.finish(announced).status, 413)
        grown = client.open("POST", end=False)
        client.send_data(grown, b"z" * 4096)
        self.assertEqual(client.finish(grown).status, 413)

    def test_a_client_that_stops_in_its_body_hears_408_and_others_go_on(self):
        upstream = self.upstream(lambda x: x.say_nothing() if x.request.method == "POST" else x.send(answer(b"ok")))
        client = self.h2_client(self.proxy(upstream, timeouts='client_body = "300ms"'))
        slow = client.open("POST", end=False)
        client.send_data(slow, b"abc")
        self.assertEqual(client.request().body, b"ok")
        self.assertEqual(client.finish(slow).status, 408)
        self.assertEqual(client.request().body, b"ok")

    def test_an_answer_that_nobody_takes_is_ended_alone(self):
        big = answer(b"x" * 1_000_000)
        upstream = self.upstream(lambda x: x.send(big if x.request.target == "/big" else answer(b"ok")))
        proxy = self.proxy(upstream, timeouts='client_body = "300ms"')
        client = self.h2_client(proxy, give_back=False)
        stuck = client.open("GET", "/big")
        client.pump(lambda: stuck.reset is not None)
        self.assertEqual(stuck.reset, h2_client.CANCEL)
        client.send(h2_client.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1000))
        self.assertEqual(client.request().body, b"ok")

    def test_windows_are_served_to_their_last_byte_whenever_they_are_given_back(self):
        body = bytes(range(256)) * 200
        proxy = self.proxy(self.upstream(answer(body)), workers=1)
        for part in (0, 1):  # of each frame, or only of all of a window: what is left of it then is no whole frame
            client = self.h2_client(proxy, settings=[(h2_client.INITIAL_WINDOW, 16_384 + 100)])
            client.give_back_at = part
            self.assertEqual(client.request().body, body)

    def test_an_idle_connection_ends_with_a_goodbye(self):
        proxy = self.proxy(self.upstream(), timeouts='client_idle = "300ms"')

        def served():  # a client that was slow with its first request is idle as well
            client = self.h2_client(proxy)
            with contextlib.suppress(AssertionError, OSError):
                return client if client.request().status == 200 else None
        client = eventually(served, "a client with a request")
        self.assertEqual(client.read_to_end(), "fin")
        self.assertEqual(client.goaway, [(1, h2_client.NO_ERROR)])

    def test_a_head_that_never_ends_ends_the_connection(self):
        proxy = self.proxy(self.upstream(), timeouts='request_head = "300ms"')

        def code():  # who has not begun in that time is only idle
            client = self.h2_client(proxy)
            with contextlib.suppress(AssertionError, OSError):
                client.pump(lambda: client.settings)
                client.send(h2_client.HEADERS, 0, 1, hpack.encode([(":method", "GET")]))
                client.read_to_end()
            return [code for _, code in client.goaway]
        eventually(lambda: code() == [h2_client.ENHANCE_YOUR_CALM], "the end for a head that was begun")


class Failures(H2Case):
    def test_an_answer_that_breaks_off_is_reset_and_never_looks_complete(self):
        for broken in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"):
            upstream = self.upstream([lambda x, b=broken: (x.send(b), x.close()), answer(b"next")])
            client = self.h2_client(self.proxy(upstream))
            stream = client.finish(client.open("POST", end=True))
            self.assertEqual((stream.status, stream.body, stream.ended), (200, b"abc", False))
            self.assertEqual(stream.reset, h2_client.INTERNAL_ERROR)
            self.assertEqual(client.request().body, b"next")

    def test_an_answer_that_ends_with_its_connection_is_whole(self):
        upstream = self.upstream(lambda x: (x.send(b"HTTP/1.1 200 OK\r\n\r\nall of it"), x.close()))
        self.assertEqual(self.h2_client(self.proxy(upstream)).request().body, b"all of it")

    def test_without_a_server_each_stream_gets_its_answer(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        upstream.stop()
        client = self.h2_client(proxy)
        self.assertEqual([client.request().status for _ in range(3)], [502, 502, 502])

    def test_a_client_that_gives_up_frees_the_server(self):
        upstream = self.upstream(lambda x: x.say_nothing())
        client = self.h2_client(self.proxy(upstream))
        stream = client.open()
        upstream.wait_for_requests(1)
        client.reset(stream)
        eventually(lambda: upstream.open_connections == 0, "the end of the server's connection")

    def test_a_body_shorter_than_announced_never_ends_at_the_server(self):
        upstream = self.upstream(lambda x: x.say_nothing())
        client = self.h2_client(self.proxy(upstream))
        stream = client.open("POST", "/", [("content-length", "10")], end=False)
        client.send_data(stream, b"abc", end=True)
        client.finish(stream)
        self.assertEqual(stream.reset, h2_client.PROTOCOL_ERROR)

    def test_what_is_malformed_reaches_no_server(self):
        upstream = self.upstream()
        client = self.h2_client(self.proxy(upstream))
        good = [(":method", "GET"), (":scheme", client.scheme), (":path", "/"), (":authority", "a.example")]
        cases = [
            (good + [("Upper", "x")]), (good + [("connection", "close")]), (good + [("transfer-encoding", "chunked")]),
            (good + [("te", "gzip")]), (good + [("x", "a\r\nb: c")]), (good + [("x", "a\0")]), good[1:], good[:2] + good[3:],
            (good + [(":path", "/b")]), (good + [("host", "b.example")]), (good + [("content-length", "1, 2")]),
            (good + [("content-length", "5")]), ([("x", "y")] + good), (good + [("bad name", "x")]),
        ]
        for fields in cases:
            with self.subTest(fields=fields[-1]):
                stream = client.finish(client.open(pseudo=fields))
                self.assertTrue(stream.reset == h2_client.PROTOCOL_ERROR or stream.status == 400, stream.__dict__)
        self.assertEqual(upstream.requests, [])
        self.assertEqual(client.request().status, 200)


if __name__ == "__main__":
    if "--bytewise" in sys.argv:  # each read and write of the proxy moves one byte
        sys.argv.remove("--bytewise")
        os.environ["DRAWBRIDGE_TEST_IO_BYTES"] = "1"
    unittest.main()
