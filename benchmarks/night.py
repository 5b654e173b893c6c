"""How long one night of very many rows takes, and its peak memory; embeddings are cached.

python -m benchmarks.night [--rows 1000000] [--prompts 4000]
"""

import json
import os
import resource
import subprocess
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from random import Random

import yaml

from benchmarks.frame import INCUMBENT, arguments
from project.canonical import digest_folder
from project.files import home
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter
from registry.store import Registry
from retrieval.embedder import Embeddings

FIRST = date(2026, 3, 2)  # the reference; then a small night, which freezes it, and the large one
SMALL = 2_000
FORM = "how do I {} my {} {}?"
VERBS = (
    "block",
    "renew",
    "find",
    "order",
    "cancel",
    "explain",
    "change",
    "compare",
    "move",
    "close",
)
THINGS = (
    "card",
    "loan",
    "account",
    "transfer",
    "mortgage",
    "fee",
    "cheque",
    "limit",
    "rate",
    "PIN",
)
ANSWERS = ("In the app, under settings.", "At any branch.", "Please call us.", "It is free.")


def main() -> None:
    options = arguments(__doc__, rows=1_000_000, prompts=4000)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INCUMBENT_HOME"] = f"{folder}/home"
        os.chdir(folder)
        prompts = prompts_of(options.prompts)
        make_project(prompts)
        for number, rows in enumerate((SMALL, SMALL, options.rows)):
            write_day(FIRST + timedelta(days=number), rows, prompts)
        night(FIRST + timedelta(days=1))
        start = time.monotonic()
        found = night(FIRST + timedelta(days=2))
        seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{found['rows']:,} rows, {found['units']:,} users looked at: {found['verdict']}")
    print(f"{seconds:.1f} s, peak memory {peak:.2f} GiB")


def prompts_of(count: int) -> list[str]:
    """Different questions: of a verb, a thing and a number."""
    pairs = [(verb, thing) for verb in VERBS for thing in THINGS]
    return [FORM.format(*pairs[i % len(pairs)], i // len(pairs)) for i in range(count)]


def make_project(prompts: list[str]) -> None:
    """A champion that is no model: no prompt is read by it, and all texts are embedded."""
    drift = {"perplexity_rows": 0, "reference_rows": SMALL}
    params = {"monitoring": {"drift": drift}, "registry": {"family": "large"}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    embedder = pin(ModelChoice(), "embedder")
    Embeddings(embedder, home() / "monitoring" / "embeddings.db").encode([*prompts, *ANSWERS])
    Path("adapter").mkdir()
    Path("adapter", "adapter_config.json").write_text("{}")
    files = digest_folder(Path("adapter"))
    adapter = Adapter(files=files, base=embedder, recipe="c" * 64, dataset="d" * 64)
    with Registry.here() as registry:
        version = registry.submit(adapter, Path("adapter"), "benchmark")
        registry.promote(version.number, "benchmark", force=True)


def write_day(day: date, rows: int, prompts: list[str]) -> None:
    random, path = Random(day.toordinal()), Path("datasets/traffic", str(day), "log.jsonl")
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        for number in range(rows):
            row = {
                "id": f"{day}-{number}",
                "at": f"{day}T{number * 24 // rows:02}:00:00Z",
                "user": f"user-{random.randrange(rows)}",
                "prompt": random.choice(prompts),
                "response": random.choice(ANSWERS),
            }
            file.write(json.dumps(row) + "\n")


def night(day: date) -> dict[str, object]:
    done = subprocess.run(
        [INCUMBENT, "nightly", "--date", str(day), "--json"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
