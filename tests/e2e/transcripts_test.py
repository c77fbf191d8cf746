"""The transcripts of cutovers in docs/OPERATIONS.md are what a terminal shows: each block behind a line
`<!-- transcript: NAME -->` is typed again, on a terminal, and compared; times, numbers and addresses may differ.

With --write the blocks are written anew from what the terminal shows."""

import argparse
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import unittest
from fcntl import ioctl

from harness import BIN, PATIENCE, ProxyCase, answer, eventually

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--write", action="store_true")
ARGUMENTS = OPTIONS.parse_args()

PAGE = pathlib.Path(__file__).parents[2] / "docs/OPERATIONS.md"
BLOCK = re.compile(r"(<!-- transcript: ([a-z-]+) -->\n```console\n)(.*?)(```\n)", re.S)
COLUMNS = 160

CONFIG = """
[server]
workers = 2
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "off"
[[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = ["{blue}"]
health = {{ path = "/healthz", interval = "60s", timeout = "10s" }}
[pool.green]
servers = ["{green}"]
health = {{ path = "/healthz", interval = "60s", timeout = "10s" }}
[site.shop]
pool = "blue"
"""

# What differs from one run to the next, and what it is for the comparison.
NORMAL = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"), (r"\b[0-9a-f]{32}\b", "ID"),
          (r"127\.0\.0\.1:\d+", "ADDRESS"), (r"\S+ \(uid \d+(, pid \d+)?\)", "USER"), (r"done in \S+", "done"),
          (r"\b(\d+(\.\d+)?(ms|s|m|h|d)\b ?)+", "DURATION "), (r"\b\d+\b", "N"), (r" +$", ""), (r" +", " ")]


def normal(text):
    for pattern, word in NORMAL:
        text = re.sub(pattern, word, text, flags=re.M)
    return text


def render(stream):
    """The lines that stand on the screen in the end: a carriage return goes back, ESC [ K erases the rest."""
    lines, column = [""], 0
    for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.", stream, re.S):
        if piece == "\n":
            lines.append("")
            column = 0
        elif piece == "\r":
            column = 0
        elif piece == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif not piece.startswith("\x1b"):
            lines[-1] = lines[-1][:column].ljust(column) + piece + lines[-1][column + 1:]
            column += 1
    return "\n".join(line.rstrip() for line in lines)


