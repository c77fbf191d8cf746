"""What the proxy itself answers while a site is not live: form, fields, and what it leaves of the connection."""

import json

from harness import ExchangeCase, ProxyCase, answer, main

FORMS = {
    "text/html": {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Dest": "document"},
    "application/problem+json": {"Accept": "application/json"},
    "text/plain": {"Accept": "*/*"},
    "application/grpc": {"Content-Type": "application/grpc", "TE": "trailers"},
}


class ClosedCase(ProxyCase):
    def closed(self, mode="maintenance", **options):
        """A proxy in that mode; nothing may reach its upstream."""
        upstream = self.upstream()
        proxy = self.proxy(upstream, **options)
        proxy.mode(mode, reason="database upgrade", **{"for": "10m"})
        self.addCleanup(lambda: self.assertEqual(upstream.requests, []))
        return proxy


class Refusals(ClosedCase, ExchangeCase):
    def test_each_client_gets_the_form_it_understands(self):
        proxy = self.closed()
        for form, fields in FORMS.items():
            with self.subTest(form=form):
                visitor = self.visitor(proxy)
                response = visitor.get("/", fields)
                self.assertTrue(response.value("Content-Type").startswith(form), response.fields)
                if form == "application/grpc":
                    self.assertEqual((response.status, response.value("grpc-status")), (200, "14"))
                    continue
                self.assertEqual(response.status, 503)
                self.assertEqual(response.value("Cache-Control"), "no-store")
                self.assertTrue(response.not_processed)
                self.assertLessEqual(int(response.value("Retry-After")), 600)
                self.assertIn(b"database upgrade", response.body)
                self.assertEqual(visitor.get("/", fields).status, 503)
                self.assertEqual(visitor.connections, 1)

    def test_a_program_is_told_mode_end_and_request(self):
        response = self.visitor(self.closed()).post(b"{}", "/api/orders", {"Accept": "application/json"})
        document = json.loads(response.body)
        self.assertEqual((document["status"], document["mode"]), (503, "maintenance"))
        self.assertTrue({"retry_after", "until", "request_id"} <= document.keys(), document)

    def test_head_gets_the_fields_only(self):
        visitor = self.visitor(self.closed())
        asked = visitor.get("/", {"Accept": "text/plain"})
        response = visitor.ask("HEAD", "/", {"Accept": "text/plain"})
        self.assertEqual((response.status, response.value("Content-Length")), (503, asked.value("Content-Length")))
        self.assertEqual((response.body, visitor.get().status, visitor.connections), (b"", 503, 1))

    def test_the_connection_goes_on_after_a_refused_body_that_is_small(self):
        visitor = self.visitor(self.closed("readonly"))
        for _ in range(3):
            self.assertEqual(visitor.post(b"x" * 1000).status, 503)
        self.assertEqual(visitor.connections, 1)

    def test_a_refused_body_that_is_large_does_not_keep_the_answer_from_being_read(self):
        write = self.visitor(self.closed("readonly")).begin("POST", length=100_000_000)
        write.send(b"x" * 50_000)
        self.assertEqual(write.answer().status, 503)
        write.check_spent()

    def test_a_client_that_waits_for_100_is_refused_without_it(self):
        write = self.visitor(self.closed("readonly")).begin("POST", "/", {"Expect": "100-continue"}, length=9)
        response = write.answer()
        self.assertEqual((response.status, response.interim), (503, []))
        write.check_spent()

    def test_what_is_shown_before_the_switch_is_what_visitors_get(self):
        proxy = self.proxy(self.upstream())
        code, shown, _ = proxy.ctl("page", "preview", "web", "--as", "text")
        self.assertEqual(code, 0)
        proxy.mode("maintenance")
        body = self.visitor(proxy).get("/", {"Accept": "text/plain"}).body.decode()

        def lasting(text):
            return [line for line in text.splitlines() if "Request" not in line and "Since" not in line][-3:]
        self.assertEqual(lasting(shown), lasting(body))


class RefusalsOfHttp1(ClosedCase):
    def test_a_client_of_http_1_0_is_answered_and_closed(self):
        client = self.client(self.closed())
        self.assertEqual(client.ask(b"GET / HTTP/1.0\r\n\r\n").status, 503)
        self.assertEqual(client.end(), "fin")

    def test_pipelined_reads_behind_a_refused_write_are_answered_in_order(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream)
        proxy.mode("readonly")
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nGET /x HTTP/1.1\r\nHo:"
                    b"GET /read HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([client.read_response().status for _ in range(2)], [503, 200])
        self.assertEqual([request.target for request in upstream.requests], ["/read"])


class Sites(ExchangeCase):
    def test_one_site_is_shut_while_another_stays_live_on_the_same_address(self):
        web, devices = self.upstream(answer(b"web")), self.upstream(answer(b"device"))
        more = f'[pool.devices]\nservers = ["{devices.address}"]\n[site.devices]\npaths = ["/devices"]\npool = "devices"\n'
        proxy = self.proxy(web, more=more)
        client = self.visitor(proxy)
        self.assertEqual((client.get("/").body, client.get("/devices/1").body), (b"web", b"device"))
        self.assertEqual(proxy.ctl("mode", "maintenance", "web")[0], 0)
        self.assertEqual((client.get("/").status, client.get("/devices/1").body), (503, b"device"))
        self.assertEqual(client.get("/devicesx").status, 503)

    def test_exempt_requests_are_forwarded_in_every_mode(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, site='maintenance = { exempt = ["* /hooks/**"] }')
        for mode in ("readonly", "maintenance"):
            proxy.mode(mode)
            client = self.visitor(proxy)
            self.assertEqual((client.post(b"x", "/hooks/1").status, client.post(b"x", "/").status), (200, 503))
            self.assertEqual(client.post(b"x", "/hooks/%2e%2e/orders").status, 503)

    def test_a_host_that_no_site_names_is_404(self):
        proxy = self.proxy(self.upstream(), site='hosts = ["shop.example", "*.shop.example"]')
        for host, status in (("shop.example", 200), ("SHOP.example:80", 200), ("a.shop.example", 200),
                             ("shop.example.evil", 404), ("other", 404)):
            with self.subTest(host=host):
                self.assertEqual(self.visitor(proxy).ask(host=host).status, status)

    def test_a_prefix_is_stripped_in_whole_segments(self):
        upstream = self.upstream()
        client = self.visitor(self.proxy(upstream, site='paths = ["/app"]\nstrip_prefix = true'))
        for target in ("/app/x?y=1", "/app", "/app/"):
            self.assertEqual(client.get(target).status, 200)
        self.assertEqual([request.target for request in upstream.requests], ["/x?y=1", "/", "/"])

    def test_a_mode_with_an_end_goes_back_by_itself(self):
        proxy = self.proxy(self.upstream())
        code, out, _ = proxy.ctl("mode", "readonly", "--for", "300ms")
        if code != 0:  # its time was over before the change was complete
            self.assertEqual((code, out.count("superseded by live of timer")), (1, 1), out)
        self.assertEqual(proxy.ctl("wait", "--until", "live", "--timeout", "20s")[0], 0)
        self.assertEqual(self.visitor(proxy).post(b"x").status, 200)

    def test_a_pool_answers_for_the_page_and_its_answers_are_marked(self):
        notice = self.upstream(answer(b"upgrading", "200 OK"))
        proxy = self.proxy(self.upstream(), site='maintenance = { pool = "notice" }',
                           more=f'[pool.notice]\nservers = ["{notice.address}"]\nhealth = {{ active = false }}\n')
        proxy.mode("maintenance")
        response = self.visitor(proxy).get()
        self.assertEqual((response.body, response.value("Cache-Control")), (b"upgrading", "no-store"))
        self.assertIsNotNone(response.value("Retry-After"))

    def test_the_page_stands_in_for_a_pool_that_cannot_be_reached(self):
        gone = self.upstream()
        gone.stop()
        proxy = self.proxy(self.upstream(), site='maintenance = { pool = "notice" }',
                           more=f'[pool.notice]\nservers = ["{gone.address}"]\nhealth = {{ active = false }}\n')
        proxy.mode("maintenance", reason="upgrade")
        for _ in range(5):  # before and after the server is taken out for its failures
            response = self.visitor(proxy).get("/", {"Accept": "application/json"})
            self.assertEqual((response.status, json.loads(response.body)["mode"]), (503, "maintenance"))
            self.assertTrue(response.not_processed)

    def test_a_change_under_another_epoch_is_refused(self):
        proxy = self.proxy(self.upstream())
        epoch = proxy.mode("readonly")["epoch"]
        status, problem = proxy.admin("POST", "/v1/mode", {"mode": "live", "if_epoch": epoch - 1})
        self.assertEqual((status, problem["code"]), (409, "epoch_changed"))
        self.assertEqual(proxy.mode("live", if_epoch=epoch)["result"], "done")


if __name__ == "__main__":
    main()
