"""The bill of materials is what CycloneDX's own schema says, and names what is in a version."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry as Schemas
from referencing import Resource

from incumbent.verbs.export import Outgoing, export_version
from project.canonical import digest_bytes, digest_file, digest_files
from project.records.adapters import Adapter, Provenance
from project.records.data import DatasetVersion, DataSource, DataSources
from project.records.evidence import Verdict
from registry.adapter_import.lora_config import ImportedOrigin, ModuleNorm
from registry.signatures import make_keys, public_digest
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision
from training.kept.books import TrainingBook, write_book

Make = Callable[[str], tuple[Adapter, Path]]
DATASET = DatasetVersion(
    rows="1" * 64, splits={"train": 9, "dev": 3}, sources=("faq.csv",), contract="2" * 64
)
SOURCES = DataSources(
    collected_from=(
        DataSource(name="datasets/sources/faq.csv", content="3" * 64, licence="CC-BY-4.0"),
        DataSource(name="datasets/sources/chats/", content="4" * 64, licence=None),
        DataSource(name="datasets/sources/terms.csv", content="5" * 64, licence="acme terms"),
        DataSource(name="datasets/sources/nd.csv", content="7" * 64, licence="CC-BY-ND-4.0"),
        DataSource(name="datasets/sources/two.csv", content="6" * 64, licence="MIT OR Apache-2.0"),
    )
)
PROVENANCE = Provenance(
    commit="a" * 40,
    head="b" * 40,
    changed=(),
    folder=".",
    remote="https://git.example/bank.git",
    rows=None,
    data_remote=None,
    packages={"python": "3.11.9", "torch": "2.9.0"},
)


@pytest.fixture(autouse=True)
def project() -> None:
    Path("params.yaml").write_text("registry:\n  family: test\n")


def submit(make: Make, *records: DataSources, provenance: Provenance | None = None) -> Adapter:
    """The project's first version, with a decision on it."""
    adapter, folder = make("a")
    adapter = adapter.model_copy(update={"dataset": DATASET.digest})
    with Registry.here() as registry:
        registry.submit(adapter, folder, "made", DATASET, *records, provenance=provenance)
        evidence = evidence_of(adapter.files, None)
        keep_decision(registry, 1, decision_on(evidence, Verdict.PROMOTE), evidence)
    return adapter


def exported() -> dict[str, Any]:
    export_version(1, Path("out"), Outgoing(sbom=True))
    found: dict[str, Any] = json.loads(Path("out/bom.cdx.json").read_bytes())
    return found


def faults(bom: object) -> list[str]:
    """What CycloneDX's own schema says against it; its package brings the files."""
    package = find_spec("cyclonedx")
    assert package and package.submodule_search_locations, "pip install cyclonedx-python-lib"
    folder = Path(next(iter(package.submodule_search_locations)), "schema", "_res")
    files = folder.glob("*.SNAPSHOT.schema.json")
    schemas = {file.name: json.loads(file.read_bytes()) for file in files}
    known = Schemas().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()
    )
    known = known.with_resources(
        (f"http://cyclonedx.org/schema/{name}", Resource.from_contents(schema))
        for name, schema in schemas.items()
    )
    check = Draft7Validator(
        schemas["bom-1.7.SNAPSHOT.schema.json"], registry=known, format_checker=FormatChecker()
    )
    return [f"{error.json_path}: {error.message}" for error in check.iter_errors(bom)]


def by_name(bom: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {component["name"]: component for component in bom["components"]}


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in component["properties"]}


def test_it_is_valid_and_the_same_again_and_a_wrong_one_is_not(make_adapter: Make) -> None:
    submit(make_adapter, SOURCES, provenance=PROVENANCE)
    bom = exported()
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.7")
    assert faults(bom) == []
    export_version(1, Path("again"), Outgoing(sbom=True))
    assert json.loads(Path("again/bom.cdx.json").read_bytes()) == bom
    bom["metadata"]["component"]["licences"] = []
    assert faults(bom)


def test_of_a_version_of_which_little_is_known_it_is_valid_too(make_adapter: Make) -> None:
    submit(make_adapter)
    bom = exported()
    assert faults(bom) == []
    assert properties(bom)["incumbent:libraries"].startswith("of the environment that exported")


def test_of_an_adapter_that_was_made_elsewhere_it_says_that_the_data_are_not_known(
    make_adapter: Make,
) -> None:
    norm = ModuleNorm(module="q", update=1.0, weight=2.0)
    origin = ImportedOrigin(files={"a": "1" * 64}, declared_base=None, norms=(norm,))
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"dataset": origin.digest})
    with Registry.here() as registry:
        registry.submit(adapter, folder, "bought", origin)
    bom = exported()
    assert faults(bom) == []
    assert "record of the import: the data are not known" in by_name(bom)


def test_it_names_every_exported_file_by_its_digest(make_adapter: Make) -> None:
    submit(make_adapter)
    files = exported()["metadata"]["component"]["components"]
    written = {path.name: digest_file(path) for path in Path("out").iterdir()}
    del written["bom.cdx.json"]
    assert {one["name"]: one["hashes"][0]["content"] for one in files} == written


