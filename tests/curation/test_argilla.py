"""Argilla's exports: responses of people, and never the suggestions."""

import json
from typing import Any

import pytest

from curation.sources.source_file import format_of
from project.errors import InputError
from project.records.data import Row
from project.records.preferences import PreferencePair
from tests.curation.exports_read import EXAMPLES, file_of, in_words, judged, reads

TOOL = "argilla"
ANN, BEN = "0a1c1d9e-2f54-4a3e-9c49-0f6a5c3a7b01", "5b7e3c10-8a0f-4c0a-8f1e-2d9f3b6c4e02"
PAIRS = {
    "prompt": "prompt",
    "control": "preference",
    "answers": {"response1": "response1", "response2": "response2"},
}


def nested(*values: Any, **fields: str) -> dict[str, Any]:
    responses = [{"value": value, "user_id": ANN} for value in values]
    return {"id": "a", "fields": fields or {"text": "Who?"}, "responses": {"answer": responses}}


def notes(file: str) -> list[str]:
    return list(judged(TOOL, EXAMPLES / file, **PAIRS).notes)


def test_a_flat_export_says_what_was_submitted_and_ties_are_counted() -> None:
    assert in_words(reads(TOOL, "argilla/flat.json", **PAIRS)) == [
        "2: How do I block my card? -> Call the number on its back.\r\nWe block it at once."
        " > Cards cannot be blocked.",
        "2: How do I block my card? -> Call the number on its back.\r\nWe block it at once."
        " > Cards cannot be blocked.",
        "35: ties",
        "35: What does a transfer abroad cost? -> It costs five euros. > It costs 5 euros.",
        "35: drafts",
        "65: discarded",
        "89: without an annotation",
    ]
    assert notes("argilla/flat.json") == []


def test_a_nested_export_does_not_and_that_is_said() -> None:
    found = in_words(reads(TOOL, "argilla/nested.json", **PAIRS))
    draft, discarded = found[4], found[5]
    assert draft.endswith("It costs 5 euros. > It costs five euros.")
    assert discarded.endswith("No. > Yes, by what was agreed.")
    *_, note = notes("argilla/nested.json")
    assert "does not say which responses were submitted" in note


def test_the_user_is_the_annotator() -> None:
    found = [read.made for read in reads(TOOL, "argilla/flat.json", **PAIRS)]
    pairs = [made for made in found if isinstance(made, PreferencePair)]
    assert [pair.annotator for pair in pairs] == [ANN, BEN, BEN]


def test_a_rating_needs_to_be_told_from_where_it_is_good() -> None:
    file = "argilla/ratings.json"
    with pytest.raises(InputError, match="name --good and --bad: which of '1', '3', '4', '5'"):
        reads(TOOL, file, completion="reply")
    assert in_words(reads(TOOL, file, completion="reply", good=[4, 5], bad=[1, 2])) == [
        "2: How do I block my card? -> Call us. is good",
        "2: How do I block my card? -> Call us. is good",
        "24: What is an IBAN? -> A bird. is bad",
        "24: neither good nor bad",
    ]


def test_texts_are_answers_and_a_draft_is_none() -> None:
    assert in_words(reads(TOOL, "argilla/texts.json"))[1:] == [
        "20: What is an IBAN? -> The number of an account.",
        "20: drafts",
    ]


def test_several_labels_are_one_answer() -> None:
    assert in_words(reads(TOOL, "argilla/labels.json"))[:2] == [
        "2: I lost my card. -> card, loss",
        "2: I lost my card. -> card",
    ]


def test_a_ranking_is_a_pair_of_every_two_answers_and_answers_of_one_rank_are_none() -> None:
    answers = {f"reply-{number}": f"reply-{number}" for number in (1, 2, 3)}
    found = in_words(reads(TOOL, "argilla/ranking.json", answers=answers))
    assert found[0] == "2: How do I block my card? -> In the app. > Call us."
    assert len(found) == 6 + 2
    assert found[6:] == [
        "36: How do I block a card? -> In the app. > You cannot.",
        "36: How do I block a card? -> Call us. > You cannot.",
    ]
    assert in_words(reads(TOOL, "argilla/ranking.json")) == found  # it names its fields itself


def test_spans_are_not_supported() -> None:
    path = file_of([nested([{"start": 0, "end": 3, "label": "X"}])])
    with pytest.raises(InputError, match="holds spans \\('answer'\\), which are not supported"):
        reads(TOOL, path)


def test_lists_that_could_be_a_ranking_are_asked_about() -> None:
    path = file_of([nested(["b", "a"]), nested(["a", "b"])])
    with pytest.raises(InputError, match="if people ranked them, or --options classes"):
        reads(TOOL, path)
    assert in_words(reads(TOOL, path, options="classes"))[0] == "1: Who? -> b, a"


def test_a_user_that_is_none_is_nobody() -> None:
    record = nested("Me.")
    record["responses"]["answer"][0]["user_id"] = "None"
    (read,) = reads(TOOL, file_of([record]))
    assert isinstance(read.made, Row)
    assert read.made.annotator is None


def test_two_questions_are_told_apart_by_name() -> None:
    with pytest.raises(InputError, match="name --control NAME: people used 'preference', 'why'"):
        reads(TOOL, "argilla/nested.json")


@pytest.mark.parametrize("file", ["nested", "flat", "ratings", "ranking"])
def test_an_export_is_known_by_its_responses(file: str) -> None:
    assert format_of(json.loads((EXAMPLES / f"argilla/{file}.json").read_bytes())) == TOOL
