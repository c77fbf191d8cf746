"""The judge of histories accepts what a proxy may do and finds each thing that it must not."""

import dataclasses
import unittest

from flips_history import Command, History, Request, Stay, check, count_drained

# One site: read-only is commanded at 100 and returns at 110, live at 200 and 210, maintenance at 300 and 310.
COMMANDS = [Command("shop", "readonly", 100, 110), Command("shop", "live", 200, 210),
            Command("shop", "maintenance", 300, 310)]


def forwarded(id, kind, start, arrived, ended, end):
    return Request(id, "shop", kind, start, end), Stay(id, arrived, ended)


def refused(id, kind, start, end, mode):
    return Request(id, "shop", kind, start, end, 503, True, mode), None


def history(*exchanges, commands=COMMANDS):
    return History([request for request, _ in exchanges], [stay for _, stay in exchanges if stay], list(commands))


class Honest(unittest.TestCase):
    def accepted(self, *exchanges, commands=COMMANDS):
        self.assertEqual(check(history(*exchanges, commands=commands)), [])

    def test_live_forwards_all(self):
        self.accepted(forwarded("r", "read", 10, 12, 14, 16), forwarded("w", "write", 10, 12, 14, 16))

    def test_readonly_forwards_reads_and_refuses_writes(self):
        self.accepted(forwarded("r", "read", 120, 122, 124, 126), refused("w", "write", 120, 126, "readonly"))

    def test_maintenance_refuses_all_but_what_is_exempt(self):
        self.accepted(forwarded("e", "exempt", 320, 322, 324, 326), refused("r", "read", 320, 326, "maintenance"),
                      refused("w", "write", 320, 326, "maintenance"))

    def test_while_a_command_runs_both_modes_will_do(self):
        self.accepted(refused("w", "write", 101, 109, "readonly"), forwarded("v", "write", 90, 101, 108, 109))

    def test_a_write_may_arrive_before_a_command_returns_and_after_the_next_is_sent(self):
        self.accepted(forwarded("w", "write", 90, 95, 109, 150), forwarded("v", "write", 150, 201, 205, 206))

    def test_a_read_may_stay_over_a_readonly_window(self):
        self.accepted(forwarded("r", "read", 10, 12, 290, 295))

    def test_a_request_that_saw_three_modes_may_be_answered_by_any(self):
        self.accepted(refused("w", "write", 50, 305, "readonly"), refused("v", "write", 50, 305, "maintenance"))

    def test_in_hold_writes_wait_for_the_next_mode(self):
        commands = [Command("shop", "hold writes", 100, 110), Command("shop", "live", 200, 210)]
        self.accepted(forwarded("w", "write", 120, 203, 205, 206), forwarded("r", "read", 120, 122, 124, 126),
                      commands=commands)

    def test_a_request_whose_client_left_may_have_arrived_or_not(self):
        left = Request("w", "shop", "write", 10, 12, left=True)
        self.accepted((left, None))
        self.accepted((left, Stay("w", 12, 105)))

    def test_a_read_whose_client_left_may_be_given_up(self):
        self.accepted((Request("r", "shop", "read", 10, 12, left=True), Stay("r", 11, None)))

    def test_sites_are_apart(self):
        other = Request("o", "devices", "write", 120, 126)
        self.accepted(refused("w", "write", 120, 126, "readonly"), (other, Stay("o", 122, 124)))

    def test_what_had_to_be_waited_for_is_counted(self):
        waited = forwarded("w", "write", 90, 95, 109, 150), forwarded("r", "read", 90, 95, 109, 150)
        self.assertEqual(count_drained(history(*waited)), 1)


