"""What is asked of each proxy, and the goals: HAProxy's CPU time a request divided by ours, so more is better."""

from dataclasses import dataclass

SMALL = 128
PAGE_HOST = "notice.bench"


@dataclass(frozen=True)
class Case:
    name: str
    answer_bytes: int
    path: str = ""
    connections: int = 64
    transport: str = "plain"  # or tls, h2
    close: bool = False
    post_bytes: int = 0
    goals: tuple = (None, None)  # with sleeping and with polling peers
    rival: str = "HAProxy"  # whom the goal is measured against
    page: bool = False  # the maintenance page: 503, from memory

    def client_words(self):
        """For bench_client."""
        words = ["--connections", str(self.connections)]
        words += ["--method", "POST", "--body-bytes", str(self.post_bytes)] if self.post_bytes else []
        words += ["--close"] if self.close else []
        words += ["--tls"] if self.transport == "tls" else []
        if self.page:
            return [*words, "--host", PAGE_HOST, "--accept", "text/html", "--status", "503",
                    "--answer-bytes-max", str(self.answer_bytes)]
        path = self.path or f"/bytes/{self.answer_bytes}"
        return [*words, "--path", path, "--answer-bytes", str(self.answer_bytes)]


CASES = [
    Case("small GET", SMALL, goals=(1.3, 1.5)),
    Case("GET 16 KiB", 16 << 10, goals=(1.8, 1.8)),
    Case("GET 1 MiB", 1 << 20, connections=16, goals=(1.6, 1.6)),
    Case("POST 1 KiB", len("1024\n"), path="/orders", post_bytes=1024, goals=(None, 1.5)),
    Case("connection per request", SMALL, close=True, goals=(1.35, 1.35)),
    Case("1,000 connections", SMALL, connections=1000),
    Case("maintenance page", 64 << 10, page=True, goals=(2.0, 2.0), rival="nginx"),
    Case("TLS small GET", SMALL, transport="tls", goals=(1.3, 1.3)),
    Case("TLS GET 16 KiB", 16 << 10, transport="tls", goals=(1.45, 1.45)),
    Case("TLS GET 1 MiB", 1 << 20, connections=16, transport="tls", goals=(1.75, 1.75)),
    Case("TLS handshake", SMALL, connections=16, transport="tls", close=True, goals=(1.2, 1.2)),
    Case("HTTP/2 small GET", SMALL, transport="h2", goals=(1.2, 1.2)),
    Case("HTTP/2 GET 16 KiB", 16 << 10, transport="h2", goals=(1.2, 1.2)),
]

# Delays at half load are measured where a goal says "no worse than the better of the two".
DELAYED = [case for case in CASES if case.transport != "h2" and not case.page]
