"""Write the sample data: some 300 support conversations as OTLP/JSON, and the facts about them.

    python datasets/make_support_sessions.py
    python datasets/make_support_sessions.py --out elsewhere

The same seed gives the same bytes, on every machine: each session draws its chance from its own
name, every time is invented, and the gzip files carry neither a name nor a date.
"""

import argparse
import gzip
import io
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from support_sessions import script, stories
from support_sessions.emit import Emitter, request_json
from support_sessions.facts import facts
from support_sessions.play import play

HERE = Path(__file__).parent
SEED = "hearth-and-lane"
SESSIONS = 294
"""Everyday sessions; the stories come on top."""
MIDDLE = script.FROM + timedelta(days=7)


def packed(lines: Iterable[str]) -> bytes:
    """The lines as gzip, without the name and the date that would differ from run to run."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    return buffer.getvalue()


def generate() -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files by name, and the facts."""
    sessions = sorted(
        [*script.write(SEED, SESSIONS), *stories.write(SEED)], key=lambda session: session.start
    )
    played = [(session, play(session, SEED)) for session in sessions]
    emitter = Emitter(SEED)
    weeks: dict[str, list[str]] = {"week-1.jsonl.gz": [], "week-2.jsonl.gz": []}
    for session, turns in played:
        week = "week-1.jsonl.gz" if session.start < MIDDLE else "week-2.jsonl.gz"
        weeks[week].append(request_json(emitter.emit(session, turns)))
    found = {"seed": SEED, "files": {name: len(lines) for name, lines in weeks.items()}, **facts(played)}
    return {name: packed(lines) for name, lines in weeks.items()}, found


def main() -> None:
    """Generate everything and write it below the given folder."""
    parser = argparse.ArgumentParser(
        description="Write the support sessions as OTLP/JSON, one session per line."
    )
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write to (default: the folder of this file)"
    )
    out: Path = parser.parse_args().out
    files, found = generate()
    folder = out / "support-sessions"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    facts_file = out / "support-sessions.facts.json"
    facts_file.write_text(
        json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n"
    )
    size = sum(len(content) for content in files.values())
    print(
        f"{found['sessions']} sessions, {found['traces']} traces, {found['spans']} spans, "
        f"{size / 1e6:.2f} MB in {folder}"
    )


if __name__ == "__main__":
    main()
