"""`proxyd demo` keeps its word: what it prints can be pasted, a visitor's page open, and Ctrl-C ends all of it."""

import http.client
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import unittest
import urllib.parse

BIN = pathlib.Path(os.environ["DRAWBRIDGE_BIN"])
SECONDS_MAX = 20


def read_until(stream, mark):
    """What a process prints up to `mark`, without waiting longer than the deadline."""
    deadline = time.monotonic() + SECONDS_MAX
    text = b""
    while mark not in text:
        ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
        piece = os.read(stream.fileno(), 65536) if ready else b""
        if not piece:
            raise AssertionError(f"no {mark!r} in {text.decode()!r}")
        text += piece
    return text.decode()


class Demo:
    def __init__(self, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([BIN / "proxyd", "demo", "--listen", listen], stdout=subprocess.PIPE)
        self.banner = read_until(self.process.stdout, b"Ctrl-C ends all of it")
        self.address = re.search(r"through the proxy\s+http://(\S+)", self.banner)[1]
        self.commands = re.findall(r"^  (/\S+/proxyctl .*|curl .*)$", self.banner, re.M)
        self.export = re.search(r"export PATH=(\S+):\$PATH", self.banner)
        self.folder = pathlib.Path(self.export[1])

    def connect(self):
        host, port = self.address.split(":")
        return http.client.HTTPConnection(host, int(port), timeout=SECONDS_MAX)

    def ask(self, method, path, body=None):
        connection = self.connect()
        try:
            fields = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(SECONDS_MAX)
        finally:
            self.process.stdout.close()


def paste(command, **environment):
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        env={**os.environ, **environment},
    )


class DemoCommands(unittest.TestCase):
    def setUp(self):
        self.demo = Demo()
        self.addCleanup(self.demo.stop)

    def paste_number(self, number):
        done = paste(self.demo.commands[number])
        self.assertEqual(0, done.returncode, f"{self.demo.commands[number]}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_each_command_works_when_pasted_and_does_what_it_says(self):
        self.assertEqual(5, len(self.demo.commands), self.demo.banner)
        stream = self.demo.connect()
        stream.request("GET", "/events")
        events = stream.getresponse()
        self.assertIn(b"blue v1", events.readline())

        self.assertIn("live", self.paste_number(0))
        self.paste_number(1)
        self.assertEqual(200, self.demo.ask("GET", "/")[0])
        refused = self.paste_number(2)
        self.assertIn("503 Service Unavailable", refused)
        self.assertIn("Drawbridge-Not-Processed: 1", refused)
        self.assertIn("stock-taking", refused)

        self.paste_number(3)
        status, page, headers = self.demo.ask("GET", "/")
        self.assertEqual((503, True), (status, int(headers["Retry-After"]) <= 120))
        self.assertIn("database upgrade", page)
        self.assertEqual(200, self.demo.ask("POST", "/api/devices/7", "alive=1")[0])
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            events.read()
        stream.close()

        self.paste_number(4)
        self.assertEqual(303, self.demo.ask("POST", "/orders", urllib.parse.urlencode({"item": "tea"}))[0])
        self.assertIn('"count":1', self.demo.ask("GET", "/api/orders")[1])

    def test_plain_proxyctl_works_once_it_is_on_the_path(self):
        done = paste(f"export PATH={self.demo.export[1]}:$PATH\nproxyctl mode readonly")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(503, self.demo.ask("POST", "/orders", "item=tea")[0])

    def test_ctrl_c_ends_it_and_leaves_nothing_behind(self):
        self.assertTrue(self.demo.folder.is_dir())
        stream = self.demo.connect()
        self.addCleanup(stream.close)
        stream.request("GET", "/events")
        self.assertIn(b"blue v1", stream.getresponse().readline())
        self.assertEqual(0, self.demo.stop())
        self.assertFalse(self.demo.folder.exists())
        with self.assertRaises(ConnectionError):
            self.demo.ask("GET", "/")

    def test_a_second_demo_on_the_same_port_says_what_to_type(self):
        done = paste(f"{BIN}/proxyd demo --listen {self.demo.address}")
        self.assertEqual(1, done.returncode)
        self.assertIn("is taken by another program; try: proxyd demo --listen 127.0.0.1:", done.stderr)
        self.assertEqual(200, self.demo.ask("GET", "/")[0])


if __name__ == "__main__":
    unittest.main()
