"""What the keys of the base, of training and of answering do, shown by models of three layers.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from project import paths
from project.canonical import digest_file, digest_folder
from project.files import home
from project.records.adapters import Adapter, Contestant, ModelPin, Opponent
from project.records.calibration import Calibration
from project.records.data import DatasetVersion, Row, Split, TokenCount
from project.records.record import write_records
from tests.incumbent.setting_effects.effect import Effect, write
from tests.incumbent.setting_effects.models import REVISIONS
from tests.incumbent.setting_effects.scoring_effects import BALLOTS, GENERAL, ballot

ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=f"g{i}", source="s") for i in range(8)
]
ITEMS = [Row.of(f"What is {i}?", "A number.", group=f"g{i}", source="s") for i in range(100, 105)]
TEXTS = [text for row in (*ROWS, *ITEMS) for text in (row.prompt_text, row.completion_text)]
DATASET = DatasetVersion(rows="1" * 64, splits={}, sources=(), contract="2" * 64)


def pin_models() -> None:
    """What the stages before training leave."""
    from training import base

    base.main()
    DATASET.write(paths.DATASET)
    write_records(paths.rows_of(Split.TRAIN), ROWS)
    write_records(paths.rows_of(Split.DEV), ITEMS)
    write_records(paths.rows_of(Split.SEALED), [])


# --- train ----------------------------------------------------------------------------------------


def trained() -> dict[str, Any]:
    """What stage `train` makes: the adapter's weights, whether its base was kept in four bits, and
    how often a layer was computed.
    """
    from training import train

    pin_models()
    with layers_computed() as count:
        train.main()
    numerics = Adapter.read(paths.ADAPTER).numerics
    return {
        "weights": digest_file(paths.ADAPTER_FILES / "adapter_model.safetensors"),
        "dequantized": numerics and numerics.dequantized,
        "layers": len(count),
    }


@contextmanager
def layers_computed() -> Iterator[list[None]]:
    """An entry for each time that a layer is computed until the block ends."""
    from torch.nn.modules.module import register_module_forward_pre_hook
    from transformers.models.llama.modeling_llama import LlamaMLP

    count: list[None] = []
    hook = register_module_forward_pre_hook(
        lambda layer, *_: count.append(None) if isinstance(layer, LlamaMLP) else None
    )
    try:
        yield count
    finally:
        hook.remove()


TINY: dict[str, Any] = {"base.model": "models/tiny", "base.precision": "float32"}
TRAINING: dict[str, tuple[Any, Any]] = {
    "rows": (8, 4),
    "r": (2, 4),
    "alpha": (32, 64),
    "quantization": ("none", "nf4"),
    "dropout": (0.05, 0.5),
    "learning_rate": (0.0005, 0.001),
    "epochs": (1, 2),
    "batch_size": (4, 2),
    "gradient_accumulation": (1, 2),
    "warmup_share": (0.05, 0.5),
    "gradient_checkpointing": (False, True),
    "seed": (0, 1),
}
SHOWN = {"gradient_checkpointing": "layers"}  # of the others the weights
TRAINED = TINY | {f"training.{name}": first for name, (first, _) in TRAINING.items()}
NF4 = TRAINED | {"training.quantization": "nf4"}

TRAIN = {
    f"training.{name}": Effect(values, trained, SHOWN.get(name, "weights"), TRAINED, models="tiny")
    for name, values in TRAINING.items()
} | {
    "training.dequantize_once": Effect((True, False), trained, "dequantized", NF4, models="tiny"),
    "base.precision": Effect(("float32", "bfloat16"), trained, "weights", TRAINED, models="tiny"),
}


# --- reward ---------------------------------------------------------------------------------------


def rewarded() -> dict[str, Any]:
    """What stage `reward` makes: the reward model's weights, and how it does on held-out pairs."""
    from evaluation import reward

    pin_models()
    write(BALLOTS, *(ballot(i, choice, "a", "b") for i, choice in enumerate(("left",) * 3)))
    reward.main()
    weights = paths.REWARD / "model.safetensors"
    return {
        "weights": digest_file(weights) if weights.exists() else None,
        "calibration": Calibration.read(paths.CALIBRATION),
    }