def test_it_names_base_dataset_recipe_decision_commit_and_libraries(make_adapter: Make) -> None:
    adapter = submit(make_adapter, SOURCES, provenance=PROVENANCE)
    bom = exported()
    model, parts = bom["metadata"]["component"], by_name(bom)
    assert properties(parts["a-base"])["incumbent:weights"] == adapter.base.weights
    assert parts["a-base"]["licenses"] == [{"license": {"name": "NOASSERTION"}}]
    dataset = next(one for one in bom["components"] if one["bom-ref"] == "dataset")
    assert dataset["hashes"] == [{"alg": "SHA-256", "content": DATASET.digest}]
    assert properties(dataset)["incumbent:rows"] == DATASET.rows
    assert model["modelCard"]["modelParameters"]["datasets"] == [{"ref": "dataset"}]
    assert model["pedigree"]["commits"] == [{"uid": "a" * 40}]
    with Registry.here() as registry:
        made = registry.decision_made(1)
    assert made and properties(model)["incumbent:decision"] == made.decision
    assert properties(model)["incumbent:recipe"] == adapter.recipe
    assert parts["torch"]["purl"] == "pkg:pypi/torch@2.9.0"
    assert properties(bom)["incumbent:libraries"].startswith("of the environment that submitted")


def test_of_a_base_that_is_here_its_files_of_weights_are_named(
    make_adapter: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    named = {"model": str(folder), "weights": digest_files(folder, ["model.safetensors"])}
    adapter, files = make_adapter("a")
    base = adapter.base.model_copy(update=named)
    known = adapter.model_copy(update={"base": base, "dataset": DATASET.digest})
    with Registry.here() as registry:
        registry.submit(known, files, "made", DATASET)
    bom = exported()
    assert faults(bom) == []
    [part] = by_name(bom)["a-base"]["components"]
    assert part["hashes"][0]["content"] == digest_bytes(b"weights")
    assert by_name(bom)["a-base"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_each_source_has_its_licence_and_an_unknown_one_is_said(
    make_adapter: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(make_adapter, SOURCES)
    parts = by_name(exported())
    told = capsys.readouterr().out
    assert "a-base: nobody said under which licence it stands" in told
    assert "chats/: nobody said under which licence" in told and "faq.csv:" not in told
    assert "nd.csv: CC-BY-ND-4.0 forbids" in told
    assert parts["datasets/sources/faq.csv"]["hashes"][0]["content"] == "3" * 64
    assert "hashes" not in parts["datasets/sources/chats/"]  # no file has a folder's digest
    found = {name: part["licenses"] for name, part in parts.items() if "sources" in name}
    assert found == {
        "datasets/sources/faq.csv": [{"license": {"id": "CC-BY-4.0"}}],
        "datasets/sources/chats/": [{"license": {"name": "NOASSERTION"}}],
        "datasets/sources/terms.csv": [{"license": {"name": "acme terms"}}],
        "datasets/sources/nd.csv": [{"license": {"id": "CC-BY-ND-4.0"}}],
        "datasets/sources/two.csv": [{"expression": "MIT OR Apache-2.0"}],
    }


@pytest.mark.parametrize(
    ("source", "measured"),
    [("RAPL, of all that the processor did", True), ("3.5 W a busy core", False)],
)
def test_energy_is_there_where_it_was_measured(
    source: str, measured: bool, make_adapter: Make
) -> None:
    adapter = submit(make_adapter)
    book = TrainingBook(step="sft", recipe=adapter.recipe, joules=7_200_000, energy_source=source)
    write_book(book)
    bom = exported()
    considered = bom["metadata"]["component"]["modelCard"]["considerations"]
    found = considered.get("environmentalConsiderations", {}).get("energyConsumptions", [])
    assert [one["activityEnergyCost"]["value"] for one in found] == [2.0] * measured
    assert faults(bom) == []


def attested() -> dict[str, str]:
    """The files that the exported attestation names, after another program has verified it."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    [line] = Path("out/provenance.intoto.jsonl").read_text().splitlines()
    theirs, file = Envelope.from_dict(json.loads(line)), Path("key.pub")
    public = load_pem_public_key(file.read_bytes())
    assert theirs.verify([SSlibKey.from_crypto(public, public_digest(file))], 1)
    return {one["name"]: one["digest"]["sha256"] for one in json.loads(theirs.payload)["subject"]}


def test_with_a_key_every_file_is_attested_and_the_bill_too(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    submit(make_adapter)
    make_keys(Path("key"))
    monkeypatch.setenv("INCUMBENT_SIGNING_KEY", "key")
    exported()
    written = {path.name: digest_file(path) for path in Path("out").iterdir()}
    del written["provenance.intoto.jsonl"]
    assert "bom.cdx.json" in written
    assert attested() == written
    assert "names each file, signed with key" in capsys.readouterr().out


def test_without_a_key_the_attestation_is_the_one_that_the_registry_holds(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    public = make_keys(Path("key"))
    Path("params.yaml").write_text(f"registry: {{family: test, public_keys: [{public}]}}")
    with monkeypatch.context() as here:
        here.setenv("INCUMBENT_SIGNING_KEY", "key")
        submit(make_adapter)
    exported()
    assert attested().keys() == {"adapter_model.safetensors", "adapter_config.json"}
    assert "the adapter's files alone" in capsys.readouterr().out


def test_of_a_version_that_nobody_signed_it_is_said(
    make_adapter: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(make_adapter)
    exported()
    assert not Path("out/provenance.intoto.jsonl").exists()
    assert "$INCUMBENT_SIGNING_KEY names no key" in capsys.readouterr().out
