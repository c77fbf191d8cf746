"""The machines of a soak in a folder of its own: proxyd, the servers behind it, and what can be seen of them."""

import asyncio
import contextlib
import os
import pathlib
import re
import signal
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 60
COMMAND_SECONDS_MAX = 60

CONFIG = """
[server]
workers = 3
state_dir = "{folder}/state"
admin_socket = "{folder}/admin.sock"
access_log = "{folder}/access.log"
shutdown_grace = "3s"

[[listener]]
address = "127.0.0.1:{port}"

[limits]
request_body_bytes = "1MiB"

[timeouts]
request_head = "2s"
client_idle = "4s"
client_body = "2s"
tunnel_idle = "5s"
upstream_connect = "1s"
upstream_head = "2s"
upstream_body = "2s"
upstream_idle = "1s"

[pool.good]
servers = ["127.0.0.1:{good_1}", "127.0.0.1:{good_2}"]
health = {{ path = "/healthz", interval = "250ms", timeout = "1s", rise = 1, fall = 2, passive_pause = "300ms" }}

[pool.other]
servers = ["127.0.0.1:{good_2}", "127.0.0.1:{good_1}"]
health = {{ path = "/healthz", interval = "250ms", timeout = "1s", rise = 1, fall = 2, passive_pause = "300ms" }}

[pool.bad]
servers = ["127.0.0.1:{bad}"]
health = {{ active = false, passive_pause = "100ms" }}

[site.good]
hosts = ["good.test"]
pool = "good"
hold = {{ max_requests = 20, max_wait = "1s", max_total = "3s", release_per_second = 500 }}
drain = {{ timeout = "2s", tunnel_spread = "200ms" }}

[site.bad]
hosts = ["bad.test"]
pool = "bad"
hold = {{ max_wait = "500ms", max_total = "2s", release_per_second = 50 }}
drain = {{ timeout = "1s", tunnel_spread = "200ms" }}
"""

# A short quarantine, or the sanitizer's own memory would hide what proxyd's does.
SANITIZER = {
    "ASAN_OPTIONS": "log_path={folder}/sanitizer:quarantine_size_mb=16:detect_leaks=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:log_path={folder}/sanitizer",
    "TSAN_OPTIONS": "log_path={folder}/sanitizer:exitcode=99",
}


def taken_port():
    """A socket on a port that nobody else is given, whoever listens on it here, and while nobody does."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    return taken


async def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"soak: {what} did not come about in {seconds} s")
        await asyncio.sleep(0.02)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Stage:
    def __init__(self, folder, programs):
        self.folder = pathlib.Path(folder)
        self.programs = pathlib.Path(programs)
        self.taken = [taken_port() for _ in range(4)]
        ports = [taken.getsockname()[1] for taken in self.taken]
        self.port = ports[0]
        self.upstream_ports = {"good_1": ports[1], "good_2": ports[2], "bad": ports[3]}
        self.upstreams = {}
        self.proxyd = None
        self.rotations = 0
        sanitizer = {name: value.format(folder=folder) for name, value in SANITIZER.items()}
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
            sanitizer[name] = ":".join(filter(None, [os.environ.get(name), sanitizer[name]]))
        self.environment = {**os.environ, **sanitizer, "DRAWBRIDGE_SOCKET": f"{folder}/admin.sock"}

    async def start(self):
        (self.folder / "state").mkdir()
        config = self.folder / "proxyd.toml"
        config.write_text(CONFIG.format(folder=self.folder, port=self.port, **self.upstream_ports))
        for name in self.upstream_ports:
            await self.start_upstream(name)
        with open(self.folder / "proxyd.log", "wb") as log:
            self.proxyd = await asyncio.create_subprocess_exec(
                self.programs / "proxyd", "--config", config, stderr=log, stdout=log, env=self.environment,
                start_new_session=True,
            )
        await until(lambda: self.ended() or listens(self.port), START_SECONDS_MAX, "proxyd")
        if self.ended():
            raise SystemExit(f"soak: proxyd ended at once:\n{(self.folder / 'proxyd.log').read_text()}")

    async def start_upstream(self, name):
        journal = self.folder / f"journal-{name}"
        self.upstreams[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-B", HERE / "upstream.py", str(self.upstream_ports[name]), journal,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )
        await until(lambda: listens(self.upstream_ports[name]), START_SECONDS_MAX, name)

    async def restart_upstream(self, name, how):
        process = self.upstreams[name]
        process.send_signal(how)
        await process.wait()
        await self.start_upstream(name)

    async def command(self, *words):
        """proxyctl; returns its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            self.programs / "proxyctl", *words, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            text, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS_MAX)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
            return -1, "no end"
        return process.returncode, text.decode(errors="replace")

    def rotate(self):
        self.rotations += 1
        (self.folder / "access.log").rename(self.folder / f"access.log.{self.rotations}")
        self.proxyd.send_signal(signal.SIGUSR1)

    def ended(self):
        return self.proxyd.returncode is not None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.proxyd.pid}/fd"))

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.proxyd.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    async def stop_proxyd(self):
        """Its exit code after SIGTERM; None if it had to be killed."""
        if not self.ended():
            self.proxyd.terminate()
        try:
            return await asyncio.wait_for(self.proxyd.wait(), STOP_SECONDS_MAX)
        except asyncio.TimeoutError:
            return None

    async def close(self):
        for process in [self.proxyd, *self.upstreams.values()]:
            if process and process.returncode is None:
                process.kill()
                await process.wait()
        for taken in self.taken:
            taken.close()
