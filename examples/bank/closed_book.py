"""The story without passages: what the model knows, it has from documents and rows.

It is the comparison to grounded.py, and the brief's own way: domain adaptation, then triplets. To
measure and to submit are two steps, as a promotion changes what would be measured.
docs/explain/bank.md tells the story, and says what the brief is and what it claims.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Role
from evaluation.metrics.facts.facts_kept import FactsKept
from examples.bank.dealing import Dealt, Sizes
from examples.bank.facts import HERE
from examples.bank.make_project import Changes, configure, dealt_rows, make_project
from examples.bank.make_rows import negative_fields, row_fields
from examples.bank.measures import System, mean_of, measured, texts_of
from examples.bank.negatives import Negative, negatives
from examples.bank.rows import Triplet
from examples.bank.second_round import SecondRound, second_round
from examples.bank.steps import (
    BAD,
    RESULTS,
    WORST,
    bring_in_lines,
    command,
    keep,
    read_step,
    run_and_vote,
    step,
    submitted,
    systems,
    time_of,
    try_reviewers,
)
from examples.bank.table import write_results
from incumbent.verbs.recipes import read_recipe
from project.model_pins import pinned_folder
from project.paths import ADAPTER_FILES, BASE
from project.records.adapters import ModelPin
from project.records.data import Row
from project.settings import load
from training.precision import choose_numerics

ROOT = HERE.parents[1]
ALL_ROWS = Sizes(train=10_000)  # more than there are: all but the reserve
NO_ROWS: Changes = {"training.sft": {"epochs": 0}}
SECOND: Changes = {
    "training.adapter": {"start": "champion"},
    "training.domain": {"epochs": 0},
    "training.sft": {"epochs": 1, "learning_rate": 3e-4, "replay": 0.5},
    "training.dpo": {"epochs": 1, "learning_rate": 5e-5},
}
# What differs in project/params.yaml: no passages are shown, so documents are read in training, and
# rows so often that they stick.
WITHOUT_PASSAGES: Changes = {
    "base": {"evidence_template": None},
    "training.domain": {"epochs": 6, "learning_rate": 5e-4, "batch_size": 2},
    "training.sft": {"epochs": 6, "learning_rate": 1e-3, "batch_size": 8},
    "evaluation.few_shot": {"shots": 3},
    "evaluation.scoring": {
        "metrics": ["rouge", "semantic", "facts", "assertions", "refusal", "length"]
    },
    "evaluation.policy": {"guards": None, "floors": {}},
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


def run(to: Path, *, brief: bool) -> None:
    sizes, first = (ALL_ROWS, of_the_brief()) if brief else (Sizes(), of_the_project())
    dealt = dealt_rows(sizes)
    make_project(to, dealt, WITHOUT_PASSAGES)
    RESULTS.mkdir(exist_ok=True)
    tell(Bank(dealt, first))


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


# --- the steps -----------------------------------------------------------------------------------


def domain_alone(bank: Bank) -> dict[str, Any]:
    """The bare base, the base with examples, and the adapter that has read the documents."""
    configure(NO_ROWS)
    try_reviewers(spoilt(bank))
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
    keep("first round", measured("domain + sft", Role.CHALLENGER, base.texts))
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
    keep("second round", measured("second round", Role.CHALLENGER, base.texts))
    found = found_rows(bank)
    return {"bad": found.bad, "rows": len(found.rows), "sisters": asked_sisters(found)}


def found_rows(bank: Bank) -> SecondRound:
    """By the bad answers that were exported."""
    rows = [one.row for one in bank.dealt.project]
    return second_round(BAD / "corrections.jsonl", rows, bank.dealt.reserve)


def spoilt(bank: Bank) -> list[Negative]:
    """The negative examples, all of training rows of the first round."""
    return negatives(bank.dealt.taught)


def of_the_project() -> Changes:
    """The step over rows as this form's own settings have it."""
    return {"training.sft": WITHOUT_PASSAGES["training.sft"]}


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
