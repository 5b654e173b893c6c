"""How far people agree who judged the same tasks, and the tasks on which they do not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.sources.exports.shown import TIE, TaskJudgement
from project.records.data import counted
from project.records.record import Record

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
        return list(task_agreement_lines(self))


def agreement(judgements: Iterable[TaskJudgement]) -> TaskAgreement:
    """Of all judgements with a verdict, by what was asked: the same task may be in several files.

    Pure. A person who judged one task twice is one person, of whom the last word counts.
    """
    everything = list(judgements)
    counting = [one for one in everything if one.asked and one.verdict]
    tasks = shared_tasks(one for one in counting if not one.written)
    conflicts = [conflict_of(own) for own in tasks if len(verdicts(own)) > 1]
    return TaskAgreement(
        agreed=len(tasks) - len(conflicts),
        conflicts=tuple(conflicts),
        alpha=krippendorff_alpha(
            [[one.category or one.verdict or "" for one in own] for own in tasks]
        ),
        written=len(shared_tasks(one for one in counting if one.written)),
        ties=sum(one.why == TIE for one in everything),
    )


def shared_tasks(judgements: Iterable[TaskJudgement]) -> list[list[TaskJudgement]]:
    """The tasks that several people judged, with the last word of each.

    Whoever is not named is somebody else each time.
    """
    tasks: dict[str, dict[str, TaskJudgement]] = {}
    for number, one in enumerate(judgements):
        if one.asked:
            tasks.setdefault(one.asked, {})[one.annotator or f"{NOBODY} {number}"] = one
    return [list(own.values()) for own in tasks.values() if len(own) > 1]


def verdicts(own: Iterable[TaskJudgement]) -> set[str]:
    return {one.verdict for one in own if one.verdict}


def conflict_of(own: Sequence[TaskJudgement]) -> Conflict:
    first = own[0]
    opinions = (
        Opinion(
            annotator=one.annotator or NOBODY, verdict=one.verdict, file=one.file, line=one.line
        )
        for one in own
        if one.verdict
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
    differing = sum(differing_pairs(counts) for counts in pairable)
    return 1 - (n - 1) * differing / chance


def differing_pairs(counts: Mapping[str, int]) -> float:
    """Ordered pairs of different values of a unit, by its number of values less one."""
    size = sum(counts.values())
    same = sum(count * count for count in counts.values())
    return (size * size - same) / (size - 1)


def task_agreement_lines(found: TaskAgreement) -> Iterator[str]:
    if found.tasks:
        alpha = "" if found.alpha is None else f" (Krippendorff's alpha {found.alpha:.2f})"
        yield (
            f"{counted(found.tasks, 'task')} judged by several people: "
            f"{found.agreed:,} alike, {len(found.conflicts):,} not{alpha}"
        )
    if found.written:
        yield f"{counted(found.written, 'task')} with answers that several people wrote"
    if found.ties:
        yield f"{counted(found.ties, 'tie')}, without a pair"
