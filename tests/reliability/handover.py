"""The hand-over of an event, as a model: who may let go of it, and when?

    MNS --receive--> bridge --PUB--> broker: known? number --> group --commit, sync--> feed --> subscriber
     ^                 |               ^                          |                                 |
     +----delete-------+------ACK------+--------------------------+          replay <---------------+

Two messages and a subscriber with a cursor. Every step of every part may happen in any order, and faults may strike
between any two: a redelivery, a lost ACK, a failed group, a killed broker, a power cut, a lost feed message, a
subscriber that starts again at its cursor. handover_test.py walks through all of it. ORDERS are mistakes in the order of
things; each of them must break the rule that stands beside it.

A state is a tuple of small tuples: what each part remembers, and what is under way between them."""

from typing import NamedTuple, Optional

MESSAGES = "ab"

ORDERS = {
    "duplicate acknowledged before its original is durable": "a message that MNS gave up is on the disk",
    "acknowledged when appended": "a message that MNS gave up is on the disk",
    "acknowledged when written, before the sync": "a message that MNS gave up is on the disk",
    "deleted from MNS before the ACK": "a message that MNS gave up is on the disk",
    "a failed group's ids stay known": "a message that MNS gave up is on the disk",
    "ids become known only at commit": "a message is numbered once",
    "ids are not rebuilt at start": "a message is numbered once",
    "what a killed broker left is not synced at start": "a message that MNS gave up is on the disk",
    "a failed group's numbers stay used": "numbers run on without a hole",
    "what was appended behind a failed group goes on": "numbers run on without a hole",
    "published before the commit": "what was delivered stays true",
    "replay shows what is not committed": "what was delivered stays true",
    "numbers used again without a new stream": "what was delivered stays true",
    "the cursor is moved by a batch": "everything up to the cursor was delivered",
    "the cursor is moved by a tick that shows a loss": "everything up to the cursor was delivered",
    "a tick counts numbers that are not committed": "everything up to the cursor was delivered",
    "DONE names the head of now, not of the replay": "everything up to the cursor was delivered",
    "a new stream's parent is ignored": "everything up to the cursor was delivered",
    "a batch is delivered across a gap": "a topic's numbers come in order, each once, none left out",
    "what was delivered before a repair is delivered again": "a topic's numbers come in order, each once, none left out",
}


class Batch(NamedTuple):
    stream: int
    number: int
    message: str
    prev: int  # the last number before it on its topic


class Tick(NamedTuple):
    stream: int
    head: int
    tails: tuple
    lasts: tuple  # of the streams before: what is still true of each


class Done(NamedTuple):
    upto: int


class State(NamedTuple):
    faults: int = 2
    # MNS, the bridge, and what is between it and the broker
    kept: str = MESSAGES  # messages that MNS has
    pubs: str = ""
    acks: str = ""
    # the broker's memory
    known: str = ""  # ids
    unanswered: str = ""  # PUBs that wait for their batch, or for their original
    ring: tuple = ()  # (number, message): numbered, not complete
    group: int = 0  # how many of the ring the journal is committing
    next: int = 1
    head: int = 0  # the last number that is complete: published, acknowledged
    stream: int = 0
    lasts: tuple = ()
    # the journal: the first `synced` records survive a power cut
    journal: tuple = ()  # (number, message)
    synced: int = 0
    # the feed and the subscriber
    feed: tuple = ()
    replayed: tuple = ()  # answers under way
    wanted: Optional[tuple] = (0, None)  # the replay it asks for: after, until; None: the head when it is read
    held: tuple = ()
    sub_stream: int = 0
    cursor: int = 0  # F
    tails: tuple = (0, 0)  # L, one a topic
    history: tuple = ()  # (stream, number, message)


def add(letters, more):
    return "".join(sorted(letters + more))  # one state, whatever the order


def without(letters, letter):
    return letters.replace(letter, "", 1)


