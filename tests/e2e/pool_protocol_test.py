"""A pool that is spoken to in another way than its servers understand: that is seen, and said."""

import http.server
import threading
import unittest

from harness import Certificates, ProxyCase, answer, eventually
from harness.h2_upstream import H2Upstream
from harness.others import haproxy, nginx

OFTEN = 'health = { interval = "100ms", timeout = "10s", rise = 1, fall = 1 }'
HELLO = 'location / { return 200 "hello"; }'


class PythonServer:
    """The module http.server: to what it takes for a request it answers a page without a head."""

    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler)
        self.address = "127.0.0.1:%d" % self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class QuietHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass


class PoolCase(ProxyCase):
    def other(self, server):
        self.addCleanup(server.stop)
        return server

    def pool(self, server, more="", health=OFTEN):
        return self.proxy(server, pool=f"{health}\n{more}")

    def server_of(self, proxy):
        return proxy.admin("GET", "/v1/pools")[1]["pools"][0]["servers"][0]

    def assert_down(self, proxy, reason):
        eventually(lambda: self.server_of(proxy)["health"] == "down", "the server to be down")
        self.assertRegex(self.server_of(proxy)["health_reason"], reason)

    def assert_stays_up(self, proxy, client_gets=True):
        eventually(lambda: self.server_of(proxy)["health"] == "up", "the server to be up")
        if client_gets:
            self.assertEqual(self.client(proxy).get().status, 200)

    def check_of(self, proxy):
        checks = proxy.admin("GET", "/v1/doctor")[1]["checks"]
        return next(check for check in checks if check["check"].startswith("upstream"))


class Checks(PoolCase):
    """The default check, which asks for no path."""

    def test_a_server_of_http_1_in_a_pool_of_h2c_is_down(self):
        for server, what in ((nginx(HELLO), "HTTP/1"), (PythonServer(), "something else")):
            proxy = self.pool(self.other(server), 'protocol = "h2c"')
            self.assert_down(proxy, f"answered {what} to the preface of HTTP/2")

    def test_a_server_that_does_not_agree_to_http_2_by_alpn_is_down(self):
        made = self.certificates()
        server = self.upstream(tls=made.server_context("good"))
        proxy = self.pool(server, f'protocol = "h2"\ntls = {{ ca = "{made.ca}" }}')
        self.assert_down(proxy, "did not agree to HTTP/2")

    def test_a_server_that_agrees_to_http_2_and_does_not_speak_it_is_down(self):
        made = self.certificates()
        server = self.upstream(tls=made.server_context("good", protocols=["h2"]))
        self.addCleanup(server.broken.clear)  # it takes the preface for a request
        proxy = self.pool(server, f'protocol = "h2"\ntls = {{ ca = "{made.ca}" }}')
        self.assert_down(proxy, "preface of HTTP/2")

    def test_servers_of_http_2_are_up(self):
        made = self.certificates()
        plain = H2Upstream()
        secured = H2Upstream(tls=made.server_context("good", protocols=["h2"]))
        for server, more in ((plain, 'protocol = "h2c"'),
                             (secured, f'protocol = "h2"\ntls = {{ ca = "{made.ca}" }}')):
            self.addCleanup(server.stop)
            self.assert_stays_up(self.pool(server, more))

    def test_a_server_that_takes_no_proxy_header_is_down(self):
        for server in (self.other(nginx(HELLO)), self.other(haproxy("http-request return status 200"))):
            for version in ("v1", "v2"):
                proxy = self.pool(server, f'send_proxy = "{version}"')
                self.assert_down(proxy, "answered HTTP/1 to the PROXY header")

    def test_servers_that_take_one_are_up(self):
        for version in ("v1", "v2"):
            for server in (self.other(nginx(HELLO, listen="proxy_protocol")),
                           self.other(haproxy("http-request return status 200", bind="accept-proxy")),
                           self.upstream(greeted=True)):
                self.assert_stays_up(self.pool(server, f'send_proxy = "{version}"'))

    def test_a_server_that_wants_a_certificate_of_us_is_down_without_one(self):
        made = self.certificates()
        made.issue("proxy")
        for name, tls in (("1.2", {"maximum_version": 0x0303}), ("1.3", {"minimum_version": 0x0304})):
            with self.subTest(name):
                context = made.server_context("good", client_ca=made.ca)
                for key, value in tls.items():
                    setattr(context, key, value)
                server = self.upstream(tls=context)
                self.assert_down(self.pool(server, f'tls = {{ ca = "{made.ca}" }}'), "TLS failed: .*(alert|certificate)")
                ours = f'certificate = "{made.pem("proxy")}", key = "{made.key("proxy")}"'
                self.assert_stays_up(self.pool(server, f'tls = {{ ca = "{made.ca}", {ours} }}'))

    def test_other_servers_of_tls_are_up(self):
        made = self.certificates()
        ssl = f'ssl_certificate {made.pem("good")}; ssl_certificate_key {made.key("good")}; {HELLO}'
        for server in (self.upstream(tls=made.server_context("good")), self.other(nginx(ssl, listen="ssl"))):
            self.assert_stays_up(self.pool(server, f'tls = {{ ca = "{made.ca}" }}'))

    def certificates(self):
        made = Certificates()
        self.addCleanup(made.remove)
        made.issue("good", "IP:127.0.0.1")
        return made


