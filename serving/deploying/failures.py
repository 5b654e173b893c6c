"""What could not be deployed: told once, shown while it lasts, tried again after a pause."""

import asyncio
import fcntl
import json
import logging
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from project.errors import IncumbentError
from project.files import home, make_folder
from project.records.adapters import AdapterVersion
from project.records.events import DeploymentFailed
from registry.deployment_history import record_failure
from registry.store import Registry
from serving.deploying.replica_loading import Step
from serving.deploying.route_table import RouteProblem
from serving.exchange import deployment_of

# --- retries --------------------------------------------------------------------------------------

# When what failed is tried again: after growing pauses, and at once when there is news.

LONGEST = 600.0  # seconds between two tries
Key = tuple[int, str | None]  # a version, and the replica where it failed


@dataclass(frozen=True)
class Try:
    failures: int
    next: float  # on the clock
    news: int  # the newest event about the version then


class Retries:
    """Memory of one follower; `first` is the pause after the first failure, in seconds."""

    def __init__(self, first: float, clock: Callable[[], float]) -> None:
        self.first = first
        self.clock = clock
        self.tries: dict[Key, Try] = {}

    def due(self, key: Key, news: int) -> bool:
        last = self.tries.get(key)
        return last is None or news > last.news or self.clock() >= last.next

    def failed(self, key: Key, news: int) -> None:
        last = self.tries.get(key)
        failures = last.failures + 1 if last and last.news == news else 1
        pause = min(self.first * 2 ** min(failures - 1, 30), LONGEST)
        self.tries[key] = Try(failures, self.clock() + pause, news)

    def forget(self, key: Key) -> None:
        self.tries.pop(key, None)

    def keep(self, numbers: Collection[int]) -> None:
        self.tries = {key: last for key, last in self.tries.items() if key[0] in numbers}


# --- failures -------------------------------------------------------------------------------------

log = logging.getLogger(__name__)


@dataclass
class Failures:
    """One follower's memory of them. `news` is the newest event about a version, after which all
    is tried at once and told anew.
    """

    registry: Registry
    retries: Retries
    problems: dict[Key, str] = field(default_factory=dict)
    written: dict[Key, tuple[int, str]] = field(default_factory=dict)

    async def failed(
        self, version: AdapterVersion, news: int, step: Step, replica: str | None, problem: str
    ) -> None:
        """Tell it, and let the next try wait."""
        self.retries.failed((version.number, replica), news)
        await self.report(version, news, step, replica, problem)

    async def report(
        self, version: AdapterVersion, news: int, step: Step, replica: str | None, problem: str
    ) -> None:
        key = (version.number, replica)
        self.problems[key] = problem
        if self.written.get(key) == (news, problem):
            return
        place = f" on {replica}" if replica else ""
        log.warning("%s was not deployed%s (%s): %s", version.label, place, step, problem)
        told = DeploymentFailed(
            adapter=version.adapter.files,
            name=deployment_of(version).name,
            step=step,
            replica=replica,
        )
        try:
            await asyncio.to_thread(record_failure, self.registry, version.number, told, problem)
        except IncumbentError as error:
            log.error("the event of it could not be written: %s", error)
        else:
            self.written[key] = (news, problem)

    def passed(self, number: int, replica: str | None) -> None:
        self.retries.forget((number, replica))
        self.problems.pop((number, replica), None)

    def keep(self, numbers: Collection[int]) -> None:
        """Forget versions that nobody wants any more."""
        self.problems = {k: p for k, p in self.problems.items() if k[0] in numbers}
        self.written = {k: w for k, w in self.written.items() if k[0] in numbers}
        self.retries.keep(numbers)

    def shown(self) -> tuple[RouteProblem, ...]:
        return tuple(
            RouteProblem(version=number, replica=replica, problem=problem)
            for (number, replica), problem in self.problems.items()
        )


# --- load marks -----------------------------------------------------------------------------------

# Marks on disk of the loads that are under way: one that two processes died of is not tried again.
#
# An engine in the gateway's own process takes the gateway with it: a base that is too large for the
# memory, say. Whoever starts the gateway again would start the same load again, for ever. A process
# that was killed once may have been killed for any reason, so that the next one tries again.

BOOT = Path("/proc/sys/kernel/random/boot_id")  # another one after each start of the machine


DEATHS = 2  # of processes that loaded a version, after which no other one tries


def marks_folder() -> Path:
    return home() / "serving" / "loads"


@contextmanager
def load_mark(name: str, news: int) -> Iterator[None]:
    """A file, locked by this process, while the block loads a version under a name.

    `news` is the number of the newest event about it.
    """
    folder = marks_folder() / name
    make_folder(folder)
    path = folder / f"{secrets.token_hex(8)}.json"
    with path.open("x") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        mark.write(json.dumps({"news": news, "boot": boot()}))
        mark.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def fatal_mark(name: str, news: int) -> Path | None:
    """A mark of two processes or more that ended while they loaded a version; else None.

    Marks are deleted that count no more: of before the newest event about the version, and of
    before the machine was started, for then it is known that something else ended the process.
    """
    dead = []
    for path in marks_of_the_dead(name):
        if counts(path, news):
            dead.append(path)
        else:
            path.unlink(missing_ok=True)
    return dead[0] if len(dead) >= DEATHS else None


def forget_deaths(name: str) -> None:
    """A version was loaded: what ended earlier processes was something else."""
    for path in marks_of_the_dead(name):
        path.unlink(missing_ok=True)


def marks_of_the_dead(name: str) -> list[Path]:
    return [path for path in (marks_folder() / name).glob("*.json") if not is_held(path)]


def is_held(path: Path) -> bool:
    """Whether a process that lives loads it now."""
    try:
        with path.open() as mark:
            fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:  # it has ended meanwhile
        return True
    except BlockingIOError:
        return True
    return False


def counts(path: Path, news: int) -> bool:
    try:
        told = json.loads(path.read_text())
        return bool(told["news"] >= news and told["boot"] == boot())
    except (OSError, ValueError, KeyError, TypeError):  # its process died while it wrote it
        return False


def boot() -> str:
    return BOOT.read_text().strip() if BOOT.exists() else ""
