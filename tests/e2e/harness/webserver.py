"""A small site as browsers use them: a page, an API, orders, server-sent events and a WebSocket."""

import threading

from .upstream import FakeUpstream, answer

CLOSE = 8


def read_frame(wire):
    """(opcode, payload) of one masked frame."""
    first, second = wire.exactly(2)
    length = second & 127
    if length >= 126:
        length = int.from_bytes(wire.exactly(2 if length == 126 else 8), "big")
    mask = wire.exactly(4)
    return first & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(wire.exactly(length)))


def frame(payload, opcode=1):
    length = len(payload)
    if length < 126:
        return bytes([128 | opcode, length]) + payload
    return bytes([128 | opcode, 126]) + length.to_bytes(2, "big") + payload


class WebServer(FakeUpstream):
    """Says its name in all it answers. `orders` are the bodies of the POSTs that it took; while `busy` is set it takes
    one and does not answer. `/events` lasts until `end_events`; `told_last_id` are the Last-Event-IDs it was told."""

    def __init__(self, name):
        self.name = name
        self.orders = []
        self.busy = threading.Event()
        self.end_events = threading.Event()
        self.say_event = threading.Semaphore(0)
        self.told_last_id = []
        self.closed_with = []  # codes of WebSockets
        super().__init__(self._serve_path)

    def stop(self):
        self.end_events.set()
        self.busy.clear()
        super().stop()

    def _serve_path(self, exchange):
        body = exchange.read_body()
        target = exchange.request.target
        if exchange.request.method == "POST":
            return self._take_order(exchange, body)
        if target == "/events":
            return self._send_events(exchange)
        if target == "/ws":
            return self._speak(exchange)
        page = f"<!doctype html><title>{self.name}</title><h1>Shop {self.name}</h1>"
        page += "<form method=post action=/orders><input name=item value=lamp></form>"
        return exchange.send(answer(page.encode(), fields="Content-Type: text/html\r\n"))

    def _take_order(self, exchange, body):
        self.orders.append(body)
        while self.busy.is_set() and not self.stopping:
            threading.Event().wait(0.02)
        exchange.send(answer(f"{self.name} {len(self.orders)} {len(body)}".encode(), fields="Content-Type: text/plain\r\n"))

    def _send_events(self, exchange):
        self.told_last_id.append(exchange.request.value("Last-Event-ID"))
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nretry: 50\n\n")
        number = 0
        while not self.end_events.is_set():
            number += 1
            exchange.send(f"id: {number}\ndata: {self.name}\n\n".encode())
            while not self.end_events.is_set() and not self.say_event.acquire(timeout=0.02):
                pass
        exchange.close()

    def _speak(self, exchange):
        exchange.switch()
        while True:
            opcode, payload = read_frame(exchange.wire)
            if opcode == CLOSE:
                self.closed_with.append(int.from_bytes(payload[:2], "big"))
                exchange.send(frame(payload[:2], CLOSE))
                return exchange.close()
            exchange.send(frame(self.name.encode() + b" " + payload))
