"""HTTP/2 to the letter: the rows of h2_conformance.py against the running program, one connection each."""

import struct
import unittest

import h2_conformance
from h2_case import H2Case
from harness import answer, h2_client
from harness.h2_client import GOAWAY, PREFACE, RST_STREAM

CODES = ("NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
         "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM").split()


class Conformance(H2Case):
    @classmethod
    def setUpClass(cls):
        cls.rows = [row for table in (h2_conformance.USUAL, h2_conformance.FRAMES, h2_conformance.MESSAGES) for row in table]

    def test_each_row_has_what_must_follow(self):
        proxy = self.proxy(self.upstream(lambda x: (x.read_body(), x.send(answer(b"a body of some length")))))
        for name, sentence, sent, follows in self.rows:
            with self.subTest(f"{name} {sentence}"), h2_client.H2Client(proxy.address) as client:
                self.greet(client)
                if callable(sent):
                    self.assertTrue(sent(client))
                else:
                    self.streams_of(client, sent)
                    client.send_raw(sent)
                self.check(client, *follows.split(maxsplit=1))

    def greet(self, client):
        """Until both sides' SETTINGS are acknowledged."""
        client.send(h2_client.PING, 0, 0, b"greeting")
        client.pump(lambda: client.pongs)
        client.pongs.clear()

    @staticmethod
    def streams_of(client, sent):
        """The client was not asked to open these."""
        at = 0
        while at < len(sent):
            number = int.from_bytes(sent[at + 5 : at + 9], "big") & 0x7FFFFFFF
            if sent[at + 3] == h2_client.HEADERS and number:
                client.streams.setdefault(number, h2_client.Stream(number))
            at += 9 + int.from_bytes(sent[at : at + 3], "big")

    def check(self, client, kind, rest=""):
        if kind == "answered":
            client.pump(lambda: sum(s.ended for s in client.streams.values()) == int(rest))
            self.assertEqual({s.status for s in client.streams.values()}, {200})
            self.check_lives(client)
        elif kind == "lives" and not rest:
            self.check_lives(client)
        elif kind == "lives":
            client.send(h2_client.PING, 0, 0, b"stillup!")
            while not client.pongs and client.read_frame():
                pass
            self.assertTrue(client.pongs or client.ended)
        else:
            self.check_error(client, kind, rest.split())

    def check_lives(self, client):
        client.send(h2_client.PING, 0, 0, b"stillup!")
        client.pump(lambda: b"stillup!" in client.pongs)
        self.assertEqual(client.goaway, [])

    def check_error(self, client, kind, codes):
        while frame := client.read_frame():
            if frame[0] == GOAWAY or (frame[0] == RST_STREAM and kind == "stream"):
                code = struct.unpack(">I", frame[3][4:8] if frame[0] == GOAWAY else frame[3])[0]
                self.assertIn(CODES[code], codes)
                break
        self.assertIsNotNone(frame, "the connection ended without a word")
        if frame[0] == GOAWAY:
            client.read_to_end()
        else:
            self.check_lives(client)

    def test_what_is_no_preface_ends_the_connection(self):
        proxy = self.proxy(self.upstream())
        for sent in (b"INVALID CONNECTION PREFACE\r\n\r\n", PREFACE[:-1] + b"!", PREFACE + h2_client.H2Client.frame(h2_client.PING, 0, 0, bytes(8))):
            with h2_client.H2Client(proxy.address, preface=False) as client:
                client.send_raw(sent)
                while client.sock.recv(65536):
                    pass

    def test_names_are_told_apart(self):
        names = [row[0] for row in self.rows]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 140)


if __name__ == "__main__":
    unittest.main()
