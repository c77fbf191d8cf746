"""HTTP/2 to the servers of a pool: few connections, many exchanges, and no answer that only looks complete."""

import struct
import threading
import unittest

from harness import ProxyCase, eventually
from harness.h2_client import INTERNAL_ERROR, REFUSED_STREAM, SETTINGS
from harness.h2_upstream import MAX_STREAMS, H2Upstream

POOL = 'protocol = "h2c"\nhealth = { active = false }'


class H2PoolCase(ProxyCase):
    def h2_upstream(self, script=None, **options):
        upstream = H2Upstream(script, **options)
        self.addCleanup(self._check, upstream)
        return upstream

    def _check(self, upstream):
        upstream.stop()
        self.assertTrue(upstream.failed.empty(), "a script failed")

    def proxy(self, *upstreams, **options):
        return super().proxy(*upstreams, **{"listener": "h2c = true", "pool": POOL, "workers": 1, **options})


class Exchanges(H2PoolCase):
    def test_a_get_of_http_1_reaches_the_server_over_http_2(self):
        upstream = self.h2_upstream()
        response = self.client(self.proxy(upstream)).get("/a?b=c")
        self.assertEqual((response.status, response.body), (200, b"hello"))
        call = upstream.calls[0]
        self.assertEqual(call.fields[:4], [(":method", "GET"), (":scheme", "http"), (":authority", call.value(":authority")),
                                           (":path", "/a?b=c")])
        self.assertEqual(call.value("te"), "trailers")
        self.assertEqual(call.value("via"), "1.1 drawbridge")
        for name, _ in call.fields:
            self.assertEqual(name, name.lower())
            self.assertNotIn(name, ("connection", "host", "transfer-encoding", "keep-alive"))

    def test_bodies_and_trailers_travel_both_ways(self):
        upstream = self.h2_upstream(lambda c: c.head().data(c.body, end=False).end_with([("x-sum", "7")]))
        client = self.h2_client(self.proxy(upstream))
        stream = client.open("POST", end=False)
        client.send_data(stream, b"abc" * 1000)
        client.send_trailers(stream, [("x-check", "9")])
        client.finish(stream)
        self.assertEqual(stream.body, b"abc" * 1000)
        self.assertEqual(stream.trailers, [("x-sum", "7")])
        self.assertEqual(upstream.calls[0].trailers, [("x-check", "9")])

    def test_a_client_of_http_1_gets_body_and_trailers_in_chunks(self):
        upstream = self.h2_upstream(lambda c: c.head().data(b"body", end=False).end_with([("x-sum", "7")]))
        response = self.client(self.proxy(upstream)).get()
        self.assertEqual((response.body, response.trailers), (b"body", [("x-sum", "7")]))

    def test_many_requests_share_one_connection(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (go.wait(20), c.answer(c.value(":path").encode())))
        client = self.h2_client(self.proxy(upstream))
        streams = [client.open("GET", f"/{i}") for i in range(50)]
        eventually(lambda: len(upstream.calls) == 50, "the requests")
        go.set()
        client.pump(lambda: all(s.over for s in streams))
        self.assertEqual([s.body for s in streams], [b"/%d" % i for i in range(50)])
        self.assertEqual(len(upstream.peers), 1)

    def test_the_server_s_bound_on_streams_is_kept(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (go.wait(20), c.answer()), settings=[(MAX_STREAMS, 2)])
        client = self.h2_client(self.proxy(upstream))
        self.assertEqual(self._first(client, go).body, b"hello")
        go.clear()
        streams = [client.open() for _ in range(6)]
        eventually(lambda: len(upstream.calls) == 7, "the requests")
        for peer in upstream.peers:
            self.assertLessEqual(sum(call.peer is peer for call in upstream.calls[1:]), 2)
        go.set()
        client.pump(lambda: all(s.over for s in streams))
        self.assertEqual([s.status for s in streams], [200] * 6)

    def test_beyond_the_bound_requests_wait_for_room(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (go.wait(20), c.answer()), settings=[(MAX_STREAMS, 1)])
        client = self.h2_client(self.proxy(upstream, timeouts='upstream_connect = "20s"'))
        self._first(client, go)
        go.clear()
        streams = [client.open("POST") for _ in range(40)]
        eventually(lambda: len(upstream.calls) == 33, "as many as there may be connections")
        go.set()
        client.pump(lambda: all(s.over for s in streams))
        self.assertEqual([s.status for s in streams], [200] * 40)
        self.assertEqual((len(upstream.calls), len(upstream.peers)), (41, 32))

    def test_who_waits_too_long_for_room_may_come_again(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (go.wait(20), c.answer()), settings=[(MAX_STREAMS, 1)])
        client = self.h2_client(self.proxy(upstream, timeouts='upstream_connect = "200ms"'))
        self._first(client, go)
        go.clear()
        streams = [client.open("POST") for _ in range(33)]
        client.pump(lambda: any(s.over for s in streams))
        late = [(s.status, s.value("drawbridge-not-processed")) for s in streams if s.over]
        self.assertEqual(set(late), {(503, "1")})
        go.set()
        client.pump(lambda: all(s.over for s in streams))
        self.assertIn(200, [s.status for s in streams])

    def test_a_connection_that_requests_wait_on_is_not_unused(self):
        upstream = self.h2_upstream(settings=[(MAX_STREAMS, 0)])
        client = self.h2_client(self.proxy(upstream, timeouts='upstream_connect = "1500ms"\nupstream_idle = "500ms"'))
        client.request()
        streams = [client.open("POST") for _ in range(3)]
        client.pump(lambda: all(s.over for s in streams))
        self.assertEqual([(s.status, s.value("drawbridge-not-processed")) for s in streams], [(503, "1")] * 3)
        self.assertEqual((len(upstream.calls), len(upstream.peers)), (1, 1))
        eventually(lambda: upstream.peers[0].goodbye, "the goodbye, as nobody waits any more")

    def test_a_server_that_took_nobody_is_heard_again_before_it_is_sent_anything(self):
        for takes in (0, 10):
            upstream = self.h2_upstream(settings=[(MAX_STREAMS, 0)])
            proxy = self.proxy(upstream, timeouts=f'upstream_connect = "{"20s" if takes else "1s"}"')
            client = self.h2_client(proxy)
            client.request()
            streams = [client.open("POST", f"/{i}") for i in range(3)]
            site = lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0]  # noqa: E731, B023
            eventually(lambda: site()["in_flight"]["writes"] == 3, "the writes")
            upstream.settings = [(MAX_STREAMS, takes)]
            upstream.peers[0].close()
            client.pump(lambda: all(s.over for s in streams))  # noqa: B023
            self.assertEqual([s.status for s in streams], [200 if takes else 503] * 3)
            self.assertEqual([c.value(":path") for c in upstream.begun], ["/", *(["/0", "/1", "/2"] if takes else [])])
            self.assertEqual(len(upstream.peers), 2)

    def _first(self, client, go):
        go.set()
        return client.request()

    def test_interim_answers_are_passed_on(self):
        upstream = self.h2_upstream(lambda c: c.head(("link", "</a>"), status="103").answer(b"done"))
        stream = self.h2_client(self.proxy(upstream)).request()
        self.assertEqual([dict(fields)[":status"] for fields in stream.interim], ["103"])
        self.assertEqual(stream.body, b"done")

    def test_a_large_answer_waits_for_its_client(self):
        body = b"x" * 16_000

        def script(call):
            call.head()
            for _ in range(4):
                call.data(body, end=False)
            call.data(b"", end=True)

        client = self.h2_client(self.proxy(self.h2_upstream(script)))
        self.assertEqual(client.request().body, body * 4)


