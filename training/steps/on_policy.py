"""What steps share in which the adapter answers prompts itself: the prompts and their order."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft import PeftModel
from trl.trainer.utils import RepeatSampler

from project.chat_template import under
from project.errors import InputError
from project.records.adapters import Contestant
from project.records.data import Message, Row
from project.shown_passages import all_with_passages
from project.tool_rendering import (
    Turns,
    as_text,
    as_turns,
    has_tools,
    knows_tools,
    of_tools,
    takes_system,
)
from training.recipe import StepName

REFERENCE = "ref"  # what TRL calls its copy of the adapter


class EpochOrder(RepeatSampler):
    """TRL's has a generator of its own, which a resumed run would begin anew: each epoch's order is
    drawn from torch's here, which a checkpoint keeps.
    """

    def __iter__(self) -> Iterator[int]:
        self.generator.manual_seed(int(torch.randint(2**31, ()).item()))
        return iter(super().__iter__())


def readable_prompts(
    rows: Sequence[Row],
    longest: int,
    model: PeftModel,
    tokenizer: Any,
    asked: Contestant,
    step: StepName,
) -> list[tuple[int, dict[str, Any]]]:
    """The prompts as the trainer reads them, with their tokens, each behind its row's place; says
    how many are too long.

    Raises InputError where the base's chat template would have to show tools.
    """
    shown = all_with_passages(rows, asked.evidence_template)
    if has_tools(shown) and knows_tools(tokenizer):
        raise tools_unshown("its rows", step)
    turns = [
        prompt_turns(under(asked.system_prompt, row.prompt), row.tools, tokenizer) for row in shown
    ]
    ids = [tokenizer.apply_chat_template(t, add_generation_prompt=True)["input_ids"] for t in turns]
    window = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    every = [{"prompt": t, "prompt_ids": own} for t, own in zip(turns, ids, strict=True)]
    kept = [
        (at, one)
        for at, one in enumerate(every)
        if not window or len(one["prompt_ids"]) + longest <= window
    ]
    if out := len(every) - len(kept):
        print(f"{out} of {len(every)} prompts left out: no room for an answer in {window} tokens")
    return kept


def tools_unshown(what: str, step: StepName) -> InputError:
    return InputError(
        f"{what} have tools, which the base's chat template shows and the trainer cannot: leave "
        "this step out",
        field=f"training.{step}.epochs",
    )


def prompt_turns(messages: Sequence[Message], tools: Any, tokenizer: Any) -> Turns:
    """A prompt's turns, in which tools are texts."""
    if of_tools(messages, tools):
        messages = as_text(messages, tools, system=takes_system(tokenizer))
    return as_turns(messages)
