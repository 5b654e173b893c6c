"""`registry dossier`: what a model-risk department asks for about a version, in one file."""

from pathlib import Path
from typing import Annotated

import typer

from incumbent.options import VersionNumber
from incumbent.output import console
from project.canonical import digest_bytes
from registry.store import Registry
from review.dossier.document import Filled
from review.dossier.make_dossier import make_dossier
from review.dossier.standalone import refuse_unwritable, write_dossier


def write_version_dossier(
    number: VersionNumber,
    to: Annotated[
        Path | None, typer.Option(help="FILE.html or FILE.pdf; FAMILY-vN-dossier.html if left out.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(help="YAML: what people wrote; dossier.yaml if left out.")
    ] = None,
) -> None:
    """Write what a model-risk department asks for about a version (SR 11-7, EU AI Act Annex IV)."""
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
