"""What the registry's verbs cost at 100, 1,000 and 10,000 versions, beside MLflow's on SQLite.

python benchmarks/registry_cost.py [--sizes 100 1000 10000] [--runs 20] [--mlflow-python PYTHON]

Every version in the registry was decided on, and every tenth was promoted. The times are medians,
taken in turn at each size, so that a busy machine slows all of them alike. MLflow's side runs with
the interpreter that is given, at the second size; registry_mlflow.py says what is compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import insert

from registry.canonical import digest_folder, digest_json
from registry.chain import GENESIS, beside
from registry.database import writing
from registry.records import (
    Adapter,
    AdapterVersion,
    Decision,
    Detail,
    Event,
    EventKind,
    Evidence,
    ModelPin,
    ScorePins,
    Verdict,
)
from registry.state import CHAMPION
from registry.store import Registry
from registry.tables import aliases, events, versions

FAMILY, PAGE, AT = "benchmark", 50, "2026-01-01T00:00:00.000Z"
LARGE = 10_000_000  # bytes of an adapter of a small model
BASE = ModelPin(
    model="m", name="base", revision="r", weights="b" * 64, config="c" * 64, chat_template=None
)
COMPARED = {  # our verb and MLflow's, with what is asked of the ratio
    "submit, 10 MB": 2,
    "promote": 2,
    "champion": 5,
    "first page": 5,
    "last page": 5,
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
        times = measure(registries, root, options.runs)
        print_growth(times, options.sizes)
        if options.mlflow_python:
            size = options.sizes[min(1, len(options.sizes) - 1)]
            theirs = measure_mlflow(options.mlflow_python, root, size, options.runs)
            print_beside_mlflow(times, theirs, size)


# --- a registry that is in use ------------------------------------------------------------------


def filled(root: Path, size: int) -> Registry:
    """A registry of that many versions. Their adapters are not there: nothing that is timed reads
    them.
    """
    registry = Registry(root, FAMILY, actor="benchmark")
    told = list(history(size))
    submitted = [version for _, version in told if version]
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
        for event, _ in told
    ]
    last = max(event.version for event, _ in told if event.kind == "promote")
    with writing(registry.engine) as connection:
        connection.execute(insert(versions), rows)
        connection.execute(insert(events), chained)
        seat = {"family": FAMILY, "name": CHAMPION, "number": last}
        connection.execute(insert(aliases).values(seat))
    return registry


def history(size: int) -> Iterator[tuple[Event, AdapterVersion | None]]:
    """The events of that many versions, each submission with its version."""
    previous, seat, seq = GENESIS, None, 0

    def event(kind: EventKind, number: int, detail: Detail) -> Event:
        nonlocal previous, seq
        seq += 1
        made = Event(
            seq=seq,
            kind=kind,
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
        names: Detail = {"adapter": files, "dataset": dataset}
        yield event("submit", number, names | {"version": version.digest, "records": ()}), version
        decided: Detail = {"decision": files, "evidence": files, "policy": files}
        yield event("decide", number, decided | {"verdict": "PROMOTE"}), None
        if number % 10 == 1:
            seated: Detail = {"from": seat, "by": "policy", "forced": 0, "base": BASE.weights}
            yield event("promote", number, seated | names | {"decision": None}), None
            seat = number


# --- our side -----------------------------------------------------------------------------------

Times = dict[int, dict[str, float]]  # median seconds by size and verb


def measure(registries: dict[int, Registry], root: Path, runs: int) -> Times:
    taken: dict[int, dict[str, list[float]]] = {size: {} for size in registries}
    for run in range(runs + 1):
        for size, registry in registries.items():
            for verb, act in acts(registry, root / f"adapter-{size}-{run}", size):
                seconds = timed(act)
                if run:  # the first run fills the caches
                    taken[size].setdefault(verb, []).append(seconds)
    return {
        size: {verb: statistics.median(times) for verb, times in verbs.items()}
        for size, verbs in taken.items()
    }


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


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def made(folder: Path, length: int) -> tuple[Adapter, Path]:
    """A new adapter's folder, whose weights are that many random bytes."""
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(os.urandom(length))
    (folder / "adapter_config.json").write_text("{}")
    files = digest_folder(folder)
    return Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64), folder


def decide(registry: Registry, version: AdapterVersion) -> int:
    """Keep a decision by which the version beats the champion; returns its number."""
    champion = registry.champion()
    pins = ScorePins(
        eval_set="e" * 64,
        base=BASE.weights,
        champion=champion.adapter.files if champion else None,
        challenger=version.adapter.files,
        decoding="f" * 64,
        scorers="a" * 64,
    )
    evidence = Evidence(pins=pins, policy=pins.digest, dev={}, sealed={}, slices={})
    decision = Decision(
        verdict=Verdict.PROMOTE,
        reasons=("better on every metric",),
        opening=1,
        alpha=0.03,
        bounds={},
        needed=None,
        pins=pins,
        evidence=evidence.digest,
        policy=pins.digest,
    )
    registry.record_decision(version.number, decision, evidence, pins)
    return version.number


# --- MLflow's side, and the tables --------------------------------------------------------------


def measure_mlflow(python: Path, root: Path, size: int, runs: int) -> dict[str, float]:
    """MLflow's medians, in seconds by our verbs."""
    script = Path(__file__).with_name("registry_mlflow.py")
    numbers = [str(number) for number in (size, runs, PAGE, LARGE)]
    done = subprocess.run(
        [python, script, root / "mlflow", *numbers], check=True, stdout=subprocess.PIPE, text=True
    )
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def print_growth(times: Times, sizes: list[int]) -> None:
    print(f"{'median ms at':22}" + "".join(f"{size:>10}" for size in sizes) + "     ratio")
    for verb in times[sizes[0]]:
        row = [times[size][verb] * 1000 for size in sizes]
        print(f"{verb:22}" + "".join(f"{ms:>10.2f}" for ms in row) + f"{row[-1] / row[0]:>10.2f}")


def print_beside_mlflow(times: Times, theirs: dict[str, float], size: int) -> None:
    print(f"\n{f'median ms at {size}':22}{'incumbent':>10}{'MLflow':>10}{'times':>10}{'asked':>10}")
    for verb, asked in COMPARED.items():
        ours, other = times[size][verb] * 1000, theirs[verb] * 1000
        print(f"{verb:22}{ours:>10.2f}{other:>10.2f}{other / ours:>10.1f}{asked:>10}")


if __name__ == "__main__":
    main()
