"""`incumbent registry add-contestant`: a hosted model is asked once, and paid once."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.generation import hosted
from evaluation.repeated_questions import REPEATS
from incumbent.cli import app
from monitoring.night import notices
from monitoring.same_model import record_change, with_same_model
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.events import HostedChanged, Promotion, SealedConsent
from project.records.record import write_records
from project.settings import PARAMS
from registry.audit import problems
from registry.store import Registry
from tests.incumbent.reproducible_project import COUNTED
from tests.judge_server import Asked, JudgeServer, Reply, judge_server
from tests.nights import night_of
from tests.quick_nights import site_of

DEV, SEALED = 12, 10
ASKED = DEV + 1 + REPEATS * DEV  # without the sealed items; one is of general ability
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def answers(asked: Asked) -> Reply:
    return Reply(f"as to {asked.question}", fields={"model": "m-2026-01-01", "usage": USAGE})


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows as curation leaves them, and no patience."""
    monkeypatch.setattr(hosted, "RETRIES", 0)
    PARAMS.write_text("registry: {family: bank}\n")
    for part, count in ((Split.DEV, DEV), (Split.SEALED, SEALED)):
        rows = [
            Row.of(f"{part} question {i}?", f"answer {i}", group=f"{part}{i}", source="t")
            for i in range(count)
        ]
        write_records(rows_of(part), rows)
    write_bytes(Path("datasets/general/few.jsonl"), COUNTED.splitlines()[0])


def add(server: JudgeServer, *more: str) -> str:
    words = ("registry", "add-contestant", "--hosted", "m", "--url", server.url, "--yes", *more)
    done = CliRunner().invoke(app, words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return re.sub(r"\s+", " ", done.output)


def test_a_hosted_model_is_asked_once_and_its_consent_is_on_record() -> None:
    with judge_server(answers) as server:
        told = add(server, "--send-sealed", "--as", "champion", "--price", "1", "2", "--json")
        asked = len(server.asked)
        again = add(server, "--send-sealed")
        assert len(server.asked) == asked == ASKED + SEALED
    found = json.loads(told[told.index("{") :])
    assert found["spent"] == pytest.approx(asked * (100 * 1 + 10 * 2) / 1e6)
    assert found["sheet"]["served_as"] == ["m-2026-01-01"]
    assert "registered before" in again
    with Registry.here() as registry:
        consent, submitted, promoted = list(registry.history())[:3]
        assert consent.told(SealedConsent).items == SEALED
        assert consent.told(SealedConsent).url == server.url
        assert (submitted.kind, submitted.version) == ("submit", 1)
        assert promoted.told(Promotion).forced
        assert list(problems(registry)) == []
        folder = registry.artifacts.check_out(registry.version(1).adapter.files, Path("v1"))
    dev = (folder / "dev-answers.jsonl").read_text()
    assert "dev question" in dev and "sealed question" not in dev


def test_sealed_prompts_stay_where_nobody_lets_them_go() -> None:
    with judge_server(answers) as server:
        with pytest.raises(InputError, match=r"--send-sealed.*--keep-sealed"):
            add(server)
        assert server.asked == []
        add(server, "--keep-sealed")
        assert not [one for one in server.asked if "sealed" in one.question]
    with Registry.here() as registry:
        assert registry.history(kind="consent") == []


def test_an_interrupted_interview_goes_on_and_pays_nothing_twice() -> None:
    paid: list[str] = []
    most = [5]

    def tired(asked: Asked) -> Reply:
        if len(paid) >= most[0]:
            return Reply(status=429, raw=b'{"error": {"message": "slow down"}}')
        paid.append(asked.question)
        return answers(asked)

    with judge_server(tired) as server:
        with pytest.raises(IncumbentError, match="what was answered is kept"):
            add(server, "--keep-sealed")
        with Registry.here() as registry:
            assert registry.versions() == []
        most[0] = 1000
        add(server, "--keep-sealed")
    assert len(paid) == ASKED


@pytest.mark.parametrize(
    ("behaviour", "options", "problem"),
    [
        (lambda a: Reply("x", fields={"model": "cheap"}), (), "says that cheap answered"),
        (lambda a: Reply(""), (), "nothing but empty texts"),
        (
            lambda a: Reply(status=302, headers={"Location": "/"}),
            (),
            "no server of OpenAI",
        ),
        (
            lambda a: Reply(status=401, raw=b'{"error": {"message": "bad key"}}'),
            (),
            "bad key.*the options",
        ),
        (answers, ("--price", "1", "2", "--limit", "0.0005"), "higher --limit"),
        (answers, ("--limit", "1"), "--limit is in money"),
        (answers, ("--key-variable", "NO_SUCH_KEY"), "'NO_SUCH_KEY' is not set"),
    ],
)
def test_what_goes_wrong_registers_nothing(
    behaviour: Callable[[Asked], Reply], options: tuple[str, ...], problem: str
) -> None:
    with judge_server(behaviour) as server, pytest.raises(IncumbentError, match=problem):
        add(server, "--keep-sealed", *options)
    with Registry.here() as registry:
        assert registry.versions() == []


def test_only_a_family_without_a_champion_is_given_one() -> None:
    with judge_server(answers) as server:
        add(server, "--keep-sealed", "--as", "champion")
        with pytest.raises(InputError, match="bank v1 is the champion"):
            add(server, "--keep-sealed", "--as", "champion")


def test_a_night_finds_that_the_model_behind_the_name_changed() -> None:
    said = ["as to"]

    def vendor(asked: Asked) -> Reply:
        return Reply(f"{said[0]} {asked.question}", fields={"model": "m"})

    with judge_server(vendor) as server:
        add(server, "--keep-sealed", "--as", "champion")
        with Registry.here() as registry:
            context = site_of(registry)
            night = night_of("bank", date(2026, 5, 1), champion=1)
            same = with_same_model(context, night)
            assert same.same_model and not same.same_model.changed
            assert same.same_model.n == DEV
            said[0] = "no idea about your"
            other = with_same_model(context, night)
            assert other.same_model and other.same_model.changed
            assert [one.kind for one in notices(other)] == ["hosted-changed"]
            for _ in range(2):
                record_change(registry, other)
            (event,) = registry.history(kind="changed")
            assert event.told(HostedChanged).items == DEV
    with Registry.here() as registry:
        quiet = site_of(registry)
        quiet = replace(quiet, drift=quiet.drift.model_copy(update={"ask_again": False}))
        assert with_same_model(quiet, night) == night
        gone = with_same_model(site_of(registry), night)
    assert (
        gone.same_model is None and "was not asked whether it is still the same" in gone.notes[-1]
    )
