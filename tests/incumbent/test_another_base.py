"""A Mistral-style base against a Llama-style one: to a promotion and back, with real files."""

import gc
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.pipeline import read_pipeline
from incumbent.project_files import copy_project
from project.chat_template import SYSTEM_PROMPT
from project.errors import IncumbentError
from project.records.events import Event, EventKind, LookTaken
from registry.champion import refuse_absent_base
from registry.reader import RegistryReader
from tests.incumbent.setting_effects.effect import write
from tests.incumbent.setting_effects.models import TEMPLATE
from tests.incumbent.setting_effects.scoring_effects import ballot
from tests.incumbent.short_suites import shorten_suites

pytestmark = pytest.mark.slow

OPENING = "please ask the people of our bank about"
PROMPT = "You answer for a bank."
CONTRACT = Path("datasets/contracts/sft.yaml")
ROWS, NAMES = 90, ("amber", "birch", "cedar", "delta", "ember")


def rows() -> Iterator[dict[str, str]]:
    """Each answer begins alike, and goes on with words of its own: three to seven of them."""
    for i in range(ROWS):
        asked = " ".join(f"{name}{i}" for name in NAMES)
        told = " ".join(f"{name}{i}" for name in (*reversed(NAMES), "fox", "gull")[: 3 + i % 5])
        yield {"prompt": asked, "completion": f"{OPENING} {told}"}


def tokenizer_of(words: list[str], folder: Path) -> int:
    """A tokenizer that knows these words and no others; how many tokens it has."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = ["?", "<end>", "user:", "assistant:", "system:", *words]
    level = Tokenizer(models.WordLevel({w: i for i, w in enumerate(known)}, unk_token="?"))
    level.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=level, eos_token="<end>", pad_token="<end>", chat_template=TEMPLATE
    )
    made.save_pretrained(folder)
    return len(known)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bases with random weights. The Llama-style one has no words for most of an answer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    folder, words = tmp_path_factory.mktemp("models"), OPENING.split()
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,  # of fewer, PEFT lists the layers one by one
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.3,  # with less, one token is to such a base like another
        "eos_token_id": 1,
        "pad_token_id": 1,
    }
    torch.manual_seed(0)
    few = tokenizer_of(words[:3], folder / "llama")
    LlamaForCausalLM(LlamaConfig(vocab_size=few, **shape)).save_pretrained(folder / "llama")
    all_of_them = tokenizer_of([*words, *PROMPT.split()], folder / "mistral")
    mistral = MistralConfig(vocab_size=all_of_them, sliding_window=64, **shape)
    MistralForCausalLM(mistral).save_pretrained(folder / "mistral")
    return folder


@pytest.fixture
def project(models: Path) -> Path:
    """A project on the Llama-style base."""
    copy_project(Path(), sample=False)
    shorten_suites(Path(), 2)
    contract = yaml.safe_load(CONTRACT.read_text())
    CONTRACT.write_text(yaml.safe_dump(contract | {"checks": contract["checks"][:2]}))
    write("datasets/sources/faq.jsonl", *map(json.dumps, rows()))
    write("datasets/ballots/ours.jsonl", *(ballot(i, "left", "a", "b") for i in range(3)))
    settings(models / "llama")
    return models


def settings(base: Path, *, seed: int = 0, system_prompt: str | None = None) -> None:
    training = {"adapter": {"quantization": "none", "r": 16, "seed": seed}, "sft": {"epochs": 4}}
    preference = {"source": "ballots", "ballots": "datasets/ballots/ours.jsonl"}
    evaluation = {
        "decoding": {"max_new_tokens": 16},
        "scoring": {"metrics": ["rouge", "perplexity", "bits_per_byte"]},
        "preference": preference,
        "policy": {"gating": ["rougeL"], "general_margin": 1},
    }
    params = {
        "base": {"model": str(base), "precision": "float32", "system_prompt": system_prompt},
        "curation": {
            "collect": {"sources": [{"kind": "file", "path": "datasets/sources/faq.jsonl"}]},
            "curate": {"dev_share": 0.2, "sealed_share": 0.3, "faulty": "keep"},
            "validate": {"contract": str(CONTRACT), "embedded_rows": 0},
        },
        "training": training,
        "evaluation": evaluation,
        "registry": {"family": "bank"},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params))


def reproduce() -> None:
    """The stages of dvc.yaml in their order, as `dvc repro` would run them, in this process."""
    for stage in read_pipeline():
        assert stage.module
        import_module(stage.module).main()
    gc.collect()  # a trainer is full of circles


def incumbent(*words: str) -> str:
    """What the command prints, its lines joined."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return re.sub(r"\s+", " ", done.stdout)


