"""What waits in the data is accepted or refused on a page, by the way of the command line."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from curation import validate
from curation.checks.waivers import WAIVERS, read_waivers
from curation.eval_sets import EVAL_SETS, Extension, read_changes
from curation.sources.row_formats import read_rows
from incumbent.importing.foreign_files import FileRead, holds_corrections
from incumbent.verbs.data_rows import accept_labels
from monitoring.trigger import acceptance
from monitoring.trigger.labels import LABELLED, task_of, write_queue
from project.canonical import canonical_json, digest_folder
from project.files import write_bytes
from project.paths import CURATED, GATE_REPORT, rows_of
from project.records.adapters import Adapter
from project.records.data import Check, GateReport, Row, Severity, Split
from project.records.record import write_records
from project.settings import PARAMS
from registry.store import Registry
from review.data_pages.gate_view import CORRECTIONS, PRIVATE
from review.data_pages.waiting import (
    QUEUE,
    REFUSED,
    Kind,
    TaskRefusal,
    Waiting,
    waiting,
    waiting_tasks,
)
from tests.conftest import BASE
from tests.monitoring.test_labels import asked, written
from tests.places import DATASET, submit
from tests.review.conftest import Browser, Browsers
from tests.review.test_items import HOSTILE, SEVERAL, keep

NIGHTS = QUEUE / "labels.json"
TODAY = date(2026, 1, 1)  # of the registry's clock
NOTHING = Waiting(failed_checks=0, waivers_ending=0, synthetic=0, labels=0, corrections=0)
SYNTHETIC: dict[str, Any] = {
    "data": {"id": "s", "prompt": "what is s?", "response": "made of: t", "synthetic": "a model"},
    "predictions": [{"result": [written("an s")]}],
}


@pytest.fixture(autouse=True)
def settings() -> None:
    PARAMS.write_text("registry: {family: test}\n")


@pytest.fixture
def queues() -> None:
    """A prompt to label, a user's correction, and a synthetic row."""
    write_queue([asked("a"), asked("b", "a b", "jane")], NIGHTS)
    write_bytes(QUEUE / "synthetic.json", canonical_json([SYNTHETIC]))


def keys(kind: Kind | None = None) -> dict[str, str]:
    """By the request's id."""
    return {str(task.data.id): task.key for task, _ in waiting_tasks(kind)}


def accept(client: Browser, name: str, kind: Kind, answer: str, reason: str = "checked") -> int:
    form = {"key": keys(kind)[name], "answer": answer, "reason": reason}
    return client.send_form(f"/data/queue/{kind}/accept", **form).status_code


def roles(text: str) -> None:
    Path("roles.yaml").write_text(text)
    PARAMS.write_text("registry: {family: test, roles: roles.yaml}\n")


# --- the queues -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("queues")
def test_each_kind_of_task_waits_in_a_list_of_its_own() -> None:
    assert [set(keys(kind)) for kind in ("label", "correction", "synthetic")] == [
        {"a"},
        {"b"},
        {"s"},
    ]


@pytest.mark.usefixtures("queues")
def test_a_list_and_its_twin_say_the_same(client: Browser) -> None:
    for kind, text in (("label", "what is a?"), ("correction", "a b"), ("synthetic", "an s")):
        shown, twin = client.get(f"/data/queue/{kind}"), client.get(f"/api/data/queue/{kind}")
        assert shown.status_code == 200 and text in shown.text
        assert [one["kind"] for one in twin.json()["tasks"]] == [kind]


@pytest.mark.usefixtures("queues")
def test_what_is_accepted_here_is_what_the_command_line_accepts(client: Browser) -> None:
    export = json.loads(NIGHTS.read_bytes())
    for task, text in zip(export, ("first\nsecond", "a b"), strict=True):
        task["annotations"] = [{"result": [written(text)]}]
    Path("export.json").write_text(json.dumps(export))
    assert accept(client, "a", "label", "first\r\nsecond\r\n") == 303
    assert accept(client, "b", "correction", "a b") == 303
    here, bad = LABELLED.read_bytes(), Path("datasets/preferences/labelled.jsonl").read_bytes()
    LABELLED.unlink()
    EVAL_SETS.unlink()
    accept_labels(Path("export.json"), "checked")
    assert (LABELLED.read_bytes(), Path("datasets/preferences/labelled.jsonl").read_bytes()) == (
        here,
        bad,
    )


