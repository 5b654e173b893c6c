"""`drift scheduler --check`: what a health check asks, under the settings that we ship."""

import json
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from incumbent.verbs.nightly import check_scheduler
from monitoring.scheduling.heartbeats import beat, farewell, living
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from project.errors import IncumbentError, InputError
from registry.reader import RegistryReader
from tests.conftest import ROOT


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The registry of a project with the settings that we ship."""
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    with RegistryReader.here() as registry:
        yield registry.engine


def scheduler_of(engine: Engine, ago: timedelta = timedelta()) -> Scheduler:
    return Scheduler(ScheduleParams(), [], engine, clock=lambda: datetime.now(UTC) - ago)


def test_a_scheduler_that_lives_here_is_shown(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler = scheduler_of(engine)
    scheduler.beat()
    check_scheduler()
    assert scheduler.holder in capsys.readouterr().out.replace("\n", "")


def test_none_one_that_ended_and_one_that_hangs_are_errors(engine: Engine) -> None:
    with pytest.raises(IncumbentError, match="no scheduler runs on"):
        check_scheduler()
    scheduler = scheduler_of(engine, ago=timedelta(minutes=3))
    scheduler.beat()
    with pytest.raises(IncumbentError, match="no heartbeat for 18"):
        check_scheduler()
    farewell(engine, scheduler.holder)
    with pytest.raises(IncumbentError, match="no scheduler runs on"):
        check_scheduler()


def test_one_on_another_machine_says_nothing_of_this_one(engine: Engine) -> None:
    scheduler_of(engine).beat()
    (own,) = living(engine)
    farewell(engine, own.holder)
    beat(engine, own.model_copy(update={"holder": own.holder.replace(socket.gethostname(), "x")}))
    with pytest.raises(IncumbentError, match="no scheduler runs on"):
        check_scheduler()


def test_outside_of_a_project_no_registry_is_made() -> None:
    with pytest.raises(InputError, match="here is no project"):
        check_scheduler()
    assert not Path(".incumbent").exists()


def test_the_images_health_check_is_this_command() -> None:
    lines = (ROOT / "deploy" / "Containerfile").read_text()
    (command,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", lines, re.M)
    assert json.loads(command) == ["incumbent", "drift", "scheduler", "--check"]