class Failures(H2PoolCase):
    def test_a_refused_stream_is_sent_again_even_a_post(self):
        def script(call):
            if len(upstream.calls) == 1:
                return call.refuse(REFUSED_STREAM)
            return call.answer(b"again")

        upstream = self.h2_upstream(script)
        response = self.client(self.proxy(upstream)).post()
        self.assertEqual((response.status, response.body), (200, b"again"))
        self.assertEqual(len(upstream.calls), 2)

    def test_a_post_that_may_have_been_processed_is_not(self):
        upstream = self.h2_upstream(lambda c: c.refuse(INTERNAL_ERROR))
        response = self.client(self.proxy(upstream)).post(b"once")
        self.assertEqual(response.status, 502)
        self.assertEqual(len(upstream.calls), 1)

    def test_what_a_goaway_leaves_out_goes_to_a_new_connection(self):
        def script(call):
            if call.connection == 1:
                call.peer.goaway(0)
            else:
                call.answer(b"new")

        upstream = self.h2_upstream(script)
        response = self.client(self.proxy(upstream)).post()
        self.assertEqual((response.status, response.body), (200, b"new"))
        self.assertEqual(len(upstream.peers), 2)

    def test_after_a_goaway_what_is_open_ends_and_what_comes_goes_elsewhere(self):
        go = threading.Event()

        def script(call):
            if call.value(":path") == "/slow":
                go.wait(20)
            call.answer(b"%d" % call.connection)

        upstream = self.h2_upstream(script)
        client = self.h2_client(self.proxy(upstream))
        slow = client.open("GET", "/slow")
        eventually(lambda: upstream.calls, "the request")
        upstream.peers[0].goaway(1)
        eventually(lambda: client.request().body == b"2", "another connection")
        go.set()
        self.assertEqual(client.finish(slow).body, b"1")

    def test_an_answer_that_breaks_off_never_looks_complete(self):
        def script(call):
            call.head().data(b"half", end=False)
            if call.value(":path") == "/reset":
                call.refuse(INTERNAL_ERROR)
            else:
                call.peer.close()

        proxy = self.proxy(self.h2_upstream(script))
        for path in ("/reset", "/close"):
            stream = self.h2_client(proxy).request("GET", path)
            self.assertEqual((stream.ended, stream.reset is not None), (False, True), path)

    def test_a_connection_that_ends_without_a_word_is_502(self):
        proxy = self.proxy(self.h2_upstream(lambda c: c.peer.close()))
        self.assertEqual(self.client(proxy).post(b"x").status, 502)

    def test_a_server_that_speaks_http_1_is_502(self):
        proxy = self.proxy(self.upstream())
        self.assertEqual(self.client(proxy).get().status, 502)

    def _check_upstream(self, upstream):
        upstream.stop()  # the preface is no HTTP/1, and it says so

    def test_a_server_that_cannot_be_reached_is_passed_over(self):
        upstream = self.h2_upstream()
        client = self.client(self.proxy("127.0.0.1:1", upstream))
        for _ in range(4):
            self.assertEqual(client.get().status, 200)

    def test_a_read_whose_client_leaves_is_cancelled(self):
        upstream = self.h2_upstream(lambda c: None)
        client = self.h2_client(self.proxy(upstream))
        stream = client.open()
        eventually(lambda: upstream.calls, "the request")
        client.reset(stream)
        eventually(lambda: upstream.calls[0].reset is not None, "the reset")
        self.assertEqual(len(upstream.peers), 1)

    def test_a_connection_on_which_nothing_is_heard_any_more_gets_no_new_requests(self):
        upstream = self.h2_upstream(lambda c: c.value(":path") == "/silent" or c.answer(b"%d" % c.connection))
        proxy = self.proxy(upstream, timeouts='upstream_head = "1s"')
        self.assertEqual(self.client(proxy).get().body, b"1")
        self.assertEqual(self.client(proxy).get("/silent").status, 504)
        self.assertEqual(self.client(proxy).get().body, b"2")
        eventually(lambda: upstream.peers[0].goodbye, "the end of the first")

    def test_a_slow_answer_beside_others_costs_the_connection_nothing(self):
        upstream = self.h2_upstream(lambda c: c.value(":path") == "/silent" or c.answer(b"%d" % c.connection))
        proxy = self.proxy(upstream, timeouts='upstream_head = "1s"')
        self.assertEqual(self.client(proxy).get().body, b"1")
        slow = self.client(proxy).send(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: len(upstream.calls) == 2, "the slow one")
        self.assertEqual(self.client(proxy).get().body, b"1")
        self.assertEqual(slow.read_response().status, 504)
        self.assertEqual(self.client(proxy).get().body, b"1")

    def test_a_head_beyond_the_bound_is_502(self):
        upstream = self.h2_upstream(lambda c: c.answer(b"hello", ("x-long", "x" * int(c.value(":path")[1:]))))
        proxy = self.proxy(upstream, limits='response_head_bytes = "4KB"')
        self.assertEqual(self.client(proxy).get("/2000").status, 200)
        self.assertEqual(self.client(proxy).get("/6000").status, 502)

    def test_an_unused_connection_is_closed_with_a_goodbye(self):
        upstream = self.h2_upstream()
        proxy = self.proxy(upstream, timeouts='upstream_idle = "100ms"')
        self.client(proxy).get()
        eventually(lambda: upstream.peers[0].goodbye, "the goodbye")
        self.assertEqual(self.client(proxy).get().status, 200)


