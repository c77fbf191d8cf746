"""Upgraded connections: bytes both ways, half-close, and how they are told to go."""

import threading

from harness import ExchangeCase, ProxyCase, answer, eventually, main

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
ASK = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
CLOSE_1012 = b"\x88\x02\x03\xf4"
MASK = b"\x01\x02\x03\x04"


def frame(payload, masked=False, opcode=1):
    mark = 0x80 if masked else 0
    head = bytes([0x80 | opcode]) + (bytes([mark | len(payload)]) if len(payload) < 126
                                     else bytes([mark | 126]) + len(payload).to_bytes(2, "big"))
    return head + (MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(payload)) if masked else payload)


def echo(exchange):
    """Switches, then sends back what comes, until the other side has finished."""
    exchange.switch()
    while exchange.wire.buffer or exchange.wire.fill():
        exchange.send(exchange.wire.take(65536))
    exchange.close()


class WebSocketCase(ExchangeCase):
    def open(self, script=echo, **options):
        self.server = self.upstream(script)
        self.front = self.proxy(self.server, **options)
        self.asker = self.visitor(self.front)
        tunnel = self.asker.tunnel("/ws")
        tunnel.opened()
        return tunnel


class WebSockets(WebSocketCase):
    def test_a_websocket_carries_frames_both_ways(self):
        tunnel = self.open()
        for size in (0, 5, 125, 1000, 60000):
            data = frame(b"x" * size, masked=True)
            self.assertEqual(tunnel.send(data).read(len(data)), data)
        request = self.server.requests[0]
        self.assertEqual((request.method, request.target), ("GET", "/ws"))
        self.assertEqual((request.value("Upgrade"), request.value("Connection").lower()), ("websocket", "upgrade"))
        self.assertEqual(request.value("Sec-WebSocket-Version"), "13")

    def test_a_websocket_keeps_no_other_request_of_its_visitor_waiting(self):
        upstream = self.upstream(lambda e: echo(e) if e.request.target == "/ws" else e.send(answer(b"page")))
        visitor = self.visitor(self.proxy(upstream, workers=1))
        tunnel = visitor.tunnel("/ws")
        tunnel.opened()
        self.assertEqual(visitor.get().body, b"page")
        self.assertEqual(tunnel.send(b"\x81\x80abcd").read(6), b"\x81\x80abcd")

    def test_bytes_right_behind_the_switch_are_not_lost(self):
        tunnel = self.open(lambda e: (e.switch(frame(b"hello")), e.say_nothing()))
        self.assertEqual(tunnel.read(7), frame(b"hello"))

    def test_bytes_right_behind_the_request_arrive_after_the_switch(self):
        tunnel = self.visitor(self.proxy(self.upstream(echo))).tunnel("/ws")
        tunnel.send(frame(b"early", masked=True)).opened()
        self.assertEqual(tunnel.read(11), frame(b"early", masked=True))

    def test_a_half_close_passes_and_the_other_direction_goes_on(self):
        def script(exchange):
            exchange.switch()
            exchange.send(b"got " + exchange.wire.rest())
            exchange.close()
        tunnel = self.open(script)
        tunnel.send(b"all of it").finish_sending()
        self.assertEqual(tunnel.answer().body, b"got all of it")

    def test_a_half_close_of_the_upstream_passes_too(self):
        def script(exchange):
            exchange.switch(b"bye")
            exchange.wire.sock.shutdown(1)
            heard.append(exchange.wire.exactly(5))
            done.set()
        heard, done = [], threading.Event()
        tunnel = self.open(script)
        self.assertEqual(tunnel.answer().body, b"bye")
        tunnel.send(b"still")
        self.assertTrue(done.wait(10))
        self.assertEqual(heard, [b"still"])

    def test_a_switch_that_nobody_asked_for_is_a_broken_answer(self):
        upstream = self.upstream([SWITCH % b"websocket", answer(b"good")])
        self.assertEqual(self.visitor(self.proxy(upstream, workers=1)).get().status, 502)

    def test_a_switch_to_another_protocol_is_a_broken_answer(self):
        upstream = self.upstream([SWITCH % b"tcp", answer(b"good")])
        self.assertEqual(self.visitor(self.proxy(upstream, workers=1)).tunnel("/ws").answer().status, 502)

    def test_a_refused_upgrade_is_an_ordinary_answer_on_an_ordinary_connection(self):
        upstream = self.upstream(answer(b"no", "403 Forbidden"))
        visitor = self.visitor(self.proxy(upstream))
        refused = visitor.tunnel("/ws").answer()
        self.assertEqual((refused.status, refused.body), (403, b"no"))
        self.assertEqual((visitor.get().body, visitor.connections), (b"no", 1))

    def test_a_tunnel_is_ended_when_both_sides_are_silent_too_long(self):
        tunnel = self.open(timeouts='tunnel_idle = "200ms"')
        self.assertEqual(tunnel.rest(), b"")
        eventually(lambda: self.server.open_connections == 0, "the upstream's end of it")

    def test_a_client_that_leaves_ends_the_tunnel_on_the_other_side(self):
        for leave in ("reset", "close"):
            self.open().leave(leave)
            eventually(lambda: self.server.open_connections == 0, "the upstream's end of it")

    def test_a_slow_reader_of_a_tunnel_holds_the_other_side_back(self):
        sent = []

        def script(exchange):
            exchange.switch()
            for _ in range(1000):
                exchange.send(b"x" * 65536)
                sent.append(1)
            exchange.close()
        tunnel = self.open(script)
        before = self.front.rss_bytes()
        self.assertEqual(len(tunnel.read(100 * 65536)), 100 * 65536)
        self.assertLess(len(sent), 1000)
        self.assertEqual(len(tunnel.rest()), 900 * 65536)
        self.assertLess(self.front.rss_bytes() - before, 16 * 1024 * 1024)


