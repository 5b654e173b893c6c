"""`registry anchor` writes where it is told to, and `verify --anchor` says what does not fit."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from incumbent.verbs.verify import verify_registry, write_anchor
from project.errors import IncumbentError, InputError
from registry.chain_anchor import read_anchors
from registry.store import Registry
from tests.monitoring.test_notice_delivery import SECRET, receiver
from tests.places import submit


@pytest.fixture
def project(tmp_path: Path) -> None:
    """A project with three events, anchored in a file."""
    Path("params.yaml").write_text("registry: {family: test, anchor: anchors.jsonl}\n")
    with Registry.here() as registry:
        for name in "abc":
            submit(registry, name, tmp_path)
    write_anchor(None, as_json=False)


def delete_last_version() -> None:
    with Registry.here() as registry, registry.engine.begin() as connection:
        connection.execute(text("DELETE FROM events WHERE seq = 3"))
        connection.execute(text("DELETE FROM versions WHERE number = 3"))


@pytest.mark.usefixtures("project")
def test_an_anchor_is_written_and_found_to_fit(capsys: pytest.CaptureFixture[str]) -> None:
    write_anchor(None, as_json=False)
    assert "event 3 is anchored in anchors.jsonl, not signed" in capsys.readouterr().out
    write_anchor("more.jsonl", as_json=True)
    anchor = json.loads(capsys.readouterr().out)
    assert (anchor["format"], anchor["seq"]) == ("incumbent-anchor/1", 3)
    verify_registry(False, ["anchors.jsonl", "more.jsonl"])
    said = capsys.readouterr().out
    assert "the history fits its anchors: 3, signed: 0" in said
    assert "events since then: 0" in said


@pytest.mark.usefixtures("project")
def test_a_history_that_was_cut_is_told_and_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    delete_last_version()
    verify_registry(False)
    capsys.readouterr()
    with pytest.raises(SystemExit, match="1"):
        verify_registry(True, ["anchors.jsonl"])
    told = json.loads(capsys.readouterr().out)
    assert "anchors.jsonl:1: the history was cut: event 3" in told["problems"][0]
    assert (told["anchors"]["checked"], told["anchors"]["newest"]) == (1, None)


@pytest.mark.usefixtures("project")
def test_a_file_of_anchors_is_read_before_anything_is_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    with pytest.raises(InputError, match=r"params\.yaml:1: not JSON"):
        verify_registry(False, ["anchors.jsonl", "params.yaml"])
    assert capsys.readouterr().out == ""


def test_there_is_nothing_to_anchor_before_the_first_event() -> None:
    Path("params.yaml").write_text("registry: {family: test}\n")
    with pytest.raises(IncumbentError, match="there is no event to anchor yet: `incumbent submit`"):
        write_anchor("anchors.jsonl", as_json=False)
    assert not Path("anchors.jsonl").exists()


@pytest.mark.usefixtures("project")
def test_the_environment_names_a_place_before_the_settings_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INCUMBENT_ANCHOR", "elsewhere/anchors.jsonl")
    write_anchor(None, as_json=False)
    assert len(read_anchors("elsewhere/anchors.jsonl")) == len(read_anchors("anchors.jsonl")) == 1
    monkeypatch.delenv("INCUMBENT_ANCHOR")
    Path("params.yaml").write_text("registry: {family: test}\n")
    with pytest.raises(InputError, match="--to: say where to: a file, git, git:REMOTE"):
        write_anchor(None, as_json=False)


@pytest.mark.usefixtures("project")
def test_what_a_webhook_received_is_an_anchor_too(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("params.yaml").open("a") as params:
        params.write("monitoring: {notices: {allow_private: true}}\n")
    with receiver() as webhook:
        write_anchor(webhook.url, as_json=False)
    assert SECRET not in capsys.readouterr().out
    [body] = webhook.bodies
    Path("received.jsonl").write_text(json.dumps(body) + "\n" + body["text"] + "\n")
    verify_registry(False, ["received.jsonl"])
    assert "fits its anchors: 2" in capsys.readouterr().out
    assert body["text"].startswith('{"at":"')


@pytest.mark.usefixtures("project")
def test_a_webhook_that_must_not_be_asked_or_does_not_take_an_anchor_is_told() -> None:
    with receiver(500) as webhook:
        with pytest.raises(
            InputError, match=r"webhook's address is no web address.*: --to names it"
        ):
            write_anchor(webhook.url, as_json=False)
        with Path("params.yaml").open("a") as params:
            params.write("monitoring: {notices: {allow_private: true}}\n")
        with pytest.raises(IncumbentError, match=r"did not arrive: .* answered with status 500"):
            write_anchor(webhook.url, as_json=False)
