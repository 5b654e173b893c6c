"""Whatever files a person has, the project that `init` makes of them comes through the gate."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from curation import collect, curate, gate, validate
from incumbent.init.findings import Findings, find
from incumbent.init.new_folder import Chosen, take_in, write_settings
from incumbent.init.own_sources import HowRead, OwnFiles, look_at, own_file_lines
from incumbent.project_files import copy_project
from incumbent.verbs.init import finding_lines, outlook_lines, showing_passages
from project.errors import InputError
from project.model_pins import BaseChoice, ModelChoice, pin
from project.paths import BASE, CURATED_DOCUMENTS, CURATED_PREFERENCES, RAW, rows_of
from project.records.data import Document, Row, Split
from project.records.preferences import read_preferences
from tests.bank_files import Bank, write_csv

ROWS = 150


def pairs(seed: int = 7) -> list[tuple[str, str]]:
    return list(Bank(seed).pairs(ROWS))


def lines(records: Sequence[Any], name: str = "own.jsonl") -> list[Path]:
    Path(name).write_text("".join(json.dumps(one) + "\n" for one in records))
    return [Path(name)]


def messages(*turns: tuple[str, str], who: str = "role", what: str = "content") -> Any:
    return [{who: role, what: text} for role, text in turns]


def openai() -> list[Path]:
    return lines(
        [{"messages": messages(("system", "Be short."), ("user", q), ("assistant", a))}
         for q, a in pairs()]
    )  # fmt: skip


def sharegpt() -> list[Path]:
    turns = [messages(("human", q), ("gpt", a), who="from", what="value") for q, a in pairs()]
    Path("own.json").write_text(
        json.dumps([{"id": i, "conversations": t} for i, t in enumerate(turns)])
    )
    return [Path("own.json")]


def preference_pairs() -> list[Path]:
    return lines([{"prompt": q, "chosen": a, "rejected": "I do not know."} for q, a in pairs()])


def pairs_of_conversations() -> list[Path]:
    first = [("user", "Hello!"), ("assistant", "Good day.")]
    return lines(
        [
            {
                "prompt": messages(*first, ("user", q)),
                "chosen": messages(("assistant", a)),
                "rejected": messages(("assistant", "I do not know.")),
            }
            for q, a in pairs()
        ]
    )


def rated() -> list[Path]:
    good = [{"prompt": q, "completion": a, "label": True} for q, a in pairs()]
    bad = [{"prompt": q, "completion": "Go away.", "label": False} for q, _ in pairs()[:60]]
    return lines([*good, *bad])


def canonical() -> list[Path]:
    about = {"assertions": [{"kind": "length", "most": 999}], "slices": {"desk": "north"}}
    turns = [(messages(("user", q)), messages(("assistant", a))) for q, a in pairs()]
    return lines([{"prompt": asked, "completion": told, **about} for asked, told in turns])


def on_passages() -> list[Path]:
    """Each answer cites the passage that has it; every third question is put to another passage."""
    told = pairs()
    silent = {"output": "I do not know.", "answerable": False}
    return lines(
        [
            {"instruction": q, "evidence": [told[i - 1][1]], **silent}
            if i % 3 == 0
            else {"instruction": q, "evidence": [told[i - 1][1], a], "output": f"{a} [2]"}
            for i, (q, a) in enumerate(told)
        ]
    )


def transcripts() -> list[Path]:
    said = "\n---\n".join(f"Customer: {q}\nAgent: {a}" for q, a in pairs())
    Path("calls.txt").write_text(said)
    return [Path("calls.txt")]


def rasa() -> list[Path]:
    Path("data").mkdir()
    asked = [{"intent": f"faq/{i}", "examples": f"- {q}\n"} for i, (q, _) in enumerate(pairs())]
    told = {f"utter_faq/{i}": [{"text": a}] for i, (_, a) in enumerate(pairs())}
    Path("data/nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": asked}))
    Path("data/responses.yml").write_text(yaml.safe_dump({"responses": told}))
    return [Path("data")]


def table_and_manual() -> list[Path]:
    write_csv(Path("faq.csv"), ROWS)
    Path("manual").mkdir()
    for i, (q, a) in enumerate(pairs(seed=3)):
        Path(f"manual/{i}.md").write_text(f"# Chapter {i}\n\n{a} {q} {a.upper()}\n")
    Path("manual/logo.png").write_bytes(b"\x89PNG")
    return [Path("faq.csv"), Path("manual")]


def found_in(
    files: Sequence[Path], base: Path, wanted: HowRead | None = None
) -> tuple[OwnFiles, Findings]:
    """As `init` does, without git and DVC, in the current folder."""
    own = look_at(files, wanted or HowRead())
    copy_project(Path(), sample=False)
    formats = {file.path: file.format for file in own.files}
    sources = own.sources(take_in(list(formats), formats), HowRead())
    choice = showing_passages(BaseChoice(model=str(base)), own)
    found = find(sources, choice, base)
    write_settings(Chosen(family="own", base=choice, sources=tuple(sources), found=found))
    return own, found


CURATION = (collect, curate)
UNTIL_GATE = (*CURATION, validate, gate)


def run(stages: Sequence[ModuleType], base: Path) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["curation"]["validate"]["embedded_rows"] = 0  # no model is loaded
    Path("params.yaml").write_text(yaml.safe_dump(params))
    pin(ModelChoice(model=str(base)), "base").write(BASE)
    for stage in stages:
        stage.main()


def rows() -> list[Row]:
    return [
        row
        for part in Split
        for row in Row.read_lines(rows_of(part))
        if "rehearsal" not in row.source
    ]


@pytest.mark.parametrize(
    ("made", "form"),
    [
        (sharegpt, "table"),
        (pairs_of_conversations, "preferences"),
        (canonical, "rows"),
        (transcripts, "transcripts"),
        (rasa, "table"),
    ],
)
def test_every_form_gives_its_rows(made: Any, form: str, word_base: Path) -> None:
    own, found = found_in(made(), word_base)
    kept = [row for part in Split for row in found.part(part)]
    assert [file.format for file in own.files] == [form]
    assert {(row.prompt[-1].content, row.completion_text) for row in kept} <= set(pairs())
    assert len(kept) >= 0.9 * ROWS


def test_sealed_items_of_a_template_that_many_rows_have_are_told(word_base: Path) -> None:
    asked = [
        {"question": f"My savings are {i * 37}. What do I get?", "answer": f"You get {i}."}
        for i in range(100, 200)
    ]
    others = [{"question": q, "answer": a} for q, a in pairs()[:100]]
    _, found = found_in(lines([*asked, *others]), word_base)
    assert any("of 1 template differ from training rows in figures alone" in n for n in found.notes)
    assert found.part(Split.SEALED)


def test_chats_come_through_the_gate(word_base: Path) -> None:
    found_in(openai(), word_base)
    run(UNTIL_GATE, word_base)
    assert {row.completion_text for row in rows()} <= {answer for _, answer in pairs()}
    assert all(row.prompt[0].content == "Be short." for row in rows())


def test_rows_on_passages_are_asked_with_them_and_judged_by_them(word_base: Path) -> None:
    found_in(on_passages(), word_base)
    params = yaml.safe_load(Path("params.yaml").read_text())
    assert params["base"]["evidence_template"] == "default"
    assert "grounding" in params["evaluation"]["scoring"]["metrics"]
    assert Path("datasets/safety/poisoned.jsonl").exists()


def test_pairs_alone_give_rows_of_the_better_answers_and_are_learnt_behind_them(
    word_base: Path,
) -> None:
    _, found = found_in(preference_pairs(), word_base)
    told = [line for said in finding_lines(found) for line in said.lines]
    run(UNTIL_GATE, word_base)
    kept, learnt = rows(), read_preferences(CURATED_PREFERENCES)
    assert {row.completion_text for row in kept} <= {answer for _, answer in pairs()}
    items = {
        row.prompt_text
        for part in (Split.DEV, Split.SEALED)
        for row in Row.read_lines(rows_of(part))
    }
    assert 60 < len(learnt) <= ROWS and items.isdisjoint(one.prompt for one in learnt)
    assert f"  {len(learnt):>3} preferences, to learn from behind the rows" in told
    assert steps() == {"domain": 0, "dpo": 1, "kto": 0}


def test_of_rated_answers_the_good_ones_are_rows_and_the_bad_ones_never(word_base: Path) -> None:
    found_in(rated(), word_base)
    run(CURATION, word_base)
    assert "Go away." not in {row.completion_text for row in rows()}
    assert "Go away." in Path(CURATED_PREFERENCES).read_text()
    assert steps() == {"domain": 0, "dpo": 0, "kto": 1}


def steps() -> dict[str, float]:
    training = yaml.safe_load(Path("params.yaml").read_text())["training"]
    return {name: training[name]["epochs"] for name in ("domain", "dpo", "kto")}


def test_raw_text_beside_rows_is_read_first_and_what_that_costs_is_said(word_base: Path) -> None:
    own, found = found_in(table_and_manual(), word_base)
    assert [path.name for file in own.files for path in file.aside] == ["logo.png"]
    assert not list(Path("datasets/sources").rglob("*.png"))
    told = [line for said in (*finding_lines(found), *outlook_lines(found)) for line in said.lines]
    texts = len(found.others.documents)
    assert f"  {texts} passages of raw text, to learn from before the rows" in told
    assert any(
        "for the raw text (training.domain.epochs: 0 leaves it out)" in line for line in told
    )
    run(CURATION, word_base)
    assert len(Document.read_lines(CURATED_DOCUMENTS)) == texts > 100
    assert steps() == {"domain": 1, "dpo": 0, "kto": 0}


def test_raw_text_alone_says_what_to_name_beside_it() -> None:
    Path("manual").mkdir()
    Path("manual/a.md").write_text("# Fees\n\nA fee, as we say, is a price.\n")
    with pytest.raises(InputError, match=r'raw text \("Fees A fee.*csv --from manual; if'):
        look_at([Path("manual")], HowRead())


def test_of_a_folder_with_both_the_raw_text_is_named_with_the_way_in() -> None:
    Path("mine").mkdir()
    write_csv(Path("mine/faq.csv"), 40)
    for name in ("README.md", "terms of use.md", "logo.png"):
        Path("mine", name).write_text("# Terms\n\nA text.\n")
    lines = own_file_lines(look_at([Path("mine")], HowRead())).lines
    assert lines[-1] == "  raw text is learnt too where it is named: --from 'mine/terms of use.md'"


def test_named_columns_make_a_table_of_pairs(word_base: Path) -> None:
    """Whoever names the columns wants these alone."""
    own = look_at(preference_pairs(), HowRead(prompt=("prompt",), completion="chosen"))
    assert [file.format for file in own.files] == ["table"]


def judged(control: str, **data: str) -> Any:
    results = [{"from_name": control, "type": "textarea", "value": {"text": [data["told"]]}}]
    return {"data": data, "annotations": [{"id": 1, "result": results}]}


def test_an_export_may_need_its_prompt_named_and_keeps_that(word_base: Path) -> None:
    tasks = [judged("answer", asked=q, title=q.upper(), told=a) for q, a in pairs()]
    Path("export.json").write_text(json.dumps(tasks))
    with pytest.raises(InputError, match=r"(?s)incumbent data import .*\(in a project: make it"):
        look_at([Path("export.json")], HowRead())
    _, found = found_in([Path("export.json")], word_base, HowRead(prompt=("asked",)))
    run((collect,), word_base)
    said = {(row.prompt_text, row.completion_text) for row in Row.read_lines(RAW)}
    assert said >= set(pairs()) and len(found.account) == ROWS
