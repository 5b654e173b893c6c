"""`incumbent registry anchor` and `sign`: what proves to others that nothing was changed."""

from pathlib import Path
from typing import Annotated

import typer

from incumbent.options import Json, Reason, VersionNumber
from incumbent.output import console, print_json
from monitoring.scheduling.anchor_delivery import deliver_anchor
from project.errors import IncumbentError, InputError
from project.settings import load
from registry.chain_anchor import newest_anchor
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams
from registry.signatures import make_keys
from registry.store import Registry

# --- anchor ---------------------------------------------------------------------------------------

# `registry anchor`: how far the history goes, written down where its owner cannot change it.


def write_anchor(
    to: Annotated[
        str | None,
        typer.Option(
            help="A file, git, git:REMOTE or a webhook's address; registry.anchor if left out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down outside of the registry how far its history goes, signed where there is a key.

    $ incumbent registry anchor --to anchors.jsonl
    """
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


# --- sign -----------------------------------------------------------------------------------------

# `registry sign` and `registry keygen`: who vouches for a version.


def sign_version(
    number: VersionNumber,
    key: Annotated[
        Path | None, typer.Option(help="A private key; $INCUMBENT_SIGNING_KEY if left out.")
    ] = None,
    reason: Reason = "signed by hand",
) -> None:
    """Sign a version, its data and the decision on it; needs the signing extra.

    $ incumbent registry sign v3 --key release.pem
    """
    with Registry.here() as registry:
        chosen = key or registry.keys.private
        if chosen is None:
            raise InputError("name a private key, or let $INCUMBENT_SIGNING_KEY do", field="--key")
        statement = registry.sign(number, chosen, reason)
    on = "as decided" if statement.decision else "before any decision"
    console.print(f"{statement.label} is signed {on}")


def generate_keys(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; FILE.pub is public.")],
) -> None:
    """Make a pair of keys to sign versions with.

    $ incumbent registry keygen release.pem
    """
    public = make_keys(file)
    console.print(f"{file} is secret: INCUMBENT_SIGNING_KEY={file} signs with it")
    console.print(f"{public} is for everybody: name it in params.yaml, registry.public_keys")