class ToldToGo(WebSocketCase):
    site = 'drain = { timeout = "10s", tunnel_spread = "0s" }'

    def switch_beside(self, mode, **more):
        """Switches the mode in a thread; its receipt is in the list when the thread has ended."""
        receipts = []
        thread = threading.Thread(target=lambda: receipts.append(self.front.mode(mode, **more)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, receipts

    def test_a_websocket_gets_close_1012_on_both_sides(self):
        heard = []

        def script(exchange):
            exchange.switch()
            heard.append(exchange.wire.exactly(8))
            exchange.send(CLOSE_1012)
            exchange.close()
        tunnel = self.open(script, site=self.site)
        thread, receipts = self.switch_beside("maintenance")
        self.assertEqual(tunnel.read(4), CLOSE_1012)
        tunnel.send(frame(b"\x03\xf4", masked=True, opcode=8)).finish_sending()
        self.assertEqual(tunnel.rest(), b"")
        thread.join()
        self.assertEqual(receipts[0]["drained"]["tunnels"], 1)
        close = heard[0]
        self.assertEqual(close[:2], b"\x88\x82")
        self.assertEqual(bytes(b ^ m for b, m in zip(close[6:], close[2:6])), b"\x03\xf4")

    def test_the_close_waits_for_the_end_of_the_frame(self):
        halfway, go_on = threading.Event(), threading.Event()
        data = frame(b"x" * 1000)

        def script(exchange):
            exchange.switch(data[:300])
            halfway.set()
            exchange.wait(go_on)
            exchange.send(data[300:])
            exchange.say_nothing()
        tunnel = self.open(script, site=self.site)
        self.assertTrue(halfway.wait(10))
        self.assertEqual(tunnel.read(300), data[:300])
        thread, _ = self.switch_beside("readonly")
        eventually(lambda: self.front.admin("GET", "/v1/status")[1]["sites"][0]["mode"] == "readonly", "the mode")
        self.assertTrue(tunnel.is_quiet())
        go_on.set()
        self.assertEqual(tunnel.read(708), data[300:] + CLOSE_1012)
        tunnel.finish_sending()
        thread.join()

    def test_a_websocket_that_does_not_go_is_cut_and_listed(self):
        tunnel = self.open(lambda e: (e.switch(), e.say_nothing()), site=self.site)
        receipt = self.front.mode("maintenance", drain="1s")
        self.assertEqual((receipt["cut_counts"]["tunnels"], receipt["cut"][0]["path"]), (1, "/ws"))
        self.assertEqual(tunnel.read(4), CLOSE_1012)
        self.assertEqual(tunnel.rest(), b"")

    def test_a_tunnel_that_a_read_rule_names_stays_in_readonly(self):
        tunnel = self.open(site=self.site + '\nreadonly = { read = ["GET /ws"] }')
        receipt = self.front.mode("readonly", drain="300ms")
        self.assertEqual((receipt["result"], receipt["cut"]), ("done", []))
        data = frame(b"still here", masked=True)
        self.assertEqual(tunnel.send(data).read(len(data)), data)

    def test_new_tunnels_are_refused_in_readonly_and_the_upstream_sees_none(self):
        upstream = self.upstream(echo)
        proxy = self.proxy(upstream)
        proxy.mode("readonly")
        response = self.visitor(proxy).tunnel("/ws").answer()
        self.assertEqual((response.status, response.not_processed), (503, True))
        self.assertEqual(upstream.requests, [])

    def test_a_websocket_is_told_to_go_when_the_process_ends(self):
        tunnel = self.open(site=self.site)
        self.front.signal(15)
        self.assertEqual(tunnel.read(4), CLOSE_1012)
        tunnel.finish_sending()
        self.assertEqual(self.front.wait(), 0)


class OtherProtocols(ProxyCase):
    """HTTP/2 has no way to ask for them."""

    def open(self, protocol, **options):
        self.front = self.proxy(self.upstream(echo), **options)
        client = self.client(self.front)
        response = client.send(ASK % protocol).read_response()
        self.assertEqual((response.status, response.value("Upgrade")), (101, protocol.decode()))
        return client

    def test_any_other_protocol_is_carried_as_bytes(self):
        client = self.open(b"echo/1")
        data = bytes(range(256)) * 400
        self.assertEqual(client.send(data).wire.exactly(len(data)), data)

    def test_another_protocol_is_cut_at_the_deadline_without_a_word(self):
        client = self.open(b"echo/1", site=ToldToGo.site)
        receipt = self.front.mode("maintenance", drain="300ms")
        self.assertEqual((receipt["result"], receipt["cut_counts"]["tunnels"]), ("cut", 1))
        self.assertEqual(client.wire.rest(), b"")

    def test_an_upgrade_that_the_server_passes_over_leaves_an_ordinary_connection(self):
        client = self.client(self.proxy(self.upstream(answer(b"no"))))
        self.assertEqual(client.ask(ASK % b"websocket").body, b"no")
        self.assertEqual(client.get().body, b"no")


if __name__ == "__main__":
    main()
