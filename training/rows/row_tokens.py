"""A row as the model sees it: its tokens, and which of them it learns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from project.chat_template import under
from project.errors import InputError
from project.records.adapters import Contestant
from project.records.data import Message, Row
from project.shown_passages import all_with_passages
from project.tool_rendering import rendered_chat
from training.training_settings import LossOn


@dataclass(frozen=True)
class RowTokens:
    """One example, of as many ids as marks."""

    ids: tuple[int, ...]
    learnt: tuple[bool, ...]  # whether the loss is on this token

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels as the field writes them: the id where it is learnt, -100 where it is not."""
        pairs = zip(self.ids, self.learnt, strict=True)
        return tuple(token if learnt else IGNORED for token, learnt in pairs)


IGNORED = -100


def row_tokens(
    row: Row, tokenizer: Any, system_prompt: str | None = None, loss_on: LossOn = "last"
) -> RowTokens:
    """A row by the tokenizer's chat template, under a system prompt.

    Learnt is all that the template renders behind a prompt which asks for an answer: the
    completion, its end token, and what stands behind that, such as a line feed. These are the
    tokens and the mask that TRL makes of a row of `prompt` and `completion`. With `loss_on` of
    earlier answers, each is learnt as if the row ended with it.

    The tokenizer is one of transformers, which has no types. Raises InputError for a row that the
    template refuses, that it renders another way once it is answered, or that teaches nothing.
    """
    prompt = list(under(system_prompt, row.prompt))
    asked = rendered_chat(tokenizer, row, prompt, answer=True)
    turns = [*prompt, *row.completion]
    whole = rendered_chat(tokenizer, row, turns)
    refuse_other_beginning(row, asked, whole)
    refuse_endless(row, whole)
    ids, asked_ids = encoded(whole, tokenizer), encoded(asked, tokenizer)
    # Shorter than the prompt where its last token grows together with the first of the answer.
    known = shared_beginning(ids, asked_ids)
    if known == len(ids):
        raise InputError(f"{row}: has no answer to learn; write one, or take the row out")
    learnt = [place >= known for place in range(len(ids))]
    for place, turn in enumerate(prompt):
        if turn.role == "assistant" and is_learnt(turn, loss_on):
            start, end = earlier_answer(row, turns, place, whole, tokenizer)
            first = shared_beginning(ids, encoded(start, tokenizer))
            last = shared_beginning(ids, encoded(end, tokenizer))
            learnt[first:last] = [True] * max(last - first, 0)
    return RowTokens(tuple(ids), tuple(learnt))


def is_learnt(turn: Message, loss_on: LossOn) -> bool:
    """Of an earlier answer; as OpenAI has it, one without a weight has weight 1."""
    return loss_on == "every" or (loss_on == "weighted" and turn.weight != 0)


def earlier_answer(
    row: Row, turns: Sequence[Message], place: int, whole: str, tokenizer: Any
) -> tuple[str, str]:
    """What is rendered up to where an earlier answer begins, and up to where it has ended."""
    start = rendered_chat(tokenizer, row, turns[:place], answer=True)
    end = rendered_chat(tokenizer, row, turns[: place + 1])
    if not whole.startswith(end):  # some templates put the end token behind the last turn alone
        end = end.removesuffix(tokenizer.eos_token or "")
    for part in (start, end):
        refuse_other_beginning(row, part, whole, "; or learn the last answer alone: loss_on")
    return start, end


def refuse_other_beginning(row: Row, asked: str, whole: str, otherwise: str = "") -> None:
    """Raise InputError where what a model is asked with is not what the whole row begins with."""
    if whole.startswith(asked):
        return
    known = shared_beginning(asked, whole)
    raise InputError(
        f"{row}: the base's chat template renders a prompt another way once it is answered, so "
        "that the model would learn to answer what it is never asked: it asks with "
        f"{asked[known:][-60:]!r}, where the answered one goes on with "
        f"{whole[known:][:60]!r}; choose a base with another chat template{otherwise}",
        file=row.source,
    )


def refuse_endless(row: Row, whole: str) -> None:
    """Raise InputError where nothing stands behind an answer by which a model learns to end."""
    last = row.completion[-1]
    ends = ("</tool_call>", "}") if last.tool_calls else tuple(filter(None, [last.content.strip()]))
    if whole.rstrip().endswith(ends):
        raise InputError(
            f"{row}: the base's chat template puts no end token behind an answer, so that the "
            "model would learn to go on for ever; choose a base whose template does",
            file=row.source,
        )


def tokens_as_asked(
    rows: Sequence[Row], tokenizer: Any, asked: Contestant, loss_on: LossOn = "last"
) -> list[RowTokens]:
    """Rows under a contestant's system prompt, with their passages by its template."""
    shown = all_with_passages(rows, asked.evidence_template)
    return [row_tokens(row, tokenizer, asked.system_prompt, loss_on) for row in shown]


def document_tokens(text: str, tokenizer: Any) -> RowTokens:
    """A text, learnt from end to end, with the end token behind it.

    In front of it stands what the tokenizer puts before a text, such as its begin token.
    """
    ids = list(tokenizer(text)["input_ids"])
    end = tokenizer.eos_token_id
    if end is not None and ids[-1:] != [end]:
        ids.append(end)
    return RowTokens(tuple(ids), (True,) * len(ids))


# --- text to tokens -------------------------------------------------------------------------------


def encoded(text: str, tokenizer: Any) -> list[int]:
    """The ids of a rendered text: the template wrote the special tokens itself."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def shared_beginning(some: Sequence[object], others: Sequence[object]) -> int:
    """How many items two sequences begin with alike."""
    pairs = zip(some, others, strict=False)  # one may be longer
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
