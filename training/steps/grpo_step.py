"""The step of group-relative policy optimisation, by TRL's trainer: Shao et al. 2024,
arXiv 2402.03300.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from statistics import fmean
from typing import Any, NamedTuple, Protocol

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import RepeatSampler

from project.canonical import digest_json
from project.errors import IncumbentError
from project.paths import rows_of
from project.records.adapters import Engine
from project.records.data import Row, Split
from project.records.record import Digest
from project.settings import setting_error
from project.tool_rendering import has_tools
from training.steps.on_policy import REFERENCE, EpochOrder, RenderedPrompts, readable_prompts
from training.steps.run_step import StepContext, StepData, digest_of, one_device, step_arguments
from training.training_settings import GrpoParams


@dataclass(frozen=True)
class DrawnAnswer:
    """An answer to a training prompt, as the adapter drew it."""

    text: str  # stripped, as evaluation has it
    tokens: int  # its end token included
    prompt_tokens: int


@dataclass(frozen=True)
class Reward:
    """What an answer gets, within [0, 1]; None where the row says nothing about it."""

    name: str
    weight: float
    of: Callable[[Sequence[Row], Sequence[DrawnAnswer]], list[float | None]]


# At another one it is not the adapter's own distribution that learns; 0.7 was not better beyond
# chance: docs/reference/figures.md.
TEMPERATURE = 1.0


class Drawing(NamedTuple):
    """How answers are drawn."""

    temperature: float
    most: int  # tokens of an answer
    ends: frozenset[int]  # tokens that end one


class Drawn(NamedTuple):
    """An answer to each prompt."""

    tokens: list[list[int]]  # the end token included
    # Of each token, by which it was drawn; None where that is the trainer's own.
    logprobs: list[list[float]] | None = None


class Draw(Protocol):
    """Draws answers by torch's random numbers on the CPU, which a checkpoint holds."""

    engine: Engine | None  # another program that computes them

    def __call__(self, model: Any, prompts: Sequence[list[int]], drawing: Drawing) -> Drawn: ...


def rewarded_data(
    rewards: Sequence[Reward],
    scorers: Digest,
    draws: Callable[[StepContext], Draw],
    params: GrpoParams,
    ground: StepContext,
) -> StepData:
    """Of the training rows; `scorers` is the digest of all that decides a reward but our code."""
    rows = Row.read_lines(rows_of(Split.TRAIN))
    return grpo_step_data(rows, rewards, scorers, draws(ground), params)


def grpo_step_data(
    rows: Sequence[Row], rewards: Sequence[Reward], scorers: Digest, draw: Draw, params: GrpoParams
) -> StepData:
    """The data of any rows."""
    data = digest_json([digest_of(rows), scorers])
    trainer = partial(grpo_trainer, rows, rewards, draw, params)
    return StepData("grpo", params, data, trainer, tools=has_tools(rows), engine=draw.engine)


