"""Which bases stage `base` refuses before anything is loaded, and a chat template of one's own."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from project.chat_template import with_template
from project.errors import IncumbentError, InputError
from project.model_pins import BaseChoice, absent, end_tokens, locate, pin, pinned_folder
from project.records.adapters import ModelPin
from project.settings import PARAMS
from tests.architectures import ARCHITECTURES, save_tokenizer
from tests.conftest import NUMERICS, ROOT
from training.base import answers_here, prepare
from training.model.usable_base import refuse_too_large, stored_weights

TEMPLATE = (
    "{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
GIB = 1 << 30


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A base that was not tuned to answer: it has no chat template."""
    folder = tmp_path / "plain"
    save_tokenizer(ARCHITECTURES["qwen-2"], folder)
    (folder / "chat_template.jinja").unlink()
    save_file({"a": np.zeros((10, 20), np.float16)}, folder / "model.safetensors")
    configure(folder)
    return folder


def configure(folder: Path, **changed: Any) -> None:
    config = {"model_type": "qwen2", "eos_token_id": 1} | changed
    (folder / "config.json").write_text(json.dumps(config))


def choice(folder: Path, template: str | None = None) -> BaseChoice:
    if template is not None:
        Path("own.jinja").write_text(template)
    return BaseChoice(model=str(folder), chat_template="own.jinja" if template else None)


# --- what is refused ----------------------------------------------------------------------------


def test_without_a_chat_template_one_is_asked_for(plain: Path) -> None:
    with pytest.raises(InputError, match=r"plain: base\.model: has no chat template") as refused:
        prepare(choice(plain))
    assert "set base.chat_template to a file" in str(refused.value)
    assert "docs/how-to/base-models.md" in str(refused.value)


def test_code_that_comes_with_a_base_is_never_run(plain: Path) -> None:
    code = plain / "modeling_own.py"
    code.write_text("from pathlib import Path\nPath('it-ran').touch()\n")
    own = {"AutoConfig": "modeling_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    configure(plain, model_type="own", auto_map=own)
    with pytest.raises(InputError, match=r"base\.model: brings code of its own .* \(own\)"):
        prepare(choice(plain, TEMPLATE))
    assert not Path("it-ran").exists()


def test_a_base_that_transformers_knows_is_taken_without_its_code(plain: Path) -> None:
    configure(plain, auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    prepare(choice(plain, TEMPLATE))


def test_no_line_of_ours_trusts_remote_code() -> None:
    ours = [
        path
        for name in ("project", "training", "evaluation", "curation", "monitoring")
        for path in (ROOT / name).rglob("*.py")
    ]
    ours += [*(ROOT / "incumbent").rglob("*.py"), *(ROOT / "registry").rglob("*.py")]
    assert not [path for path in ours if "trust_remote_code" in path.read_text()]


@pytest.mark.parametrize("kind", ["bert-of-ours", "t5", None])
def test_what_is_no_causal_language_model_is_refused(kind: str | None, plain: Path) -> None:
    configure(plain, model_type=kind)
    with pytest.raises(InputError, match=rf"is no causal language model .* \({kind}\)"):
        prepare(choice(plain, TEMPLATE))


def test_weights_that_may_run_code_are_refused_with_the_way_to_safetensors(plain: Path) -> None:
    (plain / "model.safetensors").rename(plain / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no \*\.safetensors weights, only pytorch_model\.bin"):
        prepare(choice(plain, TEMPLATE))


def test_a_folder_that_holds_no_model_is_refused(plain: Path) -> None:
    (plain / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: base\.model: cannot be read"):
        prepare(choice(plain, TEMPLATE))


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ messages | nonsense }}", "cannot be filled in: No filter named 'nonsense'"),
        ("{% if %}", "cannot be filled in"),
        ("{{ raise_exception('no') }}", "cannot be filled in: no"),
        ("Hello.", "does not put an answer behind what it makes of the question"),
        (TEMPLATE.replace("Assistant:", "Answer:"), "does not put an answer behind"),
        (TEMPLATE.replace("eos_token", "'###'"), r"end an answer with <\|im_end\|>, where"),
    ],
)
def test_a_template_that_does_not_work_is_refused(template: str, problem: str, plain: Path) -> None:
    with pytest.raises(InputError, match=rf"own\.jinja: base\.chat_template: .*{problem}"):
        prepare(choice(plain, template))


def test_the_templates_of_the_documentation_work(plain: Path) -> None:
    any_base, chatml = re.findall(
        r"```jinja\n(.*?)```", (ROOT / "docs/how-to/base-models.md").read_text(), re.DOTALL
    )
    prepare(choice(plain, chatml))
    for name, made in ARCHITECTURES.items():
        save_tokenizer(made, plain)
        (plain / "chat_template.jinja").unlink()
        assert prepare(choice(plain, any_base)).is_dir(), name


