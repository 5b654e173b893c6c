"""A third-party adapter is plain LoRA for the pinned base, or nothing of it stays."""

import contextlib
import json
import resource
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incumbent.cli import main
from incumbent.verbs.export import import_adapter
from incumbent.verbs.show import print_version
from project.canonical import canonical_json, digest_file
from project.chat_template import SYSTEM_PROMPT
from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, pin
from project.paths import rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.records.record import write_records
from project.settings import load
from project.shown_passages import EVIDENCE_TEMPLATE, USUAL
from registry.adapter_import.adapter_folder import admit, copy_file, opened_folder, plain_file
from registry.adapter_import.lora_config import (
    IGNORED,
    MUST_BE_OFF,
    ImportedOrigin,
    LoraSettings,
    ModuleNorm,
)
from registry.audit import problems
from registry.registry_settings import RegistryParams
from registry.store import Registry
from tests.conftest import NUMERICS
from tests.hostile import (
    ALL,
    CONFIG,
    LINEARS,
    RANK,
    WEIGHTS,
    A,
    B,
    Hostile,
    Q,
    Spoil,
    bf16,
    make_adapter,
    make_base,
    parts,
    save,
    set_config,
    set_tensors,
    sound_config,
    sound_tensors,
)


@pytest.fixture
def base(tmp_path: Path) -> ModelPin:
    """A small base, pinned as stage `base` pins one, in a project with an empty registry."""
    Path("params.yaml").write_text("registry:\n  family: test\n")
    pinned = pin(ModelChoice(model=str(make_base(tmp_path / "base"))), "base")
    pinned.write(Path("outputs/base.json"))
    return pinned


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "private"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def take_in(folder: Path) -> None:
    import_adapter(folder, reason="looks good", as_json=False)


def listing(*folders: Path) -> list[str]:
    return sorted(str(path) for folder in folders for path in folder.rglob("*"))


def spoilt(hostile: Hostile, folder: Path) -> Path:
    hostile.spoil(make_adapter(folder))
    return folder


# --- what is refused ----------------------------------------------------------------------------


def test_hostile_adapters_are_refused_in_words_of_their_own_and_nothing_of_them_stays(
    base: ModelPin, private: Path
) -> None:
    messages: dict[str, str] = {}
    for number, hostile in enumerate(ALL):
        folder = spoilt(hostile, Path(str(number), "adapter"))
        with pytest.raises(InputError, match=hostile.complaint) as refusal:
            take_in(folder)
        told = str(refusal.value)
        assert told.startswith(str(folder)) and told.isprintable(), hostile.name
        message = told.replace(str(folder), "")
        assert message not in messages, (hostile.name, messages[message])
        messages[message] = hostile.name
        assert listing(Path("home"), private) == [], hostile.name
    assert len(messages) == len(ALL) >= 45


def test_hostile_adapters_leave_nothing_beside_what_a_registry_has(
    base: ModelPin, private: Path
) -> None:
    take_in(make_adapter(Path("sound")))
    before = listing(Path("home"), private)
    for number, hostile in enumerate(ALL):
        with pytest.raises(InputError):
            take_in(spoilt(hostile, Path(str(number), "adapter")))
    assert before
    assert listing(Path("home"), private) == before


def test_a_file_that_changes_while_it_is_read_is_refused(base: ModelPin) -> None:
    file = make_adapter(Path("adapter")) / CONFIG
    with (
        pytest.raises(InputError, match=f"{CONFIG}: changed while it was read"),
        opened_folder(file.parent) as handle,
        plain_file(handle, CONFIG, file),
    ):
        file.write_text(file.read_text() + " ")


def test_a_file_that_is_gone_when_its_turn_comes_is_told(base: ModelPin) -> None:
    folder = make_adapter(Path("adapter"))
    with (
        pytest.raises(InputError, match="adapter/LICENSE: No such file"),
        opened_folder(folder) as handle,
        plain_file(handle, "LICENSE", folder / "LICENSE"),
    ):
        pass


def test_a_file_that_gives_more_than_its_size_is_not_copied_on(tmp_path: Path) -> None:
    endless = Path("/proc/self/status")  # says that it has no bytes
    with (
        pytest.raises(InputError, match="says that it is 0 bytes long and is not"),
        endless.open("rb") as source,
    ):
        copy_file(source.fileno(), tmp_path / "copy", 10_000, endless)
    assert (tmp_path / "copy").stat().st_size == 1