@pytest.mark.usefixtures("queues")
def test_who_accepted_and_why_is_on_record_and_nothing_waits_twice(client: Browser) -> None:
    key = keys()["a"]
    accept(client, "a", "label", "an a")
    (change,) = read_changes().values()
    assert isinstance(change, Extension) and (change.by, change.reason) == ("ann", "checked")
    assert set(keys()) == {"b", "s"}
    again = client.send_form("/data/queue/label/accept", key=key, answer="x", reason="checked")
    assert again.status_code == 400 and "does not wait any more" in again.text
    assert len(read_changes()) == 1


@pytest.mark.usefixtures("queues")
def test_an_accepted_synthetic_row_stays_marked_as_a_models(client: Browser) -> None:
    accept(client, "s", "synthetic", "an s, mended")
    (row,) = Row.read_lines(LABELLED)
    assert (row.synthetic, row.completion_text) == ("a model", "an s, mended")


@pytest.mark.usefixtures("queues")
def test_a_refused_task_is_not_asked_again_and_the_record_holds_none_of_its_text(
    client: Browser,
) -> None:
    form = {"key": keys()["b"], "reason": "spam", "answer": ""}
    for _ in range(2):  # the second one comes too late
        client.send_form("/data/queue/correction/refuse", **form)
    assert keys("correction") == {}
    (refusal,) = TaskRefusal.read_lines(REFUSED)
    assert (refusal.by, refusal.reason) == ("ann", "spam")
    assert b"what is b" not in REFUSED.read_bytes()
    write_queue([asked("b", "a b", "jane")], NIGHTS)  # the next night's
    assert keys("correction") == {}


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize(
    ("answer", "reason", "told"),
    [
        (" \r\n", "checked", "it is blank"),
        ("a", " ", "a reason is needed"),
        ("a\0b", "checked", "NUL"),
    ],
)
def test_nothing_is_accepted_without_an_answer_and_a_reason(
    client: Browser, answer: str, reason: str, told: str
) -> None:
    form = {"key": keys()["a"], "answer": answer, "reason": reason}
    shown = client.send_form("/data/queue/label/accept", **form)
    assert shown.status_code == 400 and told in shown.text
    assert not LABELLED.exists()


@pytest.mark.usefixtures("queues")
def test_whoever_may_not_sees_no_button_and_changes_nothing(browser: Browsers) -> None:
    roles("submit: [ann, bob]\npromote: [ann]\n")
    bob = browser("bob")
    shown = bob.get("/data/queue/label").text
    assert "Accept</button>" not in shown and "which ann has" in shown
    assert "Accept</button>" in browser("ann").get("/data/queue/label").text
    form = {"key": keys()["a"], "answer": "x", "reason": "checked"}
    for path in ("label/accept", "label/refuse"):
        assert bob.send_form(f"/data/queue/{path}", **form).status_code == 409
    assert bob.send_form("/data/regressed", item="a", answer="x").status_code == 409
    waiver = {"check": "c", "until": "2026-02-01", "reason": "r"}
    assert bob.send_form("/data/waivers", **waiver).status_code == 409
    assert not any(path.exists() for path in (LABELLED, REFUSED, CORRECTIONS, WAIVERS))


@pytest.mark.usefixtures("queues")
def test_whoever_may_promote_accepts_also_where_others_submit(browser: Browsers) -> None:
    roles("submit: [bob]\npromote: [ann]\n")
    assert accept(browser("ann"), "a", "label", "an a") == 303


def test_the_limit_for_each_user_holds_for_all_that_is_accepted_one_by_one(
    client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "LABELS_PER_USER", 2)
    users = {"a": "jane", "b": "jane", "c": "jane", "d": "joe", "e": None, "f": None, "g": None}
    write_queue([asked(name, None, user) for name, user in users.items()], NIGHTS)
    write_queue([asked("a", None, "jane")], QUEUE / "again.json")  # counts once
    found = {name: accept(client, name, "label", f"an {name}") for name in users}
    assert [name for name, status in found.items() if status != 303] == ["c"]
    refused = client.send_form("/data/queue/label/accept", key=keys()["c"], answer="x", reason="r")
    assert refused.status_code == 400
    assert "over 2 labels of one user" in refused.text
    assert len(read_changes()) == 6


