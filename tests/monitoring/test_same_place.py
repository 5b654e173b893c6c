"""A machine that does not see the traffic, or the champion's files, leaves the nights to others."""

import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from incumbent.verbs.nightly import run_night
from incumbent.verbs.status import print_status
from monitoring.night_context import (
    TRAFFIC,
    MarkedFolder,
    NightContext,
    OtherPlaceError,
    move_traffic,
    place_of,
    require_place,
    settle,
)
from monitoring.night_history import check_of
from monitoring.scheduling.health import pages_of
from monitoring.scheduling.job import WrongMachineError
from monitoring.scheduling.outbox import newest_notices
from monitoring.scheduling.runs import runs_of
from monitoring.traffic.traffic_store import MARK
from project.errors import IncumbentError
from project.records.drift import DriftVerdict
from registry.storage.tables import places
from tests.quick_nights import (
    Make,
    WordEmbeddings,
    day,
    opened,
    rows_of,
    run,
    scheduler_of,
    site_of,
    watched_site,
)
from tests.scheduling import Clock


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """The machine whose folder has the traffic; it has run a night."""
    with watched_site(make_adapter) as made:
        run(made, 3)
        yield made


def elsewhere(context: NightContext, folder: str = "not-mounted") -> NightContext:
    """Another machine with the same registry."""
    Path(folder).mkdir(exist_ok=True)
    return site_of(context.registry, Path(folder))


def test_a_machine_whose_traffic_folder_is_not_mounted_settles_no_night(
    context: NightContext, caplog: pytest.LogCaptureFixture
) -> None:
    context.traffic.append(rows_of(4))
    other = scheduler_of(elsewhere(context), at=day(5))
    for _ in range(2):
        other.tick()
    assert check_of(context.registry.engine, "bank", day(4)) is None
    assert caplog.text.count("has no mark (is it mounted?)") == 1
    assert "run `incumbent nightly --traffic-is-here`" in caplog.text
    scheduler_of(context, at=day(5)).tick()
    night = check_of(context.registry.engine, "bank", day(4))
    assert night is not None and night.verdict is DriftVerdict.NO_DRIFT


def test_the_refusal_is_in_the_health_of_that_machine(context: NightContext) -> None:
    other = scheduler_of(elsewhere(context), at=day(5))
    other.tick()
    other.beat()
    page = pages_of(other.engine, other.jobs, other.holder, other.clock)["/healthz"]()
    assert page.status == 200
    assert "not-mounted on this machine has no mark" in json.loads(page.body)["refuses"]


def test_status_lists_the_machine_with_why_it_is_refused(
    context: NightContext, capsys: pytest.CaptureFixture[str]
) -> None:
    other = scheduler_of(elsewhere(context), at=day(5))
    other.tick()
    other.beat()
    (why,) = other.refused.values()
    Path("params.yaml").write_text("registry: {family: bank}\n")
    print_status(as_json=True)
    (told,) = json.loads(capsys.readouterr().out)["refused"]
    assert told == {"machine": socket.gethostname(), "why": why}
    print_status(as_json=False)
    shown = capsys.readouterr().out.splitlines()
    assert f"refused   {socket.gethostname()}: {why}" in shown
    assert not any("refuses" in line for line in shown)


def test_an_old_copy_of_the_folder_silences_nobody_and_says_that_it_is_one(
    context: NightContext,
) -> None:
    """It has the mark, and is the first each night; the other machine has nothing due."""
    shutil.copytree("traffic", "copy")
    old, engine = elsewhere(context, "copy"), context.registry.engine
    right = scheduler_of(context, at=day(5))
    right.tick()
    for number in (5, 6):
        context.traffic.append(rows_of(number))
        scheduler_of(old, at=day(number + 1)).tick()
        settled = check_of(engine, "bank", day(number))
        assert settled and settled.verdict is DriftVerdict.INSUFFICIENT
        right.clock = scheduler_of(context, at=day(number + 1)).clock
        right.tick()
        judged = check_of(engine, "bank", day(number))
        assert judged and judged.verdict is DriftVerdict.NO_DRIFT
    told = [one.notice for one in newest_notices(engine, 9) if one.notice.kind == "traffic-unseen"]
    assert [one.detail["date"] for one in told] == [str(day(6))]
    assert f"{socket.gethostname()} saw 150 rows of {day(5)}, and copy on" in told[0].text


def test_late_days_are_asked_for_once_an_hour_where_nothing_is_due(context: NightContext) -> None:
    run(context, 4, [])
    clock = Clock(f"{day(5)}T03:00:00+00:00")
    scheduler = scheduler_of(context)
    scheduler.clock = clock
    scheduler.tick()
    context.traffic.append(rows_of(4))
    for minutes, verdict in ((50, DriftVerdict.INSUFFICIENT), (10, DriftVerdict.NO_DRIFT)):
        clock.forward(minutes=minutes)
        scheduler.tick()
        night = check_of(context.registry.engine, "bank", day(4))
        assert night and night.verdict is verdict


