"""Walks through every state of the hand-over (handover.py) and holds the rules against each.

    handover_test.py                the short form: up to two faults; every mistake needs but one
    handover_test.py --faults 3     by hand
    handover_test.py --traces       every mistake with the shortest way to the rule it breaks"""

import argparse
import collections
import pathlib
import sys
import time
import unittest

from handover import MESSAGES, ORDERS, Model, State

FAULTS = 1  # in the search for a mistake


# Each: @return None, or what is wrong.


def still_true(s):
    """The history without what a new stream took back and said so."""
    bounds = (*s.lasts, 1 << 30)
    return [(number, m) for stream, number, m in s.history if number <= bounds[stream]]


def on_disk(s, model):
    if not model.disk:
        return None  # `os` promises this for a killed process only
    durable = {m for _, m in s.journal[:s.synced]}
    return next((m for m in MESSAGES if m not in s.kept and m not in durable), None)


def numbered_once(s, _model):
    messages = [m for _, m in s.journal]
    return next((m for m in MESSAGES if messages.count(m) > 1), None)


def no_hole(s, _model):
    numbers = [number for number, _ in s.journal]
    return None if numbers == list(range(1, len(numbers) + 1)) else numbers


def stays_true(s, _model):
    if s.sub_stream != s.stream:
        return None  # it has not heard yet
    complete = dict(s.journal)
    return next((entry for entry in still_true(s) if entry[0] <= s.head and complete.get(entry[0]) != entry[1]), None)


def delivered_up_to_cursor(s, _model):
    if s.sub_stream != s.stream:
        return None
    had = set(still_true(s))
    return next((record for record in s.journal if record[0] <= min(s.cursor, s.head) and record not in had), None)


def in_order(s, model):
    for topic in set(model.topic.values()):
        numbers = [number for number, m in still_true(s) if model.topic[m] == topic]
        expected = [number for number, m in s.journal if model.topic[m] == topic and number <= max(numbers, default=0)]
        if numbers != sorted(set(numbers)) or (s.sub_stream == s.stream and not set(numbers) >= set(expected)):
            return numbers
    return None


RULES = {
    "a message that MNS gave up is on the disk": on_disk,
    "a message is numbered once": numbered_once,
    "numbers run on without a hole": no_hole,
    "what was delivered stays true": stays_true,
    "everything up to the cursor was delivered": delivered_up_to_cursor,
    "a topic's numbers come in order, each once, none left out": in_order,
}


def unfinished(s, model):
    """When nothing more can happen: is everything where it belongs? @return None or what is missing."""
    records = {m for _, m in s.journal}
    if model.disk and (s.kept or records != set(MESSAGES)):
        return f"never arrived: MNS still has {s.kept!r}, the journal {records}"
    missing = [record for record in s.journal if record not in still_true(s)]
    return f"never delivered: {missing}" if missing or s.cursor != s.head else None


class Violation(Exception):
    """A rule does not hold; `trace` is a shortest way there."""

    def __init__(self, rule, detail, trace):
        super().__init__(f"{rule}: {detail}")
        self.rule, self.detail, self.trace = rule, detail, trace


def judge(s, model, steps):
    for rule, broken in RULES.items():
        detail = broken(s, model)
        if detail is not None:
            return rule, detail
    if not steps:
        detail = unfinished(s, model)
        if detail is not None:
            return "in the end everything is where it belongs", detail
    return None


def walk(model, faults=FAULTS):
    """Breadth first, so that a violation's trace is a shortest one. @return how many states there are."""
    start = State(faults=faults)
    came = {start: None}
    queue = collections.deque([start])
    while queue:
        s = queue.popleft()
        steps = list(model.steps(s))
        verdict = judge(s, model, steps)
        if verdict:
            raise Violation(*verdict, trace_to(s, came))
        for label, after in steps:
            if after not in came:
                came[after] = (s, label)
                queue.append(after)
    return len(came)


def trace_to(s, came):
    labels = []
    while came[s] is not None:
        s, label = came[s]
        labels.append(label)
    return labels[::-1]


CONFIGURATIONS = [(disk, topics) for disk in (True, False) for topics in ((0, 1), (0, 0))]


ONLY_WITHOUT_SYNC = ("numbers used again without a new stream", "a new stream's parent is ignored")


def find(order, faults=FAULTS):
    """@return the first violation that a mistake leads to, or None."""
    for disk, topics in CONFIGURATIONS:
        if disk and order in ONLY_WITHOUT_SYNC:
            continue  # no new stream begins there
        try:
            walk(Model(disk, topics, order), faults)
        except Violation as violation:
            return violation
    return None


class HandOver(unittest.TestCase):
    def test_the_order_that_is_built_breaks_no_rule(self):
        for disk, topics in CONFIGURATIONS:
            with self.subTest(disk=disk, topics=topics):
                self.assertGreater(walk(Model(disk, topics), faults=2 if disk and topics == (0, 1) else 1), 5000)

    def test_every_mistake_in_the_order_is_found(self):
        for order, rule in ORDERS.items():
            with self.subTest(order=order):
                violation = find(order)
                self.assertIsNotNone(violation, "not found")
                self.assertEqual(violation.rule, rule, violation.trace)

    def test_the_document_lists_every_mistake_and_what_it_breaks(self):
        page = (pathlib.Path(__file__).parents[2] / "docs" / "handover.md").read_text()
        for order, rule in ORDERS.items():
            self.assertIn(f"| {order} | {rule} |", page)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--faults", type=int, default=FAULTS)
    options.add_argument("--traces", action="store_true")
    o = options.parse_args()
    for disk, topics in CONFIGURATIONS:
        begun = time.monotonic()
        states = walk(Model(disk, topics), o.faults)
        print(f"durability={'disk' if disk else 'os'} topics={len(set(topics))} faults={o.faults}: "
              f"{states} states, no rule broken, {time.monotonic() - begun:.1f} s", flush=True)
    for order in ORDERS if o.traces else ():
        violation = find(order, o.faults)
        print(f"\n{order}\n  breaks: {violation}")
        for step in violation.trace:
            print(f"    {step}")


if __name__ == "__main__":
    main() if "--faults" in sys.argv or "--traces" in sys.argv else unittest.main()
