"""PROXY headers to the servers: whom a connection is for, and that it is for nobody else."""

import socket
import struct
import unittest

from harness import Certificates, ProxyCase, TestClient, answer, eventually
from harness.others import haproxy, nginx

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
UNKNOWN = b"PROXY UNKNOWN\r\n"
NO_PROBES = "health = { active = false }"


def v1(client, local):
    return f"PROXY TCP4 {client[0]} {local[0]} {client[1]} {local[1]}\r\n".encode()


def v2(client, local):
    addresses = socket.inet_aton(client[0]) + socket.inet_aton(local[0]) + struct.pack(">HH", client[1], local[1])
    return SIGNATURE + b"\x21\x11\0\x0c" + addresses


class SendProxy(ProxyCase):
    def server(self, script=None, **options):
        return self.upstream(script, greeted=True, **options)

    def introducing(self, *servers, version="v1", more="", **options):
        return self.proxy(*servers, pool=f'send_proxy = "{version}"\n{options.pop("health", NO_PROBES)}\n{more}', **options)

    def other(self, server):
        self.addCleanup(server.stop)
        return server


class Introduced(SendProxy):
    def test_the_server_is_told_the_client_and_where_it_connected(self):
        for version, header in (("v1", v1), ("v2", v2)):
            for environment in ({}, {"DRAWBRIDGE_TEST_IO_BYTES": "1"}):
                server = self.server()
                proxy = self.introducing(server, version=version, environment=environment)
                client = self.client(proxy)
                self.assertEqual(client.post(b"x" * 3000).body, b"hello")
                self.assertEqual(server.greetings, [header(client.sock.getsockname(), proxy.address)])

    def test_what_a_balancer_in_front_has_said_is_passed_on(self):
        server = self.server()
        proxy = self.introducing(
            server, version="v2", listener='proxy_protocol = true\nproxy_protocol_from = ["127.0.0.0/8"]')
        client = self.client(proxy, greeting=v1(("192.0.2.7", 4711), ("203.0.113.1", 443)))
        self.assertEqual(client.get().status, 200)
        self.assertEqual(server.greetings, [v2(("192.0.2.7", 4711), ("203.0.113.1", 443))])

    def test_addresses_of_two_families_are_both_written_as_ipv6(self):
        server = self.server()
        proxy = self.introducing(
            server, listener='proxy_protocol = true\nproxy_protocol_from = ["127.0.0.0/8"]')
        self.client(proxy, greeting=b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 5 6\r\n").get()
        self.assertEqual(server.greetings, [b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 5 6\r\n"])

    def test_tls_to_the_server_begins_behind_the_header(self):
        made = Certificates()
        self.addCleanup(made.remove)
        made.issue("good", "IP:127.0.0.1")
        server = self.server(tls=made.server_context("good"))
        proxy = self.introducing(server, more=f'tls = {{ ca = "{made.ca}" }}')
        client = self.client(proxy)
        self.assertEqual([client.get().status for _ in range(2)], [200, 200])
        self.assertEqual(server.greetings, [v1(client.sock.getsockname(), proxy.address)])

    def test_health_checks_speak_for_themselves(self):
        for version, header in (("v1", UNKNOWN), ("v2", LOCAL)):
            for check, asked in ("path = \"/healthz\", ", 1), ("", 0):
                server = self.server()
                proxy = self.introducing(server, version=version, health=f'health = {{ {check}interval = "100ms" }}')
                eventually(lambda: "up" in proxy.ctl("pool")[1], "the server is up")
                eventually(lambda: server.greetings, "a probe")
                self.assertEqual(server.greetings[0], header)
                eventually(lambda: len(server.requests[:1]) == asked, "what it asks")  # noqa: B023


class KeptConnections(SendProxy):
    def test_one_clients_requests_share_a_connection_and_anothers_never_do(self):
        server = self.server()
        proxy = self.introducing(server, workers=1)
        clients = [self.client(proxy) for _ in range(3)]
        for _ in range(3):
            for client in clients:
                self.assertEqual(client.get().status, 200)
        self.assertEqual(server.connections, 3)
        for number, request in enumerate(server.requests):
            self.assertEqual(request.greeting, v1(clients[number % 3].sock.getsockname(), proxy.address))

    def test_clients_behind_a_trusted_proxy_are_told_apart_on_its_one_connection(self):
        server = self.server()
        proxy = self.introducing(server, server='trusted_proxies = ["127.0.0.0/8"]')
        client = self.client(proxy)
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            client.get(fields=f"X-Forwarded-For: {address}\r\n")
        self.assertEqual([request.greeting for request in server.requests],
                         [v1((address, 0), proxy.address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")])
        self.assertEqual(server.connections, 2)

    def test_streams_of_one_http2_connection_are_one_client(self):
        server = self.server()
        proxy = self.introducing(server, listener="h2c = true", workers=1)
        client = self.h2_client(proxy)
        for _ in range(2):
            self.assertEqual(client.request().status, 200)
        self.assertEqual(server.greetings, [v1(client.sock.getsockname(), proxy.address)])

    def test_the_clients_of_before_make_room_for_those_of_now(self):
        server = self.server()
        proxy = self.introducing(server, more="idle_connections = 2", workers=1)
        for _ in range(5):
            client = self.client(proxy)
            self.assertEqual([client.get().status for _ in range(2)], [200, 200])
        self.assertEqual(server.connections, 5)
        eventually(lambda: server.open_connections == 2, "two are kept")

    def test_a_stale_one_is_replaced_by_one_that_is_introduced_too(self):
        server = self.server()
        proxy = self.introducing(server, workers=1)
        client = self.client(proxy)
        client.get()
        server.vanish()
        self.assertEqual(client.get().status, 200)
        self.assertEqual(server.greetings, [v1(client.sock.getsockname(), proxy.address)] * 2)

    def test_after_a_reload_none_is_used_that_began_otherwise(self):
        server = self.server()
        proxy = self.introducing(server, workers=1)
        client = self.client(proxy)
        client.get()
        text = proxy.config.read_text(encoding="utf-8")
        for version, header in (("v2", v2), ("v1", v1)):
            proxy.config.write_text(text.replace('send_proxy = "v1"', f'send_proxy = "{version}"'), encoding="utf-8")
            self.assertEqual(proxy.ctl("reload")[0], 0)
            client.get()
            self.assertEqual(server.requests[-1].greeting, header(client.sock.getsockname(), proxy.address))


class Understood(SendProxy):
    """By those it is written for."""

    def assert_understood(self, server, version):
        proxy = self.introducing(server, version=version)
        client = self.client(proxy)
        told = " ".join(map(str, (*client.sock.getsockname(), *proxy.address))).encode()
        self.assertEqual([client.get().body for _ in range(2)], [told] * 2)
        mixed = self.introducing(
            server, version=version, listener='proxy_protocol = true\nproxy_protocol_from = ["127.0.0.0/8"]')
        through = self.client(mixed, greeting=b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 5 6\r\n")
        self.assertEqual(through.get().body, b"2001:db8::1 5 ::ffff:192.0.2.1 6")

    def test_nginx_reads_what_we_write(self):
        says = "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port"
        for version in ("v1", "v2"):
            server = self.other(nginx(f'location / {{ return 200 "{says}"; }}', listen="proxy_protocol"))
            self.assert_understood(server, version)

    def test_haproxy_reads_what_we_write(self):
        says = 'http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"'
        for version in ("v1", "v2"):
            self.assert_understood(self.other(haproxy(says, bind="accept-proxy")), version)


if __name__ == "__main__":
    unittest.main()
