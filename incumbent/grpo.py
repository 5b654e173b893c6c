"""Stage `grpo`: the adapter learns from what the project's scorers say of its own answers.

It stands here because training and evaluation do not know each other: a scorer is handed to the
step as a reward. A scorer may be a user's own code, so it is watched: one that fails, gives what is
no reward, is slow, or opens the file of the sealed eval set ends the step, which leaves nothing.
"""

import asyncio
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from evaluation.evaluation_settings import GenerationParams, ScoringParams
from evaluation.generation.answering_engine import server_kept
from evaluation.generation.backends.backend import BackendError, Endpoint
from project.canonical import digest_json
from project.errors import IncumbentError, InputError
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, rows_of
from project.records.adapters import Engine, ModelPin
from project.records.data import Row, Split
from project.settings import load, setting_error
from training.steps.earlier import leave_out
from training.training_settings import GrpoParams

if TYPE_CHECKING:
    from evaluation.generation.backends.adapter_servers import VllmReplica
    from evaluation.generation.batch_reader import BatchReader
    from evaluation.scoring.scorers import Scorer
    from training.steps.grpo_step import Draw, Drawing, Drawn, DrawnAnswer, Reward
    from training.steps.run_step import StepContext


def main() -> None:
    params = load(GrpoParams)
    if not params.epochs:
        return leave_out("grpo")
    # Imported here because a step that is left out need not wait for torch.
    from evaluation.scoring.scorers import scorers_digest
    from training.steps.grpo_step import rewarded_data
    from training.steps.run_step import run_step

    scoring, embedder = load(ScoringParams), ModelPin.read(EMBEDDER)
    with closed_to_scorers(rows_of(Split.SEALED)), server_kept():
        rewards = rewards_of(params, scoring, pinned_folder(embedder, "embedder"))
        scorers = digest_json([scorers_digest(scoring), embedder.digest])
        return run_step("grpo", params, partial(rewarded_data, rewards, scorers, draws_by_settings))


# --- answers --------------------------------------------------------------------------------------


def draws_by_settings(ground: "StepContext") -> "Draw":
    """By the vLLM that evaluation.generation starts, else by the embedded engine."""
    params = load(GenerationParams)
    return VllmDraws(params, ground) if params.vllm_python else AnswerDraws()


class AnswerDraws:
    """Draws the answers that are rewarded, by the embedded engine: a prompt is read once for all
    answers to it, and an answer that has ended is soon read no more.
    """

    engine: Engine | None = None

    def __init__(self) -> None:
        self.reader: BatchReader | None = None

    def __call__(self, model: Any, prompts: Sequence[list[int]], drawing: "Drawing") -> "Drawn":
        # Imported here because a step that is left out need not wait for torch.
        from evaluation.generation.batch_reader import BatchReader
        from training.steps.grpo_step import Drawn

        if self.reader is None or self.reader.model is not model:
            self.reader = BatchReader(model)
        return Drawn(drawn_answers(self.reader, prompts, drawing))


def drawn_answers(
    reader: "BatchReader", prompts: Sequence[list[int]], drawing: "Drawing"
) -> list[list[int]]:
    """The tokens of an answer to each prompt."""
    import torch

    if reader.can_regroup:
        distinct = list(map(list, dict.fromkeys(map(tuple, prompts))))
        rows = [distinct.index(list(prompt)) for prompt in prompts]
        memory, logits = reader.read_after(reader.unread(1), distinct)
        memory, logits = memory.rows(rows), logits[rows]
    else:
        memory, logits = reader.read_after(reader.unread(1), prompts)
    answers: list[list[int]] = [[] for _ in prompts]
    growing = list(range(len(prompts)))  # the answer of each row
    while True:
        shares = (logits[:, -1].double().cpu() / drawing.temperature).softmax(-1)
        drawn = torch.multinomial(shares, 1)[:, 0].tolist()
        for place, token in zip(growing, drawn, strict=True):
            if not ended(answers[place], drawing):
                answers[place].append(token)
        alive = [i for i, place in enumerate(growing) if not ended(answers[place], drawing)]
        if not alive:
            return answers
        # To copy the memory costs some steps, so a quarter has to have ended.
        if reader.can_regroup and 4 * len(alive) <= 3 * len(growing):
            memory, growing = memory.rows(alive), [growing[i] for i in alive]
        logits = reader.read(memory, [answers[place][-1:] for place in growing])


def ended(answer: Sequence[int], drawing: "Drawing") -> bool:
    return len(answer) >= drawing.most or (bool(answer) and answer[-1] in drawing.ends)


DRAWING_SECONDS = 1800.0  # of all answers to a prompt: vLLM is slow on a processor


