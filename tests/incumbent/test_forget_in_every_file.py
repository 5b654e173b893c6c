"""A name is found in whatever file it stands, however it is written, and no other rows go."""

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pandas as pd
import pytest
from docx import Document as Docx

from incumbent.erasure import traces
from incumbent.erasure.data_files import cut, data_files
from incumbent.erasure.erasure_request import ErasureRequest, RowFinder, text_in
from incumbent.erasure.traces import DVC
from incumbent.importing.traffic_feedback import was_erased
from monitoring.trigger.acceptance import accept
from monitoring.trigger.labels import read_labels, task_of
from project.erasures import ERASED, Erased, text_digest
from project.files import home
from project.records.adapters import Adapter
from project.records.data import Row
from project.records.record import write_records
from project.records.traffic import Traffic
from registry.audit import problems
from registry.store import Registry
from tests.incumbent.test_forget import (
    HERS,
    NAME,
    OTHERS,
    SOURCES,
    files_that_name_her,
    forget,
    project,
)

__all__ = ["project"]  # the fixture, for every test here too
HER = ErasureRequest(frozenset(), ("Jürgen Müller",))
RECORDS = [{"q": "a", "who": "Jürgen Müller"}, {"q": "b", "who": "Max Muster"}]
LINES = "\n".join(map(json.dumps, RECORDS)) + "\n"  # with \u00fc
CSV = "q,who\r\na,Jürgen Müller\r\nb,Max Muster\r\n"


def left(name: str, data: bytes) -> bytes:
    Path(name).write_bytes(data)
    found = cut(Path(name), HER.meant)
    assert found and len(found.records) == 1
    return found.left


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", CSV.encode("utf-16")),
        ("a.csv", CSV.encode("cp1252")),
        ("a.csv", CSV.encode("utf-8-sig")),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("a.jsonl", LINES.encode()),
        ("a.jsonl", LINES.encode("utf-16")),
        ("a.jsonl", b'{"who": "J\xfcrgen M\xfcller"}\n{"q": "Max Muster"}\n'),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("a.jsonl", json.dumps(RECORDS, indent=1).encode()),
        ("a.json", json.dumps(RECORDS, indent=1).encode()),
        ("a.json", json.dumps({"meta": [{"x": 1}], "data": RECORDS}).encode()),
        ("a.json", json.dumps({"x": {"data": RECORDS}}).encode()),
        ("a.json", json.dumps([*RECORDS, {"q": "\ud800"}]).encode()),
    ],
)
def test_a_record_goes_whatever_the_file_is_packed_or_encoded_by(name: str, data: bytes) -> None:
    rest = text_in(left(name, data))
    assert "Max Muster" in rest and "ller" not in rest


def test_a_packed_file_stays_packed_and_an_encoding_stays_too() -> None:
    assert gzip.decompress(left("a.csv.gz", gzip.compress(CSV.encode()))).endswith(b"Muster\r\n")
    assert left("a.csv", CSV.encode("utf-16")).decode("utf-16").startswith("q,who")


def test_a_record_with_a_value_that_equals_nothing_goes_too() -> None:
    lines = b'{"who": "J\\u00fcrgen M\\u00fcller", "x": NaN}\n{"q": 1}\n'
    assert left("a.jsonl", lines) == b'{"q": 1}\n'


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "J\\u00fcrgen\\nM\\u00fcller"}',
        b"<p>J&uuml;rgen&nbsp;M&uuml;ller</p>",
        "Jürgen Müller".encode("utf-16"),
        "Jürgen Müller".encode("cp1252"),
        gzip.compress("Jürgen Müller".encode(), mtime=0),
    ],
)
def test_a_text_is_found_however_it_is_written(data: bytes) -> None:
    assert HER.named_in(text_in(data))


@pytest.mark.parametrize(
    ("match", "text", "found"),
    [
        ("Jana Novotna", "JANA\u00a0 novotna's", True),
        ("O'Brien", "Mr O’Brien", True),
        ("Anne-Marie", "Anne\u2011Marie", True),
        ("Jürgen", "Ju\u0308rgen", True),
        ("Müller", "M&uuml;ller", True),
        ("王小明", "我是王小明吗", True),
        ("李娜", "李娜", True),
        ("J. (Jay) Doe*", "so J. (Jay) Doe* said", True),
        ("J. Doe", "Jx Doe", False),
        ("Ann Lee", "Joann Leeds", False),
        ("ana@mail.example", "write to ana@mail.example.", True),
        ("ana@mail.example", "<ana@mail.example>, or", True),
        ("ana@mail.example", "maria-ana@mail.example", False),
        ("ana@mail.example", "j.ana@mail.example", False),
        ("ana@mail.example", "ana@mail.example.org", False),
    ],
)
def test_a_person_is_found_and_no_other_one(match: str, text: str, found: bool) -> None:
    assert ErasureRequest(frozenset(), (match,)).named_in(text) is found


