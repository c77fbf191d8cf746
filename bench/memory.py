"""Does proxyd's memory stay flat: over two million requests, 1 GiB each way, and clients that stop reading?"""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time

import rig

GROWTH_MAX = 0.10
SAMPLE_SECONDS = 0.1
STALL_SECONDS = 3
STALLED_CLIENTS = 64
BLOCK = b"x" * (256 * 1024)


class Sampler:
    """Watches the resident size of a server while something happens; `highest` is what counts."""

    def __init__(self, server):
        self.server = server
        self.highest = server.resident_bytes()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(SAMPLE_SECONDS):
            self.highest = max(self.highest, self.server.resident_bytes())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.highest = max(self.highest, self.server.resident_bytes())


def requests(machines, count):
    port = machines.servers["proxyd"].port
    done = subprocess.run(
        [rig.program("h2load"), "--h1", "-t1", "-c64", f"-n{count}", f"http://127.0.0.1:{port}/bytes/128"],
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, machines.cores.load),
    )
    found = re.search(r"status codes: (\d+) 2xx", done.stdout)
    if not found or int(found[1]) != count:
        raise SystemExit(f"bench: not every answer was right:\n{done.stdout}{done.stderr}")


def connect(machines):
    return socket.create_connection(("127.0.0.1", machines.servers["proxyd"].port), timeout=60)


def download(machines, size):
    with connect(machines) as client:
        client.sendall(f"GET /bytes/{size} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
        received = 0
        while block := client.recv(len(BLOCK)):
            received += len(block)
    if received < size:
        raise SystemExit(f"bench: asked for {size} bytes, received {received}")


def upload(machines, size):
    with connect(machines) as client:
        head = f"POST /orders HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
        client.sendall(head.encode())
        for _ in range(size // len(BLOCK)):
            client.sendall(BLOCK)
        answer = b""
        while block := client.recv(len(BLOCK)):
            answer += block
    if not answer.endswith(f"\r\n\r\n{size}\n".encode()):
        raise SystemExit(f"bench: sent {size} bytes, the upstream says {answer[-40:]!r}")


def stall(machines, size):
    """Clients that ask for much and stop reading: what they do not take must not pile up in the proxy."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(machines)) for _ in range(STALLED_CLIENTS)]
        for client in clients:
            client.sendall(f"GET /bytes/{size} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            client.recv(4096)
        time.sleep(STALL_SECONDS)


def steps(quick):
    scale = 8 if quick else 1
    count, size = 2_000_000 // scale, (1 << 30) // scale
    return [
        (f"{count:,} requests", lambda machines: requests(machines, count)),
        (f"{size >> 20} MiB down", lambda machines: download(machines, size)),
        (f"{size >> 20} MiB up", lambda machines: upload(machines, size)),
    ], (f"{STALLED_CLIENTS} clients stop reading", lambda machines: stall(machines, size))


def show(name, highest, base, limit):
    growth = (highest - base) / base
    print(f"| {name} | {highest / 2**20:.1f} MiB | {growth:+.1%} | {limit} |", flush=True)
    return growth


def main(quick):
    flat, stalled = steps(quick)
    good = True
    with rig.Rig(["proxyd"]) as machines:
        server = machines.servers["proxyd"]
        requests(machines, 100_000)
        download(machines, 64 << 20)
        upload(machines, 64 << 20)
        base = server.resident_bytes()
        print("| proxyd | highest RSS | growth | limit |\n|---|---|---|---|")
        print(f"| warmed up | {base / 2**20:.1f} MiB | | |", flush=True)
        for name, action in flat:
            with Sampler(server) as sampler:
                action(machines)
            good &= show(name, sampler.highest, base, f"{GROWTH_MAX:.0%}") <= GROWTH_MAX
        with Sampler(server) as sampler:
            stalled[1](machines)
        show(stalled[0], sampler.highest, base, "bounded by its buffers")
    print("memory stays flat" if good else "memory grew beyond the limit")
    return 0 if good else 1
