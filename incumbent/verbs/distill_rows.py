"""`data distill`: a teacher's answers to training prompts, as rows for people to accept or not."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.checks.waivers import read_waivers
from curation.curation_settings import CollectParams, CurateParams
from curation.data_sources import licence_option, note_teacher
from curation.proposals import CUT, Proposal, answered, seeds, sifted
from evaluation.evaluation_settings import Decoding, PreferenceParams, Prices
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Answer, Respondent
from evaluation.generation.systems import from_registry
from evaluation.preference.preference_pairs import AnswerPair, Judge
from evaluation.preference.preference_sources import judge_of
from evaluation.report.report_data import money
from incumbent.importing.writers import (
    ACCEPTING,
    DraftRow,
    draft_of,
    refuse_unreviewed,
    rows_beside,
    rows_in,
    write_review,
)
from incumbent.options import LARGEST, Json, saying_what_stays, version_number
from incumbent.output import print_json, say
from monitoring.trigger.labels import LABELLED
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.licences import licence_fault
from project.paths import BASE, CALIBRATION, REWARD
from project.records.adapters import AdapterVersion, Contestant, ModelPin
from project.records.data import Row, Split, TaughtBy, counted
from project.records.evidence import Usage
from project.records.preferences import Calibration
from project.settings import load
from registry.champion import based_here
from registry.decision_checks import release
from registry.reader import RegistryReader
from training.start import trained_on_erased

REVIEW = Path("datasets/queue/distilled.json")
NO_PRICES = "needs prices: set evaluation.prices, or use --max-tokens"
AROUND = 64  # tokens that a chat template puts around a conversation, at most


@dataclass
class Spending:
    """What was asked for now, and what may be: answers of before cost nothing again."""

    prices: Prices
    longest: int  # tokens of an answer
    most_cost: float | None
    most_tokens: int | None
    prompt: int = 0
    answer: int = 0
    seconds: float = 0.0
    slowest: float = 0.0  # seconds of a row

    @property
    def limited(self) -> bool:
        return self.most_cost is not None or self.most_tokens is not None

    @property
    def told(self) -> dict[str, Any]:
        tokens = {"prompt": self.prompt, "answer": self.answer}
        cost = self.cost_of(self.prompt, self.answer, self.seconds)
        return {"tokens": tokens, "seconds": round(self.seconds, 3), "cost": cost}

    def __str__(self) -> str:
        cost = self.told["cost"]
        money = "" if cost is None else f", {cost:.4g} in money"
        return f"{self.prompt:,} prompt and {self.answer:,} answer tokens{money}"

    def cost_of(self, prompt: int, answer: int, seconds: float) -> float | None:
        """None: no price is known."""
        cost = money(Usage(prompt=prompt, answer=answer), seconds, self.prices)
        return None if cost is None else cost / 1000

    def allows(self, prompt: int, answers: int) -> bool:
        """Whether so many prompt tokens and answers can be asked too. An answer is no longer than
        it may be; seconds are those of the slowest row so far.
        """
        prompt, answer = self.prompt + prompt, self.answer + self.longest * answers
        cost = self.cost_of(prompt, answer, self.seconds + self.slowest * answers)
        return (self.most_tokens is None or prompt + answer <= self.most_tokens) and (
            self.most_cost is None or (cost or 0.0) <= self.most_cost
        )

    def add(self, answers: Sequence[Answer], seconds: float) -> None:
        self.prompt += sum(answer.prompt_tokens for answer in answers)
        self.answer += sum(answer.tokens for answer in answers)
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds / len(answers))


@saying_what_stays("interrupted: answers are kept; run it again to go on")
def distill(
    teacher: Annotated[str, typer.Option(help="champion, or a version, as 3 or v3.")],
    licence: Annotated[
        str | None,
        typer.Option(
            help="Under which licence or terms its answers may be learnt from, as SPDX names it "
            "(Apache-2.0), or LicenseRef-NAME."
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, help="How many prompts; if left out, all of training."),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(min=0, help="Stop before the answers cost more, by evaluation.prices."),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, help="Stop before prompts and answers have more tokens."),
    ] = None,
    judge: Annotated[
        bool,
        typer.Option("--judge", help="Let the project's judge hold them against the rows' own."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="The seed by which the first rows are chosen.")
    ] = 0,
    to: Annotated[Path, typer.Option(help="The review file; a .jsonl goes beside it.")] = REVIEW,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask nothing; say what it would cost at most.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a version answer training prompts, as rows for people to accept or not.

    Raises InputError for a teacher that is none, where a review still waits, or without a licence.

    $ incumbent data distill --teacher champion --licence Apache-2.0 --max-tokens 200000
    """
    terms = terms_of(licence)
    if not dry_run:
        refuse_unreviewed(to)
    version, contestant = teacher_here(teacher)
    marks = calibrated_judge() if judge else None
    train, decoding, prices = rows_in(Split.TRAIN), load(Decoding), load(Prices)
    if max_cost is not None and not any(prices.model_dump().values()):
        raise InputError(NO_PRICES, field="--max-cost")
    asked = seeds(train, load(CurateParams).train_only, seed)[:rows]
    spending = Spending(prices, decoding.max_new_tokens, max_cost, max_tokens)
    system = from_registry(contestant, decoding, answering_numerics(), live=True)
    if dry_run:
        print_most(asked, system, spending, as_json=as_json)
        return
    print(f"asking {version.label} {counted(len(asked), 'prompt')}", file=sys.stderr)
    with ended_by_signals():
        answers = answers_within(asked, system, spending)
    proposed = [
        answered(row, answers[row.id].text, version.label, LABELLED.name)
        for row in asked
        if row.id in answers and answers[row.id].tokens < decoding.max_new_tokens
    ]
    # Imported here because faults are found by libraries of an extra.
    from curation.faults.every_fault import FAULTS

    items = [*rows_in(Split.DEV), *rows_in(Split.SEALED)]
    outcome = sifted(proposed, (), items, FAULTS, read_waivers().ours)
    if cut := len(answers) - len(proposed):
        outcome.dropped[CUT] += cut
    if outcome.kept:
        write_review(drafts_of(outcome.kept, marks), to)
        note_teacher(
            TaughtBy(
                name=version.label,
                adapter=contestant.adapter,
                base=contestant.base.name,
                licence=terms,
            )
        )
    summary: dict[str, Any] = {
        "teacher": version.label,
        "version": version.number,
        "adapter": contestant.adapter,
        "asked": len(asked),
        "answered": len(answers),
        "rows": len(outcome.kept),
        "dropped": dict(outcome.dropped.most_common()),
        **spending.told,
        "stopped": len(answers) < len(asked),
        "to": str(to) if outcome.kept else None,
    }
    if as_json:
        print_json(summary)
    else:
        print_outcome(summary, spending, to)


