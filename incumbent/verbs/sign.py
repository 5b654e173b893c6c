"""`incumbent sign` and `incumbent keygen`: who vouches for a version."""

from pathlib import Path

from incumbent.output import console
from project.errors import InputError
from registry.signing.signatures import make_keys
from registry.store import Registry


def sign_version(number: int, key: Path | None, reason: str) -> None:
    with Registry.here() as registry:
        chosen = key or registry.keys.private
        if chosen is None:
            raise InputError("name a private key, or let $INCUMBENT_SIGNING_KEY do", field="--key")
        statement = registry.sign(number, chosen, reason)
    on = "as decided" if statement.decision else "before any decision"
    console.print(f"{statement.label} is signed {on}")


def generate_keys(private: Path) -> None:
    public = make_keys(private)
    console.print(f"{private} is secret: INCUMBENT_SIGNING_KEY={private} signs with it")
    console.print(f"{public} is for everybody: name it in params.yaml, registry.public_keys")
