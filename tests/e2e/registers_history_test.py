"""The judge of counters, on histories that are right and on histories made wrong in one point."""

import random
import unittest

from registers_history import INCREMENT, READ, Operation, check, parse


def increment(value, start, end, *, client=1, register=0, status=200):
    return Operation(client, INCREMENT, register, status, value, start, end)


def read(value, start, end, *, client=2, register=0, status=200):
    return Operation(client, READ, register, status, value, start, end)


def make_history(seed, count=400, registers=3):
    """A history of a real counter: each operation takes effect at a random instant of its own."""
    dice = random.Random(seed)
    moments = sorted((dice.randrange(10_000), number) for number in range(count))
    values, history = dict.fromkeys(range(registers), 0), []
    for moment, number in moments:
        register, is_read = dice.randrange(registers), dice.random() < 0.5
        values[register] += not is_read
        start, end = moment - dice.randrange(1, 50), moment + dice.randrange(1, 50)
        history.append(Operation(number % 8, READ if is_read else INCREMENT, register, 200, values[register], start, end))
    return history, values


class RightHistories(unittest.TestCase):
    def test_what_a_counter_answers_is_right(self):
        for seed in range(50):
            with self.subTest(seed=seed):
                self.assertEqual(check(*make_history(seed)), [])

    def test_operations_that_overlap_may_come_in_either_order(self):
        self.assertEqual(check([increment(1, 0, 10), read(0, 5, 20), read(1, 5, 7)], {0: 1}), [])
        self.assertEqual(check([increment(2, 0, 10), increment(1, 5, 20, client=3)], {0: 2}), [])

    def test_registers_have_nothing_to_do_with_each_other(self):
        self.assertEqual(check([increment(1, 0, 1), read(0, 2, 3, register=7)], {0: 1, 7: 0}), [])

    def test_no_history_is_a_right_one(self):
        self.assertEqual(check([], {}), [])

    def test_a_line_is_read_as_it_is_written(self):
        self.assertEqual(parse("3 i 7 200 12 100 250\n"), [Operation(3, INCREMENT, 7, 200, 12, 100, 250)])


class WrongHistories(unittest.TestCase):
    def assert_finds(self, sentence, history, finals):
        problems = check(history, finals)
        self.assertTrue(any(sentence in problem for problem in problems), problems)

    def test_a_lost_increment_is_found_by_what_is_left(self):
        self.assert_finds("ends at 1 and not 2", [increment(1, 0, 1), increment(2, 2, 3)], {0: 1})

    def test_a_lost_increment_is_found_by_the_value_that_comes_twice(self):
        self.assert_finds("2 increments were answered 1", [increment(1, 0, 1), increment(1, 2, 3)], {0: 1})

    def test_a_doubled_increment_is_found_by_the_value_that_nobody_got(self):
        self.assert_finds("nobody was answered 2", [increment(1, 0, 1), increment(3, 2, 3)], {0: 3})

    def test_a_doubled_last_increment_is_found(self):
        self.assert_finds("ends at 2 and not 1", [increment(1, 0, 1)], {0: 2})

    def test_a_read_that_goes_back_in_time_is_found(self):
        history = [increment(1, 0, 1), increment(2, 2, 3), read(1, 4, 5)]
        self.assert_finds("back in time: client 2, read", history, {0: 2})

    def test_a_client_that_had_seen_more_is_named(self):
        history = [increment(1, 0, 1), increment(2, 2, 9), read(2, 4, 5), read(1, 6, 7)]
        self.assert_finds("which this client had seen", history, {0: 2})

    def test_a_read_of_what_is_not_written_yet_is_found(self):
        self.assert_finds("back in time: client 1, increment", [read(1, 0, 1), increment(1, 2, 3)], {0: 1})

    def test_an_increment_that_answers_less_than_one_before_it_is_found(self):
        history = [increment(2, 0, 1), increment(1, 2, 3)]
        self.assert_finds("back in time: client 1, increment", history, {0: 2})

    def test_what_was_not_answered_well_is_found(self):
        for status in (0, 502, 503):
            self.assert_finds("refused or lost", [increment(1, 0, 1), read(0, 2, 3, status=status)], {0: 1})

    def test_one_operation_made_wrong_in_a_long_history_is_found(self):
        for seed in range(50):
            history, finals = make_history(seed)
            dice = random.Random(seed)
            at = dice.choice([n for n, one in enumerate(history) if one.kind == INCREMENT])
            wrong = history[at]._replace(value=history[at].value + dice.choice((-1, 1)))
            with self.subTest(seed=seed):
                self.assertNotEqual(check(history[:at] + [wrong] + history[at + 1:], finals), [])


if __name__ == "__main__":
    unittest.main()
