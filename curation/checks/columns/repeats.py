"""Rows that say what another row says."""

from collections.abc import Hashable, Iterator, Sequence

from curation.checks.columns.row_texts import RowTexts

NONE = "none"


def duplicate_ids(texts: RowTexts) -> list[str]:
    ids = [row.id for row in texts.rows]
    return told(again(ids), "the id of another row")


def repeats(texts: RowTexts) -> list[str]:
    """The rows behind the first one of the same prompt and answer."""
    return told(again(texts.spoken_pairs), "repeats another row")


def near_duplicates(texts: RowTexts) -> list[str]:
    """The rows behind the first one whose prompt or answer is in nearly the same words.

    The very same words are no near-duplicate, but a repeat, a conflict or a common answer.
    """
    prompts = list(varied(texts.prompt_families, texts.prompt_keys))
    answers = list(varied(texts.answer_families, texts.answer_keys))
    repeated = again(texts.spoken_pairs)
    return [
        NONE if same else PROMPT if prompt else ANSWER if answer else NONE
        for prompt, answer, same in zip(prompts, answers, repeated, strict=True)
    ]


PROMPT, ANSWER = "nearly another row's prompt", "nearly another row's answer"


def varied(families: Sequence[int], keys: Sequence[str]) -> Iterator[bool]:
    """Whether a family was there before, in other words."""
    seen: dict[int, set[str]] = {}
    for family, own in zip(families, keys, strict=True):
        before = seen.setdefault(family, set())
        yield bool(before) and own not in before
        before.add(own)


def again(values: Sequence[Hashable]) -> list[bool]:
    return list(came_before(values))


def came_before(values: Sequence[Hashable]) -> Iterator[bool]:
    seen: set[Hashable] = set()
    for value in values:
        yield value in seen
        seen.add(value)


def told(which: Sequence[bool], why: str) -> list[str]:
    return [why if one else NONE for one in which]
