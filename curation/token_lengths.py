"""How long rows are in tokens of the base, and prompts cut so that a row fits."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Any

from curation.curation_settings import TooLong
from curation.many_rows import cluster_for
from project.chat_template import PROMPT_FIELD, missing_template, refuse_unheard, under
from project.engine.mapped import mapped
from project.errors import InputError
from project.progress import progress
from project.records.data import EvidencePassage, Message, Row, TokenCount
from project.shown_passages import all_with_passages, cited
from project.tool_rendering import has_tools, rendered_chat

# Prompt, completion, passages and tools.
Text = tuple[tuple[Message, ...], tuple[Message, ...], tuple[EvidencePassage, ...] | None, str]
SAVED_CLASS = "TokenizersBackend"  # PreTrainedTokenizerFast, by its name since transformers 5
AT_ONCE = 5_000  # rows that are counted together


class TokenLengths:
    """Counts with the tokenizer and the chat template of a base in a local folder, and with what
    every prompt is answered under.
    """

    def __init__(
        self, base: Path, system_prompt: str | None = None, evidence_template: str | None = None
    ) -> None:
        self.base = base
        self.system_prompt = system_prompt
        self.evidence_template = evidence_template
        self.counted: dict[Text, tuple[int, int]] = {}
        try:
            self.tokenizer: Any = quick_tokenizer(base)
        except (OSError, ValueError) as error:
            problem = f"its tokenizer cannot be read: {str(error).strip().splitlines()[0]}"
            raise InputError(problem, file=base, field="base.model") from None
        if not self.tokenizer.chat_template:
            raise missing_template(base)
        refuse_unheard(self.tokenizer, system_prompt, base, PROMPT_FIELD)

    def count(self, rows: Sequence[Row]) -> list[TokenCount]:
        """Of each row; a text that was counted before is not counted again.

        Raises InputError for a row that the chat template does not take.
        """
        new = {text_of(row): row for row in rows if text_of(row) not in self.counted}
        self.add(list(new.values()))
        sizes = [(row.id, *self.counted[text_of(row)]) for row in rows]
        return [
            TokenCount(row=name, prompt=prompt, completion=max(whole - prompt, 0))
            for name, prompt, whole in sizes
        ]

    def add(self, rows: Sequence[Row]) -> None:
        """Count these, with a bar where there are so many that it takes a while."""
        shown = len(rows) if len(rows) > AT_ONCE else 0
        sizes = mapped(lambda: self.sizes_of, rows, cluster_for(rows), batch=AT_ONCE)
        with progress("tokens", shown, "rows", leave=False) as bar:
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                self.counted.update(zip(map(text_of, some), sizes, strict=False))
                bar.advance(len(some))

    def sizes_of(self, rows: Sequence[Row]) -> list[tuple[int, int]]:
        """Tokens of each row's prompt, its passages in it, and of the prompt with its answer."""
        shown = all_with_passages(rows, self.evidence_template)
        prompts = self.sizes([self.text(row, row.prompt, answer=True) for row in shown])
        wholes = self.sizes([self.text(r, (*r.prompt, *r.completion)) for r in shown])
        return list(zip(prompts, wholes, strict=True))

    def text(self, row: Row, messages: Iterable[Message], *, answer: bool = False) -> str:
        told = under(self.system_prompt, tuple(messages))
        return rendered_chat(self.tokenizer, row, told, answer=answer)

    def sizes(self, texts: list[str]) -> list[int]:
        if not texts:
            return []
        return list(map(len, self.tokenizer(texts, add_special_tokens=False)["input_ids"]))

    def fits(self, row: Row, limit: int) -> bool:
        (count,) = self.count([row])
        return count.prompt + count.completion <= limit

    def cut(self, row: Row, limit: int) -> Row | None:
        """The row with a shorter prompt: without its first turns, then without the end of the last.
        Of a row with passages the last ones go, as far as its answer cites none of them.

        System prompt and answer stay as they are. None where these leave no room for a prompt.
        """
        if row.evidence and self.evidence_template:
            return self.with_fewer_passages(row, row.evidence, limit)
        system = tuple(m for m in row.prompt if m.role == "system")
        turns = [m for m in row.prompt if m.role != "system"]
        while len(turns) > 1:
            turns = turns[2:] if len(turns) > 2 else turns[1:]
            if has_tools([row]):  # what follows a call goes with it
                turns = list(dropwhile(lambda turn: turn.role != "user", turns))
            if not turns:
                return None
            shorter = row.model_copy(update={"prompt": (*system, *turns)})
            if self.fits(shorter, limit):
                return shorter
        return self.cut_text(row, system, turns[0], limit) if turns else None

    def with_fewer_passages(
        self, row: Row, passages: Sequence[EvidencePassage], limit: int
    ) -> Row | None:
        """As many of the first passages as fit; none of those that the answer cites may go. None
        where it is not known which hold it.
        """
        silent = 1 if row.answerable is False else None
        fewest = max(cited(row.completion_text), default=silent)

        def with_first(count: int) -> Row:
            return row.model_copy(update={"evidence": tuple(passages[:count])})

        if fewest is None or not self.fits(with_first(fewest), limit):
            return None
        return with_first(self.most_that_fit(with_first, fewest, len(passages), limit))

    def cut_text(
        self, row: Row, system: tuple[Message, ...], turn: Message, limit: int
    ) -> Row | None:
        """The longest beginning of the turn with which the row fits."""

        def with_first(letters: int) -> Row:
            text = turn.content[:letters].rstrip()
            cut = turn.model_copy(update={"content": text})
            return row.model_copy(update={"prompt": (*system, cut)})

        least = self.most_that_fit(with_first, 0, len(turn.content), limit)
        return with_first(least) if least else None

    def most_that_fit(
        self, with_first: Callable[[int], Row], least: int, most: int, limit: int
    ) -> int:
        """By halving: of how many first pieces the row fits, where it does of `least`, and of
        `most` does not.
        """
        while most - least > 1:
            middle = (most + least) // 2
            if self.fits(with_first(middle), limit):
                least = middle
            else:
                most = middle
        return least


def quick_tokenizer(base: Path) -> Any:
    """As AutoTokenizer chooses it, which imports torch; the class that transformers 5 writes into
    what it saves, such as the embedded base, needs none. Raises OSError and ValueError.
    """
    config = base / "tokenizer_config.json"
    named = json.loads(config.read_bytes()) if config.is_file() else {}
    # Imported here because it takes a second, and AutoTokenizer four.
    if named.get("tokenizer_class") == SAVED_CLASS and "auto_map" not in named:
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(base)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def text_of(row: Row) -> Text:
    return row.prompt, row.completion, row.evidence, row.tools_text


# --- long rows ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """Rows as they are read on; by id, those that were cut, and those to be left out."""

    rows: list[Row]
    cut: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()


def fit(rows: Sequence[Row], lengths: TokenLengths, limit: int, policy: TooLong) -> Fitted:
    """What the policy makes of rows of more than `limit` tokens, prompt and answer together.

    With "refuse" all stay: the gate names them, all at once. Of several records of one row, all
    are treated alike.
    """
    counts = lengths.count(rows)
    long = {c.row for c in counts if c.prompt + c.completion > limit}
    if policy == "refuse":
        return Fitted(list(rows))
    if policy == "drop":
        return Fitted(list(rows), left_out=frozenset(long))
    cut = {row.id: lengths.cut(row, limit) for row in rows if row.id in long}
    return Fitted(
        [cut.get(row.id) or row for row in rows],
        cut=frozenset(name for name, row in cut.items() if row),
        left_out=frozenset(name for name, row in cut.items() if not row),
    )
