"""The configured judge, and the answers to training rows that it is asked to compare."""

from collections import Counter
from collections.abc import Sequence

from evaluation.evaluation_settings import Decoding, JudgedPairsParams, PreferenceParams
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Respondent
from evaluation.generation.systems import respondent
from evaluation.preference.preference_sources import judge_of
from evaluation.preference.training_data.judged_pairs import TwoAnswers, drawn_rows, judged_pairs
from project.bare_base import bare_base
from project.canonical import digest_folder
from project.errors import InputError
from project.paths import CALIBRATION, REWARD, START
from project.records.calibration import Calibration
from project.records.data import Row
from project.records.preferences import PreferencePair
from project.settings import PARAMS, load

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
    asked = drawn_rows(rows, params)
    if calibration.advisory:
        lost[ADVISORY] += len(asked)
        return []
    judge = judge_of(source, REWARD, "one", "the other", calibration)
    return judged_pairs(two_answers(asked, params), judge, params.margin, lost)


def two_answers(rows: Sequence[Row], params: JudgedPairsParams) -> list[TwoAnswers]:
    """Each row's, in the order of the rows."""
    if params.answers == "reference":
        own = answering(load(Decoding)).answers(rows, "training rows")
        return [
            TwoAnswers(row, row.completion_text, answer.text)
            for row, answer in zip(rows, own, strict=True)
        ]
    decoding = Decoding(**load(Decoding).model_dump() | drawn_twice(params))
    drawn = answering(decoding).answers(rows, "training rows, twice", samples=2)
    pairs = zip(rows, drawn[::2], drawn[1::2], strict=True)
    return [TwoAnswers(row, one.text, other.text) for row, one, other in pairs]


def drawn_twice(params: JudgedPairsParams) -> dict[str, object]:
    return {"temperature": params.temperature, "samples": 2}


def answering(decoding: Decoding) -> Respondent:
    """The model that training starts from: the bare base, or the champion's adapter on it."""
    adapter = START / "adapter"
    files = adapter if adapter.exists() else None
    contestant = bare_base()
    if files:
        contestant = contestant.model_copy(update={"adapter": digest_folder(files)})
    return respondent(contestant, files, decoding, answering_numerics())
