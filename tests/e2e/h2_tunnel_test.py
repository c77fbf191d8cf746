"""WebSockets to servers that speak HTTP/2 (RFC 8441): for clients of both protocols, and what a server that takes none gets."""

import unittest

from harness import ProxyCase, eventually
from harness.h2_client import CONNECT_PROTOCOL
from harness.h2_upstream import H2Upstream

TAKES = (CONNECT_PROTOCOL, 1)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ASK = (b"GET /ws?a=b HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Key: %s\r\n\r\n")
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
CONNECT = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/ws?a=b"),
           (":authority", "a.example")]
CLOSE_1012 = b"\x88\x02\x03\xf4"
MASKED_CLOSE_BYTES = 8


def echo(call):
    if not call.value(":protocol"):
        return call.answer()
    call.head(("sec-websocket-protocol", "chat"))
    while not call.ended:
        eventually(lambda: call.body or call.ended or call.reset is not None, "bytes")
        if call.reset is not None:
            return None
        call.data(call.exactly(min(len(call.body), 16_000)), end=False)
    return call.data(b"", end=True)


class H2TunnelCase(ProxyCase):
    def scene(self, script=echo, settings=(TAKES,), **options):
        self.server = H2Upstream(script, settings=settings)
        self.addCleanup(self.server.stop)
        pool = 'protocol = "h2c"\nhealth = { active = false }'
        self.front = self.proxy(self.server, **{"listener": "h2c = true", "pool": pool, "workers": 1, **options})
        return self.front

    def open(self, **options):
        """The WebSocket of a client of HTTP/1."""
        client = self.client(self.scene(**options))
        return client, client.send(ASK % KEY).read_response()

    def open_h2(self, **options):
        client = self.h2_client(self.scene(**options))
        stream = client.open(fields=[("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")], pseudo=CONNECT,
                             end=False)
        client.pump(lambda: stream.fields)
        return client, stream


class Tunnels(H2TunnelCase):
    def test_a_client_of_http_1_gets_its_switch_and_frames_go_both_ways(self):
        client, response = self.open()
        said = [response.value(n) for n in ("Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol")]
        self.assertEqual((response.status, said), (101, ["websocket", "upgrade", ACCEPT, "chat"]))
        for size in (1, 1000, 15_000):
            self.assertEqual(client.send(b"x" * size).wire.exactly(size), b"x" * size)

    def test_the_server_sees_an_extended_connect(self):
        self.open()
        call = self.server.begun[0]
        pseudo = {name: value for name, value in call.fields if name.startswith(":")}
        self.assertEqual(pseudo, dict(CONNECT))
        self.assertEqual((call.value("sec-websocket-version"), call.value("sec-websocket-protocol")), ("13", "chat"))
        for name in ("sec-websocket-key", "upgrade", "connection", "host"):
            self.assertIsNone(call.value(name))

    def test_a_client_of_http_2_gets_its_200_and_frames_go_both_ways(self):
        client, stream = self.open_h2()
        said = [stream.value(n) for n in (":status", "sec-websocket-protocol", "sec-websocket-accept", "upgrade")]
        self.assertEqual(said, ["200", "chat", None, None])
        client.send_data(stream, b"x" * 20_000)
        client.pump(lambda: len(stream.body) == 20_000)
        client.send_data(stream, b"", end=True)
        self.assertTrue(client.finish(stream).ended)

    def test_what_comes_right_behind_the_request_arrives(self):
        client = self.client(self.scene())
        client.send(ASK % KEY + b"early")
        self.assertEqual(client.read_response().status, 101)
        self.assertEqual(client.wire.exactly(5), b"early")

    def test_tunnels_and_requests_share_a_connection(self):
        client, _ = self.open()
        self.assertEqual(self.client(self.front).get().body, b"hello")
        self.assertEqual(client.send(b"still").wire.exactly(5), b"still")
        self.assertEqual(len(self.server.peers), 1)

    def test_the_server_s_end_ends_it(self):
        client, _ = self.open(script=lambda c: c.head().data(b"bye"))
        self.assertEqual(client.wire.exactly(3), b"bye")
        client.finish_sending()
        self.assertEqual((client.wire.rest(), client.wire.ended), (b"", "fin"))

    def test_a_client_that_resets_resets_the_stream_and_nothing_else(self):
        client, _ = self.open()
        client.reset()
        eventually(lambda: self.server.begun[0].reset is not None, "the reset")
        self.assertEqual(self.client(self.front).get().body, b"hello")
        self.assertEqual(len(self.server.peers), 1)

    def test_told_to_go_both_sides_hear_it(self):
        heard = []

        def script(call):
            call.head()
            heard.append(call.exactly(MASKED_CLOSE_BYTES))
            call.data(CLOSE_1012)

        client, _ = self.open(script=script, site='drain = { timeout = "10s", tunnel_spread = "0s" }')
        self.assertEqual(self.front.mode("readonly")["result"], "done")
        self.assertEqual(client.wire.exactly(4), CLOSE_1012)
        eventually(lambda: heard, "the close at the server")
        self.assertEqual(heard[0][:2], b"\x88\x82")