class Model:
    """All steps.

    @param disk    durability: synced before it is acknowledged, or only written ("os")
    @param topics  of message a and of message b
    @param order   the mistake to make, of ORDERS"""

    def __init__(self, disk=True, topics=(0, 1), order=None):
        assert order is None or order in ORDERS
        self.disk, self.order = disk, order
        self.topic = dict(zip(MESSAGES, topics))

    def with_tail(self, tails, message, number):
        return tuple(number if topic == self.topic[message] else tail for topic, tail in enumerate(tails))

    def tails_of(self, records):
        tails = (0, 0)
        for number, message in records:
            tails = self.with_tail(tails, message, number)
        return tails

    def steps(self, s):
        """(what happens, the state after it) for everything that can happen next."""
        yield from self.mns_steps(s)
        yield from self.broker_steps(s)
        yield from self.subscriber_steps(s)
        if s.faults:
            for label, after in self.fault_steps(s):
                yield label, after._replace(faults=s.faults - 1)

    # -- MNS and the bridge ----------------------------------------------------------------------

    def mns_steps(self, s):
        for m in s.kept:
            if m not in s.pubs + s.unanswered + s.acks:  # else only as a fault: before its time
                yield f"bridge receives {m}, sends PUB", self.receive(s, m)
        for m in set(s.acks):
            yield f"ACK of {m} arrives, bridge deletes it", s._replace(acks=without(s.acks, m),
                                                                       kept=without(s.kept, m))

    def receive(self, s, m):
        kept = without(s.kept, m) if self.order == "deleted from MNS before the ACK" else s.kept
        return s._replace(pubs=s.pubs + m, kept=kept)

    # -- the broker ------------------------------------------------------------------------------

    def broker_steps(self, s):
        if s.pubs:
            yield f"broker takes PUB of {s.pubs[0]}", self.take(s._replace(pubs=s.pubs[1:]), s.pubs[0])
        if s.ring and not s.group:
            yield f"journal writes {s.ring}", self.write(s)
        if s.group:
            yield "journal's group is done", self.complete(s)
        ticks = [item for item in s.feed if isinstance(item, Tick)]
        if not ticks and (s.cursor != self.tick(s).head or s.sub_stream != s.stream):
            yield f"tick: head {self.tick(s).head}", s._replace(feed=(*s.feed, self.tick(s)))

    def take(self, s, m):
        if m in s.known:
            waits = m in [message for _, message in s.ring]
            if waits and self.order != "duplicate acknowledged before its original is durable":
                return s._replace(unanswered=add(s.unanswered, m))
            return s._replace(acks=add(s.acks, m))
        s = s._replace(ring=(*s.ring, (s.next, m)), next=s.next + 1, unanswered=add(s.unanswered, m))
        if self.order != "ids become known only at commit":
            s = s._replace(known=add(s.known, m))
        if self.order == "acknowledged when appended":
            s = s._replace(unanswered=without(s.unanswered, m), acks=add(s.acks, m))
        if self.order == "published before the commit":
            s = self.publish(s, s.ring[-1:], self.tails_of(s.journal + s.ring[:-1]))
        return s

    def write(self, s):
        s = s._replace(group=len(s.ring), journal=s.journal + s.ring)
        if self.order == "acknowledged when written, before the sync":
            s = self.answer(s, s.ring)
        return s

    def complete(self, s):
        done = s.ring[:s.group]
        before = self.tails_of(s.journal[:len(s.journal) - s.group])
        s = s._replace(ring=s.ring[s.group:], group=0, head=done[-1][0])
        if self.disk:
            s = s._replace(synced=len(s.journal))
        if self.order == "ids become known only at commit":
            s = s._replace(known="".join(sorted({*s.known, *(m for _, m in done)})))
        if self.order != "published before the commit":
            s = self.publish(s, done, before)
        return self.answer(s, done)

    def answer(self, s, records):
        for _, m in records:
            s = s._replace(acks=add(s.acks, m * s.unanswered.count(m)), unanswered=s.unanswered.replace(m, ""))
        return s

    def publish(self, s, records, tails):
        for number, m in records:
            s = s._replace(feed=(*s.feed, Batch(s.stream, number, m, tails[self.topic[m]])))
            tails = self.with_tail(tails, m, number)
        return s

    def committed(self, s):
        return s.journal[:len(s.journal) - s.group]

    def tick(self, s):
        head = s.next - 1 if self.order == "a tick counts numbers that are not committed" else s.head
        return Tick(s.stream, head, self.tails_of(self.committed(s)), s.lasts)

    # -- the subscriber: the rules of docs/protocol.md ---------------------------------------------

    def subscriber_steps(self, s):
        if s.feed:
            item, s_after = s.feed[0], s._replace(feed=s.feed[1:])
            yield f"subscriber hears {item}", self.hear(s_after, item)
        if s.wanted and not s.replayed and s.sub_stream == s.stream:  # else the answer is WRONG_STREAM
            yield f"broker reads the replay of {s.wanted}", self.replay(s)
        if s.replayed:
            item, s_after = s.replayed[0], s._replace(replayed=s.replayed[1:])
            yield f"subscriber hears, replayed, {item}", self.hear_replayed(s_after, item)

    def hear(self, s, item):
        if item.stream < s.sub_stream:
            return s  # from a connection that is gone
        if item.stream != s.sub_stream:
            return self.join_stream(s, item) if isinstance(item, Tick) else s
        return self.hear_batch(s, item) if isinstance(item, Batch) else self.hear_tick(s, item)

    def join_stream(self, s, tick):
        last = tick.lasts[s.sub_stream]
        if self.order != "a new stream's parent is ignored":
            s = s._replace(cursor=min(s.cursor, last), tails=tuple(min(tail, last) for tail in s.tails))
        return self.hear_tick(s._replace(sub_stream=tick.stream, wanted=None, replayed=(), held=()), tick)

    def has(self, s, message):
        return max(s.cursor, s.tails[self.topic[message]])

    def deliver(self, s, batch):
        s = s._replace(history=(*s.history, (batch.stream, batch.number, batch.message)),
                       tails=self.with_tail(s.tails, batch.message, batch.number))
        if self.order == "the cursor is moved by a batch":
            s = s._replace(cursor=max(s.cursor, batch.number))
        return s

    def hear_batch(self, s, batch):
        if batch.number <= self.has(s, batch.message):
            return s
        if batch.prev <= self.has(s, batch.message) or self.order == "a batch is delivered across a gap":
            return self.deliver(s, batch)
        return self.want(s._replace(held=(*s.held, batch)), batch.number - 1)

    def hear_tick(self, s, tick):
        lost = any(tail > max(s.cursor, had) for tail, had in zip(tick.tails, s.tails))
        if lost and self.order != "the cursor is moved by a tick that shows a loss":
            return self.want(s, None)
        return s._replace(cursor=max(s.cursor, tick.head))

    def want(self, s, until):
        return s if s.wanted else s._replace(wanted=(s.cursor, until))

    def replay(self, s):
        """The broker answers from a snapshot: what is committed when it reads."""
        records = self.committed(s)
        if self.order == "replay shows what is not committed":
            records = s.journal + s.ring[s.group:]
        after, until = s.wanted
        upto = max([after, *(number for number, _ in records)])
        if until is not None:
            upto = min(upto, until)
        batches, tails = [], (0, 0)
        for number, m in records:
            if after < number <= upto:
                batches.append(Batch(s.stream, number, m, tails[self.topic[m]]))
            tails = self.with_tail(tails, m, number)
        return s._replace(replayed=(*batches, Done(upto)))

    def hear_replayed(self, s, item):
        if isinstance(item, Batch):
            again = self.order == "what was delivered before a repair is delivered again"
            return self.deliver(s, item) if again or item.number > self.has(s, item.message) else s
        upto = s.head if self.order == "DONE names the head of now, not of the replay" else item.upto
        held = s.held
        s = s._replace(cursor=max(s.cursor, upto), wanted=None, held=())
        for batch in held:
            s = self.hear_batch(s, batch)
        return s

    # -- faults ----------------------------------------------------------------------------------

    def fault_steps(self, s):
        for m in s.kept:
            if m in s.pubs + s.unanswered + s.acks:
                yield f"MNS delivers {m} again", self.receive(s, m)
        for m in set(s.acks):
            yield f"ACK of {m} is lost", s._replace(acks=without(s.acks, m))
        if s.group:
            yield "journal's group fails", self.fail(s)
        whole = {len(s.journal) - s.group, len(s.journal)}  # the last transaction is there whole or not at all
        for count in whole:
            yield f"broker is killed and starts with {count} records", self.restart(s, count)
        for count in whole | {s.synced}:
            yield f"power cut; broker starts with {count} records", self.restart(s, count, power=True)
        if s.feed:
            yield f"feed loses {s.feed[0]}", s._replace(feed=s.feed[1:])
        if s.history:
            yield f"subscriber starts again at {s.cursor}", self.restart_subscriber(s)

    def fail(self, s):
        """Everything that is not committed is undone; all its PUBs hear NAK, and are sent again later."""
        undone = s.ring
        if self.order == "what was appended behind a failed group goes on":
            undone = s.ring[:s.group]
        ids = "".join(m for _, m in undone)
        s = s._replace(journal=self.committed(s), ring=s.ring[len(undone):], group=0,
                       unanswered="".join(m for m in s.unanswered if m not in ids))
        if self.order != "a failed group's ids stay known":
            s = s._replace(known="".join(m for m in s.known if m not in ids))
        if self.order not in ("a failed group's numbers stay used", "what was appended behind a failed group goes on"):
            s = s._replace(next=s.head + 1)
        return s

    def restart(self, s, count, power=False):
        """Memory is gone; so are the PUBs, and the answers of a replay. What was sent before may still arrive."""
        journal = s.journal[:count]
        head = journal[-1][0] if journal else 0
        known = "".join(sorted({m for _, m in journal}))
        if self.order == "ids are not rebuilt at start":
            known = ""
        s = s._replace(journal=journal, synced=min(s.synced, count), head=head, next=head + 1, known=known, ring=(),
                       group=0, pubs="", unanswered="", replayed=())
        if power and not self.disk and self.order != "numbers used again without a new stream":
            s = s._replace(stream=s.stream + 1, lasts=(*(min(last, head) for last in s.lasts), head))
        if self.disk and self.order != "what a killed broker left is not synced at start":
            s = s._replace(synced=count)
        return s

    def restart_subscriber(self, s):
        """What it did since the cursor was rolled back with the cursor, so it does that again."""
        history = tuple(entry for entry in s.history if entry[1] <= s.cursor)
        return s._replace(history=history, tails=(0, 0), wanted=(s.cursor, None), replayed=(), held=(), feed=())
