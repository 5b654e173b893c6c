"""Attestations: what a version was made of and decided by, for programs that are not ours.

An in-toto statement v1 with SLSA provenance v1 in a DSSE envelope, signed by the project's keys.
See github.com/in-toto/attestation/tree/main/spec/v1, slsa.dev/spec/v1.0/provenance and
github.com/secure-systems-lab/dsse.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from project.canonical import canonical_json, digest_file
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion, Provenance
from project.records.events import Signing
from project.records.record import Digest
from registry.reader import RegistryReader
from registry.registry_settings import SigningKeys
from registry.signatures import DetachedSignature, Statement, forgery, sign_bytes

FILE = "provenance.intoto.jsonl"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILD = "pkg:pypi/incumbent#adapter"
# Of folders and of several files: SHA-256 of the canonical JSON of {file name: SHA-256}.
OF_FILES = "sha256OfFiles"
CODE = "code"

Files = Mapping[str, Digest]  # by their names in the folder


# --- what is signed -----------------------------------------------------------------------------


def in_toto_statement(
    about: Statement, files: Files, provenance: Provenance | None
) -> dict[str, Any]:
    """What the files are, and what they rest on: each thing by its digest."""
    code = {"gitCommit": provenance.commit} if provenance else None
    uri = {"uri": f"git+{provenance.remote}"} if provenance and provenance.remote else {}
    inputs = {
        "base": {OF_FILES: about.base},
        "dataset": sha256(about.dataset),
        "recipe": sha256(about.recipe),
        "parent": {OF_FILES: about.parent} if about.parent else None,
        CODE: code,
    }
    beside = {
        "version": sha256(about.version),
        "adapter": {OF_FILES: about.adapter},
        "evidence": sha256(about.evidence),
        "decision": sha256(about.decision),
    }
    return {
        "_type": STATEMENT,
        "subject": resources({name: sha256(digest) for name, digest in sorted(files.items())}),
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {"family": about.family, "version": about.number},
                "resolvedDependencies": [
                    part | (uri if part["name"] == CODE else {}) for part in resources(inputs)
                ],
            },
            "runDetails": {
                "builder": {
                    "id": "pkg:pypi/incumbent",
                    "version": {"incumbent": installed("incumbent")},
                },
                "byproducts": resources(beside),
            },
        },
    }


def sha256(digest: Digest | None) -> dict[str, str] | None:
    return {"sha256": digest} if digest else None


def resources(digests: Mapping[str, dict[str, str] | None]) -> list[dict[str, Any]]:
    """in-toto's resource descriptors; what has no digest is left out."""
    return [{"name": name, "digest": digest} for name, digest in digests.items() if digest]


def claims(statement: Any) -> Iterator[dict[str, Any]]:
    """The parts of a statement that must be as the registry has them, each by its name.

    Raises KeyError, TypeError or AttributeError for something else than in_toto_statement makes.
    """
    definition = statement["predicate"]["buildDefinition"]
    beside = statement["predicate"]["runDetails"]["byproducts"]
    yield {name: statement[name] for name in ("_type", "predicateType")}
    yield {"buildType": definition["buildType"], **definition["externalParameters"]}
    for part in (statement["subject"], definition["resolvedDependencies"], beside):
        yield {item["name"]: item["digest"] for item in part}


def difference(told: Any, expected: Any) -> str | None:
    """The name of the first thing that two statements differ in. A commit that is not known any
    more, since it was erased, is no difference.
    """
    for claim, other in zip(claims(told), claims(expected), strict=True):
        for name in sorted({*claim, *other}):
            if claim.get(name) != other.get(name) and not (name == CODE and name not in other):
                return name
    return None


# --- envelopes ----------------------------------------------------------------------------------


def attest(about: Statement, files: Files, provenance: Provenance | None, key: Path) -> bytes:
    """The envelope, as a line of JSON. Raises InputError for a bad key."""
    payload = canonical_json(in_toto_statement(about, files, provenance))
    signature = sign_bytes(authenticated(payload), key)
    signatures = [{"keyid": signature.key, "sig": signature.ecdsa}]
    envelope = {"payload": b64encode(payload).decode(), "payloadType": PAYLOAD}
    return canonical_json(envelope | {"signatures": signatures})


def authenticated(payload: bytes) -> bytes:
    """What DSSE signs: type and payload, each after its length."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def opened(envelope: bytes, keys: SigningKeys) -> Any:
    """The statement in an envelope that one of the public keys signed. Raises IncumbentError."""
    try:
        fields = json.loads(envelope)
        payload = b64decode(fields["payload"], validate=True)
        signatures = [
            DetachedSignature(key=signature["keyid"], ecdsa=signature["sig"])
            for signature in fields["signatures"]
        ]
        if fields["payloadType"] != PAYLOAD:
            raise IncumbentError(f"it holds {fields['payloadType']}")
        statement = json.loads(payload)
    except (ValueError, KeyError, TypeError) as error:
        raise IncumbentError(f"it is no DSSE envelope: {error}") from None
    faults = [forgery(authenticated(payload), signature, keys) for signature in signatures]
    if None not in faults:
        raise IncumbentError(faults[0] if faults and faults[0] else "nobody signed it")
    return statement


# --- checking -----------------------------------------------------------------------------------


def check_attestation(reader: RegistryReader, version: AdapterVersion) -> None:
    """Raise IncumbentError where the newest signature has an attestation that does not hold, as far
    as there is a public key to check it with.
    """
    signing = newest_signing(reader, version)
    if signing and signing.attestation and reader.keys.public:
        statement = reader.artifacts.get_record(Statement, signing.statement)
        files = reader.artifacts.manifest(version.adapter.files)
        refuse_other(reader, version, signing.attestation, statement, files)


def require_attestation(reader: RegistryReader, version: AdapterVersion, folder: Path) -> None:
    """Raise IncumbentError unless there is an attestation about every file of the folder, which is
    to be loaded, and about the decision that counts; InputError where no public key is named.
    """
    if not reader.keys.public:
        problem = "an attestation is required, and no public key to check it with is named"
        raise InputError(problem, file="params.yaml", field="registry.public_keys")
    signing = newest_signing(reader, version)
    if signing is None or signing.attestation is None:
        problem = f"{version.label} has no attestation, and must have one"
        raise IncumbentError(f"{problem}: {sign_again(version)}")
    record, made = reader.submitted(version.number), reader.decision_made(version.number)
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = {path.relative_to(folder).as_posix(): digest_file(path) for path in paths}
    statement = Statement.about(version, record, made)
    refuse_other(reader, version, signing.attestation, statement, files)


def newest_signing(reader: RegistryReader, version: AdapterVersion) -> Signing | None:
    event = reader.newest_event(version.number, "sign")
    return event.told(Signing) if event else None


def sign_again(version: AdapterVersion) -> str:
    return f"run `incumbent registry sign {version.number}`"


def refuse_other(
    reader: RegistryReader,
    version: AdapterVersion,
    envelope: Digest,
    about: Statement,
    files: Files,
) -> None:
    """Raise IncumbentError unless one of the public keys attested exactly this."""
    expected = in_toto_statement(about, files, reader.provenance(version.number))
    whose = f"the attestation of {version.label}"
    try:
        other = difference(opened(reader.artifacts.get(envelope), reader.keys), expected)
    except IncumbentError as error:
        raise IncumbentError(f"{whose} does not hold: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise IncumbentError(f"{whose} is no SLSA provenance") from None
    if other:
        raise IncumbentError(f"{whose} is about another {other}: {sign_again(version)}")
