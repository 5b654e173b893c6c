"""Rows and documents packed to sequences of one length."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from project.canonical import digest_json
from project.records.data import Document
from training.rows.row_tokens import RowTokens, document_tokens

# --- packed rows ----------------------------------------------------------------------------------

START = -1  # what a row's first token follows


@dataclass(frozen=True)
class PackedRows:
    """Rows as a tree of n tokens: each token follows one other, and rows that begin alike share it.

    A row is a path through that tree. Its last token is left out: nothing is predicted from it.
    """

    ids: Tensor  # [n]
    positions: Tensor  # [n]: how many tokens of its row stand before it
    paths: Tensor  # [rows, longest]: the tokens of each row; behind its end, any
    filled: Tensor  # [m]: the places of the flat `paths` that hold one, row by row
    ends: Tensor  # [rows + 1]: how many of these stand before each row, and in all
    homes: Tensor  # [n]: where in the flat `paths` each token stands first
    copies: Tensor  # [c]: where in the flat `paths` it stands again
    copied: Tensor  # [c]: the token that stands there again
    reads: Tensor  # [t]: the token from which each learnt one is predicted
    targets: Tensor  # [t]: the learnt ids
    tokens: int  # of the rows, each for itself

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str, **how: Any) -> "PackedRows":
        """The same on a device; a trainer calls it as it would for a tensor."""
        parts: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: part for name, part in parts.items() if isinstance(part, Tensor)}
        moved: dict[str, Any] = {name: tensor.to(device, **how) for name, tensor in tensors.items()}
        return replace(self, **moved)


def pack(rows: Sequence[RowTokens]) -> PackedRows:
    """The tree of some rows. A row of one token predicts nothing, and is left out."""
    nodes: dict[tuple[int, int], int] = {}
    positions, homes, paths = list[int](), list[tuple[int, int]](), list[list[int]]()
    for row in rows:
        path, node = list[int](), START
        for place, token in enumerate(row.ids[:-1]):
            known = len(nodes)
            node = nodes.setdefault((node, token), known)
            if node == known:
                positions.append(place)
                homes.append((len(paths), place))
            path.append(node)
        if path:
            paths.append(path)
    longest = max(map(len, paths), default=0)
    first = [number * longest + place for number, place in homes]
    again = [
        (number * longest + place, node)
        for number, path in enumerate(paths)
        for place, node in enumerate(path)
        if homes[node] != (number, place)
    ]
    long_rows = [row for row in rows if len(row) > 1]
    learnt = [
        (path[place], row.ids[place + 1])
        for row, path in zip(long_rows, paths, strict=True)
        for place in range(len(path))
        if row.learnt[place + 1]
    ]
    return PackedRows(
        ids=torch.tensor([token for _, token in nodes]),
        positions=torch.tensor(positions),
        paths=torch.tensor([path + [0] * (longest - len(path)) for path in paths]),
        filled=torch.tensor(
            [n * longest + i for n, path in enumerate(paths) for i in range(len(path))]
        ),
        ends=torch.tensor([0, *accumulate(map(len, paths))], dtype=torch.int32),
        homes=torch.tensor(first),
        copies=torch.tensor([place for place, _ in again], dtype=torch.long),
        copied=torch.tensor([node for _, node in again], dtype=torch.long),
        reads=torch.tensor([node for node, _ in learnt], dtype=torch.long),
        targets=torch.tensor([token for _, token in learnt], dtype=torch.long),
        tokens=sum(map(len, rows)),
    )


# --- document pieces ------------------------------------------------------------------------------


def held_out_of(
    documents: Sequence[Document], share: float
) -> tuple[list[Document], list[Document]]:
    """Those to learn, and those to measure on: a share of them, chosen by their text alone, so that
    a document that comes later moves one other at most. One is always left to learn.
    """
    count = min(round(share * len(documents)), len(documents) - 1)
    chosen = {d.id for d in sorted(documents, key=lambda d: digest_json(d.text))[:count]}
    learnt = [document for document in documents if document.id not in chosen]
    return learnt, [document for document in documents if document.id in chosen]


def document_pieces(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, window: int
) -> list[RowTokens]:
    """Each document's tokens, cut into pieces of a window at most, as even as can be.

    No piece holds text of two documents: what a model reads of one says nothing about another.
    """
    tokens = [document_tokens(document.text, tokenizer) for document in documents]
    return [piece for document in tokens for piece in even_pieces(document, window)]


def even_pieces(document: RowTokens, window: int) -> list[RowTokens]:
    count = -(-len(document) // window)
    cuts = [round(i * len(document) / count) for i in range(count + 1)]
    return [
        RowTokens(document.ids[start:end], document.learnt[start:end])
        for start, end in pairwise(cuts)
    ]
