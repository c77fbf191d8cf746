"""Servers that keep registers in their memory and share nothing: the toy database of a cutover. `POST /inc/NAME` adds one
and answers the new value, `GET /get/NAME` the value; `GET /dump` and `POST /load` are what an operator copies with."""

import contextlib
import http.client
import http.server
import json
import threading

from harness import PATIENCE, eventually

# What `proxyctl cutover --run` runs: copies the registers from the old server to the new one.
COPY = """#!/bin/sh
set -e
blue={blue} green={green}
eval from=\\$$DRAWBRIDGE_FROM to=\\$$DRAWBRIDGE_TO
curl -sf http://$from/dump >{folder}/dump.json
curl -sf --data-binary @{folder}/dump.json http://$to/load >&2
"""


def ask(connection, method, path):
    """(status, body) of one request over an http.client connection."""
    connection.request(method, path)
    response = connection.getresponse()
    return response.status, response.read().decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, text, status=200):
        body = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        with server.lock:
            if self.path == "/dump":
                return self.answer(json.dumps(server.registers))
            if self.path.startswith("/get/"):
                return self.answer(str(server.registers.get(self.path[5:], 0)))
        return self.answer("ok", 200 if server.is_healthy else 500)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        with server.lock:
            if self.path == "/load":
                server.registers = json.loads(body)
                return self.answer("loaded")
            name = self.path[5:]
            server.registers[name] = server.registers.get(name, 0) + 1
            server.increments += 1
            return self.answer(str(server.registers[name]))


class RegisterServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.registers = {}
        self.increments = 0
        self.open_connections = 0
        self.is_healthy = True
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def process_request(self, request, client_address):
        with self.lock:
            self.open_connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        with self.lock:
            self.open_connections -= 1

    def wait_until_left(self):
        """Until all that a dead proxy had sent here is done: connections are accepted in turn, so those before ours are
        open or over once ours has its answer."""
        host, port = self.server_address
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=PATIENCE)) as connection:
            ask(connection, "GET", "/get/any")
        eventually(lambda: self.open_connections == 0, "the end of what the last proxy had sent")

    def handle_error(self, *_):
        """A proxy that was killed leaves in the middle of answers: nothing to tell."""

    def stop(self):
        self.shutdown()
        self.server_close()
