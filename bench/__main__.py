"""``python -m bench [receiving] [dialects] [reading] [measures] [showing] [chat] [dashboards]``: print the tables."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable

from bench import chat, dashboards, dialects, measures, reading, receiving, showing

PARTS: dict[str, Callable[[], Iterable[str]]] = {
    "receiving": receiving.measure,
    "dialects": dialects.measure,
    "reading": reading.measure,
    "measures": measures.measure,
    "showing": showing.measure,
    "chat": chat.measure,
    "dashboards": dashboards.measure,
}


def main(names: list[str]) -> None:
    """Run the named parts, or all."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in names or list(PARTS):
        print(f"\n# {name}\n")
        for line in PARTS[name]():
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
