"""Rubrics: each answer rated alone by the judge, in one respect, as a score of both sides."""

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import jinja2

from evaluation.evaluation_settings import PreferenceParams, RubricParams
from evaluation.generation.answers import IN_FILES, KeptBytes
from evaluation.generation.backends.backend import ChatReply, ChatRequest
from evaluation.preference.judging_model import JudgingModel
from evaluation.preference.llm_judge import last_line, mark_of
from evaluation.preference.worse_answers import WORSE
from evaluation.scoring.scorers import Scorer
from project.canonical import digest_json
from project.errors import InputError
from project.records.data import EvidencePassage, Row
from project.records.preferences import Calibration, PreferencePair, by_judge, read_preferences
from project.settings import PARAMS
from project.shown_passages import JUDGED_ON, judged_on

SOURCE = (Path(__file__).parent / "templates" / "rubric.txt").read_text(encoding="utf-8")
TEMPLATE: jinja2.Template = jinja2.Template(SOURCE, undefined=jinja2.StrictUndefined)
SECTION = "evaluation.preference.rubrics"
SCORE = re.compile(r"\**SCORE: ([1-5])(?: ?/ ?5)?\**")
# Where nothing else was asked for: one line, and the score its only number.
ALONE = re.compile(r"[^\d\n]*([1-5])(?: ?/ ?5)?\**\.?")

BUILT_IN = {
    rubric.name: rubric
    for rubric in (
        RubricParams(
            name="helpful",
            asks="Helpfulness. The answer does what the request asks for, and holds all that is "
            "needed to use it.",
            worse=("generic", "cut_off"),
        ),
        RubricParams(
            name="polite",
            asks="Politeness. The answer is courteous and respectful, and speaks to the person as "
            "the request calls for.",
            worse=("impolite",),
        ),
        RubricParams(
            name="correct",
            asks="Correctness. What the answer says agrees with the reference answer, and nothing "
            "in it contradicts the reference. Other words for the same are right too.",
            reference=True,
            worse=("wrong_fact",),
        ),
    )
}


class Rated(NamedTuple):
    """An answer, and what it is rated beside."""

    prompt: str
    answer: str
    reference: str
    evidence: tuple[EvidencePassage, ...] | None = None

    @property
    def question(self) -> str:
        """The prompt among its passages."""
        return judged_on(self.prompt, self.evidence)


class RubricJudge:
    """The judge with one rubric."""

    def __init__(self, rubric: RubricParams, model: JudgingModel) -> None:
        self.rubric = rubric if rubric.asks else BUILT_IN[rubric.name]
        self.model = model
        self.source = f"{self.rubric.name} (LLM judge {model.params.model})"

    def rate(self, answers: Sequence[Rated]) -> list[float | None]:
        """Scores from 0 to 1; None where the judge gave none, though it was asked again.

        Raises IncumbentError when the server fails, or too few of its answers hold a score.
        """
        requests = self.requests(answers)
        replies = self.model.replies(requests)
        unread = [request for request in requests if self.read(replies[request.digest]) is None]
        if unread:
            again = self.model.replies_again(unread)
            self.model.refuse_two_models([*replies.values(), *again.values()])
            replies |= again
        self.model.refuse_noise(replies.values(), self.read, "score", self.source)
        return [self.read(replies[request.digest]) for request in requests]

    def accounted(self, calibration: Calibration, answers: Sequence[Rated]) -> Calibration:
        """The calibration on these answers, with who judged, and how steadily."""
        shown = [JUDGED_ON] if any(answer.evidence for answer in answers) else []
        asked = digest_json([SOURCE, self.rubric.asks, self.rubric.reference, self.reasons, *shown])
        return self.model.accounted(calibration, asked, self.requests(answers), self.read)

    @property
    def reasons(self) -> bool:
        return self.model.params.reasons

    def requests(self, answers: Sequence[Rated]) -> list[ChatRequest]:
        return [self.model.request(self.question(answer)) for answer in answers]

    def question(self, rated: Rated) -> str:
        reference = rated.reference if self.rubric.reference else None
        return TEMPLATE.render(
            mark=mark_of(rated.question, rated.answer, rated.reference),
            asks=self.rubric.asks,
            prompt=rated.question,
            reference=reference,
            answer=rated.answer,
            reasons=self.reasons,
        )

    def read(self, reply: ChatReply) -> float | None:
        return score(last_line(reply.text), SCORE) if self.reasons else score(reply.text, ALONE)


