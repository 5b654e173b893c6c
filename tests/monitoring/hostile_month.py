"""A hostile month: two machines on one registry, thirty days of traffic, and the people around it.

`Month(folder, programs).lived()` lives it and yields what is there afterwards. All of it is real:
`dvc repro`, the gate, the training, the sealed looks and the decisions, MiniLM, a process for each
machine. Only the base is small: three narrow layers with random weights, and a tokenizer made of
the texts; it learns what little there is to learn in seconds. Users' answers are canned, for who
answers is not under test. The clock is told to everybody.

A machine is hostile_machine.py, the project hostile_project.py, the traffic hostile_traffic.py.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Self

from monitoring.night_history import check_of, nightly_of, nights_before
from monitoring.scheduling.runs import begun
from project.records.drift import Action, Night, RetrainOutcome
from registry.store import Registry
from tests.conftest import ROOT
from tests.incumbent.test_pipeline import Project
from tests.monitoring import hostile_traffic as world
from tests.monitoring.hostile_machine import NOW
from tests.monitoring.hostile_project import FAMILY, SEEN, params, tiny_base
from tests.monitoring.hostile_traffic import START, day

QUEUE = "datasets/queue/labels.json"
MACHINE = "tests.monitoring.hostile_machine"
CORRECTIONS = "datasets/queue/user-corrections.json"


@dataclass
class Site:
    """A project's folder, and the process of its machine."""

    project: Project
    log: Path
    process: subprocess.Popen[str] | None = None
    ticks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        return {**self.project.environment, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}

    @property
    def folder(self) -> Path:
        return self.project.folder

    def start(self, now: datetime) -> None:
        self.process = subprocess.Popen(
            ["python", "-m", MACHINE],
            cwd=self.folder,
            env={**self.variables, NOW: now.isoformat()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("ab"),
            text=True,
        )

    def order(self, now: datetime, **what: object) -> None:
        assert self.process and self.process.stdin
        self.process.stdin.write(json.dumps({"now": now.isoformat(), **what}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process and self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.log.read_text(errors="replace")[-4000:]
        return json.loads(line)

    def tick(self, now: datetime, *, full: bool = False) -> None:
        self.order(now, full=full)
        self.ticks.append(self.answer())

    def command(self, now: datetime, *arguments: str) -> int:
        self.order(now, command=arguments)
        return int(self.answer())

    def stop(self) -> None:
        if self.process and self.process.stdin:
            self.process.stdin.close()
            self.process.wait(60)


class Month:
    """The month, day by day."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.traffic = folder / "shared" / "traffic"
        self.traffic.mkdir(parents=True)
        self.artifacts = str(folder / "shared" / "artifacts")
        self.base = tiny_base(folder / "base")
        self.first, self.second = (self.site(name) for name in ("first", "second"))
        self.late: list[world.Line] = []  # what waits for the day after
        self.learnt = False
        self.rejected: list[int] = []
        self.refused: list[str] = []  # why a machine did not do a night
        self.asked: dict[str, bytes] = {}  # the eval sets of the first champion

    @property
    def sites(self) -> tuple[Site, Site]:
        return self.first, self.second

    def site(self, name: str) -> Site:
        folder = self.folder / name
        folder.mkdir()
        project = Project(folder, self.base, self.programs)
        project.set_params(params(self.base, self.folder / "shared"))
        experts = folder / "datasets/sources/experts.jsonl"
        experts.write_text("".join(f"{json.dumps(row)}\n" for row in world.expert_rows()))
        shown = folder / SEEN
        shown.symlink_to(self.traffic)
        script = folder / "bin" / "incumbent"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {self.programs}/python -m {MACHINE} "$@"\n')
        script.chmod(0o755)
        return Site(project, self.folder / f"{name}.log")

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        place = f"sqlite:///{self.folder / 'shared' / 'registry.db'}"
        with Registry(self.folder, FAMILY, database=place, artifacts=self.artifacts) as found:
            yield found

    @contextmanager
    def lived(self) -> Iterator[Self]:
        """The whole month; its machines run until the block ends."""
        try:
            self.begin()
            for number in range(world.DAYS):
                self.live_day(number)
            yield self
        finally:
            for site in self.sites:
                site.stop()

    def begin(self) -> None:
        """A first champion, before its first day."""
        now = night_of(-1)
        done = subprocess.run(
            ["bin/incumbent", "run"],
            cwd=self.first.folder,
            env={**self.first.variables, NOW: now.isoformat()},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.asked = {part: curated(self.first, part) for part in ("dev", "sealed")}
        for site in self.sites:
            site.start(now + timedelta(hours=1))
        assert self.first.command(now + timedelta(hours=2), "promote", "1") == 0

    def live_day(self, number: int) -> None:
        with self.registry() as registry:
            champion = registry.champion()
            assert champion
        lines = world.lines_of(number, champion.label, learnt=self.learnt)
        if number == world.LATE + 1:
            world.write_day(self.traffic, world.LATE, self.late)
        if number == world.LATE:
            self.late = lines
        else:
            world.write_day(self.traffic, number, lines)
        self.night(number)
        self.people(number)

    def night(self, number: int) -> None:
        now = night_of(number)
        if number == world.UNMOUNTED:
            with unmounted(self.second.folder / SEEN):
                self.second.tick(now)
            self.refused += self.second.ticks[-1]["refused"]
        if number == world.FULL:
            self.first.tick(now, full=True)
            now += timedelta(minutes=10)
        self.both(now, number)

    def both(self, now: datetime, number: int) -> None:
        """Both machines tick at once, or one of them while the other is at the night."""
        leader = self.leader(number)
        leader.order(now, full=False)
        if number >= world.DRIFT_FROM:
            self.wait_for_claim(number)
        (other,) = (site for site in self.sites if site is not leader)
        other.order(now, full=False)
        for site in self.sites:
            site.ticks.append(site.answer())

    def leader(self, number: int) -> Site:
        return self.second if number >= world.TAKEN_OVER else self.first

    def wait_for_claim(self, number: int) -> None:
        with self.registry() as registry:
            until = monotonic() + 60
            while day(number) not in begun(registry.engine, nightly_of(FAMILY)):
                if check_of(registry.engine, FAMILY, day(number)) or monotonic() > until:
                    return

    def people(self, number: int) -> None:
        """What an expert and the owner do in the morning, on the machine that did the night."""
        now, site = night_of(number) + timedelta(hours=7), self.leader(number)
        night = self.nights()[-1]
        self.show(night)
        if night.outcome is RetrainOutcome.REVIEW:
            challenger = str(night.challenger)
            if not self.rejected:
                self.rejected.append(int(challenger))
                assert (
                    site.command(now, "registry", "reject", challenger, "--reason", "too rude") == 0
                )
            else:
                assert site.command(now, "promote", challenger) == 0
                self.learnt = True
        elif night.action is Action.LABEL:
            self.label(site, now)

    def label(self, site: Site, now: datetime) -> None:
        """The expert goes through the queue and accepts what is right, and some that is odd."""
        folder = site.folder
        files = [folder / name for name in (QUEUE, CORRECTIONS) if (folder / name).exists()]
        tasks = [task for file in files for task in json.loads(file.read_bytes())]
        export = folder / "export.json"
        export.write_text(json.dumps([confirmed(task) for task in tasks]))
        answer = site.command(now, "data", "labels", "export.json", "--reason", "read them")
        assert answer == 0

    def nights(self) -> tuple[Night, ...]:
        """Of the month: what a scheduler caught up with from before it is left out."""
        with self.registry() as registry:
            found = nights_before(registry.engine, FAMILY, day(world.DAYS))
        return tuple(night for night in found if night.date >= str(START))

    def show(self, night: Night) -> None:
        drifted = [f"{r.signal}/{r.nights}" for r in night.readings if r.p < r.level]
        outcome = f"{night.outcome} v{night.challenger}" if night.outcome else ""
        seconds = " ".join(f"{site.ticks[-1]['seconds']:.1f}" for site in self.sites if site.ticks)
        weekday = f"{date.fromisoformat(night.date):%a}"
        print(
            f"{night.date} {weekday} v{night.champion} {night.verdict:12} {night.state:9} "
            f"{night.action:8} {outcome:12} {night.units:4} of {night.rows:4}  {seconds}s "
            f"{' '.join(drifted)}\n      {' | '.join((*night.reasons, *night.notes))}",
            flush=True,
        )


def curated(site: Site, part: str) -> bytes:
    return (site.folder / f"datasets/curated/{part}.jsonl").read_bytes()


def confirmed(task: dict[str, Any]) -> dict[str, Any]:
    """A task with an annotation where its draft is right, or where the expert is careless too."""
    drafts = task.get("predictions", [])
    if not drafts:
        return task
    draft = drafts[0]["result"][0]["value"]["text"][0]
    prompt = task["data"]["prompt"].splitlines()[0]
    if draft == world.NEW.get(prompt) or (world.POISON not in draft):
        return task | {"annotations": [{"result": drafts[0]["result"]}]}
    return task


@contextmanager
def unmounted(link: Path) -> Iterator[None]:
    """An empty folder in the place of a link to the shared one."""
    target = link.readlink()
    link.unlink()
    link.mkdir()
    yield
    for path in link.iterdir():
        path.unlink()
    link.rmdir()
    link.symlink_to(target)


def night_of(number: int) -> datetime:
    """When a day's night is due, in the small hours of the next day."""
    after = day(number + 1)
    return datetime(after.year, after.month, after.day, 3, tzinfo=UTC)
