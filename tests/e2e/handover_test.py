"""The listening sockets of proxyd outlive it: what it leaves to a supervisor, what it takes over, and what it makes of a
supervisor that is wrong."""

import contextlib
import os
import pathlib
import socket
import tempfile
import unittest

from handover_case import SECOND, HandoverCase, listening, listens_at
from harness import KeptProxy, TestClient, eventually


class Keeping(HandoverCase):
    def test_every_socket_is_kept_before_the_start_is_reported(self):
        proxy = self.kept(workers=3, more=SECOND)
        eventually(lambda: proxy.supervisor.has_heard(READY="1"), "READY=1")
        kinds = [next(iter(message)) for message in proxy.supervisor.said]
        self.assertEqual([kind for kind in kinds if kind in ("FDSTORE", "READY")], ["FDSTORE"] * 7 + ["READY"])
        self.assertEqual([proxy.supervisor.keeps(address) for address in proxy.addresses], [3, 3])

    def test_names_are_one_a_socket_so_that_one_can_be_taken_back(self):
        proxy = self.kept(workers=3)
        proxy.wait_until_kept(3)
        self.assertEqual(len({name for name, _ in proxy.supervisor.kept()}), 3)

    def test_clients_that_come_while_no_process_runs_wait_and_are_answered_by_the_next(self):
        for end in (KeptProxy.end, KeptProxy.kill):
            with self.subTest(end.__name__):
                proxy = self.kept(workers=2).fix_addresses()
                proxy.wait_until_kept(2)
                end(proxy)
                waiting = [self.client(proxy) for _ in range(8)]
                for client in waiting:
                    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                proxy.start()
                self.assertEqual([client.read_response().status for client in waiting], [200] * 8)

    def test_the_next_process_opens_no_socket_that_it_was_handed(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.wait_until_kept(2)
        before = proxy.supervisor.kept()
        proxy.restart()
        self.assertIn("sockets_taken_over count=2", proxy.said)
        self.serves(proxy)
        self.assertEqual(proxy.supervisor.kept(), before)

    def test_a_stop_is_announced(self):
        proxy = self.kept()
        proxy.end()
        eventually(lambda: proxy.supervisor.has_heard(STOPPING="1"), "STOPPING=1")

    def test_a_stop_asks_for_the_time_that_newcomers_may_take_behind_the_grace(self):
        proxy = self.kept()
        proxy.end()
        eventually(lambda: proxy.supervisor.has_heard(STOPPING="1"), "STOPPING=1")
        asked = next(int(said["EXTEND_TIMEOUT_USEC"]) for said in proxy.supervisor.said if "STOPPING" in said)
        self.assertGreater(asked, (10 + 10) * 1_000_000)

    def test_a_supervisor_that_is_gone_is_named_and_nothing_else_fails(self):
        proxy = self.kept(start=False)
        os.unlink(proxy.supervisor.address)
        proxy.start()
        self.assertIn("service_manager_unreachable", proxy.said)
        self.serves(proxy, 3)
        proxy.end()
        self.assertIn("newcomers=refused", proxy.said)


class Changes(HandoverCase):
    def test_more_workers_get_sockets_of_their_own_and_they_are_kept_too(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.wait_until_kept(2)
        proxy.edit(("workers = 2", "workers = 4"))
        proxy.restart()
        proxy.wait_until_kept(4)
        self.serves(proxy, 40)

    def test_fewer_workers_accept_on_all_the_sockets_there_are(self):
        for fewer in (2, 3):
            with self.subTest(workers=fewer):
                proxy = self.kept(workers=4).fix_addresses()
                proxy.wait_until_kept(4)
                proxy.edit(("workers = 4", f"workers = {fewer}"))
                proxy.restart()
                self.serves(proxy, 40)
                self.assertEqual(len(proxy.supervisor.kept()), 4)

    def test_a_listener_that_was_taken_out_is_closed_for_clients_and_kept_no_more(self):
        proxy = self.kept(workers=2, more=SECOND).fix_addresses()
        proxy.wait_until_kept(4)
        gone = proxy.addresses[1]
        proxy.edit((SECOND.replace(":0", f":{gone[1]}"), ""))
        proxy.restart()
        self.assertFalse(listens_at(gone))
        self.assertIn("handed_over_unwanted", proxy.said)
        self.serves(proxy)
        proxy.wait_until_kept(2)
        self.assertTrue(proxy.supervisor.has_heard(FDSTOREREMOVE="1"))

    def test_a_listener_that_was_added_is_kept_with_the_others(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.wait_until_kept(2)
        proxy.config.write_text(proxy.config.read_text() + SECOND)
        proxy.restart()
        proxy.wait_until_kept(4)
        self.assertEqual([proxy.supervisor.keeps(address) for address in proxy.addresses], [2, 2])

    def test_an_address_may_be_written_in_another_way(self):
        proxy = self.kept(workers=2, start=False)
        proxy.edit(('"127.0.0.1:0"', '"[::1]:0"'))
        proxy.start()
        proxy.wait_until_kept(2)
        proxy.edit(("[::1]:0", f"[0:0::1]:{proxy.address[1]}"))
        proxy.restart()
        self.assertIn("sockets_taken_over count=2", proxy.said)
        self.serves(proxy)

    def test_an_address_that_became_every_address_is_listened_on_at_once(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.wait_until_kept(2)
        port = proxy.address[1]
        proxy.edit((f"127.0.0.1:{port}", f"0.0.0.0:{port}"))
        proxy.restart()
        self.serves(proxy)
        proxy.wait_until_kept(2)

    def test_an_address_can_be_added_beside_every_address_of_its_port_and_the_other_way_round(self):
        for there, added in (("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "[::]")):
            with self.subTest(there=there, added=added):
                proxy = self.kept(start=False)
                proxy.edit(('"127.0.0.1:0"', f'"{there}:0"'))
                proxy.start()
                proxy.edit((f"{there}:0", f"{there}:{proxy.address[1]}"))
                proxy.config.write_text(proxy.config.read_text() + SECOND.replace("127.0.0.1:0", f"{added}:{proxy.address[1]}"))
                proxy.restart()
                proxy.wait_until_kept(4)

    def test_a_start_that_fails_has_closed_nothing_and_who_waits_is_answered_when_the_file_is_right_again(self):
        proxy = self.kept(workers=2, more=SECOND).fix_addresses()
        proxy.wait_until_kept(4)
        before = proxy.config.read_text()
        gone = proxy.addresses[1]
        other = listening()
        self.addCleanup(other.close)
        proxy.end()
        waiting = TestClient(gone)
        self.addCleanup(waiting.close)
        waiting.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.edit((f'"127.0.0.1:{gone[1]}"', f'"127.0.0.1:{other.getsockname()[1]}"'))
        self.fails_to_start(proxy)
        proxy.config.write_text(before)
        proxy.start()
        self.assertEqual(waiting.read_response().status, 200)

    def test_a_start_that_fails_gives_back_an_address_that_was_in_the_way(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.wait_until_kept(2)
        before = proxy.config.read_text()
        port = proxy.address[1]
        other = listening()
        self.addCleanup(other.close)
        proxy.end()
        proxy.edit((f"127.0.0.1:{port}", f"0.0.0.0:{port}"))
        proxy.config.write_text(proxy.config.read_text() + SECOND.replace(":0", f":{other.getsockname()[1]}"))
        self.fails_to_start(proxy)
        waiting = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.config.write_text(before)
        proxy.start()
        self.assertEqual(waiting.read_response().status, 200)

    def fails_to_start(self, proxy):
        proxy.launch()
        self.assertEqual(proxy.wait(), 1)
        self.assertIn("another program has this port", proxy.said)
        proxy.process = None

    def test_an_address_that_is_anothers_ends_the_start_also_beside_sockets_that_were_handed_over(self):
        proxy = self.kept().fix_addresses()
        other = listening()
        self.addCleanup(other.close)
        proxy.config.write_text(proxy.config.read_text() + SECOND.replace(":0", f":{other.getsockname()[1]}"))
        proxy.end()
        proxy.launch()
        self.assertEqual(proxy.wait(), 1)
        self.assertIn("another program has this port", proxy.said)
        proxy.process = None


class OtherSupervisors(HandoverCase):
    def test_one_socket_from_elsewhere_serves_all_workers(self):
        for share in (True, False):
            with self.subTest(SO_REUSEPORT=share):
                sock = listening(share=share)
                proxy = self.handed([sock], workers=3).start()
                self.serves(proxy)
                proxy.end()
                with self.client(proxy) as client:
                    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    proxy.start()
                    self.assertEqual(client.read_response().status, 200)

    def test_one_that_no_listener_wants_stops_listening_for_whoever_holds_it(self):
        wanted, unwanted = listening(), listening()
        proxy = self.handed([wanted, unwanted], workers=1).start()
        self.assertFalse(listens_at(unwanted.getsockname()))
        self.serves(proxy, 3)

    def test_a_blocking_socket_stops_no_worker(self):
        sock = listening()
        sock.setblocking(True)
        proxy = self.handed([sock], workers=1).start()
        self.serves(proxy)

    def test_the_same_socket_twice_is_used_once_and_said(self):
        sock = listening()
        again = socket.socket(fileno=os.dup(sock.fileno()))
        proxy = self.handed([sock, again], workers=1).start()
        self.assertIn("twice", proxy.said)
        self.serves(proxy)

    def test_what_is_no_listening_socket_is_left_out_and_said(self):
        sock = listening()
        bound = socket.socket()
        datagrams = socket.socket(type=socket.SOCK_DGRAM)
        local = socket.socket(socket.AF_UNIX)
        local.bind(tempfile.mkdtemp() + "/sock")
        local.listen()
        with pathlib.Path("/dev/null").open("rb") as file:
            proxy = self.handed([sock, bound, datagrams, local], workers=1)
            proxy.more_handed.append(file.fileno())
            proxy.start()
        for reason in ("4: it does not listen", "5: it is no TCP socket", "6: it is no TCP socket", "7: it is no socket"):
            self.assertIn(reason, proxy.said)
        self.serves(proxy)

    def test_a_number_that_is_not_open_is_said_and_never_one_of_ours(self):
        proxy = self.handed([listening()], workers=1, told={"LISTEN_FDS": "6"}).start()
        self.assertEqual(proxy.said.count("it is not open"), 5)
        self.serves(proxy)

    def test_descriptors_for_another_process_are_not_touched(self):
        proxy = self.handed([listening()], workers=1, told={"LISTEN_PID": "1"})
        proxy.launch()
        self.assertEqual(proxy.wait(), 1)
        self.assertIn("another program has this port", proxy.said)
        self.assertIn("not for this one", proxy.said)
        proxy.process = None

    def test_a_count_that_is_no_number_fails_the_start_and_says_who_is_wrong(self):
        for count in ("x", "-1", "3x", "99999999"):
            with self.subTest(count):
                proxy = self.handed([listening()], told={"LISTEN_FDS": count})
                proxy.launch()
                self.assertEqual(proxy.wait(), 1)
                self.assertIn(f"LISTEN_FDS is '{count}'", proxy.said)
                proxy.process = None

    def test_what_is_said_of_another_process_is_none_of_ours_whatever_it_says(self):
        for told in ({"LISTEN_PID": "1", "LISTEN_FDS": "x"}, {"LISTEN_PID": "x", "LISTEN_FDS": "1"}):
            with self.subTest(**told):
                proxy = self.kept(kept=False, told=told)
                self.assertIn("not for this one", proxy.said)
                self.serves(proxy, 3)

    def test_a_count_of_nothing_is_nothing(self):
        self.serves(self.kept(kept=False, told={"LISTEN_FDS": "0"}), 3)

    def test_no_child_could_inherit_a_socket(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.wait_until_kept(2)
        proxy.restart()
        # The session of an operator may be open for a moment.
        eventually(lambda: not self.inheritable(proxy.process.pid), "every socket that stays to close on exec")

    def inheritable(self, pid):
        """Its sockets that a program it starts would get, by their numbers."""
        found = []
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                facts = pathlib.Path(f"/proc/{pid}/fdinfo/{number}").read_text()
                closes = int(facts.split("flags:")[1].split()[0], 8) & os.O_CLOEXEC
                is_socket = os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:")
                found += [number] if is_socket and not closes and int(number) > 2 else []
        return found


if __name__ == "__main__":
    unittest.main()
