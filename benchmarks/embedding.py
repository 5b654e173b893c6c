"""How fast new texts are embedded and kept, beside the library's `encode` on sorted texts.

    python -m benchmarks.embedding [--texts 1000] [--repetitions 5] [--processor-time]

The texts are prompts of the sample task. Both ways in turn, in one process, each time with an empty
cache; then all of them again from the cache. On a machine that does other work too, processor time
with OMP_NUM_THREADS=1 is the steadier clock.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from curation.sources.python_api import read_package
from monitoring.features.embedding_cache import Embeddings
from project.model_pins import ModelChoice, pin

BATCH_SIZE = 32  # the library's default

Clock = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--processor-time", action="store_true")
    given = parser.parse_args()
    clock = time.process_time if given.processor_time else time.perf_counter
    pinned = pin(ModelChoice(), "embedder")
    model = Embeddings(pinned, Path()).model
    texts = prompts(given.texts)
    model.encode(texts[:BATCH_SIZE])  # warms up
    print(f"{'plain':>8} {'here':>8} {'cached':>9}  texts/s")
    ratios = []
    for _ in range(given.repetitions):
        plain = seconds(lambda: model.encode(sorted(texts, key=len), batch_size=BATCH_SIZE), clock)
        with tempfile.TemporaryDirectory() as empty:
            ours = Embeddings(pinned, Path(empty) / "embeddings.db")
            ours.model = model
            new, cached = (seconds(lambda ours=ours: ours.encode(texts), clock) for _ in "ab")
        ratios.append(new / plain)
        speeds = "{:8.1f} {:8.1f} {:9.0f}".format(*(len(texts) / t for t in (plain, new, cached)))
        print(f"{speeds}  {ratios[-1]:.2f} times plain's time", flush=True)
    print(f"median {statistics.median(ratios):.2f} times plain's time, {len(texts)} texts")


def prompts(n: int) -> list[str]:
    """The first n distinct prompts, in an order by digest."""
    packages = ("numpy", "pandas", "scipy", "sklearn")
    rows = sorted((row for p in packages for row in read_package(p)), key=lambda row: row.id)
    return list(dict.fromkeys(row.prompt_text for row in rows))[:n]


def seconds(action: Callable[[], object], clock: Clock) -> float:
    start = clock()
    action()
    return clock() - start


if __name__ == "__main__":
    main()
