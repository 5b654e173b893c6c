"""What the registry's verbs cost at 100, 1,000 and 10,000 versions, beside MLflow's on SQLite.

python -m benchmarks.registry_cost [--sizes 100 1000 10000] [--runs 20] [--mlflow-python PYTHON]

Every version in the registry was decided on, and every tenth was promoted. The times are medians,
taken in turn at each size, so that a busy machine slows all of them alike. MLflow's side takes its
turns too, with the interpreter that is given and at the second size; registry_mlflow.py says what
is compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import insert

from project.canonical import digest_folder, digest_json
from project.files import sync
from project.near_duplicates import WordPrints
from project.records.adapters import Adapter, AdapterVersion, ModelPin
from project.records.events import DecisionMade, Detail, Event, Promotion, Submission
from project.records.evidence import Decision, Evidence, Verdict
from project.records.scores import EvalSet, ScorePins
from registry.alpha_ledger.looks import SealedSet
from registry.overview.version_search import VersionFilter, search
from registry.state import CHAMPION
from registry.storage.database import writing
from registry.storage.event_chain import GENESIS, beside
from registry.storage.tables import aliases, events, versions
from registry.store import Registry

FAMILY, PAGE, AT = "benchmark", 50, "2026-01-01T00:00:00.000Z"
LARGE = 10_000_000  # bytes of an adapter of a small model
PROMPTS = tuple(f"what does word{i} of page{i} in book{i} say" for i in range(120))
SEALED = SealedSet(EvalSet(items=PROMPTS), WordPrints.of(PROMPTS))
BASE = ModelPin(
    model="m", name="base", revision="r", weights="b" * 64, config="c" * 64, chat_template=None
)
COMPARED = {  # MLflow's verb and ours, with what is asked of the ratio
    "submit, 10 MB": ("submit, 10 MB", 2),
    "submit, 10 MB, synced": ("submit, 10 MB", 2),
    "promote": ("promote", 2),
    "champion": ("champion", 5),
    "first page": ("first page", 5),
    "last page": ("last page", 5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--mlflow-python", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        registries = {
            size: stack.enter_context(filled(root / str(size), size)) for size in options.sizes
        }
        size = options.sizes[min(1, len(options.sizes) - 1)]
        python = options.mlflow_python
        theirs = stack.enter_context(mlflow(python, root, size)) if python else None
        times, beside = measure(registries, root, options.runs, theirs)
        print_growth(times, options.sizes)
        if theirs:
            print_beside_mlflow(times[size], beside, size)


# --- a registry that is in use ------------------------------------------------------------------


def filled(root: Path, size: int) -> Registry:
    """A registry of that many versions. Their adapters are not there: nothing that is timed reads
    them; but for the folders of two digits, which all are there by then.
    """
    registry = Registry(root, FAMILY, actor="benchmark")
    for number in range(256):
        (root / "artifacts" / f"{number:02x}").mkdir(parents=True)
    made_up = list(history(size))
    submitted = [version for _, version in made_up if version]
    rows = [
        {
            "family": FAMILY,
            "number": version.number,
            "adapter": version.adapter.files,
            "record": version.canonical().decode(),
            "deleted": False,
        }
        for version in submitted
    ]
    chained = [
        beside(event) | {"record": event.canonical().decode(), "digest": event.digest}
        for event, _ in made_up
    ]
    last = max(event.version for event, _ in made_up if event.kind == "promote")
    with writing(registry.engine) as connection:
        connection.execute(insert(versions), rows)
        connection.execute(insert(events), chained)
        alias = {"family": FAMILY, "name": CHAMPION, "number": last}
        connection.execute(insert(aliases).values(alias))
    return registry


def history(size: int) -> Iterator[tuple[Event, AdapterVersion | None]]:
    """The events of that many versions, each submission with its version."""
    previous, champion, seq = GENESIS, None, 0

    def event(number: int, detail: Detail) -> Event:
        nonlocal previous, seq
        seq += 1
        made = Event(
            seq=seq,
            kind=detail.kind,
            family=FAMILY,
            version=number,
            detail=detail,
            actor="benchmark",
            reason="a reason of ordinary length, as people write them",
            at=AT,
            previous=previous,
        )
        previous = made.digest
        return made

    for number in range(1, size + 1):
        files, dataset = digest_json(number), digest_json(["dataset", number])
        adapter = Adapter(files=files, base=BASE, recipe="c" * 64, dataset=dataset)
        version = AdapterVersion(
            family=FAMILY, number=number, adapter=adapter, actor="benchmark", at=AT
        )
        submission = Submission(version=version.digest, adapter=files, dataset=dataset, records=())
        yield event(number, submission), version
        decided = DecisionMade(
            decision=files, evidence=files, policy=files, verdict=Verdict.PROMOTE
        )
        yield event(number, decided), None
        if number % 10 == 1:
            promotion = Promotion(
                displaced=champion,
                by="policy",
                forced=0,
                counts_from=1,
                adapter=files,
                base=BASE.weights,
                dataset=dataset,
                evidence=None,
                decision=None,
            )
            yield event(number, promotion), None
            champion = number


# --- our side -----------------------------------------------------------------------------------

Times = dict[str, float]  # seconds by verb


def measure(
    registries: dict[int, Registry], root: Path, runs: int, theirs: Callable[[], Times] | None
) -> tuple[dict[int, Times], Times]:
    """Our medians by size, and MLflow's where it is measured beside ours."""
    taken: dict[int, list[Times]] = {size: [] for size in registries}
    beside: list[Times] = []
    for run in range(runs + 1):
        for size, registry in registries.items():
            verbs = acts(registry, root / f"adapter-{size}-{run}", size)
            taken[size].append({verb: timed(act) for verb, act in verbs})
        if theirs:
            beside.append(theirs())
    return {size: medians(several) for size, several in taken.items()}, medians(beside)


