"""A real browser in front, over TLS: fetch, WebSockets and server-sent events, by HTTP/2 and by HTTP/1.1, in ordinary
times, in maintenance and while the site moves to other servers."""

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import unittest

from harness import BIN, PATIENCE, Certificates, ProxyCase, eventually
from harness.webserver import WebServer

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "pages"))
import browser  # noqa: E402

PICTURES = BIN.parent / "artefacts" / "browser"
GREEN = """
[pool.green]
servers = ["{address}"]
health = {{ active = false }}
"""

WEBSOCKET = """new Promise((done) => {
  window.heard = []; window.ended = null;
  window.socket = new WebSocket(`wss://${location.host}/ws`);
  socket.onmessage = (event) => heard.push(event.data);
  socket.onclose = (event) => { ended = event.code; done(false); };
  socket.onopen = () => done(true);
})"""
EVENTS = """new Promise((done) => {
  window.said = []; window.source = new EventSource("/events");
  source.onmessage = (event) => { said.push(event.data); done(true); };
})"""


def post(body):
    return (f"fetch('/orders', {{ method: 'POST', body: {body} }})"
            ".then(async (r) => [r.status, await r.text()], (e) => [0, String(e)])")


class InBrowser(ProxyCase):
    http2 = True

    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.issue("a", "DNS:a.example")
        key = subprocess.run(["openssl", "pkey", "-in", cls.made.key("a"), "-pubout", "-outform", "der"],
                             check=True, capture_output=True).stdout
        pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
        cls.browser = browser.Browser(flags=[f"--ignore-certificate-errors-spki-list={pin}",
                                             "--host-resolver-rules=MAP a.example 127.0.0.1"])
        cls.addClassCleanup(cls.browser.__exit__)
        PICTURES.mkdir(parents=True, exist_ok=True)

    def setUp(self):
        self.blue, self.green = (self.server(name) for name in ("blue", "green"))
        tls = f"tls = {self.made.table('a')}\nhttp2 = {str(self.http2).lower()}"
        self.front = self.proxy(self.blue, listener=tls, more=GREEN.format(address=self.green.address))
        self.url = f"https://a.example:{self.front.address[1]}/"
        self.browser.look_like(1280, 800)
        self.browser.open(self.url)
        self.addCleanup(self.browser.open, "about:blank")  # before the proxy stops

    def server(self, name):
        server = WebServer(name)
        self.addCleanup(self._check_upstream, server)
        return server

    def evaluate(self, expression):
        return self.browser.evaluate(expression)

    def wait_for(self, condition):
        self.browser.wait_until(condition)

    def move(self, *arguments):
        """A cutover to green that stands at its command until the function given back is called."""
        gate = self.front.folder / "gate"
        os.mkfifo(gate)
        moving = subprocess.Popen([BIN / "proxyctl", "cutover", "web", "--to", "green", "--run", f"cat {gate}", *arguments,
                                   "--socket", self.front.socket_path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def release():
            gate.write_text("")
            out = moving.communicate(timeout=3 * PATIENCE)[0]
            self.assertEqual(moving.returncode, 0, out)
        eventually(lambda: self.site().get("cutover", {}).get("stage") == "run", "the cutover is at its command")
        return release

    def site(self):
        return self.front.admin("GET", "/v1/status")[1]["sites"][0]

    def records(self, target):
        return [record for record in self.front.access_log() if record["target"] == target]


class OverHttp2(InBrowser):
    def test_pages_and_posts_come_by_the_protocol_of_the_listener(self):
        self.assertEqual(self.evaluate("document.title"), "blue")
        used = self.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        self.assertEqual(used, "h2" if self.http2 else "http/1.1")
        self.assertEqual(self.evaluate(post("'x'.repeat(300000)")), [200, "blue 1 300000"])
        many = self.evaluate("Promise.all([...Array(40).keys()].map((n) => fetch('/page?' + n).then((r) => r.status)))")
        self.assertEqual(set(many), {200})

    def test_a_websocket_carries_messages_and_is_closed_in_order(self):
        self.assertTrue(self.evaluate(WEBSOCKET))
        self.evaluate("socket.send('hello'); socket.send('x'.repeat(60000))")
        self.wait_for("heard.length === 2")
        self.assertEqual(self.evaluate("[heard[0], heard[1].length]"), ["blue hello", 60005])
        self.evaluate("socket.close(1000)")
        self.wait_for("ended === 1000")
        eventually(lambda: self.blue.closed_with == [1000], "the server hears of the end")
        record = eventually(lambda: self.records("/ws"), "the record")[0]
        self.assertEqual((record["protocol"], record["class"]), ("HTTP/2.0" if self.http2 else "HTTP/1.1", "tunnel"))

    def test_events_last_through_a_cutover_and_then_come_from_the_new_side(self):
        self.assertTrue(self.evaluate(EVENTS))
        self.move()()
        self.blue.say_event.release()
        self.wait_for("said.length === 2")
        self.assertEqual(self.evaluate("said"), ["blue", "blue"])
        self.blue.end_events.set()
        self.wait_for("said.length === 3")
        self.assertEqual(self.evaluate("said[2]"), "green")
        self.assertEqual(self.green.told_last_id, ["2"])
        self.evaluate("source.close()")

    def test_a_websocket_is_told_to_go_at_a_cutover_and_comes_back_on_the_new_side(self):
        self.assertTrue(self.evaluate(WEBSOCKET))
        release = self.move()
        self.wait_for("ended === 1012")
        release()
        self.assertTrue(self.evaluate(WEBSOCKET))
        self.evaluate("socket.send('again')")
        self.wait_for("heard.length === 1")
        self.assertEqual(self.evaluate("heard[0]"), "green again")
        self.evaluate("socket.close()")

    def test_a_post_held_during_a_cutover_arrives_once_on_the_new_side(self):
        release = self.move()
        self.evaluate(f"window.answered = null; {post(repr('tea'))}.then((a) => {{ answered = a; }}); 0")
        eventually(lambda: self.site().get("parked", {}).get("waiting") == 1, "the POST waits")
        self.assertEqual(self.evaluate("fetch('/').then((r) => r.text()).then((t) => t.includes('blue'))"), True)
        release()
        self.wait_for("answered !== null")
        self.assertEqual(self.evaluate("answered"), [200, "green 1 3"])
        self.assertEqual((self.blue.orders, self.green.orders), ([], [b"tea"]))

    def test_the_maintenance_page_comes_and_goes(self):
        self.front.mode("maintenance", reason="a faster database", **{"for": "20m"})
        self.browser.open(self.url + "basket?a=1")
        self.assertIn("Down for maintenance", self.browser.text())
        self.assertEqual(self.evaluate("performance.getEntriesByType('navigation')[0].responseStatus"), 503)
        self.browser.screenshot(PICTURES / f"maintenance-{'h2' if self.http2 else 'http1'}.png")
        self.front.mode("live")
        self.evaluate("Math.random = () => 0; document.dispatchEvent(new Event('visibilitychange'))")
        self.browser.wait_event("Page.loadEventFired")
        self.assertEqual(self.evaluate("[document.title, location.pathname + location.search]"), ["blue", "/basket?a=1"])

    def test_a_post_that_was_refused_is_not_sent_again_by_itself(self):
        self.front.mode("readonly")
        self.assertEqual(self.evaluate(post("'tea'"))[0], 503)
        self.evaluate("document.forms[0].submit()")
        self.browser.wait_event("Page.loadEventFired")
        self.assertIn("Your change was not saved", self.browser.text())
        self.front.mode("live")
        self.evaluate("Math.random = () => 0; document.dispatchEvent(new Event('visibilitychange'))")
        self.wait_for("document.body.innerText.includes('Changes are possible again')")
        self.assertEqual(self.blue.orders, [])
        eventually(lambda: len(self.records("/orders")) == 2, "both records")

    def test_a_post_that_was_cut_is_not_sent_again_by_itself(self):
        self.blue.busy.set()
        self.evaluate(f"window.answered = null; {post(repr('tea'))}.then((a) => {{ answered = a; }}); 0")
        eventually(lambda: self.blue.orders, "the order is at the server")
        receipt = self.front.mode("readonly", drain="50ms", cut=True)
        self.assertEqual(len(receipt["cut"]), 1)
        self.wait_for("answered !== null")
        self.assertEqual(self.evaluate("answered[0]"), 502)
        self.front.mode("live")
        self.assertEqual(self.evaluate("fetch('/').then((r) => r.status)"), 200)
        self.assertEqual(self.blue.orders, [b"tea"])


class OverHttp1(OverHttp2):
    http2 = False


if __name__ == "__main__":
    unittest.main()
