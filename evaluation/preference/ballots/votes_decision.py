"""The evidence of an open look with the votes of today: theirs alone is another one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evaluation.decision.evidence import PREFERENCE, measure, sliced
from evaluation.decision.policy import Policy
from evaluation.preference.ballots.people_ratings import PEOPLE, Rated
from evaluation.preference.comparison import Comparison
from evaluation.preference.preference_sources import Ballots
from project.records.ballots import Ballot, VotingPair
from project.records.calibration import Calibration
from project.records.evidence import Evidence, Measured
from project.records.scores import ItemScore, ScoreTable

UNRATED = (0.0, 0.0)  # stands where nothing was said, and is not read


@dataclass(frozen=True)
class PeoplesVotes:
    """What people said of the pairs of a sheet."""

    sheet: tuple[VotingPair, ...]
    ballots: tuple[Ballot, ...]
    champion: str  # what the ballots call the two
    challenger: str
    votes: int | None  # at how many an item closes
    # People's ratings by item, once all are in: of metrics such as people:polite.
    ratings: Mapping[str, Rated] = field(default_factory=dict)

    def preferences(self) -> list[float | None]:
        """How the ballots on each pair prefer the challenger; None for an item that is open."""
        judge = Ballots(self.ballots, self.champion, self.challenger, self.votes)
        return [found.win_probability for found in judge.prefer(self.comparisons())]

    def comparisons(self) -> list[Comparison]:
        return [self.comparison(pair) for pair in self.sheet]

    def comparison(self, pair: VotingPair) -> Comparison:
        texts = {pair.left: pair.left_text, pair.right: pair.right_text}
        return Comparison(
            item=pair.item,
            prompt=pair.prompt,
            champion=texts[self.champion],
            challenger=texts[self.challenger],
        )

    def items(self) -> tuple[ItemScore, ...]:
        """The sheet's items as a score table has them, with nothing but what people said."""
        judged = zip(self.sheet, self.preferences(), strict=True)
        return tuple(self.item(pair, preference) for pair, preference in judged)

    def item(self, pair: VotingPair, preference: float | None) -> ItemScore:
        said = self.ratings.get(pair.item, {})
        metrics = sorted({metric for rated in self.ratings.values() for metric in rated})
        return ItemScore(
            item=pair.item,
            cluster=pair.cluster,
            slices=pair.slices or (),
            champion={metric: said.get(metric, UNRATED)[0] for metric in metrics},
            challenger={metric: said.get(metric, UNRATED)[1] for metric in metrics},
            preference=preference,
            unread=tuple(metric for metric in metrics if metric not in said) or None,
        )


def evidence_with_votes(
    stored: Evidence, votes: PeoplesVotes, policy: Policy, calibration: Calibration | None
) -> Evidence:
    """The stored evidence with what people say of the sheet's items, and how far they agree."""
    table = ScoreTable(pins=stored.pins, items=votes.items())
    now = stored.model_copy(
        update={"sealed": measure(table, policy), "slices": sliced(table, policy)}
    )
    return with_votes(stored, now).model_copy(update={"calibration": calibration})


def with_votes(stored: Evidence, found: Evidence) -> Evidence:
    """The evidence of an open look with the votes of today; nothing else is measured again."""
    slices = {name: voted(then, found.slices.get(name, {})) for name, then in stored.slices.items()}
    return stored.model_copy(
        update={"sealed": voted(stored.sealed, found.sealed), "slices": slices}
    )


def voted(then: Measured, now: Measured) -> Measured:
    """What was measured then, but what people say as it is now."""
    others = {name: value for name, value in then.items() if not by_people(name)}
    return others | {name: value for name, value in now.items() if by_people(name)}


def by_people(metric: str) -> bool:
    return metric == PREFERENCE or metric.startswith(PEOPLE)