class Refusals(H2TunnelCase):
    def test_a_server_that_takes_none_is_not_asked_and_the_client_hears_501(self):
        _, response = self.open(settings=())
        self.assertEqual(response.status, 501)
        self.assertEqual(self.server.begun, [])
        self.assertEqual(self.client(self.front).get().body, b"hello")
        self.assertEqual(len(self.server.peers), 1)

    def test_a_server_that_takes_none_is_well_all_the_same(self):
        servers = [H2Upstream(echo) for _ in range(2)]
        for server in servers:
            self.addCleanup(server.stop)
        pool = 'protocol = "h2c"\nhealth = { active = false, passive_fall = 1 }'
        proxy = self.proxy(*servers, pool=pool, workers=1)
        for _ in range(3):
            self.assertEqual(self.client(proxy).send(ASK % KEY).read_response().status, 501)
        self.assertEqual(proxy.metric("drawbridge_server_failures_total"), 0)

    def test_a_client_of_http_2_hears_it_too(self):
        client, stream = self.open_h2(settings=())
        self.assertEqual(stream.status, 501)
        self.assertEqual(client.request().body, b"hello")

    def test_it_is_asked_only_after_it_has_said_what_it_takes(self):
        proxy = self.scene()
        self.server.may_say_settings.clear()
        client = self.client(proxy).send(ASK % KEY)
        eventually(lambda: self.server.peers, "the connection")
        self.assertFalse(client.wire.has_more(0.1))
        self.server.may_say_settings.set()
        self.assertEqual(client.read_response().status, 101)

    def test_a_server_that_never_says_what_it_takes_is_504(self):
        proxy = self.scene(timeouts='upstream_body = "100ms"')
        self.server.may_say_settings.clear()
        self.addCleanup(self.server.may_say_settings.set)
        response = self.client(proxy).send(ASK % KEY).read_response()
        self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (504, "1"))
        self.assertEqual(self.server.begun, [])

    def test_the_refusal_of_a_server_is_passed_on(self):
        _, response = self.open(script=lambda c: c.head(status="403").data(b"no"))
        self.assertEqual((response.status, response.body, response.value("Sec-WebSocket-Accept")), (403, b"no", None))
        _, stream = self.open_h2(script=lambda c: c.head(status="403").data(b"no"))
        self.assertEqual(stream.status, 403)

    def test_a_key_that_is_none_is_refused_here_since_the_server_does_not_see_it(self):
        for key in (b"", b"short==", b"!" * 22 + b"=="):
            client = self.client(self.scene())
            self.assertEqual(client.send(ASK % key).read_response().status, 400)
            self.assertEqual(self.server.begun, [])

    def test_other_upgrades_end_here_and_the_request_is_answered_like_any(self):
        client = self.client(self.scene())
        response = client.ask((ASK % KEY).replace(b"websocket", b"echo/1"))
        self.assertEqual((response.status, response.body), (200, b"hello"))


if __name__ == "__main__":
    unittest.main()
