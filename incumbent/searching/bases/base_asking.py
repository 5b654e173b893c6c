"""Candidate bases on dev, one after the other, bare and with examples in their prompts."""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from evaluation.evaluation_settings import Decoding, Prices
from evaluation.generate import prompted
from evaluation.generation.answers import Answer, Model, Respondent
from evaluation.generation.systems import respondent
from evaluation.report.cost import money
from evaluation.scoring.scorers import Scorer, score
from incumbent.searching.bases.base_candidates import Candidate
from incumbent.searching.bases.base_cost import training_cost
from incumbent.searching.bases.base_question import Question
from incumbent.searching.bases.base_ranking import Asked, BaseRanking, RankedBase, against, ranked
from incumbent.selecting.pace import pace
from project.errors import IncumbentError, InputError
from project.model_pins import BaseChoice
from project.records.adapters import Contestant
from project.records.data import Row
from project.records.evidence import Usage
from project.settings import load

Values = Mapping[str, Sequence[float]]  # of each dev item, by metric


def rank(candidates: Sequence[Candidate], question: Question) -> BaseRanking:
    """Ask them one after the other; answers are kept, so that an interrupted ranking goes on.

    Raises IncumbentError where none could be asked.
    """
    found = [asked(candidate, question) for candidate in candidates]
    answered = [(base, values) for base, values in found if values]
    if not answered:
        reasons = "; ".join(f"{base.name}: {base.problem}" for base, _ in found)
        raise IncumbentError(f"none of these bases could be asked: {reasons}")
    first, values = answered[0]
    bases = [compared(base, own, values, question) for base, own in found]
    return BaseRanking(
        bases=tuple(ranked(bases, question.by, question.better[question.by])),
        first=first.name,
        by=question.by,
        shots=question.shots,
        items=len(question.items),
        clusters=len(set(question.groups)),
        level=round(1 - 2 * question.policy.alpha, 6),
        better=dict(question.better),
    )


def asked(candidate: Candidate, question: Question) -> tuple[RankedBase, tuple[Values, ...]]:
    """A base with its scores, and the scores of each item: bare, and few-shot where that is asked.

    One that cannot be loaded, or not read the prompts, keeps its problem.
    """
    base = unasked(candidate, question)
    if base.problem:
        print(f"{base.name} is left out: {base.problem}", file=sys.stderr)
        return base, ()
    system = system_of(candidate, question)
    try:
        ways = [way(system, prompt, rows, question) for prompt, rows in prompts(base, question)]
    except IncumbentError as error:
        print(f"{base.name} is left out: {error}", file=sys.stderr)
        return base.model_copy(update={"problem": str(error)}), ()
    finally:
        free(system)
    few_shot = ways[1][0] if len(ways) > 1 else None
    told = base.model_copy(update={"bare": ways[0][0], "few_shot": few_shot})
    return told, tuple(values for _, values in ways)


def unasked(candidate: Candidate, question: Question) -> RankedBase:
    """What is known of a base before it is loaded."""
    found = None if candidate.pin is None else pace(question.numerics, candidate.choice)
    return RankedBase(
        name=candidate.name,
        model=candidate.choice.model,
        revision=candidate.choice.revision,
        license=candidate.license,
        weights=candidate.weights,
        problem=candidate.problem,
        bare=None,
        few_shot=None,
        training=training_cost(found, question) if found else None,
    )


def prompts(base: RankedBase, question: Question) -> list[tuple[str, Sequence[Row]]]:
    found: list[tuple[str, Sequence[Row]]] = [(base.name, question.items)]
    if question.shots:
        shown = f"{base.name} with {question.shots} examples"
        found.append((shown, prompted(question.items, question.shots)))
    return found


def way(
    system: Respondent, label: str, rows: Sequence[Row], question: Question
) -> tuple[Asked, Values]:
    answers = system.answers(rows, label)
    scorers = [one for one in question.scorers if reads(one, answers)]
    scores = score(scorers, question.items, answers)
    values = {name: scores.values[name] for name in question.better if name in scores.values}
    taken = system.seconds(rows)
    seconds = None if taken is None else taken / len(rows)
    used = Usage(
        prompt=fmean(answer.prompt_tokens for answer in answers),
        answer=fmean(answer.tokens for answer in answers),
    )
    asked = Asked(
        scores={name: fmean(own) for name, own in values.items()},
        against_first={},
        prompt=used.prompt,
        answer=used.answer,
        seconds=seconds,
        money=money(used, seconds, load(Prices)),
    )
    return asked, values


def reads(scorer: Scorer, answers: Sequence[Answer]) -> bool:
    """Whether it has what it asks for: some chat templates do not let references be read."""
    asks = "reference_logprobs" in scorer.columns
    return not asks or all(answer.reference_logprob is not None for answer in answers)


def compared(
    base: RankedBase, own: Sequence[Values], first: Sequence[Values], question: Question
) -> RankedBase:
    """With differences to the first base, asked in the same way."""
    if own is first:
        return base
    alpha, ways = question.policy.alpha, {"bare": 0, "few_shot": 1}
    changed = {
        name: getattr(base, name).model_copy(
            update={
                "against_first": against(first[i], own[i], question.groups, question.better, alpha)
            }
        )
        for name, i in ways.items()
        if i < min(len(own), len(first))
    }
    return base.model_copy(update=changed)


def system_of(candidate: Candidate, question: Question) -> Respondent:
    assert candidate.pin, "a candidate without a problem is pinned"
    prompt = load(BaseChoice).system_prompt
    base = Contestant(base=candidate.pin, system_prompt=prompt)
    system = respondent(base, None, load(Decoding), question.numerics)
    system.load = in_words(system.load)
    return system


def in_words(load_model: Callable[[], Model]) -> Callable[[], Model]:
    """The same, where transformers knows no such model or has no room for it told as bad input."""

    def loaded() -> Model:
        try:
            return load_model()
        except (ImportError, KeyError, OSError, RuntimeError, ValueError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"cannot be loaded: {first}") from error

    return loaded


def free(system: Respondent) -> None:
    """The next base wants the memory."""
    system.model = None
    gc.collect()
    if "torch" in sys.modules:
        import torch  # which brought the model, and is not loaded for this alone

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
