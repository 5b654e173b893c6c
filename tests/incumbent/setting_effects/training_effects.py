"""What the keys of the base, of training and of answering do, shown by models of three layers.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from project import paths
from project.canonical import digest_file, digest_folder
from project.files import home
from project.records.adapters import Adapter, Contestant, ModelPin, Opponent
from project.records.data import DatasetVersion, Document, Row, Split, TokenCount
from project.records.preferences import Calibration, PreferencePair
from project.records.record import write_records
from project.settings import load
from registry.store import Registry
from tests.conftest import NUMERICS
from tests.incumbent.setting_effects.effect import Effect, ShownBy, write
from tests.incumbent.setting_effects.models import REVISIONS
from tests.incumbent.setting_effects.scoring_effects import BALLOTS, GENERAL, ballot
from training.training_settings import AdapterParams, DistillParams

ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=f"g{i}", source="s") for i in range(8)
]
ITEMS = [Row.of(f"What is {i}?", "A number.", group=f"g{i}", source="s") for i in range(100, 105)]
TEXTS = [text for row in (*ROWS, *ITEMS) for text in (row.prompt_text, row.completion_text)]
DOCUMENTS = [Document.of(f"{row.prompt_text} {row.completion_text}", source="s") for row in ROWS]
PAIRS = [
    PreferencePair(prompt=row.prompt_text, chosen=row.completion_text, rejected="A number.")
    for row in ROWS
]
DATASET = DatasetVersion(rows="1" * 64, splits={}, sources=(), contract="2" * 64)


def import_libraries() -> None:
    """All that the effects here would import when they are first shown."""
    from evaluation import generate, reward
    from incumbent import grpo
    from training import distill, domain, dpo, kto, sft, start, train

    assert all((generate, reward, distill, domain, dpo, kto, grpo, sft, start, train))


def pin_models() -> None:
    """What the stages before training leave."""
    from training import base

    base.main()
    DATASET.write(paths.DATASET)
    # The first row goes on, so that it has an earlier answer.
    more = (*ROWS[0].prompt, *ROWS[1].completion, *ROWS[1].prompt)
    write_records(
        paths.rows_of(Split.TRAIN), [ROWS[0].model_copy(update={"prompt": more}), *ROWS[1:]]
    )
    write_records(paths.rows_of(Split.DEV), ITEMS)
    write_records(paths.rows_of(Split.SEALED), [])


# --- train ----------------------------------------------------------------------------------------


def trained() -> dict[str, Any]:
    """What the training stages make: the adapter's weights, whether its base was kept in four bits,
    how often the loss on dev was measured, and how often a layer was computed.
    """
    from incumbent import grpo
    from training import distill, domain, dpo, kto, sft, start, train

    pin_models()
    write_records(paths.CURATED_DOCUMENTS, DOCUMENTS)
    write_records(paths.PREFERENCE_DATA, PAIRS)
    if load(DistillParams).epochs:
        submit_teachers()
    with layers_computed() as count:
        for stage in (start, domain, sft, distill, dpo, kto, grpo, train):
            stage.main()
    adapter = Adapter.read(paths.ADAPTER)
    numerics = adapter.numerics
    return {
        "weights": digest_file(paths.ADAPTER_FILES / "adapter_model.safetensors"),
        "recipe": adapter.recipe,
        "dequantized": numerics and numerics.dequantized,
        "measured": measured(),
        "layers": len(count),
    }


def submit_teachers() -> None:
    """Two versions, whose adapters pull the base to opposite sides."""
    from safetensors.torch import load_file, save_file

    with Registry.here() as registry:
        for sign in (1, -1):
            folder = Path(f"teacher{sign}")
            shutil.copytree("models/adapter", folder)
            file = folder / "adapter_model.safetensors"
            weights = load_file(file)
            turned = {n: w * (sign if "lora_B" in n else 1) for n, w in weights.items()}
            save_file(turned, file)
            made, base = digest_folder(folder), ModelPin.read(paths.BASE)
            adapter = Adapter(files=made, base=base, recipe="c" * 64, dataset=DATASET.digest)
            registry.submit(adapter, folder, "a teacher", DATASET)


def measured() -> int:
    """How often the loss on what is held out was."""
    curves = [paths.step_of(step) / "plots/metrics/eval_loss.tsv" for step in ("domain", "sft")]
    return sum(len(curve.read_text().splitlines()) for curve in curves if curve.exists())


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


def attends() -> str:
    """By which kernel the base does that an adapter is put on."""
    from training.model.base_model import load_base

    found = load_base(Path("models/tiny"), load(AdapterParams), NUMERICS).config
    return str(found._attn_implementation)


TINY: dict[str, Any] = {"base.model": "models/tiny", "base.precision": "float32"}
ADAPTER: dict[str, tuple[Any, Any]] = {
    "r": (2, 4),
    "alpha": (32, 64),
    "rslora": (False, True),
    "dropout": (0.05, 0.5),
    "target_modules": ("all-linear", ["q_proj"]),
    "quantization": ("none", "nf4"),
    "schedule": ("cosine", "constant"),
    "warmup_share": (0.05, 0.5),
    "gradient_checkpointing": (False, True),
    "seed": (0, 1),
}
LEARNING: dict[str, tuple[Any, Any]] = {
    "learning_rate": (0.0005, 0.001),
    "batch_size": (4, 2),
    "gradient_accumulation": (1, 2),
}
SFT: dict[str, tuple[Any, Any]] = LEARNING | {
    "epochs": (1, 2),
    "rows": (8, 4),
    "evaluations": (0, 2),
    "canaries": ([], [2]),
    "loss_on": ("last", "every"),
}
DOMAIN: dict[str, tuple[Any, Any]] = LEARNING | {
    "epochs": (1, 2),
    "evaluations": (0, 2),
    "replay": (0, 1),
}
BETA: dict[str, tuple[Any, Any]] = {"epochs": (1, 2), "beta": (0.1, 0.5)}
DPO: dict[str, tuple[Any, Any]] = LEARNING | BETA
KTO: dict[str, tuple[Any, Any]] = LEARNING | BETA
# Of the others the weights.
SHOWN = {"gradient_checkpointing": "layers", "evaluations": "measured", "licence": "recipe"}


def firsts(section: str, values: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    return {f"{section}.{name}": first for name, (first, _) in values.items()}


TRAINED = TINY | firsts("training.adapter", ADAPTER) | firsts("training.sft", SFT)
ADAPTED = TRAINED | firsts("training.domain", DOMAIN) | {"training.sft.epochs": 0}
PREFERRED = TRAINED | firsts("training.dpo", DPO) | {"training.sft.epochs": 0}
DISTILL: dict[str, tuple[Any, Any]] = LEARNING | {
    "epochs": (1, 2),
    "teacher": (1, 2),
    "beta": (1, 0),
    "max_new_tokens": (2, 4),
    "licence": ("Apache-2.0", "MIT"),
}
TAUGHT = TRAINED | firsts("training.distill", DISTILL) | {"training.sft.epochs": 0}
GRPO: dict[str, tuple[Any, Any]] = LEARNING | {
    "epochs": (1, 2),
    "batch_size": (8, 4),
    "gradient_accumulation": (1, 2),
    "group": (4, 2),
    "beta": (0.04, 0.5),
    "max_new_tokens": (3, 4),
    # Others than `semantic` are 0 for random weights.
    "rewards": ({"semantic": 1.0}, {"semantic": 1.0, "answered": 1.0}),
}
REINFORCED = (
    TRAINED
    | {"embedder.model": "models/tiny", "training.sft.epochs": 0}
    | firsts("training.grpo", GRPO)
)
RATED = TRAINED | firsts("training.kto", KTO) | {"training.sft.epochs": 0}
UNQUANTIZED = {"training.adapter.quantization": "none"}
NF4 = TRAINED | {"training.adapter.quantization": "nf4"}


def training(
    section: str, values: dict[str, tuple[Any, Any]], beside: dict[str, Any]
) -> dict[str, Effect]:
    return {
        f"{section}.{name}": Effect(
            both, trained, SHOWN.get(name, "weights"), beside, models="tiny"
        )
        for name, both in values.items()
    }


TRAIN = (
    training("training.adapter", ADAPTER, TRAINED)
    | training("training.sft", SFT, TRAINED)
    | training("training.domain", DOMAIN, ADAPTED)
    | training("training.dpo", DPO, PREFERRED)
    | training("training.distill", DISTILL, TAUGHT)
    | training("training.kto", KTO, RATED)
    | training("training.grpo", GRPO, REINFORCED)
    | {
        "training.adapter.dequantize_once": Effect(
            (True, False), trained, "dequantized", NF4, models="tiny"
        ),
        # Liger computes on a GPU alone.
        "training.adapter.kernels": Effect(
            ("liger", "plain"), attends, beside=UNQUANTIZED, refused=True, models="tiny"
        ),
        "base.precision": Effect(
            ("float32", "bfloat16"), trained, "weights", TRAINED, models="tiny"
        ),
    }
)


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
    "epochs": (1, 2),
    "learning_rate": (1e-4, 1e-3),
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


REWARDS = {f"{REWARD}.{name}": rewarding(*values) for name, values in REWARDING.items()} | {
    f"{PREFERENCE}.source": rewarding("reward", "ballots"),
    REWARD: rewarding(*({"rows": rows, "model": "models/other-tiny"} for rows in (8, 6))),
    f"{REWARD}.lora": rewarding(False, True),
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
    "evaluation.decoding.constrained": ShownBy(
        "tests/evaluation/test_constraints.py::test_an_answer_is_held_to_the_tools_of_its_row"
    ),
    "evaluation.few_shot.shots": answering(0, 2),
    "evaluation.generation.memorisation": answering(0, 2),
}

EFFECTS = TRAIN | REWARDS | GENERATE
