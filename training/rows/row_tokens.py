"""A row as the model sees it: its tokens, and which of them it learns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from jinja2 import TemplateError

from project.chat_template import under
from project.errors import InputError
from project.records.adapters import Contestant
from project.records.data import Message, Row
from project.shown_passages import all_with_passages


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


def row_tokens(row: Row, tokenizer: Any, system_prompt: str | None = None) -> RowTokens:
    """A row by the tokenizer's chat template, under a system prompt.

    Learnt is all that the template renders behind a prompt which asks for an answer: the
    completion, its end token, and what stands behind that, such as a line feed. These are the
    tokens and the mask that TRL makes of a row of `prompt` and `completion`.

    The tokenizer is one of transformers, which has no types. Raises InputError for a row that the
    template refuses, that it renders another way once it is answered, or that teaches nothing.
    """
    prompt = list(under(system_prompt, row.prompt))
    asked = rendered(row, prompt, tokenizer, answer=True)
    whole = rendered(row, [*prompt, *row.completion], tokenizer)
    # An answered prompt is not what the model is asked with, continued.
    if not whole.startswith(asked):
        known = shared_beginning(asked, whole)
        raise InputError(
            f"{row}: the base's chat template renders a prompt another way once it is answered, so "
            "that the model would learn to answer what it is never asked: it asks with "
            f"{asked[known:][-60:]!r}, where the answered one goes on with "
            f"{whole[known:][:60]!r}; choose a base with another chat template",
            file=row.source,
        )
    # Nothing stands behind an answer by which a model learns to end.
    answer = row.completion[-1].content.strip()
    if answer and whole.rstrip().endswith(answer):
        raise InputError(
            f"{row}: the base's chat template puts no end token behind an answer, so that the "
            "model would learn to go on for ever; choose a base whose template does",
            file=row.source,
        )
    ids, asked_ids = encoded(whole, tokenizer), encoded(asked, tokenizer)
    # Shorter than the prompt where its last token grows together with the first of the answer.
    known = shared_beginning(ids, asked_ids)
    if known == len(ids):
        raise InputError(f"{row}: has no answer to learn; write one, or take the row out")
    return RowTokens(tuple(ids), tuple(place >= known for place in range(len(ids))))


def tokens_as_asked(rows: Sequence[Row], tokenizer: Any, asked: Contestant) -> list[RowTokens]:
    """Rows under a contestant's system prompt, with their passages by its template."""
    shown = all_with_passages(rows, asked.evidence_template)
    return [row_tokens(row, tokenizer, asked.system_prompt) for row in shown]


def document_tokens(text: str, tokenizer: Any) -> RowTokens:
    """A text, learnt from end to end, with the end token behind it.

    In front of it stands what the tokenizer puts before a text, such as its begin token.
    """
    ids = list(tokenizer(text)["input_ids"])
    end = tokenizer.eos_token_id
    if end is not None and ids[-1:] != [end]:
        ids.append(end)
    return RowTokens(tuple(ids), (True,) * len(ids))


# --- text to tokens, and what is refused --------------------------------------------------------


def rendered(row: Row, messages: Sequence[Message], tokenizer: Any, *, answer: bool = False) -> str:
    """What the chat template makes of messages; `answer`: with what it puts before an answer."""
    turns = [message.model_dump() for message in messages]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answer)
    except TemplateError as error:
        raise InputError(
            f"{row}: the base's chat template does not take it: {error}; take the row out, or "
            "choose another base",
            file=row.source,
        ) from None
    return str(text)


def encoded(text: str, tokenizer: Any) -> list[int]:
    """The ids of a rendered text: the template wrote the special tokens itself."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def shared_beginning(some: Sequence[object], others: Sequence[object]) -> int:
    """How many items two sequences begin with alike."""
    pairs = zip(some, others, strict=False)  # one may be longer
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
