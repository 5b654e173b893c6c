"""A person's rows leave all that a project can reach, stay away, and nothing else is lost."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from curation.collect import collect, gathered
from curation.curate import curate
from curation.curation_settings import CollectParams, CurateParams
from curation.eval_sets import Extension, append_change, read_changes
from curation.sources.row_formats import Read
from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import ChatReply
from evaluation.generation.hosted import ASKED, Reply, answer_folder, requests_of
from monitoring.traffic.traffic_store import TrafficStore
from project.canonical import digest_folder
from project.erasures import ERASED, Erased
from project.files import home, write_bytes
from project.near_duplicates import WordPrints
from project.paths import INDEX_FILES
from project.records.adapters import SHEET, Adapter, Contestant, ContestantSheet, HostedModel
from project.records.data import Document, EvidencePassage, Origin, Row
from project.records.events import RowErasure
from project.records.record import write_records
from project.records.traffic import Traffic
from project.settings import load
from registry.audit import problems
from registry.garbage import collect as garbage
from registry.store import Registry
from retrieval.retriever import IndexSettings, write_index
from tests.conftest import ROOT
from tests.incumbent.tiny_project import printed_by

NAME = "Jana Novotna"
SOURCES = Path("datasets/sources")
PARAMS = """
curation:
  collect:
    sources:
      - {kind: file, path: datasets/sources/rows.jsonl}
      - kind: file
        path: datasets/sources/faq.csv
        columns: {prompt: Question, completion: Answer}
      - {kind: file, path: datasets/sources/old.parquet, columns: {prompt: q, completion: a}}
      - {kind: file, path: datasets/sources/labelled.jsonl}
