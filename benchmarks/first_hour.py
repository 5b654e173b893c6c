"""What the commands of somebody's first hour take, in processor-seconds and by the clock.

    python -m benchmarks.first_hour [--json] [--install]

Processor-seconds are those of a command and of all that it started, so other programs disturb them
little; where cores share caches or are hyperthreads, a busy neighbour still makes them half as
long again. Rows are made-up questions and answers with the lengths of a bank's FAQ. The user's
cache is an empty one at first. With --install the light core is also installed into a new
environment, out of pip's cache or from an index.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.faq_texts import triplets

ROOT = Path(__file__).parents[1]
INCUMBENT = str(Path(sys.executable).with_name("incumbent"))
LOGS = ROOT / "tests/evaluation/other_logs/logs/lm-eval"
DECIDE = ("decide", "--from", "lm-eval", str(LOGS / "champion"), str(LOGS / "challenger"))
HELPED = ("--help", "init --help", "run --help", "submit --help", "registry verify --help")


@dataclass(frozen=True)
class Taken:
    command: str
    processor: float  # seconds, of all processes
    clock: float  # seconds
    target: float | None  # processor-seconds on a free machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--install", action="store_true")
    given = parser.parse_args()
    told = []
    with tempfile.TemporaryDirectory() as name:
        for taken in first_hour(Path(name), install=given.install):
            told.append(taken)
            print(line_of(taken), file=sys.stderr if given.json else sys.stdout, flush=True)
    if given.json:
        machine = {"load": os.getloadavg()[0], "cores": os.cpu_count()}
        print(json.dumps({**machine, "commands": list(map(asdict, told))}, indent=2))


def first_hour(folder: Path, *, install: bool) -> Iterator[Taken]:
    os.environ["INCUMBENT_CACHE"] = str(folder / "cache")
    few, some, many = (write_faq(folder / f"{rows}.csv", rows) for rows in (100, 200, 2_000))
    if install:
        yield measured("install the core", light_install(folder / "light"), folder)
        there = str(folder / "light/bin/incumbent")
        yield measured("decide, there", [[there, *DECIDE]], folder)
    yield measured("decide --from lm-eval", [[INCUMBENT, *DECIDE]], folder)
    for words in HELPED:
        yield measured(words, [[INCUMBENT, *words.split()]], folder, 0.3)
    yield ours("first init, 200 rows", f"init first --from {some} --yes", folder, 15)
    yield ours("second init, 200 rows", f"init second --from {some} --yes", folder, 3)
    yield ours("data check, 100 rows", f"data check {few}", folder, 5)
    yield ours("data check, 2,000 rows", f"data check {many}", folder, 30)
    yield ours("init, 2,000 rows", f"init bank --from {many} --yes", folder, 20)
    yield ours("run --until gate, 2,000 rows", "run --until gate", folder / "bank", 45)
    yield ours("run, nothing to do", "run --until validate", folder / "bank")


def light_install(environment: Path) -> list[list[str]]:
    python = str(environment / "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)]
    return [[sys.executable, "-m", "venv", str(environment)], install]


def ours(name: str, words: str, within: Path, target: float | None = None) -> Taken:
    return measured(name, [[INCUMBENT, *words.split()]], within, target)


def measured(
    name: str, commands: Sequence[Sequence[str]], within: Path, target: float | None = None
) -> Taken:
    """A command that a check stops, or that holds a challenger, has done its work too: exit 1."""
    began, before = time.monotonic(), used()
    for command in commands:
        ended = subprocess.run(command, cwd=within, capture_output=True, text=True)
        if ended.returncode not in (0, 1):
            raise SystemExit(ended.stderr)
    return Taken(name, used() - before, time.monotonic() - began, target)


def used() -> float:
    """Processor-seconds of all that ended here so far."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def line_of(taken: Taken) -> str:
    target = f"at most {taken.target:g}" if taken.target else ""
    return f"{taken.command:<30}{taken.processor:>8.2f} s{taken.clock:>9.2f} s  {target}".rstrip()


def write_faq(file: Path, rows: int) -> Path:
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("question", "answer"))
        table.writerows((f"{one.instruction} {one.input}", one.output) for one in triplets(rows))
    return file


if __name__ == "__main__":
    main()
