"""The grounded form of examples/bank: rows stand on their passages, and kin are dealt whole."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from curation.curate import curate
from curation.faults.ungrounded import ungrounded
from curation.sources.row_formats import read_rows
from evaluation.metrics.answer_sentences import sentences_of
from evaluation.metrics.grounding import Grounding
from evaluation.scoring.built_in import stands_on
from examples.bank.dealing import Dealt, apart
from examples.bank.grounded import Grounded, learnt_again
from examples.bank.grounded_dealing import USUAL, deal_grounded
from examples.bank.grounded_forms import forms, question_of, with_forms
from examples.bank.grounded_rows import SHOWN, UNSEEN, grounded_rows
from examples.bank.make_project import curate_params
from examples.bank.make_rows import dealt_fields, write_lines
from examples.bank.negatives import ON_PASSAGES, negatives
from examples.bank.passages import passages
from examples.bank.reviewer import ERRS, Pair, choices
from examples.bank.rows import Triplet
from project.records.data import Row, Split
from project.shown_passages import without_citations

Parts = dict[Split, list[Row]]
GROUNDING = Grounding()


@pytest.fixture(scope="module")
def made() -> list[Triplet]:
    return grounded_rows()


@pytest.fixture(scope="module")
def dealt(made: list[Triplet]) -> Dealt:
    return deal_grounded(made, curate_params(), USUAL)


@pytest.fixture(scope="module")
def formed(dealt: Dealt) -> Dealt:
    return with_forms(dealt)


@pytest.fixture(scope="module")
def parts(formed: Dealt, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """As stage `curate` deals the project's rows."""
    path = tmp_path_factory.mktemp("bank") / "rows.jsonl"
    write_lines(path, dealt_fields(formed.project))
    params = curate_params().model_copy(update={"train_only": ()})
    return curate(list(read_rows(path)), {}, params).parts


def measured(triplet: Triplet, answer: str) -> dict[str, float]:
    values = [answer], [triplet.output], [triplet.prompt], [stands_on(triplet.as_row())]
    return {name: value[0] for name, value in GROUNDING._compute(*values).items()}


def test_an_answer_stands_on_what_it_cites_and_the_others_say_that_nothing_is_there(
    made: list[Triplet],
) -> None:
    assert not [one for one in made if ungrounded(one.as_row())]
    for one in made[::7]:
        found = measured(one, one.output)
        assert found["supported"] == found["cited_right"] == found["cited_all"] == 1
        assert not found["invented"]
        assert found["wrong_abstention"] == (not one.answerable)


def test_a_passage_is_short_and_its_product_stands_in_it(made: list[Triplet]) -> None:
    assert max(len(one.text.split()) for one in passages()) < 80
    assert len({one.text for one in passages()}) == len(passages())
    assert {len(one.evidence) for one in made} == {SHOWN}


def test_the_parts_are_as_the_page_says(parts: Parts) -> None:
    sizes = {
        part: Counter((row.slices["document"], row.slices["answerable"]) for row in rows)
        for part, rows in parts.items()
    }
    dev, train = sizes[Split.DEV], sizes[Split.TRAIN]
    assert dev.total() >= 150
    assert dev["seen", "no"] + dev["unseen", "no"] >= 40
    assert dev["unseen", "yes"] >= 50
    assert not train["unseen", "yes"] + train["unseen", "no"]
    assert 0.15 < train["seen", "no"] / train.total() < 0.35


def test_no_training_row_shows_an_unseen_document_as_its_answer(dealt: Dealt) -> None:
    taught = [one.row for one in dealt.project if one.part is Split.TRAIN]
    cited = {
        passage.source
        for row in taught
        for number, passage in enumerate(row.evidence, start=1)
        if f"[{number}]" in row.output
    }
    assert cited
    assert not cited & set(UNSEEN)


