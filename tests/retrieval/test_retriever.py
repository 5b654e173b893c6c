"""Passages are found by their words, by their meaning, and by both together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from curation.sources.documents.read_documents import evidence_passages
from project.errors import InputError
from project.records.data import EvidencePassage
from retrieval.retriever import Embed, Retriever, Vectors, fused

POLICY = """# Fees

Prices are those of May.

## Transfers

A transfer abroad costs 12 euros.

## Cards

A lost card is blocked at once.

| card | yearly fee |
| --- | --- |
| Classic | 20 euros |
"""


def passages(*texts: str) -> list[EvidencePassage]:
    return [EvidencePassage(id=f"p{i}", text=text) for i, text in enumerate(texts)]


def ids(found: list[EvidencePassage]) -> list[str]:
    return [one.id for one in found]


def by_first_word(texts: Sequence[str]) -> Vectors:
    """Vectors of two dimensions: texts about cards, and others."""
    return np.array([(1, 0.1) if "card" in text.lower() else (0.1, 1) for text in texts], "f4")


def test_a_document_is_cut_into_its_sections_under_their_headings(tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_text(POLICY)
    (tmp_path / "long.txt").write_text(" ".join(f"Sentence {i} of a policy." for i in range(60)))
    (tmp_path / "blank.txt").write_text(" \n")
    found, empty = evidence_passages(tmp_path)
    assert [(one.file, one.why) for one in empty] == [("blank.txt", "without a text")]
    assert max(len(one.text) for one in found) <= 500
    assert [one.text for one in found if one.source == "policy.md"] == [
        "Fees\n\nPrices are those of May.",
        "Fees\n\nTransfers\n\nA transfer abroad costs 12 euros.",
        "Fees\n\nCards\n\nA lost card is blocked at once.\n\ncard | yearly fee\nClassic | 20 euros",
    ]
    assert len({one.id for one in found}) == len(found) == 7
    assert evidence_passages(tmp_path)[0] == found


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without documents"):
        evidence_passages(tmp_path)


def test_words_find_passages_whatever_their_endings_and_their_script() -> None:
    every = passages(
        "Transferring money abroad", "A blocked card", "Überweisung ins Ausland", "汇款到国外", "!?"
    )
    by_words = Retriever.over(every)
    assert ids(by_words.find("How are transfers made?", 3)) == ["p0"]
    assert ids(by_words.find("ÜBERWEISUNG", 3)) == ["p2"]
    assert ids(by_words.find("国外", 3)) == ["p3"]
    assert by_words.find("nothing of it", 3) == []
    assert by_words.find("", 3) == by_words.find("a card", 0) == []


def test_a_passage_that_is_excluded_makes_room_for_the_next() -> None:
    every = passages(*[f"The card {'costs a fee ' * i}" for i in range(5)])
    found = ids(Retriever.over(every).find("card fee", 4))
    assert len(found) == 4
    rest = ids(Retriever.over(every).find("card fee", 4, exclude={found[0]}))
    assert rest[:3] == found[1:] and found[0] not in rest


def test_meaning_finds_what_shares_no_word_and_both_lists_are_fused() -> None:
    every = passages("Transfers cost 12 euros", "Lost cards are blocked", "Opening hours")
    both = Retriever.over(every, by_first_word)
    assert ids(both.find("my card has been stolen", 1)) == ["p1"]
    assert fused([[2, 0], [0, 1]]) == [0, 2, 1]  # 1/62 + 1/61, 1/61, 1/62
    assert fused([]) == []


@pytest.mark.parametrize("texts", [(), ("!?",), ("A card", "A fee")])
@pytest.mark.parametrize("embed", [None, by_first_word])
def test_an_index_that_was_saved_finds_the_same(
    texts: tuple[str, ...], embed: Embed | None, tmp_path: Path
) -> None:
    made = Retriever.over(passages(*texts), embed)
    made.save(tmp_path)
    again = Retriever.load(tmp_path, embed)
    assert again.passages == tuple(made.passages)
    for question in ("card", "what is the fee?", ""):
        assert again.find(question, 2) == made.find(question, 2)
