"""TLS at the front door: what curl, openssl and a strict client see."""

import contextlib
import socket
import ssl
import subprocess
import threading
import unittest

from harness import BIN, PATIENCE, Certificates, ProxyCase, TestClient, answer, eventually


class TlsCase(ProxyCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.issue("a", "DNS:a.example", "IP:127.0.0.1")

    def tls_proxy(self, *upstreams, tls=None, **options):
        return self.proxy(*upstreams, listener=f"tls = {tls or self.made.table('a')}", **options)

    def tls_client(self, proxy, **options):
        client = TestClient(proxy.address, tls=options.pop("context", None) or self.made.context(), **options)
        self.addCleanup(client.close)
        return client

    def curl(self, proxy, *arguments):
        host, port = proxy.address
        return subprocess.run(
            ["curl", "-sS", "--cacert", self.made.ca, "--resolve", f"a.example:{port}:{host}", *map(str, arguments)],
            capture_output=True, text=True, timeout=3 * PATIENCE, check=False)

    def shown(self, proxy, name="a.example", context=None):
        """The common name of the certificate that a client asking for this name is shown."""
        context = context or self.made.context()
        context.check_hostname = False
        with self.made.connect(proxy.address, name, context) as sock:
            return dict(pair[0] for pair in sock.getpeercert()["subject"])["commonName"]


class Front(TlsCase):
    def test_a_request_over_tls_is_forwarded_as_https(self):
        upstream = self.upstream(answer(b"hello"))
        proxy = self.tls_proxy(upstream)
        done = self.curl(proxy, f"https://a.example:{proxy.address[1]}/x")
        self.assertEqual((done.returncode, done.stdout), (0, "hello"), done.stderr)
        self.assertEqual(upstream.requests[0].value("X-Forwarded-Proto"), "https")

    def test_bodies_of_all_sizes_pass_both_ways(self):
        upstream = self.upstream(lambda e: e.send(answer(e.read_body())))
        client = self.tls_client(self.tls_proxy(upstream))
        for size in (0, 1, 16_255, 16_256, 16_384, 70_000, 3_000_000):
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            self.assertEqual(client.post(body).body, body, size)

    def test_the_same_with_one_byte_at_a_time(self):
        upstream = self.upstream(lambda e: e.send(answer(e.read_body())))
        proxy = self.tls_proxy(upstream, environment={"DRAWBRIDGE_TEST_IO_BYTES": "1"})
        client = self.tls_client(proxy)
        for size in (0, 1, 20_000):
            self.assertEqual(client.post(b"y" * size).body, b"y" * size)

    def test_pipelined_requests_in_one_record_are_all_answered(self):
        client = self.tls_client(self.tls_proxy(self.upstream(answer(b"one"))))
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n" * 5)
        for _ in range(5):
            self.assertEqual(client.read_response().body, b"one")

    def test_an_answer_that_ends_with_the_connection_ends_with_close_notify(self):
        upstream = self.upstream(answer(b"z" * 400_000))
        client = self.tls_client(self.tls_proxy(upstream), receive_buffer=8192)
        response = client.ask(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
        self.assertEqual(len(response.body), 400_000)
        self.assertEqual(client.end(), "fin")

    def test_a_truncated_answer_has_no_close_notify(self):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        upstream = self.upstream(lambda e: (e.send(head + b"4\r\nhalf\r\n"), e.close()))
        client = self.tls_client(self.tls_proxy(upstream))
        client.send(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n").read_head()
        client.wire.rest()
        self.assertEqual(client.wire.ended, "reset")

    def test_nor_has_one_that_shows_by_its_framing_that_it_is_truncated(self):
        for head, half in ((b"Content-Length: 100", b"half"), (b"Transfer-Encoding: chunked", b"4\r\nhalf\r\n")):
            broken = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + half
            upstream = self.upstream(lambda e, broken=broken: (e.send(broken), e.close()))
            context = self.made.context()
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python sets it: an end without close_notify is a clean one
            client = self.tls_client(self.tls_proxy(upstream), context=context)
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").read_head()
            client.wire.rest()
            self.assertEqual(client.wire.ended, "reset")

    def test_a_client_that_ends_without_close_notify_has_not_sent_its_body(self):
        upstream = self.upstream(lambda e: e.send(answer(e.read_body())))
        client = self.tls_client(self.tls_proxy(upstream))
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf")
        eventually(lambda: upstream.requests, "the head of the request")
        socket.socket.shutdown(client.sock, socket.SHUT_WR)
        client.wire.rest()
        self.assertFalse(upstream.requests[0].complete)

    def test_one_that_does_not_speak_tls_is_not_let_in(self):
        proxy = self.tls_proxy(self.upstream(answer(b"no")))
        with socket.create_connection(proxy.address, timeout=PATIENCE) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            self.assertNotIn(b"200", plain.recv(1000))

    def test_handshakes_that_do_not_come_end_at_the_deadline(self):
        proxy = self.tls_proxy(self.upstream(answer(b"ok")), timeouts='request_head = "300ms"')
        slow = [socket.create_connection(proxy.address, timeout=PATIENCE) for _ in range(20)]
        for sock in slow[::2]:
            sock.sendall(b"\x16\x03\x01\x02")

        def served():  # whose handshake is done in its time
            with contextlib.suppress(OSError):
                return self.tls_client(proxy).get().body == b"ok"
        eventually(served, "a client whose handshake comes")
        for sock in slow:
            try:
                self.assertEqual(sock.recv(100), b"")
            except ConnectionResetError:
                pass
            sock.close()

    def test_only_current_versions_are_spoken(self):
        proxy = self.tls_proxy(self.upstream(answer()))
        for version, flag in (("TLSv1.2", "-tls1_2"), ("TLSv1.3", "-tls1_3")):
            self.assertIn(version, self.s_client(proxy, flag))
        self.assertNotIn("Cipher is TLS", self.s_client(proxy, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"))
        newest = self.tls_proxy(self.upstream(answer()), tls=self.made.table("a", ', min_version = "1.3"'))
        self.assertIn("(NONE)", self.s_client(newest, "-tls1_2"))

    def s_client(self, proxy, *arguments):
        host, port = proxy.address
        done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", *arguments], input="",
                              capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
        return done.stdout + done.stderr


    def test_the_protocol_is_the_one_that_both_sides_offer(self):
        for offered, arguments, spoken in (("", ["--http2"], "2"), ("", ["--http1.1"], "1.1"),
                                           ("\nhttp2 = false", ["--http2"], "1.1"), ("", ["--no-alpn"], "1.1")):
            proxy = self.proxy(self.upstream(answer(b"hello")), listener=f"tls = {self.made.table('a')}{offered}")
            done = self.curl(proxy, *arguments, "-w", " %{http_version}", f"https://a.example:{proxy.address[1]}/")
            self.assertEqual(done.stdout, f"hello {spoken}", done.stderr)


class Names(TlsCase):
    def test_each_name_is_shown_its_certificate_and_strangers_the_first(self):
        for name, alternatives in (("first", ["DNS:first.example"]), ("star", ["DNS:*.shop.example"]),
                                   ("www", ["DNS:www.shop.example"])):
            self.made.issue(name, *alternatives)
        proxy = self.tls_proxy(self.upstream(answer()), tls=self.list_of("first", "star", "www"))
        for asked, shown in (("first.example", "first"), ("www.shop.example", "www"), ("api.shop.example", "star"),
                             ("WWW.shop.example", "www"), ("a.b.shop.example", "first"), ("other.example", "first")):
            with self.subTest(asked):
                self.assertEqual(self.shown(proxy, asked), shown)

    def test_rsa_and_ecdsa_stand_side_by_side(self):
        self.made.issue("rsa", "DNS:a.example", key="rsa")
        proxy = self.tls_proxy(self.upstream(answer()), tls=self.list_of("rsa", "a"))
        for ciphers, shown in (("ECDHE+aRSA", "rsa"), ("ECDHE+ECDSA", "a")):
            context = self.made.context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            self.assertEqual(self.shown(proxy, context=context), shown)

    def list_of(self, *names):
        items = ", ".join(self.made.table(name) for name in names)
        return f"{{ certificates = [{items}] }}"


class Tickets(TlsCase):
    def test_a_session_is_resumed_on_any_worker(self):
        upstream = self.upstream(answer(b"ok"))
        proxy = self.tls_proxy(upstream, workers=4)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.made.context()
            context.minimum_version = context.maximum_version = version
            session = None
            for round_number in range(12):
                with self.made.connect(proxy.address, context=context, session=session) as sock:
                    self.assertEqual(sock.session_reused, round_number > 0)
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                    self.assertIn(b"200", sock.recv(1000))
                    session = sock.session


class Clients(TlsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made.authority("people")
        cls.made.issue("alice", ca="people", subject="/O=Example/CN=alice")
        cls.made.issue("mallory", subject="/O=Example/CN=alice")

    def asking(self, how, upstream):
        ca = self.made.folder / "people.pem"
        return self.tls_proxy(upstream, tls=self.made.table("a", f', client_ca = "{ca}", client_certificates = "{how}"'))

    def test_the_subject_of_a_verified_certificate_reaches_the_server(self):
        upstream = self.upstream(answer(b"ok"))
        for how in ("required", "optional"):
            proxy = self.asking(how, upstream)
            client = self.tls_client(proxy, context=self.made.context("alice"))
            client.get(fields="X-Client-Certificate-Subject: CN=root\r\nX_Client_Certificate_Subject: CN=root\r\n")
            names = [(n.lower().replace("_", "-"), v) for n, v in upstream.requests[-1].fields]
            self.assertEqual([v for n, v in names if n == "x-client-certificate-subject"], ["CN=alice,O=Example"])

    def test_it_does_so_over_http2_too_and_cannot_be_claimed_there(self):
        upstream = self.upstream(answer(b"ok"))
        proxy = self.asking("optional", upstream)
        claimed = ["-H", "X-Client-Certificate-Subject: CN=root", "-H", "x_client_certificate-subject: CN=root"]
        shown = ["--cert", self.made.pem("alice"), "--key", self.made.key("alice")]
        for certificate, subject in ((shown, "CN=alice,O=Example"), ([], None)):
            done = self.curl(proxy, "--http2", *claimed, *certificate, f"https://a.example:{proxy.address[1]}/")
            self.assertEqual(done.stdout, "ok", done.stderr)
            self.assertNotIn(b"CN=root", upstream.requests[-1].raw_head)
            self.assertEqual(upstream.requests[-1].value("X-Client-Certificate-Subject"), subject)

    def test_no_client_can_claim_a_subject(self):
        upstream = self.upstream(answer(b"ok"))
        for proxy in (self.asking("optional", upstream), self.tls_proxy(upstream), self.proxy(upstream, listener="")):
            tls = "tls =" in proxy.config.read_text()
            client = self.tls_client(proxy) if tls else self.client(proxy)
            client.get(fields="X-Client-Certificate-Subject: CN=root\r\nx_client-certificate_subject: CN=root\r\n")
            self.assertNotIn(b"CN=root", upstream.requests[-1].raw_head)

    def test_a_client_without_a_good_certificate_is_not_let_in(self):
        upstream = self.upstream(answer(b"ok"))
        for how, certificate in (("required", None), ("required", "mallory"), ("optional", "mallory")):
            proxy = self.asking(how, upstream)
            client = None
            with self.subTest((how, certificate)), self.assertRaises((ssl.SSLError, ConnectionError, OSError)):
                client = self.tls_client(proxy, context=self.made.context(certificate))
                client.sock.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                if client.sock.recv(1000) == b"":
                    raise ConnectionError("closed")
        self.assertEqual(upstream.requests, [])

    def test_a_session_of_a_listener_that_asks_for_none_opens_no_other(self):
        upstream = self.upstream(answer(b"ok"))
        strict = self.made.table("a", f', client_ca = "{self.made.folder / "people.pem"}", client_certificates = "required"')
        proxy = self.tls_proxy(upstream, more=f'[[listener]]\naddress = "127.0.0.1:0"\ntls = {strict}\n')
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.made.context()
            context.minimum_version = context.maximum_version = version
            with self.made.connect(proxy.addresses[0], context=context) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                self.assertIn(b"200", sock.recv(1000))
                session = sock.session
            with self.assertRaises(OSError), self.made.connect(proxy.addresses[1], context=context, session=session) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                if not sock.recv(1000):
                    raise ConnectionError("closed")
        self.assertEqual(len(upstream.requests), 2)


class PlainHttp(TlsCase):
    def test_a_plain_request_is_told_that_this_port_speaks_https(self):
        upstream = self.upstream(answer(b"ok"))
        proxy = self.tls_proxy(upstream)
        for request in (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a.example\r\n"
                        b"Content-Length: 1000\r\n\r\n" + bytes(1000)):
            response = self.client(proxy).ask(request)
            self.assertEqual((response.status, response.says_close), (400, True))
            self.assertIn(b"This port speaks HTTPS", response.body)
        self.assertEqual(upstream.requests, [])


class Renewal(TlsCase):
    def test_a_certificate_that_changes_on_the_disk_is_taken_up(self):
        self.made.issue("renewed", "DNS:a.example", subject="/CN=old")
        proxy = self.tls_proxy(self.upstream(answer(b"ok")), tls=self.made.table("renewed"))
        old = self.tls_client(proxy)
        self.assertEqual(self.shown(proxy), "old")
        self.made.issue("renewed", "DNS:a.example", subject="/CN=new")
        eventually(lambda: self.shown(proxy) == "new", "the new certificate")
        self.assertEqual(old.get().body, b"ok", "the connection from before goes on")

    def test_a_broken_pair_leaves_the_old_one_in_use_and_is_said(self):
        self.made.issue("fragile", "DNS:a.example", subject="/CN=old")
        proxy = self.tls_proxy(self.upstream(answer(b"ok")), tls=self.made.table("fragile"))
        good = self.made.key("fragile").read_bytes()
        self.made.key("fragile").write_bytes(self.made.key("a").read_bytes())
        proxy.wait_until_said("certificate_refused.*is not the key of the certificate")
        self.assertEqual(self.shown(proxy), "old")
        code, _, err = proxy.ctl("reload")
        self.assertEqual(code, 1)
        self.assertIn("is not the key of the certificate", err)
        self.assertIn(":", err)
        self.assertEqual(self.shown(proxy), "old")
        self.made.key("fragile").write_bytes(good)
        proxy.wait_until_said("certificate_read")
        self.assertEqual(proxy.ctl("reload")[0], 0)

    def test_a_reload_under_load_drops_no_connection(self):
        self.made.issue("busy", "DNS:a.example", subject="/CN=busy0")
        proxy = self.tls_proxy(self.upstream(answer(b"ok")), tls=self.made.table("busy"))
        stop, failures, served = threading.Event(), [], []

        def visit(keeps):
            context = self.made.context()
            try:
                client = None
                while not stop.is_set():
                    if client is None or not keeps:
                        client = TestClient(proxy.address, tls=context)
                    assert client.get().body == b"ok"
                    served.append(1)
                    if not keeps:
                        client.close()
                client.close()
            except Exception as error:  # whatever it is, a visitor has seen it
                failures.append(repr(error))

        visitors = [threading.Thread(target=visit, args=(number % 2 == 0,)) for number in range(6)]
        for visitor in visitors:
            visitor.start()
        for number in range(1, 6):
            self.made.issue("busy", "DNS:a.example", subject=f"/CN=busy{number}")
            self.assertEqual(proxy.ctl("reload")[0], 0)
            eventually(lambda wanted=f"busy{number}": self.shown(proxy) == wanted, "the new certificate")
        stop.set()
        for visitor in visitors:
            visitor.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(served), 20)


class Mistakes(TlsCase):
    def test_files_that_cannot_be_used_are_shown_where_the_configuration_names_them(self):
        proxy = self.tls_proxy(self.upstream(answer()), start=False)
        text = proxy.config.read_text()
        for wrong, said in ((text.replace("a.key", "ca.key"), "ca.key is not the key of the certificate"),
                            (text.replace("a.pem", "none.pem"), "none.pem cannot be opened: No such file")):
            proxy.config.write_text(wrong)
            done = subprocess.run([BIN / "proxyd", "--check", proxy.config], capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr)
            self.assertIn("^", done.stderr)
            self.assertIn("proxyd.toml:", done.stderr)


if __name__ == "__main__":
    unittest.main()
