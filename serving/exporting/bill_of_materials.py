"""What is in a version, as a CycloneDX 1.7 bill of materials (cyclonedx.org/docs/1.7/json).

Digests of folders and of several files stand in properties: they are of the map from file names to
SHA-256, as `project/canonical.py` makes them, and no file has them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from project.canonical import digest_file, digest_json
from project.licences import UNKNOWN, licence_fault, spdx
from project.model_pins import folder_here
from project.records.adapters import ModelPin
from project.records.data import DataSource
from project.records.events import Signing
from project.records.record import Digest
from registry.adapter_import.lora_config import MergedOrigin
from registry.attestation import FILE as PROVENANCE
from registry.attestation import attest
from registry.lineage import Lineage
from registry.model_card import licence, limitations
from registry.reader import RegistryReader
from registry.signatures import Statement
from serving.exporting.export_forms import on_the_hub
from training.kept.books import JOULES_A_WATT_HOUR, TrainingBook, books_of

FILE = "bom.cdx.json"
NO_KEY = "$INCUMBENT_SIGNING_KEY names no key"
Component = dict[str, Any]
TEXT_MODEL = {"task": "text-generation", "architectureFamily": "transformer"}  # model and base
MODEL, BASE, DATASET, RECIPE = "model", "base", "dataset", "recipe"  # what others refer to


@dataclass(frozen=True)
class Libraries:
    """What computed, by name and version."""

    versions: Mapping[str, str]
    where: str  # in which environment they are, in words

    @classmethod
    def of(cls, lineage: Lineage, here: Mapping[str, str]) -> "Libraries":
        """Those that trained, as far as that is on record; else those that are installed here."""
        if lineage.provenance:
            where = "of the environment that submitted it, which as a rule trained it"
            return cls(lineage.provenance.packages, where)
        where = "of the environment that exported it: what trained it is not on record"
        return cls(here, where)


def bill_of_materials(
    lineage: Lineage, folder: Path, libraries: Libraries, form: str
) -> dict[str, Any]:
    """Equal records and files give an equal bill. `folder` is the export's, `form` says in words
    what it holds.
    """
    parts = [base_component(lineage.version.adapter.base), *data_components(lineage)]
    parts += [library(name, version) for name, version in libraries.versions.items()]
    references = [part["bom-ref"] for part in parts]
    bill = {
        "version": 1,
        "metadata": {
            "timestamp": lineage.history[-1].at,  # of the newest record that it tells of
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [incumbent()]},
            "component": model_component(lineage, folder, form),
        },
        "components": parts,
        "dependencies": [
            {"ref": MODEL, "dependsOn": references},
            {"ref": DATASET, "dependsOn": [r for r in references if r.startswith("source ")]},
        ],
        "properties": named({"libraries": libraries.where}),
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_OID, digest_json(bill))}",
        **bill,
    }


def write_materials(
    registry: RegistryReader, lineage: Lineage, draft: Path, libraries: Libraries, form: str
) -> list[str]:
    """Write the bill, and an attestation, into a folder that is whole but for these; returns what
    to say of them.
    """
    bill = bill_of_materials(lineage, draft, libraries, form)
    (draft / FILE).write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n")
    envelope, about = envelope_for(registry, lineage, draft)
    if envelope:
        (draft / PROVENANCE).write_bytes(envelope + b"\n")
    return [f"{FILE} is its bill of materials", about, *licence_notes(lineage)]


def licence_notes(lineage: Lineage) -> Iterator[str]:
    """What is not known of licences, and what they forbid."""
    base = lineage.version.adapter.base
    parts = [
        (base.name, licence(base)),
        *((source.name, source.licence) for source in lineage.sources),
    ]
    for name, text in parts:
        if fault := licence_fault(text):
            yield f"{name}: {fault}"
    if not lineage.sources:
        yield f"{DATASET}: no record says which sources it was collected from"


def envelope_for(
    registry: RegistryReader, lineage: Lineage, draft: Path
) -> tuple[bytes | None, str]:
    """An attestation of all files of the folder where there is a key; else the registry's one of
    the adapter, where the adapter's files are there. With it, what it is in words.
    """
    version, key = lineage.version, registry.keys.private
    if key:
        number = version.number
        made = registry.decision_made(number)
        about = Statement.about(version, registry.submitted(number), made)
        files = {file: digest_file(draft / file) for file in files_of(draft)}
        envelope = attest(about, files, lineage.provenance, key)
        return envelope, f"{PROVENANCE} names each file, signed with {key}"
    signed = lineage.newest("sign")
    kept = signed.told(Signing).attestation if signed else None
    manifest = registry.artifacts.manifest(version.adapter.files)
    if kept and manifest.keys() <= set(files_of(draft)):
        words = f"{PROVENANCE} names the adapter's files alone, as it was signed"
        return registry.artifacts.get(kept), f"{words}; {NO_KEY}"
    return None, f"nothing says who made it: {NO_KEY}"


def incumbent() -> Component:
    return {"type": "application", "name": "incumbent", "version": installed("incumbent")}


# --- the model ----------------------------------------------------------------------------------


def model_component(lineage: Lineage, folder: Path, form: str) -> Component:
    version, made = lineage.version, lineage.decision
    commit = lineage.provenance.commit if lineage.provenance else None
    base = {"type": "machine-learning-model", "name": version.adapter.base.name}
    return {
        "bom-ref": MODEL,
        "type": "machine-learning-model",
        "name": version.family,
        "version": f"v{version.number}",
        "description": f"{version.label}, {form}",
        "licenses": licences(None),  # a version claims none
        "pedigree": {"ancestors": [base]} | ({"commits": [{"uid": commit}]} if commit else {}),
        "modelCard": model_card(lineage),
        "components": [file_part(file, digest_file(folder / file)) for file in files_of(folder)],
        "properties": named(
            {
                "adapter": version.adapter.files,
                "recipe": version.adapter.recipe,
                "parent": version.adapter.parent,
                "index of passages": version.adapter.index,
                "decision": lineage.decision_digest,
                "evidence": made.evidence if made else None,
                "policy": made.policy if made else None,
            }
        ),
    }


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def file_part(name: str, digest: Digest) -> Component:
    return {"type": "file", "name": name, "hashes": sha256(digest)}


def model_card(lineage: Lineage) -> dict[str, Any]:
    energy = [energy_of(book) for book in books_of(lineage.version.adapter.recipe) if book.measured]
    spent = {"environmentalConsiderations": {"energyConsumptions": energy}} if energy else {}
    return {
        "modelParameters": {
            **TEXT_MODEL,
            "approach": {"type": "supervised"},
            "modelArchitecture": f"a LoRA adapter on {lineage.version.adapter.base.name}",
            "datasets": [{"ref": DATASET}],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(metrics(lineage))},
        "considerations": {"technicalLimitations": list(limitations(lineage))} | spent,
    }


def metrics(lineage: Lineage) -> Iterator[dict[str, str]]:
    """The version's own scores on the sealed eval set, and on its slices those that decide."""
    for name, measured in {"": lineage.sealed, **lineage.slices}.items():
        part = {"slice": name} if name else {}
        for metric, measurement in measured.items():
            if metric in lineage.gating or not name:
                yield {"type": metric, "value": f"{measurement.own_score:.4f}"} | part


