"""Sites that want a client certificate behind a listener that asks for one and insists on none."""

import json
import unittest

from harness import Certificates, ProxyCase, TestClient, answer, eventually
from harness.h2_client import H2Client

SITES = """
[[listener]]
address = "127.0.0.1:0"
[site.staff]
hosts = ["staff.example"]
pool = "blue"
client_certificate = "required"
{staff}
"""


class SiteCertificate(ProxyCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.authority("people")
        cls.made.issue("shop", "DNS:a.example", "DNS:staff.example")
        cls.made.issue("alice", ca="people", subject="/O=Example/CN=alice")
        cls.made.issue("nameless", "DNS:laptop-7.example", ca="people", subject="/")

    def doors(self, staff=""):
        """A proxy that listens with TLS and without it; its sites are a.example and staff.example."""
        asked = f', client_ca = "{self.made.folder}/people.pem", client_certificates = "optional"'
        self.server = self.upstream(answer(b"here"))
        return self.proxy(self.server, listener=f"tls = {self.made.table('shop', asked)}", site='hosts = ["a.example"]',
                          more=SITES.format(staff=staff))

    def visitor(self, proxy, certificate=None, name="staff.example"):
        client = TestClient(proxy.addresses[0], tls=self.made.context(certificate), name=name)
        self.addCleanup(client.close)
        return client

    def ask(self, client, host="staff.example", method="GET", path="/", fields=""):
        return client.ask(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())

    def test_who_shows_a_certificate_is_served_and_who_shows_none_is_told_why(self):
        proxy = self.doors()
        shown = self.ask(self.visitor(proxy, "alice"))
        self.assertEqual(shown.body, b"here")
        self.assertEqual(self.server.requests[0].value("X-Client-Certificate-Subject"), "CN=alice,O=Example")
        client = self.visitor(proxy)
        for accept, word in (("text/html", b"<h1"), ("application/json", b'"status"'), ("text/plain", b"403 Forbidden")):
            refused = self.ask(client, method="POST", fields=f"Accept: {accept}\r\nContent-Length: 0\r\n")
            self.assertEqual(refused.status, 403)
            self.assertIn(b"client certificate", refused.body)
            self.assertIn(word, refused.body)
            self.assertIsNone(refused.value("Drawbridge-Not-Processed"), "to send it again would be in vain")
        self.assertEqual(len(self.server.requests), 1)

    def test_a_certificate_without_a_subject_is_one(self):
        client = self.visitor(self.doors(), "nameless")
        self.assertEqual(self.ask(client, fields="X-Client-Certificate-Subject: CN=root\r\n").body, b"here")
        self.assertEqual(self.server.requests[0].value("X-Client-Certificate-Subject"), "", "there, and says nothing")

    def test_other_sites_of_the_listener_want_none(self):
        proxy = self.doors()
        self.assertEqual(self.ask(self.visitor(proxy, name="a.example"), "a.example").status, 200)

    def test_on_a_connection_made_for_another_host_the_client_is_sent_to_one_of_its_own(self):
        proxy = self.doors()
        client = self.visitor(proxy, name="a.example")
        self.assertEqual(self.ask(client).status, 421)
        self.assertEqual(self.ask(client, "a.example").status, 200, "the connection goes on")
        self.assertEqual(self.ask(self.visitor(proxy, "alice", "a.example")).status, 200)

    def test_streams_that_a_browser_puts_on_one_connection_are_told_apart(self):
        proxy = self.doors()
        client = H2Client(proxy.addresses[0], tls=self.made.context())
        self.addCleanup(client.close)
        streams = [client.open(authority=host) for host in ("a.example", "staff.example", "a.example")]
        self.assertEqual([client.finish(stream).status for stream in streams], [200, 421, 200])

    def test_what_a_client_writes_into_the_field_is_no_certificate(self):
        client = self.visitor(self.doors())
        self.assertEqual(self.ask(client, fields="X-Client-Certificate-Subject: CN=alice\r\n").status, 403)

    def test_neither_a_plain_listener_nor_an_exempt_rule_lets_anybody_in(self):
        proxy = self.doors('maintenance = { exempt = ["* /**"] }')
        plain = TestClient(proxy.addresses[1], tls=False)
        self.addCleanup(plain.close)
        for mode in ("live", "maintenance"):
            proxy.mode(mode)
            self.assertEqual(self.ask(plain).status, 403)
            self.assertEqual(self.ask(self.visitor(proxy)).status, 403)
            self.assertEqual(self.ask(self.visitor(proxy, "alice")).status, 200)
        self.assertEqual(len(self.server.requests), 2)

    def test_without_tls_the_redirect_comes_first(self):
        proxy = self.doors("redirect_to_https = true")
        plain = TestClient(proxy.addresses[1], tls=False)
        self.addCleanup(plain.close)
        self.assertEqual(self.ask(plain).status, 301)

    def test_a_site_may_come_to_want_one_by_a_reload(self):
        proxy = self.doors()
        text = proxy.config.read_text(encoding="utf-8")
        client = self.visitor(proxy)
        for wanted, status in (("optional", 200), ("required", 403)):
            proxy.config.write_text(text.replace('"required"\n', f'"{wanted}"\n'), encoding="utf-8")
            self.assertEqual(proxy.ctl("reload")[0], 0)
            self.assertEqual(self.ask(client).status, status)

    def test_explain_and_the_log_say_so(self):
        proxy = self.doors()
        told = json.loads(proxy.ctl("explain", "GET", "https://staff.example/", "--json")[1])
        self.assertEqual(told["verdict"], "forward")
        self.assertIn("who shows none is answered 403", told["sentence"])
        self.ask(self.visitor(proxy))
        record = eventually(proxy.access_log, "the record")[0]
        self.assertEqual((record["verdict"], record["status"]), ("no_certificate", 403))


if __name__ == "__main__":
    unittest.main()
