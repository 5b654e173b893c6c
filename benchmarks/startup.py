"""What short commands take.

    python -m benchmarks.startup           # `incumbent --help`: the median of twenty starts
    python -m benchmarks.startup commands  # processor time of init, data check and run --until gate

Rows of `commands` are made-up questions and answers with the lengths of a bank's FAQ. Each time is
user and system time of a command and of all that it started, so other programs disturb it little;
where cores share caches or are hyperthreads, a busy neighbour still makes it half as long again.
"""

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faq_texts import triplets
from benchmarks.frame import INCUMBENT, children_seconds

RUNS = 20


def main() -> None:
    if sys.argv[1:] == ["commands"]:
        time_commands()
    else:
        time_help()


def time_help() -> None:
    bare = median_seconds([sys.executable, "-c", "pass"])
    helped = median_seconds([INCUMBENT, "--help"])
    print(f"python -c pass    {bare:.3f} s")
    print(f"incumbent --help  {helped:.3f} s  ({helped / bare:.1f} times)")


def median_seconds(command: list[str]) -> float:
    def once() -> float:
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    once()  # fills the file caches
    return statistics.median(once() for _ in range(RUNS))


def time_commands() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = (write_faq(folder / f"{rows}.csv", rows) for rows in (100, 2_000))
        run("data", "check", str(few), within=folder)  # what Python compiles, it compiles here
        run("init", "first", "--from", str(few), "--yes", within=folder)  # converts the base
        print(f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
        print("| command | processor time |")
        print("| --- | --- |")
        tell("init, 2,000 rows", ["init", "bank", "--from", str(many), "--yes"], folder)
        tell("run --until gate, 2,000 rows", ["run", "--until", "gate"], folder / "bank")
        tell("data check, 100 rows", ["data", "check", str(few)], folder)
        tell("data check, 2,000 rows", ["data", "check", str(many)], folder)


def write_faq(file: Path, rows: int) -> Path:
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("question", "answer"))
        table.writerows((f"{one.instruction} {one.input}", one.output) for one in triplets(rows))
    return file


def tell(name: str, arguments: Sequence[str], within: Path) -> None:
    before = children_seconds()
    run(*arguments, within=within)
    print(f"| {name} | {children_seconds() - before:.1f} s |", flush=True)


def run(*arguments: str, within: Path) -> None:
    """A run that a check stops has done its work too: it exits with 1."""
    command = [INCUMBENT, *arguments]
    ended = subprocess.run(command, cwd=within, capture_output=True, text=True)
    if ended.returncode not in (0, 1):
        raise SystemExit(ended.stderr)


if __name__ == "__main__":
    main()
