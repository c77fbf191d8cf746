"""Who moves the site: proxyd, nginx and HAProxy, each with its own way to say "from now on to the other server"."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import rig

HERE = pathlib.Path(__file__).resolve().parent
WORKERS, CLIENTS, REGISTERS, READS_PERCENT = 2, 64, 16, 50


class Cores:
    """The proxy has two, servers and clients one each, as far as the machine goes."""

    def __init__(self):
        usable = sorted(os.sched_getaffinity(0))
        self.proxy = set(usable[:WORKERS])
        self.servers = {usable[-2]} if len(usable) > WORKERS + 1 else set(usable)
        self.clients = {usable[-1]} if len(usable) > WORKERS else set(usable)


def start(command, cores, **more):
    return subprocess.Popen([str(word) for word in command], preexec_fn=lambda: os.sched_setaffinity(0, cores), **more)


def stop(process):
    process.terminate()
    try:
        process.wait(rig.STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class RegisterServer:
    def __init__(self, cores):
        self.process = start([rig.BIN / "register_server"], cores, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().strip().rsplit(":", 1)[1])

    def log(self):
        """The instants of all writes, in nanoseconds, ascending."""
        text = rig.fetch(self.port, "GET", "/log")[1]
        return [int(line.split(b" ", 1)[0]) for line in text.splitlines()]

    def stop(self):
        stop(self.process)
        self.process.stdout.close()


class Clients:
    def __init__(self, port, history, cores):
        self.history = history
        options = map(str, (CLIENTS, REGISTERS, READS_PERCENT, 0, 1))
        self.process = start([rig.BIN / "register_clients", f"127.0.0.1:{port}", history, *options], cores)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(30) != 0:
            raise SystemExit("bench: the clients could not write their history")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Mover:
    """A proxy in a folder of its own, with its configuration from a template beside this file."""

    template = ""

    def __init__(self, folder, servers, cores):
        self.folder, self.servers, self.cores = folder, servers, cores
        self.port = rig.free_port()
        self.write_configuration("blue")
        with open(folder / "log", "wb") as log:
            self.process = start(self.command(), cores, stdout=log, stderr=log)
        rig.wait_until_listening(self.port, self.process, folder / "log")

    def write_configuration(self, active):
        values = {"@FOLDER@": self.folder, "@PORT@": self.port, "@WORKERS@": WORKERS,
                  "@BLUE@": self.servers["blue"].port, "@GREEN@": self.servers["green"].port,
                  "@ACTIVE@": self.servers[active].port}
        text = (HERE / self.template).read_text()
        for placeholder, value in values.items():
            text = text.replace(placeholder, str(value))
        self.configuration = self.folder / self.template
        self.configuration.write_text(text)

    def stop(self):
        stop(self.process)


class Proxyd(Mover):
    name = "proxyd, cutover"
    template = "proxyd.toml"
    more = ()

    def command(self):
        return [rig.BIN / "proxyd", "--config", self.configuration]

    def move(self, target):
        command = [rig.BIN / "proxyctl", "cutover", "shop", "--to", target, *self.more, "--socket", self.folder / "admin"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class ProxydRun(Proxyd):
    name = "proxyd, cutover --run ':'"
    more = ("--run", ":")


class Nginx(Mover):
    name = "nginx, reload"
    template = "nginx.conf"

    def command(self):
        return [rig.program("nginx"), "-c", self.configuration, "-p", self.folder]

    def move(self, target):
        self.write_configuration(target)
        subprocess.run([*map(str, self.command()), "-s", "reload"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


class HAProxy(Mover):
    name = "HAProxy, runtime socket"
    template = "haproxy.cfg"

    def command(self):
        return [rig.program("haproxy"), "-db", "-f", self.configuration]

    def move(self, target):
        left = "blue" if target == "green" else "green"
        with socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(str(self.folder / "admin"))
            runtime.sendall(f"set server servers/{target} state ready; set server servers/{left} state maint\n".encode())
            while runtime.recv(4096):
                pass


ALL = [each for each in (Proxyd, ProxydRun, Nginx, HAProxy)
       if each.template in ("proxyd.toml",) or shutil.which(each.__name__.lower(), path=os.environ["PATH"] + ":/usr/sbin")]
