"""The ranking of training rows: what the base and the embedder say of each, and what follows."""

from collections.abc import Sequence

from curation.faults.every_fault import FAULTS
from curation.selection.coverage import taken_in_order
from curation.selection.row_quality import qualities
from curation.selection.selection_file import Quality, RankedRow, Selection, SelectionHead
from incumbent.selecting.answer_losses import BaseReader
from incumbent.selecting.candidates import Candidates
from monitoring.features.embedding_cache import Embeddings
from project.bare_base import bare_base
from project.files import home
from project.paths import EMBEDDER, NUMERICS
from project.records.adapters import ModelPin, Numerics
from project.records.data import Row


def rank(candidates: Candidates, count: int) -> Selection:
    """The best `count` rows in their order, with the quality of all. Only reads the data."""
    base, embedder = bare_base(), ModelPin.read(EMBEDDER)
    numerics, rows = Numerics.read(NUMERICS), candidates.rows
    losses = BaseReader(base, numerics).losses(rows)
    found = qualities(rows, losses, candidates.answer_tokens(), FAULTS)
    vectors = Embeddings(embedder, home() / "embeddings.db").encode([text(row) for row in rows])
    order = taken_in_order([quality.value for quality in found], vectors, count)
    head = SelectionHead(
        selected=len(order),
        ranked=len(rows),
        dataset=candidates.dataset.digest,
        base=base.base.digest,
        embedder=embedder.digest,
        numerics=numerics,
    )
    return Selection(head=head, rows=tuple(ranked(rows, found, order)))


def text(row: Row) -> str:
    return f"{row.prompt_text}\n{row.completion_text}"


def ranked(rows: Sequence[Row], found: Sequence[Quality], order: Sequence[int]) -> list[RankedRow]:
    """The selected rows, the best first, then the others in the order of the data."""
    taken = set(order)
    others = [i for i in range(len(rows)) if i not in taken]
    ranks = {i: rank for rank, i in enumerate(order, start=1)}
    return [
        RankedRow(
            id=rows[i].id,
            rank=ranks.get(i),
            quality=round(found[i].value, 4),
            parts=found[i],
        )
        for i in (*order, *others)
    ]