"""
OTHERS = [
    Row.of(f"question {i}?", f"answer {i}", group=f"g{i}", source="rows.jsonl") for i in "abc"
]
HERS = Row.of("May I raise my limit?", f"Yes, {NAME}, to 5,000.", group="h", source="rows.jsonl")
ACCEPTED = Row.of("And abroad?", f"Abroad too, Mrs {NAME}.", group="l", source="labelled.jsonl")
# Two records of one line and of two; her name in a column that no row is made of.
CSV = (
    "Question,Answer,Customer\r\n"
    "who pays?,you do,Max Muster\r\n"
    '"when, and\r\nwhere?",on Monday,jana  NOVOTNA\r\n'
    "what for?,nothing,Anna Novotnarova\r\n"
)
AT = "2026-03-01T10:00:00Z"


def traffic(name: str, prompt: str, user: str | None = None) -> Traffic:
    return Traffic(id=name, at=AT, user=user, prompt=prompt, response="Hello.", adapter="v1")


@pytest.fixture(autouse=True)
def project(isolate: Path, warm_dvc: None) -> None:
    Path("params.yaml").write_text(PARAMS)
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    write_records(SOURCES / "rows.jsonl", [*OTHERS, HERS])
    write_records(SOURCES / "labelled.jsonl", [ACCEPTED])
    (SOURCES / "faq.csv").write_text(CSV, newline="")
    pd.DataFrame({"q": ["why?", "how?"], "a": ["because", f"ask {NAME} for it"]}).to_parquet(
        SOURCES / "old.parquet"
    )
    append_change(
        Extension(at=AT, by="ann", reason="x", source="labelled.jsonl", rows=(ACCEPTED.id,))
    )
    queue = [{"data": {"prompt": f"I am {NAME}"}}, {"data": {"prompt": "hello"}}]
    for path, text in {
        "datasets/queue/labels.json": json.dumps(queue),
        "datasets/preferences/bad.jsonl": json.dumps({"prompt": NAME, "chosen": "a"}),
        "outputs/answers/champion-dev.jsonl": HERS.model_dump_json(),
        "outputs/adapter.json": "{}",
        ".dvc/cache/files/md5/ab/cdef": HERS.model_dump_json(),
        ".dvc/cache/files/md5/ab/other": '{"vocab":{"nope":1}}',
    }.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    answers = home() / "answers" / "x"
    answers.mkdir(parents=True)
    (answers / "hers.jsonl").write_text(f'{{"item":"{HERS.id}","text":"Yes."}}')
    (answers / "others.jsonl").write_text(f'{{"item":"{OTHERS[0].id}","text":"Yes."}}')
    store = TrafficStore(Path("datasets/traffic"), redact=False, quarantine=home() / "q")
    store.append([traffic("t1", f"hi, {NAME} here"), traffic("t2", "hi"), traffic("t3", "x", NAME)])


def forget(*options: str, code: int = 0) -> str:
    return printed_by("data", "forget", *options, code=code)


def files_that_name_her() -> set[str]:
    def text(path: Path) -> str:
        found = pd.read_parquet(path).to_json() if path.suffix == ".parquet" else ""
        return " ".join((found + path.read_bytes().decode(errors="ignore")).split()).casefold()

    return {
        str(path) for path in Path().rglob("*") if path.is_file() and NAME.casefold() in text(path)
    }


def test_without_yes_it_lists_and_changes_nothing() -> None:
    before = files_that_name_her()
    said = forget("--match", NAME)
    assert "would be erased: 4 rows" in said
    assert "the same with --yes and a --reason erases them" in said
    assert files_that_name_her() == before and len(before) >= 8
    assert not ERASED.exists()


def test_no_file_within_reach_names_her_any_more_and_all_else_is_as_it_was() -> None:
    forget("--match", NAME, "--yes", "--reason", "she asked for it")
    assert files_that_name_her() == set()
    assert Row.read_lines(SOURCES / "rows.jsonl") == tuple(OTHERS)
    assert (SOURCES / "faq.csv").read_bytes() == (
        b"Question,Answer,Customer\r\nwho pays?,you do,Max Muster\r\n"
        b"what for?,nothing,Anna Novotnarova\r\n"
    )
    assert pd.read_parquet(SOURCES / "old.parquet").to_dict("list") == {
        "q": ["why?"],
        "a": ["because"],
    }
    assert json.loads(Path("datasets/queue/labels.json").read_text()) == [
        {"data": {"prompt": "hello"}}
    ]
    assert (home() / "answers" / "x" / "others.jsonl").exists()
    assert Path(".dvc/cache/files/md5/ab/other").exists()
    assert not Path("outputs/adapter.json").exists()  # the next run makes it without her rows
    day = TrafficStore(Path("datasets/traffic"), redact=False, quarantine=home() / "q")
    (date,) = day.days()
    assert [row.id for rows in day.read(date) for row in rows] == ["t2"]


def test_what_a_row_alone_shows_goes_with_it_and_what_others_show_too_stays() -> None:
    own, all_rows = ("A letter of the customer on her limit.", "The limit is EUR 2,000 a day.")
    passages = {text: EvidencePassage(id=text, text=text) for text in (own, all_rows)}
    rows = [
        HERS.model_copy(update={"evidence": tuple(passages.values())}),
        OTHERS[0].model_copy(update={"evidence": (passages[all_rows],)}),
    ]
    write_records(SOURCES / "rows.jsonl", rows)
    caches = {text: home() / "answers" / "x" / f"{i}.json" for i, text in enumerate(passages)}
    for text, path in caches.items():
        path.write_text(json.dumps({"read": f"[1] {text}"}))
    forget("--id", HERS.id, "--yes", "--reason", "she asked for it")
    assert not caches[own].exists() and caches[all_rows].exists()
    assert Row.read_lines(SOURCES / "rows.jsonl") == (rows[1],)


@pytest.mark.parametrize(
    ("asked", "named"), [(("--id", HERS.id), False), (("--match", NAME), True)]
)
def test_a_versions_index_goes_with_it_and_is_named_where_a_passage_of_it_names_somebody(
    asked: tuple[str, str], named: bool, make_adapter: Callable[[str], tuple[Adapter, Path]]
) -> None:
    text = f"Ask {NAME} to raise the limit." if named else "The limit is EUR 2,000 a day."
    passage = EvidencePassage(id="limits", text=text)
    write_records(SOURCES / "rows.jsonl", [HERS.model_copy(update={"evidence": (passage,)})])
    settings = IndexSettings(shown=1, replace=False, embedder=None)
    digest = write_index([passage], settings, INDEX_FILES)
    adapter, folder = make_adapter("one")
    with Registry.here() as registry:
        registry.submit(adapter.model_copy(update={"index": digest}), folder, "first")
        before = list(problems(registry))
    said = forget(*asked, "--yes", "--reason", "she asked for it")
    assert ("kept answers tell of them: " in said and "registry delete 1" in said) is named
    with Registry.here() as registry:
        assert registry.artifacts.holds(digest)
        assert list(problems(registry)) == before


def test_a_hosted_model_that_was_asked_a_row_is_named() -> None:
    own = Contestant(base=HostedModel(url="http://127.0.0.1:9/v1", model="m").pin, bare=True)
    (request,) = requests_of(own, [HERS], load(Decoding), 1)
    reply = Reply(request=request.digest, reply=ChatReply(text="No."), prompt_tokens=1, tokens=1)
    cached = home() / ASKED / "m" / "reply.json"
    write_bytes(cached, reply.canonical())
    sheet = ContestantSheet(
        base=own.base,
        system_prompt=None,
        evidence_template=None,
        answers=answer_folder({request.digest: reply}, []),
    )
    sheet.write(Path("sheet") / SHEET)
    with Registry.here() as registry:
        registry.submit(sheet.adapter(digest_folder(Path("sheet"))), Path("sheet"), "added")
    assert "kept answers tell of them" not in forget("--id", OTHERS[0].id)
    said = forget("--id", HERS.id, "--yes", "--reason", "she asked for it")
    assert "kept answers tell of them: " in said and "registry delete 1" in said
    assert not cached.exists()


def test_checkpoints_that_learnt_them_go_too_and_those_elsewhere_are_named() -> None:
    """Weights name nobody: they are deleted unread, with the moments of the optimiser."""
    weights = home() / "checkpoints" / "aa" / "step-00000010" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    said = forget("--match", NAME, "--yes", "--reason", "she asked for it")
    assert not weights.exists()
    assert "checkpoints of training in the place that training.limits.checkpoints names" in said


def test_rows_stay_away_when_somebody_imports_them_again_in_other_case_and_blanks() -> None:
    forget("--match", NAME, "--yes", "--reason", "she asked for it")
    again = Row.of(
        "may i raise my limit", f"yes {NAME.upper()}  to 5,000", group="n", source="new.jsonl"
    )
    found = gathered([Read(Origin(file="new.jsonl", line=1, row=again.id), again)])
    assert not found.rows
    assert found.origins[0].why == "that were erased"
    assert HERS.id in Erased.here().rows
    assert NAME.casefold() not in ERASED.read_text().casefold()


def test_an_accepted_row_that_was_erased_is_missed_by_nobody() -> None:
    forget("--match", NAME, "--yes", "--reason", "she asked for it")
    rows = collect(load(CollectParams).sources).rows
    made = curate(list(rows.values()), read_changes(), CurateParams())
    assert ACCEPTED.id not in {row.id for part in made.parts.values() for row in part}


def test_a_row_by_its_id_takes_its_record_along_and_no_other_with_the_same_question() -> None:
    twin = Row.of("May I raise my limit?", "No.", group="t", source="rows.jsonl")
    write_records(SOURCES / "rows.jsonl", [*OTHERS, HERS, twin])
    said = json.loads(forget("--id", HERS.id, "--yes", "--reason", "x", "--json"))
    assert said["rows"] == [HERS.id]
    assert said["records"] == {"datasets/sources/rows.jsonl": 1}
    assert Row.read_lines(SOURCES / "rows.jsonl") == (*OTHERS, twin)
    assert any("git pull" in place["type"] for place in said["out_of_reach"])


def test_the_versions_that_learnt_them_are_named(
    make_adapter: Callable[[str], tuple[Adapter, Path]],
) -> None:
    with Registry.here() as registry:
        for name, rows in {"one": [HERS], "two": OTHERS, "three": None}.items():
            adapter, folder = make_adapter(name)
            prints = WordPrints.of_prompts(rows) if rows else None
            registry.submit(adapter, folder, name, trained_on=prints)
    said = forget("--match", NAME, "--yes", "--reason", "she asked for it")
    assert re.search(r"^trained on them: \w+ v1$", said, re.MULTILINE)
    assert re.search(r"not known whether it was trained on them: \w+ v3$", said, re.MULTILINE)
    with Registry.here() as registry:
        (event,) = registry.history(kind="erase")
    erasure = event.told(RowErasure)
    assert (erasure.versions, HERS.id in erasure.rows) == ((1,), True)
    assert erasure.files == ("abcdef",)  # of DVC's cache, so that nobody misses it


def test_an_artifact_that_tells_of_her_goes_and_nothing_misses_it(
    make_adapter: Callable[[str], tuple[Adapter, Path]],
) -> None:
    with Registry.here() as registry:
        adapter, folder = make_adapter("one")
        registry.submit(adapter, folder, "first", Document.of(NAME, source="a lineage"))
        told = registry.artifacts.put_record(Document.of(NAME, source="a lineage"))
        before = list(problems(registry))
        assert registry.artifacts.blobs.exists(told)
    assert "1 artifact of the registry" in forget("--match", NAME, "-y", "--reason", "she asked")
    with Registry.here() as registry:
        assert not registry.artifacts.blobs.exists(told)
        assert list(problems(registry)) == before
        assert garbage(registry) == []


def test_a_page_that_names_her_is_for_a_person_to_mend() -> None:
    (SOURCES / "policy.txt").write_text(f"Contact: {NAME}")
    said = forget("--match", NAME, "--yes", "--reason", "x")
    assert "by hand: datasets/sources/policy.txt" in said
    assert files_that_name_her() == {"datasets/sources/policy.txt"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say which rows: --id ID, or --match TEXT"),
        (("--match", "a."), "too short to name somebody"),
        (("--match", "Nobody Here"), "nothing here is or names Nobody Here"),
        (("--id", "0000"), "nothing here is or names 0000"),
        (("--id", "nope"), "nothing here is or names nope"),
        (("--match", NAME, "--yes"), "say why they are erased: --reason"),
        (("--match", NAME, "--yes", "--reason", f"{NAME.upper()} asked"), "the reason is kept"),
    ],
)
def test_what_is_not_clear_is_refused(options: tuple[str, ...], said: str) -> None:
    assert said in forget(*options, code=2)
    assert not ERASED.exists()


SHE, OTHER = "Zoë Müller", "Max Muster"  # \u00eb and \u00fc where JSON is in JSON


@pytest.mark.parametrize("form", ["rows", "table"])
def test_a_person_who_is_named_in_a_call_or_in_a_result_is_erased(form: str) -> None:
    """In a file as somebody else wrote it, where arguments are JSON in JSON, and in our rows."""
    asked = {"role": "user", "content": "Whose account is it?"}
    answer = {"role": "assistant", "content": "It is hers."}

    def called(name: str) -> dict[str, object]:
        function = {"name": "find", "arguments": json.dumps({"holder": {"name": name}})}
        return {"role": "assistant", "content": None, "tool_calls": [{"function": function}]}

    def result(name: str) -> dict[str, str]:
        return {"role": "tool", "content": json.dumps({"holders": [name]})}

    chats = [[asked, called(n), result("nobody"), answer] for n in (SHE, OTHER)]
    chats += [[{**asked, "content": "And that?"}, called("?"), result(SHE), answer]]
    chats += [[{**asked, "content": "Find her."}, called(SHE)]]
    file = SOURCES / "tools.jsonl"
    file.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    columns = ", columns: {messages: messages, tools: keep}" if form == "table" else ""
    source = f"      - {{kind: file, path: {file}{columns}}}\n"
    Path("params.yaml").write_text(PARAMS + source)
    named = [row for row in collect(load(CollectParams).sources).rows.values() if row.tools_digest]
    assert len(named) == 4
    copies = [Path("datasets/curated/train.jsonl"), Path(".dvc/cache/files/md5/ab/tools")]
    write_records(copies[0], named)
    copies[1].write_text(json.dumps(chats[0]))
    said = forget("--match", SHE, "--yes", "--reason", "she asked for it")
    assert "erased: 3 rows" in said and f"3 records of {file}" in said
    assert f"by hand: {file}" not in said
    (left,) = file.read_text().splitlines()
    assert OTHER in left and not any(path.exists() for path in copies)
    (kept,) = [r for r in collect(load(CollectParams).sources).rows.values() if r.tools_digest]
    assert kept.prompt[1].tool_calls and OTHER in kept.prompt_text
    # Whoever brings one of them again, brings it in vain.
    again = [Read(Origin(file="a", line=1, row=row.id), row) for row in named]
    assert len(gathered(again).rows) == 1


def test_a_row_that_is_meant_by_its_id_is_cut_from_a_file_in_which_its_answer_is_a_call() -> None:
    function = {"name": "find", "arguments": '{"holder":   "x"}'}
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
    lines = [
        {"messages": [{"role": "user", "content": text}, call]} for text in ("Whose?", "Whose not?")
    ]
    file = SOURCES / "tools.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = "{messages: messages, tools: keep}"
    source = f"      - {{kind: file, path: {file}, columns: {columns}}}\n"
    Path("params.yaml").write_text(PARAMS + source)
    rows = collect(load(CollectParams).sources).rows.values()
    (own,) = [row for row in rows if row.prompt_text == "Whose?"]
    forget("--id", own.id, "--yes", "--reason", "she asked for it")
    assert [json.loads(one) for one in file.read_text().splitlines()] == lines[1:]