def test_a_machine_with_another_folder_is_told_both_marks(context: NightContext) -> None:
    other = elsewhere(context, "other")
    mine = other.traffic.put_mark("0123456789abcdef")
    place = place_of(context.registry.engine, "bank", TRAFFIC)
    assert place is not None
    with pytest.raises(WrongMachineError, match=rf"{place.mark}.* other on this machine .*{mine}"):
        require_place(other)


def test_traffic_that_was_moved_is_declared_on_record_and_the_old_folder_is_refused(
    context: NightContext,
) -> None:
    shutil.copytree("traffic", "moved", ignore=shutil.ignore_patterns(MARK))
    moved = elsewhere(context, "moved")
    move_traffic(moved)
    require_place(moved)
    with pytest.raises(WrongMachineError):
        require_place(context)
    told = select(places.c.location, places.c.by).order_by(places.c.id)
    with context.registry.engine.connect() as connection:
        known = [tuple(row) for row in connection.execute(told)]
    assert known == [
        ("traffic", "tester"),
        ("moved", "tester"),
    ]


def test_an_empty_folder_is_not_where_traffic_moved(context: NightContext) -> None:
    require_place(context)
    with pytest.raises(WrongMachineError, match="holds no day of traffic: is it mounted"):
        move_traffic(elsewhere(context, "empty"))


def test_a_folder_that_goes_away_in_mid_night_settles_nothing(context: NightContext) -> None:
    embeddings = WordEmbeddings()
    context.traffic.append(rows_of(4))
    embeddings.meanwhile = lambda: Path("traffic").rename("gone") if Path("traffic").exists() else 0
    scheduler_of(replace(context, embeddings=embeddings), at=day(5)).tick()
    (newest, *_) = runs_of(context.registry.engine, "nightly bank")
    assert (newest.date, newest.state, newest.attempts) == (day(4), "waiting", 0)


def test_nobody_is_refused_before_there_is_traffic_anywhere(make_adapter: Make) -> None:
    with opened(make_adapter) as registry:
        context = site_of(registry)
        require_place(context)
        assert place_of(registry.engine, "bank", TRAFFIC) is None


def test_of_two_machines_that_come_first_one_says_where_the_traffic_is(
    context: NightContext,
) -> None:
    known = place_of(context.registry.engine, "bank", TRAFFIC)
    other = MarkedFolder(
        family="bank", kind=TRAFFIC, mark="b", location="b", at="2026-03-06T00:00:00.000Z", by="b"
    )
    with pytest.raises(OtherPlaceError, match="traffic of bank is at traffic"):
        settle(context.registry.engine, other, instead_of=None)
    assert place_of(context.registry.engine, "bank", TRAFFIC) == known


def test_a_bucket_has_its_mark_too(make_adapter: Make) -> None:
    with opened(make_adapter) as registry:
        url = "memory://bucket-of-places/traffic"
        first, second = site_of(registry, url), site_of(registry, url)
        remote = first.traffic.remote
        assert remote is not None
        remote.store.write(f"{day(1)}/a.jsonl", b"not json\n")
        for one in (first, second):
            require_place(one)
        assert first.traffic.mark() == second.traffic.mark() is not None
        assert first.traffic.days() == [day(1)]


def test_a_champion_whose_files_are_not_here_is_refused_before_the_claim(
    context: NightContext,
) -> None:
    champion = context.registry.champion()
    assert champion is not None
    context.registry.artifacts.blobs.delete(champion.adapter.files)
    with pytest.raises(
        WrongMachineError, match=r"the files of bank v1 are not in .*registry.artifacts"
    ):
        require_place(context)


def test_a_folder_that_cannot_be_written_to_says_so(context: NightContext) -> None:
    with pytest.raises(IncumbentError, match=r"\.incumbent-place cannot be written: .*let this"):
        site_of(context.registry, Path("traffic/2026-03-02/traffic.jsonl")).traffic.put_mark("x")


@pytest.mark.slow
def test_a_night_by_hand_is_refused_and_goes_on_after_the_word_that_traffic_moved(
    context: NightContext,
) -> None:
    """Of the project in this folder, whose traffic folder is another one."""
    Path("datasets/traffic").mkdir(parents=True)
    Path("params.yaml").write_text("registry: {family: bank}\n")
    with pytest.raises(WrongMachineError, match="datasets/traffic on this machine has no mark"):
        run_night(day(4))
    without = shutil.ignore_patterns(MARK, str(day(4)))
    shutil.copytree("traffic", "datasets/traffic", ignore=without, dirs_exist_ok=True)
    run_night(day(4), traffic_is_here=True)
    night = check_of(context.registry.engine, "bank", day(4))
    assert night is not None and night.verdict is DriftVerdict.INSUFFICIENT