def test_a_file_that_is_no_queue_is_told_and_hides_no_other(client: Browser) -> None:
    write_queue([asked("a")], NIGHTS)
    (QUEUE / "odd.json").write_text('[{"data": {"prompt": 1}}]')
    (QUEUE / "half.json").write_text('[{"data": ')
    found = client.get("/api/data").json()
    assert {one["path"]: bool(one["problem"]) for one in found["queues"]} == {
        "datasets/queue/half.json": True,
        "datasets/queue/labels.json": False,
        "datasets/queue/odd.json": True,
    }
    assert found["waiting"]["labels"] == 1
    assert "cannot be read" in client.get("/data").text


def test_a_conversation_is_shown_message_by_message_and_accepted_whole(client: Browser) -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "what is m?"}]
    row = asked("m").model_copy(update={"prompt": talk})
    task = {**task_of(asked("m"), None)}
    task["data"] |= {"prompt": "Be brief.\nwhat is m?", "messages": talk}
    write_bytes(NIGHTS, canonical_json([task]))
    assert row and "Be brief." in client.get("/data/queue/label").text
    accept(client, "m", "label", "an m")
    (made,) = Row.read_lines(LABELLED)
    assert [one.role for one in made.prompt] == ["system", "user"]
    assert keys() == {}


def test_a_task_of_somebody_elses_may_have_any_id(client: Browser) -> None:
    write_bytes(NIGHTS, b'[{"data": {"prompt": "p", "id": {"x": [1]}}}, {"data": {"prompt": "q"}}]')
    assert len(keys()) == 2
    assert client.get("/data/queue/label").status_code == 200


def test_long_queues_are_paged(client: Browser) -> None:
    write_queue([asked(f"r{i}") for i in range(45)], NIGHTS)
    shown = client.get("/data/queue/label?page=3")
    assert "Page 3 of 3" in shown.text and shown.text.count("<textarea") == 5
    assert client.get("/data/queue/label?page=99999").status_code == 200


# --- the gate -------------------------------------------------------------------------------------


TRAIN = [Row.of(f"Ask {i}?", f"Call me, {i}.", group=f"{i}", source="t") for i in range(3)]
SECRET = Row.of("A secret?", "The password is swordfish.", group="x", source="t")
SEALED = Row.of("A sealed question?", "A sealed answer.", group="y", source="t")


def check(name: str, *rows: Row, **more: Any) -> Check:
    fields = {"name": name, "severity": Severity.CRITICAL, "limit": "none", "observed": "3 rows"}
    ids = tuple(row.id for row in rows)
    return Check.model_validate(fields | {"passed": not rows, "failing_rows": ids} | more)


def gate(*checks: Check) -> None:
    """A report of these checks on a few rows."""
    for part, rows in ((Split.TRAIN, [*TRAIN, SECRET]), (Split.DEV, []), (Split.SEALED, [SEALED])):
        write_records(rows_of(part), rows)
    GateReport(
        dataset_rows=digest_folder(CURATED), contract="c" * 64, row_count=5, checks=checks
    ).write(GATE_REPORT)


FAILING = (
    check("no contacts", *TRAIN, SECRET, SEALED),
    check("no passwords", SECRET, column="secret"),
)


def test_the_gate_page_says_whether_it_is_open_and_why_not(client: Browser) -> None:
    gate(*FAILING, check("enough rows"))
    shown, twin = client.get("/data/gate").text, client.get("/api/data/gate").json()
    assert "SHUT" in shown and "no contacts" in shown
    assert (twin["is_open"], twin["is_stale"]) == (False, False)
    assert [one["passes"] for one in twin["checks"]] == [False, False, True]


def test_failing_rows_are_shown_but_no_secret_and_no_sealed_item(client: Browser) -> None:
    gate(*FAILING)
    shown = client.get("/data/gate/rows?check=no%20contacts").text
    assert "Call me, 2." in shown
    assert "swordfish" not in shown and "sealed answer" not in shown
    twin = client.get("/api/data/gate/rows?check=no%20contacts").json()
    assert [one["part"] for one in twin["rows"]] == ["train"] * 4 + [None]


