"""`incumbent registry export` and `dossier`, and `import-adapter`: what leaves the registry and
what comes in.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.generation.backends.backend import Packing
from incumbent.current_provenance import installed_packages
from incumbent.options import Json, Reason, VersionNumber
from incumbent.output import console, print_json, print_table, say
from project.canonical import digest_bytes
from project.errors import InputError
from project.files import staged_folder, write_bytes
from project.item_prompts import refuse_told_answers
from project.model_pins import ModelChoice, pin, pinned_folder
from project.paths import BASE, INDEX_FILES, rows_of
from project.records.adapters import AdapterVersion, ModelPin
from project.records.data import Row, Split
from project.untrusted_input import one_line
from registry.adapter_import.adapter_folder import admit
from registry.adapter_import.lora_config import ImportedOrigin, ModuleNorm
from registry.decision_checks import release
from registry.lineage import Lineage, trace
from registry.model_card import card
from registry.reader import RegistryReader
from registry.storage.artifact_store import Artifacts
from registry.store import Registry
from review.dossier.document import Filled, is_json, refuse_unwritable, write_dossier
from review.dossier.make_dossier import make_dossier
from review.dossier.other_tools import Tool, in_fields_of
from serving.exporting.bill_of_materials import Libraries, write_materials
from serving.exporting.export_forms import write_adapter, write_merged
from serving.exporting.hub_repository import HubRepository
from serving.exporting.start_scripts import Form, Rescoring, table

CARD = "README.md"
MARGIN = 0.02
WORDS: dict[Form | None, str] = {
    None: "as an adapter",
    "peft": "as an adapter for PEFT",
    "vllm": "as an adapter for vLLM",
    "merged": "merged into its base",
    "gguf": "as a GGUF file",
}
WHOLE = ("merged", "gguf")  # forms that hold the base's weights


def export(
    number: VersionNumber,
    to: Annotated[
        str, typer.Option(help="A folder that is new or empty; or hf://ORG/NAME[@BRANCH].")
    ],
    merged: Annotated[
        bool, typer.Option("--merged", help="Write the base with the adapter merged into it.")
    ] = False,
    for_: Annotated[
        Form | None,
        typer.Option("--for", help="The engine's form, scored again on dev before it is written."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="How far a score may be from the one that it was judged by; 0.02 without --judge.",
        ),
    ] = None,
    quantize: Annotated[
        Packing, typer.Option(help="The weights of --for gguf; q4_k takes xllamacpp.")
    ] = "f16",
    judge: Annotated[
        bool,
        typer.Option("--judge", help="Say with intervals what the form, and quantisation, cost."),
    ] = False,
    public: Annotated[
        bool,
        typer.Option("--public", help="On the Hub: everybody can read it; else it is private."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="On the Hub: overwrite what is no version of this family."),
    ] = False,
    sbom: Annotated[
        bool,
        typer.Option("--sbom", help="Add a CycloneDX bill of materials, and its provenance."),
    ] = False,
) -> None:
    """Write a version to a folder or the Hugging Face Hub, with its card and evidence.

    $ incumbent registry export v3 --to v3/
    $ incumbent registry export v3 --to v3/ --for gguf --quantize q8_0 --judge
    """
    wanted = wanted_of(for_, margin, quantize, merged=merged, judge=judge, sbom=sbom)
    if "://" in to or to.startswith("hf:"):
        upload_version(number, HubRepository.parse(to), wanted, public=public, force=force)
    elif public or force:
        raise InputError("--public and --force are for a repository of the Hub: --to hf://ORG/NAME")
    else:
        export_version(number, Path(to), wanted)


@dataclass(frozen=True)
class Outgoing:
    """What a version's folder is to hold."""

    form: Form | None = None
    scoring: Rescoring | None = None  # of an engine's form, before it is written
    sbom: bool = False

    def words(self, version: AdapterVersion) -> str:
        return "without an adapter" if version.adapter.bare else WORDS[self.form]

    def refuse_without_adapter(self, version: AdapterVersion) -> None:
        if version.adapter.bare and self.form is not None:
            raise InputError(
                f"{version.label} is {version.adapter}, and has no adapter to write "
                f"{WORDS[self.form]}: export it without --for and --merged"
            )


AS_AN_ADAPTER = Outgoing()


