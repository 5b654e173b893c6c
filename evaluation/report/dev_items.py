"""Dev items with what both sides answered, kept for every version beside its report, and whether a
retriever found their passages.

A stage's outputs hold the last pair alone. The first line of the file says who was compared; every
other one is an item. Sealed items are never in it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Annotated, Any, Self

from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import better_of
from evaluation.generation.answers import SIDES, Answer, Role, answers_of, as_shown
from evaluation.report.shown_answers import ConversationRun, GivenAnswer
from evaluation.scoring.score_table import read_scores
from project.files import home, write_lines
from project.paths import CHAMPION, SCORES, rows_of
from project.records.adapters import AdapterVersion, Opponent
from project.records.data import EvidencePassage, Message, Row, Split
from project.records.record import LATER, Record, read_input
from project.records.scores import Better, Flags, ItemScore
from project.settings import load
from project.shown_passages import cited

GOAL = "goal"  # the metric that says of each run whether it came to its scenario's


class DevComparison(Record):
    """Who was compared on dev, and which way each metric is better."""

    version: int | None  # of the challenger; None: nobody submitted it yet
    opponent: Opponent
    better: dict[str, Better]
    gating: tuple[str, ...]


class ComparedItem(Record):
    """What was asked, what both sides answered first, and their mean scores."""

    row: Row
    champion: str
    challenger: str
    scores: ItemScore
    # Of whole conversations: the first, and all that a scenario was had as.
    champion_turns: Annotated[tuple[Message, ...] | None, LATER] = None
    challenger_turns: Annotated[tuple[Message, ...] | None, LATER] = None
    champion_runs: Annotated[tuple[ConversationRun, ...] | None, LATER] = None
    challenger_runs: Annotated[tuple[ConversationRun, ...] | None, LATER] = None

    @property
    def given(self) -> dict[str, GivenAnswer]:
        """Both answers, by their sides."""
        return {
            Role.CHAMPION: GivenAnswer(
                self.champion, self.champion_turns, self.champion_runs or ()
            ),
            Role.CHALLENGER: GivenAnswer(
                self.challenger, self.challenger_turns, self.challenger_runs or ()
            ),
        }


class DevItem(ComparedItem):
    """One dev item."""

    flags: Annotated[tuple[str, ...] | None, LATER] = None  # what is odd about it


class DevItems(Record):
    comparison: DevComparison
    items: tuple[DevItem, ...]

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Raises InputError naming file, line and field."""
        first, *lines = read_input(path).split(b"\n")
        items = [(number, line) for number, line in enumerate(lines, start=2) if line]
        return cls(
            comparison=DevComparison.parse(first, path, 1),
            items=tuple(DevItem.parse(line, path, number) for number, line in items),
        )


def kept_path(family: str, number: int) -> Path:
    return home() / "reports" / f"{family}-v{number}.dev.jsonl"


def kept_versions(family: str) -> list[int]:
    """The versions whose dev items are kept, newest first."""
    name = re.compile(rf"{re.escape(family)}-v([1-9]\d{{0,8}})\.dev\.jsonl")
    matches = (name.fullmatch(path.name) for path in (home() / "reports").glob("*.dev.jsonl"))
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def keep_dev_items(version: AdapterVersion) -> None:
    """Keep what the stages left about a version, in place of what was kept about it before."""
    dev = measured(version.number)
    lines = [dev.comparison.canonical(), *(item.canonical() for item in dev.items)]
    write_lines(kept_path(version.family, version.number), lines)


def measured(version: int | None) -> DevItems:
    """What the stages left, which may be under way: items that not all of them have are left out.

    Raises InputError where something is not there.
    """
    scores, policy = read_scores(Split.DEV), load(Policy)
    odd: dict[str, tuple[str, ...]] = {}
    for what, items in Flags.read(SCORES / f"{Split.DEV}.flags.json").items.items():
        for item in items:
            odd[item] = (*odd.get(item, ()), what)
    compared = compared_items(Row.read_lines(rows_of(Split.DEV)), scores.items)
    return DevItems(
        comparison=DevComparison(
            version=version,
            opponent=Opponent.read(CHAMPION),
            better={m: w for m, w in better_of(scores, policy).items() if m in scores.metrics},
            gating=policy.gating,
        ),
        items=tuple(DevItem(**dict(item), flags=odd.get(item.row.id)) for item in compared),
    )


def compared_items(items: Sequence[Row], scores: Sequence[ItemScore]) -> Iterator[ComparedItem]:
    """The dev items that both sides have answered and that are scored, as the challenger was shown
    them.
    """
    given = {side: defaultdict[str, list[Answer]](list) for side in SIDES}
    for side, by_item in given.items():
        for answer in Answer.read_lines(answers_of(side, Split.DEV)):
            by_item[answer.item].append(answer)
    means = {mean.item: mean for mean in item_means(scores)}
    of_run = {(score.item, score.sample): score for score in scores}
    rows = [
        row for row in items if row.id in means and all(row.id in ids for ids in given.values())
    ]
    for row in as_shown(rows, [given[Role.CHALLENGER][row.id][0] for row in rows]):
        fields: dict[str, Any] = {}
        for side, by_item in given.items():
            first, *_ = drawn = by_item[row.id]
            fields |= {side: first.text, f"{side}_turns": first.turns}
            if row.scenario:
                fields[f"{side}_runs"] = tuple(
                    run_of(answer, of_run.get((row.id, answer.sample)), side) for answer in drawn
                )
        yield ComparedItem(row=row, scores=means[row.id], **fields)