def test_texts_that_the_gates_own_page_hides_are_hidden_here() -> None:
    assert frozenset(validate.PRIVATE) == PRIVATE


def test_a_waiver_of_the_page_is_one_of_the_command_line(client: Browser) -> None:
    gate(*FAILING)
    form = {"check": "no contacts", "until": "2026-03-01", "reason": "helplines"}
    assert client.send_form("/data/waivers", **form).status_code == 303
    (waiver,) = read_waivers().waivers
    assert (waiver.by, waiver.reason, len(waiver.rows)) == ("ann", "helplines", 5)
    assert "helplines" in client.get("/data/waivers").text
    assert client.get("/api/data/waivers").json()[0]["until"] == "2026-03-01"


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"until": "2025-12-31"}, 400, "until: 2025-12-31 is past"),
        ({"until": "soon"}, 422, "until"),
        ({"rows": TRAIN[0].id, "every": "true"}, 400, "for every row"),
    ],
)
def test_a_waiver_that_makes_no_sense_is_refused(
    client: Browser, change: dict[str, str], status: int, told: str
) -> None:
    gate(*FAILING)
    form = {"check": "no contacts", "until": "2026-03-01", "reason": "helplines"} | change
    shown = client.send_form("/data/waivers", **form)
    assert shown.status_code == status and told in shown.text and "--" not in told
    assert not WAIVERS.exists()


def test_a_report_on_other_rows_says_so_and_takes_no_waiver(client: Browser) -> None:
    gate(*FAILING)
    write_records(rows_of(Split.TRAIN), TRAIN)
    assert "other rows than are curated now" in client.get("/data/gate").text
    form = {"check": "no contacts", "until": "2026-03-01", "reason": "r"}
    assert client.send_form("/data/waivers", **form).status_code == 400


def test_before_the_first_check_the_page_says_what_to_type(client: Browser) -> None:
    assert "dvc repro" in client.get("/data/gate").text
    assert client.get("/api/data/gate").status_code == 404
    assert client.get("/api/data/gate/rows?check=c").status_code == 404


# --- bad answers ----------------------------------------------------------------------------------


def test_a_right_answer_goes_where_the_command_line_imports_it_from(client: Browser) -> None:
    keep(2, SEVERAL)
    assert "got worse" in client.get("/data/regressed").text
    for text in ("first try", "right\r\nanswer"):  # the last one counts
        assert client.send_form("/data/regressed", item="a", answer=text).status_code == 303
    (row,) = read_rows(CORRECTIONS)
    assert (row.prompt_text, row.completion_text) == ("what is a?", "right\nanswer")
    assert holds_corrections(FileRead(CORRECTIONS, "rows", ()))
    shown = client.get("/data/regressed").text
    assert "incumbent data import datasets/queue/corrections.jsonl" in shown
    assert "right\nanswer</textarea>" in shown


def test_only_a_bad_item_of_the_newest_comparison_is_corrected(client: Browser) -> None:
    assert client.send_form("/data/regressed", item="a", answer="x").status_code == 400
    keep(2, SEVERAL)
    assert client.send_form("/data/regressed", item="none", answer="x").status_code == 400
    assert client.send_form("/data/regressed", item="a", answer=" ").status_code == 400
    assert not CORRECTIONS.exists()


# --- all of it ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("queues")
def test_what_waits_is_counted_for_the_first_page() -> None:
    gate(FAILING[0], check("a warning", TRAIN[0], severity=Severity.WARNING))
    WAIVERS.parent.mkdir(parents=True)
    entry = "{check: c, rows: [x], by: b, until: 2026-01-%s, reason: r}"
    WAIVERS.write_text(f"waivers:\n  - {entry % '10'}\n  - {entry % '30'}\n")
    found = Waiting(failed_checks=1, waivers_ending=1, synthetic=1, labels=1, corrections=1)
    assert waiting(TODAY) == found
    assert found.total == 5