def terms_of(licence: str | None) -> str:
    """Raises InputError where none is named, or one that the project does not learn from."""
    terms = licence_option(licence)
    if terms is None:
        raise InputError(
            "say under which licence or terms the teacher's answers may be learnt from: "
            "Apache-2.0, or LicenseRef-NAME for terms of its own; the model card will tell it",
            field="--licence",
        )
    if fault := licence_fault(terms):
        if load(CollectParams).licences == "trainable":
            raise InputError(f"{fault} (curation.collect.licences)", field="--licence")
        print(f"warning: {fault}", file=sys.stderr)
    return terms


def teacher_here(name: str) -> tuple[AdapterVersion, Contestant]:
    """The version, its bytes checked, and what answers, on its base as it lies here. Raises
    InputError where there is none, or where it knows rows that were erased.
    """
    if not BASE.exists():
        raise InputError("is not there: run `dvc repro` first", file=BASE)
    try:
        number = None if name == "champion" else version_number(name)
    except typer.BadParameter as error:
        raise InputError(f"{error}; or champion", field="--teacher") from None
    with RegistryReader.here() as registry:
        version = registry.version(number) if number else registry.champion()
        if version is None:
            raise InputError("there is no champion yet: name a version, as 3", field="--teacher")
        release(registry, version.number)
        if version.number in trained_on_erased(registry):
            raise InputError(f"{version.label} learnt rows that were erased", field="--teacher")
    base = ModelPin.read(BASE)
    return version, based_here(version.adapter.contestant, base, version.label)