def medians(runs: list[Times]) -> Times:
    """Without the first run, which fills the caches."""
    verbs = runs[0] if runs else {}
    return {verb: statistics.median(run[verb] for run in runs[1:]) for verb in verbs}


def acts(registry: Registry, folder: Path, size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every verb with what does it; what a verb needs is made ready before it is yielded."""
    for label, length in (("submit, 10 MB", LARGE), ("submit, 2 KB", 2000)):
        adapter, files = made(folder / str(length), length)
        yield label, lambda a=adapter, f=files: registry.submit(a, f, "made for the benchmark")
    won = decide(registry, registry.newest()[0])
    yield "promote", lambda: registry.promote(won, "it won")
    yield "champion", registry.champion
    yield "first page", lambda: registry.versions(limit=PAGE)
    yield "last page", lambda: registry.newest(PAGE)
    yield "last page by number", lambda: registry.versions(after=size - PAGE, limit=PAGE)
    yield "listed with verdicts", lambda: search(registry, VersionFilter(), limit=PAGE)
    yield "whom to beat", lambda: registry.opponent("0" * 64)


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def made(folder: Path, length: int) -> tuple[Adapter, Path]:
    """A new adapter's folder, whose weights are that many random bytes, on the disk as training
    leaves it.
    """
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(os.urandom(length))
    (folder / "adapter_config.json").write_text("{}")
    for path in (*folder.iterdir(), folder):
        sync(path)
    files = digest_folder(folder)
    return Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64), folder


def decide(registry: Registry, version: AdapterVersion) -> int:
    """Keep a decision by which the version beats the champion; returns its number."""
    champion = registry.champion()
    pins = ScorePins(
        eval_set=SEALED.items.digest,
        base=BASE.weights,
        champion=champion.adapter.files if champion else None,
        challenger=version.adapter.files,
        decoding="f" * 64,
        scorers="a" * 64,
    )
    evidence = Evidence(pins=pins, policy=pins.digest, dev={}, sealed={}, slices={})
    look = registry.count_look(version.number, pins, SEALED, policy=pins.digest, alpha=0.05)
    decision = Decision(
        verdict=Verdict.PROMOTE,
        reasons=("better on every metric",),
        opening=look.number,
        budget=look.budget,
        alpha=0.03,
        bounds={},
        needed=None,
        pins=pins,
        evidence=evidence.digest,
        policy=pins.digest,
        rule=1,
    )
    registry.record_decision(version.number, decision, evidence, pins)
    return version.number


# --- MLflow's side, and the tables --------------------------------------------------------------


@contextmanager
def mlflow(python: Path, root: Path, size: int) -> Iterator[Callable[[], Times]]:
    """What makes one run of MLflow's in a process of its own."""
    script = Path(__file__).with_name("registry_mlflow.py")
    command = [*map(str, (python, script, root / "mlflow", size, PAGE, LARGE))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin and process.stdout
        ask, answers = process.stdin, process.stdout

        def run() -> Times:
            ask.write("\n")
            times: Times = json.loads(answers.readline())
            return times

        yield run


def print_growth(times: dict[int, Times], sizes: list[int]) -> None:
    print(f"{'median ms at':22}" + "".join(f"{size:>10}" for size in sizes) + "     ratio")
    for verb in times[sizes[0]]:
        row = [times[size][verb] * 1000 for size in sizes]
        print(f"{verb:22}" + "".join(f"{ms:>10.2f}" for ms in row) + f"{row[-1] / row[0]:>10.2f}")


def print_beside_mlflow(times: Times, theirs: Times, size: int) -> None:
    print(f"\n{f'median ms at {size}':22}{'incumbent':>10}{'MLflow':>10}{'times':>10}{'asked':>10}")
    for verb, (own, asked) in COMPARED.items():
        ours, other = times[own] * 1000, theirs[verb] * 1000
        print(f"{verb:22}{ours:>10.2f}{other:>10.2f}{other / ours:>10.1f}{asked:>10}")


if __name__ == "__main__":
    main()
