"""A retrain: the pipeline and the submission, each in a process group of its own."""

import json
import logging
import socket
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic

from curation.gate import SHUT
from monitoring.monitoring_settings import TriggerParams
from monitoring.scheduling.job import UnchangedError
from monitoring.trigger.labels import LABELLED
from project.canonical import digest_file, digest_json
from project.child_processes import POLL, end_group, environment
from project.errors import IncumbentError, StoppedError
from project.files import home, write_bytes
from project.records.evidence import Decision, Verdict
from project.records.record import Digest, Record
from project.settings import PARAMS

START = "start"  # the stage after which two recipes can be compared
TAIL = 2_000  # bytes of the log that an error shows
BEGINS = b"Running stage '"

log = logging.getLogger(__name__)


class HungRetrainError(UnchangedError):
    """A step did not come to its end in time; another attempt would take as long."""


class Group(Record):
    """A process group that was started on a machine, so that a successor can end it."""

    host: str
    pid: int
    started: str  # the process's start time as the kernel has it: a pid is used again


class RetrainResult(Record):
    """What became of a challenger."""

    version: int
    verdict: Verdict
    decision: Decision
    commit: str | None = None  # of the project that it was trained in; None: not recorded


def retrain(stop: Event, trigger: TriggerParams, *, family: str, day: str) -> RetrainResult:
    """Run `dvc repro`, then `incumbent submit`, logged below `.incumbent/monitoring/`; where the
    settings say so, compare the recipe with the champion's first.

    What an earlier attempt left running is ended first. Raises StoppedError when asked to stop, and
    IncumbentError, with the end of the log, when a step fails; HungRetrainError after the limit.
    Where the same rows would come to the same, UnchangedError: with the gate's words when the gate
    is shut, and when the recipe is clearly worse than the champion's.
    """
    end_leftover(group_file(family))
    try:
        return retrained(stop, trigger, family, day)
    except HungRetrainError as error:
        raise HungRetrainError(
            f"{error}. It had {trigger.retrain_hours:.2g} hours (monitoring.trigger.retrain_hours)."
            " No night tries it again before settings, pipeline or rows have changed; "
            f"`incumbent nightly --date {day}` does"
        ) from None


def retrained(stop: Event, trigger: TriggerParams, family: str, day: str) -> RetrainResult:
    """What the steps come to."""
    group = group_file(family)
    output = home() / "monitoring" / f"{family}-retrain-{day}.log"
    answer = output.with_suffix(".json")
    deadline = monotonic() + trigger.retrain_hours * 3600
    step = partial(
        run, path=output, group=group, variables=environment(), stop=stop, deadline=deadline
    )
    pipeline = ["dvc", "--wait-for-lock", "repro"]
    if trigger.quick:
        step([*pipeline, START])  # its own words where the gate is shut
        step(["incumbent", "run", "--until", START, "--quick", "--json"], answer=answer)
        if json.loads(answer.read_bytes())["stops"]:
            raise UnchangedError(f"the recipe is clearly worse than the champion's: {output}")
    step(pipeline)
    submit = ["incumbent", "submit", "--json", "--reason", f"retrain after the drift of {day}"]
    step([*submit, *(["--promote"] if trigger.promote == "policy" else [])], answer=answer)
    submitted = json.loads(answer.read_bytes())
    decision = Decision.model_validate(submitted["decision"], strict=False)
    return RetrainResult(
        version=submitted["version"]["number"],
        verdict=decision.verdict,
        decision=decision,
        commit=(submitted["provenance"] or {}).get("commit"),
    )


def run(
    command: Sequence[str],
    path: Path,
    group: Path,
    variables: dict[str, str],
    stop: Event,
    deadline: float,
    answer: Path | None = None,
) -> None:
    """Run one step to its end; its output goes to a log, or stdout to `answer`."""
    called = f"`{' '.join(command)}`"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as output, (answer or path).open("wb" if answer else "ab") as printed:
        stages = Stages(path)
        begun = stages.read
        process = subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=output,
            start_new_session=True,
        )
        write_bytes(group, group_of(process.pid).canonical())
        try:
            while process.poll() is None and not stop.wait(POLL):
                stages.tell()
                if monotonic() > deadline:
                    where = f", in {stages.newest}" if stages.newest else ""
                    raise HungRetrainError(f"{called} took too long and was ended{where}: {path}")
        finally:
            end_group(process.pid, process.poll)
            stages.tell()
            group.unlink(missing_ok=True)
    if stop.is_set():
        raise StoppedError(f"{called} was stopped before its end")
    if process.returncode:
        written = path.read_bytes()[begun:]
        if words := gate_words(written.decode(errors="replace")):
            raise UnchangedError(f"{called}: {words}")
        tail = written[-TAIL:].decode(errors="replace").strip()
        raise IncumbentError(f"{called} failed; the end of {path}:\n{tail}")


class Stages:
    """Tells of each stage that DVC begins, from what it appends to a log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = path.stat().st_size
        self.newest: str | None = None  # the stage that began last

    def tell(self) -> None:
        with self.path.open("rb") as stream:
            stream.seek(self.read)
            written = stream.read()
        whole = written[: written.rfind(b"\n") + 1]
        self.read += len(whole)
        for line in whole.splitlines():  # also at what a progress bar writes
            if line.startswith(BEGINS):
                told = line.decode(errors="replace").strip()
                self.newest = told.removeprefix("Running ").rstrip(":")
                log.info("retrain: %s", told)


def end_leftover(path: Path) -> None:
    """End what a killed process was at, if it is on this machine and still runs."""
    if path.exists():
        group = Group.parse(path.read_bytes(), path)
        if group == group_of(group.pid):
            end_group(group.pid)
        path.unlink(missing_ok=True)


def group_of(pid: int) -> Group:
    return Group(host=socket.gethostname(), pid=pid, started=started(pid))


def started(pid: int) -> str:
    """The start of a process, in ticks since the machine's; "" where there is none or no /proc."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def group_file(family: str) -> Path:
    """Where the process group of a family's retrain is noted while it runs."""
    return home() / "monitoring" / f"{family}-retrain.json"


def what_a_retrain_reads() -> Digest:
    """A digest of all that makes another retrain of this project: settings, labels, sources."""
    read = [path for path in (Path(PARAMS), Path("dvc.yaml"), LABELLED) if path.is_file()]
    sources = [path for path in sorted(LABELLED.parent.rglob("*")) if path.is_file()]
    sizes = {str(path): path.stat().st_size for path in sources}
    return digest_json([{str(path): digest_file(path) for path in read}, sizes])


# --- shut gate ------------------------------------------------------------------------------------

# The gate's own words in what `dvc repro` printed, where it was the gate that stopped it.

MOST = 2_000  # characters
DVC = "\nERROR: failed to reproduce 'gate'"


def gate_words(printed: str) -> str | None:
    """None: something else stopped it."""
    told, failed, _ = printed.rpartition(DVC)
    start = told.rfind(SHUT)
    return told[start:].strip()[:MOST] if failed and start >= 0 else None