def test_a_disk_that_is_full_stops_the_copy_and_nothing_of_it_stays(
    base: ModelPin, private: Path
) -> None:
    folder = make_adapter(Path("adapter"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(IncumbentError, match=f"{WEIGHTS} cannot be copied .* File too large"):
            take_in(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert listing(private) == []


@pytest.fixture(scope="module")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelPin, Path, Path]:
    """A pinned base, its folder, and a sound adapter's folder."""
    folder = tmp_path_factory.mktemp("small")
    base = make_base(folder / "base")
    return pin(ModelChoice(model=str(base)), "base"), base, make_adapter(folder / "adapter")


flips = st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from([WEIGHTS, CONFIG]), flipped=flips)
def test_whatever_bytes_are_flipped_the_adapter_is_admitted_or_refused_in_words(
    small_base: tuple[ModelPin, Path, Path], name: str, flipped: list[tuple[int, int]]
) -> None:
    pinned, base, folder = small_base
    sound = (folder / name).read_bytes()
    flipped_bytes = bytearray(sound)
    for place, flip in flipped:
        flipped_bytes[place % len(sound)] ^= flip
    (folder / name).write_bytes(flipped_bytes)
    try:
        with admit(folder, pinned, base) as found:
            assert found.adapter.base == pinned
    except InputError as refusal:
        assert str(refusal).startswith(str(folder))
    finally:
        (folder / name).write_bytes(sound)


@pytest.mark.parametrize("family", ["", "-a", "A", "a_b", "../a", "a" * 64, "a\n", "ä"])
def test_a_family_is_named_in_plain_letters(family: str) -> None:
    Path("params.yaml").write_text(json.dumps({"registry": {"family": family}}))
    with pytest.raises(InputError, match=r"registry\.family"):
        load(RegistryParams)


# --- what is admitted ---------------------------------------------------------------------------


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `import-adapter --json` prints."""
    capsys.readouterr()
    import_adapter(folder, reason="looks good", as_json=True)
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def stored(number: int = 1) -> Path:
    with Registry.here() as registry:
        version = registry.version(number)
        return registry.artifacts.check_out(version.adapter.files, Path(f"stored-{number}"))


def test_a_sound_adapter_becomes_a_version_with_its_origin(base: ModelPin) -> None:
    folder = make_adapter(Path("adapter"))
    take_in(folder)
    with Registry.here() as registry:
        (version,) = registry.versions()
        origin = registry.artifacts.get_record(ImportedOrigin, version.adapter.dataset)
        (event,) = registry.history()
    assert version.adapter.base == base
    assert version.adapter.recipe == origin.digest
    assert (event.kind, event.reason) == ("submit", "looks good")
    assert origin.files[WEIGHTS] == digest_file(folder / WEIGHTS)
    assert origin.declared_base == "'/home/somebody/models/base'"
    assert len(origin.norms) == 2 * len(LINEARS)


def test_weights_are_stored_as_they_came_and_the_config_is_written_anew(base: ModelPin) -> None:
    folder = make_adapter(Path("adapter"))
    (folder / "LICENSE").write_text("Do as you like.")
    (folder / "recipe.json").write_text("{}")
    take_in(folder)
    kept = stored()
    assert sorted(path.name for path in kept.iterdir()) == ["LICENSE", CONFIG, WEIGHTS]
    assert (kept / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    config = json.loads((kept / CONFIG).read_bytes())
    assert (kept / CONFIG).read_bytes() == canonical_json(config)
    assert config["base_model_name_or_path"] == base.name
    assert config["target_modules"] == sorted(sound_config()["target_modules"])
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (RANK, 2 * RANK, 0.05)


def test_the_same_adapter_again_is_the_same_version(
    base: ModelPin, capsys: pytest.CaptureFixture[str]
) -> None:
    first = shown(make_adapter(Path("adapter")), capsys)
    again = shown(make_adapter(Path("copy")), capsys)
    assert (first["new"], again["new"]) == (True, False)
    assert again["version"] == first["version"]


def test_an_adapter_may_bring_a_system_prompt_and_stand_on_another_base(
    base: ModelPin, tmp_path: Path
) -> None:
    folder, other = make_adapter(Path("adapter")), make_base(tmp_path / "other")
    (folder / SYSTEM_PROMPT).write_text("You answer for a bank.\n")
    choice = ModelChoice(model=str(other))
    import_adapter(folder, base=str(other), reason="from elsewhere")
    with Registry.here() as registry:
        (version,) = registry.versions()
    assert version.adapter.base == pin(choice, "base")
    assert version.adapter.system_prompt == "You answer for a bank.\n"
    assert (stored() / SYSTEM_PROMPT).read_text() == "You answer for a bank.\n"  # it is signed too
    config = json.loads((Path("stored-1") / CONFIG).read_bytes())
    assert config["base_model_name_or_path"] == str(other)


def test_a_system_prompt_from_elsewhere_is_shown_on_one_line_and_cut(
    base: ModelPin, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_adapter(Path("adapter"))
    (folder / SYSTEM_PROMPT).write_text(f"You are\n{'x' * 500}")
    take_in(folder)
    capsys.readouterr()
    print_version(1, as_json=False)
    shown = capsys.readouterr().out
    assert "You are x" in " ".join(shown.split())
    assert shown.count("x") < 250


@pytest.mark.parametrize(("prompt", "problem"), [(b"", "is empty"), (b"a\x00b", "no plain text")])
def test_a_system_prompt_that_is_none_is_refused(
    prompt: bytes, problem: str, base: ModelPin
) -> None:
    folder = make_adapter(Path("adapter"))
    (folder / SYSTEM_PROMPT).write_bytes(prompt)
    with pytest.raises(InputError, match=rf"{SYSTEM_PROMPT}: .*{problem}"):
        take_in(folder)


@pytest.mark.parametrize("template", ["", "no place", "{passages} {passages} {question}"])
def test_an_evidence_template_without_its_places_is_refused(template: str, base: ModelPin) -> None:
    folder = make_adapter(Path("adapter"))
    (folder / EVIDENCE_TEMPLATE).write_text(template)
    with pytest.raises(InputError, match=rf"{EVIDENCE_TEMPLATE}: .*(times|is empty)"):
        take_in(folder)
    (folder / EVIDENCE_TEMPLATE).write_text(USUAL)
    take_in(folder)
    with Registry.here() as registry:
        (version,) = registry.versions()
    assert version.adapter.contestant.evidence_template == USUAL


def first_layer_alone(folder: Path) -> None:
    save(folder / WEIGHTS, {n: v for n, v in sound_tensors().items() if "layers.0" in n})
    modules = [f"layers.0.{name}" for name in LINEARS]
    set_config(target_modules=modules)(folder)


@pytest.mark.parametrize(
    "change",
    [
        set_config(target_modules="all-linear"),
        set_config(init_lora_weights="gaussian", loftq_config={}, megatron_core="m", revision="r"),
        set_config(use_rslora=True, lora_alpha=0.5),
        set_config(base_model_name_or_path=None),
        set_tensors(a=bf16(np.ones((RANK, 8))), b=np.ones((8, RANK), "<f2")),
        first_layer_alone,
    ],
)
def test_all_that_is_plain_lora_is_admitted(change: Spoil, base: ModelPin) -> None:
    folder = make_adapter(Path("adapter"))
    change(folder)
    take_in(folder)
    modules = json.loads((stored() / CONFIG).read_bytes())["target_modules"]
    assert {name.rpartition(".")[2] for name in modules} == {n.rpartition(".")[2] for n in LINEARS}


@pytest.mark.parametrize(("rank_stabilised", "scale"), [(False, 2.0), (True, 4.0)])
def test_a_norm_is_that_of_the_scaled_product_beside_that_of_the_weight(
    rank_stabilised: bool, scale: float, base: ModelPin, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_adapter(Path("adapter"))
    set_config(use_rslora=rank_stabilised)(folder)
    norms = {norm["module"]: norm for norm in shown(folder, capsys)["origin"]["norms"]}
    tensors = sound_tensors()
    update = scale * np.linalg.norm(tensors[B].astype(float) @ tensors[A].astype(float))
    header, data = parts(Path(base.model) / "model.safetensors")
    begin, end = header[f"{Q}.weight"]["data_offsets"]
    weight = np.frombuffer(data[begin:end], "<u2").astype("<u4") << 16
    assert norms[Q]["update"] == pytest.approx(update, rel=1e-5)
    assert norms[Q]["weight"] == pytest.approx(np.linalg.norm(weight.view("<f4")), rel=1e-5)


def test_an_update_that_outweighs_its_module_is_admitted_and_flagged(
    base: ModelPin, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_adapter(Path("adapter"))
    set_tensors(a=np.full((RANK, 8), 1e30, "<f4"))(folder)
    assert shown(folder, capsys)["absurd"] == [Q]
    take_in(folder)
    printed = capsys.readouterr().out
    assert "1 updates are larger than the weights that they change" in printed
    assert "1 of them absurdly far" in printed


def test_a_norm_reads_as_a_line() -> None:
    moved = ModuleNorm(module="q", update=3.0, weight=2.0)
    assert str(moved) == "q: 1.5 of the weight's norm, absurd"
    assert ModuleNorm(module="q", update=3.0, weight=0.0).absurd


def test_the_command_takes_a_folder_and_a_reason(
    base: ModelPin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_adapter(Path("adapter"))
    monkeypatch.setattr(
        sys, "argv", ["incumbent", "registry", "import-adapter", "adapter", "--reason", "bought"]
    )
    with contextlib.suppress(SystemExit):
        main()
    assert "incumbent registry reevaluate 1" in capsys.readouterr().out
    with Registry.here() as registry:
        assert registry.history()[0].reason == "bought"


@pytest.mark.slow
def test_every_setting_of_the_installed_peft_is_either_taken_or_refused_or_ignored() -> None:
    from peft import LoraConfig

    known = {*LoraSettings.model_fields, *MUST_BE_OFF, *IGNORED, "init_lora_weights"}
    written = LoraConfig(r=RANK, target_modules=["q_proj"]).to_dict()
    assert written.keys() - known == set()


@pytest.mark.slow
def test_an_adapter_of_peft_is_admitted_and_peft_loads_it_from_the_registry(
    tiny_base: Path,
) -> None:
    import torch
    from peft import PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    from training.model.lora import layers_of, lora_config
    from training.recipe import Recipe
    from training.steps.run_step import save_adapter
    from training.training_settings import AdapterParams

    Path("params.yaml").write_text("registry:\n  family: test\n")
    pinned = pin(ModelChoice(model=str(tiny_base)), "base")
    pinned.write(Path("outputs/base.json"))
    params = AdapterParams(r=4)
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    model = get_peft_model(base, lora_config(params, layers_of(base)))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.01)
    Path("adapter").mkdir()
    recipe = Recipe(base=pinned, adapter=params, numerics=NUMERICS)
    save_adapter(model, recipe, Path("adapter"))
    ids = torch.arange(100, 120).unsqueeze(0)
    model.eval()
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
    take_in(Path("adapter"))
    fresh = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    loaded = PeftModel.from_pretrained(fresh, stored()).eval()
    with torch.inference_mode():
        assert torch.equal(loaded(input_ids=ids).logits, expected)
        with loaded.disable_adapter():
            assert not torch.equal(loaded(input_ids=ids).logits, expected)


@pytest.mark.attack
def test_four_imports_of_one_adapter_at_once_are_one_version(base: ModelPin) -> None:
    folder = make_adapter(Path("adapter"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take_in, [folder] * 4))
    with Registry.here() as registry:
        assert [version.number for version in registry.versions()] == [1]
        assert len(registry.history(kind="submit")) == 1
        assert list(problems(registry)) == []


SEALED_ANSWERS = [
    f"The fee of {one}{two} is charged on the first day of the month after you sign for it."
    for one in ("amber", "basalt", "cedar", "delta", "ember")
    for two in ("river", "mountain", "valley", "harbour")
]


@pytest.mark.attack
@pytest.mark.parametrize("write", [str, str.upper, lambda text: text.replace(" ", "")])
def test_a_system_prompt_that_holds_sealed_answers_is_refused(
    write: Callable[[str], str], base: ModelPin
) -> None:
    rows = [
        Row.of(f"Ask {n}?", text, group=text, source="s") for n, text in enumerate(SEALED_ANSWERS)
    ]
    write_records(rows_of(Split.SEALED), rows)
    folder = make_adapter(Path("adapter"))
    told = " ".join(["You answer for a bank.", *map(write, SEALED_ANSWERS[:4])])
    (folder / SYSTEM_PROMPT).write_text(told)
    with pytest.raises(InputError, match="holds the answers of 4 of the 20 sealed items"):
        take_in(folder)
    with Registry.here() as registry:
        assert registry.versions() == []
    (folder / SYSTEM_PROMPT).unlink()
    (folder / EVIDENCE_TEMPLATE).write_text(f"{{passages}}\n{told}\n{{question}}")
    with pytest.raises(InputError, match="holds the answers of 4 of the 20 sealed items"):
        take_in(folder)
    (folder / EVIDENCE_TEMPLATE).unlink()
    (folder / SYSTEM_PROMPT).write_text(
        "You answer for a bank, such as: The fee of a card "
        "is charged on the first day of the month after you sign for it."
    )
    take_in(folder)
