"""The settings of a new project follow from its rows."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from curation.curation_settings import CollectParams, Columns, CurateParams, FileSource
from incumbent.init import limits
from incumbent.init.findings import Findings, find, group_notes, system_notes
from incumbent.init.limits import limits_of, longest_trained, recipe_of, shares_of
from incumbent.init.new_folder import Chosen, write_settings
from incumbent.project_files import copy_project
from project.errors import InputError
from project.model_pins import BaseChoice
from project.records.data import Message, Row, Split, TokenCount
from project.settings import load
from tests.bank_files import Bank, as_csv, write_csv

FILE = Path("datasets/sources/faq.csv")
COLUMNS = Columns(prompt=("Question",), completion="Answer", slices=("Class",))
SOURCE = FileSource(kind="file", path=FILE, columns=COLUMNS)


def counts(*lengths: tuple[int, int]) -> list[TokenCount]:
    return [TokenCount(row=str(i), prompt=p, completion=c) for i, (p, c) in enumerate(lengths)]


def test_the_limits_fit_all_but_the_longest_row_in_a_hundred() -> None:
    limits = limits_of(counts(*[(160, 40)] * 199, (900, 300)), window=2048)
    assert (limits.max_length, limits.max_new_tokens) == (200, 40)
    assert (limits.too_long, limits.cut) == (1, 0)


def test_the_window_is_the_limit_where_it_is_the_smaller_one() -> None:
    limits = limits_of(counts(*[(3000, 600)] * 10), window=2048)
    assert limits.max_length + limits.max_new_tokens <= 2048
    assert limits.too_long == 10


def test_answers_that_no_model_could_give_whole_are_counted() -> None:
    limits = limits_of(counts(*[(40, 1400)] * 10, *[(40, 60)] * 90), window=4096)
    assert (limits.max_new_tokens, limits.too_long, limits.cut) == (1024, 0, 10)
    assert limits.memory is None


def test_a_base_that_names_no_window_sets_no_limit() -> None:
    limits = limits_of(counts(*[(3000, 600)] * 10), window=None)
    assert (limits.max_length, limits.max_new_tokens, limits.too_long) == (3600, 600, 0)
    assert limits_of(counts(*[(40, 20)] * 10), window=None).max_length == 128


def test_long_answers_to_short_questions_are_kept_up_to_the_window() -> None:
    limits = limits_of(counts(*[(40, 1400)] * 80, (900, 300)), window=2048)
    assert limits.max_length >= 1440
    assert 40 + limits.max_new_tokens <= 2048


def test_a_row_whose_prompt_leaves_no_room_for_an_answer_is_left_out() -> None:
    limits = limits_of(counts(*[(300, 1200)] * 99, (1500, 100)), window=2048)
    assert 1500 <= limits.max_length < 1600
    assert limits.too_long == 1


def test_the_memory_is_the_limit_where_it_is_the_smallest_one() -> None:
    limits = limits_of(counts(*[(600, 40)] * 10), 2048, lambda length: min(length, 300))
    assert (limits.max_length, limits.too_long) == (300, 10)


def test_a_small_base_can_train_any_row_and_a_large_one_only_short_ones(
    word_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = BaseChoice(model=str(word_base))
    assert longest_trained(base, 900) == 900
    shape = replace(limits.shape_of(base), layers=4000)
    monkeypatch.setattr(limits, "shape_of", lambda _: shape)
    assert 64 <= longest_trained(base, 100_000) < 100_000


@pytest.mark.parametrize("rows", [30, 150, 1200, 100_000, 3_000_000])
def test_parts_are_large_enough_to_show_something_and_no_larger(rows: int) -> None:
    shares = shares_of(rows)
    assert 0 < shares.dev < shares.sealed <= 0.2
    assert shares.sealed * rows <= 305


def test_few_rows_are_read_more_often_and_advised_to_look_at_few_shot() -> None:
    few, many = recipe_of(40, 60, 128, 2048), recipe_of(4000, 5000, 128, 2048)
    assert few.epochs > many.epochs == 1
    assert any("few-shot" in line for line in few.why)
    assert not any("few-shot" in line for line in many.why)


def test_examples_are_shown_where_the_window_has_room_for_them() -> None:
    assert recipe_of(700, 1000, 128, 2048).shots == 3
    assert recipe_of(700, 1000, 600, 2048).shots == 0


def looked_at(base: Path) -> Findings:
    return find([SOURCE], BaseChoice(model=str(base)), base)


@pytest.fixture
def records() -> int:
    copy_project(Path(), sample=False)
    return write_csv(FILE, 120)


def test_every_record_is_accounted_for(records: int, word_base: Path) -> None:
    found = looked_at(word_base)
    assert len(found.account) == records
    assert all(bool(fate.part) != bool(fate.why) for fate in found.account)
    kept = sum(len(found.part(part)) for part in Split)
    assert sum(map(len, found.made.parts.values())) == kept + found.rehearsed


def test_the_parts_are_about_as_large_as_proposed(records: int, word_base: Path) -> None:
    found = looked_at(word_base)
    kept = sum(len(found.part(part)) for part in Split)
    assert len(found.part(Split.SEALED)) == pytest.approx(found.params.sealed_share * kept, rel=0.2)
    assert len(found.part(Split.DEV)) == pytest.approx(found.params.dev_share * kept, rel=0.2)


def test_the_sealed_set_takes_as_many_groups_as_a_verdict_needs(word_base: Path) -> None:
    copy_project(Path(), sample=False)
    rows = [(*pair, f"ticket-{n % 20}") for n, pair in enumerate(Bank().pairs(300))]
    FILE.write_text(as_csv(rows))
    columns = Columns(prompt=("Question",), completion="Answer", group="Class")
    source = SOURCE.model_copy(update={"columns": columns})
    found = find([source], BaseChoice(model=str(word_base)), word_base)
    sealed = found.part(Split.SEALED)
    assert found.params.sealed_share == 0.35
    assert len({row.group for row in sealed}) >= 7
    assert not any("groups" in note for note in found.notes)
    (note,) = group_notes([row for row in sealed if row.group == sealed[0].group])
    assert "count as 1.0 groups of rows alike, and a promotion needs 7" in note


def test_a_base_of_another_kind_will_do(records: int, word_base: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(word_base, tmp_path / "odd"))
    (base / "config.json").write_text('{"model_type": "odd"}')
    assert looked_at(base).limits.window is None


def test_rows_that_all_belong_together_make_no_project(word_base: Path) -> None:
    copy_project(Path(), sample=False)
    same = "".join(f"one and the same question?,answer {i},a\n" for i in range(90))
    FILE.write_text(f"Question,Answer,Class\n{same}")
    with pytest.raises(InputError, match=r"90 distinct rows cannot be split"):
        looked_at(word_base)


def test_few_rows_that_are_repeated_are_few(word_base: Path) -> None:
    copy_project(Path(), sample=False)
    FILE.write_text("Question,Answer,Class\n" + "one question?,an answer,a\n" * 900)
    with pytest.raises(InputError, match=r"^1 distinct row in 900 records: at least 30"):
        looked_at(word_base)


def test_the_settings_read_back_as_they_were_found(records: int, word_base: Path) -> None:
    found = looked_at(word_base)
    base = BaseChoice(model=str(word_base))
    write_settings(Chosen(family="bank", base=base, sources=(SOURCE,), found=found))
    assert load(CollectParams).sources[0] == SOURCE
    assert load(CurateParams).seed == found.params.seed
    assert load(BaseChoice).max_length == found.limits.max_length


def test_odd_names_read_back_as_they_are(word_base: Path, tmp_path: Path) -> None:
    copy_project(Path(), sample=False)
    path = FILE.with_name("ünï 'x': \"y\" #1.csv")
    odd = SOURCE.model_copy(update={"path": path, "licence": "MIT OR Apache-2.0"})
    write_csv(odd.path, 60)
    base = BaseChoice(model=str(shutil.copytree(word_base, tmp_path / "my base: #2")))
    found = find([odd], base, Path(base.model))
    write_settings(Chosen(family="123", base=base, sources=(odd,), found=found))
    assert load(CollectParams).sources[0] == odd
    assert load(BaseChoice).model == base.model
    assert "ünï" in Path("params.yaml").read_text()


@pytest.mark.parametrize(
    ("systems", "noted"),
    [(["a bank", "a bank"], 1), (["a bank", "a shop"], 0), (["a bank", None], 0), ([None], 0)],
)
def test_a_system_prompt_of_all_rows_is_one_that_users_do_not_send(
    systems: list[str | None], noted: int
) -> None:
    rows = []
    for number, system in enumerate(systems):
        row = Row.of(f"question {number}", "an answer", group=str(number), source="s")
        own = [Message(role="system", content=system)] if system else []
        rows.append(row.model_copy(update={"prompt": (*own, *row.prompt)}))
    assert len(list(system_notes(rows))) == noted
