"""Fail if pytest's junit file holds a skipped test, an expected failure, or hardly any tests.

A test that is skipped proves nothing and says so to nobody. One that has to be skipped on some
machine is named in ``ALLOWED``, with the reason.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET

ALLOWED: dict[str, str] = {}
"""``classname::name`` of a test that may be skipped -> why."""


def main(path: str) -> int:
    """Return the exit status for the junit file at ``path``."""
    cases = list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314  our own pytest wrote it
    skipped = {
        f"{case.get('classname')}::{case.get('name')}": case.find("skipped")
        for case in cases
        if case.find("skipped") is not None
    }
    refused = {name: found for name, found in skipped.items() if name not in ALLOWED}
    for name, found in sorted(refused.items()):
        print(f"skipped: {name}: {found.get('message') if found is not None else ''}", file=sys.stderr)
    print(f"{len(cases)} tests, {len(skipped)} skipped, {len(refused)} of them without leave")
    if not cases:
        print("no test ran", file=sys.stderr)
    return 1 if refused or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
