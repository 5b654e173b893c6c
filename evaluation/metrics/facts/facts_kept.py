"""Which numbers, dates, amounts and names of the reference an answer keeps or contradicts."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from evaluation.metrics.facts.compare_facts import FactComparison, TextFacts, compare_facts
from evaluation.metrics.facts.conditions import conditions_kept, swapped_terms
from evaluation.metrics.facts.fact import FIGURES, KINDS, Fact, Kind
from evaluation.metrics.per_item import PerItem, Values

NO_FACTS = "reference without facts"


class FactsKept(PerItem):
    """Facts of the reference that the answer keeps, and those that it contradicts.

    compute -> {"facts": [n], "facts_kept": [n], "facts_contradicted": [n], "facts_added": [n],
    "figures_right": [n], "figures_wrong": [n], "numbers_kept": [n], "dates_kept": [n],
    "amounts_kept": [n], "names_kept": [n], "conditions_kept": [n], "terms_swapped": [n]}.
    Kept and contradicted are shares of the reference's facts in [0, 1]; `facts`, the one to gate
    on, is kept minus contradicted, from -1 to 1. Figures are numbers, dates and amounts: right
    is 1 where the answer keeps all of them, wrong is 1 where it contradicts one, and where it only
    leaves some out both are 0. Added and swapped are counts. An item whose reference has nothing of
    the kind is in `unread`, for it says nothing; without any fact it is flagged too. With
    `prompts`, compute takes those as well: what an answer repeats of its question adds and
    contradicts nothing, and names that the question has are not asked for.
    """

    more_is_better = (
        "facts",
        "facts_kept",
        "figures_right",
        "conditions_kept",
        "numbers_kept",
        "dates_kept",
        "amounts_kept",
        "names_kept",
    )
    less_is_better = ("facts_contradicted", "figures_wrong", "terms_swapped")
    neither_is_better = ("facts_added",)
    ranges = (
        ("facts", -1, 1),
        ("facts_kept", 0, 1),
        ("facts_contradicted", 0, 1),
        ("figures_right", 0, 1),
        ("figures_wrong", 0, 1),
        ("conditions_kept", 0, 1),
        ("numbers_kept", 0, 1),
        ("dates_kept", 0, 1),
        ("amounts_kept", 0, 1),
        ("names_kept", 0, 1),
    )
    description = "Numbers, dates, amounts and names of the reference, kept or contradicted."
    citation = "Nan et al. (2021). Entity-level Factual Consistency of Abstractive Summarization."

    def __init__(self, prompts: bool = False, **options: Any) -> None:
        self.with_prompts = prompts
        super().__init__(**options)

    def _info(self) -> Any:
        info = super()._info()
        if self.with_prompts:
            info.features["prompts"] = info.features["references"]  # texts as well
        return info

    def _compute(
        self, predictions: list[str], references: list[str], prompts: list[str] | None = None
    ) -> Values:
        pairs = [
            (TextFacts(prediction), TextFacts(reference))
            for prediction, reference in zip(predictions, references, strict=True)
        ]
        asked = map(TextFacts, prompts) if prompts else repeat(None)
        items = [compare_facts(*pair, prompt) for pair, prompt in zip(pairs, asked, strict=False)]
        self.flags = {NO_FACTS: [i for i, item in enumerate(items) if not item.asked]}
        conditions = [conditions_kept(answer.text, reference.text) for answer, reference in pairs]
        self.unread = {name: without(items, kinds) for name, kinds in SPEAKS_OF.items()}
        self.unread["conditions_kept"] = [i for i, share in enumerate(conditions) if share is None]
        self.inapplicable = self.unread
        by_kind = {f"{kind}s_kept": [kept_share(item, kind) for item in items] for kind in KINDS}
        return by_kind | {
            "facts": [kept_share(item) - contradicted(item) for item in items],
            "facts_kept": [kept_share(item) for item in items],
            "facts_contradicted": [contradicted(item) for item in items],
            "facts_added": [float(len(item.added)) for item in items],
            "figures_right": [float(kept_share(item, *FIGURES) == 1.0) for item in items],
            "figures_wrong": [float(count(item.contradicted, FIGURES) > 0) for item in items],
            "conditions_kept": [1.0 if share is None else share for share in conditions],
            "terms_swapped": [float(len(swapped_terms(*pair))) for pair in pairs],
        }


# Of which facts a metric speaks: an item whose reference has none of them says nothing.
SPEAKS_OF: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("facts", "facts_kept", "facts_contradicted"), KINDS),
    **dict.fromkeys(("figures_right", "figures_wrong"), FIGURES),
    **{f"{kind}s_kept": (kind,) for kind in KINDS},
}


def without(comparisons: Sequence[FactComparison], kinds: Sequence[str]) -> list[int]:
    """The positions of the items whose reference has no fact of these kinds."""
    return [i for i, item in enumerate(comparisons) if not count(item.asked, kinds)]


def kept_share(comparison: FactComparison, *kinds: str) -> float:
    """The share of the reference's facts, of these kinds or of all, that is kept; 1 of none."""
    asked, here = (count(facts, kinds or KINDS) for facts in (comparison.asked, comparison.kept))
    return here / asked if asked else 1.0


def contradicted(comparison: FactComparison) -> float:
    return len(comparison.contradicted) / len(comparison.asked) if comparison.asked else 0.0


def count(facts: Sequence[Fact], kinds: Sequence[str]) -> int:
    return sum(fact.kind in kinds for fact in facts)
