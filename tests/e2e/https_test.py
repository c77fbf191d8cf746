"""Sites that want HTTPS: the redirect, Strict-Transport-Security, and what is known of certificates."""

import json
import unittest

from harness import Certificates, ProxyCase, TestClient, answer


class Https(ProxyCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.issue("a", "DNS:a.example")

    def both_doors(self, upstream, site="", **options):
        """A proxy that listens without TLS and with it; the addresses in this order."""
        tls = f'[[listener]]\naddress = "127.0.0.1:0"\ntls = {self.made.table("a")}'
        proxy = self.proxy(upstream, listener=tls, site=site, **options)
        return proxy

    def secure(self, proxy):
        client = TestClient(proxy.addresses[1], tls=self.made.context())
        self.addCleanup(client.close)
        return client

    def test_requests_without_tls_are_sent_to_the_same_address_under_https(self):
        upstream = self.upstream(answer(b"here"))
        proxy = self.both_doors(upstream, site="redirect_to_https = 8443")
        for method, status in (("GET", 301), ("HEAD", 301), ("POST", 308), ("DELETE", 308)):
            client = self.client(proxy)
            response = client.ask(f"{method} /a%2Fb?c=d HTTP/1.1\r\nHost: a.example:80\r\n\r\n".encode())
            self.assertEqual((response.status, response.value("Location")), (status, "https://a.example:8443/a%2Fb?c=d"))
            self.assertEqual(client.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").status, 301, "kept open")
        server_wide = self.client(proxy).ask(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.assertEqual(server_wide.value("Location"), "https://a.example:8443", "the asterisk is no path")
        self.assertEqual(upstream.requests, [])
        self.assertEqual(self.secure(proxy).get().body, b"here")

    def test_what_is_exempt_and_what_a_trusted_proxy_calls_https_is_served(self):
        upstream = self.upstream(answer(b"here"))
        proxy = self.both_doors(upstream, server='trusted_proxies = ["127.0.0.1"]',
                                site='redirect_to_https = true\nmaintenance = { exempt = ["GET /.well-known/**"] }')
        client = self.client(proxy)
        self.assertEqual(client.get("/").value("Location"), "https://a.example/")
        self.assertEqual(client.get("/.well-known/acme-challenge/x").body, b"here")
        self.assertEqual(client.get("/", fields="X-Forwarded-Proto: https\r\n").body, b"here")

    def test_a_request_that_names_no_host_cannot_be_sent_anywhere(self):
        proxy = self.both_doors(self.upstream(answer()), site="redirect_to_https = true")
        self.assertEqual(self.client(proxy).ask(b"GET / HTTP/1.0\r\n\r\n").status, 400)

    def test_strict_transport_security_stands_in_answers_over_tls_only(self):
        upstream = self.upstream(answer(b"here", fields="Strict-Transport-Security: max-age=1\r\n"))
        proxy = self.both_doors(upstream, site='hsts = { max_age = "365d", include_subdomains = true }')
        wanted = "max-age=31536000; includeSubDomains"
        self.assertEqual(self.secure(proxy).get().value("Strict-Transport-Security"), wanted)
        self.assertEqual(self.client(proxy).get().value("Strict-Transport-Security"), "max-age=1")
        proxy.mode("maintenance")
        self.assertEqual(self.secure(proxy).get().value("Strict-Transport-Security"), wanted)
        self.assertIsNone(self.client(proxy).get().value("Strict-Transport-Security"))

    def test_it_stands_in_answers_to_what_is_no_request_too(self):
        upstream = self.upstream(answer(b"here"))
        proxy = self.both_doors(upstream, site='hosts = ["a.example"]\npaths = ["/app"]\nhsts = { max_age = "60s" }')
        cases = {"GET /app HTTP/1.1\r\nHost: a.example\r\nbad header: x\r\n\r\n": 400,
                 "GET /app HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n": 400,
                 "GET /app?a HTTP/1.1\r\nHost: a.example\r\n" + "X: y\r\n" * 200 + "\r\n": 431,
                 "TRACE /app HTTP/1.1\r\nHost: a.example\r\n\r\n": 405,
                 "OPTIONS /app HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\n\r\n": 204,
                 "GET /.drawbridge/pages/web/none HTTP/1.1\r\nHost: a.example\r\n\r\n": 404}
        for request, status in cases.items():
            with self.subTest(request[:40]):
                response = self.secure(proxy).ask(request.encode())
                self.assertEqual((response.status, response.value("Strict-Transport-Security")), (status, "max-age=60"))
                plain = self.client(proxy).ask(request.encode())
                self.assertEqual((plain.status, plain.value("Strict-Transport-Security")), (status, None))
        elsewhere = self.secure(proxy).ask(b"TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.assertIsNone(elsewhere.value("Strict-Transport-Security"), "no site of this name has the path")

    def test_explain_knows_the_redirect_and_what_comes_over_tls(self):
        proxy = self.both_doors(self.upstream(answer()), site="redirect_to_https = 8443\nhsts = { max_age = \"60s\" }\n"
                                'hosts = ["a.example"]\nmaintenance = { exempt = ["GET /open"] }')
        for method, path in (("GET", "/a?b=c"), ("POST", "/a"), ("HEAD", "/"), ("GET", "/open")):
            told = json.loads(proxy.ctl("explain", method, f"http://a.example{path}", "--json")[1])
            with self.client(proxy) as client:
                seen = client.ask(f"{method} {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
            self.assertEqual((told.get("status", 200), told.get("location")), (seen.status, seen.value("Location")))
            self.assertEqual(told["verdict"], "forward" if path == "/open" else "redirect")
            self.assertNotIn("strict_transport", told)
        told = json.loads(proxy.ctl("explain", "GET", "https://a.example/a", "--json")[1])
        self.assertEqual((told["verdict"], told["strict_transport"]), ("forward", "max-age=60"))
        self.assertIn("https://a.example:8443/a", proxy.ctl("explain", "GET", "http://a.example/a")[1])

    def test_the_expiry_of_a_certificate_is_known_everywhere(self):
        self.made.issue("short", "DNS:a.example", days=3)
        upstream = self.upstream(answer())
        for name, result in (("a", "ok"), ("short", "warn")):
            proxy = self.proxy(upstream, listener=f"tls = {self.made.table(name)}")
            status = json.loads(proxy.ctl("status", "--json")[1])
            shown = status["certificates"][0]
            self.assertEqual((shown["names"], shown["key"]), (["a.example"], "EC 256"))
            self.assertEqual(any("expires in" in text for text in status["warnings"]), result == "warn")
            checks = json.loads(proxy.ctl("doctor", "--json")[1])["checks"]
            self.assertEqual([c["result"] for c in checks if c["check"] == "certificates"], [result])
            self.assertGreater(proxy.metric("drawbridge_certificate_expires_timestamp_seconds"), 1.7e9)

    def test_a_refused_pair_is_told_until_it_is_mended(self):
        self.made.issue("fragile", "DNS:a.example")
        proxy = self.proxy(self.upstream(answer()), listener=f"tls = {self.made.table('fragile')}")
        good = self.made.key("fragile").read_bytes()
        self.made.key("fragile").write_bytes(b"nothing")
        proxy.wait_until_said("certificate_refused")
        self.assertIn("holds no private key", proxy.ctl("status")[1])
        self.assertIn("holds no private key", proxy.ctl("doctor")[1])
        self.made.key("fragile").write_bytes(good)
        proxy.wait_until_said("certificate_read")
        self.assertNotIn("holds no private key", proxy.ctl("status")[1])


if __name__ == "__main__":
    unittest.main()
