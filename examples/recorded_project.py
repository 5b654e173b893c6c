"""A project whose answers are recorded: stages and verbs run on it, and no base is loaded.

`lay_out` leaves a folder as the stages before `generate` leave it; `answer_and_compare` puts every
answer into the cache, as if a model had made it, and runs the stages behind.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import yaml

from evaluation import compare, score
from evaluation.generate import answering_in
from evaluation.generation.answers import Answer, Respondent, Role, answers_of
from evaluation.generation.contestants import recorded_numerics
from evaluation.suites.every_suite import GENERAL
from project import paths
from project.canonical import digest_folder, digest_json
from project.files import write_bytes
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter, Contestant, ModelPin, Numerics, Opponent
from project.records.data import DatasetVersion, GateReport, Row, Split
from project.records.record import write_records
from registry.alpha_ledger.look_bytes import LookBytes
from registry.reader import RegistryReader

Parts = Mapping[Split, Sequence[Row]]
Says = Callable[[Role, Row], str]  # what a system answers to a row
NUMERICS = Numerics(precision="float32", processor="a processor")


class Recorded:
    """A model whose answers are known."""

    def __init__(self, says: Says, role: Role) -> None:
        self.says, self.role = says, role

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in rows:
            yield Answer(item=row.id, text=self.says(self.role, row), tokens=4, prompt_tokens=4)

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [None] * len(rows)


def lay_out(settings: str, parts: Parts, source: str = "s") -> None:
    """As stages `base` to `train` and `champion` leave it, in the current folder."""
    chosen = yaml.safe_load(settings) or {}
    chosen.setdefault("base", {}).setdefault("model", "models/base")
    collected = {"kind": "file", "path": f"datasets/sources/{source}", "licence": "CC0-1.0"}
    chosen.setdefault("curation", {}).setdefault("collect", {"sources": [collected]})
    Path("params.yaml").write_text(yaml.safe_dump(chosen))
    for part, items in parts.items():
        write_records(paths.rows_of(part), items)
    write_dataset({part: len(items) for part, items in parts.items()}, source)
    base = model("base")
    pin(ModelChoice(), "embedder").write(paths.EMBEDDER)
    pin(ModelChoice(model=str(base)), "base").write(paths.BASE)
    NUMERICS.write(paths.NUMERICS)
    write_adapter(b"weights")
    Opponent(contestant=Contestant(base=ModelPin.read(paths.BASE))).write(paths.CHAMPION)
    write_bytes(Path("datasets/general/few.jsonl"), "".join(map(general_item, range(4))).encode())


def write_dataset(sizes: Mapping[Split, int], source: str) -> None:
    rows = digest_folder(paths.CURATED)
    DatasetVersion(
        rows=rows, splits=dict(sizes), sources=(source,), contract=digest_json("no contract")
    ).write(paths.DATASET)
    count = sum(sizes.values())
    GateReport(
        dataset_rows=rows, contract=digest_json("no contract"), row_count=count, checks=()
    ).write(paths.GATE_REPORT)


def general_item(n: int) -> str:
    check = {"kind": "number", "value": n}
    asked = {"prompt": f"Say {'x' * n} in digits.", "expected": f"{n}"}
    item = {"id": f"g{n}", "ability": "counting", "check": check, **asked}
    return json.dumps(item) + "\n"


def model(name: str) -> Path:
    """A folder that can be pinned, of which nothing is read."""
    folder = Path("models") / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(name.encode())
    (folder / "tokenizer.json").write_text("{}")
    return folder


def write_adapter(weights: bytes) -> None:
    """The challenger, on the pinned base and the dataset."""
    write_bytes(paths.ADAPTER_FILES / "adapter_model.safetensors", weights)
    write_bytes(paths.ADAPTER_FILES / "adapter_config.json", b"{}")
    files, dataset = digest_folder(paths.ADAPTER_FILES), DatasetVersion.read(paths.DATASET)
    base = ModelPin.read(paths.BASE)
    Adapter(files=files, base=base, recipe=digest_json("recorded"), dataset=dataset.digest).write(
        paths.ADAPTER
    )


def answer_and_compare(parts: Parts, says: Says) -> None:
    """Every answer is in the cache, as if it had been made; then stages `score` and `compare`."""
    record_answers(parts, says)
    score.main()
    compare.main()


def record_answers(parts: Parts, says: Says) -> None:
    for role, system in answering_in(recorded_numerics()).items():
        recorded = Respondent(system.system, system.batch_size, partial(Recorded, says, role))
        for part, rows in ((Split.DEV, parts[Split.DEV]), (GENERAL.name, GENERAL.rows())):
            write_records(answers_of(role, part), recorded.answers(rows, "recorded"))
        with RegistryReader.here() as registry:  # where a look keeps its answers, and no cache does
            recorded.store = LookBytes(registry.engine, registry.artifacts, look=0)
            recorded.answers(parts[Split.SEALED], "recorded")
