"""What a row costs as rows grow, here and on Ray: curation, a night's reading of its day, vectors.

    python -m benchmarks.scale [--only curation drift embedding] [--rows 10000 100000 1000000]
                               [--cpus 1 2] [--engines local ray]

Each line of the table is a process of its own, bound to so many CPUs; on Ray, a cluster of its own
with a worker on each. Processor time is that of the work alone, by all processes together, without
imports and the cluster's start, which is a column; it is the clock to go by on a machine that does
other work too. Memory is the largest resident set of this process and of any other one.

Rows are questions and answers that are made of the words of the documentation of Python's own
library (benchmarks/faq_texts.py): the n-th is the same in every run, 10 % are near-duplicates of an
earlier one. Curation is stages `collect` and `curate` on them, with the embedded base's tokenizer.
For drift, a day of traffic in one file of JSON Lines asks 5,000 of them again and again, each tenth
time a user who has asked before. For embedding they are the questions, for the embedded embedder.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from time import monotonic, thread_time
from typing import Any

import psutil  # type: ignore[import-untyped]
import yaml

from benchmarks.faq_texts import Triplet, triplets
from benchmarks.frame import arguments
from project.engine.engine_settings import RayParams
from project.files import home
from project.model_pins import BaseChoice, ModelChoice, pin
from project.paths import BASE
from project.settings import PARAMS

DAY = date(2026, 11, 24)
FAQ = Path("datasets/sources/faq.jsonl")
QUESTIONS = 5_000  # that traffic asks, again and again
SECONDS_APART = 0.5  # of looks at the processes
MIB = 2**20
ROWS = {
    "curation": [10_000, 100_000, 1_000_000],
    "drift": [10_000, 100_000, 1_000_000],
    "embedding": [10_000, 100_000],
}
HEAD = ("work", "rows", "engine", "CPUs", "start", "wall", "processor", "a row", "here", "worker")


@dataclass(frozen=True)
class Cell:
    """One line of the table."""

    work: str
    rows: int
    engine: str
    cpus: int


@dataclass
class Cost:
    """What the processes of a piece of work took until now."""

    processor: dict[int, float] = field(default_factory=dict)  # seconds, by process
    before: dict[int, float] = field(default_factory=dict)
    looking: float = 0.0  # seconds that the looks themselves took
    worker: int = 0  # bytes of the largest other process

    def look(self) -> None:
        began, own = thread_time(), psutil.Process()
        for process in [own, *own.children(recursive=True)]:
            try:
                times, size = process.cpu_times(), process.memory_info().rss
            except psutil.Error:  # it has ended
                continue
            self.processor[process.pid] = times.user + times.system
            if process.pid != own.pid:
                self.worker = max(self.worker, size)
        self.looking += thread_time() - began

    def begin(self) -> None:
        """Count from now on."""
        self.look()
        self.before, self.looking = dict(self.processor), 0.0

    @property
    def seconds(self) -> float:
        spent = (time - self.before.get(pid, 0) for pid, time in self.processor.items())
        return sum(spent) - self.looking


def main() -> None:
    given = arguments(
        __doc__, only=list(ROWS), rows=[int], cpus=[1, 2], engines=["local", "ray"], cell=str
    )
    if given.cell:
        print(json.dumps(measured(Cell(**json.loads(given.cell)))))
        return
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}")
    for work in given.only:
        for rows in given.rows or ROWS[work]:
            with project(work, rows) as folder:
                for engine in given.engines:
                    for cpus in given.cpus:
                        print(line(Cell(work, rows, engine, cpus), folder), flush=True)


@contextmanager
def project(work: str, rows: int) -> Iterator[Path]:
    """A folder with what a piece of work reads; its state is the caller's, which has the base."""
    state = home().resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["INCUMBENT_HOME"] = str(state)
        INPUTS[work](folder, rows)
        yield folder


