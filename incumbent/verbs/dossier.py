"""`incumbent dossier`: what a model-risk department asks for about a version, in one file."""

from pathlib import Path

from incumbent.output import console
from project.canonical import digest_bytes
from registry.store import Registry
from review.dossier.document import Filled
from review.dossier.make_dossier import make_dossier
from review.dossier.standalone import refuse_unwritable, write_dossier


def write_version_dossier(number: int, to: Path | None, notes: Path | None) -> None:
    """Check the whole registry, write the file, and say how much of it is filled."""
    with Registry.here() as registry:
        to = to or Path(f"{registry.family}-v{number}-dossier.html")
        refuse_unwritable(to)  # rather now than after all records were checked
        dossier = make_dossier(registry, number, whole=True, notes=notes)
    write_dossier(dossier, to)
    missing = dossier.count(Filled.MISSING) + dossier.count(Filled.PARTLY)
    console.print(f"the dossier of {dossier.label} is in {to}", soft_wrap=True)
    console.print(f"SHA-256 {digest_bytes(to.read_bytes())}", soft_wrap=True)
    console.print(
        f"{len(dossier.sections)} headings, of which {missing} have a box that a person must fill: "
        "see docs/dossier.md"
    )
