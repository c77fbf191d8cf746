"""The judge of crashes accepts what was acknowledged or in progress and nothing else."""

import unittest

from crash_account import Account, Order


def shown(site, order, **more):
    found = {"site": site, "mode": order.mode, "reason": order.reason, "by": "root (uid 0)"}
    if order.until or order.lasts:
        found |= {"until": order.until or "soon", "then": order.then}
    return found | more


def status(*sites, epoch=9, warnings=()):
    return {"epoch": epoch, "warnings": list(warnings), "sites": list(sites)}


FIRST = Order(1, ("shop", "devices"), "readonly")
SECOND = Order(2, ("shop", "devices"), "maintenance")
TIMED = Order(3, ("shop", "devices"), "readonly", lasts=0.1, then="maintenance")


class Crash(unittest.TestCase):
    def setUp(self):
        self.account = Account(("shop", "devices"))

    def give(self, order, acknowledged, now=0.0):
        self.account.send(order, now)
        if acknowledged:
            self.assertEqual(self.account.acknowledge(order.number), [])

    def judged(self, shop, devices, now=0.0, **more):
        return self.account.check_status(status(shown("shop", shop), shown("devices", devices), **more), now)

    def test_what_was_acknowledged_may_be_found(self):
        self.give(FIRST, True)
        self.assertEqual(self.judged(FIRST, FIRST), [])

    def test_what_was_in_progress_may_be_found(self):
        self.give(FIRST, True)
        self.give(SECOND, False)
        self.assertEqual(self.judged(SECOND, SECOND), [])

    def test_what_was_before_an_order_in_progress_may_be_found(self):
        self.give(FIRST, True)
        self.give(SECOND, False)
        self.assertEqual(self.judged(FIRST, FIRST), [])

    def test_what_is_older_than_the_last_acknowledged_may_not(self):
        self.give(FIRST, True)
        self.give(SECOND, True)
        self.assertIn("shop is in mode readonly", self.judged(FIRST, FIRST)[0])

    def test_what_was_found_once_stays(self):
        self.give(FIRST, True)
        self.give(SECOND, False)
        self.assertEqual(self.judged(SECOND, SECOND), [])
        self.assertNotEqual(self.judged(FIRST, FIRST), [])

    def test_what_was_not_found_does_not_come_later(self):
        self.give(FIRST, True)
        self.give(SECOND, False)
        self.assertEqual(self.judged(FIRST, FIRST), [])
        self.assertNotEqual(self.judged(SECOND, SECOND), [])

    def test_an_order_is_carried_out_at_all_its_sites_or_at_none(self):
        self.give(FIRST, True)
        self.give(SECOND, False)
        self.assertIn("order 2 was carried out in part", self.judged(SECOND, FIRST))

    def test_the_end_of_an_earlier_order_is_not_taken_for_that_of_one_that_was_not_carried_out(self):
        ends = {"mode": "live", "by": "timer"}
        earlier, later = (Order(number, sites, "readonly", lasts=0.1) for number, sites in
                          ((4, ("devices",)), (5, ("shop", "devices"))))
        self.give(FIRST, True)
        self.give(earlier, True)
        self.give(later, False, now=0.2)
        found = status(shown("shop", FIRST), {"site": "devices", **ends})
        self.assertEqual(self.account.check_status(found, now=0.4), [])

    def test_a_mode_may_have_ended_by_itself_when_its_time_is_over_and_not_before(self):
        after = {"mode": "maintenance", "by": "timer", "reason": "order 3"}
        for now, fits in ((0.05, False), (0.15, True)):
            self.setUp()
            self.give(TIMED, True)
            found = [{"site": site, **after} for site in ("shop", "devices")]
            self.assertEqual(self.account.check_status(status(*found), now) == [], fits, now)

    def test_a_mode_that_has_ended_does_not_come_back(self):
        self.give(TIMED, True)
        after = {"mode": "maintenance", "by": "timer", "reason": "order 3"}
        found = [{"site": site, **after} for site in ("shop", "devices")]
        self.assertEqual(self.account.check_status(status(*found), 1.0), [])
        self.assertNotEqual(self.judged(TIMED, TIMED, now=1.0), [])

    def test_the_end_of_a_mode_survives(self):
        order = Order(1, ("shop", "devices"), "readonly", until="2040-01-01T00:00:00Z")
        self.give(order, True)
        self.assertEqual(self.judged(order, order), [])
        self.assertNotEqual(self.judged(Order(1, order.sites, "readonly"), order), [])
        self.assertNotEqual(self.judged(Order(1, order.sites, "readonly", until="2041-01-01T00:00:00Z"), order), [])

    def test_epochs_only_grow(self):
        self.account.send(FIRST, 0.0)
        self.account.acknowledge(10)
        self.assertIn("the epoch went back from 10 to 9", self.judged(FIRST, FIRST, epoch=9))
        self.account.send(SECOND, 0.0)
        self.assertEqual(self.account.acknowledge(10), ["order 2 got epoch 10 after 10"])

    def test_state_that_had_to_be_repaired_is_a_problem(self):
        self.assertIn("a warning: the previous copy", self.account.check_status(
            status({"site": "shop", "mode": "live", "by": "config"}, {"site": "devices", "mode": "live", "by": "config"},
                   warnings=["the previous copy"]), 0.0))


class Audit(unittest.TestCase):
    def judged(self, *entries, fill=0):
        account = Account(("shop",))
        account.acknowledged = [1, 2, 3]
        account.dropped = {4}
        changes = [{"kind": "changed", "epoch": epoch, "reason": f"order {number}"} for epoch, number in entries]
        return account.check_history(changes + [{"kind": "ended", "epoch": 9}] * fill)

    def test_all_acknowledged_orders_are_there(self):
        self.assertEqual(self.judged((2, 1), (3, 2), (4, 3)), [])
        self.assertEqual(self.judged((3, 2), (4, 3), fill=998), [])

    def test_a_lost_order_is_found(self):
        self.assertIn("the history lost acknowledged orders: [2]", self.judged((2, 1), (4, 3)))
        self.assertIn("the history lost acknowledged orders: [1]", self.judged((3, 2), (4, 3)))
        self.assertIn("the history lost acknowledged orders: [2]", self.judged((2, 1), (4, 3), fill=998))

    def test_an_order_that_stands_twice_is_found(self):
        self.assertIn("the history has an order twice or out of turn", self.judged((2, 1), (3, 2), (4, 2), (5, 3)))

    def test_an_order_that_was_never_carried_out_is_found(self):
        self.assertIn("the history has orders that were not carried out: [4]",
                      self.judged((2, 1), (3, 2), (4, 3), (5, 4)))


if __name__ == "__main__":
    unittest.main()
