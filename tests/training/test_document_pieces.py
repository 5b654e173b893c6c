"""Documents are cut into even pieces that fit a window, and some are held out."""

from itertools import pairwise

import pytest

from project.records.data import Document
from training.rows.packed_rows import even_pieces, held_out_of
from training.rows.row_tokens import RowTokens


def tokens(count: int) -> RowTokens:
    return RowTokens(tuple(range(count)), (True,) * count)


def documents(*texts: str) -> list[Document]:
    return [Document.of(text, source="policies.md") for text in texts]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17, 100])
def test_pieces_fit_the_window_lose_nothing_and_differ_by_one_token_at_most(count: int) -> None:
    pieces = even_pieces(tokens(count), window=8)
    assert sum([piece.ids for piece in pieces], ()) == tokens(count).ids
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) <= 8
    assert max(sizes) - min(sizes) <= 1
    assert all(later.ids[0] == earlier.ids[-1] + 1 for earlier, later in pairwise(pieces))


def test_a_share_of_the_documents_is_held_out_by_their_text_alone() -> None:
    texts = [f"policy number {i}" for i in range(20)]
    learnt, held_out = held_out_of(documents(*texts), 0.2)
    assert (len(learnt), len(held_out)) == (16, 4)
    again, same = held_out_of(documents(*reversed(texts)), 0.2)
    assert {one.text for one in same} == {one.text for one in held_out}
    assert len(again) == 16


@pytest.mark.parametrize(("count", "share", "held_out"), [(1, 0.9, 0), (2, 0.9, 1), (3, 0.0, 0)])
def test_something_is_always_left_to_learn(count: int, share: float, held_out: int) -> None:
    learnt, kept = held_out_of(documents(*(f"text {i}" for i in range(count))), share)
    assert (len(learnt), len(kept)) == (count - held_out, held_out)
