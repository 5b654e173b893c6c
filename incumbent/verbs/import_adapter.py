"""`registry import-adapter`: a third-party adapter becomes a version that still has to win."""

from pathlib import Path
from typing import Annotated, Any

import typer

from incumbent.options import Json, Reason
from incumbent.output import console, print_json, print_table
from project.item_prompts import refuse_told_answers
from project.model_pins import ModelChoice, pin, pinned_folder
from project.paths import BASE, rows_of
from project.records.adapters import AdapterVersion, ModelPin
from project.records.data import Row, Split
from project.untrusted_input import one_line
from registry.adapter_import.adapter_folder import admit
from registry.adapter_import.lora_config import ImportedOrigin, ModuleNorm
from registry.store import Registry

SHOWN = 10  # modules in the table: those that are moved farthest


def import_adapter(
    folder: Annotated[Path, typer.Argument(help="A LoRA adapter's folder, made by anybody.")],
    reason: Reason,
    base: Annotated[
        str | None,
        typer.Option(help="The base that it was made for, if that is not the project's."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="The commit of a base on the Hub.")] = None,
    as_json: Json = False,
) -> None:
    """Check a third-party adapter byte by byte, and register it as the next version.

    Nothing is stored unless all of it is sound. Raises InputError naming what is not.
    """
    choice = ModelChoice(model=base, revision=revision) if base else None
    made_for = pin(choice, "base") if choice else ModelPin.read(BASE)
    on = pinned_folder(made_for, "base")
    with admit(folder, made_for, on) as found, Registry.here() as registry:
        if rows_of(Split.SEALED).exists():
            sealed = Row.read_lines(rows_of(Split.SEALED))
            refuse_told_answers(found.adapter.system_prompt, sealed)
        new = registry.version_of(found.adapter.files) is None
        version = registry.submit(found.adapter, found.folder, reason, found.origin)
        origin = found.origin
    if as_json:
        print_json(summary(version, origin, new))
    else:
        print_intake(version, origin, new)


def summary(version: AdapterVersion, origin: ImportedOrigin, new: bool) -> dict[str, Any]:
    return {
        "version": version.model_dump(mode="json"),
        "new": new,
        "origin": origin.model_dump(mode="json"),
        "absurd": [norm.module for norm in origin.absurd],
    }


def print_intake(version: AdapterVersion, origin: ImportedOrigin, new: bool) -> None:
    console.print(f"{version.label}: {version.adapter}", soft_wrap=True)
    console.print(str(origin), soft_wrap=True)
    console.print(f"its config names {origin.declared_base or 'no base'}", soft_wrap=True)
    if version.adapter.system_prompt:
        told = one_line(version.adapter.system_prompt)
        console.print(f"it answers under this system prompt: {told}", soft_wrap=True)
    farthest = sorted(origin.norms, key=lambda norm: (-norm.ratio, norm.module))
    print_table(("module", ">update", ">weight", ">ratio", ""), map(line, farthest[:SHOWN]))
    if len(farthest) > SHOWN:
        console.print(f"… and {len(farthest) - SHOWN} modules that are moved less")
    if origin.absurd:
        console.print(
            f"{len(origin.absurd)} updates are larger than the weights that they change",
            style="bold yellow",
        )
    if not new:
        console.print(f"{version.label} was registered before; nothing changed")
    console.print(
        f"to compare it with the champion: incumbent registry reevaluate {version.number}"
    )


def line(norm: ModuleNorm) -> tuple[str, ...]:
    numbers = (f"{value:.4g}" for value in (norm.update, norm.weight, norm.ratio))
    return (norm.module, *numbers, "absurd" if norm.absurd else "")
