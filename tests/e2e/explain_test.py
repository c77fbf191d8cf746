"""What `proxyctl explain` says of a request is what the data path does with it, row by row of the classification table."""

import json
import unittest

from harness import ProxyCase, TestClient, answer
from harness.tables import rows

SITES = """
[site.shop]
hosts = ["shop.example"]
pool = "blue"
mode = "readonly"
readonly = {{ read = {read}, write = {write} }}
maintenance = {{ exempt = {exempt} }}
[site.admin]
hosts = ["shop.example"]
paths = ["/admin"]
pool = "blue"
mode = "readonly"
"""
STATUSES = {"forward": 200, "refuse": 503, "ambiguous": 400}


def rules(table):
    return json.dumps([rule.decode() for (rule,) in rows(table)], ensure_ascii=False)


class Explain(ProxyCase):
    def setUp(self):
        self.server = self.upstream(self.reply)
        sites = SITES.format(read=rules("read_rules"), write=rules("write_rules"), exempt=rules("exempt_rules"))
        self.front = self.proxy(self.server, workers=1, site='hosts = ["other.example"]', more=sites)

    @staticmethod
    def reply(exchange):
        exchange.read_body()
        exchange.send(answer(b"" if exchange.request.method == "HEAD" else b"hello"))

    def explained(self, method, target, fields):
        url = "*" if target == "*" else f"http://shop.example{target}"
        options = [word for line in fields.split("\r\n") if line for word in ("-H", line)]
        if target == "*":
            options += ["-H", "Host: shop.example"]
        code, out, error = self.front.ctl("explain", method, url, *options, "--json")
        self.assertEqual((code, error), (0, ""))
        return json.loads(out)

    def test_explain_the_data_path_and_the_access_log_agree_on_every_row(self):
        table = rows("classify")
        self.assertGreaterEqual(len(table), 120)
        for row in table:
            method, target, wanted_class, verdict, why, fields = (cell.decode("utf-8", "surrogateescape") for cell in row)
            with self.subTest(method=method, target=target, fields=fields):
                told = self.explained(method, target, fields)
                self.assertEqual((told["verdict"], told["why"]), (verdict, why))
                seen = len(self.server.requests)
                response = self.ask(method, target, fields)
                self.assertEqual(response.status, STATUSES[verdict])
                self.assertEqual(len(self.server.requests) - seen, 1 if verdict == "forward" else 0)
                if verdict != "forward":
                    self.assertEqual(told["status"], response.status)
                if verdict == "refuse":
                    self.assertEqual(response.value("Drawbridge-Not-Processed"), "1")
                if verdict != "ambiguous":
                    self.assertEqual(told["class"], wanted_class)

    def test_explain_judges_the_head_as_the_data_path_does(self):
        rows = (
            ("TRACE", "/", "", 405),
            ("OPTIONS", "*", "", 200),
            ("GET", "/", "Connection: upgrade\r\nUpgrade: h2c\r\n", 200),  # not tunnelled, so a read
            ("GET", "/", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", 503),
            ("GET", "/", "Transfer-Encoding: gzip\r\n", 400),
            ("POST", "/", "Expect: 200-maybe\r\n", 417),
            ("GET", "/" + "a" * 9000, "", 414),
        )
        for method, target, fields, status in rows:
            with self.subTest(method=method, target=target[:20], fields=fields):
                told = self.explained(method, target, fields)
                self.assertEqual(told["verdict"] == "forward", status == 200, told)
                self.assertEqual(told.get("status", 200), status, told)
                self.assertEqual(self.ask(method, target, fields).status, status)

    def ask(self, method, target, fields):
        with TestClient(self.front.address) as client:
            head = f"{method} {target} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n"
            return client.ask(head.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    unittest.main()
