"""A start script works as it is: it is read by bash, and starts the engine with what was judged."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from evaluation.evaluation_settings import Decoding
from project.chat_template import TEMPLATE
from serving.exporting.start_scripts import PROGRAM, SCRIPT, Form, StartScript, write_script

HOSTILE = "it's `id`; $(touch owned) \"}\n"
PROGRAMS = ("vllm", "llama-server", "python3")
SHOW = """#!/usr/bin/env python3
import json, os, sys
print(json.dumps([sys.argv[1:], os.environ.get("BASE")]))
"""


def start(**changes: Any) -> StartScript:
    usual = StartScript("bank v1", "bank-v1", "org/base", None, "bfloat16", Decoding(), 2048)
    return usual._replace(**changes)


@pytest.fixture
def folder() -> Path:
    """An export, in a folder whose name has a space."""
    made = Path("an export").resolve()
    made.mkdir()
    (made / "adapter_config.json").write_text(json.dumps({"r": 12, "rank_pattern": {"q": 20}}))
    return made


def started(folder: Path, *options: str, **environment: str) -> tuple[list[str], str | None]:
    """What the engine is started with, and its $BASE."""
    programs = Path("programs").resolve()
    programs.mkdir(exist_ok=True)
    for name in PROGRAMS:
        (programs / name).write_text(SHOW.replace("/usr/bin/env python3", sys.executable))
        (programs / name).chmod(0o755)
    paths = {"PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [folder / SCRIPT, *options], env=paths | environment, capture_output=True, check=True
    )
    words, base = json.loads(done.stdout)
    return words, base


def value(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_vllm_serves_the_adapter_on_its_base_as_it_was_judged(folder: Path) -> None:
    (folder / TEMPLATE).write_text("{{ messages }}")
    write_script("vllm", folder, start(revision="a" * 40))
    words, _ = started(folder)
    assert words[:2] == ["serve", "org/base"]
    assert value(words, "--revision") == value(words, "--tokenizer-revision") == "a" * 40
    assert value(words, "--lora-modules") == f"bank-v1={folder}"
    assert value(words, "--max-lora-rank") == "32"  # the smallest with room for 20
    assert value(words, "--chat-template") == str(folder / TEMPLATE)
    assert value(words, "--generation-config") == str(folder)
    assert json.loads(value(words, "--override-generation-config")) == {"temperature": 0}
    assert value(words, "--dtype") == "bfloat16"


def test_vllm_serves_merged_weights_from_the_folder_itself(folder: Path) -> None:
    write_script("merged", folder, start())
    words, _ = started(folder)
    assert words[:2] == ["serve", str(folder)]
    assert value(words, "--served-model-name") == "bank-v1"


def test_llama_server_serves_the_file_with_its_own_chat_template(folder: Path) -> None:
    write_script("gguf", folder, start(decoding=Decoding(temperature=0.5, max_new_tokens=9)))
    words, _ = started(folder)
    assert value(words, "--model") == str(folder / "model.gguf")
    assert (value(words, "--temp"), value(words, "--predict")) == ("0.5", "9")
    assert (value(words, "--ctx-size"), "--jinja" in words) == ("2048", True)


def test_who_starts_it_has_the_last_word(folder: Path) -> None:
    write_script("vllm", folder, start())
    words, _ = started(folder, "--port", "9000", BASE="/models/base")
    assert words[1] == "/models/base"
    assert words[-2:] == ["--port", "9000"]


@pytest.mark.parametrize("form", get_args(Form))
def test_hostile_names_stay_words(form: Form, folder: Path) -> None:
    write_script(form, folder, start(label=HOSTILE, name=HOSTILE, base=HOSTILE))
    subprocess.run(["bash", "-n", folder / SCRIPT], check=True)
    words, base = started(folder)
    assert HOSTILE in " ".join([*words, base or ""])
    assert not Path("owned").exists()
    assert not (folder / "owned").exists()


def test_the_program_for_peft_is_python_whatever_the_names_are(folder: Path) -> None:
    (folder / TEMPLATE).write_text("{{ messages }}")
    write_script("peft", folder, start(system_prompt=HOSTILE + '"""', revision="it's"))
    ast.parse((folder / PROGRAM).read_text())
