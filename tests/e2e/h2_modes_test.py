"""The modes over HTTP/2: a hold parks streams and not connections, and what is cut or refused is told to its stream."""

import contextlib
import struct
import threading
import unittest

from h2_case import H2Case
from harness import PATIENCE, answer, eventually, h2_client
from harness.wire import values


class Modes(H2Case):
    def test_a_held_write_does_not_keep_reads_of_its_connection_waiting(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        self.assertEqual(client.request().status, 200)
        proxy.mode("hold")
        write = client.open("POST", "/order", end=False)
        client.send_data(write, b"abc", end=True)
        eventually(lambda: self.parked(proxy) == 1, "the parked write")
        self.assertEqual(client.request("GET", "/read").status, 200)
        self.assertFalse(write.over)
        self.assertEqual([r.target for r in upstream.requests], ["/", "/read"])
        proxy.mode("live")
        self.assertEqual(client.finish(write).status, 200)
        self.assertEqual(upstream.requests[2].body, b"abc")

    def test_held_uploads_keep_no_body_of_another_site_from_coming_on_their_connection(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, more='[site.shop]\nhosts = ["shop.example"]\npool = "blue"')
        proxy.mode("hold", sites=["web"])
        client = self.h2_client(proxy)
        held = []
        for _ in range(40):
            held.append(client.open("POST", "/held", end=False))
            client.send_data(held[-1], bytes(h2_client.WINDOW))
        eventually(lambda: self.parked(proxy) == 40, "the parked uploads")
        other = client.open("POST", "/order", end=False, authority="shop.example")
        client.send_data(other, bytes(60_000), end=True)
        self.assertEqual(client.finish(other).status, 200)
        self.assertEqual([(r.target, len(r.body)) for r in upstream.requests], [("/order", 60_000)])
        proxy.mode("live", sites=["web"])
        for stream in held:
            client.send_data(stream, b"the end", end=True)
            self.assertEqual(client.finish(stream).status, 200)
        self.assertEqual({len(r.body) for r in upstream.requests[1:]}, {h2_client.WINDOW + 7})

    def test_a_held_write_that_its_client_resets_is_never_sent(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("hold")
        client = self.h2_client(proxy)
        given_up, kept = client.open("POST", "/given-up"), client.open("POST", "/kept")
        eventually(lambda: self.parked(proxy) == 2, "two parked writes")
        client.reset(given_up)
        eventually(lambda: self.parked(proxy) == 1, "one parked write")
        proxy.mode("live")
        client.finish(kept)
        self.assertEqual([r.target for r in upstream.requests], ["/kept"])

    def test_a_refused_write_says_that_nothing_was_processed_and_the_connection_goes_on(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("readonly")
        client = self.h2_client(proxy)
        write = client.open("POST", end=False)
        client.finish(write)
        self.assertEqual((write.status, write.value("drawbridge-not-processed")), (503, "1"))
        self.assertTrue(write.ended)
        self.assertEqual(client.request().status, 200)
        self.assertEqual([r.method for r in upstream.requests], ["GET"])

    def test_maintenance_answers_each_stream_in_its_form(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("maintenance")
        client = self.h2_client(proxy)
        page = client.request("GET", "/", [("accept", "text/html")])
        self.assertEqual((page.status, page.value("content-type")), (503, "text/html; charset=utf-8"))
        self.assertIn(b"<html", page.body)
        self.assertTrue(page.value("retry-after"))
        problem = client.request("GET", "/", [("accept", "application/json")])
        self.assertEqual(problem.value("content-type"), "application/problem+json")
        head = client.request("HEAD", "/", [("accept", "text/html")])
        self.assertEqual((head.status, head.body), (503, b""))
        grpc = client.request("POST", "/shop.Orders/Add", [("content-type", "application/grpc"), ("te", "trailers")], b"")
        self.assertEqual((grpc.status, grpc.value("grpc-status"), grpc.body), (200, "14", b""))

    def test_a_write_that_is_cut_is_told_that_nobody_knows(self):
        upstream = self.upstream(lambda x: x.say_nothing())
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        write = client.open("POST")
        upstream.wait_for_requests(1)
        proxy.ctl("mode", "readonly", "--drain", "100ms", "--cut")
        self.assertEqual(client.finish(write).status, 502)
        self.assertIsNone(write.value("drawbridge-not-processed"))
        self.assertEqual(client.request("POST").status, 503)

    def test_an_answer_that_is_cut_is_reset(self):
        upstream = self.upstream(
            lambda x: (x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), x.say_nothing()))
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        write = client.open("POST")
        client.pump(lambda: write.body == b"abc")
        proxy.ctl("mode", "readonly", "--drain", "100ms", "--cut")
        client.finish(write)
        self.assertEqual((write.ended, write.reset), (False, h2_client.CANCEL))
        self.assertEqual(client.request("POST").status, 503)


class Endings(H2Case):
    def test_shutdown_says_goodbye_twice_and_lets_streams_end(self):
        go = threading.Event()
        upstream = self.upstream(lambda x: (x.wait(go), x.send(answer(b"late"))))
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        first = client.open("GET", "/1")
        upstream.wait_for_requests(1)
        proxy.signal(15)
        client.pump(lambda: client.goaway)
        self.assertEqual(client.goaway[0][0], 2**31 - 1)
        second = client.open("GET", "/2")
        client.pump(lambda: len(client.goaway) == 2)
        go.set()
        client.pump(lambda: first.over)
        self.assertEqual(first.body, b"late")
        client.read_to_end()
        if client.goaway[1][0] >= second.number:
            self.assertEqual(second.body, b"late")
        else:
            self.assertIn((second.status, second.reset), ((None, None), (None, h2_client.REFUSED_STREAM)))
        self.assertEqual(client.ended, "fin")

    def test_an_idle_connection_is_told_at_shutdown_and_closed(self):
        proxy = self.proxy(self.upstream())
        client = self.h2_client(proxy)
        client.request()
        proxy.signal(15)
        self.assertEqual(client.read_to_end(), "fin")
        self.assertEqual(client.goaway[-1], (1, h2_client.NO_ERROR))


    def test_who_answers_no_ping_hears_the_second_goodbye_all_the_same(self):
        go = threading.Event()
        upstream = self.upstream(lambda x: (x.wait(go), x.send(answer(b"late"))))
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        client.answers_pings = False
        stream = client.open()
        upstream.wait_for_requests(1)
        proxy.signal(15)
        client.pump(lambda: len(client.goaway) == 2)
        self.assertEqual(client.goaway[1], (stream.number, h2_client.NO_ERROR))
        go.set()
        self.assertEqual(client.finish(stream).body, b"late")
        self.assertEqual(client.read_to_end(), "fin")

    def test_who_takes_nothing_does_not_hold_up_the_very_end(self):
        full = threading.Event()

        def fill(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            exchange.wire.sock.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while True:
                    exchange.send(b"x" * 65536)
            full.set()
            exchange.say_nothing()

        upstream = self.upstream(fill)
        proxy = self.proxy(upstream, workers=1)
        wide = struct.pack(">I", 2**31 - 1 - h2_client.WINDOW)
        client = self.h2_client(proxy, settings=[(h2_client.INITIAL_WINDOW, 2**31 - 1)])
        client.send(h2_client.WINDOW_UPDATE, 0, 0, wide)
        client.open()
        self.assertTrue(full.wait(PATIENCE), "nobody stops taking")
        other = self.h2_client(proxy, give_back=False)
        other.answers_pings = False
        other.open()
        upstream.wait_for_requests(2)
        proxy.signal(15)
        other.pump(lambda: len(other.goaway) == 2)
        proxy.signal(15)
        self.assertEqual(proxy.wait(), 0)
        self.assertNotIn("shutdown_grace_passed", proxy.said)

    def test_what_is_left_at_the_very_end_hears_of_it(self):
        first = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
        upstream = self.upstream(lambda x: (x.request.target == "/begun" and x.send(first), x.say_nothing()))
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy, give_back=False)
        begun, waits = client.open("GET", "/begun"), client.open("GET", "/waits")
        upstream.wait_for_requests(2)
        client.pump(lambda: begun.body == b"abc")
        proxy.signal(15)
        proxy.wait_until_said("shutting_down")
        proxy.signal(15)
        client.read_to_end()
        self.assertEqual((begun.ended, begun.reset), (False, h2_client.CANCEL))
        self.assertEqual((waits.status, waits.ended), (502, True))


class WebSockets(H2Case):
    def connect(self, client):
        client.pump(lambda: client.settings)
        self.assertEqual(client.settings[h2_client.CONNECT_PROTOCOL], 1)
        return client.open(end=False, pseudo=[
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", client.scheme), (":path", "/chat"),
            (":authority", "a.example"), ("sec-websocket-version", "13")])

    def echo(self, exchange):
        exchange.switch()
        while exchange.wire.buffer or exchange.wire.fill():
            exchange.send(exchange.wire.take(len(exchange.wire.buffer)))

    def test_a_websocket_over_a_stream_is_an_upgrade_at_the_server(self):
        upstream = self.upstream(self.echo)
        client = self.h2_client(self.proxy(upstream))
        chat = self.connect(client)
        client.pump(lambda: chat.fields)
        self.assertEqual(chat.status, 200)
        request = upstream.requests[0]
        self.assertEqual((request.method, request.target), ("GET", "/chat"))
        self.assertEqual(request.value("Upgrade"), "websocket")
        self.assertEqual(len(request.value("Sec-WebSocket-Key")), 24)
        self.assertEqual(values(request.fields, "Content-Length") + values(request.fields, "Transfer-Encoding"), [])
        client.send_data(chat, b"\x81\x85abcdhello")
        client.pump(lambda: chat.body == b"\x81\x85abcdhello")
        client.send_data(chat, b"", end=True)
        self.assertTrue(client.finish(chat).ended)

    def test_told_to_go_it_gets_close_1012(self):
        proxy = self.proxy(self.upstream(self.echo))
        client = self.h2_client(proxy)
        chat = self.connect(client)
        client.pump(lambda: chat.fields)
        threading.Thread(target=proxy.ctl, args=("mode", "readonly", "--drain", "5s"), daemon=True).start()
        client.pump(lambda: chat.body == b"\x88\x02\x03\xf4")

    def test_what_does_not_go_is_cancelled_at_the_deadline(self):
        proxy = self.proxy(self.upstream(self.echo))
        client = self.h2_client(proxy)
        chat = self.connect(client)
        client.pump(lambda: chat.fields)
        proxy.ctl("mode", "readonly", "--drain", "300ms")
        client.finish(chat)
        self.assertEqual((chat.body, chat.ended, chat.reset), (b"\x88\x02\x03\xf4", False, h2_client.CANCEL))

    def test_an_upgrade_that_the_server_refuses_is_an_ordinary_answer(self):
        client = self.h2_client(self.proxy(self.upstream([answer(b"no", "403 Forbidden"), answer(b"what?")])))
        refused = client.finish(self.connect(client))
        self.assertEqual((refused.status, refused.body), (403, b"no"))
        ignored = client.finish(self.connect(client))
        self.assertEqual(ignored.status, 502)  # 200 would seem to have accepted it

    def test_a_server_that_switches_without_having_understood_the_key_is_none(self):
        head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        for accept in ("", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"):
            server = self.upstream(lambda e, accept=accept: (e.send(f"{head}{accept}\r\n".encode()), e.read_rest()))
            client = self.h2_client(self.proxy(server))
            self.assertEqual(client.finish(self.connect(client)).status, 502)


if __name__ == "__main__":
    unittest.main()
