"""What both stories of the bank are told with: steps that are done once, commands, settings."""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from evaluation.generation.answers import Role
from examples.bank.make_project import bring_in
from examples.bank.make_rows import Fields, write_lines
from examples.bank.measures import System, read_systems, texts_of, write_systems
from examples.bank.negatives import Negative
from examples.bank.voting import vote_on_dev, vote_on_sheet, vote_on_trial
from project.files import write_bytes

RESULTS = Path("results")
BAD = RESULTS / "bad"
TRIAL = 35  # pairs of a right and a spoilt answer, on which the reviewers vote first
WORST = 30  # bad answers that are exported


def step(name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a step, unless its result is there; its file appears when all of it is done."""
    if not file_of(name).exists():
        print(f"\n=== {name}", flush=True)
        began, used = monotonic(), processor_seconds()
        result = work()
        result["minutes"] = (monotonic() - began) / 60
        result["processor_minutes"] = (processor_seconds() - used) / 60
        write_bytes(file_of(name), json.dumps(result, indent=1).encode())
    return read_step(name)


def read_step(name: str) -> dict[str, Any]:
    """The result of a step that is done."""
    found: dict[str, Any] = json.loads(file_of(name).read_bytes())
    return found


def file_of(name: str) -> Path:
    return RESULTS / f"{name.replace(' ', '-')}.json"


def write_table(
    doc: str | None,
    folder: str,
    kept: Path,
    measured: Callable[[], Iterable[Mapping[str, Any]]],
    page: Callable[[Sequence[Mapping[str, Any]]], str],
) -> None:
    """Print the table of a project's steps; with --write keep it beside what it was made of."""
    parser = ArgumentParser(description=(doc or "").partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--to", type=Path, default=Path(folder))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    os.chdir(given.to)
    rows = list(measured())
    print(page(rows), end="")
    if given.write:
        kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
        kept.with_suffix(".md").write_text(page(rows))


def time_of(result: Mapping[str, Any]) -> dict[str, float]:
    return {key: result[key] for key in ("minutes", "processor_minutes")}


def processor_seconds() -> float:
    """Of this process and of all commands that have ended: what a busy machine does not change."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def systems(name: str) -> list[System]:
    return read_systems(RESULTS / f"systems-{name.replace(' ', '-')}.json")


def keep(name: str, *found: System) -> None:
    write_systems(RESULTS / f"systems-{name.replace(' ', '-')}.json", found)


def bring_in_lines(name: str, lines: Sequence[Fields]) -> None:
    """Import lines under a name; the import refuses an empty file."""
    if not lines:
        print(f"{name}: there is nothing to bring in", flush=True)
        return
    write_lines(BAD / f"{name}.jsonl", lines)
    bring_in(BAD / f"{name}.jsonl", "--as", name, "--replace")


# --- commands ------------------------------------------------------------------------------------


def try_reviewers(bad: Sequence[Negative]) -> None:
    """Let them vote on some right and spoilt answers: the pipeline's first run asks how they do."""
    vote_on_trial(bad[:: max(1, len(bad) // TRIAL)])


def run_and_vote() -> None:
    """The pipeline up to the answers, the reviewers' votes on them, and the rest."""
    command("run", "--until", "generate")
    vote_on_dev({role.value: texts_of(role) for role in (Role.CHAMPION, Role.CHALLENGER)})
    command("run", "--until", "compare")


def submitted() -> dict[str, Any]:
    """Submit; where a look was taken, the reviewers vote on it, and the votes are counted."""
    version = answer_of("submit", "--promote", "--json")["version"]
    sheet = Path(".incumbent/votes") / f"{version['family']}-v{version['number']}.jsonl"
    if sheet.exists():
        vote_on_sheet(sheet)
        answer_of("submit", "--promote", "--json")
    shown = answer_of("registry", "show", str(version["number"]), "--json")
    decision, evidence = shown["decision"], shown["evidence"]
    sealed = {name: diff_of(one) for name, one in evidence["sealed"].items()}
    slices = {
        name: {metric: diff_of(one) for metric, one in own.items()}
        for name, own in evidence["slices"].items()
        if name.startswith(("fact=", "document=", "answerable="))
    }
    return {
        "verdict": decision["verdict"]
        if decision["opening"]
        else f"{decision['verdict']}, no look",
        "sealed": {"reasons": decision["reasons"], "measured": sealed, "slices": slices},
    }


def diff_of(one: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("n", "champion_mean", "challenger_mean", "diff", "se", "wins", "losses")
    return {key: one[key] for key in keys}


def answer_of(*arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    print(f"$ incumbent {' '.join(arguments)}", flush=True)
    done = subprocess.run(["incumbent", *arguments], stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"`incumbent {' '.join(arguments)}` failed")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def command(*arguments: str) -> None:
    print(f"$ incumbent {' '.join(arguments)}", flush=True)
    if subprocess.run(["incumbent", *arguments]).returncode:
        sys.exit(f"`incumbent {' '.join(arguments)}` failed: run this again to go on from there")
