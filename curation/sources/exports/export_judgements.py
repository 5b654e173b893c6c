"""From what people said, as a tool has it, to judgements."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import (
    AnsweredTask,
    ControlAnswer,
    judged,
    rated,
    reject,
    with_known_kind,
)
from curation.sources.exports.export_reading import (
    ExportReading,
    kinds_unread,
    only_one,
    readings_of,
)
from curation.sources.exports.good_or_bad import Praise
from curation.sources.exports.shown import (
    NO_RESULT,
    REPLACED,
    TIE,
    NothingShownError,
    TaskJudgement,
    reads,
    shown_task,
)
from curation.sources.row_formats import Read
from project.records.data import counted
from project.records.record import Record


@dataclass(frozen=True)
class ExportJudgements:
    """All that people said in an export, and what its owner should know of how it was read."""

    judgements: Sequence[TaskJudgement]
    notes: tuple[str, ...] = ()

    @property
    def reads(self) -> Iterator[Read]:
        return reads(self.judgements)


def judge(everything: Sequence[AnsweredTask], fields: ExportFields, path: Path) -> ExportJudgements:
    """Judgements as the options say, or as the records alone allow. Raises InputError."""
    reading = only_one(readings_of(everything, fields, path), path)
    notes = list(reading.notes)
    if unread := kinds_unread(everything):
        notes.append(f"{unread} are not read")
    return ExportJudgements(list(judgements_of(reading, everything)), tuple(notes))


def judgements_of(
    reading: ExportReading, everything: Sequence[AnsweredTask]
) -> Iterator[TaskJudgement]:
    for answered in everything:
        held = answered.said.get(reading.control)
        if answered.one.why:
            yield answered.one
        else:
            answer = with_known_kind(held, reading.kinds) if held else None
            yield judgement(answered, answer, reading.fields, reading.words)


def judgement(
    answered: AnsweredTask,
    what_was_said: ControlAnswer | None,
    fields: ExportFields,
    words: Praise | None,
) -> TaskJudgement:
    if what_was_said is None or not what_was_said.flat:
        return replace(answered.one, why=NO_RESULT)
    try:
        what = shown_task(answered.task, fields)
    except NothingShownError as nothing:
        return replace(answered.one, why=str(nothing))
    if answered.answers:
        what = replace(what, answers=answered.answers)
    if answered.rejected:
        # What was refused is the answer that was shown, what was said of it, or a proposed class.
        if what.answer is not None and words:
            good = words.of(what_was_said.flat)
            return replace(
                rated(answered.one, None if good is None else not good, what), asked=what.digest
            )
        return reject(answered.one, what.answer or ", ".join(what_was_said.flat), what)
    return judged(answered.one, what_was_said, what, words)


# --- newest ---------------------------------------------------------------------------------------

Key = tuple[Hashable, ...]


def newest(everything: Sequence[tuple[Key | None, object, AnsweredTask]]) -> list[AnsweredTask]:
    """Each with its key and its time, in the order in which they were written down.

    All but the newest of a key are marked as replaced. Where a time is missing, or is none, the
    later in that order is the newer. What has no key replaces nothing.
    """
    best: dict[Key, int] = {}
    for place, (key, at, _) in enumerate(everything):
        if key is None:
            continue
        rival = best.setdefault(key, place)
        time, other = moment(at), moment(everything[rival][1])
        if not (time is not None and other is not None and time < other):
            best[key] = place
    kept = set(best.values())
    return [
        answered
        if key is None or place in kept
        else replace(answered, one=replace(answered.one, why=REPLACED))
        for place, (key, _, answered) in enumerate(everything)
    ]


def moment(at: object) -> float | None:
    """Seconds since 1970 of a time as an export writes it: a number, or ISO 8601."""
    if isinstance(at, int | float) and not isinstance(at, bool):
        return float(at)
    if not isinstance(at, str):
        return None
    try:
        parsed = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


# --- agreement ------------------------------------------------------------------------------------

NOBODY = "somebody"  # whom the export does not name


class Opinion(Record):
    """What one person said of a task, and where it stands."""

    annotator: str
    verdict: str
    file: str
    line: int


class Conflict(Record):
    """A task of which several people did not say the same."""

    task: str  # its id in its file, or its place
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True)
class TaskAgreement:
    """Of the tasks that several people judged. What was written is not counted with the choices:
    two people rarely write the same.
    """

    agreed: int  # tasks
    conflicts: tuple[Conflict, ...]
    alpha: float | None  # Krippendorff's, nominal; None where nothing differs or is compared
    written: int  # tasks for which several people wrote an answer
    ties: int

    @property
    def tasks(self) -> int:
        return self.agreed + len(self.conflicts)

    @property
    def lines(self) -> list[str]:
        """The lines for the screen; none where no two people judged one task."""
        lines = []
        if self.tasks:
            alpha = "" if self.alpha is None else f" (Krippendorff's alpha {self.alpha:.2f})"
            lines.append(
                f"{counted(self.tasks, 'task')} judged by several people: "
                f"{self.agreed:,} alike, {len(self.conflicts):,} not{alpha}"
            )
        if self.written:
            lines.append(f"{counted(self.written, 'task')} with answers that several people wrote")
        if self.ties:
            lines.append(f"{counted(self.ties, 'tie')}, without a pair")
        return lines


def agreement(judgements: Iterable[TaskJudgement]) -> TaskAgreement:
    """Of all judgements with a verdict, by what was asked: the same task may be in several files.

    Pure. A person who judged one task twice is one person, of whom the last word counts.
    """
    everything = list(judgements)
    counting = [vote for vote in everything if vote.asked and vote.verdict]
    tasks = shared_tasks(vote for vote in counting if not vote.written)
    conflicts = [conflict_of(votes) for votes in tasks if len({vote.verdict for vote in votes}) > 1]
    return TaskAgreement(
        agreed=len(tasks) - len(conflicts),
        conflicts=tuple(conflicts),
        alpha=krippendorff_alpha(
            [[vote.category or vote.verdict or "" for vote in votes] for votes in tasks]
        ),
        written=len(shared_tasks(vote for vote in counting if vote.written)),
        ties=sum(vote.why == TIE for vote in everything),
    )


def shared_tasks(judgements: Iterable[TaskJudgement]) -> list[list[TaskJudgement]]:
    """The tasks that several people judged, with the last word of each.

    Whoever is not named is somebody else each time.
    """
    tasks: dict[str, dict[str, TaskJudgement]] = {}
    for number, vote in enumerate(judgements):
        if vote.asked:
            tasks.setdefault(vote.asked, {})[vote.annotator or f"{NOBODY} {number}"] = vote
    return [list(by_person.values()) for by_person in tasks.values() if len(by_person) > 1]


def conflict_of(judgements: Sequence[TaskJudgement]) -> Conflict:
    first = judgements[0]
    opinions = (
        Opinion(
            annotator=vote.annotator or NOBODY, verdict=vote.verdict, file=vote.file, line=vote.line
        )
        for vote in judgements
        if vote.verdict
    )
    name = first.task or f"{first.file}:{first.line}"
    return Conflict(task=name, opinions=tuple(opinions))


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Agreement beyond chance in nominal values: 1 is perfect, 0 is what chance would bring.

    α = 1 − (n − 1) Σ_c Σ_{k≠c} o_ck / Σ_c Σ_{k≠c} n_c n_k, where o_ck counts the pairs of values c
    and k within units, each divided by the unit's values less one, n_c the values c that can be
    paired, and n all of them (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability",
    section C). Units are lists of values; those of fewer than two are left out. None where all
    values are one, for then chance explains everything.
    """
    pairable = [Counter(unit) for unit in units if len(unit) > 1]
    totals = sum(pairable, Counter[str]())
    n = totals.total()
    chance = n * n - sum(count * count for count in totals.values())
    if not chance:
        return None
    differing = 0.0
    for counts in pairable:  # ordered pairs of different values, by their number less one
        size, same = counts.total(), sum(count * count for count in counts.values())
        differing += (size * size - same) / (size - 1)
    return 1 - (n - 1) * differing / chance
