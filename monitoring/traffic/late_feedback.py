"""Feedback that came after its answers were logged, joined to their rows."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from project.records.traffic import Feedback, LateFeedback, Outcome, Traffic

PREFIX = "feedback-"  # of the files in a partition that hold it
OUTCOME = ("escalated", "resolved", "satisfaction")


class LinePosition(NamedTuple):
    """Where a line stands."""

    file: Path
    offset: int
    packed: str | None = None  # the correction, where its file is packed: it cannot be read again


@dataclass(slots=True)
class JoinedFeedback:
    """What was said of one answer: of each field what came last, and when that was."""

    own: bool = False  # whether some of it came on the day that is read
    used: bool = False
    times: dict[str, float] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)  # of a correction its LinePosition


class LateFeedbacks:
    """What was said of answers, by their ids and whose they are.

    Feedback counts where the same caller got the answer: nobody can rate or correct another's.
    A correction stays in its file until its row is read, so that an answer takes some 500 bytes.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str | None], JoinedFeedback] = {}

    def add(self, feedback: LateFeedback, place: LinePosition, *, own: bool) -> None:
        joined = self.answers.setdefault((feedback.feedback_of, feedback.caller), JoinedFeedback())
        joined.own |= own
        time = feedback.time.timestamp()
        for name, value in fields_of(feedback, place).items():
            if time >= joined.times.get(name, time):
                joined.times[name], joined.values[name] = time, value

    def join(self, row: Traffic) -> Traffic:
        """The row with what was said of it later."""
        joined = self.answers.get((row.id, row.caller))
        if joined is None:
            return row
        joined.used = True
        return row.model_copy(update=later_fields(row, joined.values))

    @property
    def unmatched(self) -> int:
        """Answers that feedback of this day is about, and that are not of this day."""
        return sum(joined.own and not joined.used for joined in self.answers.values())


def fields_of(feedback: LateFeedback, place: LinePosition) -> dict[str, Any]:
    fields: dict[str, Any] = {"rating": feedback.rating}
    if feedback.correction is not None:
        packed = place.file.suffix == ".gz"
        fields["correction"] = place._replace(packed=feedback.correction) if packed else place
    if feedback.outcome:
        fields |= {name: getattr(feedback.outcome, name) for name in OUTCOME}
    return {name: value for name, value in fields.items() if value is not None}


def later_fields(row: Traffic, values: Mapping[str, Any]) -> dict[str, Any]:
    """What changes of a row: a field that nothing was said of stays as it was logged."""
    changed: dict[str, Any] = {}
    feedback = row.feedback.model_dump() if row.feedback else {}
    if "rating" in values:
        feedback["rating"] = values["rating"]
    if "correction" in values and (text := correction_at(values["correction"], row.id)):
        feedback["correction"] = text
    if feedback:
        changed["feedback"] = Feedback(**feedback)
    outcome = row.outcome.model_dump() if row.outcome else {}
    if facts := {name: values[name] for name in OUTCOME if name in values}:
        changed["outcome"] = Outcome(**outcome | facts)
    return changed


def correction_at(place: LinePosition, answer: str) -> str | None:
    """None where the file is not as it was: rows were erased meanwhile, or have expired."""
    if place.packed is not None:
        return place.packed
    try:
        with place.file.open("rb") as stream:
            stream.seek(place.offset)
            line = stream.readline().removeprefix(BOM_UTF8)
            feedback = LateFeedback.model_validate_json(line)
    except (OSError, ValidationError):
        return None
    return feedback.correction if feedback.feedback_of == answer else None
