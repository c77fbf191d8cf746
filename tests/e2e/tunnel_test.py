"""Upgraded connections: bytes both ways, half-close, and how they are told to go."""

import threading
import unittest

from harness import ProxyCase, answer, eventually

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
    exchange.send(SWITCH % exchange.request.value("Upgrade").encode())
    while exchange.wire.buffer or exchange.wire.fill():
        exchange.send(exchange.wire.take(65536))
    exchange.close()


class TunnelCase(ProxyCase):
    def open(self, script=echo, protocol=b"websocket", **options):
        self.server = self.upstream(script)
        self.front = self.proxy(self.server, **options)
        client = self.client(self.front)
        response = client.send(ASK % protocol).read_response()
        self.assertEqual((response.status, response.value("Upgrade")), (101, protocol.decode()))
        return client


class Tunnels(TunnelCase):
    def test_a_websocket_carries_frames_both_ways(self):
        client = self.open()
        for size in (0, 5, 125, 1000, 60000):
            data = frame(b"x" * size, masked=True)
            self.assertEqual(client.send(data).wire.exactly(len(data)), data)
        request = self.server.requests[0]
        self.assertEqual((request.value("Upgrade"), request.value("Connection").lower()), ("websocket", "upgrade"))
        self.assertEqual(request.value("Sec-WebSocket-Version"), "13")

    def test_any_other_protocol_is_carried_as_bytes(self):
        client = self.open(protocol=b"echo/1")
        data = bytes(range(256)) * 400
        self.assertEqual(client.send(data).wire.exactly(len(data)), data)

    def test_bytes_right_behind_the_switch_are_not_lost(self):
        client = self.open(lambda e: (e.send(SWITCH % b"websocket" + frame(b"hello")), e.say_nothing()))
        self.assertEqual(client.wire.exactly(7), frame(b"hello"))

    def test_bytes_right_behind_the_request_arrive_after_the_switch(self):
        upstream = self.upstream(echo)
        client = self.client(self.proxy(upstream))
        client.send(ASK % b"websocket" + frame(b"early", masked=True))
        self.assertEqual(client.read_response().status, 101)
        self.assertEqual(client.wire.exactly(11), frame(b"early", masked=True))

    def test_a_half_close_passes_and_the_other_direction_goes_on(self):
        def script(exchange):
            exchange.send(SWITCH % b"echo/1")
            exchange.send(b"got " + exchange.wire.rest())
            exchange.close()
        client = self.open(script, b"echo/1")
        client.send(b"all of it").finish_sending()
        self.assertEqual(client.wire.rest(), b"got all of it")
        self.assertEqual(client.wire.ended, "fin")

    def test_a_half_close_of_the_upstream_passes_too(self):
        def script(exchange):
            exchange.send(SWITCH % b"echo/1" + b"bye")
            exchange.wire.sock.shutdown(1)
            heard.append(exchange.wire.exactly(5))
            done.set()
        heard, done = [], threading.Event()
        client = self.open(script, b"echo/1")
        self.assertEqual(client.wire.rest(), b"bye")
        client.send(b"still")
        self.assertTrue(done.wait(10))
        self.assertEqual(heard, [b"still"])

    def test_a_refused_upgrade_leaves_an_ordinary_connection(self):
        upstream = self.upstream(answer(b"no"))
        client = self.client(self.proxy(upstream))
        self.assertEqual(client.ask(ASK % b"websocket").body, b"no")
        self.assertEqual(client.get().body, b"no")

    def test_a_switch_that_nobody_asked_for_is_a_broken_answer(self):
        upstream = self.upstream([SWITCH % b"websocket", answer(b"good")])
        client = self.client(self.proxy(upstream, workers=1))
        self.assertEqual(client.get().status, 502)

    def test_a_switch_to_another_protocol_is_a_broken_answer(self):
        upstream = self.upstream([SWITCH % b"tcp", answer(b"good")])
        client = self.client(self.proxy(upstream, workers=1))
        self.assertEqual(client.ask(ASK % b"websocket").status, 502)

    def test_a_tunnel_is_closed_when_both_sides_are_silent_too_long(self):
        client = self.open(timeouts='tunnel_idle = "200ms"')
        self.assertEqual(client.wire.rest(), b"")
        eventually(lambda: self.server.open_connections == 0, "the upstream's end of it")

    def test_a_client_that_resets_ends_the_tunnel_on_the_other_side(self):
        client = self.open()
        client.reset()
        eventually(lambda: self.server.open_connections == 0, "the upstream's end of it")

    def test_a_slow_reader_of_a_tunnel_holds_the_other_side_back(self):
        sent = []

        def script(exchange):
            exchange.send(SWITCH % b"echo/1")
            for _ in range(1000):
                exchange.send(b"x" * 65536)
                sent.append(1)
            exchange.close()
        client = self.open(script, b"echo/1")
        before = self.front.rss_bytes()
        self.assertEqual(len(client.wire.exactly(100 * 65536)), 100 * 65536)
        self.assertLess(len(sent), 1000)
        self.assertEqual(len(client.wire.rest()), 900 * 65536)
        self.assertLess(self.front.rss_bytes() - before, 16 * 1024 * 1024)


