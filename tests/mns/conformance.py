"""Is mns-local like the service?  Runs every case of cases_*.py against the real program.

    conformance.py [PATTERN...]    runs the cases whose names match (shell patterns), all by default
    conformance.py --table         prints docs/mns-conformance.md
    conformance.py --check FILE    is FILE that table?

A line a case, then "N passed, N failed"."""

import argparse
import concurrent.futures
import fnmatch
import importlib
import pathlib
import sys
import time
import traceback

from suite import CASES, ROOT, Stack, Tools

GROUPS = {  # in the order of the table and of the run; those that wait longest begin
    "poll": "Long polls",
    "queue": "Queues",
    "send": "Sending",
    "receive": "Receiving, peeking",
    "handle": "Receipt handles",
    "topic": "Topics and publishing",
    "subscription": "Subscriptions",
    "push": "Pushes over HTTP",
    "auth": "Who is let in",
    "http": "HTTP as clients speak it",
    "xml": "XML in and out",
    "errors": "Error codes",
}
SIDE_BY_SIDE = 8  # most of a case's time is waiting

INTRODUCTION = """# What mns-local is held to

Each row is a case of `tests/mns/`: a request sent byte by byte to the real program, and what must come back, with
exact status, headers and XML. `tests/mns/conformance.py --table` writes this page, and a test fails when it is not what
the cases say.

*Rests on* names the source of the fact: Alibaba Cloud's documentation of the operation, the header, the error codes or
the limits; traffic recorded from the real service; the SDK that needs it so; a standard. Where *confirmed* says *no*,
the service's own behaviour is not known: mns-local has made a choice, and code should not rely on it.
"""


def load():
    for group in GROUPS:
        importlib.import_module(f"cases_{group}")


def table():
    count = len(CASES)
    confirmed = sum(case.confirmed for case in CASES.values())
    lines = [INTRODUCTION, f"{count} cases, {confirmed} of them on confirmed facts."]
    for group, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| case | operation | fact | rests on | confirmed |",
                  "| --- | --- | --- | --- | --- |"]
        lines += [f"| `{c.name}` | {c.operation} | {c.fact.replace('|', chr(92) + '|')} | {', '.join(c.rests_on)} | "
                  f"{'yes' if c.confirmed else 'no'} |" for c in CASES.values() if c.group == group]
    return "\n".join(lines) + "\n"


def check(path):
    if pathlib.Path(path).read_text() == table():
        return 0
    name = pathlib.Path(path).resolve().relative_to(ROOT)
    print(f"{name} is not what the cases say; write it anew: python3 tests/mns/conformance.py --table > {name}")
    return 1


def run(case, server):
    """(case, why it failed or "", seconds)"""
    start, tools, why = time.monotonic(), Tools(server), ""
    try:
        case.run(tools)
    except Exception:
        why = traceback.format_exc(limit=-2)
    finally:
        tools.close()
    return case, why, time.monotonic() - start


def run_all(cases):
    failed = 0
    with Stack() as stack, concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        server = stack.start_mns_local()
        for case, why, seconds in pool.map(lambda c: run(c, server), cases):
            print(f"{'FAIL' if why else 'ok  '} {case.name} ({case.operation}: {case.fact}) {seconds:.2f} s",
                  flush=True)
            if why:
                failed += 1
                print("     " + why.replace("\n", "\n     "), flush=True)
        if server.stop() != 0:
            failed += 1
            print(f"FAIL mns-local itself: {server.log()}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--check", metavar="FILE")
    options = parser.parse_args()
    load()
    if options.table:
        print(table(), end="")
        return 0
    if options.check:
        return check(options.check)
    chosen = [c for c in CASES.values() if any(fnmatch.fnmatchcase(c.name, p) for p in options.patterns)]
    return 1 if not chosen or run_all(chosen) > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
