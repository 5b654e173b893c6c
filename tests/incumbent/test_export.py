"""What leaves the registry is whole, loads elsewhere as it is, and brings its papers along."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from incumbent.output import print_json
from incumbent.verbs.export import Outgoing, export_version
from incumbent.verbs.show import dumped
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, pin
from project.paths import INDEX_FILES
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import DatasetVersion
from project.records.evidence import Decision, Evidence, Verdict
from registry.lineage import trace
from registry.signatures import make_keys
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision

Make = Callable[[str], tuple[Adapter, Path]]
DATASET = DatasetVersion(rows="1" * 64, splits={}, sources=("s",), contract="2" * 64)


@pytest.fixture(autouse=True)
def project() -> None:
    Path("params.yaml").write_text("registry:\n  family: test\n")


def decided(make: Make, parent: str | None = None) -> AdapterVersion:
    """The project's newest version, with a decision on it."""
    adapter, folder = make("b" if parent else "a")
    adapter = adapter.model_copy(update={"dataset": DATASET.digest, "parent": parent})
    with Registry.here() as registry:
        version = registry.submit(adapter, folder, "made", DATASET)
        evidence = evidence_of(adapter.files, None)
        decision = decision_on(evidence, Verdict.PROMOTE)
        keep_decision(registry, version.number, decision, evidence)
    return version


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_where_an_export_is_reads_as_a_plain_path(
    make_adapter: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    decided(make_adapter)
    export_version(1, Path("near/../out"))
    assert f"is in {Path('out').resolve()}" in capsys.readouterr().out


def test_an_export_is_the_adapter_with_its_card_and_what_its_decision_rests_on(
    make_adapter: Make,
) -> None:
    version = decided(make_adapter)
    export_version(1, Path("out/adapter"))
    out = Path("out/adapter")
    assert names(out) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "decision.json",
        "evidence.json",
        "policy.json",
    ]
    assert (out / "adapter_model.safetensors").read_bytes() == b"a"
    assert "# test v1" in (out / "README.md").read_text()
    decision = Decision.read(out / "decision.json")
    assert decision.pins and decision.pins.challenger == version.adapter.files
    assert Evidence.read(out / "evidence.json").digest == decision.evidence
    assert names(Path("out")) == ["adapter", *(f"adapter/{name}" for name in names(out))]


def test_a_chat_template_that_the_base_has_from_the_project_goes_along(make_adapter: Make) -> None:
    adapter, folder = make_adapter("a")
    base = adapter.base.model_copy(update={"own_template": "{{ messages }}"})
    adapter = adapter.model_copy(update={"base": base, "dataset": DATASET.digest})
    with Registry.here() as registry:
        registry.submit(adapter, folder, "made", DATASET)
    export_version(1, Path("out"))
    assert Path("out/chat_template.jinja").read_text() == "{{ messages }}"
    card = Path("out/README.md").read_text()
    assert (
        'tokenizer.chat_template = open("path/to/this/folder/chat_template.jinja").read()' in card
    )
    assert "--chat-template" in card


def test_the_index_that_a_version_is_pinned_to_goes_along(make_adapter: Make) -> None:
    INDEX_FILES.mkdir(parents=True)
    (INDEX_FILES / "passages.jsonl").write_text("{}")
    adapter, folder = make_adapter("a")
    pinned = {"index": digest_folder(INDEX_FILES), "dataset": DATASET.digest}
    with Registry.here() as registry:
        registry.submit(adapter.model_copy(update=pinned), folder, "made", DATASET)
    export_version(1, Path("out"))
    assert digest_folder(Path("out/index")) == pinned["index"]


def test_an_export_writes_into_an_empty_folder_and_into_no_other(make_adapter: Make) -> None:
    decided(make_adapter)
    Path("empty").mkdir()
    export_version(1, Path("empty"))
    before = names(Path("empty"))
    with pytest.raises(InputError, match="empty: is not empty: name a new folder"):
        export_version(1, Path("empty"))
    assert names(Path("empty")) == before
    with pytest.raises(InputError, match=r"params.yaml: is no folder"):
        export_version(1, Path("params.yaml"))
    with pytest.raises(InputError, match=r"params.yaml/out: (Not a directory|File exists)"):
        export_version(1, Path("params.yaml/out"))


