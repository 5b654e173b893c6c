"""`registry sign` and `registry keygen`: who vouches for a version."""

from pathlib import Path
from typing import Annotated

import typer

from incumbent.options import Reason, VersionNumber
from incumbent.output import console
from project.errors import InputError
from registry.signatures import make_keys
from registry.store import Registry


def sign_version(
    number: VersionNumber,
    key: Annotated[
        Path | None, typer.Option(help="A private key; $INCUMBENT_SIGNING_KEY if left out.")
    ] = None,
    reason: Reason = "signed by hand",
) -> None:
    """Sign a version, its data and the decision on it; needs the signing extra."""
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
    """Make a pair of keys to sign versions with."""
    public = make_keys(file)
    console.print(f"{file} is secret: INCUMBENT_SIGNING_KEY={file} signs with it")
    console.print(f"{public} is for everybody: name it in params.yaml, registry.public_keys")
