"""The passages that eval items are asked with, out of a contestant's index."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from evaluation.evaluation_settings import Decoding
from project.files import home
from project.paths import INDEX, INDEX_FILES
from project.records.adapters import Contestant
from project.records.data import PassageIndex, Row
from project.records.record import Digest, short
from project.settings import load
from project.shown_passages import question_of
from registry.reader import RegistryReader
from retrieval.retriever import OpenIndex, PromptRoom, kept_vectors, read_index


def asked_with(rows: Sequence[Row], contestant: Contestant) -> Sequence[Row]:
    """The rows with the passages that a contestant is asked with: those of its index where a row
    brings none, or where the index says that they take their place.

    Of more than the base has room for beside an answer the last are left out, and told.
    """
    if contestant.index is None or contestant.evidence_template is None:
        return rows
    index, room = opened(contestant.index), PromptRoom(contestant)
    answer = load(Decoding).max_new_tokens
    made, fewer = list[Row](), list[str]()
    for row in rows:
        if row.evidence and not index.settings.replace:
            made.append(row)
            continue
        passages = index.passages_for(question_of(row.prompt))
        kept = room.first_that_fit(row.prompt, passages, answer)
        if len(kept) < len(passages):
            fewer.append(f"{row.id} ({', '.join(passage.id for passage in passages[len(kept) :])})")
        made.append(row.model_copy(update={"evidence": tuple(kept) or None}))
    if fewer:
        print(
            f"warning: {len(fewer)} of {len(rows)} items are asked without some of their passages, "
            f"which the base has no room for, such as item {fewer[0]}"
        )
    return made


@lru_cache(maxsize=4)
def opened(index: Digest) -> OpenIndex:
    return read_index(index_folder(index), index, kept_vectors)


def index_folder(index: Digest) -> Path:
    """Where an index lies: the project's own, or one that the registry keeps with its version."""
    if INDEX.exists() and PassageIndex.read(INDEX).files == index:
        return INDEX_FILES
    with RegistryReader.here() as registry:
        return registry.artifacts.check_out(index, home() / "indexes" / short(index))
