"""Many families at once on one registry: what they write a second, and how long retrains wait.

python -m benchmarks.eight_families [--families 8] [--nights 3] [--at-once 2]
    [--database URL] [--artifacts URL] [--folder DIR]

Each family is a process of its own with a project whose answers are recorded, so no model is
loaded. It submits a version, looks at the sealed set, decides and promotes; then come nights, each
of which waits for a retrain's slot and does the same within it. All else is as in use.
"""

import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Event

# Imported before the forks, for these take seconds in each process: migrations and the scorer.
import alembic.command  # noqa: F401
from fsspec.core import get_filesystem_class
from fsspec.utils import get_protocol

import evaluation.metrics.rouge  # noqa: F401
from benchmarks.frame import arguments
from evaluation.generation.answers import Role
from examples import recorded_project
from incumbent.submission import submit
from monitoring.night import nightly_job
from monitoring.night_action import retrain_slot
from monitoring.night_context import NightContext
from monitoring.night_history import check_of, keep_check
from monitoring.scheduling.job import Job, JobResult, ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.retrain_slots import RetrainLimits, retrain_of
from monitoring.scheduling.runs import Claim, JobRun, RunState, runs_of
from project import paths
from project.canonical import canonical_json, moment_of
from project.files import write_bytes
from project.records.data import Row, Split
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from project.records.evidence import Verdict
from project.records.preferences import Calibration
from registry import champion
from registry.audit import events_and_versions
from registry.reader import RegistryReader
from registry.store import Registry

ITEMS = 30
WORDS = 40  # of an answer
POLL = 0.5  # seconds between two tries to get a slot
# The preference decides nothing here: one vote, on an item that is in no eval set.
BALLOTS = Path("datasets/ballots/one.jsonl")
BALLOT = {
    "item": "none",
    "reviewer": "nobody",
    "left": "base",
    "right": "v1",
    "choice": "tie",
    "at": "2026-01-01T00:00:00Z",
}
SETTINGS = """
registry: {{family: {family}, database: "{database}", artifacts: "{artifacts}"}}
evaluation:
  scoring: {{metrics: [rouge]}}
  preference: {{source: ballots, ballots: {ballots}}}
  policy: {{kind: strict, gating: [rougeL], general_margin: 1}}
"""

NOBODY_VOTED = Calibration(
    source="people's votes",
    n=0,
    unjudged=0,
    accuracy=None,
    kappa=None,
    first_rate=None,
    longer_accuracy=None,
    shorter_accuracy=None,
    matched_n=0,
    matched_accuracy=None,
    matched_longer=None,
    matched_shorter=None,
)


def main() -> None:
    options = arguments(
        __doc__, families=8, nights=3, at_once=2, database=str, artifacts=str, folder=Path
    )
    with tempfile.TemporaryDirectory() as made:
        folder = (options.folder or Path(made)).resolve()
        settings = partial(
            SETTINGS.format,
            ballots=BALLOTS,
            database=options.database or f"sqlite:///{folder}/registry.db",
            artifacts=options.artifacts or folder / "artifacts",
        )
        limits = RetrainLimits(at_once=options.at_once, quota=options.nights)
        families = [f"family-{number}" for number in range(options.families)]
        get_filesystem_class(get_protocol(str(options.artifacts or folder)))
        began = time.monotonic()
        run_all(folder, {name: settings(family=name) for name in families}, options.nights, limits)
        seconds = time.monotonic() - began
        print(json.dumps(figures(folder / families[0], seconds)))


def run_all(folder: Path, settings: dict[str, str], nights: int, limits: RetrainLimits) -> None:
    """Every family in a process of its own, until all have ended. Raises SystemExit for a failure.

    They are forks: each would take seconds to import what this one has imported.
    """
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=live, args=(folder / family, family, text, nights, limits))
        for family, text in settings.items()
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("a family failed")


def live(folder: Path, family: str, settings: str, nights: int, limits: RetrainLimits) -> None:
    """A family's whole story."""
    folder.mkdir(parents=True)
    os.chdir(folder)
    os.environ |= {"INCUMBENT_ACTOR": family, "INCUMBENT_HOME": str(folder / ".incumbent")}
    parts = parts_of(family)
    recorded_project.lay_out(settings, parts)
    NOBODY_VOTED.write(paths.CALIBRATION)
    write_bytes(paths.PAIR_SOURCE, b"{}")
    write_bytes(BALLOTS, canonical_json(BALLOT) + b"\n")
    challenge(parts, 1)
    first = datetime.now(UTC).date() - timedelta(days=nights)
    for number in range(nights):
        run_night(parts, first + timedelta(days=number), number + 2, limits)