class VllmDraws:
    """Draws them by a vLLM of this process. For each draw the adapter is written to a folder, and
    loaded under a name that was never used: vLLM keeps what it has read under a name.

    Each prompt's answers have a seed that torch draws. The same seed need not give the same answers
    again: what vLLM rounds hangs on what it computes at the same time.
    """

    def __init__(self, params: GenerationParams, ground: "StepContext") -> None:
        """With vLLM started. Raises IncumbentError where that is not possible, and InputError where
        it would answer by another base than is trained on.
        """
        from evaluation.generation.backends.own_vllm import own_engine, own_replica  # as above

        if ground.adapter.quantization != "none":
            problem = (
                "vLLM, by which evaluation.generation has step grpo draw its answers, serves the "
                "base as it is: choose none, or evaluation.generation.backend: embedded"
            )
            raise setting_error(problem, "training", "adapter", "quantization")
        assert params.vllm_python is not None
        base = pinned_folder(ground.base.base, "base")
        own = (params.vllm_python, params.vllm_options)
        self.engine: Engine | None = own_engine(*own)
        self.server = partial(own_replica, *own, base, ground.numerics.precision, DRAWING_SECONDS)
        self.draws = 0
        asyncio.run(self.started())

    async def started(self) -> None:
        await (await self.server()).close()

    def __call__(self, model: Any, prompts: Sequence[list[int]], drawing: "Drawing") -> "Drawn":
        self.draws += 1
        try:
            with TemporaryDirectory(prefix="drawing-") as folder:
                model.save_pretrained(folder, selected_adapters=["default"])
                return asyncio.run(self.drawn(Path(folder), prompts, drawing))
        except BackendError as error:
            raise IncumbentError(
                f"vLLM gives step grpo no answers: {error}; run it again when that is mended: it "
                "goes on from its checkpoint"
            ) from None

    async def drawn(
        self, adapter: Path, prompts: Sequence[list[int]], drawing: "Drawing"
    ) -> "Drawn":
        from training.steps.grpo_step import Drawn  # as above

        name = f"draw-{self.draws}"
        replica = await self.server()
        try:
            await replica.load(name, adapter)
            each = Counter(map(tuple, prompts))
            answers = await asyncio.gather(
                *(vllm_answers(replica, name, list(own), n, drawing) for own, n in each.items())
            )
            await replica.unload(name)
        finally:
            await replica.close()
        left = dict(zip(each, map(iter, answers), strict=True))
        drawn = [next(left[tuple(prompt)]) for prompt in prompts]
        return Drawn([tokens for tokens, _ in drawn], [logprobs for _, logprobs in drawn])


async def vllm_answers(
    replica: "VllmReplica", model: str, prompt: list[int], number: int, drawing: "Drawing"
) -> list[tuple[list[int], list[float]]]:
    """Tokens and their log-probabilities of so many answers to a prompt."""
    import torch

    body = {
        "model": model,
        "prompt": prompt,
        "n": number,
        "max_tokens": drawing.most,
        "temperature": drawing.temperature,
        "seed": int(torch.randint(2**31, ()).item()),
        "stop_token_ids": sorted(drawing.ends),
        "ignore_eos": True,  # the ends are those above
        "logprobs": 0,  # beside the drawn token, no other
        "return_token_ids": True,
    }
    answer = await replica.answer(Endpoint.COMPLETIONS, body)
    try:
        answers = [
            (list(map(int, one["token_ids"])), list(map(float, one["logprobs"]["token_logprobs"])))
            for one in answer["choices"]
        ]
    except (LookupError, TypeError, ValueError):
        answers = []
    if len(answers) != number or any(len(tokens) != len(own) for tokens, own in answers):
        raise replica.bad("sends no tokens with their log-probabilities")
    return answers


# --- rewards --------------------------------------------------------------------------------------

# Our own scorers rate the answers of a batch in less than a second.
BATCH_SECONDS = 60.0
LOADING_SECONDS = 600.0  # one with a model of its own reads it from a disk


def rewards_of(params: GrpoParams, scoring: ScoringParams, embedder: Path) -> "list[Reward]":
    """The metrics of params.yaml as rewards: what is rewarded is measured on dev too, so that a
    report can hold it against the other metrics.

    Raises InputError naming one that can be none: it has no better way, or is not within [0, 1].
    """
    from evaluation.scoring.scorers import load_scorer
    from training.steps.grpo_step import Reward

    fit: dict[str, Scorer] = {}
    for at, choice in enumerate(scoring.metrics):
        with computing(choice.metric, LOADING_SECONDS):
            scorer = load_scorer(choice, at, embedder)
        within = [name for name, (low, high) in scorer.ranges.items() if low >= 0 and high <= 1]
        fit |= {name: scorer for name in within if scorer.better.get(name) in ("more", "less")}
    if unfit := [name for name in params.rewards if name not in fit]:
        problem = (
            "no scorer of evaluation.scoring gives such a metric that could reward: it must say "
            "that its range is within [0, 1], and that more or less of it is better; there are "
            f"{', '.join(fit) or 'none'}"
        )
        raise setting_error(problem, "training", "grpo", "rewards", unfit[0])
    return [
        Reward(name, weight, partial(rated, fit[name], name))
        for name, weight in params.rewards.items()
    ]


