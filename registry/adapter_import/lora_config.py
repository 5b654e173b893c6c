"""A third-party adapter_config.json: plain LoRA is taken from it, everything else is refused."""

import math
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from project.canonical import canonical_json
from project.errors import InputError
from project.records.adapters import ModelPin
from project.records.record import Digest, Record, invalid, short
from project.untrusted_input import quoted, strict_json

MAX_RANK = 512
MAX_ALPHA = 4096
MAX_TARGETS = 4096
ALL_LINEAR = "all-linear"  # peft's word for every linear module but the head

# Settings of peft's LoraConfig that must be off, and what each does when it is on.
MUST_BE_OFF = {
    "alora_invocation_tokens": "is activated LoRA, another method than plain LoRA",
    "alpha_pattern": "gives single modules another scale; a pattern is not run here",
    "arrow_config": "routes between several adapters",
    "auto_mapping": "lets the file choose the code that is imported",
    "bias": "trains biases, which are no LoRA weights",
    "corda_config": "starts from changed weights of the base",
    "ensure_weight_tying": "trains tied embeddings, which are no LoRA weights",
    "eva_config": "starts from changed weights",
    "exclude_modules": "is a second list of modules: name those with weights in target_modules",
    "fan_in_fan_out": "is for modules that store their weight the other way round",
    "kasa_config": "is KaSA, another method than plain LoRA",
    "layer_replication": "builds another model out of the base's layers",
    "layers_pattern": "is a pattern, which is not run here: name whole modules in target_modules",
    "layers_to_transform": "picks layers by number: name whole modules in target_modules",
    "loftq_config": "replaces the weights of the base",
    "lora_bias": "adds biases, which are no LoRA weights",
    "lora_ga_config": "starts from changed weights of the base",
    "megatron_config": "builds modules with Megatron",
    "modules_to_save": "brings whole modules, which are no LoRA weights",
    "monteclora_config": "is MonteCLoRA, another method than plain LoRA",
    "rank_pattern": "gives single modules another rank; a pattern is not run here",
    "target_parameters": "targets parameters that are no linear modules",
    "trainable_token_indices": "trains embeddings, which are no LoRA weights",
    "use_bdlora": "is BD-LoRA, another method than plain LoRA",
    "use_dora": "is DoRA, another method than plain LoRA",
    "use_qalora": "is QA-LoRA, another method than plain LoRA",
    "velora_config": "is VeLoRA, another method than plain LoRA",
}
OFF: tuple[Any, ...] = (None, False, "none", [], {})
# How training started, where the base stayed as it was; it means nothing once weights are there.
HARMLESS_STARTS: tuple[Any, ...] = (None, True, False, "gaussian")
# These say nothing about what the adapter computes, or are about a setting that must be off.
IGNORED = frozenset(
    {"inference_mode", "megatron_core", "peft_version", "qalora_group_size", "revision"}
)

Target = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$", max_length=256)]


class LoraSettings(Record, strict=True):
    """What is taken from the file, by the names of peft's LoraConfig."""

    peft_type: Literal["LORA"]
    task_type: Literal["CAUSAL_LM"]
    r: int = Field(ge=1, le=MAX_RANK)
    lora_alpha: float = Field(gt=0, le=MAX_ALPHA)
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    use_rslora: bool = False
    # None: every linear module. JSON has lists where a frozen record has tuples.
    target_modules: tuple[Target, ...] | None = Field(
        strict=False, min_length=1, max_length=MAX_TARGETS
    )
    base_model_name_or_path: str | None = None  # reported, never followed

    @property
    def scale(self) -> float:
        """What B·A is multiplied with.

        Hu et al. 2021, arXiv 2106.09685; rank-stabilised: Kalajdzievski 2023, arXiv 2312.03732.
        """
        return self.lora_alpha / (math.sqrt(self.r) if self.use_rslora else self.r)


def read_config(data: bytes, place: Path) -> LoraSettings:
    """Parse and check. Raises InputError naming `place`, what the user knows the file by, and key.

    A key that is refused for what it does is reported before one with a bad value.
    """
    config = strict_json(data, place)
    if not isinstance(config, dict):
        raise InputError("is no JSON object", file=place)
    for key in sorted(config):
        refuse_setting(key, config[key], place)
    taken = {key: value for key, value in config.items() if key in LoraSettings.model_fields}
    taken["target_modules"] = targets_of(config.get("target_modules"), place)
    try:
        return LoraSettings.model_validate(taken)
    except ValidationError as error:
        raise invalid(error, place) from None


