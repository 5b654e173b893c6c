"""Pairs that a judge chose between, now or in a file: which are learnt from, and how many."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import floor
from typing import TypeVar

from evaluation.evaluation_settings import Decoding, JudgedPairsParams, PreferenceParams
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Respondent
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import respondent
from evaluation.preference.preference_pairs import AnswerPair, Judge
from evaluation.preference.preference_sources import judge_of
from project.bare_base import bare_base
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.item_prompts import bare
from project.paths import CALIBRATION, REWARD, START
from project.records.data import ACCEPTED, Message, Row, evidence_digest
from project.records.preferences import Calibration, Preference, PreferencePair, RatedAnswer
from project.settings import PARAMS, load

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
    """Two answers to a training row."""

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
    for both, judgement in zip(differing, judged, strict=True):
        won = judgement.win_probability
        if won is None or abs(won - 0.5) <= margin:
            lost[UNSURE] += 1
        else:
            sure.append((abs(won - 0.5), pair_of(both, judge.source, other_won=won > 0.5)))
    return [pair for _, pair in sorted(sure, key=lambda entry: (-entry[0], entry[1].id))]


def comparison(both: TwoAnswers) -> AnswerPair:
    row = both.row
    return AnswerPair(
        item=row.id,
        prompt=row.prompt_text,
        champion=both.one,
        challenger=both.other,
        evidence=row.evidence,
    )


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
        evidence=both.row.evidence,
    )


def learnable_of_judge(
    given: Iterable[Preference], people: Iterable[Preference], lost: Counter[str]
) -> list[PreferencePair]:
    """A judge's pairs, in their order and each once: what people said of a prompt stands, and
    nothing can be learnt from a pair and its opposite. `lost` counts the rest.
    """
    prompts = {bare(preference.prompt) for preference in people}
    kept: dict[str, PreferencePair] = {}
    for pair in given:
        if not isinstance(pair, PreferencePair):
            lost[RATED] += 1
        elif why := why_not(pair, prompts, kept):
            lost[why] += 1
        else:
            kept[pair.id] = pair
    return undisputed(list(kept.values()), lost, JUDGES_DIFFER)


def why_not(pair: PreferencePair, known_ids: Collection[str], kept: Collection[str]) -> str | None:
    """Why a judge's pair is not learnt from, given the prompts of which people said something and
    the ids of the pairs before it; None where it is.
    """
    if bare(pair.prompt) in known_ids:
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


# --- asked judge ----------------------------------------------------------------------------------

# The configured judge, and the answers to training rows that it is asked to compare.

# How far from one half a win probability has to be: a judge that is less sure teaches its noise.
MARGIN = 0.25
# Far enough from greedy that two answers differ, and near enough that both make sense.
DRAWN_TWICE = {"temperature": 0.8, "samples": 2}
PEOPLE = (
    "people are the source of preference, and no stage can ask them; set it to 0, or "
    "evaluation.preference.source to reward or judge"
)
ADVISORY = "training rows that the judge is not asked about: it is advisory only"


def pairs_by_judge(
    rows: Sequence[Row], params: JudgedPairsParams, lost: Counter[str]
) -> list[PreferencePair]:
    """What the configured judge chooses on as many training rows as the settings say.

    A judge that is advisory decides no promotion, and teaches nothing either. Raises InputError
    where people are the source of preference: they can be asked by no stage.
    """
    if not params.rows:
        return []
    source, calibration = load(PreferenceParams), Calibration.read(CALIBRATION)
    if source.judged_by == "ballots":
        raise InputError(PEOPLE, file=PARAMS, field="evaluation.preference_data.judge.rows")
    # Each row is drawn by what it says alone.
    asked = sorted(rows, key=lambda row: digest_json(row.texts))[: params.rows]
    if calibration.advisory:
        lost[ADVISORY] += len(asked)
        return []
    judge = judge_of(source, REWARD, "one", "the other", calibration)
    shown = asked_with(asked, bare_base())
    return judged_pairs(two_answers(shown, params), judge, MARGIN, lost)


def two_answers(rows: Sequence[Row], params: JudgedPairsParams) -> list[TwoAnswers]:
    """Each row's, in the order of the rows."""
    if params.answers == "reference":
        answers = answering(load(Decoding)).answers(rows, "training rows")
        return [
            TwoAnswers(row, row.completion_text, answer.text)
            for row, answer in zip(rows, answers, strict=True)
        ]
    decoding = Decoding(**load(Decoding).model_dump() | DRAWN_TWICE)
    drawn = answering(decoding).answers(rows, "training rows, twice", samples=2)
    pairs = zip(rows, drawn[::2], drawn[1::2], strict=True)
    return [TwoAnswers(row, first.text, other.text) for row, first, other in pairs]