class Requests(PoolCase):
    """What no check that only connects can see."""

    def test_a_server_that_wants_a_proxy_header_and_gets_none_is_up_and_said_to_answer_nothing(self):
        proxy = self.pool(self.other(nginx(HELLO, listen="proxy_protocol")))
        self.assert_stays_up(proxy, client_gets=False)
        self.assertEqual(self.check_of(proxy)["result"], "ok")
        for _ in range(4):
            self.assertEqual(self.client(proxy).get().status, 502)
        eventually(lambda: self.server_of(proxy).get("broken", {}).get("count") == 4, "four requests without an answer")
        self.assertIn(self.server_of(proxy)["broken"]["last"], ("closed", "reset"))
        self.assertRegex(proxy.ctl("status")[1], r"! \S+ of pool \S+ \(http1\) is up, but the last 4 requests got no whole")
        check = self.check_of(proxy)
        self.assertEqual(check["result"], "warn")
        self.assertRegex(check["text"], "1 of 1 servers answer when checked, but no request: .*the last 4 failed")
        self.assertIn("They are spoken to as http1", check["advice"])

    def test_an_answer_ends_that(self):
        server = self.upstream([lambda e: e.close()] * 3 + [answer(b"well")])
        proxy = self.pool(server)
        self.assert_stays_up(proxy, client_gets=False)
        for _ in range(3):
            self.client(proxy).post(b"x")
        eventually(lambda: "broken" in self.server_of(proxy), "three requests without an answer")
        self.assertEqual(self.check_of(proxy)["result"], "warn")
        self.assertEqual(self.client(proxy).get().body, b"well")
        eventually(lambda: "broken" not in self.server_of(proxy), "the end of it")
        self.assertEqual(self.check_of(proxy)["result"], "ok")


class Shown(PoolCase):
    def test_status_pool_list_explain_and_doctor_say_how_the_servers_are_spoken_to(self):
        server = H2Upstream()
        self.addCleanup(server.stop)
        proxy = self.pool(server, 'protocol = "h2c"')
        self.assert_stays_up(proxy)
        for words in (["status"], ["pool", "list"], ["explain", "GET", "http://a.example/"], ["doctor"]):
            with self.subTest(words):
                self.assertRegex(proxy.ctl(*words)[1], r"\bh2c\b")
        plain = self.pool(self.upstream())
        self.assertNotIn("SPEAKS", plain.ctl("status")[1])


if __name__ == "__main__":
    unittest.main()