def grpo_trainer(
    rows: Sequence[Row],
    rewards: Sequence[Reward],
    draw: Draw,
    params: GrpoParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> Trainer:
    """An answer's advantage is its reward less the mean of its group, in the group's standard
    deviations; beside it the loss has the divergence from the start, times params.beta.

    Raises InputError where the prompts are fewer than a step takes.
    """
    readable = readable_prompts(rows, params.max_new_tokens, model, tokenizer, ground.base)
    prompts = [prompt | {"row": at} for at, prompt in readable]
    step = params.batch_size * params.gradient_accumulation // params.group
    if len(prompts) < step:
        problem = f"a step takes {step} prompts, and there are {len(prompts)}: choose fewer"
        raise setting_error(problem, "training", "grpo", "gradient_accumulation")
    answers = params.group * (len(prompts) // step * step)
    arguments = step_arguments(params, ground.adapter, ground.numerics.precision, answers)
    config = GRPOConfig(
        **{**arguments, "include_num_input_tokens_seen": "no"},  # the trainer counts them itself
        num_generations=params.group,
        temperature=TEMPERATURE,
        beta=params.beta,
        max_completion_length=params.max_new_tokens,
        reward_weights=[reward.weight for reward in rewards],
        # An answer's probability is to be that by which it was drawn. Each is learnt from once, so
        # that ratio is 1, and is never clipped.
        disable_dropout=True,
    )
    return GroupTrainer(
        draw,
        model=model,
        reward_funcs=[reward_function(reward, rows) for reward in rewards],
        args=one_device(config),
        train_dataset=Dataset.from_list(prompts),
        processing_class=tokenizer,
        callbacks=[StopOnRunaway(), DropReference()],
    )


def reward_function(reward: Reward, rows: Sequence[Row]) -> Callable[..., list[float | None]]:
    """The reward as the trainer asks for it: of answers with the prompts and rows that they had."""

    def rewarded(
        completions: Sequence[str],
        completion_ids: Sequence[Sequence[int]],
        prompt_ids: Sequence[Sequence[int]],
        row: Sequence[int],
        **_: Any,
    ) -> list[float | None]:
        answers = [
            DrawnAnswer(text.strip(), len(ids), len(asked))
            for text, ids, asked in zip(completions, completion_ids, prompt_ids, strict=True)
        ]
        return reward.of([rows[at] for at in row], answers)

    rewarded.__name__ = reward.name  # by which the trainer logs it
    return rewarded


class GroupTrainer(RenderedPrompts, GRPOTrainer):
    """TRL's, in an order of prompts that a resumed run draws again, and with answers from whoever
    draws them.

    Another engine rounds otherwise, so it draws an answer with another probability than the trainer
    computes, and what is learnt would be biased. Where the draws' probabilities come along, TRL
    does as with its own vLLM: it multiplies an answer's loss by the ratio of the two, and leaves
    out an answer that is over three times as likely here.
    """

    def __init__(self, draw: Draw, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.draw = draw

    def _generate_single_turn(self, prompt_ids: Sequence[list[int]], *_: Any, **__: Any) -> Drawn:
        drawing = Drawing(
            self.temperature, self.max_completion_length, frozenset(self.eos_token_ids)
        )
        with (
            torch.no_grad(),
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as model,
        ):
            drawn = self.draw(model, prompt_ids, drawing)
        self.use_vllm = drawn.logprobs is not None
        return drawn

    def _get_train_sampler(self, dataset: Dataset | None = None) -> RepeatSampler:
        return EpochOrder(
            dataset if dataset is not None else self.train_dataset,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.args.steps_per_generation,
        )

    def account(self) -> dict[str, Any]:
        """Rewards before and after, and groups, as StepRecord has them, from the trainer's log."""
        logs = [log for log in self.state.log_history if "reward" in log]
        part = ceil(len(logs) / 10)
        a_step = self.args.generation_batch_size // self.num_generations
        silent = sum(log["frac_reward_zero_std"] for log in logs) * a_step
        return {
            "rewards_before": self.mean_rewards(logs[:part]),
            "rewards_after": self.mean_rewards(logs[-part:]),
            "groups": len(logs) * a_step,
            "groups_without_spread": round(silent),
        }

    def mean_rewards(self, logs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Over logs of steps; of none where nothing was rated."""
        keys = {"reward": "reward"}
        keys |= {name: f"rewards/{name}/mean" for name in self.reward_func_names}
        known = {
            name: [log[key] for log in logs if log[key] is not None] for name, key in keys.items()
        }
        return {name: fmean(values) for name, values in known.items() if values}


class DropReference(TrainerCallback):
    """Takes TRL's copy of the adapter at the start away in the end: else it would be saved too."""

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        kwargs["model"].delete_adapter(REFERENCE)
        kwargs["model"].set_adapter("default")


# --- runaway --------------------------------------------------------------------------------------

# A policy that has left its start finds rewards that its start's sense of language would not.

WINDOW = 5  # steps whose mean counts: one step is a few prompts
# Nats a token: an answer of twenty tokens is then e^20 times as likely as under the start.
MOST_KL = 1.0
TIMES_AS_LONG = 2.0  # as in the first steps, and most answers are cut: they end no more
MOST_CUT = 0.5


class StopOnRunaway(TrainerCallback):
    """Ends a run whose answers have left the start behind, or have become ever longer; and refuses
    one in which no answer was better than another.

    It reads the trainer's log, which a checkpoint holds. Raises IncumbentError.
    """

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        logs = [log for log in state.log_history if "kl" in log]
        if len(logs) < WINDOW:
            return
        first, last = logs[:WINDOW], logs[-WINDOW:]
        where = f"at step {state.global_step} of {state.max_steps}"
        if (kl := fmean(log["kl"] for log in last)) > MOST_KL:
            raise IncumbentError(
                f"KL to the start is {kl:.2f} nats a token {where}, over {MOST_KL:g}: the adapter "
                f"has run away from it. {TRY}"
            )
        length, cut = "completions/mean_length", "completions/clipped_ratio"
        before, now = (fmean(log[length] for log in part) for part in (first, last))
        share = fmean(log[cut] for log in last)
        if now > TIMES_AS_LONG * before and share > MOST_CUT:
            raise IncumbentError(
                f"answers are {now:.0f} tokens long {where}, and were {before:.0f}; {share:.0%} "
                f"are cut at max_new_tokens: their length runs away. {TRY}"
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        alike = [log["frac_reward_zero_std"] for log in state.log_history if "reward" in log]
        if alike and min(alike) == 1:
            raise IncumbentError(
                "nothing was learnt: in every group all answers got the same reward. Choose "
                "rewards that tell them apart, or a larger training.grpo.group"
            )


TRY = "Try a higher training.grpo.beta or a lower learning_rate, and look at what the reward likes"