def wanted_of(
    engine: Form | None,
    margin: float | None,
    packing: Packing,
    *,
    merged: bool,
    judge: bool,
    sbom: bool,
) -> Outgoing:
    """Raises InputError for options that do not go together."""
    if packing != "f16" and engine != "gguf":
        raise InputError("--quantize is for --for gguf")
    if margin is not None and not engine:
        raise InputError("--margin is for an engine's form, such as --for gguf")
    if judge and not engine:
        raise InputError("--judge needs an engine's form, such as --for gguf")
    if merged and engine not in (None, "merged"):
        raise InputError(f"--merged is a form of its own: leave it out beside --for {engine}")
    if not engine:
        return Outgoing("merged" if merged else None, sbom=sbom)
    margin = MARGIN if margin is None and not judge else margin
    return Outgoing(engine, Rescoring(margin, judge, packing), sbom)


def export_version(number: int, to: Path, wanted: Outgoing = AS_AN_ADAPTER) -> None:
    """The folder appears whole or not at all, and every byte in it was checked. In the form of an
    engine, it is scored again on dev, and nothing is written outside the margin.

    Raises InputError for a folder that holds something, and for a deleted version; IncumbentError
    where the signature, a row, an event, a byte or a score is not as it must be.
    """
    to = to.resolve()
    if to.exists() and not to.is_dir():
        raise InputError("is no folder", file=to)
    if to.is_dir() and any(to.iterdir()):
        raise InputError("is not empty: name a new folder", file=to)
    with RegistryReader.here() as registry:
        wanted.refuse_without_adapter(release(registry, number))
        lineage = trace(registry, number)
        write(registry, lineage, to, wanted)
    say(f"{lineage.version.label}, {wanted.words(lineage.version)}, is in {to}")


def upload_version(
    number: int,
    to: HubRepository,
    wanted: Outgoing = AS_AN_ADAPTER,
    *,
    public: bool,
    force: bool,
) -> None:
    """The same folder as one commit of a repository, once all of it is checked.

    Raises InputError too where the Hub would refuse it, or where what lies there is not ours.
    """
    with RegistryReader.here() as registry:
        version = release(registry, number)
        wanted.refuse_without_adapter(version)
        to.check(version.family, public=public, force=force)
        lineage, words = trace(registry, number), wanted.words(version)
        with tempfile.TemporaryDirectory(prefix="incumbent-export-") as place:
            folder = Path(place, "version")
            write(registry, lineage, folder, wanted, to.name)
            uploaded = to.upload(version, folder, words, public=public)
    came = "is in" if uploaded.new else "was there already, and nothing changed:"
    say(f"{version.label}, {words}, {came} {uploaded.url}")
    console.print(f"commit {uploaded.commit}")


def write(
    registry: RegistryReader,
    lineage: Lineage,
    to: Path,
    wanted: Outgoing,
    repository: str | None = None,
) -> None:
    """The whole folder; an engine's form is scored again first, and the scores are shown."""
    scored, papers, told = None, "", list[str]()
    form, scoring = wanted.form, wanted.scoring
    try:
        with staged_folder(to) as draft:
            if form and scoring:
                # Imported here because an export that is not scored does without the evaluation.
                from serving.exporting import exporting

                planned = exporting.plan(lineage, form, scoring)
                answered = exporting.write_form(registry, planned, draft)
                scored = exporting.check(planned, answered, draft, scoring.margin)
                papers = exporting.write_papers(
                    scored, lineage.version.adapter.system_prompt, draft
                )
            elif form == "merged":
                # Imported here because an export of the adapter does without torch.
                from training.precision import choose_numerics

                precision = choose_numerics().precision
                write_merged(registry.artifacts, lineage.version, draft, precision)
            else:
                write_adapter(registry, lineage.version, draft)
            engine = form if scored else None
            text = card(lineage, merged=form in WHOLE, form=engine, repository=repository)
            write_papers(registry.artifacts, lineage, draft, text + papers)
            if wanted.sbom:
                libraries = Libraries.of(lineage, installed_packages())
                words = wanted.words(lineage.version)
                told = write_materials(registry, lineage, draft, libraries, words)
    except OSError as error:
        raise InputError(error.strerror or "cannot be written", file=to) from None
    if scored:
        engine_name = " ".join(filter(None, (scored.engine.name, scored.engine.version)))
        same = f"{scored.same_answers} of {scored.items} answers by {engine_name}"
        same = f"{same} are the judged ones"
        told = [table(scored.scores), *filter(None, [scored.change_tables]), same, *told]
    say(*told)


