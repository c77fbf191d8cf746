"""Calls of gRPC that have an end put to them: by an operator, by the end of the process, by their server."""

import signal
import threading
import unittest

import grpc
from grpc_case import GRPC, SERVICE, GrpcCase
from harness import eventually
from harness.h2_upstream import CANCEL, H2Upstream


class Ends(GrpcCase):
    """A call that has an end put to it is UNAVAILABLE, whatever had come of its answer."""

    def talk(self, proxy):
        go = threading.Event()
        self.addCleanup(go.set)

        def words():
            yield b"hello"
            go.wait(20)

        call = self.channel(proxy).stream_stream(f"/{SERVICE}/Talk")(words(), timeout=20)
        self.assertEqual(next(call), b"blue:hello")
        return call

    def test_a_call_that_streams_and_is_cut(self):
        proxy = self.proxy(self.server())
        call = self.talk(proxy)
        proxy.ctl("mode", "readonly", "--drain", "100ms", "--cut")
        self.assertIn("cut", self.refused_in(call).details())

    def test_a_call_that_is_cut_while_its_client_takes_nothing(self):
        proxy = self.proxy(self.server())
        client = self.h2_client(proxy, give_back=False)
        call = client.open("POST", f"/{SERVICE}/List", GRPC, end=False)
        client.send_data(call, b"\0\0\0\0\x06100000", end=True)
        client.pump(lambda: len(call.body) == 65535)
        proxy.ctl("mode", "readonly", "--drain", "100ms", "--cut")
        client.finish(call)
        self.assertEqual((dict(call.trailers)["grpc-status"], call.ended), ("14", True))

    def test_a_call_that_is_cut_before_its_answer_began(self):
        server = self.server()
        proxy = self.proxy(server)
        call = self.get(self.channel(proxy)).future(b"wait", timeout=20)
        eventually(lambda: server.seen, "the call at the server")
        proxy.ctl("mode", "readonly", "--drain", "100ms", "--cut")
        self.assertEqual(call.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertNotIn("drawbridge-not-processed", dict([*call.initial_metadata(), *call.trailing_metadata()]))

    def test_a_call_whose_server_breaks_off(self):
        def break_off(call):
            call.head(("content-type", "application/grpc")).data(b"\0\0\0\0\x02hi", end=False)
            call.refuse(CANCEL)

        upstream = H2Upstream(break_off)
        self.addCleanup(upstream.stop)
        call = self.channel(self.proxy(upstream)).unary_stream(f"/{SERVICE}/List")(b"", timeout=20)
        self.assertEqual(next(call), b"hi")
        self.assertIn("broke off", self.refused_in(call).details())

    def test_calls_at_the_end_of_the_process(self):
        server = self.server()
        proxy = self.proxy(server)
        streams = self.talk(proxy)
        unary = self.get(self.channel(proxy)).future(b"wait", timeout=20)
        eventually(lambda: ("Get", b"wait") in server.seen, "the call at the server")
        proxy.signal(signal.SIGTERM)
        proxy.wait_until_said("shutting_down")
        proxy.signal(signal.SIGTERM)
        self.assertIn("cut", self.refused_in(streams).details())
        self.assertEqual(unary.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("broke off", unary.details())

    def refused_in(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            list(call)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE, caught.exception)
        return caught.exception


if __name__ == "__main__":
    unittest.main()