def test_counting_never_fails_whatever_the_files_hold() -> None:
    assert waiting(TODAY) == NOTHING
    for path in (GATE_REPORT, WAIVERS, REFUSED, NIGHTS):
        write_bytes(path, b"{ nonsense")
    assert waiting(TODAY) == NOTHING
    PARAMS.unlink()
    assert waiting(TODAY) == NOTHING


def test_an_empty_project_has_pages_too(client: Browser) -> None:
    for path in ("", "/gate", "/waivers", "/queue/label", "/queue/synthetic", "/regressed"):
        assert client.get(f"/data{path}").status_code == 200
    assert "Nothing in the data waits" in client.get("/data").text


@pytest.mark.parametrize(
    "path",
    ["queue/none", "queue/label?page=0", "queue/label?page=9e9", "gate/rows", "gate/rows?page=x"],
)
def test_nonsense_is_answered_and_never_breaks_the_server(client: Browser, path: str) -> None:
    gate(*FAILING)
    assert client.get(f"/data/{path}").status_code == (404 if path == "queue/none" else 422)
    assert client.get(f"/api/data/{path}").status_code == 422
    assert client.get("/data/gate/rows?check=%00").status_code == 400


def test_texts_of_users_and_models_are_shown_and_never_run(client: Browser) -> None:
    task = json.loads(json.dumps(SYNTHETIC))
    task["data"] |= {"prompt": HOSTILE, "response": HOSTILE}
    hostile = asked("h", HOSTILE).model_copy(update={"prompt": HOSTILE, "response": HOSTILE})
    write_queue([hostile], NIGHTS)
    write_bytes(QUEUE / "synthetic.json", canonical_json([task]))
    named = check('"><script>alert(1)</script>', *TRAIN)
    gate(named)
    keep(2, [SEVERAL[0].model_copy(update={"champion": HOSTILE, "challenger": HOSTILE})])
    form = {"check": named.name, "until": "2026-03-01", "reason": HOSTILE[:100]}
    assert client.send_form("/data/waivers", **form).status_code == 303
    for path in ("queue/correction", "queue/synthetic", "gate", "waivers", "regressed"):
        shown = client.get(f"/data/{path}").text
        assert "<script>alert" not in shown and "&lt;script&gt;alert(1)" in shown


# --- the gate of a version ------------------------------------------------------------------------


@pytest.fixture
def gated(registry: Registry, tmp_path: Path) -> None:
    """A version that was submitted with a report of its own, and another report of today's rows."""
    gate(check("enough rows"), FAILING[1])
    files, dataset = tmp_path / "a", DATASET.model_copy(update={"rows": "e" * 64})
    files.mkdir()
    (files / "adapter_model.safetensors").write_bytes(b"a")
    adapter = Adapter(
        files=digest_folder(files), base=BASE, recipe="c" * 64, dataset=dataset.digest
    )
    checks = (check("no contacts", *TRAIN, SECRET, SEALED),)
    own = GateReport(dataset_rows=dataset.rows, contract="c" * 64, row_count=7, checks=checks)
    registry.submit(adapter, files, "made", dataset, own)


@pytest.mark.usefixtures("gated")
def test_a_version_has_the_gate_page_of_its_own_rows(client: Browser) -> None:
    address = "/data/gate?version=1"
    assert f'href="{address}"' in client.get("/review/1").text
    assert f'href="{address}"' in client.get("/versions/1").text
    page = client.get(address).text
    assert "no contacts" in page and "A critical check failed." in page
    assert "other rows are curated now" not in page
    assert "enough rows" in client.get("/data/gate").text


@pytest.mark.usefixtures("gated")
def test_the_failing_rows_of_a_version_are_shown_and_waived_nowhere(client: Browser) -> None:
    page = client.get("/data/gate/rows?check=no%20contacts&version=1").text
    assert "Call me, 2." in page
    assert "swordfish" not in page and "sealed answer" not in page
    assert "<h2>Waive</h2>" not in page


@pytest.mark.parametrize("version", [1, 9])
def test_a_version_without_a_report_has_no_gate_page(
    client: Browser, registry: Registry, tmp_path: Path, version: int
) -> None:
    submit(registry, "a", tmp_path)
    assert client.get(f"/data/gate?version={version}").status_code == 404
    assert client.get(f"/api/data/gate?version={version}").status_code == 404
