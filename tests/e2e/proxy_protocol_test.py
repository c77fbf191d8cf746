"""A balancer in front that speaks the PROXY protocol: whom a request is for, what is believed, and who is not let in."""

import socket
import struct
import unittest

from harness import Certificates, ProxyCase, TestClient, answer, eventually

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ASK = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


def v1(address, family="TCP4"):
    return f"PROXY {family} {address} {'::1' if family == 'TCP6' else '127.0.0.1'} 56324 80\r\n".encode()


def v2(address, tlvs=b""):
    payload = socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 56324, 80) + tlvs
    return SIGNATURE + b"\x21\x11" + struct.pack(">H", len(payload)) + payload


LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


class Behind(ProxyCase):
    def balanced(self, *upstreams, networks='"127.0.0.0/8"', more="", **options):
        listener = f"proxy_protocol = true\nproxy_protocol_from = [{networks}]\n{more}"
        return self.proxy(*upstreams, listener=listener, **options)

    def through(self, proxy, greeting, tls=False):
        client = TestClient(proxy.address, greeting=greeting, tls=tls)
        self.addCleanup(client.close)
        return client

    def logged(self, proxy, count=1):
        eventually(lambda: len(proxy.access_log()) >= count, "the records")
        return [record["client"] for record in proxy.access_log()]


class Client(Behind):
    def test_the_address_of_the_header_is_the_clients(self):
        headers = [(v1("192.0.2.1"), "192.0.2.1"), (v1("2001:db8::1", "TCP6"), "2001:db8::1"),
                   (v2("192.0.2.2"), "192.0.2.2"), (v2("192.0.2.3", b"\x01\x00\x02h2"), "192.0.2.3"),
                   (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (LOCAL, "127.0.0.1")]
        upstream = self.upstream()
        proxy = self.balanced(upstream, workers=1)
        for number, (greeting, address) in enumerate(headers, 1):
            client = self.through(proxy, greeting)
            self.assertEqual(client.get().status, 200)
            self.assertEqual(upstream.requests[-1].value("X-Forwarded-For"), address)
            self.assertEqual(self.logged(proxy, number)[-1], address)

    def test_a_header_may_come_in_pieces_or_with_the_request(self):
        for greeting in (v1("192.0.2.1"), v2("192.0.2.1")):
            for bytes_max in ("1", "1000000"):
                upstream = self.upstream()
                proxy = self.balanced(upstream, environment={"DRAWBRIDGE_TEST_IO_BYTES": bytes_max})
                pieces = self.through(proxy, b"").send_bytewise(greeting + ASK)
                self.assertEqual(pieces.read_response().status, 200)
                self.assertEqual(self.through(proxy, greeting + ASK + ASK).read_response().status, 200)
                self.assertEqual({r.value("X-Forwarded-For") for r in upstream.requests}, {"192.0.2.1"})

    def test_a_connection_has_one_header_and_then_as_many_requests_as_ever(self):
        upstream = self.upstream()
        client = self.through(self.balanced(upstream), v1("192.0.2.1"))
        self.assertEqual([client.get().status for _ in range(3)], [200] * 3)
        client.send(v1("192.0.2.9") + ASK)
        self.assertEqual(client.read_response().status, 400)
        self.assertEqual(len(upstream.requests), 3)

    def test_what_is_trusted_is_the_client_not_the_balancer(self):
        upstream = self.upstream()
        proxy = self.balanced(upstream, server='trusted_proxies = ["127.0.0.0/8", "192.0.2.0/24"]')
        field = "X-Forwarded-For: 198.51.100.7\r\n"
        self.through(proxy, v1("192.0.2.1")).get(fields=field)
        self.through(proxy, v1("203.0.113.1")).get(fields=field)
        seen = [request.value("X-Forwarded-For") for request in upstream.requests]
        self.assertEqual(seen, ["198.51.100.7, 192.0.2.1", "203.0.113.1"])

    def test_each_client_has_its_own_share_of_connections(self):
        proxy = self.balanced(self.upstream(), limits="connections_per_address = 1", workers=1)
        first, other = self.through(proxy, v1("192.0.2.1")), self.through(proxy, v1("192.0.2.2"))
        self.assertEqual((first.get().status, other.get().status), (200, 200))
        self.assertIn(self.through(proxy, v1("192.0.2.1")).end(), ("fin", "reset"))

    def test_tls_begins_behind_the_header(self):
        made = Certificates()
        self.addCleanup(made.remove)
        made.issue("a", "DNS:a.example", "IP:127.0.0.1")
        upstream = self.upstream(answer(b"secret"))
        proxy = self.balanced(upstream, more=f"tls = {made.table('a')}")
        client = self.through(proxy, v2("192.0.2.1"), tls=made.context())
        self.assertEqual(client.get().body, b"secret")
        self.assertEqual(upstream.requests[0].value("X-Forwarded-For"), "192.0.2.1")


class NotLetIn(Behind):
    def assert_not_served(self, greeting, reason, **options):
        upstream = self.upstream()
        proxy = self.balanced(upstream, **options)
        client = self.through(proxy, greeting)
        self.assertEqual(client.wire.rest(), b"")
        self.assertEqual(upstream.requests, [])
        proxy.wait_until_said(f"proxy_header_refused.*{reason}")

    def test_a_connection_without_a_header_is_closed_without_a_word(self):
        self.assert_not_served(ASK, "malformed")

    def test_a_header_that_is_not_exactly_one_is_no_header(self):
        self.assert_not_served(b"PROXY TCP4 192.0.2.1\r\n" + ASK, "malformed")

    def test_who_is_no_balancer_cannot_speak_for_others(self):
        self.assert_not_served(v1("192.0.2.1") + ASK, "not in proxy_protocol_from", networks='"192.0.2.0/24"')

    def test_a_header_that_does_not_come_is_not_waited_for_for_ever(self):
        self.assert_not_served(b"PROXY TCP4 ", "timed_out")

    def test_a_balancer_that_only_looks_is_not_complained_of(self):
        proxy = self.balanced(self.upstream(), workers=1)
        TestClient(proxy.address, tls=False).close()
        self.assertEqual(self.through(proxy, LOCAL).get().status, 200)
        self.assertNotIn("proxy_header_refused", proxy.said)

    def test_a_plain_listener_knows_no_header(self):
        proxy = self.proxy(self.upstream(), listener="")
        self.assertEqual(self.through(proxy, v1("192.0.2.1") + ASK).read_response().status, 400)


if __name__ == "__main__":
    unittest.main()
