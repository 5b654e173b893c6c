"""The command: quick help, plain errors, JSON for programs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from incumbent.cli import main
from registry.records import Adapter, DatasetVersion, Verdict
from registry.store import Registry
from tests.conftest import decision_on, evidence_of

Make = Callable[[str], tuple[Adapter, Path]]


@pytest.fixture(autouse=True)
def project() -> None:
    Path("params.yaml").write_text("registry:\n  family: test\n")


@pytest.fixture
def winner(make_adapter: Make) -> Registry:
    """The project's registry, with one version that may be promoted."""
    adapter, folder = make_adapter("a")
    dataset = DatasetVersion(rows="1" * 64, splits={}, sources=("s",), contract="2" * 64)
    with Registry.here() as registry:
        adapter = adapter.model_copy(update={"dataset": dataset.digest})
        version = registry.submit(adapter, folder, "made", dataset)
        evidence = evidence_of(adapter.files, None)
        decision = decision_on(evidence, Verdict.PROMOTE)
        registry.record_decision(version.number, decision, evidence, evidence)
        return registry


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["incumbent", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


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


def test_the_seat_changes_hands_and_the_history_tells(
    winner: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "promote", "1", "--reason", "it won") == 0
    assert run(monkeypatch, "history", "--json") == 0
    *_, printed = capsys.readouterr().out.partition("is the champion\n")
    events = json.loads(printed)
    assert [event["kind"] for event in events] == ["submit", "decide", "promote"]
    assert (events[-1]["actor"], events[-1]["reason"]) == ("tester", "it won")


@pytest.mark.parametrize("verb", ["status", "versions", "history"])
def test_an_empty_registry_is_no_error(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, verb) == 0
    assert "dvc repro" in capsys.readouterr().out
    assert run(monkeypatch, verb, "--json") == 0
    json.loads(capsys.readouterr().out)


def test_a_reason_is_printed_as_it_was_given(
    winner: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "promote", "1", "--reason", "fix [/bug] in [topic=loans]")
    assert run(monkeypatch, "history") == 0
    assert run(monkeypatch, "show", "1") == 0
    assert capsys.readouterr().out.count("fix [/bug] in [topic=loans]") == 2


def test_show_tells_a_versions_story(
    winner: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "show", "1") == 0
    text = capsys.readouterr().out
    assert all(part in text for part in ("test v1", "a-base", "PROMOTE", "bare base", "because"))
    assert run(monkeypatch, "show", "1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["decision"]["verdict"] == "PROMOTE"
    assert {"adapter", "dataset", "evidence", "history"} <= shown.keys()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("show", "7"), 2, "test has no version 7; see `incumbent versions`"),
        (("promote", "7"), 2, "test has no version 7"),
        (("rollback",), 2, "test has no earlier champion"),
        (("submit",), 2, "outputs/adapter.json: No such file"),
        (("versions", "--jsn"), 2, "No such option"),
    ],
)
def test_bad_usage_says_what_is_wrong(
    arguments: tuple[str, ...],
    code: int,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *arguments) == code
    assert complaint in capsys.readouterr().err


def test_a_folder_that_is_no_project_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").unlink()
    assert run(monkeypatch, "status") == 2
    assert "params.yaml: No such file" in capsys.readouterr().err
    assert not Path("home").exists()


def test_doctor_names_what_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "doctor", "--json") == 0
    findings = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["torch"]["ok"]
    assert findings["embedder model"]["ok"]
