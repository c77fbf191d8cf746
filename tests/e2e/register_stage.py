"""Two servers of counters behind proxyd, clients that record what they see, and an operator who moves the site between
the two: the programs of tests/registers as a test, or a measurement, meets them."""

import contextlib
import json
import signal
import subprocess

import registers_history
from harness import BIN, PATIENCE, TestProxy

CONFIG = """
[server]
workers = {workers}
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "off"
[[listener]]
address = "127.0.0.1:0"
h2c = true
[pool.blue]
servers = ["{blue}"]
health = {{ path = "/healthz", interval = "60s", timeout = "10s" }}
[pool.green]
servers = ["{green}"]
health = {{ path = "/healthz", interval = "60s", timeout = "10s" }}
[site.shop]
pool = "blue"
{site}
"""

OTHER = {"blue": "green", "green": "blue"}
CLIENTS, REGISTERS, READS_PERCENT = 64, 16, 50


class Registers:
    """One server of counters: a process of its own."""

    def __init__(self, work_us):
        self.process = subprocess.Popen([BIN / "register_server", str(work_us)], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    def stop(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Clients:
    """Send to `address` from now until they are ended."""

    def __init__(self, address, history, *, think_us, seed, http2):
        self.history = history
        counts = map(str, (CLIENTS, REGISTERS, READS_PERCENT, think_us, seed))
        protocol = ["http2"] if http2 else []
        self.process = subprocess.Popen([BIN / "register_clients", "%s:%d" % address, history, *counts, *protocol])

    def end(self):
        """What they saw, once all that was open has ended."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(2 * PATIENCE)
        assert status == 0, f"the clients ended with {status}"
        return registers_history.parse(self.history.read_text())

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


class RegisterStage(contextlib.ExitStack):
    """Servers and proxy, closed at the end: `with RegisterStage(…) as stage:`. The site is live on blue."""

    def __init__(self, *, workers=4, work_us=4_000, site=""):
        super().__init__()
        self.blue, self.green = Registers(work_us), Registers(work_us)
        self.callback(self.blue.stop)
        self.callback(self.green.stop)
        self.proxy = TestProxy(config=CONFIG.format(workers=workers, blue=self.blue.address, green=self.green.address,
                                                    site=site))
        self.callback(self.proxy.remove)
        self.callback(self.proxy.stop)
        self.copy = f"{BIN}/register_copy blue={self.blue.address} green={self.green.address}"
        self.pool = "blue"

    def clients(self, *, think_us=0, seed=1, http2=False):
        history = self.proxy.folder / "history"
        clients = Clients(self.proxy.address, history, think_us=think_us, seed=seed, http2=http2)
        self.callback(clients.kill)
        return clients

    def move(self, *more, then=""):
        """A cutover to the other pool with the copy as its command, and what `then` says after it; its receipt."""
        self.pool = OTHER[self.pool]
        command = f"{self.copy} && {then}" if then else f"exec {self.copy}"
        status, out, error = self.proxy.ctl("cutover", "shop", "--to", self.pool, "--run", command, "--json", *more)
        assert status == 0, out + error
        return json.loads(out)["receipt"]

    def finals(self):
        """What the registers of the active server hold, by number."""
        server = {"blue": self.blue, "green": self.green}[self.pool]
        done = subprocess.run(["curl", "-sf", f"http://{server.address}/dump"], capture_output=True, text=True, check=True)
        return {int(name[1:]): int(value) for name, value in map(str.split, done.stdout.splitlines())}