def answers_within(
    rows: Sequence[Row], system: Respondent, spending: Spending
) -> dict[str, Answer]:
    """The answers by their rows' ids, as far as the limits let them be asked for."""
    by_id, answers = {row.id: row for row in rows}, dict[str, Answer]()
    units = system.units(rows, 1)
    for part in [[unit] for unit in units] if spending.limited else [units]:
        new = [unit for unit in part if system.cached(unit, 1) is None]
        flat = [row for unit in new for row in unit]
        if flat and not spending.allows(most_tokens(flat, system), len(flat)):
            break
        asked = [by_id[row.id] for unit in part for row in unit]
        answers |= {answer.item: answer for answer in system.answers(asked, "teacher")}
        for made in filter(None, (system.cached(unit, 1) for unit in new)):
            spending.add(made.answers, made.seconds)
    return answers


def most_tokens(rows: Sequence[Row], system: Respondent) -> int:
    """Of prompts, as a token is a byte at least."""
    in_front = len((system.system.system_prompt or "").encode()) + AROUND
    return sum(len(row.prompt_text.encode()) + in_front for row in rows)


def calibrated_judge() -> Judge:
    """The project's. Raises InputError where people are it, or it is not calibrated yet."""
    params = load(PreferenceParams)
    if params.judged_by == "ballots" or not CALIBRATION.exists():
        problem = "needs a judge that is calibrated: run `dvc repro reward`; ballots are none"
        raise InputError(problem, field="--judge")
    return judge_of(params, REWARD, "row", "teacher", Calibration.read(CALIBRATION))


def drafts_of(kept: Sequence[Proposal], judge: Judge | None) -> list[DraftRow]:
    """Rows for people; with a judge, each with how surely it prefers the teacher's answer to the
    row's own, the surest first.
    """
    if judge is None:
        return [draft_of(proposal) for proposal in kept]
    pairs = [
        AnswerPair(
            item=proposal.wish.seed.id,
            prompt=proposal.row.prompt_text,
            champion=proposal.wish.seed.completion_text,
            challenger=proposal.row.completion_text,
            evidence=proposal.row.evidence,
        )
        for proposal in kept
    ]
    marks = [judgement.win_probability for judgement in judge.prefer(pairs)]
    order = sorted(zip(marks, kept, strict=True), key=lambda pair: -(pair[0] or 0.0))
    return [marked(draft_of(proposal), mark) for mark, proposal in order]


def marked(draft: DraftRow, mark: float | None) -> DraftRow:
    told = "not judged" if mark is None else f"{mark:.2f}"
    made_of = f"{draft.made_of}\n\nthe judge prefers the teacher's answer: {told}"
    return replace(draft, made_of=made_of, about={**draft.about, "judge": told})


# --- said -----------------------------------------------------------------------------------------


def print_most(
    rows: Sequence[Row], system: Respondent, spending: Spending, *, as_json: bool
) -> None:
    """What these prompts would cost at most, answers that are kept and seconds aside."""
    new = [row for unit in system.units(rows, 1) if not system.cached(unit, 1) for row in unit]
    spending.prompt, spending.answer = most_tokens(new, system), spending.longest * len(new)
    if as_json:
        print_json({"asked": len(rows), "new": len(new), **spending.told})
        return
    say(f"{counted(len(rows), 'prompt')}, {len(new):,} of them not answered yet")
    say(f"at most {spending}; nothing was asked")


def print_outcome(outcome: Mapping[str, Any], spending: Spending, to: Path) -> None:
    """How many passed, what they took, and what a person has to do now."""
    say(
        f"{outcome['rows']} of {counted(outcome['answered'], 'answer')} of {outcome['teacher']} "
        "passed"
    )
    say(f"  asked for now: {spending}")
    for why, dropped in outcome["dropped"].items():
        say(f"  dropped: {dropped} {why}")
    if outcome["stopped"]:
        left = counted(outcome["asked"] - outcome["answered"], "prompt")
        say(f"  stopped before the limit: {left} not asked; a higher one goes on from here")
    if not outcome["rows"]:
        others = "another teacher, or more prompts"
        hint = "a higher limit" if outcome["stopped"] and not outcome["answered"] else others
        say(f"nothing is left to review: try {hint}")
        return
    say(f"they wait in {to} for Label Studio, and in {rows_beside(to)}")
    say(ACCEPTING)