class ToldToGo(TunnelCase):
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
            exchange.send(SWITCH % b"websocket")
            heard.append(exchange.wire.exactly(8))
            exchange.send(CLOSE_1012)
            exchange.close()
        client = self.open(script, site=self.site)
        thread, receipts = self.switch_beside("maintenance")
        self.assertEqual(client.wire.exactly(4), CLOSE_1012)
        client.send(frame(b"\x03\xf4", masked=True, opcode=8)).finish_sending()
        self.assertEqual(client.wire.rest(), b"")
        thread.join()
        self.assertEqual(receipts[0]["drained"]["tunnels"], 1)
        close = heard[0]
        self.assertEqual(close[:2], b"\x88\x82")
        self.assertEqual(bytes(b ^ m for b, m in zip(close[6:], close[2:6])), b"\x03\xf4")

    def test_the_close_waits_for_the_end_of_the_frame(self):
        halfway, go_on = threading.Event(), threading.Event()
        data = frame(b"x" * 1000)

        def script(exchange):
            exchange.send(SWITCH % b"websocket" + data[:300])
            halfway.set()
            exchange.wait(go_on)
            exchange.send(data[300:])
            exchange.say_nothing()
        client = self.open(script, site=self.site)
        self.assertTrue(halfway.wait(10))
        self.assertEqual(client.wire.exactly(300), data[:300])
        thread, _ = self.switch_beside("readonly")
        eventually(lambda: self.front.admin("GET", "/v1/status")[1]["sites"][0]["mode"] == "readonly", "the mode")
        self.assertTrue(client.stays_open())
        go_on.set()
        self.assertEqual(client.wire.exactly(708), data[300:] + CLOSE_1012)
        client.finish_sending()
        thread.join()

    def test_a_websocket_that_does_not_go_is_cut_and_listed(self):
        client = self.open(lambda e: (e.send(SWITCH % b"websocket"), e.say_nothing()), site=self.site)
        receipt = self.front.mode("maintenance", drain="1s")
        self.assertEqual((receipt["cut_counts"]["tunnels"], receipt["cut"][0]["path"]), (1, "/ws"))
        self.assertEqual(client.wire.exactly(4), CLOSE_1012)
        self.assertEqual(client.wire.rest(), b"")

    def test_another_protocol_is_cut_at_the_deadline_without_a_word(self):
        client = self.open(protocol=b"echo/1", site=self.site)
        receipt = self.front.mode("maintenance", drain="300ms")
        self.assertEqual((receipt["result"], receipt["cut_counts"]["tunnels"]), ("cut", 1))
        self.assertEqual(client.wire.rest(), b"")

    def test_a_tunnel_that_a_read_rule_names_stays_in_readonly(self):
        client = self.open(site=self.site + '\nreadonly = { read = ["GET /ws"] }')
        receipt = self.front.mode("readonly", drain="300ms")
        self.assertEqual((receipt["result"], receipt["cut"]), ("done", []))
        data = frame(b"still here", masked=True)
        self.assertEqual(client.send(data).wire.exactly(len(data)), data)

    def test_new_tunnels_are_refused_in_readonly_and_the_upstream_sees_none(self):
        upstream = self.upstream(echo)
        proxy = self.proxy(upstream)
        proxy.mode("readonly")
        response = self.client(proxy).ask(ASK % b"websocket")
        self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (503, "1"))
        self.assertEqual(upstream.requests, [])

    def test_a_websocket_is_told_to_go_when_the_process_ends(self):
        client = self.open(site=self.site)
        self.front.signal(15)
        self.assertEqual(client.wire.exactly(4), CLOSE_1012)
        client.finish_sending()
        self.assertEqual(self.front.wait(), 0)


if __name__ == "__main__":
    unittest.main()
