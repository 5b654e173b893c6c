"""How far a judge can be trusted: compared with pairs of which it is known who should win."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from evaluation.generation.answers import Answer
from evaluation.metrics.facts.compare_facts import TextFacts, compare_facts
from evaluation.preference.ballots.ballot_statistics import cohen_kappa
from evaluation.preference.preference_pairs import (
    AnswerPair,
    Judge,
    Judgement,
    MadePair,
    PinnedJudge,
)
from project.canonical import digest_json
from project.errors import InputError
from project.records.ballots import Ballot
from project.records.data import Row
from project.records.preferences import BALLOTS, Calibration, Hits, PreferencePair
from project.records.scores import ItemScore, ScoreTable

# Kinds of pairs that only somebody who knows the reference can tell apart: a judge never sees it.
# They are told apart from the others, and count by themselves alone.
BEYOND_A_JUDGE = frozenset({"wrong_fact"})
LIKE_LENGTH = 0.15  # two answers are of like length when they differ by less than this share
TIE = "tie"


@dataclass(frozen=True)
class JudgedPair:
    """One judgement beside what is known."""

    said: str  # the side that was preferred, or a tie
    right: str  # the side that should be
    first: float | None = None  # how far the answer shown first was preferred
    longer: float | None = None  # what "pick the longer" is worth here; None: lengths not known
    like_length: bool = False

    @property
    def hit(self) -> float:
        return 0.5 if self.said == TIE else float(self.said == self.right)


def calibrate(
    judge: Judge, pairs: Sequence[PreferencePair], cosine: Judge | None = None
) -> Calibration:
    """Let a judge choose between the answers of pairs that it has not learnt from, and beside it a
    rival, the frozen cosine.

    Raises InputError when there are none.
    """
    if not pairs:
        raise InputError("there are no held-out pairs to calibrate a judge on")
    comparisons = [comparison_of(pair) for pair in pairs]
    judgements = judge.prefer(comparisons)
    counted = sum(not beyond_a_judge(pair) for pair in pairs)
    outcomes = outcomes_of(pairs, judgements)
    record = summary(judge.source, outcomes, unjudged=counted - len(outcomes))
    # How often it is right, by what the worse answer is; None of pairs that nobody made.
    hits: dict[str, list[float]] = defaultdict(list)
    for pair, judgement in zip(pairs, judgements, strict=True):
        if isinstance(pair, MadePair) and judgement.win_probability is not None:
            hits[pair.kind].append(outcome(pair, judgement, judgement.win_probability).hit)
    kinds = {kind: Hits(n=len(h), accuracy=fmean(h)) for kind, h in sorted(hits.items())}
    record = record.model_copy(update={"kinds": kinds or None})
    if cosine:
        record = record.model_copy(update=as_rival(outcomes_of(pairs, cosine.prefer(comparisons))))
    return judge.accounted(record, comparisons) if isinstance(judge, PinnedJudge) else record


def outcomes_of(
    pairs: Sequence[PreferencePair], judgements: Sequence[Judgement]
) -> list[JudgedPair]:
    """The outcomes of the pairs that count and on which there is an opinion."""
    return [
        outcome(pair, judgement, judgement.win_probability)
        for pair, judgement in zip(pairs, judgements, strict=True)
        if judgement.win_probability is not None and not beyond_a_judge(pair)
    ]


def beyond_a_judge(pair: PreferencePair) -> bool:
    return isinstance(pair, MadePair) and pair.kind in BEYOND_A_JUDGE


def as_rival(outcomes: Sequence[JudgedPair]) -> dict[str, float | None]:
    """What a calibration says of the frozen cosine."""
    return {
        "cosine_accuracy": mean(pair.hit for pair in outcomes),
        "matched_cosine": mean(pair.hit for pair in outcomes if pair.like_length),
    }


def cosine_wins(calibration: Calibration) -> bool:
    """Whether the frozen cosine is right more often; all pairs and those of like length count
    alike.
    """
    learnt = (calibration.accuracy or 0.0) + (calibration.matched_accuracy or 0.0)
    return (calibration.cosine_accuracy or 0.0) + (calibration.matched_cosine or 0.0) > learnt


def comparison_of(pair: PreferencePair) -> AnswerPair:
    """The pair as a comparison, in which a side is as often right as wrong."""
    champion, challenger = pair.chosen, pair.rejected
    if right_side(pair) == "challenger":
        champion, challenger = challenger, champion
    return AnswerPair(
        item=pair.digest,
        prompt=pair.prompt,
        champion=champion,
        challenger=challenger,
        evidence=pair.evidence,
    )


def right_side(pair: PreferencePair) -> str:
    """The side of the chosen answer: as good as drawn, and the same in every run."""
    return "challenger" if int(digest_json(["side", pair.digest]), 16) % 2 else "champion"


def outcome(pair: PreferencePair, judgement: Judgement, won: float) -> JudgedPair:
    chosen, rejected = len(pair.chosen), len(pair.rejected)
    return JudgedPair(
        said=TIE if won == 0.5 else "challenger" if won > 0.5 else "champion",
        right=right_side(pair),
        first=judgement.first,
        longer=0.5 if chosen == rejected else float(chosen > rejected),
        like_length=abs(chosen - rejected) < LIKE_LENGTH * max(chosen, rejected),
    )


def calibrate_reviewers(ballots: Iterable[Ballot], votes: int | None = None) -> Calibration:
    """Hold each ballot against the majority of the other reviewers' on the same two answers.

    `votes` is at how many ballots an item closes, as ballot_files.preferences counts them.

    A ballot that no such majority exists for counts as unjudged: nothing is known of it.
    """
    together: dict[tuple[str, tuple[str, str]], list[Ballot]] = defaultdict(list)
    for ballot in ballots:
        together[ballot.item, ballot.pair].append(ballot)
    outcomes, unjudged = [], 0
    for same in together.values():
        for ballot in same:
            right = majority(other for other in same if other is not ballot)
            if right:
                first = 0.5 if ballot.winner is None else float(ballot.choice == "left")
                outcomes.append(JudgedPair(said=side(ballot), right=right, first=first))
            else:
                unjudged += 1
    return summary(BALLOTS, outcomes, unjudged).model_copy(update={"votes": votes})


def majority(ballots: Iterable[Ballot]) -> str | None:
    """The side with more ballots; None when there are none, or as many for the other side."""
    sides = [side(ballot) for ballot in ballots]
    lead = sides.count("first") - sides.count("second")
    return None if lead == 0 else "first" if lead > 0 else "second"


def side(ballot: Ballot) -> str:
    """Which version won, in the order of their names, wherever their answers stood."""
    if ballot.winner is None:
        return TIE
    return "first" if ballot.winner == ballot.pair[0] else "second"


def summary(source: str, outcomes: Sequence[JudgedPair], unjudged: int) -> Calibration:
    like = [outcome for outcome in outcomes if outcome.like_length]
    longer, matched_longer = mean(o.longer for o in outcomes), mean(o.longer for o in like)
    return Calibration(
        source=source,
        n=len(outcomes),
        unjudged=unjudged,
        accuracy=mean(o.hit for o in outcomes),
        kappa=cohen_kappa([o.said for o in outcomes], [o.right for o in outcomes]),
        first_rate=mean(o.first for o in outcomes),
        longer_accuracy=longer,
        shorter_accuracy=opposite(longer),
        matched_n=len(like),
        matched_accuracy=mean(o.hit for o in like),
        matched_longer=matched_longer,
        matched_shorter=opposite(matched_longer),
    )


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def opposite(accuracy: float | None) -> float | None:
    """The accuracy of the one who always picks the other answer; ties count half for both."""
    return None if accuracy is None else 1 - accuracy


# --- preference lines -----------------------------------------------------------------------------

# What people read of a calibration, beside how often the source is right.

NAMES = {
    "base": "the base's answer",
    "other_row": "another row's answer",
    "wrong_fact": "a wrong fact (counted by itself alone, as only the reference tells)",
    "missing_disclaimer": "a missing disclaimer",
    "impolite": "impolite",
    "cut_off": "cut off",
    "generic": "generic",
}


def preference_lines(calibration: Calibration) -> Iterator[str]:
    if calibration.matched_accuracy is not None:
        yield f"{calibration.matched_accuracy:.0%} of {calibration.matched_n} pairs of like length"
    if calibration.kinds:
        kinds = (
            f"{NAMES.get(k, k)} {h.accuracy:.0%} of {h.n}" for k, h in calibration.kinds.items()
        )
        yield f"by what is worse: {', '.join(kinds)}"
    if rival := cosine_line(calibration):
        yield rival
    if calibration.advisory:
        yield f"it is advisory only: {calibration.advisory}"


def cosine_line(calibration: Calibration) -> str | None:
    """How the frozen cosine of prompt and answer does beside the source; None where it is not
    known.
    """
    if calibration.cosine_accuracy is None:
        return None
    share = f"{calibration.cosine_accuracy:.0%} of them"
    if calibration.matched_cosine is not None:
        share += f", and on {calibration.matched_cosine:.0%} of those of like length"
    if calibration.source == "frozen cosine":
        return "the frozen cosine of prompt and answer judges: what was learnt did no better"
    return f"the frozen cosine of prompt and answer is right on {share}"


# --- tuned pairs ----------------------------------------------------------------------------------

# Whether a judge can tell two tuned adapters apart: on the items where the reference does.
#
# A base's answer is easy to know from a tuned one's. Of two tuned ones both sound right, and only
# what they say differs. The judge never sees the reference, so it can be held against it.

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
    they may know better than these two scores do. A whole conversation keeps nothing of a last
    answer, and is left out.
    """
    both_tuned = table.pins is not None and table.pins.champion is not None
    if not both_tuned or calibration.source == BALLOTS:
        return calibration
    scores = {(item.item, item.sample): item for item in table.items}
    known = {row.id: row.completion_text for row in rows if not row.scenario}
    leads = [
        clear_lead(scores[ours.item, ours.sample], known[ours.item], ours.text, theirs.text)
        for ours, theirs in zip(champion, challenger, strict=True)
        if ours.item in known
    ]
    return calibration.model_copy(update={"tuned": balanced([case for case in leads if case])})