def type_on_terminal(command, folder, socket_path):
    """(exit status, all bytes) of a command line whose input and output are a terminal."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm",
                   "DRAWBRIDGE_SOCKET": str(socket_path)}
    process = subprocess.Popen(["/bin/sh", "-c", command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
                               env=environment, start_new_session=True)
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 3 * PATIENCE)[0]:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # the terminal is closed on the other side
            break
    os.close(ours)
    return process.wait(PATIENCE), seen.decode()


class Transcripts(ProxyCase):
    maxDiff = None

    def setUp(self):
        self.release = threading.Event()
        self.breaks = False
        blue = self.upstream(self.serve)
        green = self.upstream(answer(b"welcome"))
        self.shop = self.proxy(config=CONFIG.format(blue=blue.address, green=green.address))
        self.addCleanup(self.release.set)
        self.streams, self.statuses = [], []

    def serve(self, exchange):
        exchange.read_body()
        if exchange.request.target == "/orders/slow":
            exchange.wait(self.release)
            if self.breaks:
                return exchange.close()
        exchange.send(answer(b"ordered"))

    def script(self, text, name="promote.sh"):
        """What the operator has written to promote the database."""
        path = self.shop.folder / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def post(self, target, fields=""):
        request = f"POST {target} HTTP/1.1\r\nHost: shop.example\r\n{fields}Content-Length: 2\r\n\r\nok"
        return self.client(self.shop).send(request.encode())

    def site(self):
        return self.shop.admin("GET", "/v1/status")[1]["sites"][0]

    def begin_slow_order(self, fields=""):
        self.post("/orders/slow", fields)
        eventually(lambda: self.site()["in_flight"]["writes"] == 1, "the slow order")

    def send_orders_while_held(self, count, fields=""):
        eventually(lambda: self.site().get("cutover", {}).get("stage") == "drain", "the hold")
        for number in range(count):
            self.post(f"/orders/{number}", fields)
        eventually(lambda: self.site().get("parked", {}).get("waiting") == count, "orders that wait")

    def check(self, name, during=lambda: None, between=lambda: None):
        """Types the commands of a block; `during` runs beside the first, `between` after it. Output must be as written."""
        block = next(match for match in BLOCK.finditer(PAGE.read_text()) if match[2] == name)
        shown = ""
        for number, command in enumerate(re.findall(r"^\$ (.*)", block[3], re.M)):
            helper = threading.Thread(target=during if number == 0 else lambda: None)
            helper.start()
            status, stream = type_on_terminal(command, self.shop.folder, self.shop.socket_path)
            helper.join()
            if number == 0:
                between()
            self.statuses.append(status)
            self.streams.append(stream)
            shown += f"$ {command}\n{render(stream)}"
        if ARGUMENTS.write:
            PAGE.write_text(PAGE.read_text().replace(block[0], block[1] + shown + block[4]))
        else:
            self.assertEqual(normal(shown), normal(block[3]), "transcripts_test.py --write writes what is shown now")

    def test_a_cutover_that_succeeds(self):
        self.script('echo "promoting the database of $DRAWBRIDGE_TO"\n')
        self.begin_slow_order()
        self.check("cutover-done", during=lambda: (self.send_orders_while_held(3), self.release.set()))
        self.assertEqual(self.statuses, [0, 0])
        self.assertEqual(self.site()["pool"], "green")
        self.assertIn("held; waiting for 1 write of blue to end", self.streams[0])

    def test_a_cutover_of_one_customer(self):
        acme = "X-Tenant: acme\r\n"
        self.script("exit 0\n", name="copy-acme.sh")
        self.begin_slow_order(acme)
        self.check("cutover-slice", during=lambda: (self.send_orders_while_held(3, acme), self.release.set()))
        self.assertEqual(self.statuses, [0, 0])
        self.assertEqual([(slice["match"], slice["pool"]) for slice in self.site()["slices"]],
                         [("header:X-Tenant=acme", "green")])
        self.assertEqual(self.site()["pool"], "blue")

    def test_a_cutover_whose_command_fails(self):
        self.script('echo "the standby is 214 MB behind" >&2\nexit 3\n')
        self.begin_slow_order()
        self.check("cutover-run-fails", during=lambda: (self.send_orders_while_held(3), self.release.set()))
        self.assertEqual(self.statuses, [1])
        self.assertEqual((self.site()["pool"], self.site()["mode"]), ("blue", "live"))

    def test_a_cutover_whose_drain_times_out(self):
        self.script("exit 0\n")
        self.begin_slow_order()
        self.check("cutover-undrained", during=lambda: self.send_orders_while_held(3))
        self.assertEqual(self.statuses, [1])
        self.assertEqual((self.site()["pool"], self.site()["mode"]), ("blue", "live"))

    def test_a_cutover_that_meets_a_write_without_an_answer(self):
        self.script("exit 0\n")
        self.breaks = True
        self.begin_slow_order()
        self.check("cutover-unknown", during=lambda: (self.send_orders_while_held(3), self.release.set()))
        self.assertEqual(self.statuses, [1])
        self.assertEqual((self.site()["pool"], self.site()["mode"]), ("blue", "live"))

    def test_a_cutover_whose_daemon_is_killed(self):
        running = self.shop.folder / "running"
        self.script(f'echo "promoting the database of $DRAWBRIDGE_TO"\ntouch {running}\n'
                    "exec sleep 60\n")

        def kill():
            eventually(running.exists, "the command")
            self.shop.signal(signal.SIGKILL)
            self.shop.process.wait(PATIENCE)

        self.check("cutover-killed", during=kill, between=lambda: (self.shop.kill(), self.shop.start()))
        self.assertEqual(self.statuses, [3, 0, 0])
        self.assertEqual((self.site()["pool"], self.site()["mode"]), ("blue", "live"))


class Rendering(unittest.TestCase):
    def test_a_line_that_is_drawn_anew_replaces_what_was_there(self):
        self.assertEqual(render("waiting\r\x1b[K\x1b[32mdone\x1b[0m\r\nnext\r\n"), "done\nnext\n")

    def test_every_block_of_the_page_is_typed(self):
        named = {match[2] for match in BLOCK.finditer(PAGE.read_text())}
        self.assertEqual(named, {"cutover-done", "cutover-run-fails", "cutover-undrained", "cutover-unknown",
                                 "cutover-killed", "cutover-slice"})


if __name__ == "__main__":
    unittest.main(argv=[__file__])
