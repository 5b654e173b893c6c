"""Documents as pieces that fit a window, and which documents are held out."""

from collections.abc import Sequence
from itertools import pairwise

from transformers import PreTrainedTokenizerBase

from project.canonical import digest_json
from project.records.data import Document
from training.rows.row_tokens import RowTokens, document_tokens


def held_out_of(
    documents: Sequence[Document], share: float
) -> tuple[list[Document], list[Document]]:
    """Those to learn, and those to measure on: a share of them, chosen by their text alone, so that
    a document that comes later moves one other at most. One is always left to learn.
    """
    count = min(round(share * len(documents)), len(documents) - 1)
    chosen = {one.id for one in sorted(documents, key=lambda one: digest_json(one.text))[:count]}
    learnt = [one for one in documents if one.id not in chosen]
    return learnt, [one for one in documents if one.id in chosen]


def document_pieces(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, window: int
) -> list[RowTokens]:
    """Each document's tokens, cut into pieces of a window at most, as even as can be.

    No piece holds text of two documents: what a model reads of one says nothing about another.
    """
    tokens = [document_tokens(one.text, tokenizer) for one in documents]
    return [piece for document in tokens for piece in even_pieces(document, window)]


def even_pieces(document: RowTokens, window: int) -> list[RowTokens]:
    count = -(-len(document) // window)
    cuts = [round(i * len(document) / count) for i in range(count + 1)]
    return [
        RowTokens(document.ids[start:end], document.learnt[start:end])
        for start, end in pairwise(cuts)
    ]
