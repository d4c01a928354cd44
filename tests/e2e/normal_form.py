"""The normal form of a notification, written down a second time, from docs/protocol.md and docs/events.md.

`normal_form` is what msgpack carries, types and all; `as_json` is how `sluice sub --format json` prints it.
Neither shares anything with the C code."""

import datetime
import re

from msgpack import Timestamp

INTEGERS = {"RetryCount", "Progress", "ExitCode", "From", "To"}
CONTEXT = ("id", "source", "time")


def rfc3339(seconds, nanoseconds):
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{nanoseconds:09d}"
    for digits in (0, 3, 6, 9):
        if fraction[digits:].strip("0") == "":
            return text + (f".{fraction[:digits]}" if digits else "") + "Z"
    raise AssertionError("unreachable")


def from_ms(ms):
    return Timestamp(ms // 1000, ms % 1000 * 1_000_000)


def to_ms(time):
    """The whole milliseconds of a Timestamp; one with a rest is nothing that MNS says."""
    ms, rest = divmod(time.nanoseconds, 1_000_000)
    assert rest == 0, time
    return time.seconds * 1000 + ms


def typed(name, value):
    if name.endswith("Time"):
        if value == "":
            return None
        match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", value)
        if not match:
            return value
        moment = datetime.datetime.fromisoformat(match[1] + "+00:00")
        return Timestamp(int(moment.timestamp()), int((match[2] or "0").ljust(9, "0")))
    if name in INTEGERS:
        if value == "":
            return None
        return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else value
    return value


def normal_form(body, message_id, source, time_ms):
    """`body` is the notification's JSON object; returns the event as msgpack carries it."""
    event = {"Category": body["Category"], "Event": body["Event"], "id": message_id, "source": source,
             "time": from_ms(time_ms)}
    for name, value in body.items():
        if name in ("Category", "Event"):
            continue
        key = f"body:{name}" if name in CONTEXT or name.startswith("$") else name
        event[key] = typed(key, value)
    return event


def as_json(event):
    """An event as `sluice sub --format json` shows it: the same, with times as text."""
    return {name: rfc3339(value.seconds, value.nanoseconds) if isinstance(value, Timestamp) else value
            for name, value in event.items()}


def with_types(event):
    """For comparing strictly: 1, 1.0 and True are equal in Python, and so are maps of another order."""
    return [(name, type(value).__name__, value) for name, value in event.items()]
