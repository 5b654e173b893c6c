"""Passages, and whether they hold an answer, out of the values that data sets have for them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from curation.sources.tables.table import plain_name

TEXT = ("text", "content", "passage", "paragraph_text", "page_content", "body")
SOURCE = ("source", "title", "url", "document", "document_id")
# Columns that say the contrary of "answerable".
CONTRARY = frozenset({"isimpossible", "impossible", "unanswerable", "noanswer"})
YES = frozenset({"true", "yes", "1", "y", "answerable"})
NO = frozenset({"false", "no", "0", "n", "unanswerable"})

Fields = dict[str, Any]


def evidence_in(values: Iterable[Any]) -> list[Fields]:
    """The passages of a record's columns, in their order, each with an id. Raises ValueError for a
    value that holds none.

    A value is a text; a list of texts, or of objects with a text (SQuAD's `paragraphs` are records
    of their own already); pairs of a title and its sentences (HotpotQA); or titles beside lists of
    sentences (HotpotQA and RAFT as `datasets` has them). A list or an object may stand there as
    JSON, as in a CSV file.
    """
    found = [passage for value in values for passage in passages_in(value)]
    named = ({"id": str(number)} | one for number, one in enumerate(found, start=1))
    return [one for one in named if one["text"].strip()]


def passages_in(value: Any) -> Iterator[Fields]:
    value = parsed(value)
    if isinstance(value, str):
        yield {"text": value}
    elif isinstance(value, Mapping):
        yield from one_of(value) if named(value, TEXT) else titled(value)
    elif isinstance(value, Sequence):
        for one in value:
            yield from passages_in(joined(one))
    elif value is not None:
        raise ValueError(f"no passage: {json.dumps(value)[:40]}")


def parsed(value: Any) -> Any:
    """A list or an object that stands in a text as JSON."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def one_of(value: Mapping[str, Any]) -> Iterator[Fields]:
    about = {"id": value.get("id"), "source": named(value, SOURCE)}
    told = {key: str(own) for key, own in about.items() if own is not None}
    yield {"text": str(named(value, TEXT)), **told}


def joined(one: Any) -> Any:
    """A title and its sentences, as one passage; all else as it is."""
    if isinstance(one, list) and len(one) == 2 and isinstance(one[1], list):
        return {"text": as_one(one[1]), "source": str(one[0])}
    return one


def titled(value: Mapping[str, Any]) -> Iterator[Fields]:
    sentences, titles = value.get("sentences"), value.get("title") or []
    if not isinstance(sentences, list) or not isinstance(titles, list):
        raise ValueError(f"an object without a text: it has {', '.join(value) or 'nothing'}")
    if len(sentences) == 1 and all(isinstance(one, list) for one in (*sentences, *titles)):
        sentences, titles = sentences[0], titles[0] if titles else []  # RAFT: one level more
    for text, title in zip_longest(sentences, titles[: len(sentences)]):
        yield {"text": as_one(text), **({"source": str(title)} if title else {})}


def as_one(sentences: Any) -> str:
    return " ".join(
        str(one).strip() for one in ([sentences] if isinstance(sentences, str) else sentences)
    )


def named(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((value[name] for name in names if value.get(name)), None)


def answerable_in(column: str, value: Any) -> bool | None:
    """What a column says of whether the passages hold an answer; None: nothing. Raises ValueError
    for another word.
    """
    word = str(value).strip().casefold() if value is not None else ""
    if not word:
        return None
    if word not in YES | NO:
        raise ValueError(f"{word[:40]!r} is neither true nor false")
    return (word in YES) != (plain_name(column) in CONTRARY)
