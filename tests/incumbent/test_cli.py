"""The command: quick help, plain errors, JSON for programs."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from incumbent.output import print_table
from incumbent.verbs.doctor import training
from project.paths import GATE_REPORT
from project.records.data import Check, GateReport, Severity
from registry.store import Registry
from tests.incumbent.tiny_project import exit_code
from tests.places import decide, submit


@pytest.fixture(autouse=True)
def project() -> None:
    Path("params.yaml").write_text("registry:\n  family: test\n")


@pytest.fixture
def winner(tmp_path: Path) -> Registry:
    """The project's registry, with one version that may be promoted."""
    with Registry.here() as registry:
        decide(registry, submit(registry, "a", tmp_path))
        return registry


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['incumbent', '--help']\n"
        "from incumbent.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'sqlalchemy', 'pydantic'}\n"
        "print('heavy:', sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "An adapter holds the seat only while it wins." in done.stdout
    assert done.stdout.endswith("heavy: []\n")


def test_the_champion_changes_and_the_history_says_so(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("promote", "1", "--reason", "it won") == 0
    assert exit_code("history", "--json") == 0
    *_, printed = capsys.readouterr().out.partition("is the champion\n")
    events = json.loads(printed)
    assert [event["kind"] for event in events] == ["submit", "open", "decide", "promote"]
    assert (events[-1]["actor"], events[-1]["reason"]) == ("tester", "it won")


@pytest.mark.parametrize("verb", ["status", "registry versions", "history"])
def test_an_empty_registry_is_no_error(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*verb.split()) == 0
    assert "incumbent run" in capsys.readouterr().out
    assert exit_code(*verb.split(), "--json") == 0
    json.loads(capsys.readouterr().out)


def test_a_reason_is_printed_as_it_was_given(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("promote", "1", "--reason", "fix [/bug] in [topic=loans]")
    assert exit_code("history") == 0
    assert exit_code("registry", "show", "1") == 0
    assert capsys.readouterr().out.count("fix [/bug] in [topic=loans]") == 2


def test_show_tells_a_versions_story(winner: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("registry", "show", "1") == 0
    text = capsys.readouterr().out
    assert all(part in text for part in ("test v1", "a-base", "PROMOTE", "bare base", "because"))
    assert exit_code("registry", "show", "1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["decision"]["verdict"] == "PROMOTE"
    assert {"adapter", "dataset", "evidence", "history"} <= shown.keys()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("registry", "show", "7"), 2, "test has no version 7; see `incumbent registry versions`"),
        (("promote", "7"), 2, "test has no version 7"),
        (("rollback",), 2, "test has no earlier champion"),
        (("submit",), 2, "outputs/adapter.json: is not there: `incumbent run` makes"),
        (("registry", "versions", "--jsn"), 2, "No such option"),
        (("promote", "1", "--force"), 2, "a forced promotion needs a --reason"),
        (("history", "--at", "last week"), 2, "'last week' is no date or time"),
        (
            ("registry", "alias", "champion", "--to", "1"),
            2,
            "only `incumbent promote`, `incumbent rollback` and",
        ),
        (("nightly", "--date", "yesterday"), 2, "for '--date': 'yesterday' is no day such as 2026"),
        (("registry", "alias", "../x", "--to", "1"), 2, "an alias is [a-z0-9-]"),
        (("registry", "reject", "1"), 2, "Missing option '--reason'"),
    ],
)
def test_bad_usage_says_what_is_wrong(
    arguments: tuple[str, ...], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == code
    assert complaint in capsys.readouterr().err


def test_doctor_names_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("project", "doctor", "--json") == 0
    findings = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["torch"]["ok"]
    assert findings["embedder model"]["ok"]


@pytest.mark.parametrize(
    "settings", ["engine: spark", "training: {distributed: {processes: two}}"], ids=str
)
def test_doctor_says_what_is_wrong_with_the_settings_of_who_trains(
    settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"registry: {{family: bank}}\n{settings}\n")
    found = training()
    assert (found.what, found.ok) == ("training", False)
    assert "params.yaml:2: " in found.detail


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_a_rejected_version_is_promoted_by_force_only_and_marked_for_ever(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("registry", "reject", "1", "--reason", "impolite") == 0
    assert exit_code("promote", "1") == 1
    assert "was rejected by tester: impolite" in capsys.readouterr().err
    assert exit_code("promote", "1", "--force", "--reason", "the chairman wants it") == 0
    assert "by force and marked so" in out(capsys)
    with Registry.here() as registry:
        assert registry.state().forced == {1}
    for verb in (
        ("history",),
        ("registry", "versions"),
        ("registry", "show", "1"),
        ("registry", "show", "1", "--card"),
    ):
        assert exit_code(*verb) == 0
        assert "by force" in out(capsys), verb


def test_a_rejected_version_does_not_come_back_by_a_rollback(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("promote", "1")
    exit_code("registry", "withdraw", "1", "--reason", "it invents fees")
    exit_code("registry", "reject", "1", "--reason", "impolite")
    assert exit_code("rollback", "--to", "1") == 1
    refused = capsys.readouterr().err
    assert "was rejected by tester: impolite" in refused
    assert "incumbent promote 1 --force" in refused
    for verb in (("registry", "versions"), ("status",)):
        assert exit_code(*verb) == 0
        assert "rejected" in out(capsys)


@pytest.mark.usefixtures("winner")
def test_status_says_what_keeps_the_gate_shut(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Check(
        name="no account numbers",
        severity=Severity.CRITICAL,
        passed=False,
        observed="1 of 9 rows fails",
        limit="none",
        failing_rows=("a",),
    )
    GateReport(dataset_rows="0" * 64, contract="0" * 64, row_count=9, checks=(failed,)).write(
        GATE_REPORT
    )
    assert exit_code("status") == 0
    assert "next      the gate is shut: no account numbers failed. outputs/gate/" in out(capsys)
    assert exit_code("status", "--json") == 0
    assert json.loads(out(capsys))["failed_checks"] == ["no account numbers"]


def test_making_the_champion_the_champion_says_that_nothing_changed(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("promote", "1")
    out(capsys)
    for verb in (
        ("promote", "1"),
        ("promote", "1", "--force", "--reason", "x"),
        ("rollback", "--to", "1"),
    ):
        assert exit_code(*verb) == 0
        assert out(capsys) == "test v1 is the champion already: nothing was changed\n"
    assert len(winner.history(kind="promote")) == 1


def test_the_history_knows_who_was_champion_when(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("promote", "1")
    out(capsys)
    assert exit_code("history", "--at", "2020-01-01") == 0
    assert "no alias named a version" in out(capsys)
    assert exit_code("history", "--at", "2999-01-01T00:00+02:00", "--json") == 0
    assert json.loads(out(capsys))["champion"]["number"] == 1


def test_an_alias_moves_only_from_where_it_is_expected(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("registry", "alias", "staging", "--to", "1") == 0
    assert exit_code("registry", "alias", "staging", "--to", "1") == 1
    refused = capsys.readouterr().err
    assert "alias staging names 1 now, not nothing: nothing was changed; say --expect 1" in refused
    assert exit_code("registry", "alias", "staging", "--expect", "1") == 0
    assert "staging names nothing" in out(capsys)
    exit_code("history")
    moved = [line for line in out(capsys).splitlines() if " alias " in line]
    assert " alias staging → v1 tester: " in moved[0]
    assert " alias staging taken from v1 tester: " in moved[1]


@pytest.mark.parametrize("name", ["1", "v1"])
def test_an_alias_is_not_called_as_a_version_is(
    winner: Registry, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert exit_code("registry", "alias", name, "--to", "1") == 2
    assert "is how a version is called" in capsys.readouterr().err


def test_what_an_alias_names_is_not_deleted_and_the_rest_leaves_a_tombstone(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("registry", "alias", "staging", "--to", "1")
    assert exit_code("registry", "delete", "1", "--reason", "old") == 2
    assert "`incumbent registry alias staging --expect 1` takes it away" in capsys.readouterr().err
    exit_code("registry", "alias", "staging", "--expect", "1")
    assert exit_code("registry", "gc", "--json") == 0
    assert exit_code("registry", "delete", "1", "--reason", "old") == 0
    out(capsys)
    assert exit_code("registry", "versions", "--json") == 0
    assert json.loads(out(capsys)) == []
    assert exit_code("registry", "gc") == 0
    *digests, told = out(capsys).splitlines()
    assert told.startswith("3 artifacts that nothing needs")  # two files and their map
    assert [len(digest) for digest in digests] == [64, 64, 64]
    assert exit_code("registry", "gc", "--delete") == 0
    assert exit_code("registry", "verify") == 1  # the test's evidence is no real one
    for refused in (
        ("promote", "1", "--force", "--reason", "x"),
        ("registry", "reevaluate", "1"),
    ):
        assert exit_code(*refused) == 2
        assert "was deleted" in capsys.readouterr().err


def test_verify_finds_what_was_changed_behind_the_registrys_back(
    winner: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    with Registry.here() as registry, registry.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE events SET record = replace(record, 'made', 'mode')")
    assert exit_code("registry", "verify", "--json") == 1
    assert "event 1 was changed" in json.loads(out(capsys))["problems"][0]


def test_only_those_who_may_promote_do(
    winner: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("roles.yaml").write_text("promote: [risk-officer]\n")
    monkeypatch.setenv("INCUMBENT_ROLES", "roles.yaml")
    for verb in (("promote", "1"), ("rollback",), ("registry", "reject", "1", "--reason", "no")):
        assert exit_code(*verb) == 1
        assert "tester may not promote: that is for risk-officer" in capsys.readouterr().err


def test_a_narrow_terminal_loses_no_column_and_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    monkeypatch.setattr("incumbent.output.console", Console(file=out, width=30))
    print_table(("metric", ">difference", "verdict"), [("rougeL", "+0.041 of 0.020", "undecided")])
    head, row, *_ = out.getvalue().splitlines()
    assert head.split() == ["metric", "difference", "verdict"]
    assert row.split() == ["rougeL", "+0.041", "of", "0.020", "undecided"]
