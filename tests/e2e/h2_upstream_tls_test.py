"""HTTP/2 over TLS to the servers of a pool: who is trusted, what is agreed on, and what becomes of who agrees to nothing."""

import pathlib
import unittest

from harness import Certificates, ProxyCase, answer, eventually
from harness.h2_upstream import H2Upstream

NO_PROBES = "{ active = false }"


class H2TlsCase(ProxyCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.authority("stranger")
        cls.made.issue("good", "IP:127.0.0.1")
        cls.made.issue("named", "DNS:app.internal")
        cls.made.issue("foreign", "IP:127.0.0.1", ca="stranger")
        cls.made.issue("expired", "IP:127.0.0.1", days=-1)
        cls.made.issue("proxy")

    def server(self, name="good", script=None, **options):
        context = self.made.server_context(name, **{"protocols": ["h2", "http/1.1"], **options})
        upstream = H2Upstream(script or (lambda c: c.answer(c.body or b"secret")), tls=context)
        self.addCleanup(upstream.stop)
        return upstream

    def front(self, *servers, more="", health=NO_PROBES, ca=None, **options):
        pool = f'protocol = "h2"\ntls = {{ ca = "{ca or self.made.ca}"{more} }}\nhealth = {health}'
        return self.proxy(*servers, pool=pool, workers=1, **options)


class Exchanges(H2TlsCase):
    def test_requests_share_a_connection_that_was_agreed_to_be_http_2(self):
        for io_bytes in ({}, {"DRAWBRIDGE_TEST_IO_BYTES": "1"}):
            server = self.server()
            client = self.client(self.front(server, environment=io_bytes))
            for size in (1, 16_000):
                self.assertEqual(client.post(b"x" * size).body, b"x" * size)
            self.assertEqual([call.value(":scheme") for call in server.calls], ["https", "https"])
            self.assertEqual(len(server.peers), 1)

    def test_the_name_that_is_asked_for_may_be_another_than_the_address(self):
        server = self.server("named")
        asked = []
        server.tls.sni_callback = lambda _, name, __: asked.append(name)
        response = self.client(self.front(server, more=', server_name = "app.internal"')).get()
        self.assertEqual((response.body, asked), (b"secret", ["app.internal"]))

    def test_a_second_connection_resumes_the_session_of_the_first(self):
        server = self.server(script=lambda c: (c.answer(), c.peer.goaway(c.number)))
        client = self.client(self.front(server))
        for _ in range(3):
            self.assertEqual(client.get().status, 200)
        self.assertEqual([peer.sock.session_reused for peer in server.peers], [False, True, True])

    def test_a_server_may_ask_who_the_proxy_is(self):
        shown = f', certificate = "{self.made.pem("proxy")}", key = "{self.made.key("proxy")}"'
        for more, status in ((shown, 200), ("", 502)):
            server = self.server(client_ca=self.made.ca)
            self.assertEqual(self.client(self.front(server, more=more)).get().status, status)

    def test_another_authority_after_a_reload_is_asked_for_at_once(self):
        server = self.server()
        proxy = self.front(server)
        self.assertEqual(self.client(proxy).get().status, 200)
        text = pathlib.Path(proxy.config).read_text(encoding="utf-8")
        pathlib.Path(proxy.config).write_text(text.replace(str(self.made.ca), str(self.made.pem("stranger"))), encoding="utf-8")
        self.assertEqual(proxy.ctl("reload")[0], 0)
        self.assertEqual(self.client(proxy).get().status, 502)
        self.assertEqual(len(server.calls), 1)


class Refusals(H2TlsCase):
    def refused(self, server, reason, **options):
        proxy = self.front(server, **options)
        response = self.client(proxy).post(b"x")
        self.assertEqual(response.status, 502)
        proxy.wait_until_said(f"upstream_tls_failed.*{reason}")

    def test_a_server_that_does_not_prove_who_it_is_is_sent_nothing(self):
        for name, reason in (("foreign", "unable to get local issuer certificate"), ("named", "IP address mismatch"),
                             ("expired", "certificate has expired")):
            with self.subTest(name):
                server = self.server(name)
                self.refused(server, reason)
                self.assertEqual(server.begun, [])

    def test_a_server_that_does_not_know_alpn_is_sent_nothing(self):
        server = self.upstream(answer(b"garbage"), tls=self.made.server_context("good"))
        self.refused(server, "did not agree to HTTP/2")
        self.assertEqual(server.connections, 0)

    def test_a_server_of_http_1_alone_is_sent_nothing(self):
        server = self.upstream(answer(b"garbage"), tls=self.made.server_context("good", protocols=["http/1.1"]))
        self.refused(server, "did not agree to HTTP/2|no application protocol")
        self.assertEqual(server.connections, 0)

    def test_a_server_that_would_rather_speak_http_1_is_not_offered_it(self):
        server = self.server(protocols=["http/1.1", "h2"])
        self.assertEqual(self.client(self.front(server)).get().body, b"secret")

    def test_the_next_server_is_asked_instead(self):
        bad = self.upstream(answer(b"garbage"), tls=self.made.server_context("good"))
        good = self.server()
        client = self.client(self.front(bad, good))
        for _ in range(3):
            self.assertEqual(client.post(b"x").body, b"x")


class Health(H2TlsCase):
    probes = '{ path = "/healthz", interval = "100ms", timeout = "10s", fall = 1, rise = 1 }'

    def reasons(self, proxy):
        pools = proxy.admin("GET", "/v1/status")[1]["pools"]
        return str(pools)

    def test_it_is_asked_over_tls_and_http_2(self):
        server = self.server()
        proxy = self.front(server, health=self.probes)
        eventually(lambda: self.client(proxy).get().status == 200, "a healthy server")
        eventually(lambda: any(call.value(":path") == "/healthz" for call in server.calls), "a probe")
        probe = next(call for call in server.calls if call.value(":path") == "/healthz")
        self.assertEqual((probe.value(":scheme"), probe.value("user-agent")[:16]), ("https", "drawbridge-probe"))

    def test_who_does_not_agree_to_http_2_is_down_and_the_operator_reads_why(self):
        for health in (self.probes, '{ interval = "100ms", timeout = "10s", fall = 1 }'):
            server = self.upstream(answer(b"fine"), tls=self.made.server_context("good"))
            proxy = self.front(server, health=health)
            proxy.wait_until_said("server_down.*did not agree to HTTP/2")
            self.assertIn("did not agree to HTTP/2", self.reasons(proxy))

    def test_a_certificate_of_a_stranger_is_down(self):
        proxy = self.front(self.server("foreign"), health=self.probes)
        proxy.wait_until_said("server_down.*unable to get local issuer certificate")


if __name__ == "__main__":
    unittest.main()
