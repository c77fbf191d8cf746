"""gRPC through the proxy, by its own client and server: the four kinds of calls, the modes, a cutover."""

import threading
import unittest

import grpc
from grpc_case import GRPC, SERVICE, GrpcCase
from harness import Certificates, eventually
from harness.h2_upstream import CANCEL, H2Upstream

READS = 'readonly = { read = ["POST /shop.Orders/Get", "POST /shop.Orders/List"] }'


class Calls(GrpcCase):
    def test_unary_with_metadata_both_ways(self):
        server = self.server()
        call = self.get(self.channel(self.proxy(server))).with_call
        answer, info = call(b"one", timeout=20, metadata=(("x-mine", "1"), ("x-mine-bin", b"\x00\xff")))
        self.assertEqual(answer, b"blue:one")
        self.assertEqual(dict(info.trailing_metadata())["x-server"], "blue")
        self.assertEqual((server.metadata["x-mine"], server.metadata["x-mine-bin"]), ("1", b"\x00\xff"))

    def test_a_status_of_the_server_arrives_with_its_message(self):
        failure = self.refused(grpc.StatusCode.FAILED_PRECONDITION, self.get(self.channel(self.proxy(self.server()))), b"fail")
        self.assertEqual(failure.details(), "not so: 50 %")

    def test_a_method_that_is_not_there(self):
        channel = self.channel(self.proxy(self.server()))
        self.refused(grpc.StatusCode.UNIMPLEMENTED, channel.unary_unary(f"/{SERVICE}/Nothing"), b"")

    def test_streaming_from_the_server(self):
        channel = self.channel(self.proxy(self.server()))
        got = list(channel.unary_stream(f"/{SERVICE}/List")(b"2000", timeout=20))
        self.assertEqual(got, [b"%d" % n for n in range(2000)])

    def test_streaming_from_the_client(self):
        channel = self.channel(self.proxy(self.server()))
        pieces = [b"x" * 10_000] * 300
        self.assertEqual(channel.stream_unary(f"/{SERVICE}/Put")(iter(pieces), timeout=20), b"%d" % (300 * 10_001 - 1))

    def test_streaming_both_ways_word_by_word(self):
        channel = self.channel(self.proxy(self.server()))
        heard = threading.Semaphore(1)

        def words():
            for number in range(50):
                self.assertTrue(heard.acquire(timeout=20))
                yield b"%d" % number

        for number, answer in enumerate(channel.stream_stream(f"/{SERVICE}/Talk")(words(), timeout=20)):
            self.assertEqual(answer, b"blue:%d" % number)
            heard.release()
        self.assertEqual(number, 49)

    def test_many_calls_at_once(self):
        get = self.get(self.channel(self.proxy(self.server())))
        calls = [get.future(b"%d" % n, timeout=20) for n in range(300)]
        self.assertEqual([call.result() for call in calls], [b"blue:%d" % n for n in range(300)])

    def test_a_call_that_its_client_cancels_ends_at_the_server(self):
        server = self.server()
        go = threading.Event()
        self.addCleanup(go.set)

        def words():
            yield b"hello"
            go.wait(20)

        call = self.channel(self.proxy(server)).stream_stream(f"/{SERVICE}/Talk")(words(), timeout=20)
        self.assertEqual(next(call), b"blue:hello")
        call.cancel()
        eventually(lambda: server.ended, "the end at the server")


