"""Signatures by OpenSSF model-signing: these files, as this version, on this evidence.

What is signed is a folder: the adapter's files and a statement of what they are. So a signature
holds for no other version, and anybody can check that of an exported folder without this program:
`model_signing verify key DIR --signature DIR/model.sig --public_key KEY --ignore_unsigned_files`.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Signing
from project.records.record import Digest, Record
from registry.artifacts.artifact_store import Artifacts
from registry.reader import RegistryReader
from registry.registry_settings import Keys
from registry.signing.signing_keys import MISSING, NO_PRIVATE_KEY, public_digest

STATEMENT, SIGNATURE = "statement.json", "model.sig"
DECIDED = {"evidence", "decision"}  # what a signature from before the decision cannot know


class Statement(Record):
    """What a version is, and what it was judged on when it was signed."""

    family: str
    number: int
    version: Digest  # of the whole AdapterVersion
    adapter: Digest
    base: Digest
    recipe: Digest
    dataset: Digest
    parent: Digest | None
    evidence: Digest | None
    decision: Digest | None

    @classmethod
    def about(cls, version: AdapterVersion, record: Digest, made: DecisionMade | None) -> Self:
        """`record` and what `made` names are digests of the stored bytes."""
        adapter = version.adapter
        return cls(
            family=version.family,
            number=version.number,
            version=record,
            adapter=adapter.files,
            base=adapter.base.weights,
            recipe=adapter.recipe,
            dataset=adapter.dataset,
            parent=adapter.parent,
            evidence=made.evidence if made else None,
            decision=made.decision if made else None,
        )

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"


# --- signing ------------------------------------------------------------------------------------


def sign(artifacts: Artifacts, statement: Statement, key: Path) -> bytes:
    """A Sigstore bundle over the stored adapter and the statement. Raises InputError for a bad key.

    ECDSA is randomised: the same statement signed twice gives different bytes.
    """
    config = library().signing.Config().set_hashing_config(everything())
    try:
        config.use_elliptic_key_signer(private_key=key)
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=key) from None
    except (ValueError, TypeError, AttributeError):
        raise InputError(NO_PRIVATE_KEY, file=key) from None
    with laid_out(artifacts, statement) as folder:
        target = folder.with_name(SIGNATURE)
        config.sign(folder, target)
        return target.read_bytes()


# --- verifying ----------------------------------------------------------------------------------


def check_signature(reader: RegistryReader, version: AdapterVersion) -> Statement | None:
    """What promotion, export and deployment ask: may this version be used as it is signed?

    None without a signature where none is required, and where no public key could check it. Raises
    IncumbentError for a signature that does not hold, and for one that is missing or older than the
    newest decision where the settings require it.
    """
    statement = verified(reader, version)
    made = reader.decision_made(version.number)
    refuse_stale(statement, version, reader.submitted(version.number), made, reader.keys)
    return statement


def verified(reader: RegistryReader, version: AdapterVersion) -> Statement | None:
    """The newest statement that was signed about a version, its signature and files checked."""
    keys = reader.keys
    refuse_uncheckable(keys)
    event = reader.newest_event(version.number, "sign")
    if event is None or not keys.public:
        return None
    signing = event.told(Signing)
    statement = reader.artifacts.get_record(Statement, signing.statement)
    refuse_other(statement, version, reader.submitted(version.number))
    bundle = reader.artifacts.get(signing.signature)
    with laid_out(reader.artifacts, statement) as folder:
        refuse_forged(folder, bundle, version, keys)
    return statement


def refuse_uncheckable(keys: Keys) -> None:
    """Raise InputError where a signature is required and no public key can check one."""
    if keys.required and not keys.public:
        problem = "a signature is required, and no public key to check it with is named"
        raise InputError(problem, file="params.yaml", field="registry.public_keys")


def refuse_forged(folder: Path, bundle: bytes, version: AdapterVersion, keys: Keys) -> None:
    """Raise IncumbentError unless one of the public keys signed exactly what is in the folder."""
    verifying = library().verifying
    from cryptography.exceptions import InvalidSignature  # an extra, like the library

    key = named_key(bundle, version, keys)
    target = folder.with_name(SIGNATURE)
    target.write_bytes(bundle)
    try:
        config = verifying.Config().set_hashing_config(everything())
        config.use_elliptic_key_verifier(public_key=key).verify(folder, target)
    except InvalidSignature:
        problem = f"was not made with {key}, or was changed since"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        problem = f"does not hold: {error}"  # whatever a bundle that is none makes the library say
    else:
        return
    raise IncumbentError(f"the signature of {version.label} {problem}")


def named_key(bundle: bytes, version: AdapterVersion, keys: Keys) -> Path:
    """The public key that a signature says it was made with; whether it was is checked later."""
    hint = key_hint(bundle)
    for key in keys.public:
        if public_digest(key) == hint:
            return key
    raise IncumbentError(
        f"the signature of {version.label} was made with a key that registry.public_keys in "
        "params.yaml does not name"
    )


def key_hint(bundle: bytes) -> Digest:
    """The digest of the public key that a Sigstore bundle names. Raises InputError without one."""
    try:
        hint = json.loads(bundle)["verificationMaterial"]["publicKey"]["hint"]
    except (ValueError, KeyError, TypeError):
        hint = None
    if not isinstance(hint, str):
        raise InputError("is no signature with a key: a Sigstore bundle names one", field=SIGNATURE)
    return hint


def refuse_other(statement: Statement, version: AdapterVersion, record: Digest) -> None:
    """Raise IncumbentError for a statement about another version."""
    if statement.label != version.label:
        raise IncumbentError(f"the signature of {version.label} is about {statement.label}")
    expected = Statement.about(version, record, None).model_dump(exclude=DECIDED)
    for name, value in statement.model_dump(exclude=DECIDED).items():
        if value != expected[name]:
            raise IncumbentError(f"the signature of {version.label} is about another {name}")


def refuse_stale(
    statement: Statement | None,
    version: AdapterVersion,
    record: Digest,
    made: DecisionMade | None,
    keys: Keys,
) -> None:
    """Raise IncumbentError where a signature is required, unless it covers this decision."""
    if not keys.required:
        return
    again = f"run `incumbent sign {version.number}`"
    if statement is None:
        raise IncumbentError(f"{version.label} is not signed, and must be: {again}")
    if statement != Statement.about(version, record, made):
        problem = f"the signature of {version.label} is not about the decision that counts"
        raise IncumbentError(f"{problem}: {again}")


# --- one level down -----------------------------------------------------------------------------


@contextmanager
def laid_out(artifacts: Artifacts, statement: Statement) -> Iterator[Path]:
    """A folder of what is signed. Raises IncumbentError when the adapter's bytes changed."""
    with tempfile.TemporaryDirectory(prefix="incumbent-signing-") as place:
        folder = artifacts.check_out(statement.adapter, Path(place, "adapter"))
        statement.write(folder / STATEMENT)
        yield folder


def library() -> ModuleType:
    """The package model-signing: an extra that takes most of a second to import."""
    try:
        import model_signing
    except ImportError:
        raise InputError(MISSING) from None
    return model_signing


def everything() -> Any:
    """The library's way to hash a folder, but that no file is left out, whatever a bundle says."""
    config = library().hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    config.add_ignored_paths = lambda **_: None
    return config