def test_a_number_is_found_where_a_file_holds_it_as_one() -> None:
    assert ErasureRequest(frozenset(), ("4711081",)).meant({"customer": 4711081})


def test_a_record_with_the_same_short_answer_to_another_question_stays() -> None:
    row = Row.of("How do I add a user?", "Yes.", group="g", source="s")
    turns = [{"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "Yes."}]
    assert not RowFinder([row]).told_in({"messages": turns})
    turns[0]["content"] = "How do I  add a user?"
    assert RowFinder([row]).told_in({"messages": turns})


def test_rows_without_any_word_are_not_all_alike() -> None:
    one, other = (Row.of(text, "!", group="g", source="s") for text in ("∑?", "∆?"))
    assert text_digest(one) != text_digest(other)


def test_files_that_no_record_can_be_cut_from_are_named() -> None:
    (SOURCES / "page.md").write_text(f"# About {NAME}")
    document = Docx()
    document.add_paragraph(f"Written by {NAME}")
    document.save(str(SOURCES / "page.docx"))
    Path("datasets/contracts").mkdir()
    Path("datasets/contracts/waivers.yaml").write_text(f"waivers: [] # {NAME}")
    (SOURCES / "by_name.json").write_text(json.dumps({NAME: [{"q": 1}]}))
    (SOURCES / ".rows.jsonl-draft").write_text(NAME)
    said = forget("--match", NAME, "--yes", "--reason", "x")
    for name in ("page.md", "page.docx", "by_name.json", "contracts/waivers.yaml", "-draft"):
        assert f"{name} names them" in said


def test_a_source_whose_row_was_found_and_whose_record_was_not_is_named() -> None:
    """An encoding that only params.yaml tells."""
    name = "山田太郎"
    (SOURCES / "faq.csv").write_bytes(f"Question,Answer\r\n{name}?,ask\r\n".encode("cp932"))
    params = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        params.replace("faq.csv\n", "faq.csv\n        encoding: cp932\n")
    )
    assert "faq.csv names them" in forget("--match", name)


def test_a_name_in_the_record_of_the_eval_sets_is_no_record_that_goes() -> None:
    changes = Path("datasets/eval_sets.jsonl")
    before = changes.read_text()
    assert "datasets/eval_sets.jsonl names them" in forget(
        "--match", "ann", "--yes", "--reason", "x"
    )
    assert changes.read_text() == before


def test_links_are_followed_and_what_lies_outside_is_named() -> None:
    outside = Path("elsewhere.jsonl")
    (SOURCES / "rows.jsonl").rename(outside)
    (SOURCES / "rows.jsonl").symlink_to(outside.absolute())
    said = forget("--match", NAME, "--yes", "--reason", "x")
    assert Row.read_lines(SOURCES / "rows.jsonl") == tuple(OTHERS)
    assert f"{outside.absolute()} names them" in said
    assert files_that_name_her() == {"elsewhere.jsonl"}


def test_files_that_dvc_put_links_to_its_cache_for_are_cut_and_not_lost() -> None:
    packed = [Path(".dvc/cache/files/md5/ab", name) for name in ("old", "packed")]
    pd.DataFrame({"a": [NAME]}).to_parquet(packed[0])
    packed[1].write_bytes(gzip.compress(NAME.encode()))
    Path(".dvc/cache/policy").write_text(NAME)
    (SOURCES / "policy.txt").symlink_to(Path(".dvc/cache/policy").absolute())
    cached = Path(".dvc/cache/files/md5/ab/linked")
    (SOURCES / "rows.jsonl").rename(cached)
    (SOURCES / "rows.jsonl").symlink_to(cached.absolute())
    forget("--match", NAME, "--yes", "--reason", "x")
    assert Row.read_lines(SOURCES / "rows.jsonl") == tuple(OTHERS)
    assert not (SOURCES / "rows.jsonl").is_symlink()
    assert not any(path.exists() for path in (cached, *packed))
    assert files_that_name_her() == {".dvc/cache/policy", "datasets/sources/policy.txt"}


def test_traffic_in_a_folder_of_its_own_is_searched() -> None:
    Path("datasets/traffic").rename("logs")
    params = Path("params.yaml")
    params.write_text(params.read_text() + "monitoring:\n  traffic: {folder: logs}\n")
    forget("--match", NAME, "--yes", "--reason", "x")
    assert files_that_name_her() == set()


def test_a_users_rows_of_the_queue_are_found_by_the_pseudonym_and_by_the_request() -> None:
    asked = Traffic(
        id="r-1", at="2026-03-01T10:00:00Z", user=NAME, prompt="x", response="y", adapter="v1"
    )
    tasks = [
        task_of(asked, None),
        task_of(asked.model_copy(update={"user": "b", "id": "r-2"}), None),
    ]
    queue = Path("datasets/queue/labels.json")
    queue.write_text(json.dumps(tasks))
    forget("--match", NAME, "--yes", "--reason", "x")
    assert [task["data"]["id"] for task in json.loads(queue.read_text())] == ["r-2"]
    forget("--id", "r-2", "--yes", "--reason", "x")
    assert json.loads(queue.read_text()) == []


def test_an_export_of_the_queue_that_was_made_before_brings_no_request_back() -> None:
    answer = {"from_name": "answer", "to_name": "prompt", "type": "textarea"}
    value = {"text": ["so it is"]}
    tasks = [
        {
            "id": 1,
            "data": {"id": name, "prompt": f"what is {name}?"},
            "annotations": [{"id": 1, "result": [answer | {"value": value}]}],
        }
        for name in ("t3", "t9")
    ]
    forget("--match", NAME, "--yes", "--reason", "x")
    Path("export.json").write_text(json.dumps(tasks))
    with Registry.here() as registry:
        done = accept(read_labels(Path("export.json")), registry, "x")
    assert (done.new, done.left_out) == (1, ("1 that were erased",))


def test_requests_and_preferences_stay_away_too() -> None:
    row = Traffic(id="t3", at="2026-03-01T10:00:00Z", prompt="x", response="y", adapter="v1")
    assert not was_erased(row, Erased.here())
    pair = {"prompt": f"I am {NAME}", "chosen": "a", "rejected": "b"}
    Path("datasets/preferences/bad.jsonl").write_text(json.dumps(pair))
    forget("--match", NAME, "--yes", "--reason", "x")
    (line,) = ERASED.read_text().splitlines()
    erasure = json.loads(line)
    assert {"t1", "t3"} <= set(erasure["rows"])
    assert len(erasure["texts"]) == 5  # four rows and the pair
    assert was_erased(row, Erased.here())  # in a log that comes again


@pytest.mark.parametrize(
    ("step", "before"),
    [
        ("incumbent.erasure.data_files.Cut.apply", 0),
        ("incumbent.erasure.data_files.Cut.apply", 1),
        ("incumbent.verbs.forget.delete_files", 0),
    ],
    ids=[
        "before a file is cut",
        "when the first file is cut",
        "before what stages made is deleted",
    ],
)
def test_killed_anywhere_it_is_done_by_typing_it_again(
    step: str, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is written then. before: how often the step was taken."""
    whole, steps = resolve_name(step), iter(range(before))

    def die(*arguments: Any) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        whole(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(step, die)
        with pytest.raises((AssertionError, KeyboardInterrupt)):
            forget("--match", NAME, "--yes", "--reason", "x")
    assert ERASED.exists() and files_that_name_her()
    forget("--match", NAME, "--yes", "--reason", "x")
    assert files_that_name_her() == set()
    assert not Path("outputs/adapter.json").exists()
    assert not (home() / "answers" / "x" / "hers.jsonl").exists()


def test_files_of_an_adapter_are_deleted_with_its_version_alone(
    make_adapter: Callable[[str], tuple[Adapter, Path]],
) -> None:
    with Registry.here() as registry:
        adapter, folder = make_adapter("one")
        registry.submit(adapter, folder, "first")
        before = list(problems(registry))
    forget("--match", NAME, "--match", "lora", "--yes", "--reason", "x")
    with Registry.here() as registry:
        assert list(problems(registry)) == before


def test_records_are_told_apart_in_linear_time() -> None:
    """A twentieth of the rows, all with one answer, would be a hundred million comparisons."""
    rows = [Row.of(f"is it {i}?", "yes", group="g", source="rows.jsonl") for i in range(20_000)]
    write_records(SOURCES / "rows.jsonl", rows)
    told = RowFinder(rows)
    assert [len(told.told_in(row.model_dump(mode="json"))) for row in rows] == [1] * len(rows)


def test_every_file_of_the_datasets_is_looked_at_but_what_stages_made() -> None:
    Path("datasets/raw").mkdir()
    Path("datasets/raw/rows.jsonl").write_text(HERS.model_dump_json())
    names = {str(path) for path in data_files()}
    assert "datasets/raw/rows.jsonl" not in names
    assert {"datasets/eval_sets.jsonl", "datasets/sources/rows.jsonl"} <= names


def test_dvcs_remotes_and_its_cache_elsewhere_are_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where no `dvc` is on the PATH."""
    monkeypatch.setattr(traces, "DVC", DVC)
    Path(".dvc/config").write_text("[cache]\n    dir = /shared\n['remote \"s3\"']\n    url = /r\n")
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    said = forget("--match", NAME, "--yes", "--reason", "x")
    assert "dvc gc --workspace --cloud" in said
    assert "DVC's cache is at /shared" in said
