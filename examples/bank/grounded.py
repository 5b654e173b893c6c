"""The story with passages: an answer cites what it stands on, or says that it does not know.

What is compared: the base without and with passages, the base with examples, a model tuned on the
same rows without passages, a first round, a second one on more rows and on negative examples, a
control that takes its steps on more of the old questions, and a third round on what customers
asked of a new product.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evaluation.generation.answers import Role
from evaluation.score import read_answers
from examples.bank.closed_book import WITHOUT_PASSAGES
from examples.bank.dealing import Dealt
from examples.bank.grounded_dealing import BRIEF, USUAL, deal_grounded
from examples.bank.grounded_forms import forms, with_forms
from examples.bank.grounded_rows import grounded_rows
from examples.bank.grounded_table import write_grounded
from examples.bank.make_project import Changes, configure, curate_params, make_project
from examples.bank.make_rows import pair_fields, row_fields, write_lines
from examples.bank.measures import (
    asked_on,
    measured,
    measured_elsewhere,
    on_gold_passages,
    texts_of,
)
from examples.bank.negatives import ON_PASSAGES, Negative, negatives
from examples.bank.rows import SEED, Triplet
from examples.bank.second_round import SecondRound, second_round
from examples.bank.served import new_items, served
from examples.bank.steps import (
    BAD,
    RESULTS,
    WORST,
    bring_in_lines,
    command,
    file_of,
    keep,
    read_step,
    run_and_vote,
    step,
    submitted,
    systems,
    time_of,
    try_reviewers,
)
from project.paths import ADAPTER_FILES
from project.records.data import Split
from project.shown_passages import without_citations
from registry.reader import RegistryReader

SMALL: Changes = {
    "training.sft": {"epochs": 1, "batch_size": 4},
    "evaluation.decoding": {"max_new_tokens": 24},
    "evaluation.few_shot": {"shots": 1},
}
# From the champion's adapter, or from the base where the first round did not win.
ONWARD: Changes = {
    "training.adapter": {"start": "champion"},
    "training.sft": {"epochs": 1, "learning_rate": 3e-4},
}
DPO: Changes = {"training.dpo": {"epochs": 1, "learning_rate": 5e-5}}
FEW, PAIRS = 4, 8  # in small: questions of each file of a suite, and pairs to learn from
UNWANTED = Path("datasets/preferences/unwanted.jsonl")
MORE = "second-round"  # the source of what the second round, or its control, learns beside
STEPS = (
    "first round",
    "first submission",
    "bad answers",
    "control",
    "second round",
    "second submission",
    "closed book",
    "served",
    "third round",
    "third submission",
)
COMPARED = ("closed book", "first round", "control", "second round", "third round")


@dataclass(frozen=True)
class Grounded:
    """What the story is told with."""

    dealt: Dealt
    brief: bool

    @property
    def items(self) -> list[Triplet]:
        return [one.row for one in self.dealt.project if one.part is not Split.TRAIN]


def run(to: Path, *, brief: bool) -> None:
    dealt = deal_grounded(grounded_rows(), curate_params(), BRIEF if brief else USUAL)
    if brief:
        make_project(to, dealt, SMALL, FEW)
    else:
        make_project(to, with_forms(dealt))
    RESULTS.mkdir(exist_ok=True)
    print(tell(Grounded(dealt, brief)))


def tell(bank: Grounded) -> str:
    """The story. Each step returns what its file in results/ holds; in small it compares less."""
    step("first round", lambda: first_round(bank))
    first = step("first submission", submitted)
    won = first["verdict"] == "PROMOTE"
    found = step("bad answers", lambda: bad_answers(bank))
    if not bank.brief:
        step("control", lambda: control(bank, won=won))
    step("second round", lambda: after_bad_answers(bank, won=won))
    rounds = {"round 1": first, "round 2": step("second submission", submitted)}
    if not bank.brief:
        step("closed book", lambda: closed_book(bank))
    if any(one["verdict"] == "PROMOTE" for one in rounds.values()):
        step("served", lambda: served([row.prompt for row in bank.dealt.taught]))
        step("third round", third_round)
        rounds["round 3"] = step("third submission", submitted)
    done = [name for name in STEPS if file_of(name).exists()]
    table = [one for name in COMPARED if name in done for one in systems(name)]
    told = {
        "verdicts": {name: one["verdict"] for name, one in rounds.items()},
        "sealed": {name: one["sealed"] for name, one in rounds.items()},
        "bad": found["bad"],
        "served": read_step("served") if "served" in done else None,
        "steps": {name: time_of(read_step(name)) for name in done},
    }
    return write_grounded(RESULTS, table, told)


# --- the steps -----------------------------------------------------------------------------------


def first_round(bank: Grounded) -> dict[str, Any]:
    """The base, the base with examples, and the first adapter, all on the same passages."""
    try_reviewers(spoilt(bank))
    run_and_vote()
    bare = texts_of(Role.CHAMPION)
    keep(
        "first round",
        measured("base + passages", Role.CHAMPION),
        measured("few-shot + passages", Role.FEW_SHOT, bare),
        measured("round 1", Role.CHALLENGER, bare),
        on_gold_passages("base + gold passage", None),
        on_gold_passages("round 1 + gold passage", ADAPTER_FILES),
    )
    return {}


def bad_answers(bank: Grounded) -> dict[str, Any]:
    """Export the worst answers of the first round, and say which rows are about what failed."""
    shutil.rmtree(BAD, ignore_errors=True)
    command("data", "export", "--to", str(BAD), "--worst", str(WORST))
    found = about_bad_answers(bank)
    return {"bad": found.bad, "rows": len(found.rows)}


def control(bank: Grounded, *, won: bool) -> dict[str, Any]:
    """What the second round takes, of the old questions: as many rows as it learns, and one for
    each of its pairs.
    """
    rows = learnt_again(bank, len(second_rows(bank)) + len(spoilt(bank)))
    bring_in_lines(MORE, [row_fields(row, row.id) for row in rows])
    configure(ONWARD if won else {})
    run_and_vote()
    keep("control", measured("control", Role.CHALLENGER, base_texts()))
    return {"rows": len(rows)}


def learnt_again(bank: Grounded, most: int) -> list[Triplet]:
    """Questions of the first round in forms that it did not have."""
    had = {(row.prompt, row.output, row.evidence) for row in forms(bank.dealt.taught, bank.items)}
    made = forms(bank.dealt.taught, bank.items, seed=SEED + 1)
    new = [row for row in made if (row.prompt, row.output, row.evidence) not in had]
    return [replace(row, id=f"{row.id}+again") for row in new[:most]]


def after_bad_answers(bank: Grounded, *, won: bool) -> dict[str, Any]:
    """Train on all rows, those about what failed among them, then on pairs of a right and a bad
    answer.
    """
    learnt = second_rows(bank)
    bring_in_lines(MORE, [row_fields(row, row.id) for row in learnt])
    pairs = spoilt(bank)
    write_lines(UNWANTED, map(pair_fields, pairs[:PAIRS] if bank.brief else pairs))
    configure((ONWARD if won else {}) | DPO)
    run_and_vote()
    keep("second round", measured("round 2", Role.CHALLENGER, base_texts()))
    return {"rows": len(learnt)}


def second_rows(bank: Grounded) -> list[Triplet]:
    """Those about what failed, in all their forms but in the story in small."""
    rows = about_bad_answers(bank).rows
    return rows if bank.brief else forms(rows, bank.items)


def about_bad_answers(bank: Grounded) -> SecondRound:
    there = [one.row for one in bank.dealt.project]
    return second_round(BAD / "corrections.jsonl", there, bank.dealt.reserve)


def closed_book(bank: Grounded) -> dict[str, Any]:
    """The same questions without passages, in a project of its own: what a model remembers."""
    here, dealt = Path.cwd(), without_passages(bank.dealt)
    make_project(here / "closed-book", dealt, WITHOUT_PASSAGES)
    configure(SMALL if bank.brief else {})
    configure({"training.domain": {"epochs": 0}, "evaluation.few_shot": {"shots": 0}})
    try_reviewers(negatives(dealt.taught))
    command("run", "--until", "generate")
    answers = {role: read_answers(role, Split.DEV) for role in (Role.CHAMPION, Role.CHALLENGER)}
    os.chdir(here)
    keep(
        "closed book",
        measured_elsewhere("closed-book base", answers[Role.CHAMPION], base_texts()),
        measured_elsewhere("closed-book sft", answers[Role.CHALLENGER], base_texts()),
    )
    return {}


def without_passages(dealt: Dealt) -> Dealt:
    """Rows and items that have an answer, without what it stands on."""
    kept = [replace(one, row=bare(one.row)) for one in dealt.project if one.row.answerable]
    return Dealt(kept, [])


def bare(row: Triplet) -> Triplet:
    return replace(
        row,
        output=without_citations(row.output),
        warning=without_citations(row.warning),
        evidence=(),
        answerable=None,
    )


def third_round() -> dict[str, Any]:
    """From the champion on, with what experts answered about the new product."""
    configure(ONWARD | {"training.dpo": {"epochs": 0}})
    run_and_vote()
    asked = new_items()
    with TemporaryDirectory() as champion, RegistryReader.here() as registry:
        version = registry.champion()
        assert version is not None, "a round was promoted"
        registry.artifacts.copy(version.adapter.files, Path(champion))
        keep(
            "third round",
            measured("round 3", Role.CHALLENGER),
            asked_on(asked, "champion, new product", Path(champion)),
            asked_on(asked, "round 3, new product", ADAPTER_FILES),
        )
    return {}


def base_texts() -> dict[str, str]:
    """What the base answered on the passages, by item."""
    base, *_ = systems("first round")
    return base.texts


def spoilt(bank: Grounded) -> list[Negative]:
    """The negative examples, all of training rows of the first round."""
    taught = bank.dealt.taught if bank.brief else forms(bank.dealt.taught, bank.items)
    return negatives(taught, ON_PASSAGES)
