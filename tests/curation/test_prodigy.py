"""Prodigy's exports: accepted answers are rows, rejected ones negative examples."""

from typing import Any

import pytest

from curation.sources.source_file import format_of
from project.errors import InputError
from project.records.data import Row
from tests.curation.exports_read import EXAMPLES, in_words, judged, lines_of, reads

TOOL = "prodigy"


def answered(**more: Any) -> dict[str, Any]:
    task = {"text": "Who?", "_input_hash": -1, "_task_hash": -2, "answer": "accept"}
    return task | {"user_input": "Me."} | more


def test_choices_are_options_by_their_ids_and_the_newest_of_a_person_counts() -> None:
    assert in_words(reads(TOOL, "prodigy/choices.jsonl")) == [
        "1: replaced by a newer one of the same person",
        "2: I lost my card. -> other",
        "3: I lost my card. -> fees",
        "4: What does it cost? -> fees",
        "5: What does it cost? -> fees",
        "6: ignored",
        "7: annotated without a result",
        "8: rejected",
    ]


def test_the_options_may_be_the_answers_and_choosing_all_is_a_tie() -> None:
    assert in_words(reads(TOOL, "prodigy/compared.jsonl")) == [
        "1: How do I block my card? -> Call us. > You cannot.",
        "2: ties",
    ]


def test_a_proposed_class_is_accepted_or_is_a_negative_example() -> None:
    found = reads(TOOL, "prodigy/binary.jsonl")
    assert in_words(found) == [
        "1: I lost my card. -> BLOCK",
        "2: I lost my card. -> COST is bad",
        "3: What does it cost? -> COST",
    ]


def test_an_answer_that_was_shown_is_accepted_or_is_a_negative_example() -> None:
    """Two answers to one input are two questions, though their input hash is one."""
    assert in_words(reads(TOOL, "prodigy/answers.jsonl", completion="response")) == [
        "1: How do I block my card? -> Call us.",
        "2: How do I block my card? -> Call us. is bad",
        "3: What is an IBAN? -> A kind of bird. is bad",
        "4: What is an IBAN? -> The number of an account.",
        "5: ignored",
    ]


def test_what_was_typed_is_an_answer_and_the_file_names_who_typed_it() -> None:
    found = reads(TOOL, "prodigy/ann.jsonl")
    assert in_words(found) == [
        "1: How do I block my card? -> Call the number on its back.",
        "2: annotated without a result",
    ]
    assert isinstance(found[0].made, Row)
    assert found[0].made.annotator == "ann.jsonl"


@pytest.mark.parametrize(
    ("who", "annotator"),
    [
        ({"_annotator_id": "faq-ann", "_session_id": "faq-x"}, "faq-ann"),
        ({"_session_id": "faq-ann"}, "faq-ann"),
        ({"_annotator_id": "2026-02-03_10-11-12"}, "export.jsonl"),
        ({"_session_id": "faq-2026-02-03_10-11-12"}, "export.jsonl"),
        ({"_session_id": None}, "export.jsonl"),
        ({}, "export.jsonl"),
    ],
)
def test_a_session_that_nobody_named_is_no_person(who: Any, annotator: str) -> None:
    (read,) = reads(TOOL, lines_of([answered(**who)]))
    assert isinstance(read.made, Row)
    assert read.made.annotator == annotator


def test_two_people_who_answer_one_input_are_both_read() -> None:
    both = [answered(_annotator_id=f"faq-{name}", user_input=name) for name in ("ann", "ben")]
    assert in_words(reads(TOOL, lines_of(both))) == ["1: Who? -> ann", "2: Who? -> ben"]


def test_newest_is_by_the_time_and_without_one_by_the_line() -> None:
    dated = [answered(_timestamp=at, user_input=f"{at}") for at in (9, 8)]
    assert in_words(reads(TOOL, lines_of(dated)))[0] == "1: Who? -> 9"
    plain = [answered(user_input=text) for text in ("first", "second")]
    assert in_words(reads(TOOL, lines_of(plain)))[1] == "2: Who? -> second"


def test_a_file_of_one_line_is_that_record_and_not_its_options() -> None:
    options = [{"id": 1, "text": "yes"}, {"id": 2, "text": "no"}]
    path = lines_of([answered(options=options, accept=[2], user_input=None)])
    assert in_words(reads(TOOL, path, options="classes")) == ["1: Who? -> no"]
    with pytest.raises(InputError, match="--options classes or --options answers: what are 'yes'"):
        reads(TOOL, path)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"more": "text"}, "name --prompt FIELD: this export has 'text', 'more'"),
        ({"label": "A"}, "name --control NAME: people used 'label', 'user_input'"),
    ],
)
def test_what_would_be_a_guess_is_asked_for(record: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        reads(TOOL, lines_of([answered(**record)]))


def test_what_was_accepted_is_told_by_its_name_or_asked_for() -> None:
    path = EXAMPLES / "prodigy/answers.jsonl"
    assert in_words(reads(TOOL, path)) == in_words(reads(TOOL, path, completion="response"))
    assert "accepted or rejected: 'response', by its name" in judged(TOOL, path).notes[0]
    bare = {"_task_hash": 1, "answer": "accept", "title": "Who?", "body": "Me."}
    with pytest.raises(InputError, match="name --completion FIELD: what was accepted") as refused:
        reads(TOOL, lines_of([bare]))
    assert "--prompt title --completion body" in str(refused.value)


@pytest.mark.parametrize("more", [{}, {"completion": "text"}, {"prompt": "text"}])
def test_spans_are_not_supported_and_no_name_leads_on(more: Any) -> None:
    marked = {"text": "Who?", "_task_hash": 1, "answer": "accept", "spans": [{"start": 0}]}
    with pytest.raises(InputError, match=r"not supported; what is read|holds no prompt"):
        reads(TOOL, lines_of([marked, marked]), **more)


def test_an_answer_that_is_none_of_the_three_gives_nothing() -> None:
    (read,) = reads(TOOL, lines_of([answered(answer="maybe")]))
    assert (read.made, read.origin.why) == (None, "annotated without a result")


def test_an_export_is_known_by_its_answers_and_hashes() -> None:
    assert format_of([answered(), answered(answer="ignore")]) == TOOL
    assert format_of([answered(answer="yes")]) is None
    named = {"text": "Who?", "user_input": "Me.", "answer": "accept", "_annotator_id": "ann"}
    assert format_of([named]) == TOOL