def balanced(clear: Sequence[Clear]) -> Hits | None:
    """Of so many items, the mean of the accuracies where the challenger leads and where the
    champion does; None where one of them leads on too few.

    An item counts once for a side, by the mean over its answers on which that side leads.
    """
    sides = [by_item(case for case in clear if case.leads == side) for side in (1, -1)]
    if min(map(len, sides)) < LEAST_EACH:
        return None
    accuracy = fmean(fmean(map(fmean, side.values())) for side in sides)
    return Hits(n=len({case.item for case in clear}), accuracy=accuracy)


def by_item(clear: Iterable[Clear]) -> dict[str, list[float]]:
    hits: dict[str, list[float]] = {}
    for case in clear:
        hits.setdefault(case.item, []).append(case.hit)
    return hits


def clear_lead(item: ItemScore, reference: str, champion: str, challenger: str) -> Clear | None:
    """Its hit is 1 where the judge prefers the side that keeps more, 0 where the other one, and for
    neither a half. None where it is not clear which side does, or the item is unjudged.
    """
    leads = lead(item, reference, champion, challenger)
    if item.preference is None or leads == 0:
        return None
    hit = 0.5 if item.preference == 0.5 else float((item.preference > 0.5) == (leads > 0))
    return Clear(item.item, leads, hit)


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
    comparison = compare_facts(TextFacts(answer), TextFacts(reference))
    asked = len(comparison.asked)
    return (len(comparison.kept) - len(comparison.contradicted)) / asked if asked else 0.0


def clear(difference: float, least: float) -> int:
    """The sign of a difference that is large enough, else 0."""
    return 0 if abs(difference) < least else 1 if difference > 0 else -1
