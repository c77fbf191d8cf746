"""TLS between the proxy and its servers: who is trusted, and what becomes of who is not."""

import socket
import ssl
import unittest

from harness import Certificates, ProxyCase, answer, eventually

NO_PROBES = "health = { active = false }"
PROBES = 'health = { path = "/healthz", interval = "100ms", timeout = "10s", fall = 1 }'


class UpstreamTls(ProxyCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.authority("stranger")
        cls.made.issue("good", "IP:127.0.0.1")
        cls.made.issue("named", "DNS:app.internal")
        cls.made.issue("partial", "DNS:a*.shop.internal")
        cls.made.issue("foreign", "IP:127.0.0.1", ca="stranger")
        cls.made.issue("expired", "IP:127.0.0.1", days=-1)
        cls.made.issue("proxy")

    def server(self, name, script=None, **options):
        return self.upstream(script or answer(b"secret"), tls=self.made.server_context(name, **options))

    def asked(self, server, tls, **options):
        proxy = self.proxy(server, pool=f"{NO_PROBES}\ntls = {tls}", **options)
        return proxy, self.client(proxy).get()

    def trusting(self, more=""):
        return f'{{ ca = "{self.made.ca}"{more} }}'

    def test_a_server_that_proves_who_it_is_gets_the_request(self):
        for io_bytes in ({}, {"DRAWBRIDGE_TEST_IO_BYTES": "1"}):
            server = self.server("good", lambda e: e.send(answer(e.read_body())))
            proxy = self.proxy(server, pool=f"{NO_PROBES}\ntls = {self.trusting()}", environment=io_bytes)
            client = self.client(proxy)
            for size in (1, 20_000):
                self.assertEqual(client.post(b"x" * size).body, b"x" * size)
            self.assertEqual(server.connections, 1, "the connection is kept")

    def test_its_name_may_be_another_than_its_address(self):
        server, asked = self.server("named"), []
        server.tls.sni_callback = lambda _, name, __: asked.append(name)
        _, response = self.asked(server, self.trusting(', server_name = "app.internal"'))
        self.assertEqual((response.body, asked), (b"secret", ["app.internal"]))

    def test_one_that_does_not_is_sent_nothing_and_the_reason_is_said(self):
        for name, tls, reason in (("foreign", self.trusting(), "unable to get local issuer certificate"),
                                  ("named", self.trusting(), "IP address mismatch"),
                                  ("expired", self.trusting(), "certificate has expired"),
                                  ("named", self.trusting(', server_name = "other.internal"'), "hostname mismatch"),
                                  ("partial", self.trusting(', server_name = "app.shop.internal"'), "hostname mismatch"),
                                  ("good", "{}", "unable to get local issuer certificate")):
            with self.subTest(name):
                server = self.server(name)
                proxy, response = self.asked(server, tls)
                self.assertEqual(response.status, 502)
                proxy.wait_until_said(f"upstream_tls_failed.*{reason}")
                self.assertEqual(server.requests, [])

    def test_the_reason_of_each_server_is_said(self):
        servers = self.server("foreign"), self.server("expired")
        proxy = self.proxy(*servers, pool=f"{NO_PROBES}\ntls = {self.trusting()}")
        self.assertEqual(self.client(proxy).get().status, 502)
        for server in servers:
            proxy.wait_until_said(f"upstream_tls_failed.*{server.address}")

    def test_without_verification_any_certificate_will_do(self):
        _, response = self.asked(self.server("foreign"), "{ verify = false }")
        self.assertEqual(response.body, b"secret")

    def test_a_server_may_ask_who_the_proxy_is(self):
        server = self.server("good", client_ca=self.made.ca)
        shown = f', certificate = "{self.made.pem("proxy")}", key = "{self.made.key("proxy")}"'
        _, response = self.asked(server, self.trusting(shown))
        self.assertEqual(response.body, b"secret")
        _, response = self.asked(server, self.trusting())
        self.assertEqual(response.status, 502)

    def test_the_second_connection_resumes_the_session_of_the_first(self):
        closing = answer(b"once", fields="Connection: close\r\n")
        server = self.server("good", lambda e: (e.send(closing), e.close()))
        proxy = self.proxy(server, pool=f"{NO_PROBES}\ntls = {self.trusting()}", workers=1)
        client = self.client(proxy)
        for _ in range(3):
            self.assertEqual(client.get().body, b"once")
        eventually(lambda: server.sessions_reused == 2, "two resumed sessions")

    def test_an_older_version_of_tls_is_spoken_only_if_that_is_allowed(self):
        for version, status in (("1.2", 200), ("1.3", 502)):
            server = self.server("good")
            server.tls.maximum_version = ssl.TLSVersion.TLSv1_2
            _, response = self.asked(server, self.trusting(f', min_version = "{version}"'))
            self.assertEqual(response.status, status)

    def test_a_server_that_never_shakes_hands_is_too_slow(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            proxy = self.proxy("127.0.0.1:%d" % silent.getsockname()[1], pool=f"{NO_PROBES}\ntls = {self.trusting()}",
                               timeouts='upstream_connect = "100ms"')
            response = self.client(proxy).post(b"x")
            self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (504, "1"))

    def test_another_authority_after_a_reload_judges_kept_connections_too(self):
        server = self.server("good")
        proxy, response = self.asked(server, self.trusting(), workers=1)
        self.assertEqual(response.status, 200)
        text = proxy.config.read_text(encoding="utf-8")
        proxy.config.write_text(text.replace(str(self.made.ca), str(self.made.pem("stranger"))), encoding="utf-8")
        self.assertEqual(proxy.ctl("reload")[0], 0)
        self.assertEqual(self.client(proxy).get().status, 502)
        self.assertEqual(len(server.requests), 1)

    def test_an_answer_without_its_end_is_truncated_for_the_client_too(self):
        endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf"

        def break_off(exchange):
            exchange.send(endless)
            socket.socket.shutdown(exchange.wire.sock, socket.SHUT_WR)  # no close_notify
            exchange.open = False

        server = self.server("good", break_off)
        proxy = self.proxy(server, pool=f"{NO_PROBES}\ntls = {self.trusting()}")
        client = self.client(proxy)
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").read_head()
        self.assertNotIn(b"0\r\n\r\n", client.wire.rest())

    def test_health_checks_judge_the_name_too(self):
        proxy = self.proxy(self.server("named"), pool=f"{PROBES}\ntls = {self.trusting()}")
        proxy.wait_until_said("server_down.*IP address mismatch")

    def test_health_checks_judge_the_certificate_too(self):
        good, foreign = self.server("good"), self.server("foreign")
        proxy = self.proxy(good, foreign, pool=f"{PROBES}\ntls = {self.trusting()}")
        proxy.wait_until_said("server_down.*unable to get local issuer certificate")
        eventually(lambda: any(r.target == "/healthz" for r in good.requests), "a check of the good server")
        for _ in range(4):
            self.assertEqual(self.client(proxy).get().body, b"secret")
        self.assertEqual(foreign.requests, [])


if __name__ == "__main__":
    unittest.main()
