"""Adapters of one base that can be merged, and their merges by PEFT.

TIES: Yadav et al. 2023, arXiv 2306.01708; DARE: Yu et al. 2023, arXiv 2311.03099. What PEFT merges
are the factors A and B of each update, not their product: adapters that began with the same A, as
those of one seed do, merge best.
"""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import sqrt
from pathlib import Path

from project.canonical import digest_folder
from project.chat_template import SYSTEM_PROMPT
from project.errors import InputError
from project.files import home, write_bytes
from project.model_pins import pinned_folder
from project.paths import ADAPTER, ADAPTER_FILES, DATASET
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import DatasetVersion
from project.records.record import Record
from project.shown_passages import EVIDENCE_TEMPLATE, INDEX_NAME
from project.untrusted_input import shortened
from registry.adapter_import.adapter_folder import CONFIG, WEIGHTS
from registry.adapter_import.lora_config import LoraSettings, MergeMethod, read_config, sane_config
from registry.adapter_import.lora_weights import (
    linear_modules,
    read_header,
    read_pairs,
    refuse_values,
    resolve_targets,
)
from registry.reader import RegistryReader
from registry.tenure import promotions_of
from training.start import trained_on_erased

SHOWN = 60  # letters of what differs

# --- parents --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MergeParent:
    """An adapter that is merged, its bytes checked."""

    label: str
    adapter: Adapter
    folder: Path
    version: int | None  # None: the pipeline's, which was not submitted yet
    settings: LoraSettings
    targets: tuple[str, ...]

    @property
    def shared(self) -> dict[str, str]:
        """What adapters that are merged have in common."""
        adapter = self.adapter
        fields = {
            "base's weights": adapter.base.weights,
            "chat template": adapter.base.chat_template,
            "rank": self.settings.r,
            "target modules": " ".join(self.targets),
            "system prompt": adapter.system_prompt,
            "evidence template": adapter.evidence_template,
            "index of passages": adapter.index,
        }
        return {name: str(value or "none") for name, value in fields.items()}


def parents_here(
    registry: RegistryReader, champions: int, challenger: int | None
) -> list[MergeParent]:
    """The last champions, the newest first, then the challenger; none that was rolled back or
    deleted. Raises InputError for fewer than two adapters, and for what cannot be merged.
    """
    named = registry.version(challenger) if challenger else None
    last = of_version(registry, named) if named else challenger_here(registry)
    with registry.engine.connect() as connection:
        numbers = [event.version for event in promotions_of(connection, registry.family, 0)]
    before = [registry.version(number) for number in dict.fromkeys(numbers)]
    earlier = [
        of_version(registry, version)
        for version in before
        if version.adapter.files != last.adapter.files
        and not (version.adapter.bare or registry.deleted(version.number))
    ][:champions]
    if not earlier:
        raise InputError(
            f"there is no champion beside {last.label}: a merge needs two adapters. Name another "
            "version by --challenger, or let `incumbent run` train one"
        )
    for other in (*earlier[1:], last):
        refuse_unlike(earlier[0], other)
    return [*earlier, last]


def challenger_here(registry: RegistryReader) -> MergeParent:
    """The pipeline's, whether it was submitted or not."""
    if not ADAPTER.exists():
        raise InputError("is not there: `dvc repro` makes a challenger", file=ADAPTER)
    adapter = Adapter.read(ADAPTER)
    if digest_folder(ADAPTER_FILES) != adapter.files:
        raise InputError("is not what stage `train` wrote: run `dvc repro`", file=ADAPTER_FILES)
    if known := registry.version_of(adapter.files):
        return of_version(registry, known)
    if adapter.dataset != DatasetVersion.read(DATASET).digest:
        raise InputError("was trained on other rows than are there: `dvc repro`", file=ADAPTER)
    return checked("the pipeline's challenger", adapter, ADAPTER_FILES, None)


def of_version(registry: RegistryReader, version: AdapterVersion) -> MergeParent:
    why_not = {
        "it has no adapter": version.adapter.bare,
        "it was deleted": registry.deleted(version.number),
        "it learnt rows that were erased": version.number in trained_on_erased(registry),
    }
    if problem := next((why for why, holds in why_not.items() if holds), None):
        raise InputError(f"{version.label} cannot be merged: {problem}")
    files = version.adapter.files
    folder = registry.artifacts.check_out(files, home() / "adapters" / files)
    return checked(version.label, version.adapter, folder, version.number)


