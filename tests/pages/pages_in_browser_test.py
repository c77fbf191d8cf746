"""The built-in pages in a real browser: what they look like (kept as pictures) and how they behave."""

import datetime
import http.server
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest
import zoneinfo

import browser

BIN = pathlib.Path(os.environ.get("DRAWBRIDGE_BIN", "build/dev/bin"))
PICTURES = BIN.parent / "artefacts" / "pages"
ZONE = "Asia/Kolkata"
SCREENS = {"desktop": (1280, 800), "phone": (390, 844), "small": (320, 568)}
DESKTOP, PHONE = SCREENS["desktop"], SCREENS["phone"]
ANSWER = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s"
FORM = b"<title>shop</title><form method=post action=/orders><input name=item id=item></form><button>"
SHOP = b"<title>shop</title><h1>The shop is open</h1>"

EXPECTED = {
    "maintenance": ["Down for maintenance", "faster database", "in about 23 minutes", "Try again now", "5b1f0c9e2a7d"],
    "maintenance_write": ["Your change was not saved", "Nothing you sent has reached the site", "Go back"],
    "maintenance_open_end": ["Down for maintenance", "Not known yet"],
    "readonly_write": ["Read-only for now", "Your change was not saved", "in about 1½ hours", "Go back"],
    "readonly_wordy": ["<b>Moving</b> to https://status.example.com/xxxx", "in about 2 days"],
    "hold_write": ["One moment, please", "Your change was not saved", "in less than a minute"],
    "no_server": ["Not available right now", "not announced maintenance", "Try again now"],
    "error_404": ["404", "Not Found", "No site is served at this address"],
    "error_502": ["502", "Bad Gateway"],
}

# The lowest contrast of any text with the colour behind it, by the formula of WCAG 2.
LOWEST_CONTRAST = """(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const ratios = [...document.querySelectorAll("main *, footer, footer *")]
    .filter((e) => !e.closest("svg") && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => [light(rgb(getComputedStyle(e).color)), light(behind(e))])
    .map(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  return Math.min(...ratios);
})()"""


class Site(http.server.ThreadingHTTPServer):
    """Answers /NAME with that page, as long as it is shut; keeps what was asked."""

    daemon_threads = True

    def __init__(self, folder):
        self.folder, self.shown, self.asked = folder, None, []
        super().__init__(("127.0.0.1", 0), Visit)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method, path):
        self.asked.append((method, path))
        if path == "/form":
            return ANSWER % (b"200 OK", len(FORM), b"", FORM)
        if path.startswith("/.drawbridge/pages/shop/state"):
            return ANSWER % (b"204 No Content", 0, b"Drawbridge-Not-Processed: 1\r\n" if self.shown else b"", b"")
        if self.shown:
            head, body = (self.folder / f"{self.shown}.http").read_bytes().split(b"\r\n\r\n", 1)
            return head + b"\r\n\r\n" + (b"" if method == "HEAD" else body)
        return ANSWER % (b"200 OK", len(SHOP), b"", b"" if method == "HEAD" else SHOP)


class Visit(http.server.BaseHTTPRequestHandler):
    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline()
        if self.raw_requestline and self.parse_request():
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.wfile.write(self.server.answer(self.command, self.path))
        self.close_connection = True


class PagesInBrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.samples = pathlib.Path(cls.scratch.name)
        subprocess.run([BIN / "page_sampler", cls.samples], check=True)
        PICTURES.mkdir(parents=True, exist_ok=True)
        cls.browser = browser.Browser().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.scratch.cleanup()

    def setUp(self):
        self.site = Site(self.samples)
        self.browser.look_like(*DESKTOP)

    def tearDown(self):
        self.site.shutdown()
        self.site.server_close()

    def show(self, name, path="/"):
        self.site.shown = name
        self.browser.open(self.site.address + path)

    def look_now(self):
        """A page looks again soon after it comes back to the front, here without its spread over three seconds."""
        self.browser.evaluate("Math.random = () => 0; document.dispatchEvent(new Event('visibilitychange'))")

    def test_each_page_reads_well_on_each_screen(self):
        for name, words in EXPECTED.items():
            for screen, size in SCREENS.items():
                for dark in (False, True):
                    with self.subTest(page=name, screen=screen, dark=dark):
                        self.browser.look_like(*size, dark=dark, phone=screen != "desktop")
                        self.show(name)
                        self.browser.screenshot(PICTURES / f"{name}-{screen}-{'dark' if dark else 'light'}.png")
                        text = self.browser.text()
                        for word in words:
                            self.assertIn(word, text)
                        self.assertEqual(self.browser.complaints(), [])
                        self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), size[0])
                        self.assertGreaterEqual(self.browser.evaluate(LOWEST_CONTRAST), 4.5)

    def test_nothing_is_fetched_from_anywhere_to_show_a_page(self):
        for name in EXPECTED:
            self.show(name)
        asked = {path for _, path in self.site.asked}
        self.assertLessEqual(asked, {"/", "/favicon.ico"})

    def test_times_stand_in_the_zone_of_the_visitor(self):
        self.browser.look_like(*DESKTOP, zone=ZONE)
        self.show("maintenance")
        until = datetime.datetime.fromisoformat(
            self.browser.evaluate("document.getElementById('until').dateTime").replace("Z", "+00:00"))
        shown = self.browser.evaluate("document.getElementById('until').textContent")
        local = until.astimezone(zoneinfo.ZoneInfo(ZONE))
        self.assertRegex(shown, rf"\b0?({local.hour}|{local.hour % 12 or 12}):{local.minute:02}\b.*(GMT\+5:30|IST)")

    def test_without_javascript_a_page_still_says_everything(self):
        self.browser.look_like(*PHONE, script=False, phone=True)
        self.show("maintenance", "/orders/1042?tab=history")
        self.browser.screenshot(PICTURES / "maintenance-phone-without-javascript.png")
        text = self.browser.text()
        self.assertRegex(text, r"Expected end\s+\d+ \w+ \d{4}, \d\d:\d\d UTC")
        self.assertIn("faster database", text)
        self.assertEqual(self.browser.evaluate("document.getElementById('again').getAttribute('href')"),
                         "/orders/1042?tab=history")
        self.assertTrue(self.browser.evaluate("!!document.querySelector('noscript meta[http-equiv=refresh]')"))

    def test_a_screen_reader_finds_its_way(self):
        self.show("readonly_write")
        nodes = self.browser.call("Accessibility.getFullAXTree")["nodes"]
        found = [(n.get("role", {}).get("value"), n.get("name", {}).get("value")) for n in nodes if not n["ignored"]]
        self.assertIn(("heading", "Read-only for now"), found)
        self.assertIn(("region", "Your change was not saved"), found)
        self.assertIn(("link", "Go back"), found)
        roles = [role for role, _ in found]
        for landmark in ("main", "contentinfo", "status"):
            self.assertIn(landmark, roles)
        self.assertFalse({"image", "SvgRoot"} & set(roles))
        self.assertEqual(self.browser.evaluate("document.documentElement.lang"), "en")

    def test_the_visitor_comes_back_to_the_address_that_was_asked_for(self):
        self.show("maintenance", "/orders/1042?tab=history#notes")
        self.site.shown = None
        self.look_now()
        self.browser.wait_event("Page.loadEventFired")
        self.assertIn("The shop is open", self.browser.text())
        self.assertEqual(self.browser.evaluate("location.pathname + location.search + location.hash"),
                         "/orders/1042?tab=history#notes")

    def test_a_page_stays_while_the_site_is_shut(self):
        self.show("no_server")
        before = len(self.site.asked)
        self.look_now()
        self.browser.wait_event("Network.responseReceived")
        self.assertIn("Not available right now", self.browser.text())
        self.assertIn(("HEAD", "/"), self.site.asked[before:])

    def test_a_refused_change_is_never_repeated_and_its_form_is_still_there(self):
        self.browser.open(self.site.address + "/form")
        self.site.shown = "readonly_write"
        self.browser.evaluate("document.getElementById('item').value = 'lamp'; document.forms[0].submit()")
        self.browser.wait_event("Page.loadEventFired")
        self.assertIn("Your change was not saved", self.browser.text())
        self.site.shown = None
        self.look_now()
        self.browser.wait_until("document.body.innerText.includes('Changes are possible again')")
        self.browser.wait_until("document.getAnimations().every((a) => !(a instanceof CSSTransition))")
        self.browser.screenshot(PICTURES / "readonly_write-desktop-possible-again.png")
        self.assertEqual([each for each in self.site.asked if each[0] == "POST"], [("POST", "/orders")])
        self.browser.evaluate("document.getElementById('again').click()")
        self.browser.wait_event("Page.frameNavigated")
        self.browser.wait_until("document.getElementById('item')")
        self.browser.wait_until("document.getElementById('item').value === 'lamp'")


if __name__ == "__main__":
    unittest.main()