PREFERENCE, REWARD = "evaluation.preference", "evaluation.preference.reward"
REWARDING: dict[str, tuple[Any, Any]] = {
    "model": ("models/other-tiny", "embedder"),
    "rows": (8, 6),
    "held_out_share": (0.5, 0.25),
    "epochs": (1, 2),
    "batch_size": (4, 2),
    "learning_rate": (1e-4, 1e-3),
    "max_length": (256, 6),
    "seed": (0, 1),
}
REWARDED = {
    **TINY,
    "embedder.model": "models/tiny",
    "evaluation.decoding.max_new_tokens": 4,
    f"{PREFERENCE}.ballots": BALLOTS,
    f"{PREFERENCE}.source": "reward",
} | {f"{REWARD}.{name}": first for name, (first, _) in REWARDING.items()}


def rewarding(a: object, b: object, **beside: object) -> Effect:
    return Effect((a, b), rewarded, "weights", {**REWARDED, **beside}, models="tiny")


LORA: dict[str, object] = {f"{REWARD}.lora": {"r": 8, "alpha": 16}}
REWARDS = {f"{REWARD}.{name}": rewarding(*values) for name, values in REWARDING.items()} | {
    f"{PREFERENCE}.source": rewarding("reward", "ballots"),
    REWARD: rewarding(
        *({"rows": 8, "batch_size": size, "model": "models/other-tiny"} for size in (4, 2))
    ),
    f"{REWARD}.lora": rewarding(None, LORA[f"{REWARD}.lora"]),
    f"{REWARD}.lora.r": rewarding(8, 4, **LORA),
    f"{REWARD}.lora.alpha": rewarding(16, 64, **LORA),
    "embedder.model": rewarding("models/tiny", "models/other-tiny"),
    "embedder.revision": rewarding(*REVISIONS, **{"embedder.model": "bank/tiny"}),
}


# --- generate -------------------------------------------------------------------------------------


def answered() -> dict[str, Any]:
    """What stage `generate` makes: answers, how long their prompts were, and how many files keep
    what was answered together.
    """
    from evaluation import generate

    pin_models()
    shutil.copytree("models/adapter", paths.ADAPTER_FILES)
    made, base = digest_folder(paths.ADAPTER_FILES), ModelPin.read(paths.BASE)
    Adapter(files=made, base=base, recipe="c" * 64, dataset=DATASET.digest).write(paths.ADAPTER)
    Opponent(contestant=Contestant(base=base)).write(paths.CHAMPION)
    write_records(paths.TOKENS, [TokenCount(row=row.id, prompt=9, completion=3) for row in ITEMS])
    write("datasets/general/sums.jsonl", GENERAL)
    generate.main()
    return {
        "answers": {path.name: path.read_text() for path in sorted(paths.ANSWERS.iterdir())},
        "together": len(list((home() / "answers").rglob("*.jsonl"))),
    }


ANSWERED = TINY | {
    "evaluation.decoding.max_new_tokens": 4,
    "evaluation.decoding.batch_size": 16,
    "evaluation.few_shot.shots": 0,
}


def answering(a: object, b: object, shown: str = "answers", **beside: object) -> Effect:
    return Effect((a, b), answered, shown, {**ANSWERED, **beside}, models="tiny")


DRAWN: dict[str, object] = {"evaluation.decoding.temperature": 2.0}

GENERATE = {
    "evaluation.decoding.max_new_tokens": answering(4, 6),
    "evaluation.decoding.batch_size": answering(16, 1, "together"),
    "evaluation.decoding.temperature": answering(0, 2.0),
    "evaluation.decoding.samples": answering(1, 2, **DRAWN),
    "evaluation.decoding.seed": answering(0, 1, **DRAWN),
    "evaluation.few_shot.shots": answering(0, 2),
}

EFFECTS = TRAIN | REWARDS | GENERATE