def checked(label: str, adapter: Adapter, folder: Path, version: int | None) -> MergeParent:
    """Raises InputError naming the version and what is more than plain LoRA, or does not fit."""
    config, weights = Path(label, CONFIG), Path(label, WEIGHTS)
    settings = read_config((folder / CONFIG).read_bytes(), config)
    linears = linear_modules(pinned_folder(adapter.base, "base"))
    pairs = read_pairs(read_header(folder / WEIGHTS, weights), settings, linears, weights)
    refuse_values(pairs, weights)
    targets = resolve_targets(settings, set(pairs), linears, config)
    return MergeParent(label, adapter, folder, version, settings, targets)


def refuse_unlike(first: MergeParent, other: MergeParent) -> None:
    """Raise InputError where the two cannot be merged, with what differs."""
    ours, theirs = first.shared, other.shared
    told = [
        f"{other.label} has {shortened(theirs[name], SHOWN)}, {first.label} "
        f"{shortened(ours[name], SHOWN)} as its {name}"
        for name in ours
        if ours[name] != theirs[name]
    ]
    if told:
        raise InputError(f"{other.label} cannot be merged with {first.label}: {'; '.join(told)}")


# --- merging --------------------------------------------------------------------------------------


class Merge(Record):
    """How adapters are merged: the challenger has a share, and the champions equal parts of the
    rest.
    """

    method: MergeMethod
    share: float
    density: float | None  # what is kept of each; None: all

    def shares(self, parents: int) -> list[float]:
        return [(1 - self.share) / (parents - 1)] * (parents - 1) + [self.share]

    def weights(self, parents: int) -> list[float]:
        """PEFT's, such that a merge of equal adapters is that adapter: of each weight it takes the
        root for both factors, and it sums (linear) or averages (ties) what it then has. DARE makes
        what it keeps larger, and the average is of what was kept: this is its mean.
        """
        shares = self.shares(parents)
        whole = sum(map(sqrt, shares)) / (1 if self.method == "linear" else parents)
        if self.method == "dare_ties" and self.density:
            whole *= (1 - (1 - self.density) ** parents) / self.density
        return [share / whole**2 for share in shares]

    def __str__(self) -> str:
        kept = "" if self.density is None else f", density {self.density:g}"
        return f"{self.method}, challenger {self.share:g}{kept}"


def merges_of(
    methods: Sequence[MergeMethod], shares: Sequence[float], densities: Sequence[float]
) -> list[Merge]:
    made = (
        Merge(method=method, share=share, density=None if method == "linear" else density)
        for method, share, density in product(methods, shares, densities)
    )
    return list(dict.fromkeys(made))


def write_merges(
    parents: Sequence[MergeParent], merges: Sequence[Merge], seed: int, to: Path
) -> list[Path]:
    """A folder of each merge. The same parents and seed give the same bytes.

    DARE drops at random: each merge begins with the seed.
    """
    # Imported here because they take seconds, and what cannot be merged is told before.
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    first = parents[0]
    base = pinned_folder(first.adapter.base, "base")
    names = [f"parent{number}" for number in range(len(parents))]
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype="auto"),
        first.folder,
        adapter_name=names[0],
        torch_device="cpu",
    )
    for name, parent in zip(names[1:], parents[1:], strict=True):
        model.load_adapter(parent.folder, name, torch_device="cpu")
    dtype = next(iter(load_file(first.folder / WEIGHTS).values())).dtype
    # PEFT leaves the scale in the weights: alpha is the rank, whatever it was.
    settings = first.settings.model_copy(
        update={"lora_alpha": float(first.settings.r), "use_rslora": False}
    )
    folders = []
    for number, merge in enumerate(merges):
        torch.manual_seed(seed)
        model.add_weighted_adapter(
            names, merge.weights(len(parents)), "merged", merge.method, density=merge.density
        )
        # It would ask the Hub for the base's configuration.
        state = get_peft_model_state_dict(model, adapter_name="merged", save_embedding_layers=False)
        model.delete_adapter("merged")
        weights = {name: state[name].to(dtype).contiguous() for name in sorted(state)}
        folder = to / str(number)
        folder.mkdir()
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        write_bytes(folder / CONFIG, sane_config(settings, first.targets, first.adapter.base))
        for name in (SYSTEM_PROMPT, EVIDENCE_TEMPLATE, INDEX_NAME):
            if (first.folder / name).exists():
                write_bytes(folder / name, (first.folder / name).read_bytes())
        folders.append(folder)
    del model
    gc.collect()
    return folders
