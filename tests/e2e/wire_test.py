"""Every request of the wire tables over real sockets: the proxy does what its parser says, and no upstream ever sees
what was refused."""

import unittest

from harness import Broken, ProxyCase, TestClient, answer
from harness.tables import rows

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
CHUNKED_POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = 4000  # heads beyond this go in larger steps


def first_word(data):
    return data.lstrip(b"\r\n").split(b" ", 1)[0].decode("latin-1")


def send_whole(client, data):
    client.send(data)


def send_in_steps(client, data):
    if len(data) <= LONG:
        client.send_bytewise(data)
        return
    try:
        for start in range(0, len(data), 997):
            client.sock.sendall(data[start : start + 997])
    except OSError:
        pass  # refused before its end


class Requests(ProxyCase):
    send = staticmethod(send_whole)
    environment = {}

    def setUp(self):
        self.server = self.upstream(self.reply)
        self.front = self.proxy(self.server, workers=1, environment=self.environment)

    @staticmethod
    def reply(exchange):
        exchange.read_body()
        exchange.send(answer(b"hello" if exchange.request.method != "HEAD" else b""))

    def test_what_is_refused_gets_its_status_and_an_end_and_no_upstream_sees_it(self):
        for name, data, rule, status in rows("refused_requests"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.send(client, data + SMUGGLED)
                response = client.read_response(first_word(data))
                self.assertEqual((response.status, response.says_close), (int(status), True), rule)
                self.assertEqual(client.end(), "fin")
                self.assertEqual(self.server.requests, [])

    def test_what_is_accepted_reaches_the_upstream_as_its_row_says(self):
        for name, data, expected, _ in rows("accepted_requests"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.check_accepted(client, data, expected.decode("latin-1").split(" "))

    def check_accepted(self, client, data, expected):
        method, target, host, version, body, keep, *more = expected
        seen = len(self.server.requests)
        wanted = b""
        if body == "chunked":
            data, wanted = data + b"5\r\nhello\r\n0\r\n\r\n", b"hello"
        elif body.isdigit() and int(body) < 1_000_000:
            wanted = b"x" * int(body)
            data += wanted
        elif body.isdigit():
            self.send(client, data)
            self.assertEqual(self.server.wait_for_requests(seen + 1).value("Content-Length"), body)
            return
        self.send(client, data)
        response = client.read_response(method)
        self.assertEqual(response.status, 200)
        self.assertEqual(len(self.server.requests), seen + 1)
        request = self.server.requests[-1]
        self.assertEqual((request.method, request.target, request.body), (method, target, wanted))
        self.assertEqual(request.value("Host"), self.server.address if host == "-" else host)
        self.assertEqual(request.value("Expect"), "100-continue" if "expect" in more else None)
        upgrade = [word[8:] for word in more if word.startswith("upgrade=")]
        self.assertEqual(request.value("Upgrade"), upgrade[0] if upgrade else None)
        self.assertEqual(response.says_close, keep == "close")
        if keep == "keep":
            self.assertEqual(client.get("/next").status, 200)
        else:
            self.assertEqual(client.end(), "fin")

    def test_chunked_bodies_that_are_refused_end_in_400_and_look_complete_to_nobody(self):
        for name, data, rule, status in rows("refused_chunks"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                seen = len(self.server.requests)
                self.send(client, CHUNKED_POST + data + SMUGGLED)
                response = client.read_response()
                self.assertEqual((response.status, response.says_close), (int(status), True), rule)
                self.assertEqual(client.end(), "fin")
                self.assertFalse(any(r.complete for r in self.server.requests[seen:]))
                self.assertNotIn("/smuggled", [r.target for r in self.server.requests])

    def test_chunked_bodies_that_are_understood_arrive_as_their_rows_say(self):
        for name, data, expected, _ in rows("accepted_chunks"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.send(client, CHUNKED_POST + data)
                self.assertEqual(client.read_response().status, 200)
                request = self.server.requests[-1]
                body, trailers = expected.rsplit(b"|", 1)
                fields = "".join(f"{field}: {value}".rstrip() + "\r\n" for field, value in request.trailers)
                self.assertEqual((request.body, fields), (body, trailers.decode()))
                self.assertEqual(client.get("/next").status, 200)


class RequestsInSteps(Requests):
    """The client sends one byte at a time."""

    send = staticmethod(send_in_steps)


class RequestsByProxySteps(Requests):
    """The proxy reads and writes one byte at a time."""

    environment = {"DRAWBRIDGE_TEST_IO_BYTES": "1"}


class Responses(ProxyCase):
    send = staticmethod(lambda exchange, data: exchange.send(data))
    environment = {}

    def setUp(self):
        self.answers = []
        self.server = self.upstream(self.reply)
        self.front = self.proxy(self.server, workers=1, environment=self.environment)

    def reply(self, exchange):
        exchange.read_body()
        data, end = self.answers.pop(0) if self.answers else (answer(b"good"), False)
        self.send(exchange, data)
        if end:
            exchange.close()

    def connection_after(self, client):
        """The upstream connection that the next request of this client takes."""
        self.assertEqual(client.get("/next").body, b"good")
        return self.server.requests[-1].connection

    def test_what_is_refused_becomes_502_and_its_connection_is_never_used_again(self):
        for name, data, rule, _ in rows("refused_responses"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.answers.append((data, False))
                response = client.get()
                self.assertEqual(response.status, 502, rule)
                used = self.server.requests[-1].connection
                with TestClient(self.front.address) as other:
                    self.assertNotEqual(self.connection_after(other), used)

    def test_what_is_accepted_reaches_the_client_and_the_connection_is_kept_as_its_row_says(self):
        for name, data, expected, _ in rows("accepted_responses"):
            words = expected.decode().split(" ")
            if "switching" in words:
                continue  # tunnels have tests of their own
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.check_accepted(client, b"HEAD" if name.startswith(b"to HEAD") else b"GET", data, words)

    def check_accepted(self, client, method, data, words):
        status, _, body, keep, *more = words
        wanted = b""
        if "interim" in more:
            data, wanted, status, keep = data + answer(b"final"), b"final", "200", keep
        elif body == "chunked":
            data, wanted = data + b"5\r\nhello\r\n0\r\n\r\n", b"hello"
        elif body == "until_close":
            data, wanted = data + b"hello", b"hello"
        elif body.isdigit():
            wanted = b"x" * int(body)
            data += wanted
        self.answers.append((data, body == "until_close"))
        response = client.ask(method + b" / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.assertEqual((response.status, response.body), (int(status), wanted))
        used = self.server.requests[-1].connection
        kept = self.connection_after(client) == used
        self.assertEqual(kept, keep == "keep" or "interim" in more)

    def test_chunked_answers_that_are_refused_never_look_complete(self):
        for name, data, rule, _ in rows("refused_chunks"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.answers.append((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data, False))
                try:
                    self.assertEqual(client.get().status, 502, rule)
                except Broken:
                    pass  # the head had gone out: then the rest must not look whole
                used = self.server.requests[-1].connection
                with TestClient(self.front.address) as other:
                    self.assertNotEqual(self.connection_after(other), used)

    def test_chunked_answers_that_are_understood_arrive_as_their_rows_say(self):
        for name, data, expected, _ in rows("accepted_chunks"):
            with self.subTest(name=name.decode()), TestClient(self.front.address) as client:
                self.answers.append((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data, False))
                response = client.get()
                body, trailers = expected.rsplit(b"|", 1)
                fields = "".join(f"{field}: {value}".rstrip() + "\r\n" for field, value in response.trailers)
                self.assertEqual((response.body, fields), (body, trailers.decode()))
                self.assertEqual(self.connection_after(client), self.server.requests[-2].connection)


class ResponsesInSteps(Responses):
    """The upstream sends in small steps."""

    @staticmethod
    def send(exchange, data):
        step = 1 if len(data) <= LONG else 997
        try:
            for start in range(0, len(data), step):
                exchange.send(data[start : start + step])
        except OSError:
            exchange.close()  # refused before its end


class ResponsesByProxySteps(Responses):
    """The proxy reads and writes one byte at a time."""

    environment = {"DRAWBRIDGE_TEST_IO_BYTES": "1"}


if __name__ == "__main__":
    unittest.main()
