"""The texts that the facts scorer is calibrated on, and how often it is right about them.

Written by hand in the words of banks, insurers, shops, towns and software documentation, in two
halves. The rules were tuned on one. Keep it so: count what they miss of the other, and don't read
it. docs/explain/facts-and-assertions.md says how far that was kept. A third set, "fresh", is by a
writer who had seen neither the rules nor these texts.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evaluation.metrics.facts.facts_kept import FactsKept

HERE = Path(__file__).parent
FACTS = ("number", "date", "amount", "name")
HALVES = ("tuning", "held_out")


@dataclass(frozen=True)
class Planted:
    """A right answer in other words than the reference's, and the same with one error in it."""

    kind: str
    reference: str
    right: str
    wrong: str


@dataclass(frozen=True)
class Rate:
    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of

    def __str__(self) -> str:
        return f"{self.hits} of {self.of}"


def planted(half: str, *kinds: str) -> list[Planted]:
    """The errors of one half; `kinds` leaves the others out."""
    lines = (HERE / f"{half}_errors.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    found = [Planted(row["kind"], row["reference"], row["right"], row["answer"]) for row in rows]
    return [one for one in found if not kinds or one.kind in kinds]


def rewordings(half: str, *kinds: str) -> list[tuple[str, str]]:
    """Reference and a right answer in other words."""
    lines = (HERE / f"{half}_rewordings.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["reference"], row["answer"]) for row in rows if not kinds or row["kind"] in kinds]


def values(metric: str, references: Iterable[str], answers: Iterable[str]) -> list[float]:
    found = FactsKept().compute(predictions=list(answers), references=list(references))
    given: list[float] = found[metric]
    return given


def noticed(metric: str, cases: list[Planted]) -> Rate:
    """How many errors make a metric worse than the right answer's."""
    references = [case.reference for case in cases]
    right = values(metric, references, (case.right for case in cases))
    wrong = values(metric, references, (case.wrong for case in cases))
    sign = -1 if metric in FactsKept.less_is_better else 1
    falls = sum(sign * b < sign * a for a, b in zip(right, wrong, strict=True))
    return Rate(falls, len(cases))


def unmoved(metric: str, cases: list[tuple[str, str]]) -> Rate:
    """How many rewordings have the value that the reference itself has."""
    references = [reference for reference, _ in cases]
    best = values(metric, references, references)
    given = values(metric, references, (answer for _, answer in cases))
    return Rate(sum(a == b for a, b in zip(best, given, strict=True)), len(cases))


def fresh(what: str, *kinds: str) -> list[tuple[str, str]]:
    """Reference and answer of the fresh set; `what` is "error" or "rewording"."""
    lines = (HERE / "fresh.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if row["what"] == what]
    return [(row["reference"], row["answer"]) for row in rows if not kinds or row["kind"] in kinds]


def fallen(metric: str, cases: list[tuple[str, str]]) -> Rate:
    """How many answers have a lower value than the reference itself has."""
    references = [reference for reference, _ in cases]
    best = values(metric, references, references)
    given = values(metric, references, (answer for _, answer in cases))
    return Rate(sum(b < a for a, b in zip(best, given, strict=True)), len(cases))
