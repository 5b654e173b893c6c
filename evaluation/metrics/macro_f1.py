"""Macro-F1, for classification: every label counts alike, however rare it is."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from evaluation.metrics.per_item import PerItem, Values
from evaluation.scoring.phrases import label_of
from project.errors import InputError

Pair = tuple[str, str | None]  # the reference's label and the answer's
FEW = 5  # references: the F1 of a rarer label is hardly known
MOST_LABELS = 20  # that are looked for among few items, unless they are given
UNKNOWN = "answer is no known label"
RARE = f"label with fewer than {FEW} references"
UNLABELLED = "reference is none of the labels"


class MacroF1(PerItem):
    """The mean F1 of the labels that references have. It is no mean over items: compute gives no
    values, and `labels` has for each item what it is by reference and answer, for the evidence.

    Texts are one label as for `token_f1`. `labels` is the closed list of them, else all references
    are. An answer that is none of them is wrong; an item whose reference is none does not count,
    and is flagged. `only` names the slice of the items that are to be sorted, by "key=value";
    `name` is the metric's, where two slices are sorted.
    """

    more_is_better: tuple[str, ...] = ("macro_f1",)
    description = "Reference and answer as labels, for macro-F1 over all items."
    citation = "Sokolova and Lapalme (2009). A systematic analysis of performance measures."
    columns = ("predictions", "references", "slices")

    def __init__(
        self,
        labels: Sequence[str] | None = None,
        only: str | None = None,
        name: Annotated[str, Field(pattern=r"^\w+$")] = "macro_f1",
        **options: Any,
    ) -> None:
        self.closed = closed_list(labels) if labels is not None else None
        self.only = only
        self.metric = name
        self.more_is_better = (name,)
        self.labels: dict[str, list[Pair | None]] = {}
        super().__init__(**options)

    def _compute(self, predictions: list[str], references: list[str], slices: list[str]) -> Values:
        here = self.inside(slices)
        expected = [
            label_of(text) if inside else "" for text, inside in zip(references, here, strict=True)
        ]
        known = self.closed or self.found([label for label in expected if label])
        self.refuse_others(expected, known)
        given = [label if (label := label_of(text)) in known else None for text in predictions]
        self.labels = {
            self.metric: [
                (reference, answer) if reference in known else None
                for reference, answer in zip(expected, given, strict=True)
            ]
        }
        counts = Counter(expected)
        self.flags = {
            UNLABELLED: [i for i, e in enumerate(expected) if here[i] and e not in known],
            UNKNOWN: [i for i, e in enumerate(expected) if e in known and given[i] is None],
            RARE: [i for i, e in enumerate(expected) if e in known and counts[e] < FEW],
        }
        return {}

    def inside(self, slices: Sequence[str]) -> list[bool]:
        """Which items are to be sorted. Raises InputError where none is in the slice."""
        if self.only is None:
            return [True] * len(slices)
        names = [{f"{key}={value}" for key, value in json.loads(row).items()} for row in slices]
        if not any(self.only in some for some in names):
            there = ", ".join(sorted(set[str]().union(*names))) or "none"
            raise misfit(f"no item is in slice {self.only!r}; there are {there}", "only")
        return [self.only in some for some in names]

    def found(self, expected: Sequence[str]) -> set[str]:
        """The labels of the references. Raises InputError where they are no classification."""
        known = set(expected)
        if len(known) > max(MOST_LABELS, len(expected) / 2):
            problem = (
                f"{len(expected)} references have {len(known)} labels: name the slice of those "
                "that are to be sorted in `only`, or all labels in `labels`"
            )
            raise misfit(problem, "only")
        return known

    def refuse_others(self, expected: Sequence[str], known: set[str]) -> None:
        """Raise InputError where no reference has a label: there is nothing to sort."""
        if known.isdisjoint(expected):
            there = ", ".join(map(repr, sorted(set(expected) - {""})[:3])) or "none"
            raise misfit(f"no reference is one of the labels; there are {there}", "labels")


def closed_list(labels: Sequence[str]) -> set[str]:
    """Raises InputError where two are one label, or there is none."""
    texts = {label_of(text): text for text in reversed(labels)}
    for text in labels:
        if not label_of(text):
            raise misfit(f"{text!r} is no label", "labels")
        if texts[label_of(text)] != text:
            raise misfit(f"{text!r} and {texts[label_of(text)]!r} are one label", "labels")
    if len(texts) < len(labels) or not texts:
        raise misfit("needs labels, each of them once", "labels")
    return set(texts)


def misfit(problem: str, option: str) -> InputError:
    return InputError(problem, file="params.yaml", field=f"macro_f1.options.{option}")
