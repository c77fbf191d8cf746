"""What tests of gRPC share: a server on bytes, and a proxy that speaks gRPC on both sides."""

import concurrent.futures
import threading

import grpc
from harness import ProxyCase

SERVICE = "shop.Orders"
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


class Server:
    """Get, List, Put and Talk on bytes: unary, streaming from the server, from the client, both ways."""

    def __init__(self, name=b"blue", credentials=None):
        self.name = name
        self.seen = []
        self.metadata = {}
        self.hold = threading.Event()
        self.serving = True
        self.ended = False
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
        handlers = {
            "Get": grpc.unary_unary_rpc_method_handler(self._get),
            "List": grpc.unary_stream_rpc_method_handler(self._list),
            "Put": grpc.stream_unary_rpc_method_handler(self._put),
            "Talk": grpc.stream_stream_rpc_method_handler(self._talk),
        }
        health = {"Check": grpc.unary_unary_rpc_method_handler(lambda *_: b"\x08\x01" if self.serving else b"\x08\x02")}
        self.server.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler(SERVICE, handlers),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", health)))
        bind = self.server.add_insecure_port if credentials is None else lambda a: self.server.add_secure_port(a, credentials)
        self.address = "127.0.0.1:%d" % bind("127.0.0.1:0")
        self.server.start()

    def stop(self):
        self.hold.set()
        self.server.stop(0).wait()

    def _get(self, request, context):
        self.seen.append(("Get", request))
        self.metadata = dict(context.invocation_metadata())
        if request == b"wait":
            self.hold.wait(20)
        if request == b"fail":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not so: 50 %")
        context.set_trailing_metadata((("x-server", self.name.decode()),))
        return self.name + b":" + request

    def _list(self, request, _):
        self.seen.append(("List", request))
        for number in range(int(request)):
            yield b"%d" % number

    def _put(self, requests, _):
        got = b",".join(requests)
        self.seen.append(("Put", got[:100]))
        return b"%d" % len(got)

    def _talk(self, requests, context):
        context.add_callback(lambda: setattr(self, "ended", True))
        for request in requests:
            self.seen.append(("Talk", request))
            yield self.name + b":" + request


class GrpcCase(ProxyCase):
    def server(self, name=b"blue", credentials=None):
        server = Server(name, credentials)
        self.addCleanup(server.stop)
        return server

    def proxy(self, *servers, **options):
        pool = 'protocol = "h2c"\nhealth = { active = false }'
        return super().proxy(*servers, **{"listener": "h2c = true", "pool": pool, **options})

    def channel(self, proxy):
        channel = grpc.insecure_channel("%s:%d" % proxy.address)
        self.addCleanup(channel.close)
        return channel

    @staticmethod
    def get(channel):
        return channel.unary_unary(f"/{SERVICE}/Get")

    def refused(self, code, call, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, timeout=20, **options)
        self.assertEqual(caught.exception.code(), code, caught.exception)
        return caught.exception
