"""A whole project with recorded answers: stages and verbs run on it, and no model is loaded."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from evaluation import compare, score
from evaluation.generate import contestants
from evaluation.generation.answers import Answer, Respondent, Role, answers_of
from evaluation.suites.every_suite import GENERAL
from project import paths
from project.canonical import digest_folder
from project.files import write_bytes
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter, Contestant, ModelPin, Opponent
from project.records.data import DatasetVersion, GateReport, Row, Split
from project.records.record import write_records
from tests.conftest import NUMERICS
from tests.evaluation.test_decision import calibration

ITEMS = 30
PARTS = {
    part: tuple(
        Row.of(f"{part} question {n}?", f"the answer {n}!", group=f"{part}{n}", source="s")
        for n in range(ITEMS)
    )
    for part in (Split.TRAIN, Split.DEV, Split.SEALED)
}


class Recorded:
    """A model whose answers are known: the champion's lack an exclamation mark, but for a few."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in rows:
            text = row.completion_text
            if self.role == Role.CHAMPION and not text.endswith("0!"):
                text = text.rstrip("!")
            yield Answer(item=row.id, text=text, tokens=4, prompt_tokens=4)

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [None] * len(rows)


def lay_out(settings: str) -> None:
    """As stages `base` to `train`, `champion` and `reward` leave it, in the current folder."""
    Path("params.yaml").write_text(settings)
    for part, items in PARTS.items():
        write_records(paths.rows_of(part), items)
    rows = digest_folder(paths.CURATED)
    dataset = DatasetVersion(rows=rows, splits={}, sources=("s",), contract="c" * 64)
    dataset.write(paths.DATASET)
    GateReport(dataset_rows=rows, contract="c" * 64, row_count=3 * ITEMS, checks=()).write(
        paths.GATE_REPORT
    )
    base = model("base")
    pin(ModelChoice(model=str(model("embedder"))), "embedder").write(paths.EMBEDDER)
    found = pin(ModelChoice(model=str(base)), "base")
    found.write(paths.BASE)
    NUMERICS.write(paths.NUMERICS)
    write_adapter(found, dataset)
    Opponent(contestant=Contestant(base=found)).write(paths.CHAMPION)
    calibration(people=True).write(paths.CALIBRATION)
    write_bytes(paths.PAIR_SOURCE, b"{}")
    write_bytes(Path("datasets/general/few.jsonl"), "".join(map(general_item, range(4))).encode())


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


def write_adapter(base: ModelPin, dataset: DatasetVersion) -> None:
    write_bytes(paths.ADAPTER_FILES / "adapter_model.safetensors", b"weights")
    write_bytes(paths.ADAPTER_FILES / "adapter_config.json", b"{}")
    files = digest_folder(paths.ADAPTER_FILES)
    Adapter(files=files, base=base, recipe="c" * 64, dataset=dataset.digest).write(paths.ADAPTER)


def answer_and_compare() -> None:
    """Every answer is in the cache, as if it had been made; then stages `score` and `compare`."""
    for role, system in contestants().items():
        recorded = Respondent(system.system, system.batch_size, partial(Recorded, role))
        for part in (Split.DEV, Split.SEALED):
            answers = recorded.answers(PARTS[part], "recorded")
            if part == Split.DEV:
                write_records(answers_of(role, part), answers)
        general = recorded.answers(GENERAL.rows(), "recorded")
        write_records(answers_of(role, GENERAL.name), general)
    score.main()
    compare.main()
