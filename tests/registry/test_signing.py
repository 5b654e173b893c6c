"""A signature holds for one version, its files and its evidence, and for nothing else."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from incumbent.verbs.verify import sign_version
from project.errors import IncumbentError, InputError
from project.files import home
from project.records.adapters import Adapter, AdapterVersion
from project.records.events import Signing
from project.records.evidence import Verdict
from project.settings import load
from registry.registry_settings import RegistryParams, SigningKeys
from registry.signatures import Statement, check_signature, make_keys, sign
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision

pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
Make = Callable[[str], tuple[Adapter, Path]]


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    private = tmp_path / "keys" / "ours"
    return SigningKeys(public=(make_keys(private),), private=private, required=True)


@pytest.fixture
def strict(registry: Registry, keys: SigningKeys) -> Registry:
    """A registry that signs what is submitted, and demands it."""
    registry.keys = keys
    return registry


def submit(registry: Registry, make: Make, name: str) -> AdapterVersion:
    adapter, folder = make(name)
    return registry.submit(adapter, folder, f"made {name}")


def decide(registry: Registry, version: AdapterVersion, scorers: str = "a" * 64) -> None:
    evidence = evidence_of(version.adapter.files, None)
    assert evidence.pins
    pins = evidence.pins.model_copy(update={"scorers": scorers})
    evidence = evidence.model_copy(update={"pins": pins})
    decision = decision_on(evidence, Verdict.PROMOTE)
    keep_decision(registry, version.number, decision, evidence)


def winner(registry: Registry, make: Make, name: str = "a") -> AdapterVersion:
    version = submit(registry, make, name)
    decide(registry, version)
    return version


def refused(registry: Registry, version: AdapterVersion, complaint: str) -> None:
    """Whoever promotes gets the complaint, and there is still no champion."""
    with pytest.raises(IncumbentError, match=complaint):
        registry.promote(version.number, "it won")
    assert registry.champion() is None


def attach(registry: Registry, number: int, statement: Statement, bundle: bytes) -> None:
    registry.add_signature(number, statement, bundle, "attached")


def stored(registry: Registry, number: int) -> tuple[Statement, bytes]:
    event = registry.newest_event(number, "sign")
    assert event
    artifacts = registry.artifacts
    statement = artifacts.get_record(Statement, event.told(Signing).statement)
    return statement, artifacts.get(event.told(Signing).signature)


def test_what_is_submitted_with_a_key_is_signed_and_signed_again_when_it_is_decided(
    strict: Registry, make_adapter: Make
) -> None:
    version = winner(strict, make_adapter)
    made = strict.decision_made(version.number)
    assert [event.kind for event in strict.history()] == [
        "submit",
        "sign",
        "open",
        "decide",
        "sign",
    ]
    assert check_signature(strict, version) == Statement.about(version, version.digest, made)
    assert strict.promote(version.number, "it won") == version


def test_submitting_and_deciding_the_same_again_signs_nothing(
    strict: Registry, make_adapter: Make
) -> None:
    version = winner(strict, make_adapter)
    before = strict.history()
    assert winner(strict, make_adapter) == version
    assert strict.history() == before


def test_a_missing_signature_is_refused_where_one_is_required(
    registry: Registry, keys: SigningKeys, make_adapter: Make
) -> None:
    version = winner(registry, make_adapter)
    registry.keys = keys
    refused(
        registry, version, "test v1 is not signed, and must be: run `incumbent registry sign 1`"
    )


def test_force_does_not_do_without_a_signature(
    registry: Registry, keys: SigningKeys, make_adapter: Make
) -> None:
    version = submit(registry, make_adapter, "a")
    registry.keys = keys
    with pytest.raises(IncumbentError, match="is not signed"):
        registry.promote(version.number, "now", force=True)


def test_a_missing_signature_is_no_matter_where_none_is_required(
    registry: Registry, keys: SigningKeys, make_adapter: Make
) -> None:
    version = winner(registry, make_adapter)
    registry.keys = keys.model_copy(update={"required": False})
    assert check_signature(registry, version) is None
    assert registry.promote(version.number, "it won") == version


def test_a_signature_from_before_the_newest_decision_is_refused_until_it_is_made_anew(
    strict: Registry, keys: SigningKeys, make_adapter: Make
) -> None:
    version = winner(strict, make_adapter)
    strict.keys = keys.model_copy(update={"private": None})
    decide(strict, version, scorers="9" * 64)
    refused(strict, version, "not about the decision that counts: run `incumbent registry sign 1`")
    assert keys.private
    strict.sign(version.number, keys.private, "looked at it")
    assert strict.promote(version.number, "it won") == version


def test_a_flipped_byte_of_the_adapter_is_refused(strict: Registry, make_adapter: Make) -> None:
    version = winner(strict, make_adapter)
    name = strict.artifacts.manifest(version.adapter.files)["adapter_model.safetensors"]
    path = Path(strict.artifacts.blobs.location, name[:2], name)
    path.write_bytes(b"b")
    refused(strict, version, "damaged: its bytes no longer have its digest")


def test_a_signature_over_other_bytes_of_the_adapter_is_refused(
    strict: Registry, keys: SigningKeys, make_adapter: Make
) -> None:
    version = winner(strict, make_adapter)
    other = submit(strict, make_adapter, "b")
    statement, _ = stored(strict, version.number)
    lie = statement.model_copy(update={"adapter": other.adapter.files})
    assert keys.private
    attach(strict, version.number, statement, sign(strict.artifacts, lie, keys.private))
    refused(strict, version, r"does not hold: .*Hash mismatch for 'adapter_model.safetensors'")


def test_a_flipped_byte_of_the_signature_is_refused(strict: Registry, make_adapter: Make) -> None:
    version = winner(strict, make_adapter)
    statement, bundle = stored(strict, version.number)
    forged = json.loads(bundle)
    [made] = forged["dsseEnvelope"]["signatures"]
    raw = bytearray(base64.b64decode(made["sig"]))
    raw[-1] ^= 1
    made["sig"] = base64.b64encode(raw).decode()
    attach(strict, version.number, statement, json.dumps(forged).encode())
    refused(strict, version, "was not made with .*ours.pub, or was changed since")


def test_another_versions_signature_is_refused(strict: Registry, make_adapter: Make) -> None:
    first, second = winner(strict, make_adapter, "a"), winner(strict, make_adapter, "b")
    attach(strict, second.number, *stored(strict, first.number))
    refused(strict, second, "the signature of test v2 is about test v1")


def test_the_signature_of_a_version_of_that_name_in_another_registry_is_refused(
    strict: Registry, keys: SigningKeys, make_adapter: Make, tmp_path: Path
) -> None:
    adapter, folder = make_adapter("a")
    with Registry(tmp_path / "elsewhere", "test", keys=keys) as other:
        other.submit(adapter.model_copy(update={"dataset": "9" * 64}), folder, "other data")
        theirs = stored(other, 1)
    version = winner(strict, make_adapter)
    attach(strict, version.number, *theirs)
    refused(strict, version, "the signature of test v1 is about another version")


def test_an_edited_statement_is_refused(strict: Registry, make_adapter: Make) -> None:
    version = winner(strict, make_adapter)
    statement, bundle = stored(strict, version.number)
    decide(strict, version, scorers="9" * 64)
    decision = strict.decision(version.number)
    assert decision
    edited = statement.model_copy(
        update={"evidence": decision.evidence, "decision": decision.digest}
    )
    attach(strict, version.number, edited, bundle)
    refused(strict, version, r"does not hold: .*Hash mismatch for .*statement.json")


def test_another_key_is_refused_even_under_the_name_of_ours(
    strict: Registry, keys: SigningKeys, make_adapter: Make, tmp_path: Path
) -> None:
    version = winner(strict, make_adapter)
    statement, ours = stored(strict, version.number)
    make_keys(tmp_path / "theirs")
    theirs = json.loads(sign(strict.artifacts, statement, tmp_path / "theirs"))
    attach(strict, version.number, statement, json.dumps(theirs).encode())
    refused(strict, version, "made with a key that registry.public_keys in params.yaml")
    theirs["verificationMaterial"] = json.loads(ours)["verificationMaterial"]
    attach(strict, version.number, statement, json.dumps(theirs).encode())
    refused(strict, version, "was not made with .*ours.pub")


def test_a_second_public_key_lets_the_first_one_be_replaced(
    strict: Registry, keys: SigningKeys, make_adapter: Make, tmp_path: Path
) -> None:
    version = winner(strict, make_adapter)
    newer = make_keys(tmp_path / "newer")
    strict.keys = keys.model_copy(update={"public": (newer, *keys.public)})
    assert check_signature(strict, version)


def test_no_file_is_left_out_of_what_is_checked_even_if_the_bundle_says_so(
    strict: Registry, keys: SigningKeys, make_adapter: Make, tmp_path: Path
) -> None:
    from model_signing import hashing, signing

    version = winner(strict, make_adapter)
    statement, _ = stored(strict, version.number)
    folder = strict.artifacts.check_out(version.adapter.files, tmp_path / "bare")
    config = hashing.Config().set_ignored_paths(paths=["statement.json"])
    assert keys.private
    signer = signing.Config().use_elliptic_key_signer(private_key=keys.private)
    signer.set_hashing_config(config).sign(folder, tmp_path / "bare.sig")
    attach(strict, version.number, statement, (tmp_path / "bare.sig").read_bytes())
    refused(strict, version, r"does not hold: .*Extra files found.*statement.json")


def test_a_rollback_goes_to_nothing_that_is_not_signed(
    registry: Registry, keys: SigningKeys, make_adapter: Make
) -> None:
    first = winner(registry, make_adapter, "a")
    registry.promote(first.number, "it won")
    second = submit(registry, make_adapter, "b")
    registry.promote(second.number, "now", force=True)
    registry.keys = keys
    with pytest.raises(IncumbentError, match="test v1 is not signed"):
        registry.rollback("worse in use")
    assert registry.champion() == second


def test_a_bundle_that_is_none_is_not_kept(strict: Registry, make_adapter: Make) -> None:
    version = winner(strict, make_adapter)
    statement, _ = stored(strict, version.number)
    for bundle in (b"", b"[]", b"{}", b'{"verificationMaterial": {"publicKey": {"hint": 7}}}'):
        with pytest.raises(InputError, match=r"model\.sig: is no signature"):
            attach(strict, version.number, statement, bundle)
    assert stored(strict, version.number)[0] == statement


def test_keys_are_made_once_and_the_private_one_is_for_its_owner(tmp_path: Path) -> None:
    private = tmp_path / "deep" / "key"
    public = make_keys(private)
    assert private.stat().st_mode & 0o777 == 0o600
    assert b"PUBLIC KEY" in public.read_bytes()
    before = private.read_bytes()
    with pytest.raises(InputError, match="is there already"):
        make_keys(private)
    assert private.read_bytes() == before


def test_what_is_no_key_is_told(strict: Registry, make_adapter: Make, tmp_path: Path) -> None:
    version = winner(strict, make_adapter)
    bad = tmp_path / "bad"
    with pytest.raises(InputError, match="bad: No such file"):
        strict.sign(version.number, bad, "signed")
    bad.write_text("no key")
    with pytest.raises(InputError, match=r"bad: is no private EC key in PEM"):
        strict.sign(version.number, bad, "signed")
    strict.keys = strict.keys.model_copy(update={"public": (bad,)})
    refused(strict, version, "bad: is no public key in PEM")
    strict.keys = strict.keys.model_copy(update={"public": ()})
    refused(strict, version, r"params.yaml: registry.public_keys: a signature is required")


def test_signing_by_hand_needs_a_key_by_option_or_environment(
    make_adapter: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = make_keys(tmp_path / "key")
    Path("params.yaml").write_text(f"registry: {{family: test, public_keys: [{public}]}}")
    with Registry.here() as registry:
        version = submit(registry, make_adapter, "a")
    with pytest.raises(InputError, match="--key: name a private key"):
        sign_version(1, None, "vouched")
    with pytest.raises(InputError, match=r"no-key: is no file: --key or \$INCUMBENT_SIGNING_KEY"):
        sign_version(1, Path("no-key"), "vouched")
    sign_version(1, tmp_path / "key", "vouched")
    assert "test v1 is signed before any decision" in capsys.readouterr().out
    with Registry.here() as registry:
        assert check_signature(registry, version) == Statement.about(version, version.digest, None)


def test_the_settings_name_public_keys_and_the_environment_the_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCUMBENT_SIGNING_KEY", "/safe/key")
    Path("params.yaml").write_text("registry: {public_keys: [keys/a.pub], require_signature: true}")
    Path("elsewhere").mkdir()
    Path("elsewhere/params.yaml").symlink_to(tmp_path / "params.yaml")
    monkeypatch.chdir("elsewhere")
    assert load(RegistryParams).keys == SigningKeys(
        public=(tmp_path / "keys/a.pub",), private=Path("/safe/key"), required=True
    )
    with Registry.here() as registry:
        assert registry.keys.required
    assert not list(home().rglob("key"))
