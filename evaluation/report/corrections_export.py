"""The next round of data: bad dev answers, as rows to correct and as negative examples."""

from collections.abc import Sequence
from typing import Annotated

from evaluation.report.report_data import Example
from project.records.assertions import RowAssertions
from project.records.data import Message
from project.records.preferences import PreferencePair
from project.records.record import LATER, Record


class BadAnswer(Record):
    """What a person sees beside the row that is to be corrected."""

    why: str
    answer: str  # the challenger's
    champion: str
    scores: dict[str, float]  # the challenger's
    gain: float  # over the champion, mean over the metrics that the report sorts by


class Correction(Record):
    """A row that curation imports once its completion is as it should be."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    slices: dict[str, str]
    group: str
    assertions: Annotated[RowAssertions | None, LATER] = None
    about: BadAnswer


def bad(examples: Sequence[Example], count: int) -> list[tuple[str, Example]]:
    """The `count` dev items with the worst answers, and with those that lost most to the champion.

    Alternately of both kinds, each item once, with why it is there.
    """
    worst = sorted(examples, key=lambda e: (e.quality, e.row.id))
    regressed = sorted(
        (example for example in examples if example.gain < 0), key=lambda e: (e.gain, e.row.id)
    )
    found: dict[str, tuple[str, Example]] = {}
    for i in range(len(worst)):
        for why, ordered in (("regressed", regressed), ("worst", worst)):
            if i < len(ordered) and len(found) < count:
                found.setdefault(ordered[i].row.id, (why, ordered[i]))
    return list(found.values())


def correction(why: str, example: Example) -> Correction:
    row = example.row
    return Correction(
        prompt=row.prompt,
        completion=row.completion,
        slices=row.slices,
        group=row.group,
        assertions=row.assertions,
        about=BadAnswer(
            why=why,
            answer=example.challenger,
            champion=example.champion,
            scores=example.scores.challenger,
            gain=example.gain,
        ),
    )


def negative(example: Example) -> PreferencePair:
    """The bad answer as what a preference model should reject."""
    row = example.row
    return PreferencePair(
        prompt=row.prompt_text, chosen=row.completion_text, rejected=example.challenger
    )