def line(cell: Cell, folder: Path) -> str:
    settings: dict[str, Any] = {"engine": cell.engine, "ray": {"workers": cell.cpus}}
    settings["curation"] = {"collect": {"sources": [{"kind": "file", "path": str(FAQ)}]}}
    (folder / PARAMS).write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "benchmarks.scale", "--cell", json.dumps(asdict(cell))]
    root = str(Path(__file__).parent.parent)
    ran = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": root}, check=True, stdout=-1
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    cells = [cell.work, f"{cell.rows:,}", cell.engine, str(cell.cpus), *found]
    return f"| {' | '.join(cells)} |"


# --- in a process of its own --------------------------------------------------------------------


def measured(cell: Cell) -> list[str]:
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: cell.cpus]))
    work = WORKS[cell.work]()  # imports what it needs
    began, cost = monotonic(), Cost()
    with ExitStack() as stack:
        if cell.engine == "ray":
            from project.engine.ray_cluster import connected

            stack.enter_context(connected(RayParams(workers=cell.cpus, cpus_per_worker=1)))
        started = monotonic() - began
        cost.begin()
        with watched(cost):
            work()
        wall = monotonic() - began - started
    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        f"{started:.1f} s",
        f"{wall:.1f} s",
        f"{cost.seconds:.1f} s",
        f"{cost.seconds / cell.rows * 1e6:,.0f} µs",
        f"{here:,.0f} MiB",
        f"{cost.worker / MIB:,.0f} MiB" if cost.worker else "–",
    ]


@contextmanager
def watched(cost: Cost) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS_APART):
            cost.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        cost.look()


def curation() -> Callable[[], object]:
    import transformers  # noqa: F401  # takes seconds, whatever the rows

    from curation.collect import main as collect
    from curation.curate import main as curate

    def both() -> None:
        collect()
        curate()

    return both


def drift() -> Callable[[], object]:
    from monitoring.night_context import USERS_A_NIGHT
    from monitoring.traffic.day_parts import PartReader, sample_parts
    from monitoring.traffic.traffic_store import TrafficStore

    store = TrafficStore("traffic", redact=True, quarantine=Path("quarantine"))
    limit = USERS_A_NIGHT
    return lambda: sample_parts(PartReader([store.read(DAY)], limit, 0, list))


def embedding() -> Callable[[], object]:
    from retrieval.embedder import Embedder

    embedder = Embedder(pin(ModelChoice(), "embedder"))
    texts = json.loads(Path("texts.json").read_text())
    return lambda: embedder.encode(texts)


WORKS = {"curation": curation, "drift": drift, "embedding": embedding}


# --- what they read -----------------------------------------------------------------------------


def write_faq(folder: Path, rows: int) -> None:
    (folder / FAQ).parent.mkdir(parents=True)
    with (folder / FAQ).open("w") as lines:
        for one in triplets(rows):
            fields = {"instruction": one.instruction, "input": one.input, "output": one.output}
            lines.write(f"{json.dumps(fields)}\n")
    pin(BaseChoice(), "base").write(folder / BASE)


def write_traffic(folder: Path, rows: int) -> None:
    (folder / "traffic" / str(DAY)).mkdir(parents=True)
    asked = list(triplets(min(rows, QUESTIONS)))
    with (folder / "traffic" / str(DAY) / "log.jsonl").open("w") as lines:
        for number in range(rows):
            one = asked[number % len(asked)]
            lines.write(f"{json.dumps(request(number, one))}\n")


def request(number: int, one: Triplet) -> dict[str, object]:
    user = number // 10 if number % 10 == 0 else number
    return {
        "id": f"{number:032x}",
        "at": f"{DAY}T{number % 24:02}:{number // 24 % 60:02}:00Z",
        "user": f"user {user}",
        "prompt": one.input,
        "response": one.output,
        "latency_ms": 200 + number % 900,
    }


def write_texts(folder: Path, rows: int) -> None:
    (folder / "texts.json").write_text(json.dumps([one.input for one in triplets(rows)]))


INPUTS = {"curation": write_faq, "drift": write_traffic, "embedding": write_texts}


if __name__ == "__main__":
    main()
