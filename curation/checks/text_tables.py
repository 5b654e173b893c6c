"""The tables of documents: texts to adapt a model to a domain with, which ask nothing."""

from collections.abc import Sequence
from dataclasses import replace

from curation.checks.compared import Compared
from curation.checks.tables import Tables, tables_of
from project.records.data import Document, Message, Row, Split


def text_tables(documents: Sequence[Document], ids: Sequence[str], compared: Compared) -> Tables:
    """A text is the answer to no question, so what compares questions says nothing of it."""
    rows = [as_row(one, name) for one, name in zip(documents, ids, strict=True)]
    return tables_of({Split.TRAIN: rows}, replace(compared, evals=()))


def as_row(document: Document, name: str) -> Row:
    return Row(
        id=name,
        prompt=(Message(role="user", content=""),),
        completion=(Message(role="assistant", content=document.text),),
        group=name,
        source=document.source,
    )
