"""proxyd and proxyctl as a test meets them: real processes on free ports, in a folder of their own."""

import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from .transports import TRANSPORT
from .waiting import PATIENCE, eventually

BIN = pathlib.Path(os.environ.get("DRAWBRIDGE_BIN", pathlib.Path(__file__).parents[3] / "build/dev/bin")).resolve()
SANITIZER_REPORT = re.compile(r"(Address|Thread|Leak|UndefinedBehavior)Sanitizer|runtime error:|CHECK failed")

CONFIG = """
[server]
workers = {workers}
state_dir = "{folder}/state"
admin_socket = "{folder}/admin.sock"
access_log = "{folder}/access.log"
shutdown_grace = "10s"
{server}
[[listener]]
address = "127.0.0.1:0"
{listener}
[limits]
{limits}
[timeouts]
{timeouts}
[pool.blue]
servers = [{servers}]
{pool}
[site.web]
pool = "blue"
{site}
{more}
"""


class TestProxy:
    """A running proxyd. Either `config` is a whole file, or the keyword texts fill CONFIG; in all of them `{folder}`
    is the test's folder. The pool asks no health probes unless `pool` says so: upstreams then see requests only.
    `prepare` runs in the child before proxyd starts (limits and the like)."""

    __test__ = False

    def __init__(self, upstreams=(), *, config=None, workers=2, server="", limits="", timeouts="", listener=None,
                 pool="health = { active = false }", site="", more="", environment=None, prepare=None, start=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drawbridge-e2e-"))
        (self.folder / "state").mkdir()
        servers = ", ".join(f'"{getattr(u, "address", u)}"' for u in upstreams)
        listener = TRANSPORT.listener() if listener is None else listener
        text = config or CONFIG.format(
            listener=listener, workers=workers, server=server, limits=limits, timeouts=timeouts, servers=servers, pool=pool, site=site,
            more=more, folder="{folder}")
        self.config = self.folder / "proxyd.toml"
        self.config.write_text(text.replace("{folder}", str(self.folder)), encoding="utf-8")
        self.socket_path = self.folder / "admin.sock"
        # Under address sanitizer what was freed is kept for a while: less of it, so that memory can be judged.
        self.environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=4:thread_local_quarantine_size_kb=64",
                            **(environment or {})}
        self.prepare = prepare
        self.process = None
        self.lines = []
        self.addresses = []
        if start:
            self.start()

    # The process.

    def start(self):
        """Starts (again) in the same folder and returns once it listens and its admin socket answers."""
        self.launch()
        eventually(lambda: self.process.poll() is not None or self._is_up(), "the start of proxyd")
        if self.process.poll() is not None:
            raise AssertionError(f"proxyd ended at once with {self.process.returncode}:\n{self.said}")
        self.addresses = [self._parse_address(text) for text in re.findall(r"listening\b.*?address=\"?([^\s\"]+)", self.said)]
        return self

    def launch(self):
        """Starts without waiting for anything."""
        self.lines = []
        self.process = subprocess.Popen(
            self.command(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.environment,
            preexec_fn=self.prepare, pass_fds=self.handed_over(), text=True, errors="replace")
        self._reader = threading.Thread(target=self._read_events, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def command(self):
        return [BIN / "proxyd", "--config", self.config]

    def handed_over(self):
        """Descriptors that it inherits."""
        return ()

    def _read_events(self, stream):
        for line in stream:
            self.lines.append(line)

    def _is_up(self):
        listeners = self.config.read_text(encoding="utf-8").count("[[listener]]")
        if sum("listening" in line for line in self.lines) < listeners:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket_path)) == 0

    @staticmethod
    def _parse_address(text):
        host, port = text.rsplit(":", 1)
        return host.strip("[]"), int(port)

    @property
    def address(self):
        return self.addresses[0]

    @property
    def said(self):
        """Its standard error so far."""
        return "".join(self.lines)

    def wait_until_said(self, pattern):
        return eventually(lambda: re.search(pattern, self.said), f"the event {pattern!r}")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit status; it must end by itself."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stderr.close()
        return status

    def stop(self):
        """SIGTERM; it must end well and no sanitizer may have complained."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.process.returncode if self._was_waited_for() else self.wait()
        assert not SANITIZER_REPORT.search(self.said), f"proxyd complained:\n{self.said}"
        assert status == 0, f"proxyd ended with {status}:\n{self.said}"

    def _was_waited_for(self):
        return self.process.stderr.closed

    def kill(self):
        """As a crash: no word, no time."""
        self.process.kill()
        self.wait()
        self.process = None

    def remove(self):
        """Ends whatever runs and removes the folder."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Its control.

    def ctl(self, *arguments):
        """(exit status, standard output, standard error) of proxyctl."""
        done = subprocess.run(
            [BIN / "proxyctl", *map(str, arguments), "--socket", self.socket_path], capture_output=True, text=True,
            timeout=3 * PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def admin(self, method, path, body=None):
        """(status, decoded JSON or text) of one request to the admin socket."""
        connection = http.client.HTTPConnection("localhost", timeout=3 * PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(3 * PATIENCE)
        connection.sock.connect(str(self.socket_path))
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read().decode()
            is_json = "json" in (response.getheader("Content-Type") or "")
            return response.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def mode(self, mode, **more):
        """Switches all sites; returns the receipt."""
        status, document = self.admin("POST", "/v1/mode", {"mode": mode, **more})
        assert status == 200, document
        return document["receipt"]

    def metric(self, line_start):
        """The sum of the samples whose line begins so."""
        _, text = self.admin("GET", "/v1/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(line_start))

    # What the system knows of it.

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self):
        """What is open, by number."""
        found = {}
        for number in os.listdir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found[int(number)] = os.readlink(f"/proc/{self.process.pid}/fd/{number}")
        return found

    def lowest_free_descriptor(self):
        """Once it is above all that are kept for the operator: a session, or a probe that ends, leaves gaps for a moment."""
        def above_the_kept():
            taken = self.descriptors()
            free = next(number for number in itertools.count() if number not in taken)
            return free if all(number < free for number, what in taken.items() if what == "/dev/null") else None
        return eventually(above_the_kept, "a limit that leaves the operator what is kept for him")

    def sockets(self):
        """Descriptors that are sockets: not those kept for the operator, which come and go with a session."""
        return sum(kind.startswith("socket:") for kind in self.descriptors().values())

    def limit_descriptors(self, count):
        """The soft limit, so that it can be raised again."""
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (count, hard))

    def access_log(self):
        """The records so far, decoded: whole lines, for the last one may be on its way."""
        text = (self.folder / "access.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]