class OverTls(GrpcCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.issue("server", "IP:127.0.0.1")

    def setUp(self):
        key, pem = self.made.key("server").read_bytes(), self.made.pem("server").read_bytes()
        self.secured = self.server(credentials=grpc.ssl_server_credentials([(key, pem)]))

    def front(self, health):
        pool = f'protocol = "h2"\ntls = {{ ca = "{self.made.ca}" }}\nhealth = {health}'
        return self.proxy(self.secured, pool=pool)

    def test_the_four_kinds_of_calls(self):
        channel = self.channel(self.front("{ active = false }"))
        self.assertEqual(self.get(channel)(b"one", timeout=20), b"blue:one")
        self.assertEqual(list(channel.unary_stream(f"/{SERVICE}/List")(b"300", timeout=20)), [b"%d" % n for n in range(300)])
        self.assertEqual(channel.stream_unary(f"/{SERVICE}/Put")(iter([b"x" * 10_000] * 30), timeout=20), b"300029")
        talk = channel.stream_stream(f"/{SERVICE}/Talk")(iter([b"a", b"b"]), timeout=20)
        self.assertEqual(list(talk), [b"blue:a", b"blue:b"])

    def test_its_health_is_asked_over_tls_too(self):
        get = self.get(self.channel(self.front('{ grpc = true, interval = "100ms", fall = 1, rise = 1 }')))
        for serving in (True, False, True):
            self.secured.serving = serving
            eventually(lambda: Cutovers._fails(get) is not serving, f"the server, serving: {serving}")


class Deadlines(GrpcCase):
    def test_a_deadline_ends_the_call_with_status_4(self):
        server = self.server()
        proxy = self.proxy(server)
        client = self.h2_client(proxy)
        body = b"\0\0\0\0\4wait"
        stream = client.open("POST", f"/{SERVICE}/Get", [*GRPC, ("grpc-timeout", "1S")], end=False)
        client.send_data(stream, body, end=True)
        eventually(lambda: ("Get", b"wait") in server.seen, "the call at the server")
        client.finish(stream)
        self.assertEqual((stream.status, stream.value("grpc-status")), (200, "4"))

    def test_a_call_that_waits_in_a_hold_is_told_at_its_own_deadline_and_is_never_sent(self):
        server = self.server()
        proxy = self.proxy(server)
        proxy.mode("hold")
        client = self.h2_client(proxy)
        call = client.request("POST", f"/{SERVICE}/Get", [*GRPC, ("grpc-timeout", "200m")], b"\0\0\0\0\1x")
        self.assertEqual((call.status, call.value("grpc-status"), call.value("drawbridge-not-processed")), (200, "4", None))
        self.assertEqual(proxy.mode("live")["result"], "done")
        self.assertEqual(self.get(self.channel(proxy))(b"after", timeout=20), b"blue:after")
        self.assertEqual(server.seen, [("Get", b"after")])
        eventually(lambda: "deadline" in [record.get("failure") for record in proxy.access_log()], "the record")

    def test_the_server_is_told_what_a_hold_has_left_of_the_deadline(self):
        upstream = H2Upstream(lambda c: c.head(*GRPC[:1]).end_with([("grpc-status", "0")]))
        self.addCleanup(upstream.stop)
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        proxy.mode("hold")
        call = client.open("POST", f"/{SERVICE}/Get", [*GRPC, ("grpc-timeout", "20S")])
        parked = lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0].get("parked", {})  # noqa: E731
        eventually(lambda: parked().get("waiting") == 1, "the parked call")
        proxy.mode("live")
        client.finish(call)
        left = upstream.calls[0].value("grpc-timeout")
        self.assertEqual((call.value("content-type"), left[-1]), ("application/grpc", "m"))
        self.assertTrue(0 < int(left[:-1]) < 20_000, left)

    def test_a_server_is_told_when_the_deadline_of_its_call_has_passed(self):
        upstream = H2Upstream(lambda c: c.value(":path") == "/a.B/Begun" and c.head(GRPC[0]).data(b"\0\0\0\0\1x", end=False))
        self.addCleanup(upstream.stop)
        client = self.h2_client(self.proxy(upstream))
        for number, path in enumerate(("/a.B/Silent", "/a.B/Begun")):
            call = client.request("POST", path, [*GRPC, ("grpc-timeout", "500m")], b"\0\0\0\0\1x")
            self.assertEqual(call.value("grpc-status") or dict(call.trailers)["grpc-status"], "4")
            eventually(lambda: [call.reset for call in upstream.calls[number:]] == [CANCEL], "the reset")  # noqa: B023

    def test_a_deadline_that_passes_in_the_middle_of_the_answer_is_status_4(self):
        client = self.h2_client(self.proxy(self.server()))
        call = client.open("POST", f"/{SERVICE}/Talk", [*GRPC, ("grpc-timeout", "500m")], end=False)
        client.send_data(call, b"\0\0\0\0\5hello")
        client.pump(lambda: call.body)
        client.finish(call)
        self.assertEqual(dict(call.trailers)["grpc-status"], "4")

    def test_a_server_that_is_not_there_is_status_14(self):
        self.refused(grpc.StatusCode.UNAVAILABLE, self.get(self.channel(self.proxy("127.0.0.1:1"))), b"x")


