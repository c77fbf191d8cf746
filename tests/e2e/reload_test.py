"""A reload while requests are in flight: what the older configuration let in is not forgotten."""

import signal
import threading

from harness import ExchangeCase, ProxyCase, answer, main

WEB = 'hosts = ["a.example"]'
FORUM = """
[site.forum]
hosts = ["b.example"]
pool = "blue"
readonly = { read = ["POST /orders"] }
"""
MOVED_WRITE = ("POST", "/orders/7", "b.example", b"hi")


def moved(text):
    """b.example leaves the site `forum` for `web`; both stay."""
    text = text.replace('hosts = ["b.example"]', 'hosts = ["c.example"]')
    return text.replace('hosts = ["a.example"]', 'hosts = ["a.example", "b.example"]')


class NewSites(ProxyCase):
    def test_a_site_that_a_reload_adds_is_never_without_a_server(self):
        blue, green = self.upstream(answer(b"blue")), self.upstream(answer(b"green"))
        proxy = self.proxy(blue)
        clients = [self.client(proxy) for _ in range(8)]
        port = green.address.rpartition(":")[2]
        for number in range(6):
            path = f"/new{number}"
            with proxy.config.open("a", encoding="utf-8") as file:  # an address is known at once, a name is looked up
                file.write(f'[pool.p{number}]\nservers = ["{green.address if number % 2 else f"localhost:{port}"}"]\n'
                           f'health = {{ active = false }}\n[site.s{number}]\npaths = ["{path}"]\npool = "p{number}"\n')
            proxy.signal(signal.SIGHUP)
            bodies = []
            while bodies[-len(clients):].count(b"green") < len(clients):
                for client in clients:
                    response = client.get(path)
                    self.assertEqual(response.status, 200, response.body)
                    bodies.append(response.body)


class RenamedSite(ExchangeCase):
    """The site `web` becomes `shop`; its hosts and its pool stay."""

    def renamed(self, script):
        server = self.upstream(script)
        proxy = self.proxy(server)
        visitor = self.visitor(proxy)

        def rename():
            text = proxy.config.read_text(encoding="utf-8")
            proxy.config.write_text(text.replace("[site.web]", "[site.shop]"), encoding="utf-8")
            self.assertEqual(proxy.ctl("reload")[0], 0)
        return server, proxy, visitor, rename

    def test_its_writes_are_named_in_the_receipt_of_the_new_name(self):
        released = threading.Event()
        server, proxy, visitor, rename = self.renamed(
            lambda e: (e.read_body(), e.wait(released), e.send(answer(b"stored"))))
        write = visitor.begin("POST", "/orders", body=b"hi")
        server.wait_until_complete()
        rename()
        code, out, _ = proxy.ctl("mode", "readonly", "shop", "--drain", "100ms")
        self.assertEqual(code, 4, out)
        self.assertIn("/orders", out)
        self.assertEqual(proxy.ctl("wait", "shop", "--until", "drained", "--timeout", "100ms")[0], 1)
        released.set()
        self.assertEqual(proxy.ctl("wait", "shop", "--until", "drained", "--timeout", "20s")[0], 0)
        self.assertEqual(write.answer().body, b"stored")

    def test_its_websockets_do_not_outlive_a_readonly_of_the_new_name(self):
        _, proxy, visitor, rename = self.renamed(lambda e: (e.switch(), e.read_rest()))
        tunnel = visitor.tunnel("/ws")
        tunnel.opened()
        rename()
        receipts = []
        change = threading.Thread(
            target=lambda: receipts.append(proxy.mode("readonly", sites=["shop"], drain="20s")))
        change.start()
        self.assertEqual(tunnel.read(4), b"\x88\x02\x03\xf4", "close 1012")
        tunnel.leave()
        change.join()
        self.assertEqual((receipts[0]["result"], receipts[0]["drained"]["tunnels"]), ("done", 1))

    def test_a_removed_site_delays_nobody_once_its_requests_have_ended(self):
        _, proxy, visitor, rename = self.renamed(answer(b"ok"))
        visitor.post(b"hi")
        rename()
        receipt = proxy.mode("maintenance", sites=["shop"])
        self.assertEqual((receipt["result"], receipt["drained"]["writes"]), ("done", 0))


class NewRules(ExchangeCase):
    """A reload while a request is at its server: to whom it belongs, or what it is, is another matter afterwards."""

    def assert_waited_for(self, request, edit, site):
        """`mode readonly` of `site` after the reload names the request, and has ended once it has."""
        released = threading.Event()
        server = self.upstream(lambda e: (e.read_body(), e.wait(released), e.send(answer(b"stored"))))
        proxy = self.proxy(server, site=WEB, more=FORUM)
        method, target, host, body = request
        asked = self.visitor(proxy).begin(method, target, body=body, host=host)
        server.wait_until_complete()
        text = proxy.config.read_text(encoding="utf-8")
        self.assertNotEqual(edit(text), text)
        proxy.config.write_text(edit(text), encoding="utf-8")
        self.assertEqual(proxy.ctl("reload")[0], 0)
        code, out, _ = proxy.ctl("mode", "readonly", site, "--drain", "100ms")
        self.assertEqual(code, 4, out)
        self.assertIn("/orders", out)
        released.set()
        self.assertEqual(asked.answer().body, b"stored")
        self.assertEqual(proxy.ctl("wait", site, "--until", "drained", "--timeout", "20s")[0], 0)
        self.assertEqual(proxy.ctl("mode", "readonly", site)[0], 0)

    def test_a_write_whose_host_has_moved_is_waited_for_by_its_new_site(self):
        self.assert_waited_for(MOVED_WRITE, moved, "web")

    def test_a_write_whose_host_has_moved_is_waited_for_by_its_old_site(self):
        self.assert_waited_for(MOVED_WRITE, moved, "forum")

    def test_a_get_that_a_new_write_rule_names_is_waited_for(self):
        self.assert_waited_for(("GET", "/orders", "a.example", None),
                               lambda text: text.replace(WEB, WEB + '\nreadonly = { write = ["GET /orders"] }'), "web")

    def test_a_post_that_a_read_rule_no_longer_names_is_waited_for(self):
        self.assert_waited_for(("POST", "/orders", "b.example", b"hi"),
                               lambda text: text.replace('"POST /orders"', '"POST /search"'), "forum")


if __name__ == "__main__":
    main()
