"""How far a rubric can be trusted: whether it rates an answer lower that was made worse in that."""

from collections.abc import Sequence
from itertools import chain
from statistics import fmean
from typing import NamedTuple

from evaluation.evaluation_settings import PreferenceParams, RubricParams
from evaluation.preference.judge.judging_model import JudgingModel
from evaluation.preference.judge.rubrics import BUILT_IN, SECTION, Rated, RubricJudge
from evaluation.preference.pairs.worse_answers import WORSE
from project.errors import InputError
from project.records.calibration import Calibration
from project.records.data import Row
from project.records.preferences import PreferencePair, by_judge, read_preferences
from project.settings import PARAMS


class RatedPair(NamedTuple):
    better: Rated
    worse: Rated


def calibrate_rubrics(params: PreferenceParams, rows: Sequence[Row]) -> dict[str, Calibration]:
    """Each rubric's own calibration, by its name, on held-out rows or on its file of pairs.

    Raises InputError for kinds of worse answers that there are not, and for what is wrong in files,
    IncumbentError when the server fails or says too little that can be read.
    """
    if not params.judge:
        return {}
    model = JudgingModel(params.judge)
    return {
        rubric.name: calibrate_rubric(RubricJudge(rubric, model), pairs_of(rubric, rows))
        for rubric in params.rubrics or ()
    }


def calibrate_rubric(judge: RubricJudge, pairs: Sequence[RatedPair]) -> Calibration:
    answers = list(chain.from_iterable(pairs))
    rates = judge.rate(answers)
    hits = [
        0.5 if better == worse else float(better > worse)
        for better, worse in zip(rates[::2], rates[1::2], strict=True)
        if better is not None and worse is not None
    ]
    found = Calibration(
        source=judge.source,
        n=len(hits),
        unjudged=len(pairs) - len(hits),
        accuracy=fmean(hits) if hits else None,
        kappa=None,
        first_rate=None,
        longer_accuracy=None,
        shorter_accuracy=None,
        matched_n=0,
        matched_accuracy=None,
        matched_longer=None,
        matched_shorter=None,
    )
    return judge.accounted(found, answers)


def pairs_of(rubric: RubricParams, rows: Sequence[Row]) -> list[RatedPair]:
    """Answers of which the first is better in the rubric's respect; none where nothing is known."""
    if rubric.pairs:
        said = [one for one in read_preferences(rubric.pairs) if not by_judge(one)]
        given = [one for one in said if isinstance(one, PreferencePair)]
        return [given_pair(pair) for pair in given if pair.chosen != pair.rejected]
    found = []
    for kind in (rubric if rubric.asks else BUILT_IN[rubric.name]).worse:
        if kind not in WORSE:
            problem = f"{rubric.name}: no kind {kind!r} of worse answers; there are "
            raise InputError(problem + ", ".join(WORSE), file=PARAMS, field=SECTION)
        for row in rows:
            good = Rated(row.prompt_text, row.completion_text, row.completion_text)
            worse = WORSE[kind](good.answer, row.id)
            if worse is not None and worse != good.answer:
                found.append(RatedPair(good, good._replace(answer=worse)))
    return found


def given_pair(pair: PreferencePair) -> RatedPair:
    """Of a person's own pair; its reference answer is not known, and not asked for."""
    better = Rated(pair.prompt, pair.chosen, "")
    return RatedPair(better, better._replace(answer=pair.rejected))
