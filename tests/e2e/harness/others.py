"""Servers of others behind the proxy: nginx and HAProxy as their packages have them, each on a free port."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from .waiting import PATIENCE, eventually

NGINX = """
daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen {address} {listen};
    {server}
  }}
}}
"""

HAPROXY = """
defaults
  mode http
  timeout client 10s
  timeout connect 10s
  timeout server 10s
frontend all
  bind fd@{descriptor} {bind}
  {frontend}
"""


class Other:
    """A running program that serves on `address`. What it says is in `said`."""

    def __init__(self, make_command):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drawbridge-other-"))
        # Bound before the program starts and inherited by it: nobody else can take the port.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.set_inheritable(True)
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
            self._log = (self.folder / "log").open("w+")
            command, environment = make_command(self, listener.fileno())
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, pass_fds=[listener.fileno()],
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin", **environment})

    @property
    def said(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_until_said(self, text):
        eventually(lambda: text in self.said, f"{text!r} of {self.said!r}")


def nginx(server, listen=""):
    """`server` is what stands in the server block, `listen` what follows the address."""
    def command(other, descriptor):
        file = other.folder / "nginx.conf"
        file.write_text(NGINX.format(folder=other.folder, address=other.address, listen=listen, server=server))
        return ["nginx", "-c", file, "-e", "stderr"], {"NGINX": f"{descriptor};"}
    return Other(command)


def haproxy(frontend, bind=""):
    """`frontend` is what stands in the frontend, `bind` what follows the address."""
    def command(other, descriptor):
        file = other.folder / "haproxy.cfg"
        file.write_text(HAPROXY.format(descriptor=descriptor, bind=bind, frontend=frontend))
        return ["haproxy", "-db", "-f", file], {}
    return Other(command)
