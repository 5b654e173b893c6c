"""`registry anchor`: how far the history goes, written down where its owner cannot change it."""

from typing import Annotated

import typer

from incumbent.options import Json
from incumbent.output import console, print_json
from monitoring.scheduling.anchor_delivery import deliver_anchor
from project.errors import IncumbentError, InputError
from project.settings import load
from registry.chain_anchor import newest_anchor
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams


def write_anchor(
    to: Annotated[
        str | None,
        typer.Option(
            help="A file, git, git:REMOTE or a webhook's address; registry.anchor if left out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down outside of the registry how far its history goes, signed where there is a key."""
    place = to or load(RegistryParams).anchor_place
    if place is None:
        problem = "say where to: a file, git, git:REMOTE or a webhook, also as registry.anchor"
        raise InputError(problem, field="--to")
    with RegistryReader.here() as registry:
        anchor = newest_anchor(registry)
    if anchor is None:
        raise IncumbentError("there is no event to anchor yet: `incumbent submit` makes the first")
    where = deliver_anchor(anchor, place)
    if as_json:
        print_json(anchor.model_dump(mode="json"))
    else:
        signed = "signed" if anchor.signature else "not signed: $INCUMBENT_SIGNING_KEY names no key"
        console.print(f"event {anchor.seq} is anchored in {where}, {signed}", soft_wrap=True)
