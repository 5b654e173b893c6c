"""A language model as a judge: it sees both orders of two answers, and its word is kept."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import jinja2

from evaluation.evaluation_settings import JudgeParams
from evaluation.generation.answers import IN_FILES, KeptBytes
from evaluation.generation.backends.backend import ChatReply, ChatRequest
from evaluation.generation.backends.chat_server import Pause
from evaluation.preference.judging_model import JudgingModel
from evaluation.preference.preference_pairs import AnswerPair, Judgement
from project.canonical import digest_json
from project.records.preferences import Calibration, JudgePin
from project.records.record import Digest
from project.shown_passages import JUDGED_ON

SOURCE = (Path(__file__).parent / "templates" / "judge.txt").read_text(encoding="utf-8")
TEMPLATE: jinja2.Template = jinja2.Template(SOURCE, undefined=jinja2.StrictUndefined)
VERDICT = re.compile(r"\**VERDICT: (A|B|TIE)\**")  # models like to print it bold
ALONE = re.compile(r"\**(?:VERDICT: ?)?(A|B|TIE)\**\.?")  # where nothing else was asked for
WORTH_TO_FIRST = {"A": 1.0, "TIE": 0.5, "B": 0.0}


class LlmJudge:
    """Both orders agree: a win. They disagree: a tie. A tie and a win: halfway between.

    That is the mean over the two orders (Zheng et al. 2023, "Judging LLM-as-a-judge", counts a
    tie and a win as a tie; the mean keeps the half that is known). An order without a verdict
    leaves the comparison unjudged. Two equal answers are a tie that nobody is asked about.
    """

    def __init__(
        self,
        params: JudgeParams,
        pause: Pause = asyncio.sleep,
        held_to: JudgePin | None = None,
        store: KeptBytes = IN_FILES,
    ) -> None:
        """`held_to` is the judge that was calibrated: another model's answers are refused."""
        self.model = JudgingModel(params, held_to, pause, store)
        self.reasons = params.reasons
        self.source = f"LLM judge {params.model}"

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """Raises IncumbentError when the server fails, or too few of its answers hold a verdict."""
        orders = [self.orders(comparison) for comparison in comparisons]
        replies = self.model.replies([request for both in orders for request in both])
        self.model.refuse_noise(replies.values(), self.read, "verdict", self.source)
        return [judgement([self.read(replies[order.digest]) for order in both]) for both in orders]

    def accounted(self, calibration: Calibration, comparisons: Sequence[AnswerPair]) -> Calibration:
        """The calibration on these comparisons, with who judged, and how steadily."""
        requests = [request for comparison in comparisons for request in self.orders(comparison)]
        shown = [JUDGED_ON] if any(comparison.evidence for comparison in comparisons) else []
        asked = digest_json([SOURCE, self.reasons, *shown])
        return self.model.accounted(calibration, asked, requests, self.read)

    def orders(self, comparison: AnswerPair) -> tuple[ChatRequest, ...]:
        """The champion's answer first, then the challenger's; none when they are equal."""
        champion, challenger = comparison.champion, comparison.challenger
        if champion == challenger:
            return ()
        both = ((champion, challenger), (challenger, champion))
        return tuple(
            self.model.request(question(comparison.question, first, second, reasons=self.reasons))
            for first, second in both
        )

    def read(self, reply: ChatReply) -> float | None:
        return verdict(reply.text) if self.reasons else verdict_alone(reply.text)


def mark_of(*texts: str) -> Digest:
    """What encloses texts in a question: a text that held it would have to hold its own digest."""
    return digest_json(list(texts))[:32]


def question(prompt: str, first: str, second: str, *, reasons: bool = True) -> str:
    """What the judge is shown."""
    mark = mark_of(prompt, first, second)
    return TEMPLATE.render(mark=mark, prompt=prompt, first=first, second=second, reasons=reasons)


def verdict(text: str) -> float | None:
    """How far the answer shown first is preferred: 1, 0 or a half; None without a verdict.

    Only the last line counts, and it must be a verdict and nothing else.
    """
    match = VERDICT.fullmatch(last_line(text))
    return WORTH_TO_FIRST[match[1]] if match else None


def verdict_alone(text: str) -> float | None:
    """The same where no reasons were asked for: the whole answer is a verdict, or its letter."""
    match = ALONE.fullmatch(text.strip())
    return WORTH_TO_FIRST[match[1]] if match else None


def last_line(text: str) -> str:
    """The last line that is not blank; "" where there is none."""
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def judgement(worth_to_first: Sequence[float | None]) -> Judgement:
    """The judgement of the verdicts with the champion shown first and with the challenger shown
    first.
    """
    known = [worth for worth in worth_to_first if worth is not None]
    if not worth_to_first:
        return Judgement(win_probability=0.5)
    if len(known) < len(worth_to_first):
        return Judgement(win_probability=None)
    champion_first, challenger_first = known
    return Judgement(
        win_probability=(1 - champion_first + challenger_first) / 2,
        first=(champion_first + challenger_first) / 2,
    )


# --- judge lines ----------------------------------------------------------------------------------

# What a calibration says of language models as judges, in lines that people read.


def judge_lines(calibration: Calibration) -> Iterator[str]:
    """Who judges and how steadily, then each rubric; nothing where no model was asked."""
    yield from account(calibration)
    for name, rubric in sorted((calibration.rubrics or {}).items()):
        yield f"rubric {name}: {rated(rubric)}"
        yield from account(rubric)
        if rubric.advisory:
            yield f"it is advisory only: {rubric.advisory}"


def account(calibration: Calibration) -> Iterator[str]:
    if calibration.judge:
        yield f"judged by {calibration.judge}"
    if calibration.wobble is not None:
        share, n = f"{calibration.wobble:.0%}", calibration.wobble_n
        yield f"asked twice, it changed its verdict on {share} of {n} questions"
    if calibration.unsteady:
        yield calibration.unsteady


def rated(rubric: Calibration) -> str:
    if rubric.accuracy is None:
        return "not calibrated"
    return f"the better answer rated higher in {rubric.accuracy:.0%} of {rubric.n} pairs"
