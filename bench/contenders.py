"""Who is measured: a program, its configuration, a plain and a TLS port, and a maintenance page.

Every contender gets a folder of its own, the same cores and the same certificate. A proxyd that refuses a listener
with TLS or HTTP/2 (an older revision) is measured without.
"""

import subprocess
from dataclasses import dataclass

import cases
import rig

NGINX_WORD_MAX = 3_500


@dataclass(frozen=True)
class Contender:
    name: str
    command: tuple
    config: str  # in bench/load; written as the same name into the contender's folder


def peers():
    return [
        Contender("nginx", ("nginx", "-c", "@FOLDER@/nginx.conf", "-p", "@FOLDER@"), "nginx.conf"),
        Contender("HAProxy", ("haproxy", "-db", "-f", "@FOLDER@/haproxy.cfg"), "haproxy.cfg"),
    ]


def drawbridge(name="proxyd", folder=rig.BIN, config="proxyd.toml"):
    return Contender(name, (str(folder / "proxyd"), "--config", f"@FOLDER@/{config}"), config)


@dataclass
class Running:
    """A contender that serves."""

    name: str
    server: rig.Server
    folder: object
    tls_port: int
    transports: tuple  # an older proxyd knows no TLS, or TLS without HTTP/2

    def port(self, case):
        return self.server.port if case.transport == "plain" else self.tls_port

    def can(self, case):
        return case.transport in self.transports


def make_certificate(folder):
    """ECDSA P-256, signed by itself; HAProxy wants both halves in one file."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:bench", "-keyout", folder / "bench.key",
         "-out", folder / "bench.crt"],
        check=True, capture_output=True,
    )
    both = (folder / "bench.crt").read_text() + (folder / "bench.key").read_text()
    (folder / "bench.pem").write_text(both)


def fill(text, values):
    for placeholder, value in values.items():
        text = text.replace(placeholder, str(value))
    return text


def accepts(command, config):
    done = subprocess.run([command[0], "--check", config], capture_output=True, check=False)
    return done.returncode == 0


def start(machines, contender, page=None, extra=None):
    """`page`: the maintenance page that nginx and HAProxy are to serve, as proxyd renders it."""
    folder = machines.folder / contender.name.replace("/", "_")
    (folder / "state").mkdir(parents=True)
    folder.chmod(0o755)
    values = {"@FOLDER@": folder, "@PORT@": rig.free_port(), "@TLS_PORT@": rig.free_port(),
              "@UPSTREAM@": machines.upstream.port, "@CERTIFICATES@": machines.folder, **(extra or {})}
    if page:
        (folder / "page.html").write_bytes(page)
        values.update(nginx_page(page))
    command = [fill(word, values) for word in contender.command]
    command[0] = rig.program(command[0]) or command[0]
    config = folder / contender.config
    config.write_text(fill((rig.CONFIGS / contender.config).read_text(), values))
    transports = add_tls(command, config, values) if contender.config == "proxyd.toml" else ("plain", "tls", "h2")
    server = machines.start(contender.name, command, machines.cores.proxy, values["@PORT@"])
    return Running(contender.name, server, folder, values["@TLS_PORT@"], transports)


def add_tls(command, config, values):
    """Appends the TLS listener as far as this proxyd takes it."""
    plain = config.read_text()
    listener = fill((rig.CONFIGS / "proxyd-tls.toml").read_text(), values)
    for transports, added in ((("plain", "tls", "h2"), listener + "http2 = true\n"), (("plain", "tls"), listener)):
        config.write_text(plain + added)
        if accepts(command, config):
            return transports
    config.write_text(plain)
    return ("plain",)


def nginx_page(page):
    """As variables of less than 4 KiB. A few characters cannot be quoted; others of the same length stand in."""
    text = page.decode("ascii", errors="replace").replace("\ufffd", "?")
    text = text.replace("\\", "/").replace("$", "S").replace('"', "'")
    parts = [text[at : at + NGINX_WORD_MAX] for at in range(0, len(text), NGINX_WORD_MAX)]
    return {"@PAGE_PARTS@": "\n    ".join(f'set $part{i} "{part}";' for i, part in enumerate(parts)),
            "@PAGE@": "".join(f"${{part{i}}}" for i in range(len(parts)))}


def fetch_page(running):
    status, body = rig.fetch(running.server.port, "GET", "/", headers={"Host": cases.PAGE_HOST, "Accept": "text/html"})
    if status != 503:
        raise SystemExit(f"bench: the maintenance page of {running.name} has status {status}")
    return body


def start_all(machines, contenders):
    """The first proxyd comes first: the others serve its page."""
    make_certificate(machines.folder)
    running = {}
    page = None
    for contender in sorted(contenders, key=lambda each: each.config != "proxyd.toml"):
        running[contender.name] = start(machines, contender, page)
        if page is None and contender.config == "proxyd.toml":
            page = fetch_page(running[contender.name])
    for each in running.values():
        fetch_page(each)
    return {contender.name: running[contender.name] for contender in contenders}
