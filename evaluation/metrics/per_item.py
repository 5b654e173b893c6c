"""What our scorers share: an `evaluate` metric with a value, and warnings, for every item."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import datasets
import evaluate

from evaluation.scoring.built_in import COLUMNS

Values = dict[str, list[float]]

NO_WORDS = "reference without tokens"  # the flag of items that nothing can be compared with


class PerItem(evaluate.Metric, ABC):
    """compute(**columns) -> {name: [n]}, each column a list of n.

    A subclass says what it measures, whose idea that was, and which of COLUMNS it asks for. After
    compute, `flags` names what is odd and the positions of the items that it is true of, and
    `unread` names metrics with the positions of the items of which they say nothing. Where that is
    so by the reference alone, whatever the answer, `inapplicable` names the position too; all other
    unread items are missing, and a missing item never helps a challenger.
    """

    # Every name that compute gives is in one of these; without it a policy cannot gate on it. An
    # instance may have more names than its class, by its options.
    more_is_better: tuple[str, ...] = ()
    less_is_better: tuple[str, ...] = ()
    neither_is_better: tuple[str, ...] = ()
    # (name, least, most) of each metric that has a range. One that gates needs it where items may
    # be missing, and for bounds that rare large losses cannot deceive. Other scores are refused.
    ranges: tuple[tuple[str, float, float], ...] = ()
    # Those that are means over a system's own tokens: bases with other tokenizers cannot be
    # compared by them.
    per_token: ClassVar[tuple[str, ...]] = ()
    description: ClassVar[str]
    citation: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = ("predictions", "references")

    def __init__(self, **options: Any) -> None:
        self.flags: dict[str, list[int]] = {}
        self.unread: dict[str, list[int]] = {}
        self.inapplicable: dict[str, list[int]] = {}
        super().__init__(**options)

    def _info(self) -> evaluate.MetricInfo:
        features = {name: datasets.Value(COLUMNS[name].type) for name in self.columns}
        return evaluate.MetricInfo(
            description=self.description,
            citation=self.citation,
            features=datasets.Features(features),
        )

    # Abstract, so that `evaluate.load` of a file takes the scorer in it and not this class.
    @abstractmethod
    def _compute(self, *args: Any, **columns: Any) -> Values: ...