class Falsified(unittest.TestCase):
    def found(self, sentence, *exchanges, commands=COMMANDS):
        problems = check(history(*exchanges, commands=commands))
        self.assertTrue(any(sentence in problem for problem in problems), problems)

    def test_a_write_that_arrives_after_readonly_has_returned(self):
        self.found("arrived at a server after mode readonly had returned",
                   forwarded("w", "write", 90, 111, 115, 120))

    def test_a_write_that_had_not_ended_when_readonly_returned(self):
        self.found("was still at a server after mode readonly had returned",
                   forwarded("w", "write", 90, 95, 111, 120))

    def test_a_write_that_never_ended(self):
        self.found("was still at a server after mode readonly had returned", forwarded("w", "write", 90, 95, None, 99))

    def test_a_write_that_arrives_just_before_the_next_command_is_sent(self):
        self.found("arrived at a server after mode readonly had returned",
                   forwarded("w", "write", 90, 199, 220, 230))

    def test_a_write_in_flight_when_readonly_returned_though_its_client_left(self):
        left = Request("w", "shop", "write", 90, 95, left=True)
        self.found("was still at a server after mode readonly had returned", (left, Stay("w", 94, 111)))
        self.found("was still at a server after mode readonly had returned", (left, Stay("w", 94, None)))
        self.found("was left by its client and reached servers 2 times", (left, Stay("w", 94, 95)), (left, Stay("w", 96, 97)))

    def test_a_write_forwarded_in_hold(self):
        self.found("was forwarded in mode hold writes", forwarded("w", "write", 120, 122, 124, 126),
                   commands=[Command("shop", "hold writes", 100, 110)])

    def test_a_read_that_had_not_ended_when_maintenance_returned(self):
        self.found("was still at a server after mode maintenance had returned",
                   forwarded("r", "read", 290, 295, 311, 320))

    def test_a_write_forwarded_in_readonly(self):
        self.found("was forwarded in mode readonly", forwarded("w", "write", 120, 122, 124, 126))

    def test_a_write_refused_in_live(self):
        self.found("was refused by mode readonly in mode live", refused("w", "write", 220, 226, "readonly"))

    def test_a_write_refused_before_readonly_was_sent(self):
        self.found("was refused by mode readonly in mode live", refused("w", "write", 90, 99, "readonly"))

    def test_a_read_refused_by_readonly(self):
        self.found("which admits it", refused("r", "read", 120, 126, "readonly"))

    def test_an_exempt_request_refused_by_maintenance(self):
        self.found("which admits it", refused("e", "exempt", 320, 326, "maintenance"))

    def test_a_refused_request_that_reached_a_server(self):
        request, _ = refused("w", "write", 105, 126, "readonly")
        self.found("was refused as not processed and reached a server", (request, Stay("w", 106, 108)))

    def test_a_write_that_reached_servers_twice(self):
        request, stay = forwarded("w", "write", 10, 12, 14, 20)
        self.found("reached servers 2 times", (request, stay), (request, dataclasses.replace(stay, arrived=15)))

    def test_an_answer_that_no_server_gave(self):
        self.found("reached servers 0 times", (Request("r", "shop", "read", 10, 16), None))

    def test_a_request_that_no_client_sent(self):
        problems = check(History([], [Stay("x", 12, 14)], COMMANDS))
        self.assertIn("x reached a server and no client sent it", problems)

    def test_an_answer_with_another_status(self):
        request, stay = forwarded("r", "read", 10, 12, 14, 16)
        for status, not_processed in ((502, False), (503, False), (504, False), (400, True)):
            self.found(f"failed with status {status}",
                       (dataclasses.replace(request, status=status, refused=not_processed), stay))

    def test_a_connection_that_was_reset(self):
        request, stay = forwarded("r", "read", 10, 12, 14, 16)
        self.found("failed: reset", (dataclasses.replace(request, failure="reset"), stay))

    def test_a_change_that_was_not_one_instant(self):
        self.found("command 1 was not one instant", refused("w", "write", 98, 103, "readonly"),
                   forwarded("v", "write", 104, 105, 106, 107))

    def test_a_command_that_did_not_end_well(self):
        self.found("mode readonly ended as outstanding",
                   commands=[Command("shop", "readonly", 100, 110, "outstanding")])

    def test_commands_that_overlap(self):
        self.found("was sent before the one before it returned",
                   commands=[COMMANDS[0], Command("shop", "live", 105, 115)])


if __name__ == "__main__":
    unittest.main()