def test_a_flipped_byte_leaves_no_export_behind(make_adapter: Make) -> None:
    decided(make_adapter)
    with Registry.here() as registry:
        files = registry.artifacts.manifest(registry.version(1).adapter.files)
        blob = files["adapter_model.safetensors"]
        Path(registry.artifacts.blobs.location, blob[:2], blob).write_bytes(b"b")
    before = names(Path())
    with pytest.raises(IncumbentError, match="damaged: its bytes no longer have its digest"):
        export_version(1, Path("out"))
    assert names(Path()) == before


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE versions SET record = replace(record, 'tester', 'Tester')",
        "UPDATE events SET record = replace(record, 'because', 'becauze')",
        "UPDATE events SET number = 2 WHERE kind = 'submit'",
        "DELETE FROM events WHERE kind = 'submit'",
    ],
)
def test_a_version_whose_row_or_events_were_changed_is_not_exported(
    tampering: str, make_adapter: Make
) -> None:
    decided(make_adapter)
    with Registry.here() as registry, registry.engine.begin() as connection:
        assert connection.execute(text(tampering)).rowcount > 0
    before = names(Path())
    with pytest.raises(IncumbentError, match="`incumbent registry verify` tells more"):
        export_version(1, Path("out"))
    assert names(Path()) == before


def test_a_deleted_version_is_not_exported_with_or_without_its_tombstone(
    make_adapter: Make,
) -> None:
    decided(make_adapter)
    with Registry.here() as registry:
        registry.delete(1, "harmful")
        with pytest.raises(InputError, match="test v1 was deleted"):
            export_version(1, Path("out"))
        with registry.engine.begin() as connection:
            connection.execute(text("UPDATE versions SET deleted = FALSE"))
    with pytest.raises(IncumbentError, match="test v1 was deleted"):
        export_version(1, Path("out"))


def test_an_export_carries_a_signature_that_others_can_check(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifying = pytest.importorskip("model_signing").verifying
    public = make_keys(Path("key"))
    monkeypatch.setenv("INCUMBENT_SIGNING_KEY", "key")
    settings = f"registry: {{family: test, public_keys: [{public}], require_signature: true}}"
    Path("params.yaml").write_text(settings)
    decided(make_adapter)
    export_version(1, Path("out"))
    config = verifying.Config().use_elliptic_key_verifier(public_key=public)
    config.set_ignore_unsigned_files(True)
    config.verify(Path("out"), Path("out/model.sig"))
    statement = json.loads(Path("out/statement.json").read_bytes())
    assert statement["decision"] == Decision.read(Path("out/decision.json")).digest
    Path("out/adapter_config.json").write_text("{} ")
    with pytest.raises(ValueError, match="Hash mismatch"):
        config.verify(Path("out"), Path("out/model.sig"))


def test_what_must_be_signed_and_is_not_stays_here(make_adapter: Make) -> None:
    pytest.importorskip("model_signing")
    decided(make_adapter)
    settings = f"{{family: test, public_keys: [{make_keys(Path('key'))}], require_signature: true}}"
    Path("params.yaml").write_text(f"registry: {settings}")
    with pytest.raises(IncumbentError, match="test v1 is not signed, and must be"):
        export_version(1, Path("out"))
    assert not Path("out").exists()


def test_the_lineage_names_the_version_that_training_started_from(
    make_adapter: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    first = decided(make_adapter)
    decided(make_adapter, parent=first.adapter.files)
    with Registry.here() as registry:
        print_json(dumped(trace(registry, 2)))
    shown = json.loads(capsys.readouterr().out)
    assert shown["parent"] == "test v1"
    assert shown["dataset"]["rows"] == "1" * 64
    assert shown["signature"] is None
    assert [event["kind"] for event in shown["history"]] == ["submit", "open", "decide"]


@pytest.mark.slow
def test_exports_load_in_peft_and_transformers_and_answer_alike(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = pin(ModelChoice(model=str(tiny_base)), "base")
    folder = Path("adapter")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.bfloat16)
    config = LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(folder)
    (folder / "README.md").unlink()
    adapter = Adapter(
        files=digest_folder(folder), base=base, recipe="c" * 64, dataset=DATASET.digest
    )
    with Registry.here() as registry:
        registry.submit(adapter, folder, "made", DATASET)
    export_version(1, Path("out"))
    with Path("params.yaml").open("a") as params:
        params.write("base: {precision: bfloat16}\n")
    export_version(1, Path("whole"), Outgoing("merged"))

    tokenizer = AutoTokenizer.from_pretrained("whole")
    asked = tokenizer("The capital of France is", return_tensors="pt")
    bare = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    merged = AutoModelForCausalLM.from_pretrained("whole")
    assert merged.dtype == torch.bfloat16
    assert {path.suffix for path in Path("whole").iterdir()} <= {
        ".json",
        ".jinja",
        ".md",
        ".safetensors",
        ".txt",
    }
    with torch.inference_mode():
        alone = bare(**asked).logits
        both = PeftModel.from_pretrained(bare, "out")(**asked).logits
        whole = merged.float()(**asked).logits
    moved = (both - alone).norm()
    assert (whole - both).norm() < 0.05 * moved
    size = Path("whole/model.safetensors").stat().st_size
    assert size < 1.1 * (tiny_base / "model.safetensors").stat().st_size
