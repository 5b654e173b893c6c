"""Somebody's tables as they were found, from the file to the gate, or to a verdict.

    python -m benchmarks.real_tables FILE…              # init, then run to the end
    python -m benchmarks.real_tables FILE… --until gate # without training

Of each file a project is made with `--yes` and no edit, in a temporary folder, or in one below
`--keep FOLDER` that stays. A row says how many records there were, in which part their rows are,
what was left out and why, what the gate and the decision said, how often the preference picks the
better of two answers of like length, with the embedder's cosine beside it, and what it took.
"""

import argparse
import csv
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.frame import INCUMBENT, children_seconds

COLUMNS = ("table", "records", "parts", "left out", "gate", "preference", "verdict", "minutes")
LONGEST = 300  # characters of what a command said when it failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--until", help="the last stage")
    parser.add_argument("--keep", type=Path, help="where the projects stay")
    given = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    for file in given.files:
        with tempfile.TemporaryDirectory() as folder:
            project = (given.keep or Path(folder)).resolve() / file.stem
            cells = taken_to_the_end(file.resolve(), project, given.until)
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


def taken_to_the_end(file: Path, project: Path, until: str | None) -> Iterator[object]:
    started, busy = time.monotonic(), children_seconds()
    made = incumbent("init", str(project), "--from", str(file), "--yes", "--skip-unreadable")
    stage = ["--until", until] if until else []
    run = incumbent("run", "--json", *stage, within=project) if not made.returncode else made
    minutes = (time.monotonic() - started) / 60
    yield file.name
    yield from account(project / "outputs/rows.csv", run)
    yield "open" if (project / "outputs/dataset.json").exists() else "shut"
    yield preference(project / "outputs/calibration.json")
    yield verdict(run)
    yield f"{minutes:.0f} ({children_seconds() - busy:,.0f} processor-seconds)"


def incumbent(*words: str, within: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([INCUMBENT, *words], cwd=within, capture_output=True, text=True)


def account(path: Path, run: subprocess.CompletedProcess[str]) -> Iterator[object]:
    """Records, parts and what was left out; or what was said where there is no account."""
    if not path.exists():
        yield from ("", "", " ".join(run.stderr.split())[:LONGEST])
        return
    with path.open(newline="") as lines:
        fates = [fate for fate in csv.DictReader(lines) if fate["file"] != "rehearsal.jsonl"]
    parts = Counter(fate["part"] for fate in fates if fate["part"])
    left = Counter(fate["why"] for fate in fates if not fate["part"])
    yield f"{len(fates):,}"
    yield ", ".join(f"{count:,} {part}" for part, count in parts.items())
    yield "; ".join(f"{count:,} {why}" for why, count in left.most_common()) or "nothing"


def preference(path: Path) -> str:
    """Right picks between answers of like length, by the source of preference and the cosine."""
    found = read(path)
    own, rival = found.get("matched_accuracy"), found.get("matched_cosine")
    return f"{own:.0%} (cosine {rival:.0%})" if own is not None and rival is not None else ""


def verdict(run: subprocess.CompletedProcess[str]) -> str:
    """With the first reason, or what was said where the run did not come to one."""
    said = dict(json.loads(run.stdout)) if not run.returncode else {}
    if "decision" not in said:
        return "not asked" if said else " ".join(run.stderr.split())[-LONGEST:]
    decision = said["decision"]
    return f"{decision['verdict']}: {next(iter(decision['reasons']), '')}"


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


if __name__ == "__main__":
    main()
