"""A language model as a judge: it sees both orders of two answers, and its word is kept."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import jinja2

from evaluation.evaluation_settings import JudgeParams
from evaluation.preference.chat_server import SECTION, Request, excerpt
from evaluation.preference.comparison import Comparison, Judgement
from evaluation.preference.kept_answers import KeptAnswers
from project.canonical import digest_json
from project.errors import IncumbentError
from project.files import home
from project.records.data import Message
from project.records.record import Digest

TEMPLATE: jinja2.Template = jinja2.Template(
    (Path(__file__).parent / "templates" / "judge.txt").read_text(encoding="utf-8"),
    undefined=jinja2.StrictUndefined,
)
VERDICT = re.compile(r"\**VERDICT: (A|B|TIE)\**")  # models like to print it bold
WORTH_TO_FIRST = {"A": 1.0, "TIE": 0.5, "B": 0.0}


class LlmJudge:
    """Both orders agree: a win. They disagree: a tie. A tie and a win: halfway between.

    That is the mean over the two orders (Zheng et al. 2023, "Judging LLM-as-a-judge", counts a
    tie and a win as a tie; the mean keeps the half that is known). An order without a verdict
    leaves the comparison unjudged. Two equal answers are a tie that nobody is asked about.
    """

    def __init__(self, params: JudgeParams, pause: Callable[[float], object] | None = None) -> None:
        self.params = params
        self.pause = pause
        self.source = f"LLM judge {params.model}"

    def prefer(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Raises IncumbentError when the server fails, or too few of its answers hold a verdict."""
        orders = [self.orders(comparison) for comparison in comparisons]
        said = self.answers([request for both in orders for request in both])
        self.refuse_too_much_noise(said)
        return [judgement([verdict(said[order.digest]) for order in both]) for both in orders]

    def orders(self, comparison: Comparison) -> tuple[Request, ...]:
        """The champion's answer first, then the challenger's; none when they are equal."""
        champion, challenger = comparison.champion, comparison.challenger
        if champion == challenger:
            return ()
        both = ((champion, challenger), (challenger, champion))
        return tuple(self.request(comparison.prompt, first, second) for first, second in both)

    def request(self, prompt: str, first: str, second: str) -> Request:
        return Request(
            model=self.params.model,
            messages=(Message(role="user", content=question(prompt, first, second)),),
            temperature=self.params.temperature,
            max_tokens=self.params.max_tokens,
        )

    def answers(self, requests: Iterable[Request]) -> dict[Digest, str]:
        """What the judge says to each request, by its digest; from the cache where it is there."""
        kept = KeptAnswers(self.params, home() / "judgements", "judge", pause=self.pause)
        return kept.answers(requests)

    def refuse_too_much_noise(self, said: Mapping[Digest, str]) -> None:
        noise = [text for text in said.values() if verdict(text) is None]
        if len(noise) > self.params.unparsed_cap * len(said):
            raise IncumbentError(
                f"{len(noise)} of {len(said)} answers of {self.source} end without a verdict, and "
                f"{SECTION}.unparsed_cap allows {self.params.unparsed_cap:.0%}; one of them: "
                f"{excerpt(noise[0])!r}. Take a larger max_tokens or another model; to ask the "
                f"same again, delete {home() / 'judgements'}"
            )


def question(prompt: str, first: str, second: str) -> str:
    """What the judge is shown.

    The mark is a digest of what it encloses: a text that held it would have to hold its own digest.
    """
    mark = digest_json([prompt, first, second])[:32]
    return TEMPLATE.render(mark=mark, prompt=prompt, first=first, second=second)


def verdict(text: str) -> float | None:
    """How far the answer shown first is preferred: 1, 0 or a half; None without a verdict.

    Only the last line counts, and it must be a verdict and nothing else.
    """
    lines = text.split("\n")
    found = VERDICT.fullmatch(next((line.strip() for line in reversed(lines) if line.strip()), ""))
    return WORTH_TO_FIRST[found[1]] if found else None


def judgement(worth_to_first: Sequence[float | None]) -> Judgement:
    """Of the verdicts with the champion shown first and with the challenger shown first."""
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