def rated(
    scorer: "Scorer", name: str, rows: Sequence[Row], drawn: "Sequence[DrawnAnswer]"
) -> list[float | None]:
    """The reward of each answer. None where the row has nothing to rate it by; 0 where the answer
    alone is why it could not be rated.

    Raises IncumbentError with the scorer's name where that fails, is slow, or gives what is no
    number within [0, 1].
    """
    from evaluation.generation.answers import Answer
    from evaluation.scoring.scorers import computed

    answers = [
        Answer(item=row.id, text=one.text, tokens=one.tokens, prompt_tokens=one.prompt_tokens)
        for row, one in zip(rows, drawn, strict=True)
    ]
    with computing(scorer.name):
        found = computed(scorer, rows, answers)
        values = [float(value) for value in found[name]]  # type: ignore[attr-defined]
        silent = set(getattr(scorer.metric, "inapplicable", {}).get(name, ()))
        unread = set(getattr(scorer.metric, "unread", {}).get(name, ()))
    if len(values) != len(rows):
        raise stopped(scorer.name, f"gave {len(values)} values of {name} for {len(rows)} answers")
    if odd := [value for value in values if not 0 <= value <= 1]:  # NaN among them
        raise stopped(scorer.name, f"gave {odd[0]:g} as {name}, which is not within [0, 1]")
    turned = scorer.better[name] == "less"
    return [
        None if at in silent else 0.0 if at in unread else 1 - value if turned else value
        for at, value in enumerate(values)
    ]


def stopped(scorer: str, problem: str) -> IncumbentError:
    return IncumbentError(
        f"the reward by {scorer} {problem}: step grpo is stopped, and leaves nothing; mend the "
        "scorer, or take what it gives out of training.grpo.rewards"
    )


# --- watched --------------------------------------------------------------------------------------

# What a scorer may not do while it computes: fail, take too long, open the sealed eval set.


@dataclass
class Watch:
    """What the audit hook of this process looks at. Python never takes a hook away again."""

    closed: tuple[str, os.stat_result | None] | None = None  # a file that nobody here may open
    scorer: str | None = None  # that computes
    caught: str | None = None  # a scorer that tried to open it
    hooked: bool = False


WATCH = Watch()


@contextmanager
def closed_to_scorers(file: Path) -> Iterator[None]:
    """Refuse every `open` of a file in this process, by whatever name, until the block ends.

    It guards against mistakes and temptation, not against an enemy. It does not see: a process that
    a scorer starts; code in C that opens files by itself; a copy of the file, such as the one in
    DVC's cache, or the rows that it was made of; what was read before the block. Whoever must run
    code of unknown people runs the step where that file is not.
    """
    if not WATCH.hooked:
        sys.addaudithook(refuse_closed)
        WATCH.hooked = True
    WATCH.closed, WATCH.caught = (file.name, file.stat() if file.exists() else None), None
    try:
        yield
    finally:
        WATCH.closed = None


def refuse_closed(event: str, given: tuple[Any, ...]) -> None:
    """The hook: raises IncumbentError where the closed file is about to be opened."""
    if event != "open" or WATCH.closed is None:
        return
    same = False
    with suppress(OSError, ValueError, TypeError):  # no path, or one that leads nowhere
        path, (name, known) = Path(os.fsdecode(given[0])), WATCH.closed
        # By the name too: it may be relative to an open folder.
        same = path.name == name or bool(known and os.path.samestat(path.stat(), known))
    if same:
        WATCH.caught = WATCH.scorer or "a scorer"
        raise opened(WATCH.caught)


def opened(scorer: str) -> IncumbentError:
    return stopped(scorer, "opened the file of the sealed eval set, which no training may see")


class TooSlowError(BaseException):
    """The time of a batch is over; no scorer's `except Exception` holds it up."""


@contextmanager
def computing(scorer: str, seconds: float | None = None) -> Iterator[None]:
    """Run a scorer's code. Raises IncumbentError with its name for whatever it raises, where it
    opened the closed file, even if it says nothing of it, and where it takes longer than a batch
    may.

    In the main thread a scorer is interrupted when its time is over, as soon as the interpreter is
    back in Python; elsewhere it is told of at its end. InputError of ours passes as it is.
    """
    limit = BATCH_SECONDS if seconds is None else seconds
    began, WATCH.scorer = perf_counter(), scorer
    try:
        with alarm(limit):
            yield
    except InputError:
        if WATCH.caught is None:
            raise
    except TooSlowError:
        pass
    except Exception as error:
        if WATCH.caught is None:
            raise stopped(scorer, f"raised {type(error).__name__}: {error}") from error
    finally:
        WATCH.scorer = None
    if WATCH.caught:
        raise opened(WATCH.caught)
    if (took := perf_counter() - began) >= limit:
        raise stopped(scorer, f"took {took:.1f} s for a batch, and may take {limit:g}")


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TooSlowError

    before: Callable[..., Any] | int | None = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