class Modes(GrpcCase):
    def test_readonly_refuses_writes_as_not_processed_and_lets_reads_through(self):
        server = self.server()
        proxy = self.proxy(server, site=READS)
        channel = self.channel(proxy)
        proxy.mode("readonly")
        self.assertEqual(self.get(channel)(b"a", timeout=20), b"blue:a")
        failure = self.refused(grpc.StatusCode.UNAVAILABLE, channel.stream_unary(f"/{SERVICE}/Put"), iter([b"x"]))
        metadata = dict([*failure.initial_metadata(), *failure.trailing_metadata()])
        self.assertEqual(metadata["drawbridge-not-processed"], "1")
        self.assertGreater(int(metadata["grpc-retry-pushback-ms"]), 0)
        self.assertEqual([kind for kind, _ in server.seen], ["Get"])

    def test_maintenance_refuses_everything_with_status_14(self):
        server = self.server()
        proxy = self.proxy(server)
        channel = self.channel(proxy)
        proxy.mode("maintenance")
        failure = self.refused(grpc.StatusCode.UNAVAILABLE, self.get(channel), b"x")
        self.assertIn("maintenance", failure.details().lower())
        self.assertEqual(server.seen, [])
        proxy.mode("live")
        self.assertEqual(self.get(channel)(b"x", timeout=20), b"blue:x")

    def test_a_hold_keeps_writes_waiting_and_reads_go_on_beside_them(self):
        proxy = self.proxy(self.server(), site=READS)
        channel = self.channel(proxy)
        proxy.mode("hold")
        write = channel.stream_unary(f"/{SERVICE}/Put").future(iter([b"x"]), timeout=20)
        eventually(lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0].get("parked", {}).get("waiting") == 1,
                   "the parked write")
        self.assertEqual(self.get(channel)(b"a", timeout=20), b"blue:a")
        self.assertFalse(write.done())
        proxy.mode("live")
        self.assertEqual(write.result(), b"1")

    def test_readonly_waits_for_a_call_that_streams(self):
        server = self.server()
        proxy = self.proxy(server)
        go = threading.Event()

        def words():
            yield b"first"
            go.wait(20)
            yield b"last"

        talk = self.channel(proxy).stream_stream(f"/{SERVICE}/Talk")(words(), timeout=20)
        self.assertEqual(next(talk), b"blue:first")
        receipts = []
        switch = threading.Thread(target=lambda: receipts.append((proxy.mode("readonly")["result"], go.is_set())))
        switch.start()
        get = self.get(self.channel(proxy))
        eventually(lambda: self._is_refused(get), "the fence")
        self.assertEqual(receipts, [])
        go.set()
        self.assertEqual(list(talk), [b"blue:last"])
        switch.join(20)
        self.assertEqual(receipts, [("done", True)])

    @staticmethod
    def _is_refused(get):
        try:
            get(b"x", timeout=20)
            return False
        except grpc.RpcError as failure:
            return failure.code() == grpc.StatusCode.UNAVAILABLE


class Cutovers(GrpcCase):
    def test_no_call_is_lost_or_doubled_by_a_cutover(self):
        blue, green = self.server(b"blue"), self.server(b"green")
        more = f'[pool.green]\nservers = ["{green.address}"]\nprotocol = "h2c"\nhealth = {{ grpc = true, interval = "100ms", timeout = "10s" }}'
        proxy = self.proxy(blue, more=more, pool='protocol = "h2c"\nhealth = { grpc = true, interval = "100ms", timeout = "10s" }')
        get = self.get(self.channel(proxy))
        eventually(lambda: not self._fails(get), "a healthy server")
        stop = threading.Event()
        answers, failures = [], []

        def call(client):
            for number in range(100_000):
                if stop.is_set():
                    return
                try:
                    answers.append(get(b"%d.%d" % (client, number), timeout=20))
                except grpc.RpcError as failure:
                    failures.append(failure)

        clients = [threading.Thread(target=call, args=(n,)) for n in range(8)]
        for client in clients:
            client.start()
        eventually(lambda: len(answers) > 50, "calls")
        status, out, err = proxy.ctl("cutover", "web", "--to", "green")
        eventually(lambda: answers[-1].startswith(b"green:"), "the new pool")
        stop.set()
        for client in clients:
            client.join(20)
        self.assertEqual(status, 0, out + err)
        self.assertEqual(failures, [])
        asked = [request for kind, request in blue.seen + green.seen if request != b"probe"]
        self.assertEqual(len(asked), len(set(asked)), "a call reached a server twice")
        self.assertEqual(sorted(a.split(b":")[1] for a in answers), sorted(asked))

    @staticmethod
    def _fails(get):
        try:
            get(b"probe", timeout=20)
            return False
        except grpc.RpcError:
            return True


class Health(GrpcCase):
    def test_a_server_that_is_not_serving_gets_no_calls(self):
        server = self.server()
        proxy = self.proxy(server, pool='protocol = "h2c"\nhealth = { grpc = true, interval = "100ms", fall = 1, rise = 1 }')
        get = self.get(self.channel(proxy))
        eventually(lambda: not Cutovers._fails(get), "a healthy server")
        server.serving = False
        eventually(lambda: Cutovers._fails(get), "a server taken out")
        server.serving = True
        eventually(lambda: not Cutovers._fails(get), "a server brought back")


if __name__ == "__main__":
    unittest.main()
