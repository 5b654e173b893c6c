"""A project as stages `base` and `gate` leave it, with a base of three layers: for slow tests."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from incumbent.cli import app, main
from project import paths
from project.canonical import digest_folder
from project.records.data import DatasetVersion, Row, Split, TokenCount
from project.records.record import write_records
from tests.incumbent.setting_effects.effect import put
from tests.incumbent.setting_effects.models import lay_out_tiny

ITEMS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=f"d{i // 2}", source="sums.csv")
    for i in range(50, 70)
]
TRAIN = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=f"t{i // 2}", source="sums.csv")
    for i in range(40)
]
REHEARSED = [Row.of("Who are you?", "A model.", group="r", source="rehearsal.jsonl")]
SETTINGS: dict[str, Any] = {
    "base.model": "models/tiny",
    "base.precision": "float32",
    "curation.curate.train_only": ["rehearsal.jsonl"],
    "training.adapter.r": 2,
    "training.adapter.quantization": "none",
    "training.sft.batch_size": 4,
    "evaluation.decoding.max_new_tokens": 4,
    "evaluation.scoring.metrics": ["rouge", "semantic", "perplexity"],
}


def lay_out_project(**settings: Any) -> None:
    """In the current folder; settings by their dotted names, with __ for a dot."""
    from training import base  # which brings libraries that take seconds

    lay_out_gated(**settings)
    base.main()


def lay_out_gated(**settings: Any) -> None:
    """The same, without what stage `base` leaves."""
    texts = [text for row in (*TRAIN, *ITEMS) for text in (row.prompt_text, row.completion_text)]
    lay_out_tiny([*texts, "Who are you? A model."], Path("models"))
    params: dict[str, Any] = {}
    for name, value in (SETTINGS | settings).items():
        put(params, name.replace("__", "."), value)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    parts = {Split.TRAIN: [*TRAIN, *REHEARSED], Split.DEV: ITEMS, Split.SEALED: ITEMS[:1]}
    for part, rows in parts.items():
        write_records(paths.rows_of(part), rows)
    counts = [
        TokenCount(row=row.id, prompt=9, completion=5) for row in (*TRAIN, *REHEARSED, *ITEMS)
    ]
    write_records(paths.TOKENS, counts)
    dataset = {"rows": digest_folder(paths.CURATED), "splits": {}, "sources": (), "contract": "c"}
    DatasetVersion.model_validate(dataset).write(paths.DATASET)


def exit_code(*arguments: str) -> int:
    """The command's, in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["incumbent", *arguments])
        main()
    return int(end.value.code or 0)


def printed_by(*arguments: str, code: int = 0) -> str:
    """What the command prints; or, with the code of an error, what the error says."""
    done = CliRunner().invoke(app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        if getattr(done.exception, "exit_code", None) != code:
            raise done.exception
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The command's exit code, what it prints, and what it says beside."""
    capsys.readouterr()
    code, printed = exit_code(*arguments), capsys.readouterr()
    return code, printed.out, printed.err


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    """What the command prints as JSON, and what it says beside."""
    code, printed, said = called(capsys, *arguments, "--json")
    assert code == 0, said
    found: dict[str, Any] = json.loads(printed)
    return found, said
