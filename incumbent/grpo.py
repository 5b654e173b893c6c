"""Stage `grpo`: the adapter learns from what the project's scorers say of its own answers.

It stands here because training and evaluation do not know each other: a scorer is handed to the
step as a reward. A scorer may be a user's own code, so it is watched: one that fails, gives what is
no reward, is slow, or opens the file of the sealed eval set ends the step, which leaves nothing.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from evaluation.decision.policy import ONLY_PEOPLE
from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answering_engine import server_kept
from project.canonical import digest_json
from project.errors import IncumbentError, InputError
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, PAIR_SOURCE, REWARD, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.records.evidence import PREFERENCE
from project.records.preferences import PairSource
from project.records.record import Digest
from project.settings import load, setting_error
from project.tool_rendering import has_tools
from training.steps.earlier import leave_out
from training.training_settings import GrpoParams

if TYPE_CHECKING:
    from evaluation.preference.preference_pairs import Judge
    from evaluation.scoring.scorers import Scorer
    from training.steps.grpo_step import DrawnAnswer, Reward


def main() -> None:
    params = load(GrpoParams)
    if not params.epochs:
        return leave_out("grpo")
    # Imported here because a step that is left out need not wait for torch.
    from evaluation.scoring.scorers import scorers_digest
    from incumbent.drawn_answers import draws_by_settings
    from training.steps.grpo_step import rewarded_data
    from training.steps.run_step import run_step

    scoring, embedder = load(ScoringParams), ModelPin.read(EMBEDDER)
    with closed_to_scorers(rows_of(Split.SEALED)), server_kept():
        rewards = rewards_of(params, scoring, pinned_folder(embedder, "embedder"))
        scorers = digest_json([scorers_digest(scoring), embedder.digest, *judge_digests(params)])
        return run_step("grpo", params, partial(rewarded_data, rewards, scorers, draws_by_settings))


# --- rewards --------------------------------------------------------------------------------------

BATCH_SECONDS = 60.0  # our own scorers take less than one
LOADING_SECONDS = 600.0  # one with a model of its own reads it from a disk


def rewards_of(params: GrpoParams, scoring: ScoringParams, embedder: Path) -> "list[Reward]":
    """The metrics of params.yaml as rewards: what is rewarded is measured on dev too, so that a
    report can hold it against the other metrics.

    Raises InputError naming one that can be none: it has no better way, is not within [0, 1], or is
    a judge that decides or is advisory.
    """
    from evaluation.scoring.scorers import load_scorer
    from training.steps.grpo_step import Reward

    fit: dict[str, Scorer] = {}
    for at, choice in enumerate(scoring.metrics):
        with computing(choice.metric, LOADING_SECONDS):
            scorer = load_scorer(choice, at, embedder)
        within = [name for name, (low, high) in scorer.ranges.items() if low >= 0 and high <= 1]
        fit |= {name: scorer for name in within if scorer.better.get(name) in ("more", "less")}
    if unfit := [name for name in params.rewards if name not in {*fit, PREFERENCE}]:
        problem = (
            "no scorer of evaluation.scoring gives such a metric that could reward: it must say "
            "that its range is within [0, 1], and that more or less of it is better; there are "
            f"{', '.join(fit) or 'none'}"
        )
        raise setting_error(problem, "training", "grpo", "rewards", unfit[0])
    reward_of = {name: partial(rated, scorer, name) for name, scorer in fit.items()}
    if PREFERENCE in params.rewards:
        reward_of[PREFERENCE] = rewarding_judge()
    return [Reward(name, weight, reward_of[name]) for name, weight in params.rewards.items()]


def judge_digests(params: GrpoParams) -> list[Digest]:
    """What the reward model is made of, where it rewards."""
    made_of = PairSource.read(PAIR_SOURCE).made_of if PREFERENCE in params.rewards else None
    return [made_of] if made_of else []


def rewarding_judge() -> "partial[list[float | None]]":
    """Rewards by the reward model that judges dev where people decide on sealed items. Raises
    InputError where there is none, or it is advisory: it would teach its noise.
    """
    from evaluation.preference.reward_model import RewardModel

    pairs, field = PairSource.read(PAIR_SOURCE), ("training", "grpo", "rewards", PREFERENCE)
    if pairs.source != "ballots" or pairs.made_of is None:
        raise setting_error(ONLY_PEOPLE, *field)
    if pairs.advisory:
        problem = "the judge of dev is advisory, so it teaches nothing: outputs/calibration.json"
        raise setting_error(problem, *field)
    return partial(win_probabilities, RewardModel(REWARD))


def win_probabilities(
    judge: "Judge", rows: Sequence[Row], drawn: "Sequence[DrawnAnswer]"
) -> list[float | None]:
    """How likely each answer is better than its row's own, to the judge. None where that is a call,
    or several turns, which it has not learnt to compare.
    """
    from evaluation.preference.preference_pairs import AnswerPair

    pairs = {
        at: AnswerPair(
            item=row.id,
            prompt=row.prompt_text,
            champion=row.completion_text,
            challenger=drawn[at].text,
            evidence=row.evidence,
        )
        for at, row in enumerate(rows)
        if len(row.completion) == 1 and not has_tools([row])
    }
    won = dict(zip(pairs, judge.prefer(list(pairs.values())), strict=True))
    return [won[at].win_probability if at in won else None for at in range(len(rows))]


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
        Answer(
            item=row.id, text=answer.text, tokens=answer.tokens, prompt_tokens=answer.prompt_tokens
        )
        for row, answer in zip(rows, drawn, strict=True)
    ]
    with computing(scorer.name):
        scores = computed(scorer, rows, answers)
        values = [float(value) for value in scores[name]]  # type: ignore[attr-defined]
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

OPENED = "opened the file of the sealed eval set, which no training may see"


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
        raise stopped(WATCH.caught, OPENED)


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
        raise stopped(WATCH.caught, OPENED)
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
