"""A model that is asked what it remembers: it goes on with answers that are begun for it."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.answers import Answer
from evaluation.generation.batch_reader import Tokens
from project.records.data import Row


def begun(row: Row) -> bool:
    """Whether the last message of the prompt is the beginning of the answer."""
    return row.prompt[-1].role == "assistant"


def whole(row: Row) -> Row:
    """A row without a beginning: its answer is asked for as a whole."""
    if not begun(row):
        return row
    *asked, beginning = row.prompt
    (rest,) = row.completion
    answer = rest.model_copy(update={"content": beginning.content + rest.content})
    return row.model_copy(update={"prompt": tuple(asked), "completion": (answer,)})


def token_logprobs(logits: Tensor, tokens: Tensor) -> tuple[float, ...]:
    """The log-probability of each token, in nats."""
    return tuple((-cross_entropy(logits, tokens, reduction="none")).tolist())


class RecallingModel(AnsweringModel):
    """Greedily goes on with each answer that is begun; of every row it says how likely each token
    of the whole answer is. A row without a beginning is read and not answered.
    """

    @torch.inference_mode()
    def answer(self, rows: Sequence[Row], samples: int = 1, first: int = 0) -> Iterator[Answer]:
        texts = {text.item: text for text in super().answer([row for row in rows if begun(row)])}
        read = self.read_completions([whole(row) for row in rows], token_logprobs)
        for row, logprobs in zip(rows, read, strict=True):
            answer = texts.get(row.id) or Answer(item=row.id, text="", tokens=0, prompt_tokens=0)
            yield answer.model_copy(update={"token_logprobs": logprobs})

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        """None: each token's stand in the answers."""
        return [None] * len(rows)

    def sieve(self, row: Row) -> None:
        """None: an answer that goes on from its middle is held to nothing."""

    def prompt(self, row: Row) -> Tokens:
        """With the tokens of the answer up to where its beginning is whole."""
        if not begun(row):
            return super().prompt(row)
        complete = whole(row)
        asked = super().prompt(complete)
        answer = super().completion(complete, asked)
        beginning = row.prompt[-1].content.rstrip()
        for end in range(1, len(answer)):
            if beginning in self.tokenizer.decode(answer[:end]):
                return asked + answer[:end]
        return asked

    def completion(self, row: Row, prompt: Tokens) -> Tokens:
        return super().completion(whole(row), prompt)