def answering(decoding: Decoding) -> Respondent:
    """The model that training starts from: the bare base, or the champion's adapter on it."""
    adapter = START / "adapter"
    files = adapter if adapter.exists() else None
    contestant = bare_base()
    if files:
        contestant = contestant.model_copy(update={"adapter": digest_folder(files)})
    return respondent(contestant, files, decoding, answering_numerics())


# --- known answers --------------------------------------------------------------------------------

# What people said of answers, held against the answers that are known to be good.

AnyPreference = TypeVar("AnyPreference", bound=Preference)

# Why one is left out; each reads well behind a number.
ONE_ANSWER = "whose two answers are one"
SAID_BY_ROW = "bad answers that the good one itself says: correct it"
DISPUTED = "on which people disagree"


def asked_of_row(row: Row) -> tuple[str, str, str]:
    return bare(row.prompt_text), row.evidence_digest, digest_json(row.tools)


def asked_of(preference: Preference) -> tuple[str, str, str]:
    """A prompt, its passages and its tools: with others, another answer is the good one."""
    return (
        bare(preference.prompt),
        evidence_digest(preference.evidence),
        digest_json(preference.tools),
    )


class GoodAnswers:
    """What is the right thing to say, by prompt, letter case and white space aside, and by its
    passages and tools.
    """

    def __init__(self, rows: Sequence[Row], given: Iterable[Preference]) -> None:
        self.rows = {asked_of_row(row): row for row in reversed(rows)}
        # What people accepted: where an answer to its prompt is known to be bad, it is the good
        # one, whatever a pair says.
        self.corrected = {
            asked_of_row(row): row for row in reversed(rows) if row.source == ACCEPTED
        }
        rated = [answer for answer in given if isinstance(answer, RatedAnswer) and answer.label]
        self.rated = {asked_of(answer): answer.completion for answer in reversed(rated)}

    def correction(self, preference: Preference) -> Row | None:
        return self.corrected.get(asked_of(preference))

    def known(self, preference: Preference) -> str | None:
        """A training row's answer, else one that somebody found good."""
        row = self.rows.get(asked_of(preference))
        return row.completion_text if row else self.rated.get(asked_of(preference))

    def messages(self, preference: Preference) -> tuple[Message, ...] | None:
        """The turns of the training row that asks this, None where that is one of the user's; of
        what no row asks, its own.
        """
        row = self.rows.get(asked_of(preference))
        if row is None:
            return preference.messages
        return None if [message.role for message in row.prompt] == ["user"] else row.prompt


def learnable(
    given: Sequence[Preference], good: GoodAnswers, lost: Counter[str]
) -> list[Preference]:
    """What people said as DPO and KTO can learn it: a bad answer as a pair wherever a good answer
    to its prompt is known, the correction's where there is one. Each once; `lost` counts the rest.
    """
    kept: dict[str, Preference] = {}
    for preference in given:
        made = with_good_answer(preference, good)
        if says_one_thing(made):
            lost[ONE_ANSWER if says_one_thing(preference) else SAID_BY_ROW] += 1
        else:
            kept.setdefault(made.id, made)
    return list(kept.values())


def says_one_thing(preference: Preference) -> bool:
    return (
        isinstance(preference, PreferencePair)
        and preference.chosen.strip() == preference.rejected.strip()
    )


def with_good_answer(preference: Preference, good: GoodAnswers) -> Preference:
    """The preference as it is to be learnt, with its origin and its prompt's turns."""
    messages = good.messages(preference)
    if isinstance(preference, RatedAnswer) and preference.label:
        return preference.model_copy(
            update={"origin": preference.origin or "good answer", "messages": messages}
        )
    corrected = good.correction(preference)
    if isinstance(preference, PreferencePair) and not corrected:
        return preference.model_copy(
            update={"origin": preference.origin or "pair", "messages": messages}
        )
    answer = corrected.completion_text if corrected else good.known(preference)
    origin = "correction" if corrected else preference.origin or "negative example"
    if answer is None:
        return preference.model_copy(update={"origin": origin, "messages": messages})
    by = corrected or preference
    return PreferencePair(
        prompt=preference.prompt,
        chosen=answer,
        rejected=preference.completion
        if isinstance(preference, RatedAnswer)
        else preference.rejected,
        source=by.source,
        annotator=by.annotator,
        origin=origin,
        messages=messages,
        evidence=preference.evidence,
        tools=preference.tools,
    )


def undisputed(
    given: Sequence[AnyPreference], lost: Counter[str], why: str = DISPUTED
) -> list[AnyPreference]:
    """The preferences without those of which somebody said the opposite: nothing can be learnt from
    both.
    """
    ids = {preference.id for preference in given}
    kept = [preference for preference in given if opposite(preference).id not in ids]
    lost[why] += len(given) - len(kept)
    return kept


def opposite(preference: Preference) -> Preference:
    if isinstance(preference, RatedAnswer):
        return preference.model_copy(update={"label": not preference.label})
    return preference.model_copy(
        update={"chosen": preference.rejected, "rejected": preference.chosen}
    )