def refuse_setting(key: str, value: Any, place: Path) -> None:
    """Raise InputError for a setting that nobody knows, or that is more than plain LoRA."""
    if key in LoraSettings.model_fields or key in IGNORED:
        return
    if key == "init_lora_weights":
        if value not in HARMLESS_STARTS:
            problem = f"{quoted(value)} starts from changed weights of the base"
            raise InputError(problem, file=place, field=key)
    elif key not in MUST_BE_OFF:
        raise InputError("is no setting of plain LoRA: remove it", file=place, field=quoted(key))
    elif value not in OFF:
        raise InputError(f"{quoted(value)} {MUST_BE_OFF[key]}", file=place, field=key)


def targets_of(value: Any, place: Path) -> Any:
    """The list as it is, for the record to check; None for every linear module."""
    if value is None:
        problem = "is missing: name the modules that have weights"
        raise InputError(problem, file=place, field="target_modules")
    if isinstance(value, str):
        if value.lower() == ALL_LINEAR:
            return None
        problem = f"{quoted(value)} is a pattern, which is not run here: list the modules"
        raise InputError(problem, file=place, field="target_modules")
    return value


def sane_config(settings: LoraSettings, targets: tuple[str, ...], base: ModelPin) -> bytes:
    """The adapter_config.json that is stored: canonical, on the pinned base, with all else off."""
    alpha = settings.lora_alpha
    return canonical_json(
        {
            "alpha_pattern": {},
            "auto_mapping": None,
            "base_model_name_or_path": base.name,
            "bias": "none",
            "fan_in_fan_out": False,
            "inference_mode": True,
            "init_lora_weights": True,
            "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
            "lora_dropout": settings.lora_dropout,
            "modules_to_save": None,
            "peft_type": settings.peft_type,
            "r": settings.r,
            "rank_pattern": {},
            "revision": None,
            "target_modules": targets,
            "task_type": settings.task_type,
            "use_dora": False,
            "use_rslora": settings.use_rslora,
        }
    )


# --- origin ---------------------------------------------------------------------------------------

# What is known of an adapter that was made elsewhere, or merged from others.

ABSURD = 1.0  # an update larger than the weight that it changes


class ModuleNorm(Record):
    """How far an adapter moves one module: Frobenius norms to six digits, which any machine has."""

    module: str
    update: float  # ‖scale · B·A‖
    weight: float  # of the base's weight

    @property
    def ratio(self) -> float:
        return self.update / self.weight if self.weight else float("inf")

    @property
    def absurd(self) -> bool:
        """Whether little can be left of what the base's module did."""
        return self.ratio > ABSURD

    def __str__(self) -> str:
        mark = ", absurd" if self.absurd else ""
        return f"{self.module}: {self.ratio:.3g} of the weight's norm{mark}"


class ImportedOrigin(Record):
    """Stands where an adapter of ours names its recipe and its dataset: neither is known."""

    kind: Literal["imported"] = "imported"
    files: dict[str, Digest]  # as they were handed in, by name
    declared_base: str | None  # what its config said it is for, quoted; it was not followed
    norms: tuple[ModuleNorm, ...]

    @property
    def absurd(self) -> tuple[ModuleNorm, ...]:
        return tuple(norm for norm in self.norms if norm.absurd)

    def __str__(self) -> str:
        ratio = median(norm.ratio for norm in self.norms)
        return (
            f"imported: the data are not known; {len(self.norms)} modules, moved by {ratio:.3g} of "
            f"their norm in the median, {len(self.absurd)} of them absurdly far"
        )


MergeMethod = Literal["linear", "ties", "dare_ties"]  # by PEFT's names


class MergedParent(Record):
    adapter: Digest
    version: int | None  # of the family; None: it was not submitted when it was merged
    share: float  # of all of them: 1 together

    def __str__(self) -> str:
        name = f"v{self.version}" if self.version else f"adapter {short(self.adapter)}"
        return f"{name} × {self.share:.2g}"


class MergedOrigin(Record):
    """Stands where an adapter names its recipe and its dataset: its parents have these."""

    kind: Literal["merged"] = "merged"
    parents: tuple[MergedParent, ...]
    method: MergeMethod
    density: float | None  # the share of each parent's weights that was kept; None: all
    seed: int
    libraries: tuple[str, ...]  # that merged
    tried: int  # merges that the same dev items had been asked about by then
    metric: str
    score: float  # the mean on dev
    items: int

    @property
    def of(self) -> str:
        return " + ".join(map(str, self.parents))

    def __str__(self) -> str:
        kept = "" if self.density is None else f", density {self.density:g}"
        return (
            f"merged from {self.of} by {self.method}{kept}; {self.metric} {self.score:.4f} on "
            f"{self.items} dev items, on which {self.tried} merges were tried"
        )
