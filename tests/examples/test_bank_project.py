"""The project that examples/bank makes: its parts, its negatives, and what their formats are."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from curation.curate import curate
from curation.curation_settings import CurateParams
from curation.sources.row_formats import read_rows
from examples.bank.behaviours import behaviours
from examples.bank.calculations import CASES, money, number
from examples.bank.closed_book import ALL_ROWS
from examples.bank.dealing import Dealt, Sizes
from examples.bank.facts import DOCUMENTS, HERE, KINDS, aspects, documents
from examples.bank.make_project import dealt_rows
from examples.bank.make_rows import (
    Fields,
    dealt_fields,
    negative_fields,
    pair_fields,
    row_fields,
    write_lines,
)
from examples.bank.negatives import COUNTS, Negative, negatives
from examples.bank.rows import DOCUMENT_ONLY, TRAINED
from examples.bank.terms import clozes
from incumbent.cli import app
from project.records.data import Row, Split
from project.records.preferences import PreferencePair, RatedAnswer, read_preferences

PARAMS = yaml.safe_load((HERE / "project" / "params.yaml").read_text())
Parts = dict[Split, list[Row]]


@pytest.fixture(scope="module")
def dealt() -> Dealt:
    return dealt_rows(Sizes())


@pytest.fixture(scope="module")
def parts(dealt: Dealt, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return curated(dealt_fields(dealt.project), tmp_path_factory.mktemp("bank"))


def curated(lines: list[Fields], folder: Path) -> Parts:
    """As stage `curate` deals the project's rows."""
    write_lines(folder / "rows.jsonl", lines)
    settings = PARAMS["curation"]["curate"] | {"train_only": ()}
    found = read_rows(folder / "rows.jsonl")
    return curate(list(found), {}, CurateParams.model_validate(settings)).parts


def sizes_of(parts: Parts) -> list[int]:
    return [len(parts[part]) for part in (Split.TRAIN, Split.DEV, Split.SEALED)]


@pytest.fixture(scope="module")
def bad(dealt: Dealt) -> list[Negative]:
    return negatives([one.row for one in dealt.project if one.part is Split.TRAIN])


def about(row: Row) -> str:
    return row.id.rpartition(".")[0]


def test_a_fifth_of_the_sealed_and_the_dev_questions_ask_what_documents_alone_say(
    parts: Parts,
) -> None:
    for part in (Split.DEV, Split.SEALED):
        facts = Counter(row.slices["fact"] for row in parts[part])
        assert 0.2 <= facts[DOCUMENT_ONLY] / facts.total() < 0.3


def test_no_training_row_is_about_the_documents_alone(parts: Parts) -> None:
    assert {row.slices["fact"] for row in parts[Split.TRAIN]} == {TRAINED}


def test_every_other_item_asks_for_a_fact_that_a_training_row_states(parts: Parts) -> None:
    taught = {about(row) for row in parts[Split.TRAIN]}
    items = [*parts[Split.DEV], *parts[Split.SEALED]]
    asked = {about(row) for row in items if row.slices["fact"] == TRAINED}
    assert len(asked - taught) <= 1  # of what differs from an item in names alone, none is taught


def test_parts_are_as_large_as_the_page_says(parts: Parts) -> None:
    assert sizes_of(parts) == [494, 57, 115]
    facts = [[row.slices["fact"] for row in parts[part]] for part in (Split.DEV, Split.SEALED)]
    assert [own.count(DOCUMENT_ONLY) for own in facts] == [16, 32]


def test_rows_that_wait_for_the_second_round_are_apart_and_move_few_items(
    dealt: Dealt, tmp_path: Path
) -> None:
    there = {one.row.id for one in dealt.project}
    assert not there & {row.id for row in dealt.reserve}
    assert len(dealt.reserve) == 656
    more = [row_fields(row, row.id) for row in dealt.reserve]
    assert sizes_of(curated([*dealt_fields(dealt.project), *more], tmp_path))[1:] == [60, 108]


def test_all_rows_are_as_many_as_the_page_says_and_leave_a_reserve(tmp_path: Path) -> None:
    every = dealt_rows(ALL_ROWS)
    assert len(every.reserve) == 198
    assert sizes_of(curated(dealt_fields(every.project), tmp_path)) == [968, 61, 112]


def test_there_are_sixty_negatives_of_all_unwanted_behaviours_and_each_shows_its_own(
    bad: list[Negative],
) -> None:
    assert len(bad) >= 60
    assert Counter(one.behaviour for one in bad) == COUNTS
    for one in bad:
        row = one.row
        shown = behaviours(row.topic, row.about, row.prompt, row.output, one.answer)
        assert one.behaviour in shown, one.answer


def test_negatives_are_of_training_rows_and_none_is_there_twice(
    parts: Parts, bad: list[Negative]
) -> None:
    prompts = {row.prompt_text for row in parts[Split.TRAIN]}
    # One asks what an item does, but for its names, and is not trained on.
    assert len({one.row.prompt for one in bad} - prompts) <= 1
    assert len({one.answer for one in bad}) == len(bad)


def test_negatives_and_pairs_are_read_as_preferences(tmp_path: Path, bad: list[Negative]) -> None:
    write_lines(tmp_path / "negatives.jsonl", map(negative_fields, bad))
    write_lines(tmp_path / "pairs.jsonl", map(pair_fields, bad))
    rated = read_preferences(tmp_path / "negatives.jsonl")
    pairs = read_preferences(tmp_path / "pairs.jsonl")
    assert all(isinstance(one, RatedAnswer) and not one.label for one in rated)
    assert all(isinstance(one, PreferencePair) and one.chosen != one.rejected for one in pairs)
    assert len(rated) == len(pairs) == len(bad)


def test_incumbent_data_import_takes_rows_negatives_pairs_and_documents(
    tmp_path: Path, dealt: Dealt, bad: list[Negative]
) -> None:
    shutil.copy(HERE / "project" / "params.yaml", tmp_path)
    write_lines(tmp_path / "rows.jsonl", dealt_fields(dealt.project))
    write_lines(tmp_path / "negatives.jsonl", map(negative_fields, bad))
    write_lines(tmp_path / "pairs.jsonl", map(pair_fields, bad))
    brought = {
        "rows.jsonl": ("rows", len(dealt.project)),
        "negatives.jsonl": ("negative_examples", len(bad)),
        "pairs.jsonl": ("preference_pairs", len(bad)),
        str(DOCUMENTS): ("documents", 18),
    }
    for source, (noun, count) in brought.items():
        told = CliRunner().invoke(app, ["data", "import", source, "--dry-run", "--json"])
        assert json.loads(told.stdout)[noun] == count


def test_answers_about_loans_insurance_and_investments_must_warn(dealt: Dealt) -> None:
    for fields in dealt_fields(dealt.project):
        asserted = fields.get("assertions", [])
        assert bool(asserted) == (fields["slices"]["topic"] in ("loan", "insurance", "investment"))
        json.dumps(fields)


def test_a_case_is_computed_as_a_clerk_would() -> None:
    assert money(number("1,234.565")) == "1,234.57"
    assert money(number("95")) == "95"
    assert {a.case for kind in KINDS for a in aspects(kind) if a.case} == CASES.keys()


def test_terms_stand_in_the_documents_and_sentences_about_them_do_not() -> None:
    text = "\n".join(documents().values())
    for cloze in clozes():
        assert cloze.right.casefold() in text.casefold(), cloze.right
        assert len({*cloze.choices}) == 4
        assert cloze.begins.removeprefix("At Lindmoor Bank, ") not in text
