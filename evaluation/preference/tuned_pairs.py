"""Whether a judge can tell two tuned adapters apart: on the items where the reference does.

A base's answer is easy to know from a tuned one's. Of two tuned ones both sound right, and only
what they say differs. The judge never sees the reference, so it can be held against it.
"""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from evaluation.generation.answers import Answer
from evaluation.metrics.facts.compare_facts import TextFacts, compare_facts
from project.records.calibration import BALLOTS, Calibration, Hits
from project.records.data import Row
from project.records.scores import ItemScore, ScoreTable

# From which difference on one answer clearly keeps more of the reference: in the share of its facts
# that are kept, less those that are contradicted, and in semantic similarity.
CLEAR_FACTS, CLEAR_SEMANTIC = 0.3, 0.1
SEMANTIC = "semantic"
LEAST_EACH = 5  # items on which each of the two leads, so that taking one side always is no skill


class Clear(NamedTuple):
    """An answer on which it is clear who leads: 1, the challenger, or −1; and the judge's hit."""

    item: str
    leads: int
    hit: float


def with_tuned(
    calibration: Calibration,
    table: ScoreTable,
    rows: Sequence[Row],
    champion: Sequence[Answer],
    challenger: Sequence[Answer],
) -> Calibration:
    """The calibration, with how often the judge takes the side that keeps more of the reference.

    As it is where one side is a bare base, where one leads on too few items, and of people's votes:
    they may know better than these two scores do.
    """
    both_tuned = table.pins is not None and table.pins.champion is not None
    if not both_tuned or calibration.source == BALLOTS:
        return calibration
    said = {(item.item, item.sample): item for item in table.items}
    known = {row.id: row.completion_text for row in rows}
    found = [
        clear_lead(said[ours.item, ours.sample], known[ours.item], ours.text, theirs.text)
        for ours, theirs in zip(champion, challenger, strict=True)
    ]
    return calibration.model_copy(update={"tuned": balanced([one for one in found if one])})


def balanced(found: Sequence[Clear]) -> Hits | None:
    """Of so many items, the mean of the accuracies where the challenger leads and where the
    champion does; None where one of them leads on too few.

    An item counts once for a side, by the mean over its answers on which that side leads.
    """
    sides = [by_item(one for one in found if one.leads == side) for side in (1, -1)]
    if min(map(len, sides)) < LEAST_EACH:
        return None
    accuracy = fmean(fmean(map(fmean, side.values())) for side in sides)
    return Hits(n=len({one.item for one in found}), accuracy=accuracy)


def by_item(found: Iterable[Clear]) -> dict[str, list[float]]:
    hits: dict[str, list[float]] = {}
    for one in found:
        hits.setdefault(one.item, []).append(one.hit)
    return hits


def clear_lead(item: ItemScore, reference: str, champion: str, challenger: str) -> Clear | None:
    hit = agreement(item, reference, champion, challenger)
    if hit is None:
        return None
    return Clear(item.item, lead(item, reference, champion, challenger), hit)


def agreement(item: ItemScore, reference: str, champion: str, challenger: str) -> float | None:
    """1 where the judge prefers the side that keeps more, 0 where the other one, and for neither a
    half; None where it is not clear which side does, or the item is unjudged.
    """
    better = lead(item, reference, champion, challenger)
    if item.preference is None or better == 0:
        return None
    return 0.5 if item.preference == 0.5 else float((item.preference > 0.5) == (better > 0))


def lead(item: ItemScore, reference: str, champion: str, challenger: str) -> int:
    """1 where the challenger clearly keeps more of the reference, −1 where the champion does, and 0
    where neither does, or facts and meaning say different things.
    """
    facts = clear(kept_net(challenger, reference) - kept_net(champion, reference), CLEAR_FACTS)
    meaning = clear(
        item.challenger.get(SEMANTIC, 0.0) - item.champion.get(SEMANTIC, 0.0), CLEAR_SEMANTIC
    )
    return 0 if facts == -meaning else facts or meaning


def kept_net(answer: str, reference: str) -> float:
    """The share of the reference's facts that are kept, less those that are contradicted."""
    found = compare_facts(TextFacts(answer), TextFacts(reference))
    asked = len(found.asked)
    return (len(found.kept) - len(found.contradicted)) / asked if asked else 0.0


def clear(difference: float, least: float) -> int:
    """The sign of a difference that is large enough, else 0."""
    return 0 if abs(difference) < least else 1 if difference > 0 else -1
