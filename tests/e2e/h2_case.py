"""What tests of HTTP/2 share."""

from harness import TRANSPORT, ProxyCase, answer


def echo(exchange):
    exchange.send(answer(exchange.read_body()))


class H2Case(ProxyCase):
    def proxy(self, *upstreams, **options):
        return super().proxy(*upstreams, **({} if TRANSPORT.tls else {"listener": "h2c = true"}) | options)

    def parked(self, proxy):
        _, status = proxy.admin("GET", "/v1/status")
        return sum(site.get("parked", {}).get("waiting", 0) for site in status["sites"])