@pytest.mark.parametrize(("text", "problem"), [(None, "No such file"), ("  \n", "is empty")])
def test_a_template_that_is_not_there_is_told(text: str | None, problem: str, plain: Path) -> None:
    if text:
        Path("own.jinja").write_text(text)
    with pytest.raises(InputError, match=rf"own\.jinja: base\.chat_template: .*{problem}"):
        prepare(BaseChoice(model=str(plain), chat_template="own.jinja"))


def test_weights_that_exceed_the_memory_are_told_with_what_fits(plain: Path) -> None:
    assert stored_weights(plain) == 200
    refuse_too_large(plain, NUMERICS, 800)
    with pytest.raises(InputError, match=r"its 0\.0B weights take .* in float32") as refused:
        refuse_too_large(plain, NUMERICS, 400)
    assert "what fits: base.precision: bfloat16 (" in str(refused.value)
    with pytest.raises(InputError, match=r"what fits: a base of at most 0\.0B weights"):
        refuse_too_large(plain, NUMERICS, 300)


def test_weights_are_counted_once_though_they_lie_there_for_two_programs(plain: Path) -> None:
    save_file({"a": np.zeros((10, 20), np.float16)}, plain / "consolidated.safetensors")
    assert stored_weights(plain) == 200
    (plain / "model.safetensors").rename(plain / "model-00001-of-00001.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (plain / "model.safetensors.index.json").write_text(json.dumps(index))
    assert stored_weights(plain) == 200


@pytest.mark.parametrize("data", [b"no weights", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_file_that_holds_no_weights_is_told(data: bytes, plain: Path) -> None:
    (plain / "model.safetensors").write_bytes(data)
    with pytest.raises(InputError, match=r"model\.safetensors: .*is no safetensors file"):
        stored_weights(plain)


def test_a_base_stops_where_its_configuration_says(plain: Path) -> None:
    assert end_tokens(plain) == [1]
    (plain / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 3]}))
    assert end_tokens(plain) == [1, 3]


# --- a template of one's own --------------------------------------------------------------------


def test_it_is_pinned_with_the_base_and_the_base_stays_as_it_is(plain: Path) -> None:
    before = sorted(path.name for path in plain.iterdir())
    prepare(choice(plain, TEMPLATE))
    pinned = pin(choice(plain, TEMPLATE), "base")
    assert (pinned.model, pinned.own_template) == (str(plain), TEMPLATE)
    assert pinned.chat_template is not None
    assert pin(choice(plain, f"{TEMPLATE} "), "base").chat_template != pinned.chat_template
    assert pin(choice(plain, TEMPLATE), "base") == pinned
    assert sorted(path.name for path in plain.iterdir()) == before
    assert "own_template" not in pin(choice(plain), "base").canonical().decode()


def test_what_was_pinned_is_found_again_without_the_file_and_the_setting(
    plain: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pinned = pin(choice(plain, TEMPLATE), "base")
    Path("own.jinja").unlink()
    monkeypatch.setenv("INCUMBENT_HOME", str(tmp_path / "another-machine"))
    again = ModelPin.model_validate_json(pinned.canonical())
    assert absent(again) is None
    folder = pinned_folder(again, "base")
    assert (folder / "chat_template.jinja").read_text() == TEMPLATE
    assert (folder / "model.safetensors").resolve() == plain / "model.safetensors"


def test_changed_weights_behind_the_links_are_seen(plain: Path) -> None:
    pinned = pin(choice(plain, TEMPLATE), "base")
    save_file({"a": np.ones((10, 20), np.float16)}, plain / "model.safetensors")
    assert "are not those that were pinned" in str(absent(pinned))
    with pytest.raises(IncumbentError, match="changed since they were pinned"):
        pinned_folder(pinned, "base")


def test_it_takes_the_place_of_one_that_the_base_has_wherever_that_is(plain: Path) -> None:
    from transformers import AutoTokenizer

    config = json.loads((plain / "tokenizer_config.json").read_bytes())
    (plain / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "theirs"}))
    (plain / "chat_template.jinja").write_text("theirs too")
    folder = locate(choice(plain, TEMPLATE), "base")
    assert AutoTokenizer.from_pretrained(folder).chat_template == TEMPLATE
    assert "chat_template" not in json.loads((folder / "tokenizer_config.json").read_bytes())


def test_links_that_lead_nowhere_are_made_again(plain: Path) -> None:
    folder = with_template(plain, TEMPLATE)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("gone")
    assert with_template(plain, TEMPLATE) == folder
    assert (folder / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("generation", "here"),
    [
        ("", True),
        ("{backend: vllm, url: 'http://gpu:8000/v1'}", False),
        ("{backend: llama.cpp}", True),
    ],
)
def test_a_server_that_answers_has_the_memory(generation: str, here: bool) -> None:
    PARAMS.write_text(f"evaluation: {{generation: {generation}}}" if generation else "")
    assert answers_here() is here
