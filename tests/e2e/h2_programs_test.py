"""HTTP/2 as the programs of others speak it: curl, nghttp and h2load, with TLS and without."""

import re
import subprocess
import unittest

from harness import PATIENCE, Certificates, ProxyCase, answer, chunked, eventually

BODY = b"0123456789abcdef" * 4096


def reply(exchange):
    """Echoes a body; else 64 KiB, and trailers where the path asks for them."""
    request = exchange.request
    body = exchange.read_body()
    if request.target == "/trailers":
        told = dict(request.trailers).get("x-sent", "nothing")
        exchange.send(chunked(b"hello", fields="Trailer: x-sum\r\n", trailers=f"x-sum: {told}\r\n"))
    else:
        exchange.send(answer(body if request.method in ("POST", "PUT") else BODY))


class Programs(ProxyCase):
    """Each case runs over TLS and over plain TCP with prior knowledge."""

    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.issue("a", "DNS:a.example", "IP:127.0.0.1")
        cls.upload = cls.made.folder / "upload"
        cls.upload.write_bytes(BODY * 4)

    def setUp(self):
        self.server = self.upstream(reply)
        self.front = self.proxy(self.server, listener=f"tls = {self.made.table('a')}",
                                more='[[listener]]\naddress = "127.0.0.1:0"\nh2c = true')
        secure, plain = (address[1] for address in self.front.addresses)
        self.urls = {"TLS": f"https://127.0.0.1:{secure}", "h2c": f"http://127.0.0.1:{plain}"}

    def run_program(self, *command):
        done = subprocess.run(list(map(str, command)), capture_output=True, timeout=6 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:] + done.stdout[-2000:])
        return done.stdout

    def assert_all_were_http2(self, count):
        eventually(lambda: len(self.front.access_log()) >= count, "the records")
        records = self.front.access_log()
        self.assertEqual((len(records), {record["protocol"] for record in records}), (count, {"HTTP/2.0"}))


class Curl(Programs):
    def curl(self, *options):
        out = self.run_program("curl", "-sS", "--cacert", self.made.ca, "-w", "|%{http_version} %{response_code}", *options)
        body, told = out.rsplit(b"|", 1)
        return body, told.decode()

    def test_it_gets_and_sends(self):
        for options in (("--http2", self.urls["TLS"]), ("--http2-prior-knowledge", self.urls["h2c"])):
            self.assertEqual(self.curl(*options), (BODY, "2 200"))
            self.assertEqual(self.curl(*options, "--data-binary", f"@{self.upload}"), (BODY * 4, "2 200"))
            self.assertEqual(self.curl(*options, "-T", self.upload, "-H", "Expect: 100-continue"), (BODY * 4, "2 200"))
        self.assert_all_were_http2(6)

    def test_an_offer_to_upgrade_from_http1_is_passed_over(self):
        self.assertEqual(self.curl("--http2", self.urls["h2c"]), (BODY, "1.1 200"))

    def test_it_may_have_http1_where_the_listener_has_both(self):
        self.assertEqual(self.curl("--http1.1", self.urls["TLS"]), (BODY, "1.1 200"))

    def test_a_refusal_reaches_it_whole(self):
        self.front.mode("maintenance")
        body, told = self.curl("--http2", self.urls["TLS"], "-T", self.upload)
        self.assertEqual(told, "2 503")
        self.assertIn(b"maintenance", body)
        self.assertEqual(self.server.requests, [])


class Nghttp(Programs):
    def nghttp(self, *options):
        return self.run_program("nghttp", "--no-verify-peer", *options)

    def test_trailers_pass_both_ways(self):
        for url in self.urls.values():
            out = self.nghttp("-v", "--no-dep", "--no-content-length", "-d", self.upload, "--trailer", "x-sent: 42", "-H", "te: trailers",
                              "-H", "trailer: x-sent", f"{url}/trailers").decode()
            plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
            self.assertRegex(plain, r"recv \(stream_id=\d+(, sensitive)?\) x-sum: 42", plain[-3000:])
            self.assertEqual(self.server.requests[-1].body, BODY * 4)

    def test_a_hundred_streams_at_once(self):
        for url in self.urls.values():
            out = self.nghttp("-n", "-s", *(f"{url}/{number}" for number in range(100))).decode()
            self.assertEqual(len(re.findall(r"\s200\s", out)), 100, out)
        self.assert_all_were_http2(200)


class H2load(Programs):
    def h2load(self, *options):
        out = self.run_program("h2load", *options).decode()
        counts = re.search(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed", out)
        return tuple(map(int, counts.groups()))

    def test_a_hundred_streams_on_each_of_several_connections(self):
        for url in self.urls.values():
            self.assertEqual(self.h2load("-n", 2000, "-c", 4, "-m", 100, f"{url}/x"), (2000, 2000, 0))
        self.assert_all_were_http2(4000)

    def test_bodies_go_up_on_a_hundred_streams(self):
        for url in self.urls.values():
            self.assertEqual(self.h2load("-n", 200, "-c", 2, "-m", 100, "-d", self.upload, f"{url}/x"), (200, 200, 0))
        self.assertEqual({len(request.body) for request in self.server.requests}, {len(BODY) * 4})


if __name__ == "__main__":
    unittest.main()