def challenge(parts: recorded_project.Parts, level: int) -> None:
    """Submit the version that knows more than the champion, and promote it."""
    recorded_project.write_adapter(f"{Path.cwd().name}, level {level}".encode())
    champion.main()
    recorded_project.answer_and_compare(parts, partial(says, level))
    outcome = submit(promote=True, reason=f"level {level}")
    assert outcome.decided.decision.verdict is Verdict.PROMOTE, outcome.decided.decision.reasons


def run_night(parts: recorded_project.Parts, day: date, level: int, limits: RetrainLimits) -> None:
    """A night whose drift asks for a retrain: it is tried until it is its turn."""
    with Registry.here() as registry:
        context = NightContext.here(registry, limits)

        def work(claim: Claim, stop: Event) -> JobResult:
            night = drifted(registry.family, day)
            if check_of(registry.engine, registry.family, day) is None:
                keep_check(registry.engine, claim, night, registry.clock())
            with retrain_slot(context, claim, stop):
                challenge(parts, level)
            ended = {"outcome": RetrainOutcome.PROMOTED, "challenger": level}
            return JobResult(night.model_copy(update=ended))

        schedule = ScheduleParams()
        job: Job = replace(nightly_job(context, schedule), work=work, admit=lambda: None, late=dict)
        scheduler = Scheduler(schedule, [job], registry.engine, clock=registry.clock)
        while not scheduler.run(job, day):
            refuse_failed(runs_of(registry.engine, job.name, 1))
            scheduler.pause(POLL)


def refuse_failed(runs: Sequence[JobRun]) -> None:
    """A night that waits for its turn has no attempt behind it."""
    for run in runs:
        assert not (run.state is RunState.WAITING and run.attempts), run.problem


def drifted(family: str, day: date) -> Night:
    return Night(
        family=family,
        date=str(day),
        champion=None,
        reference=None,
        traffic=None,
        rows=0,
        units=0,
        set_aside={},
        verdict=DriftVerdict.DRIFT,
        readings=(),
        topics=(),
        exemplars=(),
        new_words=(),
        state=DriftState.ACT,
        action=Action.RETRAIN,
        reasons=("drift that asks for a retrain",),
    )


def parts_of(family: str) -> dict[Split, tuple[Row, ...]]:
    """Rows of which no other family has the like."""
    return {
        part: tuple(
            Row.of(
                f"what is {text(family, part, n, 8)}",
                text(family, f"{part} answer", n, WORDS),
                group=f"{part}{n}",
                source="s",
            )
            for n in range(ITEMS)
        )
        for part in (Split.TRAIN, Split.DEV, Split.SEALED)
    }


def text(family: str, about: str, number: int, words: int) -> str:
    """Words that stand nowhere else."""
    return " ".join(
        "w" + sha256(f"{family} {about} {number} {word}".encode()).hexdigest()[:8]
        for word in range(words)
    )


def says(level: int, role: Role, row: Row) -> str:
    """Some words of the right answer: each version knows one to three more than the one before."""
    versions = level if role == Role.CHALLENGER else level - 1
    known = 1 + versions * (1 + sum(row.id.encode()) % 3)
    return " ".join(row.completion_text.split()[:known])


def figures(project: Path, seconds: float) -> dict[str, float]:
    """As the registry tells it, seen from one of its projects."""
    os.chdir(project)
    with RegistryReader.here() as registry:
        events, versions = events_and_versions(registry)
        waits = list(waited(registry))
    return {
        "events": events,
        "versions": versions,
        "seconds": round(seconds, 1),
        "events_per_second": round(events / seconds, 1),
        "longest_wait_seconds": round(max(waits, default=0.0), 1),
    }


def waited(registry: RegistryReader) -> Iterator[float]:
    """How long each retrain waited for its slot, from its night's check on."""
    for family in (one.family for one in registry.families()):
        checks = {run.date: run for run in runs_of(registry.engine, f"check {family}")}
        for run in runs_of(registry.engine, retrain_of(family)):
            asked = moment_of(checks[run.date].ended or "")
            yield (moment_of(run.started) - asked).total_seconds()


if __name__ == "__main__":
    main()
