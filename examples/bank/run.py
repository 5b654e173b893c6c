"""Lindmoor Bank, from documents to a second round: `make bank`.

Each step is a command that a user would type; between them the simulated reviewers vote. A step
that is done is not done again: its result lies in `results/` of the project's folder, and what the
pipeline made is DVC's. To measure and to submit are two steps, as a promotion changes what would be
measured. docs/explain/bank.md tells the story, and says what the brief is and what it claims.
"""

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import yaml

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Role
from evaluation.metrics.facts.facts_kept import FactsKept
from examples.bank.dealing import Dealt, Sizes
from examples.bank.facts import HERE
from examples.bank.make_project import bring_in, make_project
from examples.bank.make_rows import Fields, negative_fields, row_fields, write_lines
from examples.bank.measures import (
    System,
    mean_of,
    measured,
    read_systems,
    texts_of,
    write_systems,
)
from examples.bank.negatives import Negative, negatives
from examples.bank.rows import Triplet
from examples.bank.second_round import SecondRound, second_round
from examples.bank.table import write_results
from examples.bank.voting import vote_on_dev, vote_on_sheet, vote_on_trial
from incumbent.verbs.recipes import read_recipe
from project.files import write_bytes
from project.model_pins import pinned_folder
from project.paths import ADAPTER_FILES, BASE
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.settings import PARAMS, load
from training.precision import choose_numerics

ROOT = HERE.parents[1]
RESULTS = Path("results")
BAD = RESULTS / "bad"
TRIAL = 35  # pairs of a right and a spoilt answer, on which the reviewers vote first
WORST = 30  # bad answers that are exported: half of dev
Changes = Mapping[str, Mapping[str, Any]]  # settings by section

ALL_ROWS = Sizes(train=10_000)  # more than there are: all but the reserve
NO_ROWS: Changes = {"training.sft": {"epochs": 0}}
SECOND: Changes = {
    "training.adapter": {"start": "champion"},
    "training.domain": {"epochs": 0},
    "training.sft": {"epochs": 1, "learning_rate": 3e-4, "replay": 0.5},
    "training.dpo": {"epochs": 1, "learning_rate": 5e-5},
}
STEPS = (
    "domain",
    "first round",
    "first submission",
    "bad answers",
    "second round",
    "second submission",
)


@dataclass(frozen=True)
class Bank:
    """What the story is told with."""

    dealt: Dealt
    first: Changes  # of the first round's settings


def main() -> None:
    given = parsed()
    sizes, first = (ALL_ROWS, of_the_brief()) if given.brief else (Sizes(), of_the_project())
    bank = Bank(make_project(given.to.resolve(), sizes), first)
    RESULTS.mkdir(exist_ok=True)
    tell(bank)


def parsed(arguments: Sequence[str] | None = None) -> Namespace:
    """Each of the two stories has a folder of its own."""
    parser = ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--to", type=Path, help="A folder; else one in .incumbent.")
    parser.add_argument(
        "--brief", action="store_true", help="The recipe `brief`, on nearly all rows."
    )
    given = parser.parse_args(arguments)
    given.to = given.to or ROOT / ".incumbent" / ("bank-brief" if given.brief else "bank")
    return given


def tell(bank: Bank) -> None:
    """The story. Each step returns what its file in results/ holds."""
    domain = step("domain", lambda: domain_alone(bank))
    base, *_ = systems("domain")
    step("first round", lambda: first_round(bank, base))
    first = step("first submission", submitted)
    step("bad answers", lambda: bad_answers(bank))
    won = first["verdict"] == "PROMOTE"
    found = step("second round", lambda: after_bad_answers(bank, base, promoted=won))
    second = step("second submission", submitted)
    table = [*systems("domain"), *systems("first round"), *systems("second round")]
    told = {
        "domain": domain["step"],
        "terms": domain["terms"],
        "verdicts": {"domain + sft": first["verdict"], "second round": second["verdict"]},
        "sealed": {"domain + sft": first["sealed"], "second round": second["sealed"]},
        "second_round": found,
        "steps": {name: time_of(read_step(name)) for name in STEPS},
    }
    print(write_results(RESULTS, table, told))


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


# --- the steps -----------------------------------------------------------------------------------


