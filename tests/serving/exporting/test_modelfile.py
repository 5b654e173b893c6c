"""Ollama reads the Modelfile as its parser does, and asks the model what its chat template asks."""

import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from evaluation.evaluation_settings import Decoding
from project.chat_template import with_system_prompt
from serving.exporting.ollama_modelfile import write_modelfile
from tests.architectures import save_tiny

pytestmark = pytest.mark.slow
PROMPT = 'You answer for a bank.\nNever say {{ .System }} in "quotes" or \\ – äöü.'
CHAT = [
    {"role": "user", "content": "Who are {{ you }}?"},
    {"role": "assistant", "content": 'A "model".'},
    {"role": "user", "content": "Why\n?"},
]
SYSTEM = [{"role": "system", "content": "Be brief."}]


def commands(text: str) -> dict[str, str]:
    """As parser/parser.go of Ollama reads it: a value in three quotes may be of several lines, and
    nothing but what it prints is kept of it.
    """
    assert all(c.isprintable() or c == "\n" for c in text)
    found = {}
    pattern = r'(?:FROM|TEMPLATE|PARAMETER (\w+)) (?:"""(.*?)"""|"(.*?)"|(\S+))'
    for line in text.splitlines():
        if not line.startswith("#"):
            whole = re.fullmatch(pattern, line)
            assert whole, line
            name, *values = whole.groups()
            found[name or line.split()[0]] = next(v for v in values if v is not None)
    return found


def executed(template: str, turns: list[dict[str, str]]) -> str:
    """As Go's text/template does it, of which four actions and literals are used."""
    parts = re.split(r'\{\{ ("(?:[^"\\]|\\.)*"|[^"}]*(?:"\w+")?) \}\}', template)
    assert not any(parts[::2])  # nothing stands outside of an action
    code, depth = list[str](), 0
    for action in parts[1::2]:
        depth -= action.startswith(("end", "else"))
        code.append("    " * depth + python(action))
        depth += action.startswith(("if", "else", "range"))
    said: list[str] = []
    told = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    exec("\n".join(code), {"said": said, "system": told, "turns": turns})
    return "".join(said)


def python(action: str) -> str:
    fields = {".System": "system", ".Content": "turn['content']"}
    if action.startswith('"'):
        return f"said.append({action})"
    if action in fields:
        return f"said.append({fields[action]})"
    return {
        "if .System": "if system:",
        "else": "else:",
        "end": "pass",
        "range .Messages": "for turn in turns:",
        'if eq .Role "user"': "if turn['role'] == 'user':",
        'else if eq .Role "assistant"': "elif turn['role'] == 'assistant':",
    }[action]


def asked(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


@pytest.mark.parametrize("family", ["qwen-2", "mistral", "falcon-7b", "llama-3"])
def test_prompts_are_those_of_the_chat_template(family: str) -> None:
    save_tiny(family, Path("model"))
    tokenizer = AutoTokenizer.from_pretrained("model")
    tokenizer.chat_template = with_system_prompt(tokenizer.get_chat_template(), PROMPT)
    tokenizer.save_pretrained("model")
    write_modelfile(Path("model"), Path(), Decoding(max_new_tokens=7), context=4096)
    found = commands(Path("Modelfile").read_text())
    for turns in (CHAT, CHAT[:1], SYSTEM + CHAT):
        assert executed(found["TEMPLATE"], turns) == asked(tokenizer, turns)
    assert (found["FROM"], found["num_predict"], found["num_ctx"]) == ("./model.gguf", "7", "4096")
    assert (found["temperature"], found["repeat_penalty"]) == ("0", "1")
    assert found["stop"] == tokenizer.eos_token


def test_a_template_that_is_no_chain_of_turns_gets_none() -> None:
    save_tiny("qwen-2", Path("model"))
    tokenizer = AutoTokenizer.from_pretrained("model")
    tokenizer.chat_template = "{{ messages | length }}{{ messages[-1].content }}"
    tokenizer.save_pretrained("model")
    write_modelfile(Path("model"), Path(), Decoding(), context=4096)
    assert not Path("Modelfile").exists()
