"""`incumbent registry add-contestant`: a hosted model is asked once, and paid once."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evaluation.evaluation_settings import Decoding
from evaluation.generation import hosted
from evaluation.generation.answers import Answer
from evaluation.repeated_questions import REPEATS
from incumbent.cli import app
from incumbent.reproducing.project_copy import reproducible
from monitoring.champion_quality import record_change, with_same_model
from monitoring.night import notices
from project.errors import IncumbentError, InputError
from project.files import home, write_bytes
from project.paths import ADAPTER, CHAMPION, rows_of
from project.records.adapters import Adapter, Opponent
from project.records.data import Row, Split
from project.records.events import HostedChanged, Promotion, SealedConsent
from project.records.record import write_records
from project.settings import PARAMS, load
from registry.audit import problems
from registry.store import Registry
from tests.conftest import BASE
from tests.incumbent.reproducible_project import COUNTED
from tests.judge_server import Asked, JudgeServer, Reply, judge_server
from tests.nights import night_of
from tests.quick_nights import site_of

MakeAdapter = Callable[[str], tuple[Adapter, Path]]

DEV, SEALED = 12, 10
ASKED = DEV + 1 + REPEATS * DEV  # without the sealed items; one is of general ability
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def answers(asked: Asked) -> Reply:
    return Reply(f"as to {asked.question}", fields={"model": "m-2026-01-01", "usage": USAGE})


def bad_key() -> Reply:
    return Reply(status=401, raw=b'{"error": {"message": "bad key"}}')


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
    return re.sub(r"\s+", " ", added(server, *more).output)


def added(server: JudgeServer, *more: str) -> Result:
    words = ("registry", "add-contestant", "--hosted", "m", "--url", server.url, "--yes", *more)
    done = CliRunner().invoke(app, words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_hosted_model_is_asked_once_and_its_consent_is_on_record() -> None:
    with judge_server(answers) as server:
        words = ("--send-sealed", "--as", "champion", "--price", "1", "2", "--json")
        found = json.loads(added(server, *words).stdout)
        asked = len(server.asked)
        again = add(server, "--send-sealed")
        assert len(server.asked) == asked == ASKED + SEALED
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
        with pytest.raises(InputError, match="nothing was trained"):
            reproducible(registry, 1)
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
        one, other, *_ = sorted((home() / hosted.ASKED).rglob("*.json"))
        one.write_bytes(other.read_bytes())  # by hand: it answers another question
        add(server, "--keep-sealed")
    assert len(paid) == ASKED + 1


def test_tokens_that_a_server_does_not_count_are_estimated() -> None:
    usage = {"prompt_tokens": 10**400, "completion_tokens": 1}
    with judge_server(lambda _: Reply("as you like", fields={"usage": usage})) as server:
        assert "they are estimated" in add(server, "--keep-sealed")
    with Registry.here() as registry:
        folder = registry.artifacts.check_out(registry.version(1).adapter.files, Path("v1"))
    answer = Answer.read_lines(folder / "dev-answers.jsonl")[0]
    assert (answer.tokens, answer.prompt_tokens) == (3, len("dev question 0?") // 4)


@pytest.mark.parametrize(
    ("behaviour", "options", "problem"),
    [
        (lambda a: Reply("x", fields={"model": "cheap"}), (), "says that cheap answered"),
        (lambda a: Reply("x", fields={"model": "m-mini"}), (), "says that m-mini answered"),
        (lambda a: Reply(""), (), "nothing but empty texts"),
        (lambda a: Reply(status=302, headers={"Location": "/"}), (), "no server of OpenAI"),
        (lambda a: bad_key(), (), "bad key.*the options"),
        (answers, ("--price", "1", "2", "--limit", "0.0005"), "higher --limit"),
        (answers, ("--limit", "1"), "--limit is in money"),
        (answers, ("--price", "nan", "1"), "not below zero"),
        (answers, ("--price", "1", "-1"), "not below zero"),
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


def test_requests_that_are_under_way_count_towards_the_limit() -> None:
    def slow(asked: Asked) -> Reply:
        time.sleep(0.05)
        return answers(asked)

    limit = 3.5 * load(Decoding).max_new_tokens / 1e6
    words = ("--keep-sealed", "--price", "1", "1", "--limit", str(limit))
    with judge_server(slow) as server:
        for _ in range(2):  # what was paid before counts too
            with pytest.raises(IncumbentError, match="spent or under way"):
                add(server, *words)
            assert len(server.asked) == 3


def test_what_was_under_way_when_one_failed_is_kept() -> None:
    paid: list[str] = []

    def one_fails(asked: Asked) -> Reply:
        if len(paid) == 7 and asked.question not in paid:
            paid.append("")
            return bad_key()
        paid.append(asked.question)
        time.sleep(0.1)
        return answers(asked)

    with judge_server(one_fails) as server:
        with pytest.raises(IncumbentError, match="bad key"):
            add(server, "--keep-sealed")
        add(server, "--keep-sealed")
    assert len(paid) == ASKED + 1


@pytest.mark.attack
def test_no_error_shows_a_sealed_prompt() -> None:
    def short(asked: Asked) -> Reply:
        if "sealed" not in asked.question:
            return answers(asked)
        return Reply(status=400, raw=b'{"error": {"message": "maximum context length"}}')

    with judge_server(short) as server, pytest.raises(IncumbentError, match="read a question of"):
        add(server, "--send-sealed")


def test_only_a_family_without_a_champion_is_given_one(make_adapter: MakeAdapter) -> None:
    def quicker(asked: Asked) -> Reply:
        """Somebody else makes a champion meanwhile."""
        if asked.question == "dev question 0?":
            with Registry.here() as registry:
                registry.submit(*make_adapter("ant"), "trained")
                registry.promote(1, "by hand", force=True)
        return answers(asked)

    with judge_server(quicker) as server:
        with pytest.raises(IncumbentError, match="version 1 is champion now"):
            add(server, "--keep-sealed", "--as", "champion")
        with pytest.raises(InputError, match="bank v1 is the champion"):
            add(server, "--keep-sealed", "--as", "champion")


@pytest.mark.attack
def test_four_eyes_are_asked_for_before_anything_is_paid() -> None:
    PARAMS.write_text("registry: {family: bank, four_eyes: true}\n")
    with judge_server(answers) as server:
        with pytest.raises(InputError, match="asks for a second person"):
            add(server, "--keep-sealed", "--as", "champion")
        assert server.asked == []


def test_a_hosted_baseline_of_old_leaves_out_the_sealed_items_that_came_later() -> None:
    with judge_server(answers) as server:
        add(server, "--send-sealed", "--as", "champion")
    with Registry.here() as registry:
        hosted_one = registry.version(1).adapter.contestant
    other = Adapter(files="1" * 64, base=BASE, recipe="2" * 64, dataset="3" * 64)
    other.write(ADAPTER)
    Opponent(contestant=other.contestant, baseline=hosted_one).write(CHAMPION)
    for part in Split.DEV, Split.SEALED:
        new = Row.of("new?", "yes", group="new", source="t")
        write_records(rows_of(part), [*Row.read_lines(rows_of(part)), new])
    assert len(hosted.items_of(Split.SEALED)) == SEALED
    assert len(hosted.items_of(Split.DEV)) == DEV + 1  # it does not answer them again


def test_a_night_finds_that_the_model_behind_the_name_changed() -> None:
    said, name = ["as to"], ["m"]

    def vendor(asked: Asked) -> Reply:
        return Reply(f"{said[0]} {asked.question}", fields={"model": name[0]})

    with judge_server(vendor) as server:
        add(server, "--keep-sealed", "--as", "champion")
        with Registry.here() as registry:
            context = site_of(registry)
            night = night_of("bank", date(2026, 5, 1), champion=1)
            same = with_same_model(context, night)
            assert same.same_model and not same.same_model.changed
            assert same.same_model.n == DEV
            name[0] = "m-mini\x1b[2J"
            renamed = with_same_model(context, night).same_model
            assert renamed and renamed.changed and "Served as m-mini [2J." in str(renamed)
            said[0], name[0] = "no idea about your", "m"
            other = with_same_model(context, night)
            assert other.same_model and other.same_model.changed
            assert [one.kind for one in notices(other)] == ["hosted-changed"]
            for _ in range(2):
                record_change(registry, other)
            (event,) = registry.history(kind="changed")
            assert event.told(HostedChanged).items == DEV
        assert "bank v2" in add(server, "--keep-sealed")  # it is asked anew
    with Registry.here() as registry:
        quiet = site_of(registry)
        quiet = replace(quiet, drift=quiet.drift.model_copy(update={"ask_again": False}))
        assert with_same_model(quiet, night) == night
        gone = with_same_model(site_of(registry), night)
    assert gone.same_model is None
    assert "was not asked whether it is still the same" in gone.notes[-1]
