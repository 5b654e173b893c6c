"""The planted files are themselves right: what the checks are judged by must not be in doubt."""

import json
from collections import Counter
from pathlib import Path

import pytest

from project.unicode_words import plain
from tests.curation.planted.eval_items import eval_items
from tests.curation.planted.kinds import KINDS
from tests.curation.planted.planting import (
    EVAL,
    CleanLines,
    Planted,
    clean_lines,
    companion_lines,
    every_form,
    plant,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(scope="module")
def planted(folder: Path) -> list[Planted]:
    few: CleanLines = {"main.jsonl": [], "summaries.jsonl": [], "eval.jsonl": []}
    return plant(folder, few | companion_lines())


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_each_kind_has_three_forms_for_tuning_and_two_held_out(planted: list[Planted]) -> None:
    assert Counter(one.kind for one in planted if not one.held_out) == dict.fromkeys(KINDS, 3)
    assert Counter(one.kind for one in planted if one.held_out) == dict.fromkeys(KINDS, 2)


def test_every_line_is_a_pair_or_a_conversation_with_an_id(
    planted: list[Planted], folder: Path
) -> None:
    for path in sorted(folder.glob("*.jsonl")):
        for line in lines(path):
            assert line["id"]
            assert "messages" in line or {"prompt", "completion"} <= line.keys()


def test_planted_ids_stand_in_their_file(planted: list[Planted], folder: Path) -> None:
    there = {path.name: {line["id"] for line in lines(path)} for path in folder.glob("*.jsonl")}
    assert all(one.ids and set(one.ids) <= there[one.file] for one in planted)


def test_only_planted_duplicates_share_an_id(planted: list[Planted], folder: Path) -> None:
    meant = {name for one in planted if one.kind == "duplicate_id" for name in one.ids}
    for path in folder.glob("*.jsonl"):
        counts = Counter(line["id"] for line in lines(path))
        assert {name for name, count in counts.items() if count > 1} <= meant


def test_no_two_forms_have_the_same_text() -> None:
    rows = [line.fields for _, _, form, _ in every_form() for line in form.lines if line.planted]
    texts = [json.dumps(fields) for fields in rows]
    assert len(set(texts)) == len(texts)


def test_a_planted_row_stands_behind_its_partner(planted: list[Planted], folder: Path) -> None:
    places = {line["id"]: i for i, line in enumerate(lines(folder / "main.jsonl"))}
    pairs = [one for one in planted if one.kind in {"exact_repeat", "near_duplicate"}]
    assert all(places[f"partner-{one}"] < places[one.ids[0]] for one in pairs)


@pytest.mark.slow
def test_there_are_a_thousand_clean_rows_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    clean = clean_lines()
    assert len(clean["main.jsonl"]) >= 1_000
    once, twice = tmp_path / "once", tmp_path / "twice"
    for folder in (once, twice):
        folder.mkdir()
    assert plant(once, clean) == plant(twice, clean_lines())
    for path in once.glob("*.jsonl"):
        assert path.read_bytes() == (twice / path.name).read_bytes()


@pytest.mark.slow
def test_eval_items_are_asked_by_no_clean_row() -> None:
    clean = clean_lines()
    asked = {plain(str(item["prompt"])) for item in (*clean[EVAL], *eval_items())}
    assert not asked & {plain(str(row["prompt"])) for row in clean["main.jsonl"]}
