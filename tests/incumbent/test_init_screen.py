"""What `init` says of somebody's files: short, in their numbers, and fit for any terminal."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from curation.curation_settings import Columns, FileSource
from curation.sources.columns.column_guess import guess
from curation.sources.tables.read_table import read_table
from incumbent.init.findings import Findings, find
from incumbent.init.limits import is_english, language_notes
from incumbent.init.own_sources import (
    HowRead,
    LabelledLines,
    column_lines,
    look_at,
    own_file_lines,
    padded,
    show,
)
from incumbent.project_files import copy_project
from incumbent.verbs.init import finding_lines
from project.errors import InputError
from project.model_pins import BaseChoice
from project.records.data import Row
from tests.bank_files import HELPLINE, Bank, as_csv, write_csv

FILE = Path("datasets/sources/faq.csv")


def looked_at(base: Path) -> Findings:
    columns = Columns(prompt=("Question",), completion="Answer", slices=("Class",))
    source = FileSource(kind="file", path=FILE, columns=columns)
    return find([source], BaseChoice(model=str(base)), base)


def said(paragraphs: list[LabelledLines]) -> dict[str, str]:
    return {label: "\n".join(lines) for label, lines in paragraphs if lines}


@pytest.fixture
def bank(word_base: Path) -> Findings:
    copy_project(Path(), sample=False)
    write_csv(FILE, 120)
    return looked_at(word_base)


def test_the_numbers_add_up_to_the_records(bank: Findings) -> None:
    first, *lines = said(list(finding_lines(bank)))["records"].splitlines()
    counts = [int(line.split()[0]) for line in lines if "rehearsed" not in line]
    assert int(first.split()[0]) == sum(counts) == len(bank.account)


def test_conflicts_are_counted_with_what_becomes_of_them(bank: Findings) -> None:
    told = said(list(finding_lines(bank)))["conflicts"]
    several = len(bank.conflicts)
    assert several >= 12
    assert told.startswith(f"{several} prompts with several answers, in {sum(bank.conflicts)} rows")
    assert "curation.curate.conflicts" in told


def test_own_contacts_are_named_with_where_to_take_them_out(bank: Findings) -> None:
    told = said(list(finding_lines(bank)))["contacts"]
    assert HELPLINE in told
    assert "datasets/contracts/waivers.yaml" in told
    assert "curation.curate.personal_data" in told


def test_a_group_of_a_fifth_of_the_persons_own_rows_is_told(word_base: Path) -> None:
    copy_project(Path(), sample=False)
    own = list(Bank().pairs(80))
    same = [("How do I reach you?", f"{answer} Or call.") for _, answer in own[:24]]
    FILE.write_text(as_csv([(*pair, "a") for pair in [*same, *own[24:]]]))
    (note,) = looked_at(word_base).notes
    assert note.startswith("24 of 80 rows share a prompt, an answer or a group")
    assert 'such as "How do I reach you?"' in note


# --- columns ------------------------------------------------------------------------------------


def test_of_a_wide_table_the_columns_that_are_not_read_are_put_together() -> None:
    header = ["question", "answer", *(f"metric_{i}" for i in range(200))]
    pairs = Bank().pairs(40)
    records = [[*pair, *(str(n * i) for n in range(200))] for i, pair in enumerate(pairs)]
    Path("wide.csv").write_text("\n".join(",".join(row) for row in [header, *quoted(records)]))
    table = read_table(Path("wide.csv"))
    told = said(list(column_lines(guess([table], HowRead()))))
    assert told["columns"].splitlines() == [
        "question  prompt: by its name and its questions",
        "answer    completion: by its name",
    ]
    assert told["not read"].endswith("metric_3, metric_4 and 195 more")
    own = look_at([Path("wide.csv")], HowRead())
    assert own_file_lines(own).lines == ["wide.csv: csv, 40 records"]


def quoted(records: list[list[str]]) -> list[list[str]]:
    return [[f'"{value}"' for value in record] for record in records]


# --- the terminal -------------------------------------------------------------------------------

LONG = LabelledLines(
    "note", ["one two three four five six seven eight", "  nine ten eleven twelve thirteen"]
)


def shown(monkeypatch: pytest.MonkeyPatch, **console: object) -> list[str]:
    made = Console(**console, color_system=None, record=True)  # type: ignore[arg-type]
    for module in ("incumbent.output", "incumbent.init.own_sources"):
        monkeypatch.setattr(f"{module}.console", made)
    show([LONG, LabelledLines("empty", [])])
    return made.export_text().splitlines()


def test_in_a_terminal_lines_are_wrapped_beside_their_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shown(monkeypatch, force_terminal=True, width=40) == [
        "note       one two three four five six",
        "           seven eight",
        "             nine ten eleven twelve",
        "             thirteen",
    ]


def test_in_a_pipe_they_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, force_terminal=False, width=40) == [
        "note       one two three four five six seven eight",
        "             nine ten eleven twelve thirteen",
    ]


def test_a_chinese_character_takes_two_columns() -> None:
    assert padded("问题", 6) == "问题  "


# --- languages ----------------------------------------------------------------------------------

GERMAN = "Wie schließe ich mein Konto?", "Senden Sie das Formular an Ihre Filiale."


@pytest.mark.parametrize(
    ("asked", "answered", "english"),
    [
        ("How do I close my account?", "Send the form to your branch.", True),
        ("write a function that adds two numbers", "def add(x, y): return x + y", True),
        ("ok", "yes", True),  # too short to tell
        (*GERMAN, False),
        ("¿Cómo cierro mi cuenta de ahorro?", "Envíe el formulario a su oficina.", False),
        ("Comment fermer mon compte ?", "Envoyez le formulaire à votre agence.", False),
        ("Jak zamknąć konto?", "Wyślij formularz do swojego oddziału.", False),
        ("如何关闭我的账户？", "请将表格发送到您的网点。", False),
        ("كيف أغلق حسابي في البنك؟", "أرسل النموذج إلى الفرع.", False),
    ],
)
def test_english_is_told_by_its_small_words(asked: str, answered: str, english: bool) -> None:
    assert is_english([Row.of(asked, answered, group="g", source="s")]) is english


def test_what_to_name_in_place_of_the_embedded_models_is_said() -> None:
    rows = [Row.of(*GERMAN, group="g", source="s")]
    embedder, base = language_notes(rows, BaseChoice())
    assert "embedder.model" in embedder
    assert "--base" in base
    assert len(language_notes(rows, BaseChoice(model="a/b", revision="c"))) == 1


def test_what_is_no_table_is_told_with_the_way_in(tmp_path: Path) -> None:
    log = {"id": "1", "at": "2026-01-01T00:00:00Z", "prompt": "a", "response": "b"}
    (tmp_path / "log.jsonl").write_text(json.dumps(log))
    with pytest.raises(InputError, match=r"is a traffic log.*incumbent data import .*log\.jsonl"):
        look_at([tmp_path / "log.jsonl"], HowRead())