def domain_alone(bank: Bank) -> dict[str, Any]:
    """The bare base, the base with examples, and the adapter that has read the documents."""
    configure(NO_ROWS)
    bad = spoilt(bank)
    vote_on_trial(bad[:: len(bad) // TRIAL])
    run_and_vote()
    bare = texts_of(Role.CHAMPION)
    keep(
        "domain",
        measured("base", Role.CHAMPION),
        measured("few-shot", Role.FEW_SHOT, bare),
        measured("domain", Role.CHALLENGER, bare),
    )
    record = json.loads(Path("outputs/steps/domain/step.json").read_bytes())
    losses = {key: record[key] for key in ("loss_before", "loss_after", "tokens")}
    folder = pinned_folder(ModelPin.read(BASE), "base").resolve()
    adapter = Path("outputs/steps/domain/adapter").resolve()
    return {"step": losses, "terms": terms_of(folder, adapter)}


def first_round(bank: Bank, base: System) -> dict[str, Any]:
    """Train on rows, let the reviewers vote, measure."""
    configure(bank.first)
    run_and_vote()
    bare = {item.id: item.answer for item in base.items}
    keep("first round", measured("domain + sft", Role.CHALLENGER, bare))
    shutil.copytree(ADAPTER_FILES, RESULTS / "first-adapter", dirs_exist_ok=True)
    return {}


def bad_answers(bank: Bank) -> dict[str, Any]:
    """Export the bad answers of the first round, and bring in better rows and negatives."""
    shutil.rmtree(BAD, ignore_errors=True)
    command("data", "export", "--to", str(BAD), "--worst", str(WORST))
    better = found_rows(bank).rows
    bring_in_lines("second-round", [row_fields(row, row.id) for row in better])
    bring_in_lines("unwanted", [negative_fields(one) for one in spoilt(bank)])
    return {"rows": len(better)}


def after_bad_answers(bank: Bank, base: System, *, promoted: bool) -> dict[str, Any]:
    """Train again: from the first round's adapter where it was promoted, else anew."""
    configure(SECOND if promoted else {"training.dpo": SECOND["training.dpo"]})
    run_and_vote()
    bare = {item.id: item.answer for item in base.items}
    keep("second round", measured("second round", Role.CHALLENGER, bare))
    found = found_rows(bank)
    return {"bad": found.bad, "rows": len(found.rows), "sisters": asked_sisters(found)}


def found_rows(bank: Bank) -> SecondRound:
    """By the bad answers that were exported."""
    rows = [one.row for one in bank.dealt.project]
    return second_round(BAD / "corrections.jsonl", rows, bank.dealt.reserve)


def bring_in_lines(name: str, lines: Sequence[Fields]) -> None:
    """Import lines under a name; the import refuses an empty file."""
    if not lines:
        print(f"{name}: there is nothing to bring in", flush=True)
        return
    write_lines(BAD / f"{name}.jsonl", lines)
    bring_in(BAD / f"{name}.jsonl", "--as", name, "--replace")


def spoilt(bank: Bank) -> list[Negative]:
    """The negative examples, all of training rows of the first round."""
    return negatives([one.row for one in bank.dealt.project if one.part is Split.TRAIN])


# --- commands ------------------------------------------------------------------------------------


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
        if name.startswith("fact=")
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


def configure(changes: Changes) -> None:
    """Change settings of params.yaml, as a user would by hand."""
    params: dict[str, Any] = yaml.safe_load(PARAMS.read_bytes())
    for section, values in changes.items():
        node = params
        for key in section.split("."):
            node = node.setdefault(key, {})
        node |= values
    PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def of_the_project() -> Changes:
    """The step over rows as the project's own settings have it."""
    params = yaml.safe_load((HERE / "project" / PARAMS.name).read_bytes())
    return {"training.sft": params["training"]["sft"]}


def of_the_brief() -> Changes:
    """The adapter and the step over rows as the recipe `brief` has them; it has no other step."""
    said = read_recipe("brief").training.model_dump(mode="json", exclude_unset=True)
    return {f"training.{section}": said[section] for section in ("adapter", "sft")}


# --- what the pipeline does not measure ----------------------------------------------------------


def terms_of(base: Path, adapter: Path) -> dict[str, Any]:
    """How well the base knows the bank's terms without and with an adapter, in another process."""
    arguments = [sys.executable, "-m", "examples.bank.terms", str(base), str(adapter)]
    found: dict[str, Any] = json.loads(subprocess.check_output(arguments, cwd=ROOT))
    return found


def asked_sisters(found: SecondRound) -> dict[str, Any]:
    """Facts that both rounds keep on questions that neither learnt and no bad answer chose."""
    if not found.sisters:
        return {}
    first = facts_of(found.sisters, RESULTS / "first-adapter")
    second = facts_of(found.sisters, ADAPTER_FILES)
    return {
        "n": len(found.sisters),
        "first": mean_of(first).mean,
        "second": mean_of(second).mean,
        "difference": str(mean_of([b - a for a, b in zip(first, second, strict=True)])),
    }


def facts_of(asked: list[Triplet], adapter: Path) -> list[float]:
    """The share of the reference's facts that an adapter's answers keep."""
    # Imported here, so that whoever only wants --help does not wait for torch.
    from evaluation.generation.answering_model import AnsweringModel

    base = pinned_folder(ModelPin.read(BASE), "base")
    model = AnsweringModel(base, adapter, load(Decoding), choose_numerics().precision)
    rows = [Row.of(one.prompt, one.output, group=one.id, source="sisters") for one in asked]
    texts = {answer.item: answer.text for answer in model.answer(rows)}
    references = [row.completion_text for row in rows]
    found = FactsKept().compute(predictions=[texts[r.id] for r in rows], references=references)
    values: list[float] = found["facts_kept"] if found else []
    return values


if __name__ == "__main__":
    main()