def energy_of(book: TrainingBook) -> dict[str, Any]:
    """A step's energy; who provided it nobody knows."""
    spent = round(book.joules / JOULES_A_WATT_HOUR / 1000, 6)
    return {
        "activity": "fine-tuning",
        "energyProviders": [],
        "activityEnergyCost": {"value": spent, "unit": "kWh"},
        "properties": named({"step": book.step, "measured by": book.energy_source}),
    }


# --- what it was made of ------------------------------------------------------------------------


def base_component(base: ModelPin) -> Component:
    where = {"purl": f"pkg:huggingface/{base.name}@{base.revision}"} if on_the_hub(base) else {}
    return {
        "bom-ref": BASE,
        "type": "machine-learning-model",
        "name": base.name,
        **({"version": base.revision} if base.revision else {}),
        "licenses": licences(licence(base)),
        **where,
        "modelCard": {"modelParameters": TEXT_MODEL},
        "components": [file_part(*file) for file in weight_files(base).items()],
        "properties": named(
            {
                "weights": base.weights,
                "configuration": base.config,
                "chat template": base.chat_template,
            }
        ),
    }


def weight_files(base: ModelPin) -> dict[str, Digest]:
    """The files of its weights, by which the Hub has them too, where they are on this machine."""
    folder = folder_here(base)
    paths = sorted(folder.glob("*.safetensors")) if folder else []
    files = {path.name: digest_file(path) for path in paths}
    return files if digest_json(files) == base.weights else {}


