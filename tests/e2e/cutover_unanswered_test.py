"""A write whose server gives no answer while a cutover waits for it: nobody knows whether it has ended there."""

import threading
import unittest

from cutover_case import POST, CutoverCase
from harness import answer


class Unanswered(CutoverCase):
    def write_that_ends_in_the_drain_of(self, *arguments):
        """A write, and the cutover that waits for it: the last byte of the write is sent then."""
        write = POST % b"order"
        written = self.client(self.the_proxy).send(write[:-1])
        self.blue.wait_for_requests(1)
        running = self.cut_over(*arguments)
        self.until_stage("drain")
        return written.send(write[-1:]), running

    def test_a_write_whose_server_gives_no_answer_turns_it_back_before_its_command(self):
        proxy = self.shop(timeouts="upstream_head = '700ms'")
        hung = threading.Event()
        self.addCleanup(hung.set)
        self.blue.script = lambda exchange: (exchange.read_body(), exchange.wait(hung))
        touched = proxy.folder / "touched"
        written, running = self.write_that_ends_in_the_drain_of("--run", f"touch {touched}")
        status, out, error = self.end_of(running)
        self.assertEqual((status, touched.exists()), (1, False), out + error)
        self.assertIn("not on green, but on blue as before: the outcome of 1 write is unknown", out)
        self.assertRegex(out, r"not answered by their server.*\n.*SERVER\n.*POST +/order +%s\n" % self.blue.address)
        self.assertIn("with --cut it goes on all the same", out)
        self.assertEqual(written.read_response("POST").status, 504)
        hung.set()
        self.blue.script = answer(b"blue")
        self.assert_on("blue")
        # Again: now it is one of before, which is said in time and does not stop it.
        status, out, error = self.end_of(self.cut_over("--run", f"touch {touched}"))
        self.assertEqual((status, touched.exists()), (0, True), out + error)
        said = r"before this command 1 write ended without its server's whole answer, the last one .* ago"
        self.assertRegex(error.split("held and drained")[0], said)
        self.assertRegex(out, said)
        self.assert_on("green")

    def test_with_cut_it_goes_on_and_names_the_write_that_had_no_answer(self):
        self.shop(timeouts="upstream_head = '700ms'")
        hung = threading.Event()
        self.addCleanup(hung.set)
        self.blue.script = lambda exchange: (exchange.read_body(), exchange.wait(hung))
        _, running = self.write_that_ends_in_the_drain_of("--cut")
        status, out, error = self.end_of(running)
        self.assertEqual(status, 0, out + error)
        self.assertRegex(out, r"not answered by their server.*\n.*SERVER\n.*POST +/order +%s\n" % self.blue.address)
        self.assert_on("green")


if __name__ == "__main__":
    unittest.main()