class Operations(H2PoolCase):
    def test_readonly_waits_for_writes_over_http_2(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (c.value(":path") == "/slow" and go.wait(20), c.answer()))
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        write = client.open("POST", "/slow")
        eventually(lambda: upstream.calls, "the write")
        done = []
        switch = threading.Thread(target=lambda: done.append((proxy.mode("readonly")["result"], go.is_set())))
        switch.start()
        eventually(lambda: client.request("POST").status == 503, "the fence")
        self.assertEqual(done, [])
        go.set()
        self.assertEqual(client.finish(write).status, 200)
        switch.join(20)
        self.assertEqual(done, [("done", True)])

    def test_a_write_that_waits_for_room_goes_to_the_old_side_before_a_cutover_flips_or_nowhere(self):
        for makes_room in (True, False):
            blue = self.h2_upstream(settings=[(MAX_STREAMS, 0)])
            green = self.h2_upstream(lambda c: c.answer(b"green"))
            more = f'[pool.green]\nservers = ["{green.address}"]\n{POOL}'
            patience = "20s" if makes_room else "1s"
            proxy = self.proxy(blue, more=more, timeouts=f'upstream_connect = "{patience}"')
            client = self.h2_client(proxy)
            client.request()
            write = client.open("POST", "/waits")
            sites = lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0]  # noqa: E731, B023
            eventually(lambda: sites()["in_flight"]["writes"] == 1, "the write")
            done = []
            switch = threading.Thread(target=lambda: done.append(proxy.ctl("cutover", "web", "--to", "green")))  # noqa: B023
            switch.start()
            eventually(lambda: sites()["mode"] == "hold" or done, "the fence")  # noqa: B023
            if makes_room:
                blue.peers[0].send(SETTINGS, 0, 0, struct.pack(">HI", MAX_STREAMS, 1))
            client.finish(write)
            switch.join(20)
            self.assertEqual(done[0][0], 0, done)
            marked = write.value("drawbridge-not-processed")
            self.assertEqual((write.status, marked), (200, None) if makes_room else (503, "1"))
            self.assertEqual([c.value(":path") for c in blue.calls], ["/", "/waits"] if makes_room else ["/"])
            self.assertEqual(client.request("POST").body, b"green")

    def test_a_write_that_is_cut_while_it_waits_for_room_has_ended_and_its_outcome_is_known(self):
        blue = self.h2_upstream(settings=[(MAX_STREAMS, 0)])
        green = self.h2_upstream()
        more = f'[pool.green]\nservers = ["{green.address}"]\n{POOL}'
        proxy = self.proxy(blue, more=more, timeouts='upstream_connect = "20s"')
        client = self.h2_client(proxy)
        client.request()
        for command in (("mode", "readonly", "web"), ("cutover", "web", "--to", "green")):
            write = client.open("POST", "/waits")
            eventually(lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0]["in_flight"]["writes"] == 1, "the write")
            status, out, error = proxy.ctl(*command, "--drain", "50ms", "--cut")
            self.assertEqual((status, "unknown" in out), (0, False), (out, error))
            self.assertIn("ended meanwhile: 1 write", out)
            client.finish(write)
            self.assertEqual((write.status, write.value("drawbridge-not-processed")), (502, "1"))
            if command[0] == "mode":
                proxy.mode("live")
        self.assertEqual([c.value(":path") for c in blue.calls], ["/"])
        self.assertNotIn("unknown", proxy.ctl("history")[1])

    def test_max_connections_bounds_the_streams_of_a_server(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (go.wait(20), c.answer()))
        proxy = self.proxy(upstream, start=False)
        text = proxy.config.read_text(encoding="utf-8")
        table = f'{{ address = "{upstream.address}", max_connections = 2 }}'
        proxy.config.write_text(text.replace(f'"{upstream.address}"', table), encoding="utf-8")
        client = self.h2_client(proxy.start())
        streams = [client.open("POST") for _ in range(2)]
        eventually(lambda: len(upstream.calls) == 2, "two requests")
        third = client.request("POST")
        self.assertEqual((third.status, third.value("drawbridge-not-processed")), (503, "1"))
        go.set()
        self.assertEqual([client.finish(s).status for s in streams], [200, 200])
        self.assertEqual(client.request("POST").status, 200)

    def test_a_server_is_drained_of_its_streams(self):
        go = threading.Event()
        first = self.h2_upstream(lambda c: (c.value(":path") == "/slow" and go.wait(20), c.answer(b"first")))
        second = self.h2_upstream(lambda c: c.answer(b"second"))
        proxy = self.proxy(first, second, pool=POOL + '\nbalance = "round_robin"')
        client = self.h2_client(proxy)
        slow = [client.open("POST", "/slow") for _ in range(2)]
        eventually(lambda: first.calls, "the slow one")
        status, out, _ = proxy.ctl("server", "drain", "blue", first.address, "--drain", "100ms")
        self.assertEqual((status, go.is_set()), (4, False), out)
        self.assertEqual([bytes(client.request().body) for _ in range(4)], [b"second"] * 4)
        go.set()
        self.assertEqual(proxy.ctl("server", "drain", "blue", first.address)[0], 0)
        for stream in slow:
            self.assertEqual(client.finish(stream).status, 200)
        self.assertEqual(len(first.calls), 1)

    def test_health_is_asked_over_http_2(self):
        healthy = threading.Event()
        healthy.set()
        upstream = self.h2_upstream(lambda c: c.head(status="200" if healthy.is_set() else "500", end=True))
        pool = 'protocol = "h2c"\nhealth = { path = "/healthz", interval = "100ms", fall = 1, rise = 1 }'
        proxy = self.proxy(upstream, pool=pool)
        answers = lambda status: lambda: self.client(proxy).get().status == status  # noqa: E731
        eventually(answers(200), "a healthy server")
        healthy.clear()
        eventually(answers(503), "a server taken out")
        healthy.set()
        eventually(answers(200), "a server brought back")
        self.assertIn("/healthz", {call.value(":path") for call in upstream.calls})


if __name__ == "__main__":
    unittest.main()
