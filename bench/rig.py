"""The machines of a measurement: the upstream, the proxies, each pinned to its cores, and what they cost."""

import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "bench" / "load"
BIN = ROOT / "build" / "release" / "bin"
POLLING = {"LD_PRELOAD": str(BIN / "bench_polling.so")}
START_SECONDS_MAX = 10
STOP_SECONDS_MAX = 10

PROXIES = {
    "nginx": ["nginx", "-c", "@FOLDER@/nginx.conf", "-p", "@FOLDER@"],
    "HAProxy": ["haproxy", "-db", "-f", "@FOLDER@/haproxy.cfg"],
    "proxyd": [str(BIN / "proxyd"), "--config", "@FOLDER@/proxyd.toml"],
}
CONFIG_FILES = {"nginx": "nginx.conf", "HAProxy": "haproxy.cfg", "proxyd": "proxyd.toml"}


class Cores:
    """Which cores do what: the proxy alone on one, the rest apart from it, as far as the machine goes."""

    def __init__(self, for_proxy=1):
        usable = sorted(os.sched_getaffinity(0))
        self.proxy = set(usable[:for_proxy])
        rest = usable[for_proxy:] or usable
        self.upstream = {rest[0]}
        self.load = set(rest[1:]) or self.upstream
        self.apart = len(usable) >= for_proxy + 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_listening(port, process, log):
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = pathlib.Path(log).read_text(errors="replace")
            raise SystemExit(f"bench: {process.args[0]} ended at once with {process.returncode}:\n{said}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"bench: {process.args[0]} does not listen on {port} after {START_SECONDS_MAX} s")


def program(name):
    """A program by name; Debian keeps nginx and haproxy where a plain user's PATH does not look."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def tree_of(pid):
    """A process and all its descendants."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found.extend(tree_of(int(child)))
    return found


class Server:
    """A process that serves on a port, pinned to cores; its threads are counted with it."""

    def __init__(self, command, port, cores, log, environment=None):
        self.port = port
        self.log = open(log, "wb")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, preexec_fn=lambda: os.sched_setaffinity(0, cores),
            env={**os.environ, **(environment or {})},
        )
        wait_until_listening(port, self.process, log)

    def cpu_seconds(self):
        """Time on a core of every thread so far, from the scheduler (nanoseconds, not ticks)."""
        total = 0
        for pid in tree_of(self.process.pid):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_bytes(self):
        total = 0
        for pid in tree_of(self.process.pid):
            with contextlib.suppress(OSError):
                total += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        return total * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Rig:
    """Everything running in a folder of its own; a context manager that ends it all."""

    def __init__(self, names, polling=False, cores=None):
        self.cores = cores or Cores()
        self.peers = POLLING if polling else {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drawbridge-bench-"))
        self.folder.chmod(0o755)
        self.servers = {}
        try:
            self.upstream = self.start("upstream", [BIN / "bench_upstream"], self.cores.upstream, peer=True)
            for name in names:
                self.start_proxy(name)
        except BaseException:
            self.close()
            raise

    def start(self, name, command, cores, port=None, peer=False):
        port_given = port or free_port()
        whole = command if port else [*command, str(port_given)]
        server = Server([str(word) for word in whole], port_given, cores, self.folder / f"{name}.log",
                        self.peers if peer else None)
        self.servers[name] = server
        return server

    def start_proxy(self, name):
        port = free_port()
        values = {"@FOLDER@": str(self.folder), "@PORT@": str(port), "@UPSTREAM@": str(self.upstream.port)}
        (self.folder / "state").mkdir(exist_ok=True)
        text = (CONFIGS / CONFIG_FILES[name]).read_text()
        command = list(PROXIES[name])
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
            command = [word.replace(placeholder, value) for word in command]
        (self.folder / CONFIG_FILES[name]).write_text(text)
        command[0] = program(command[0]) or command[0]
        return self.start(name, command, self.cores.proxy, port)

    def close(self):
        for server in reversed(self.servers.values()):
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fetch(port, method, path, body=None, headers=None):
    """One request on a connection of its own: (status, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