def write_papers(artifacts: Artifacts, lineage: Lineage, draft: Path, text: str) -> None:
    """The card, the index of its passages, and what is needed to make the decision again."""
    (draft / CARD).write_text(text)
    if index := lineage.version.adapter.index:
        artifacts.copy(index, draft / INDEX_FILES.name)
    if lineage.decision and lineage.evidence:
        lineage.decision.write(draft / "decision.json")
        lineage.evidence.write(draft / "evidence.json")
        (draft / "policy.json").write_bytes(artifacts.get(lineage.decision.policy) + b"\n")


# --- dossier --------------------------------------------------------------------------------------


def write_version_dossier(
    number: VersionNumber,
    to: Annotated[
        Path | None,
        typer.Option(help="FILE.html, .pdf or .json; FAMILY-vN-dossier.html if left out."),
    ] = None,
    framework: Annotated[
        list[str] | None,
        typer.Option(help="A law or standard, or a file of yours; again for others. Else all."),
    ] = None,
    superseded: Annotated[
        bool, typer.Option("--superseded", help="Take one that another took the place of.")
    ] = False,
    fields: Annotated[
        Tool | None, typer.Option(help="JSON as that tool names it, into FILE.json.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(help="YAML: what people wrote; dossier.yaml if left out.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
) -> None:
    """Write what laws and standards ask about a version: SS1/23, EU AI Act, NIST, ISO/IEC 42001.

    $ incumbent registry dossier v3 --framework ss1-23 --to dossier.html
    """
    with Registry.here() as registry:
        ending = "json" if fields else "html"
        to = to or Path(f"{registry.family}-v{number}-{fields or 'dossier'}.{ending}")
        refuse_unwritable(to)  # rather now than after all records were checked
        if fields and not is_json(to):
            raise InputError("--fields writes JSON: must end in .json", file=to, field="--to")
        if to.exists() and not force:
            problem = "is there already, and somebody may have signed it: --force replaces it"
            raise InputError(problem, file=to)
        dossier = make_dossier(
            registry,
            number,
            whole=True,
            notes=notes,
            frameworks=framework or (),
            superseded=superseded,
        )
        listed = in_fields_of(fields, registry, dossier) if fields else None
    if listed is None:
        write_dossier(dossier, to)
    else:
        write_bytes(to, json.dumps(listed, indent=2, ensure_ascii=False).encode() + b"\n")
    missing = dossier.count(Filled.MISSING) + dossier.count(Filled.PARTLY)
    say(f"the dossier of {dossier.label} is in {to}")
    say(f"SHA-256 {digest_bytes(to.read_bytes())}")
    console.print(
        f"{len(dossier.sections)} headings, of which {missing} have a box that a person must fill: "
        "see docs/how-to/export.md"
    )


# --- import adapter -------------------------------------------------------------------------------

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

    $ incumbent registry import-adapter adapter/ --reason "made by a vendor"
    """
    choice = ModelChoice(model=base, revision=revision) if base else None
    made_for = pin(choice, "base") if choice else ModelPin.read(BASE)
    on = pinned_folder(made_for, "base")
    with admit(folder, made_for, on) as admitted, Registry.here() as registry:
        if rows_of(Split.SEALED).exists():
            sealed = Row.read_lines(rows_of(Split.SEALED))
            refuse_told_answers(admitted.adapter.texts_in_front, sealed)
        new = registry.version_of(admitted.adapter.files) is None
        version = registry.submit(admitted.adapter, admitted.folder, reason, admitted.origin)
        origin = admitted.origin
    if as_json:
        print_json(summary(version, origin, new))
    else:
        print_intake(version, origin, new)


def summary(version: AdapterVersion, origin: ImportedOrigin, new: bool) -> dict[str, Any]:
    return {
        "version": version,
        "new": new,
        "origin": origin,
        "absurd": [norm.module for norm in origin.absurd],
    }


def print_intake(version: AdapterVersion, origin: ImportedOrigin, new: bool) -> None:
    say(f"{version.label}: {version.adapter}")
    say(str(origin))
    say(f"its config names {origin.declared_base or 'no base'}")
    if version.adapter.system_prompt:
        told = one_line(version.adapter.system_prompt)
        say(f"it answers under this system prompt: {told}")
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