def test_what_is_learnt_is_quoted_and_changed_so_that_memory_is_wrong(
    dealt: Dealt, formed: Dealt
) -> None:
    learnt = formed.taught
    items = [one.row for one in dealt.project if one.part is not Split.TRAIN]
    assert not [one for one in learnt if ungrounded(one.as_row())]
    assert len(apart(learnt, items)) == len(learnt)
    told = [one for one in learnt if one.answerable]
    assert 0.2 < 1 - len(told) / len(learnt) < 0.3
    quoted = [one for one in told if is_quoted(without_citations(one.output), one)]
    assert len(quoted) > 0.8 * len(told)
    known = {
        without_citations(one.output) for one in forms(dealt.taught, items) if "+" not in one.id
    }
    changed = [one for one in told if "+" in one.id]
    assert sum(without_citations(one.output) in known for one in changed) < 0.05 * len(changed)


def is_quoted(answer: str, row: Triplet) -> bool:
    texts = " ".join(passage.text for passage in row.evidence)
    return all(text.partition(": ")[2] in texts or text in texts for text in sentences_of(answer))


def test_each_negative_is_worse_in_its_own_way(dealt: Dealt) -> None:
    bad = negatives([one.row for one in dealt.project if one.part is Split.TRAIN], ON_PASSAGES)
    assert Counter(one.behaviour for one in bad) == ON_PASSAGES
    for one in bad:
        found, right = measured(one.row, one.answer), measured(one.row, one.row.output)
        if one.behaviour == "answers_anyway":
            assert found["missed_abstention"] > right["missed_abstention"]
        if one.behaviour == "invented":
            assert found["invented"]
        if one.behaviour == "silent":
            assert found["wrong_abstention"] > right["wrong_abstention"]


def test_reviewers_prefer_the_supported_answer_then_an_abstention_then_an_invention(
    made: list[Triplet],
) -> None:
    row = next(one for one in made if one.answerable and "crowns" in one.output)
    nothing = "I do not know: the passages do not say that."
    invented = "It costs 987.65 crowns [1]."
    assert share_won(row, row.output, nothing) > 0.9
    assert share_won(row, nothing, invented) > 0.9
    none = next(one for one in made if one.answerable is False)
    assert share_won(none, nothing, invented) > 0.9
    assert share_won(none, nothing, f"{none.evidence[0].text} [1]") > 0.9


def share_won(row: Triplet, better: str, worse: str) -> float:
    pair = Pair("", row.topic, row.about, row.prompt, row.output, better, worse, evidence_of(row))
    pairs = [replace(pair, item=f"item {i}") for i in range(100)]
    return choices(pairs, min(ERRS)).count("left") / len(pairs)


def evidence_of(row: Triplet) -> str:
    return stands_on(row.as_row())


def test_what_the_passages_do_not_say_makes_no_kin(made: list[Triplet], tmp_path: Path) -> None:
    """The same sentence answers a fifth of the rows."""
    none = [one for one in made if one.answerable is False][:30]
    lines = [
        {"prompt": one.prompt, "completion": none[0].output, "answerable": False} for one in none
    ]
    evidence = [passage.model_dump() for passage in none[0].evidence]
    write_lines(tmp_path / "rows.jsonl", [line | {"evidence": evidence} for line in lines])
    params = curate_params().model_copy(update={"train_only": ()})
    found = curate(list(read_rows(tmp_path / "rows.jsonl")), {}, params).parts
    assert len({row.group for rows in found.values() for row in rows}) > 20


def test_the_control_learns_old_questions_in_forms_that_the_first_round_did_not_have(
    dealt: Dealt,
) -> None:
    bank = Grounded(dealt, brief=False)
    again, first = learnt_again(bank, 500), forms(dealt.taught, bank.items)
    assert len(again) == 500, "as many as the second round learns, and one for each of its pairs"
    assert {question_of(row) for row in again} <= {question_of(row) for row in first}
    texts = [(row.prompt, row.output, row.evidence) for row in (*again, *first)]
    assert len(set(texts)) == len(texts)
    assert not {row.id for row in again} & {row.id for row in first}