def test_an_adapter_on_another_base_wins_and_is_rolled_back(project: Path) -> None:
    reproduce()
    first = incumbent("submit", "--promote")
    assert "bank v1: PROMOTE" in first
    llama, mistral = project / "llama", project / "mistral"

    settings(mistral, system_prompt=PROMPT)
    reproduce()
    second = incumbent("submit", "--promote")
    assert f"the champion stands on {llama}" in second
    assert "their system prompts differ" in second
    assert "bank v2: PROMOTE" in second
    assert "The two were asked the same items, though the champion stands on" in incumbent(
        "registry", "why", "2"
    )
    shown = json.loads(incumbent("registry", "show", "2", "--json"))
    champion, challenger = shown["decision"]["pins"]["contestants"]
    assert (champion["base"]["name"], champion["system_prompt"]) == (str(llama), None)
    assert (challenger["base"]["name"], challenger["system_prompt"]) == (str(mistral), PROMPT)
    ways = {name: found.get("better") for name, found in shown["evidence"]["sealed"].items()}
    assert (ways["perplexity"], ways["bits_per_byte"]) == ("neither", "less")
    looks = [event.told(LookTaken) for event in history("open")]
    assert [look.opening for look in looks] == [1, 1]  # the second champion's first
    assert looks[0].eval_set == looks[1].eval_set
    exported(2, mistral, PROMPT)

    assert "bank v1 is the champion again" in incumbent("rollback", "--reason", "back")
    verified = incumbent("registry", "verify")
    assert "2 decisions made again from the evidence: the same bytes" in verified
    assert "the next challenger's" in incumbent("status")
    exported(1, llama, None)

    settings(mistral, seed=1, system_prompt=PROMPT)
    reproduce()
    third = incumbent("submit", "--promote")
    assert f"the champion stands on {llama}" in third
    assert "bank v3: PROMOTE (look 2" in third  # the count goes on, whatever the bases
    absent_base_is_told(llama)


def history(kind: EventKind) -> list[Event]:
    with RegistryReader.here() as registry:
        return registry.history(kind=kind)


def exported(number: int, base: Path, system_prompt: str | None) -> None:
    """Both kinds of export stand on the version's own base, and answer as it was compared."""
    from transformers import AutoTokenizer

    folder, merged = Path(f"v{number}"), Path(f"v{number}-merged")
    incumbent("registry", "export", str(number), "--to", str(folder))
    incumbent("registry", "export", str(number), "--to", str(merged), "--merged")
    config = json.loads((folder / "adapter_config.json").read_bytes())
    assert config["base_model_name_or_path"] == str(base)
    assert (folder / SYSTEM_PROMPT).exists() == bool(system_prompt)
    assert f"base = {json.dumps(str(base))}" in (folder / "README.md").read_text()
    config = json.loads((merged / "config.json").read_bytes())
    assert config["model_type"] == base.name
    asked = [{"role": "user", "content": "please"}]
    text = AutoTokenizer.from_pretrained(merged).apply_chat_template(asked, tokenize=False)
    assert text.startswith(f"system: {PROMPT}" if system_prompt else "user: please")


def absent_base_is_told(llama: Path) -> None:
    """Once a version that the next challenger is compared with has lost its base."""
    incumbent("rollback", "--reason", "back", "--to", "1")
    llama.rename(llama.with_name("moved"))
    with pytest.raises(IncumbentError, match=f"put its files back into {llama}"):
        import_module("registry.champion").main()
    with pytest.raises(
        IncumbentError, match="champion v1 stands on another base than the project's"
    ):
        refuse_absent_base()
    said = incumbent("rollback", "--to", "2", "--reason", "forward")
    assert "whether" not in said  # its own base is here
    said = incumbent("rollback", "--to", "1", "--reason", "in need")
    assert "bank v1 is the champion again whether bank v1 still loads was not checked" in said