def data_components(lineage: Lineage) -> Iterator[Component]:
    """The dataset, what it was collected from, and the recipe that it was learnt by."""
    adapter, dataset = lineage.version.adapter, lineage.dataset
    unknown = "record of the import: the data are not known"
    merged = "record of the merge: the data are those of its parents"
    is_merged = isinstance(lineage.origin, MergedOrigin)
    name = DATASET if dataset else merged if is_merged else unknown
    rows = {"rows": dataset.rows, "contract": dataset.contract} if dataset else {}
    yield data_component(DATASET, name, hashes=sha256(adapter.dataset)) | {
        "description": str(dataset or lineage.origin),
        "licenses": licences(licence_of_all(lineage.sources)),
        "properties": named(rows),
    }
    for number, source in enumerate(lineage.sources, start=1):
        yield source_component(f"source {number}", source)
    part = data_component(RECIPE, RECIPE, kind="configuration", hashes=sha256(adapter.recipe))
    yield part | {"properties": named(lineage.recipe)}


def licence_of_all(sources: Sequence[DataSource]) -> str | None:
    """What holds for rows of all sources together; None where it is not known of one of them."""
    known = [spdx(source.licence or "") for source in sources]
    every = sorted({f"({term})" if " OR " in term else term for term in known if term})
    return " AND ".join(every) if all(known) and known else None


def source_component(reference: str, source: DataSource) -> Component:
    if source.of_files:
        more: Component = {"properties": named({"files": source.content})}
    elif source.content:
        more = {"hashes": sha256(source.content)}
    else:
        more = {"version": source.version} if source.version else {}
    return data_component(reference, source.name, licenses=licences(source.licence), **more)


def data_component(reference: str, name: str, kind: str = "dataset", **more: Any) -> Component:
    data = [{"type": kind, "name": name}]
    return {"bom-ref": reference, "type": "data", "name": name, "data": data, **more}


def library(name: str, version: str) -> Component:
    python = name == "python"  # which no package index has
    where = f"pkg:generic/{name}@{version}" if python else f"pkg:pypi/{name}@{version}"
    kind = "platform" if python else "library"
    return {"bom-ref": where, "type": kind, "name": name, "version": version, "purl": where}


# --- CycloneDX's spelling -----------------------------------------------------------------------


def licences(text: str | None) -> list[dict[str, Any]]:
    """SPDX's name, an expression of several, or a name as somebody wrote it."""
    known = spdx(text) if text else None
    if known is None or known.startswith("LicenseRef-"):
        return [{"license": {"name": text or UNKNOWN}}]
    return [{"expression": known} if " " in known else {"license": {"id": known}}]


def sha256(digest: Digest) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def named(values: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"name": f"incumbent:{k}", "value": v} for k, v in values.items() if v is not None]
