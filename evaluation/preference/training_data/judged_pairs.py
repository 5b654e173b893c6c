"""Pairs that a judge chose between, now or in a file: which are learnt from, and how many."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import floor

from evaluation.evaluation_settings import JudgedPairsParams
from evaluation.preference.comparison import Comparison, Judge
from evaluation.preference.training_data.known_answers import ONE_ANSWER, says_one_thing, undisputed
from project.canonical import digest_json
from project.item_prompts import bare
from project.records.data import Row
from project.records.preferences import Preference, PreferencePair

# Why a comparison or a pair is left out; each reads well behind a number.
ALIKE = "training rows both of whose answers are one"
UNSURE = "comparisons of which the judge is not sure enough"
OVER = "pairs by the judge over its share, evaluation.preference_data.judge.share"
RATED = "answers that a judge rated: of a judge, only pairs are learnt from"
PEOPLE_SPOKE = "pairs by a judge to a prompt of which people said something"
REPEATED = "pairs by a judge that are there already"
JUDGES_DIFFER = "pairs by a judge of which a judge said the opposite too"


@dataclass(frozen=True)
class TwoAnswers:
    """To a training row."""

    row: Row
    one: str
    other: str


def judged_pairs(
    answers: Sequence[TwoAnswers], judge: Judge, margin: float, lost: Counter[str]
) -> list[PreferencePair]:
    """The pairs of which the judge is sure, the surest first, marked as its own."""
    differing = [both for both in answers if both.one.strip() != both.other.strip()]
    lost[ALIKE] += len(answers) - len(differing)
    judged = judge.prefer([comparison(both) for both in differing])
    sure: list[tuple[float, PreferencePair]] = []
    for both, said in zip(differing, judged, strict=True):
        won = said.win_probability
        if won is None or abs(won - 0.5) <= margin:
            lost[UNSURE] += 1
        else:
            sure.append((abs(won - 0.5), pair_of(both, judge.source, other_won=won > 0.5)))
    return [pair for _, pair in sorted(sure, key=lambda one: (-one[0], one[1].id))]


def comparison(both: TwoAnswers) -> Comparison:
    row = both.row
    return Comparison(item=row.id, prompt=row.prompt_text, champion=both.one, challenger=both.other)


def pair_of(both: TwoAnswers, judge: str, *, other_won: bool) -> PreferencePair:
    chosen, rejected = (both.other, both.one) if other_won else (both.one, both.other)
    plain = [message.role for message in both.row.prompt] == ["user"]
    return PreferencePair(
        prompt=both.row.prompt_text,
        chosen=chosen,
        rejected=rejected,
        source=judge,
        origin="judge",
        messages=None if plain else both.row.prompt,
    )


def learnable_of_judge(
    given: Iterable[Preference], people: Iterable[Preference], lost: Counter[str]
) -> list[PreferencePair]:
    """A judge's pairs, in their order and each once: what people said of a prompt stands, and
    nothing can be learnt from a pair and its opposite. `lost` counts the rest.
    """
    said = {bare(one.prompt) for one in people}
    kept: dict[str, PreferencePair] = {}
    for one in given:
        if not isinstance(one, PreferencePair):
            lost[RATED] += 1
        elif why := why_not(one, said, kept):
            lost[why] += 1
        else:
            kept[one.id] = one
    return undisputed(list(kept.values()), lost, JUDGES_DIFFER)


def why_not(pair: PreferencePair, said: Collection[str], kept: Collection[str]) -> str | None:
    """Why a judge's pair is not learnt from, given the prompts of which people said something and
    the ids of the pairs before it; None where it is.
    """
    if bare(pair.prompt) in said:
        return PEOPLE_SPOKE
    if says_one_thing(pair):
        return ONE_ANSWER
    return REPEATED if pair.id in kept else None


def capped(
    pairs: Sequence[PreferencePair], others: int, share: float, lost: Counter[str]
) -> list[PreferencePair]:
    """The first pairs, so many that they are no more than a share of all, beside `others`."""
    most = len(pairs) if share == 1 else floor(others * share / (1 - share) + 1e-9)
    lost[OVER] += max(0, len(pairs) - most)
    return list(pairs[:most])


def drawn_rows(rows: Iterable[Row], params: JudgedPairsParams) -> list[Row]:
    """As many as the settings say, each drawn by what it says alone."""
    return sorted(rows, key=lambda row: digest_json(row.said))[: params.rows]
