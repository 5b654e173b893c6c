"""An adapter trained aside, by the project's recipe: not in outputs/, and no version of it."""

import gc
from collections.abc import Sequence
from pathlib import Path

from evaluation.generation.answers import versions
from project.canonical import digest_bytes, digest_json
from project.files import home, staged_folder
from project.model_pins import pinned_folder
from project.records.adapters import Contestant, Numerics
from project.records.data import Row
from project.records.record import Digest
from training.training_settings import TrainingParams


def train_aside(
    rows: Sequence[Row], base: Contestant, numerics: Numerics, params: TrainingParams
) -> Path:
    """The folder of an adapter that learnt all these rows, on a base and under its system prompt;
    one that is there is not made again.
    """
    learnt = digest_bytes(b"\n".join(row.canonical() for row in rows))
    folder = place(base, numerics, params, learnt)
    if not folder.exists():
        with staged_folder(folder) as draft:
            train(rows, learnt, base, numerics, params, draft)
    return folder


def place(base: Contestant, numerics: Numerics, params: TrainingParams, rows: Digest) -> Path:
    key = digest_json([base.digest, numerics.digest, params.digest, rows, versions()])
    return home() / "selection" / "adapters" / key[:32]


def train(
    rows: Sequence[Row],
    learnt: Digest,
    base: Contestant,
    numerics: Numerics,
    params: TrainingParams,
    folder: Path,
) -> None:
    # Imported here because it takes seconds, and whoever finds the adapter trained need not wait.
    from training.train import Recipe, make_trainer, save_adapter, trained_with

    here, prompt = pinned_folder(base.base, "base"), base.system_prompt
    trainer = make_trainer(tuple(rows), here, params, numerics, None, prompt)
    made_with = trained_with(trainer.model, params, numerics)
    trainer.train()
    recipe = Recipe(
        base=base.base, rows=learnt, params=params, numerics=made_with, system_prompt=prompt
    )
    save_adapter(trainer.model, recipe, folder)
    del trainer
    gc.collect()  # a trainer is full of circles, and the next one wants its memory