def run_of(answer: Answer, score: ItemScore | None, side: Role) -> ConversationRun:
    scores = (score.champion if side is Role.CHAMPION else score.challenger) if score else {}
    read = score is not None and GOAL in scores and GOAL not in (score.unread or ())
    return ConversationRun(turns=answer.turns or (), goal=scores[GOAL] == 1 if read else None)


def kept_comparison(path: Path) -> DevComparison:
    """Raises InputError for a file that is gone or says something else."""
    return DevComparison.parse(next(lines_of(path), b""), path, 1)


def kept_item(path: Path, item: str) -> DevItem | None:
    """One item of a file, without reading what the others say: a file may hold thousands."""
    named = b'"id":' + json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")
    for number, line in enumerate(lines_of(path), start=1):
        if number > 1 and named in line:
            dev_item = DevItem.parse(line, path, number)
            if dev_item.row.id == item:
                return dev_item
    return None


def lines_of(path: Path) -> Iterator[bytes]:
    yield from filter(None, read_input(path).split(b"\n"))


# --- retrieval recall -----------------------------------------------------------------------------

# Whether the retriever or the model failed: of wrong answers, how many had the passage shown.

# What makes an answer wrong, with the value that says so, as far as a scorer measured it.
WRONG: Mapping[str, float] = {"wrong_abstention": 1.0, "invented": 1.0, "figures_right": 0.0}


class RetrievalRecall(Record):
    """Of questions whose passage is known and whose passages came from a retriever."""

    n: int
    most: int  # passages that one was shown, at most
    shown: int  # to which all passages were shown that the reference cites
    wrong: int  # answers
    wrong_shown: int

    @property
    def recall(self) -> float:
        return self.shown / self.n

    @property
    def se(self) -> float:
        """The standard error of the share, which is not 0 where all were shown: of two successes
        and two failures more (Agresti & Coull 1998).
        """
        share = (self.shown + 2) / (self.n + 4)
        return sqrt(share * (1 - share) / (self.n + 4))

    def __str__(self) -> str:
        share = f"{100 * self.recall:.0f} ± {100 * self.se:.0f} %"
        told = (
            f"retrieval: of {self.n} questions whose passage is known it was among at most "
            f"{self.most} that were shown in {share}"
        )
        if not self.wrong:
            return f"{told}; no answer to these is wrong"
        missed = self.wrong - self.wrong_shown
        return (
            f"{told}; of {self.wrong} wrong answers {self.wrong_shown} had it, so the model "
            f"failed, and {missed} did not, so the retriever did"
        )


def retrieval_recall(
    rows: Iterable[Row], answers: Iterable[Answer], scores: Sequence[ItemScore]
) -> RetrievalRecall | None:
    """By the challenger's first answers and its scores; None where no retriever was asked, or none
    for these rows: an index may leave them the passages that they bring.
    """
    given = {answer.item: answer for answer in answers if answer.sample == 0}
    scored = {score.item: score for score in scores}
    asked = [
        (row, shown)
        for row in rows
        if row.id in scored
        and named_passages(row)
        and (answer := given.get(row.id))
        and (shown := answer.evidence) is not None
    ]
    if all(shown == row.evidence for row, shown in asked):
        return None
    known = [(is_shown(row, shown), is_wrong(scored[row.id]), len(shown)) for row, shown in asked]
    return RetrievalRecall(
        n=len(known),
        most=max(count for *_, count in known),
        shown=sum(there for there, *_ in known),
        wrong=sum(wrong for _, wrong, _ in known),
        wrong_shown=sum(there and wrong for there, wrong, _ in known),
    )


def named_passages(row: Row) -> list[EvidencePassage]:
    """The row's own passages that its reference cites."""
    given = row.evidence or ()
    return [given[n - 1] for n in sorted({*cited(row.completion_text)}) if 1 <= n <= len(given)]


def is_shown(row: Row, shown: Iterable[EvidencePassage]) -> bool:
    """Whether all of them are there: by id, or by what they say."""
    known = {mark for passage in shown for mark in passage_marks(passage)}
    return all(known.intersection(passage_marks(passage)) for passage in named_passages(row))


def passage_marks(passage: EvidencePassage) -> Iterator[tuple[str, str]]:
    yield "id", passage.id
    yield "text", " ".join(passage.text.split())


def is_wrong(scores: ItemScore) -> bool:
    unread = {*(scores.unread or ())}
    return any(
        scores.challenger[metric] == value
        for metric, value in WRONG.items()
        if metric in scores.challenger and metric not in unread
    )
