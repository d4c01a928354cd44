"""The normal form of a notification, written down a second time, from docs/protocol.md and docs/events.md.

The tests compare what `sluice sub --format json` prints with this; it shares nothing with the C code."""

import datetime
import re

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
    return rfc3339(ms // 1000, ms % 1000 * 1_000_000)


def typed(name, value):
    if name.endswith("Time"):
        if value == "":
            return None
        match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", value)
        if not match:
            return value
        moment = datetime.datetime.fromisoformat(match[1] + "+00:00")
        return rfc3339(int(moment.timestamp()), int((match[2] or "0").ljust(9, "0")))
    if name in INTEGERS:
        if value == "":
            return None
        return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else value
    return value


def normal_form(body, message_id, source, time_ms):
    """`body` is the notification's JSON object; returns the event as `sluice sub --format json` shows it."""
    event = {"Category": body["Category"], "Event": body["Event"], "id": message_id, "source": source,
             "time": from_ms(time_ms)}
    for name, value in body.items():
        if name in ("Category", "Event"):
            continue
        key = f"body:{name}" if name in CONTEXT or name.startswith("$") else name
        event[key] = typed(key, value)
    return event