def score(text: str, form: re.Pattern[str]) -> float | None:
    """1 to 5 as 0 to 1; None for what is no score and nothing else."""
    match = form.fullmatch(text.strip())
    return (int(match[1]) - 1) / 4 if match else None


class RubricMetric:
    """A rubric as a scorer knows metrics.

    An item of which a score could not be read counts on neither side, and is flagged. The mean of
    the system's others stands in its place.
    """

    def __init__(self, judge: RubricJudge) -> None:
        self.judge = judge
        self.more_is_better = (judge.rubric.name,)
        self.ranges = ((judge.rubric.name, 0, 1),)
        self.flags: dict[str, list[int]] = {}
        self.unread: dict[str, list[int]] = {}

    def compute(
        self,
        *,
        prompts: list[str],
        predictions: list[str],
        references: list[str],
        evidence: list[str],
    ) -> dict[str, list[float]]:
        """{the rubric's name: [n]}, each from 0 to 1."""
        name = self.judge.rubric.name
        shown = map(passages_told, evidence)
        rated = [Rated(*item) for item in zip(prompts, predictions, references, shown, strict=True)]
        scores = self.judge.rate(rated)
        unread = [i for i, value in enumerate(scores) if value is None]
        self.flags, self.unread = {f"no {name} score could be read": unread}, {name: unread}
        middle = fmean([value for value in scores if value is not None] or [0.5])
        return {name: [middle if value is None else value for value in scores]}


def passages_told(told: str) -> tuple[EvidencePassage, ...] | None:
    """Of the column `evidence`: JSON that has the passages' texts."""
    texts = json.loads(told)["passages"]
    return tuple(EvidencePassage(id=str(i), text=text) for i, text in enumerate(texts, 1)) or None


class RubricScorer(Scorer):
    """A scorer that params.yaml names in its rubrics."""

    def is_about(self, row: Row) -> bool:
        """Conversations too, which are rated whole; but none has a reference."""
        return not (row.scenario and self.metric.judge.rubric.reference)

    def misfit(self, problem: str) -> InputError:
        return InputError(f"{self.name} {problem}", file=PARAMS, field=f"{SECTION}.{self.at}")


def rubric_scorers(
    params: PreferenceParams, calibration: Calibration | None, store: KeptBytes = IN_FILES
) -> list[RubricScorer]:
    """The rubrics that are set, by the judges that the calibration is of."""
    if not params.judge or not params.rubrics:
        return []
    known = (calibration.rubrics if calibration else None) or {}
    scorers = []
    for at, rubric in enumerate(params.rubrics):
        calibrated = known.get(rubric.name)
        model = JudgingModel(params.judge, calibrated.judge if calibrated else None, store=store)
        metric = RubricMetric(RubricJudge(rubric, model))
        columns = ("prompts", "predictions", "references", "evidence")
        scorers.append(RubricScorer(rubric.name, at, metric, columns))
    return scorers


# --- rubric calibration ---------------------------------------------------------------------------

# How far a rubric can be trusted: whether it rates an answer lower that was made worse in that.


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
    calibration = Calibration(
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
    return judge.accounted(calibration, answers)


def pairs_of(rubric: RubricParams, rows: Sequence[Row]) -> list[RatedPair]:
    """Answers of which the first is better in the rubric's respect; none where nothing is known."""
    if rubric.pairs:
        people = [record for record in read_preferences(rubric.pairs) if not by_judge(record)]
        given = [record for record in people if isinstance(record, PreferencePair)]
        return [given_pair(pair) for pair in given if pair.chosen != pair.rejected]
    pairs = []
    for kind in (rubric if rubric.asks else BUILT_IN[rubric.name]).worse:
        if kind not in WORSE:
            problem = f"{rubric.name}: no kind {kind!r} of worse answers; there are "
            raise InputError(problem + ", ".join(WORSE), file=PARAMS, field=SECTION)
        for row in rows:
            expected = row.completion_text
            good = Rated(row.prompt_text, expected, expected, row.evidence)
            worse = WORSE[kind](good.answer, row.id)
            if worse is not None and worse != good.answer:
                pairs.append(RatedPair(good, good._replace(answer=worse)))
    return pairs


def given_pair(pair: PreferencePair) -> RatedPair:
    """The rated pair of a person's own pair; its reference answer is not known, and not
    asked for.
    """
    better = Rated(pair.prompt, pair.chosen, "", pair.evidence)
    return RatedPair(better, better._replace(answer=pair.rejected))
