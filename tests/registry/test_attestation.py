"""An attestation says what a version was made of and decided by, to programs that are not ours."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.decision_replay import check_registry
from project.canonical import digest_file
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion, Provenance
from project.records.data import DatasetVersion
from project.records.events import Signing
from registry.attestation import attest, check_attestation, require_attestation
from registry.registry_settings import SigningKeys
from registry.signatures import Statement, make_keys, public_digest
from registry.store import Registry
from tests.registry.test_signing import Make, decide

pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
DATASET = DatasetVersion(rows="1" * 64, splits={}, sources=("s",), contract="2" * 64)
PROVENANCE = Provenance(
    commit="a" * 40,
    head=None,
    changed=(),
    folder=".",
    remote="https://git.example/bank.git",
    rows=None,
    data_remote=None,
    packages={},
)


@pytest.fixture
def signing(registry: Registry, tmp_path: Path) -> Registry:
    """A registry that signs what is submitted and decided."""
    private = tmp_path / "keys" / "ours"
    registry.keys = SigningKeys(public=(make_keys(private),), private=private)
    return registry


def decided(registry: Registry, make: Make) -> AdapterVersion:
    adapter, folder = make("a")
    adapter = adapter.model_copy(update={"dataset": DATASET.digest})
    version = registry.submit(adapter, folder, "made", DATASET, provenance=PROVENANCE)
    decide(registry, version)
    return version


def envelope(registry: Registry, version: AdapterVersion) -> dict[str, Any]:
    event = registry.newest_event(version.number, "sign")
    assert event
    digest = event.told(Signing).attestation
    assert digest
    found: dict[str, Any] = json.loads(registry.artifacts.get(digest))
    return found


def attach(registry: Registry, version: AdapterVersion, changed: bytes) -> None:
    """Put another envelope in the place of the newest one."""
    event = registry.newest_event(version.number, "sign")
    assert event
    told = event.told(Signing)
    statement = registry.artifacts.get_record(Statement, told.statement)
    bundle = registry.artifacts.get(told.signature)
    registry.add_signature(version.number, statement, bundle, "attached", changed)


def loaded(registry: Registry, version: AdapterVersion, tmp_path: Path) -> Path:
    """The folder that a gateway would load."""
    return registry.artifacts.check_out(version.adapter.files, tmp_path / "loaded")


def by_name(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["name"]: one["digest"] for one in resources}


def test_another_program_verifies_it_and_reads_what_it_is_about(
    signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance as Predicate
    from in_toto_attestation.v1.statement import Statement as InTotoStatement
    from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    version = decided(signing, make_adapter)
    [file] = signing.keys.public
    key = SSlibKey.from_crypto(load_pem_public_key(file.read_bytes()), public_digest(file))
    theirs = Envelope.from_dict(envelope(signing, version))
    assert theirs.verify([key], 1)
    told = json.loads(theirs.payload)
    InTotoStatement.copy_from_pb(ParseDict(told, StatementMessage())).validate()
    ParseDict(told["predicate"], Predicate())  # refuses what SLSA's predicate has not
    folder = loaded(signing, version, tmp_path)
    files = {path.name: {"sha256": digest_file(path)} for path in folder.iterdir()}
    assert by_name(told["subject"]) == files
    inputs = told["predicate"]["buildDefinition"]["resolvedDependencies"]
    made = signing.decision_made(1)
    assert by_name(inputs) == {
        "base": {"sha256OfFiles": version.adapter.base.weights},
        "dataset": {"sha256": version.adapter.dataset},
        "recipe": {"sha256": version.adapter.recipe},
        "code": {"gitCommit": "a" * 40},
    }
    assert made
    beside = by_name(told["predicate"]["runDetails"]["byproducts"])
    assert beside["decision"] == {"sha256": made.decision}
    theirs.payload += b" "
    with pytest.raises(Exception, match="do not match threshold"):
        theirs.verify([key], 1)


def test_a_gateway_may_load_what_is_attested(
    signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(signing, make_adapter)
    require_attestation(signing, version, loaded(signing, version, tmp_path))
    signing.promote(1, "it won")


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_changed_byte_of_what_is_loaded_is_refused(
    file: str, signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(signing, make_adapter)
    folder = loaded(signing, version, tmp_path)
    (folder / file).write_bytes((folder / file).read_bytes() + b" ")
    with pytest.raises(IncumbentError, match=f"attestation of test v1 is about another {file}"):
        require_attestation(signing, version, folder)


def test_a_file_that_is_not_attested_is_refused(
    signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(signing, make_adapter)
    folder = loaded(signing, version, tmp_path)
    (folder / "chat_template.jinja").write_text("{{ other }}")
    with pytest.raises(IncumbentError, match=r"is about another chat_template\.jinja"):
        require_attestation(signing, version, folder)


@pytest.mark.parametrize("part", ["dataset", "decision", "base", "recipe", "evidence", "version"])
def test_an_attestation_about_other_data_or_another_decision_is_refused(
    part: str, signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(signing, make_adapter)
    made = signing.decision_made(1)
    about = Statement.about(version, signing.submitted(1), made)
    lie = about.model_copy(update={part: "9" * 64})
    assert signing.keys.private
    files = signing.artifacts.manifest(version.adapter.files)
    attach(signing, version, attest(lie, files, PROVENANCE, signing.keys.private))
    complaint = f"the attestation of test v1 is about another {part}"
    with pytest.raises(IncumbentError, match=complaint):
        require_attestation(signing, version, loaded(signing, version, tmp_path))
    assert any(complaint in problem for problem in check_registry(signing).problems)
    with pytest.raises(IncumbentError, match=complaint):
        signing.promote(1, "it won")


def test_a_version_whose_data_were_changed_in_the_registry_is_refused(
    signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(signing, make_adapter)
    adapter = version.adapter.model_copy(update={"dataset": "9" * 64})
    changed = version.model_copy(update={"adapter": adapter})
    with pytest.raises(IncumbentError, match="is about another dataset"):
        require_attestation(signing, changed, loaded(signing, version, tmp_path))


def test_a_newer_decision_needs_a_new_attestation(
    signing: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(signing, make_adapter)
    private, signing.keys = signing.keys.private, SigningKeys(public=signing.keys.public)
    decide(signing, version, scorers="9" * 64)
    folder = loaded(signing, version, tmp_path)
    with pytest.raises(IncumbentError, match="another decision: run `incumbent registry sign 1`"):
        require_attestation(signing, version, folder)
    check_attestation(signing, version)  # as it was signed it holds
    assert private
    signing.sign(1, private, "looked at it")
    require_attestation(signing, version, folder)


def test_a_changed_byte_of_the_envelope_is_found(signing: Registry, make_adapter: Make) -> None:
    version = decided(signing, make_adapter)
    ours = envelope(signing, version)
    payload = b64decode(ours["payload"]).replace(b"dataset", b"datasex")
    changed = json.dumps(ours | {"payload": b64encode(payload).decode()})
    attach(signing, version, changed.encode())
    complaint = r"the attestation of test v1 does not hold: .*was not made with .*ours\.pub"
    with pytest.raises(IncumbentError, match=complaint):
        check_attestation(signing, version)
    for nothing, fault in {
        b"{}": "it is no DSSE envelope",
        json.dumps(ours | {"signatures": []}).encode(): "nobody signed it",
        json.dumps(ours | {"payloadType": "text/plain"}).encode(): "it holds text/plain",
    }.items():
        attach(signing, version, nothing)
        with pytest.raises(IncumbentError, match=f"does not hold: {fault}"):
            check_attestation(signing, version)


def test_another_key_is_refused(signing: Registry, make_adapter: Make, tmp_path: Path) -> None:
    version = decided(signing, make_adapter)
    about = Statement.about(version, signing.submitted(1), signing.decision_made(1))
    make_keys(tmp_path / "theirs")
    files = signing.artifacts.manifest(version.adapter.files)
    attach(signing, version, attest(about, files, PROVENANCE, tmp_path / "theirs"))
    with pytest.raises(IncumbentError, match=r"a key that registry\.public_keys .* does not name"):
        check_attestation(signing, version)


def test_without_one_a_gateway_that_asks_for_it_loads_nothing(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    version = decided(registry, make_adapter)
    folder = loaded(registry, version, tmp_path)
    with pytest.raises(InputError, match="no public key to check it with"):
        require_attestation(registry, version, folder)
    registry.keys = SigningKeys(public=(make_keys(tmp_path / "key"),))
    with pytest.raises(IncumbentError, match="test v1 has no attestation, and must have one"):
        require_attestation(registry, version, folder)
    check_attestation(registry, version)
