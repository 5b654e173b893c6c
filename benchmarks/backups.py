"""What a backup and a restore take: many versions with small adapters, and one large artifact.

python -m benchmarks.backups [--versions 1000] [--large-gb 2] [--folder DIR]

Each is done in a process of its own, whose peak of memory is its own too; both are SQLite and a
folder, on the disk of the folder that is given. Every version was decided on. Beside the seconds
stand those that `incumbent registry verify` needs for the restored registry, and what zstd, where
it is installed, would make of the archive.
"""

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.busy_registry import BASE, DATASET, FAMILY
from benchmarks.frame import arguments
from project.canonical import digest_folder
from project.files import sync
from project.near_duplicates import WordPrints
from project.records.adapters import Adapter, AdapterVersion
from project.records.evidence import Decision, Evidence, Verdict
from project.records.scores import EvalSet, ScorePins
from registry.alpha_ledger.looks import SealedSet
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.store import Registry

SMALL = 200_000  # bytes of an adapter
PIECE = 16 << 20
PROMPTS = tuple(f"what does word{i} of page{i} in book{i} say" for i in range(120))
SEALED = SealedSet(EvalSet(items=PROMPTS), WordPrints.of(PROMPTS))

Measured = tuple[float, float, float]  # seconds, of the processor too, and the peak in MiB


def main() -> None:
    options = arguments(__doc__, versions=1000, large_gb=2.0, folder=Path)
    print(f"{'':34}{'seconds':>9}{'processor':>11}{'peak MiB':>10}")
    for label, fill in (
        (f"{options.versions} versions", lambda root: many(root, options.versions)),
        (f"one artifact of {options.large_gb:g} GB", lambda root: large(root, options.large_gb)),
    ):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            fill(Path(folder, "old"))
            measure(label, Path(folder))


def many(root: Path, versions: int) -> None:
    with Registry(root, FAMILY, actor="benchmark") as registry:
        for number in range(versions):
            adapter, files = made(root / f"adapter-{number}", SMALL)
            decide(registry, submitted(registry, adapter, files))


def large(root: Path, gigabytes: float) -> None:
    adapter, files = made(root / "adapter", 1)
    with (files / "adapter_model.safetensors").open("wb") as stream:
        for _ in range(int(gigabytes * 1e9) // PIECE):
            stream.write(os.urandom(PIECE))
    adapter = adapter.model_copy(update={"files": digest_folder(files)})
    with Registry(root, FAMILY, actor="benchmark") as registry:
        submitted(registry, adapter, files)


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


def submitted(registry: Registry, adapter: Adapter, files: Path) -> AdapterVersion:
    adapter = adapter.model_copy(update={"dataset": DATASET.digest})
    version = registry.submit(adapter, files, "made for the benchmark", DATASET)
    shutil.rmtree(files)
    return version


def measure(label: str, folder: Path) -> None:
    archive = folder / "archive.tar"
    for verb in (backed_up, restored, checked):
        root = folder / ("old" if verb is backed_up else "new")
        seconds, processor, peak = in_a_process(verb, root, archive)
        print(f"{label}, {verb.__name__:12}{seconds:>9.1f}{processor:>11.1f}{peak:>10.0f}")
    print(f"{label}, archive: {archive.stat().st_size / 1e6:.1f} MB{packed(archive)}")


def in_a_process(verb: Callable[[Path, Path], Measured], root: Path, archive: Path) -> Measured:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(verb, root, archive).result()


def backed_up(root: Path, archive: Path) -> Measured:
    with Registry(root, FAMILY) as registry:
        return measured(lambda: back_up(registry, str(archive)))


def restored(root: Path, archive: Path) -> Measured:
    with Registry(root, FAMILY) as registry:
        return measured(lambda: restore(registry, str(archive)))


def checked(root: Path, _: Path) -> Measured:
    """Chain, tables and the bytes of every artifact; the decisions are made up."""
    with Registry(root, FAMILY) as registry:
        return measured(lambda: list(problems(registry)))


def measured(act: Callable[[], object]) -> Measured:
    wall, processor = time.perf_counter(), time.process_time()
    act()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.perf_counter() - wall, time.process_time() - processor, peak


def packed(archive: Path) -> str:
    if not shutil.which("zstd"):
        return ""
    start = time.perf_counter()
    command = ["zstd", "--quiet", "--stdout", str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        size = sum(len(piece) for piece in iter(lambda: process.stdout.read(PIECE), b""))
    return f", {size / 1e6:.1f} MB by zstd in {time.perf_counter() - start:.1f} s"


if __name__ == "__main__":
    main()
