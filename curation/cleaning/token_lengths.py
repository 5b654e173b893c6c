"""How long rows are in tokens of the base, and prompts cut so that a row fits."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from project.errors import InputError
from project.records.data import Message, Row, TokenCount


class TokenLengths:
    """Counts with the tokenizer and the chat template of a base in a local folder."""

    def __init__(self, base: Path) -> None:
        # Imported here because it takes seconds, and whoever curates in a test has lengths.
        from transformers import AutoTokenizer

        self.base = base
        self.tokenizer: Any = AutoTokenizer.from_pretrained(base)
        if not self.tokenizer.chat_template:
            raise InputError(
                "has no chat template, by which a base reads a question: choose a model that was "
                "tuned to answer, such as one that is called Instruct",
                file=base,
                field="base.model",
            )

    def count(self, rows: Sequence[Row]) -> list[TokenCount]:
        """Of each row. Raises InputError for one that the chat template does not take."""
        prompts = self.sizes([self.text(row, row.prompt, answer=True) for row in rows])
        wholes = self.sizes([self.text(row, (*row.prompt, *row.completion)) for row in rows])
        return [
            TokenCount(row=row.id, prompt=prompt, completion=max(whole - prompt, 0))
            for row, prompt, whole in zip(rows, prompts, wholes, strict=True)
        ]

    def text(self, row: Row, messages: Iterable[Message], *, answer: bool = False) -> str:
        turns = [message.model_dump() for message in messages]
        try:
            text = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=answer
            )
        except TemplateError as error:
            raise InputError(
                f"{row}: the base's chat template does not take it: {error}", file=row.source
            ) from None
        return str(text)

    def sizes(self, texts: list[str]) -> list[int]:
        if not texts:
            return []
        return list(map(len, self.tokenizer(texts, add_special_tokens=False)["input_ids"]))

    def fits(self, row: Row, limit: int) -> bool:
        (count,) = self.count([row])
        return count.prompt + count.completion <= limit

    def cut(self, row: Row, limit: int) -> Row | None:
        """The row with a shorter prompt: without its first turns, then without the end of the last.

        System prompt and answer stay as they are. None where these leave no room for a prompt.
        """
        system = tuple(m for m in row.prompt if m.role == "system")
        turns = [m for m in row.prompt if m.role != "system"]
        while len(turns) > 1:
            turns = turns[2:] if len(turns) > 2 else turns[1:]
            shorter = row.model_copy(update={"prompt": (*system, *turns)})
            if self.fits(shorter, limit):
                return shorter
        return self.cut_text(row, system, turns[0], limit) if turns else None

    def cut_text(
        self, row: Row, system: tuple[Message, ...], turn: Message, limit: int
    ) -> Row | None:
        """By halving: the longest beginning of the turn with which the row fits."""

        def with_first(letters: int) -> Row:
            text = turn.content[:letters].rstrip()
            cut = turn.model_copy(update={"content": text})
            return row.model_copy(update={"prompt": (*system, cut)})

        most, least = len(turn.content), 0
        while most - least > 1:
            middle = (most + least) // 2
            if self.fits(with_first(middle), limit):
                least = middle
            else:
                most = middle
        return with_first(least) if least else None
