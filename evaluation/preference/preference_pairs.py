"""Pairs of answers of which it is known which is better, and what a judge of them must offer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import Field

from project.errors import InputError
from project.item_prompts import asking_an_item, bare
from project.paths import CURATED_PREFERENCES, rows_of
from project.records.data import EvidencePassage, Row, Split
from project.records.preferences import (
    Calibration,
    Preference,
    PreferencePair,
    RatedAnswer,
    by_judge,
    read_preferences,
)
from project.records.record import Record
from project.shown_passages import judged_on

PREFERENCES = Path("datasets/preferences")  # *.jsonl, each line a pair or a rated answer


class MadePair(PreferencePair):
    """A pair that was made: what its worse answer is, such as another row's."""

    kind: str


def part(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Hold out a share of the groups, whole, so that no near-duplicate is on both sides.

    They are the groups of the first rows. Where a few groups hold nearly all rows, they are the
    first groups. Raises InputError where a side would not have rows of two groups.
    """
    every = list(dict.fromkeys(row.group for row in rows))
    groups = {row.group for row in rows[: max(1, round(len(rows) * share))]}
    if not 2 <= len(groups) <= len(every) - 2:
        groups = set(every[: max(2, round(len(every) * share))])
    learnt = [row for row in rows if row.group not in groups]
    held_out = [row for row in rows if row.group in groups]
    for side in (learnt, held_out):
        if len({row.group for row in side}) < 2:
            raise InputError(
                f"{len(rows)} training rows are too few to train and to calibrate a preference "
                "model: each side needs rows of two groups",
                file=rows_of(Split.TRAIN),
            )
    return learnt, held_out


def given_preferences(folder: Path = PREFERENCES) -> list[Preference]:
    """What people said in the files of a folder, by file name, and then in the sources; each once.

    What a judge chose is left out: a judge that learnt from its own word, or were held against it,
    would only grow surer of it. Raises InputError naming file, line and field.
    """
    given = (record for path in preference_files(folder) for record in read_preferences(path))
    return list({record.id: record for record in given if not by_judge(record)}.values())


def preference_files(folder: Path = PREFERENCES) -> list[Path]:
    """The files of a folder by name, and then what the sources hold."""
    files = sorted(folder.glob("*.jsonl"))
    return [*files, CURATED_PREFERENCES] if CURATED_PREFERENCES.exists() else files


def allowed(given: Sequence[Preference], evaluated: Iterable[Row]) -> list[Preference]:
    """Those whose prompt no eval item has, nor a near-duplicate of it.

    A judge that has seen the answer to an item would know who wins there.
    """
    known = asking_an_item([preference.prompt for preference in given], evaluated)
    return [preference for i, preference in enumerate(given) if i not in known]


def pairs_of(given: Iterable[Preference]) -> list[PreferencePair]:
    """The pairs that teach something."""
    pairs = (preference for preference in given if isinstance(preference, PreferencePair))
    return [pair for pair in pairs if pair.chosen != pair.rejected]


# --- negative examples ----------------------------------------------------------------------------

# Answers that somebody found bad, each paired with a good answer to the same prompt.


@dataclass(frozen=True)
class PairedExamples:
    """What a reward model learns from negative examples, and how many taught it nothing."""

    pairs: list[PreferencePair]
    without_good: int  # no training row and no rated answer says what is good
    praised: int  # the good answer, word for word, is this one

    def __str__(self) -> str:
        text = f"{len(self.pairs)} negative examples paired with a good answer"
        if self.without_good:
            text += f", {self.without_good} left out: no good answer to their prompt is known"
        if self.praised:
            text += f", {self.praised} left out: the good answer says the same"
        return text


def pair_negatives(given: Iterable[Preference], rows: Iterable[Row]) -> PairedExamples:
    """Pair each bad answer with the answer of a training row to the same prompt; where no row has
    it, with an answer that was found good. Letter case and white space of a prompt make no
    difference.
    """
    rated = [answer for answer in given if isinstance(answer, RatedAnswer)]
    good = {bare(answer.prompt): answer.completion for answer in reversed(rated) if answer.label}
    good |= {bare(row.prompt_text): row.completion_text for row in reversed(list(rows))}
    bad = [answer for answer in rated if not answer.label]
    known = [answer for answer in bad if bare(answer.prompt) in good]
    pairs = list(against(known, good))
    return PairedExamples(pairs, len(bad) - len(known), len(known) - len(pairs))


def against(bad: Iterable[RatedAnswer], good: dict[str, str]) -> Iterator[PreferencePair]:
    for answer in bad:
        chosen = good[bare(answer.prompt)]
        if chosen.strip() != answer.completion.strip():
            yield PreferencePair(
                prompt=answer.prompt,
                chosen=chosen,
                rejected=answer.completion,
                evidence=answer.evidence,
            )


# --- judge protocol -------------------------------------------------------------------------------

# A comparison of two answers and what a judge says of it: one interface, whoever judges.


class AnswerPair(Record):
    """Two answers to one prompt, by whose they are."""

    item: str
    prompt: str
    champion: str
    challenger: str
    evidence: tuple[EvidencePassage, ...] | None = None

    @property
    def question(self) -> str:
        """The prompt among its passages."""
        return judged_on(self.prompt, self.evidence)


class Judgement(Record):
    # The challenger's win probability; 0.5 a tie, None unjudged.
    win_probability: float | None = Field(default=None, ge=0, le=1)
    # The share of the orders shown in which the answer shown first was preferred, a tie counting
    # half: 0.5 for a judge that favours neither place. None where no order was seen.
    first: float | None = Field(default=None, ge=0, le=1)


class Judge(Protocol):
    source: str  # as people read it

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """One judgement for each comparison, in their order."""
        ...


@runtime_checkable
class PinnedJudge(Protocol):
    """A judge that may be another one tomorrow, and may change its word."""

    def accounted(self, calibration: Calibration, comparisons: Sequence[AnswerPair]) -> Calibration:
        """The calibration on these comparisons, with who judged, and how steadily."""
        ...
