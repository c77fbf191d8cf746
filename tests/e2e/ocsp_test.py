"""OCSP staples: what a responder has signed reaches the client, until it is stale, and nothing else does."""

import datetime
import json
import re
import subprocess
import unittest

from harness import Certificates, ProxyCase, answer, eventually


class Staples(ProxyCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.made.issue("shop", "DNS:a.example")
        cls.made.issue("other", "DNS:b.example")

    def respond(self, name="shop", status="good"):
        """What a responder of the authority says of the certificate, as DER."""
        serial = subprocess.run(["openssl", "x509", "-in", self.made.pem(name), "-noout", "-serial"], check=True,
                                capture_output=True, text=True).stdout.strip().split("=")[1]
        line = {"good": f"V\t300101000000Z\t\t{serial}\tunknown\t/CN={name}\n",
                "revoked": f"R\t300101000000Z\t250101000000Z\t{serial}\tunknown\t/CN={name}\n"}[status]
        (self.made.folder / "index.txt").write_text(line)
        self.made.openssl("ocsp", "-issuer", "ca.pem", "-cert", self.made.pem(name), "-reqout", "asked.der", "-no_nonce")
        self.made.openssl("ocsp", "-index", "index.txt", "-rsigner", "ca.pem", "-rkey", "ca.key", "-CA", "ca.pem",
                          "-reqin", "asked.der", "-respout", "said.der", "-ndays", "1")
        return (self.made.folder / "said.der").read_bytes()

    def ending(self, seconds):
        """A response that is good for so long. (Its signature is broken: Drawbridge does not judge what it passes on.)"""
        said = self.respond()
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        next_update = b"\xa0\x11\x18\x0f" + end.strftime("%Y%m%d%H%M%SZ").encode()
        staple, found = re.subn(rb"\xa0\x11\x18\x0f\d{14}Z", next_update, said)
        self.assertEqual(found, 1)
        return staple

    def stapled(self, staple, **options):
        self.staple = self.made.folder / "shop.ocsp"
        self.put(staple)
        table = self.made.table("shop", f', ocsp_staple = "{self.staple}"')
        return self.proxy(self.upstream(answer(b"here")), listener=f"tls = {table}", **options)

    def put(self, staple):
        new = self.made.folder / "new.ocsp"
        new.write_bytes(staple)
        new.rename(self.staple)

    def shown(self, proxy, version="-tls1_3"):
        """What `openssl s_client -status` finds, and whether it verifies."""
        host, port = proxy.address
        done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", "a.example", "-status",
                               version, "-CAfile", self.made.ca], input=b"", capture_output=True, timeout=20, check=False)
        out = done.stdout.decode(errors="replace")
        self.assertIn("Verify return code: 0 (ok)", out)
        if "OCSP response: no response sent" in out:
            return None
        self.assertIn("OCSP Response Status: successful", out)
        return out.split("Cert Status: ")[1].split("\n")[0]

    def test_a_client_that_asks_gets_what_the_responder_signed(self):
        proxy = self.stapled(self.respond())
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual(self.shown(proxy, version), "good")
        certificate = json.loads(proxy.ctl("status", "--json")[1])["certificates"][0]
        self.assertIn("staple_until", certificate)

    def test_a_new_file_is_what_is_sent_from_then_on(self):
        proxy = self.stapled(self.respond())
        self.assertEqual(self.shown(proxy), "good")
        self.put(self.respond("shop", "revoked"))
        eventually(lambda: self.shown(proxy) == "revoked", "the new staple")

    def test_garbage_is_refused_and_the_old_one_stays(self):
        proxy = self.stapled(self.respond())
        for staple, reason in ((b"nonsense", "no OCSP response in DER form"),
                               (self.respond("other"), "about another certificate")):
            self.put(staple)
            proxy.wait_until_said(f"certificate_refused.*{reason}")
            self.assertEqual(self.shown(proxy), "good")
            self.assertIn(reason, proxy.ctl("doctor")[1])
        self.put(self.respond())
        proxy.wait_until_said("certificate_read")

    def test_a_stale_one_is_not_sent_and_that_is_said(self):
        proxy = self.stapled(self.ending(2))
        proxy.wait_until_said("ocsp_staple_expired")
        self.assertIsNone(self.shown(proxy))
        for command in ("status", "doctor"):
            self.assertIn("OCSP staple of", proxy.ctl(command)[1])
        self.assertEqual(proxy.said.count("ocsp_staple_expired"), 1)
        self.put(self.respond())
        eventually(lambda: self.shown(proxy) == "good", "the fresh staple")
        self.assertNotIn("OCSP staple of", proxy.ctl("status")[1])


if __name__ == "__main__":
    unittest.main()
