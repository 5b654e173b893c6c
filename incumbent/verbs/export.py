"""`incumbent export`: a version in a folder that other programs load, and its papers."""

import tempfile
from pathlib import Path

from incumbent.output import console
from project.chat_template import TEMPLATE
from project.errors import IncumbentError, InputError
from project.files import staged_folder
from project.model_pins import absent, pinned_folder
from project.records.adapters import AdapterVersion
from project.records.events import Signing
from registry.artifacts.artifact_store import Artifacts
from registry.lineage import Lineage, trace
from registry.model_card.card import card
from registry.reader import RegistryReader
from registry.release import release
from registry.signing.signatures import SIGNATURE, STATEMENT

CARD = "README.md"


def export_version(
    number: int, to: Path, *, merged: bool, engine: str | None = None, margin: float = 0.02
) -> None:
    """The folder appears whole or not at all, and every byte in it was checked.

    Raises InputError for a folder that holds something, and for a deleted version; IncumbentError
    where the signature, a row, an event or a byte is not as it must be.
    """
    to = to.resolve()
    refuse_occupied(to)
    with RegistryReader.here() as registry:
        release(registry, number)
        lineage = trace(registry, number)
        try:
            with staged_folder(to) as draft:
                if merged:
                    write_merged(registry.artifacts, lineage.version, draft)
                else:
                    write_adapter(registry, lineage.version, draft)
                write_papers(registry.artifacts, lineage, draft, merged=merged)
        except OSError as error:
            raise InputError(error.strerror or "cannot be written", file=to) from None
    what = "merged into its base" if merged else "as an adapter"
    console.print(f"{lineage.version.label}, {what}, is in {to}", soft_wrap=True)


def refuse_occupied(to: Path) -> None:
    if to.exists() and not to.is_dir():
        raise InputError("is no folder", file=to)
    if to.is_dir() and any(to.iterdir()):
        raise InputError("is not empty: name a new folder", file=to)


def write_adapter(registry: RegistryReader, version: AdapterVersion, draft: Path) -> None:
    """The adapter's files as they were submitted, what was signed about them, and the chat template
    where its base has it from the project.
    """
    artifacts = registry.artifacts
    artifacts.copy(version.adapter.files, draft)
    if template := version.adapter.base.own_template:
        (draft / TEMPLATE).write_text(template)
    if signed := registry.newest_event(version.number, "sign"):
        # With the newline that every record's file ends with, and that was signed.
        statement = artifacts.get(signed.told(Signing).statement) + b"\n"
        (draft / STATEMENT).write_bytes(statement)
        (draft / SIGNATURE).write_bytes(artifacts.get(signed.told(Signing).signature))


def write_merged(artifacts: Artifacts, version: AdapterVersion, draft: Path) -> None:
    """The base's weights with the adapter in them; the adapter's signature is not about those."""
    # Imported here because an export of the adapter does without torch.
    from training.model.merge import merge
    from training.precision import choose_numerics

    if problem := absent(version.adapter.base):
        raise IncumbentError(f"{version.label} is merged into its own base, and {problem}")
    base = pinned_folder(version.adapter.base, "base")
    with tempfile.TemporaryDirectory(prefix="incumbent-export-") as place:
        adapter = artifacts.check_out(version.adapter.files, Path(place, "adapter"))
        prompt = version.adapter.system_prompt
        merge(base, adapter, draft, choose_numerics().precision, prompt)


def write_papers(artifacts: Artifacts, lineage: Lineage, draft: Path, *, merged: bool) -> None:
    """The card, and what is needed to make the decision again."""
    (draft / CARD).write_text(card(lineage, merged=merged))
    if lineage.decision and lineage.evidence:
        lineage.decision.write(draft / "decision.json")
        lineage.evidence.write(draft / "evidence.json")
        (draft / "policy.json").write_bytes(artifacts.get(lineage.decision.policy) + b"\n")
