"""How long `incumbent decide` takes on a large score table, start-up included.

python -m benchmarks.decide [--items 100000]
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.frame import INCUMBENT, arguments


def main() -> None:
    items = arguments(__doc__, items=100_000).items
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.jsonl"
        write_table(path, items)
        start = time.monotonic()
        done = subprocess.run(
            [INCUMBENT, "decide", "--scores", str(path), "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds = time.monotonic() - start
    print(f"{items} items, 3 metrics, 4 slices: {json.loads(done.stdout)['verdict']}")
    print(f"{seconds:.1f} s")


def write_table(path: Path, items: int) -> None:
    rng = np.random.default_rng(0)
    before, gains = rng.random((items, 2)), rng.normal(0.01, [0.12, 0.1], (items, 2))
    liked = rng.choice([0.0, 0.5, 1.0], items, p=[0.25, 0.45, 0.3])
    with path.open("w") as file:
        for i, (scores, gain, chance) in enumerate(zip(before, gains, liked, strict=True)):
            champion = dict(zip(("rougeL", "semantic"), scores.tolist(), strict=True))
            challenger = dict(zip(champion, (scores + gain).clip(0, 1).tolist(), strict=True))
            sides = {"champion": champion, "challenger": challenger, "preference": float(chance)}
            file.write(json.dumps({"item": f"i{i}", "slices": [f"topic={i % 4}"]} | sides) + "\n")


if __name__ == "__main__":
    main()
