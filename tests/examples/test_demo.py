"""The users of the demo: they ask a whole gateway, and the nights read what it logged."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from examples import demo
from examples.demo import NEW, OLD, START, Users
from examples.story_gateway import serving
from monitoring.traffic.traffic_store import TrafficStore
from project.records.adapters import Adapter
from project.records.data import Row
from project.records.traffic import Traffic
from project.settings import PARAMS
from registry.store import Registry
from serving.deploying import follower
from tests.conftest import ROOT
from tests.evaluation.engine_server import engine_server

Make = Callable[[str], tuple[Adapter, Path]]
A_DAY = 40
SETTINGS = """
registry: {{family: demo}}
serving:
  backend: vllm
  pools: [{{base: a-base, replicas: ["{url}"]}}]
"""


def test_make_starts_modules_which_find_each_other_where_scripts_would_not() -> None:
    started = re.findall(r"^\t@?python (\S+) (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert ("-m", "examples.demo") in started
    assert {how for how, _ in started} == {"-m", "-c"}


@pytest.fixture
def users(make_adapter: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[Users]:
    """In front of an engine without a model, with a champion."""
    monkeypatch.setattr(demo, "A_DAY", A_DAY)
    monkeypatch.setattr(follower, "PAUSE", 0.01)
    monkeypatch.setattr(demo, "rows_of", lambda packages: [row for p in packages for row in of(p)])
    with engine_server() as engine:
        PARAMS.write_text(SETTINGS.format(url=engine.url))
        promote(make_adapter, "one")
        with serving(START, print) as gateway:
            yield Users(gateway)


def of(package: str) -> list[Row]:
    return [
        Row.of(f"What is {package} {n}?", f"{package} {n}", group=str(n), source=package)
        for n in range(A_DAY)
    ]


def promote(make: Make, weights: str) -> None:
    with Registry.here() as registry:
        number = registry.submit(*make(weights), "trained").number
        registry.promote(number, "by hand", force=True)


def logged(days_later: int = 0) -> list[Traffic]:
    store = TrafficStore("datasets/traffic", redact=True, quarantine=Path("quarantine"))
    return [row for rows in store.read(START + timedelta(days=days_later)) for row in rows]


def test_a_days_requests_are_logged_on_the_storys_day_before_the_night_begins(users: Users) -> None:
    users.ask(START, new_share=0)
    rows = logged()
    assert {row.id for row in rows} == set(users.asked)
    assert all(users.asked[row.id].source in OLD for row in rows)
    assert max(row.time.hour for row in rows) == 23


def test_users_correct_most_answers_about_what_is_new(users: Users) -> None:
    users.ask(START, new_share=1)
    corrections = {row.id: row.feedback.correction for row in logged() if row.feedback}
    corrected = {answer: text for answer, text in corrections.items() if text}
    right = [a for a, text in corrected.items() if text == demo.right_answer(users.asked[a])]
    assert A_DAY / 2 < len(corrected) < A_DAY
    assert len(corrected) / 2 < len(right) <= len(corrected)
    assert {users.asked[answer].source for answer in corrected} == set(NEW)


def test_one_gateway_answers_with_each_champion_in_turn(
    users: Users, make_adapter: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    users.ask(START, new_share=0)
    promote(make_adapter, "two")
    users.ask(START + timedelta(days=1), new_share=0)
    users.tell_who_answered()
    before, now = users.answered_by
    assert before.startswith("demo-v1-") and now.startswith("demo-v2-")
    assert f"{before} answered, and now {now} does" in " ".join(capsys.readouterr().out.split())
    assert len({row.adapter for row in logged()} | {row.adapter for row in logged(1)}) == 2


def test_the_same_users_ask_and_say_the_same_in_every_run(users: Users) -> None:
    again = Users(users.gateway)
    row = next(again.new)
    assert row == next(users.new)
    at = users.gateway.now
    assert [again.request(at, row) for _ in range(9)] == [users.request(at, row) for _ in range(9)]
