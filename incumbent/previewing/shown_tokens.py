"""A row or a document as its tokens: the text of each, what is learnt, where it ends and is cut."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from training.rows.row_tokens import RowTokens

BROKEN = "\ufffd"  # what a part of a character is decoded to
LONGEST = 4  # bytes of a character, and so tokens that one is made of


@dataclass(frozen=True)
class Shown:
    """One token, or the few that only together are a character."""

    ids: tuple[int, ...]
    text: str
    learnt: bool


@dataclass(frozen=True)
class Preview:
    """What the model sees of one text."""

    id: str
    place: str  # FILE:LINE
    tokens: RowTokens
    shown: tuple[Shown, ...]
    end: str | None  # the end token that is learnt last; None: none is
    cuts: dict[int, str]  # what happens before a token, by its position

    @property
    def learnt(self) -> int:
        return sum(self.tokens.learnt)


def preview_of(
    name: str,
    place: str,
    tokens: RowTokens,
    tokenizer: Any,
    ends: Sequence[int],
    cuts: dict[int, str],
) -> Preview:
    """The tokenizer is one of transformers, which has no types; `ends`: ids that end an answer."""
    learnt = [i for i, mark in zip(tokens.ids, tokens.learnt, strict=True) if mark]
    last = next((token for token in reversed(learnt) if token in ends), None)
    end = None if last is None else str(tokenizer.convert_ids_to_tokens(last))
    return Preview(name, place, tokens, tuple(shown(tokens, tokenizer, cuts)), end, cuts)


def shown(tokens: RowTokens, tokenizer: Any, cuts: Container[int] = ()) -> Iterator[Shown]:
    """Each token's text is what it adds behind the one before it: alone, some lose their space.

    A character that is cut, before a position in `cuts`, is shown as its broken parts.
    """

    def decode(ids: Sequence[int]) -> str:
        return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    before: list[int] = []
    waiting: list[int] = []
    for place, token in enumerate(tokens.ids):
        waiting.append(token)
        text = decode([*before, *waiting])[len(decode(before)) if before else 0 :]
        after = place + 1
        last = after == len(tokens) or tokens.learnt[after] != tokens.learnt[place] or after in cuts
        broken = text.endswith(BROKEN)
        if broken and len(waiting) < LONGEST and not last:
            continue
        yield Shown(tuple(waiting), text, tokens.learnt[place])
        before, waiting = [] if broken else waiting, []  # its rest would complete it, unseen
