"""Signatures by OpenSSF model-signing: these files, as this version, on this evidence.

What is signed is a folder: the adapter's files and a statement of what they are. So a signature
holds for no other version, and anybody can check that of an exported folder without this program:
`model_signing verify key DIR --signature DIR/model.sig --public_key KEY --ignore_unsigned_files`.
"""

import hashlib
import json
import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from project.errors import IncumbentError, InputError, pip_install
from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Signing
from project.records.record import Digest, Record, read_input
from registry.reader import RegistryReader
from registry.registry_settings import SigningKeys
from registry.storage.artifact_store import Artifacts

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

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


def refuse_uncheckable(keys: SigningKeys) -> None:
    """Raise InputError where a signature is required and no public key can check one."""
    if keys.required and not keys.public:
        problem = "a signature is required, and no public key to check it with is named"
        raise InputError(problem, file="params.yaml", field="registry.public_keys")


def refuse_forged(folder: Path, bundle: bytes, version: AdapterVersion, keys: SigningKeys) -> None:
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


def named_key(bundle: bytes, version: AdapterVersion, keys: SigningKeys) -> Path:
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
    keys: SigningKeys,
) -> None:
    """Raise IncumbentError where a signature is required, unless it covers this decision."""
    if not keys.required:
        return
    again = f"run `incumbent registry sign {version.number}`"
    if statement is None:
        raise IncumbentError(f"{version.label} is not signed, and must be: {again}")
    if statement != Statement.about(version, record, made):
        problem = f"the signature of {version.label} is not about the decision that counts"
        raise IncumbentError(f"{problem}: {again}")


# --- the signing library ------------------------------------------------------------------------


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


# --- signing keys ---------------------------------------------------------------------------------

# EC keys for signatures: a private one that signs, a public one to hold signatures against.

# cryptography comes with the extra `signing`, so it is imported where a key is used.
MISSING = f"signatures need the package model-signing: {pip_install('signing')}"
NO_PRIVATE_KEY = "is no private EC key in PEM without a password: see `incumbent registry keygen`"


def make_keys(private: Path) -> Path:
    """Write a new P-256 key and beside it the public one, which is returned; never over a file."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    except ImportError:
        raise InputError(MISSING) from None
    key = generate_private_key(SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    open_part = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public = private.with_name(f"{private.name}.pub")
    if public.exists():
        raise InputError("is there already: choose another name", file=public)
    write_new(private, secret, mode=0o600)
    write_new(public, open_part, mode=0o644)
    return public


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Raises InputError when the file is there or cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
    except FileExistsError:
        raise InputError("is there already: choose another name", file=path) from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path) from None


def public_digest(key: Path) -> Digest:
    """What a signature names its key by: the digest of its PEM. Raises InputError for no key."""
    return key_digest(load_public(key))


def key_digest(public: "PublicKeyTypes") -> Digest:
    from cryptography.hazmat.primitives import serialization

    spelt = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spelt).hexdigest()


def load_public(key: Path) -> "PublicKeyTypes":
    """Raises InputError for a file that holds no public key in PEM."""
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise InputError(MISSING) from None
    try:
        return serialization.load_pem_public_key(read_input(key))
    except ValueError:
        raise InputError("is no public key in PEM", file=key) from None


def load_private(key: Path) -> "EllipticCurvePrivateKey":
    """Raises InputError for a file that holds no private EC key without a password."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    except ImportError:
        raise InputError(MISSING) from None
    try:
        loaded = serialization.load_pem_private_key(read_input(key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        raise InputError(NO_PRIVATE_KEY, file=key) from None
    if not isinstance(loaded, EllipticCurvePrivateKey):
        raise InputError(NO_PRIVATE_KEY, file=key)
    return loaded


# --- detached signatures --------------------------------------------------------------------------

# Signatures of a few bytes that stand beside them, by the same keys as those of versions.
#
# ECDSA over SHA-256, in DER and base64: `openssl dgst -sha256 -verify` checks one too.


class DetachedSignature(Record):
    key: Digest  # of the public key in PEM, for people to find it by
    ecdsa: str  # base64


def sign_bytes(data: bytes, private: Path) -> DetachedSignature:
    """Raises InputError for a bad key. The same bytes signed twice have two signatures."""
    key = load_private(private)
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # an extra, which is there now
    from cryptography.hazmat.primitives.hashes import SHA256

    made = key.sign(data, ECDSA(SHA256()))
    return DetachedSignature(key=key_digest(key.public_key()), ecdsa=b64encode(made).decode())


def forgery(data: bytes, signature: DetachedSignature, keys: SigningKeys) -> str | None:
    """Why a signature does not hold; None if a key signed these bytes. Raises InputError."""
    file = next((key for key in keys.public if public_digest(key) == signature.key), None)
    if file is None:
        return "it is signed with a key that registry.public_keys in params.yaml does not name"
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    key = load_public(file)
    if not isinstance(key, EllipticCurvePublicKey):
        raise InputError("is no public EC key", file=file)
    try:
        key.verify(b64decode(signature.ecdsa), data, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):  # ValueError: it is not even base64
        return f"its signature was not made with {file}, or it was changed since"
    return None
