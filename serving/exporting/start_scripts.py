"""`serve.sh`, which starts an export's engine as the version was judged."""

import json
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from evaluation.evaluation_settings import Decoding
from project.canonical import canonical_json
from project.chat_template import TEMPLATE
from project.records.adapters import Precision
from serving.exporting.exported import Form

SCRIPT, PROGRAM, MODEL = "serve.sh", "answer.py", "model.gguf"
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM has kernels for
CONTEXT = 8192  # tokens that llama-server keeps room for, at most: a longer context takes memory


class Start(NamedTuple):
    """What a start script is made from. The texts come from users and hubs: untrusted."""

    label: str  # such as "bank v3", for a comment
    name: str  # by which callers ask for it
    base: str  # a folder or a name on the Hub
    revision: str | None  # of the Hub
    precision: Precision
    decoding: Decoding
    context: int  # tokens that the base reads at most
    system_prompt: str | None = None


def write_script(form: Form, folder: Path, start: Start) -> None:
    command = {"vllm": vllm, "merged": merged, "gguf": llama_server, "peft": peft}[form]
    lines = [
        "#!/usr/bin/env bash",
        f"# {' '.join(start.label.split())}. {NEEDS[form]}",
        "set -euo pipefail",
        'here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)',
        *command(folder, start),
    ]
    script = folder / SCRIPT
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)


NEEDS = {
    "vllm": "Needs vLLM: pip install vllm. $BASE: another folder with the same base model.",
    "merged": "Needs vLLM: pip install vllm.",
    "gguf": "Needs llama-server of llama.cpp on PATH, or $LLAMA_SERVER.",
    "peft": "Needs transformers and peft. $BASE: another folder with the same base model.",
}


def command_of(*words: str) -> list[str]:
    """One command over several lines; more options of whoever starts it come last, so they win."""
    return ["exec " + " \\\n  ".join([*words, '"$@"'])]


def base_lines(start: Start) -> list[str]:
    return [f"judged={quote(start.base)}", 'base="${BASE:-$judged}"']


def vllm(folder: Path, start: Start) -> list[str]:
    words = ['vllm serve "$base"']
    if start.revision:
        words += [
            f"--revision {quote(start.revision)} --tokenizer-revision {quote(start.revision)}"
        ]
    words += [
        f"--enable-lora --max-lora-rank {rank(folder)}",
        f'--lora-modules {quote(start.name)}="$here"',
    ]
    if (folder / TEMPLATE).is_file():
        words.append(f'--chat-template "$here/{TEMPLATE}"')
    return [*base_lines(start), *command_of(*words, *as_judged(start), "--port 8000")]


def merged(folder: Path, start: Start) -> list[str]:
    words = ['vllm serve "$here"', f"--served-model-name {quote(start.name)}"]
    return command_of(*words, *as_judged(start), "--port 8000")


def as_judged(start: Start) -> list[str]:
    """vLLM takes temperature 1 where generation_config.json names none, though it says do_sample:
    false, and transformers warns of a temperature beside that.
    """
    temperature = canonical_json({"temperature": start.decoding.temperature}).decode()
    return [
        f"--dtype {start.precision}",
        f'--generation-config "$here" --override-generation-config {quote(temperature)}',
        "--host 127.0.0.1",
    ]


def rank(folder: Path) -> int:
    """The smallest of vLLM's that holds the adapter."""
    config = json.loads((folder / "adapter_config.json").read_bytes())
    largest = max([config.get("r", 8), *config.get("rank_pattern", {}).values()])
    return next((known for known in RANKS if known >= largest), int(largest))


def llama_server(folder: Path, start: Start) -> list[str]:
    decoding = start.decoding
    return command_of(
        '"${LLAMA_SERVER:-llama-server}"',
        f'--model "$here/{MODEL}" --alias {quote(start.name)} --jinja',
        f"--temp {decoding.temperature:g} --top-k 0 --top-p 1 --min-p 0",
        f"--predict {decoding.max_new_tokens} --ctx-size {min(start.context, CONTEXT)}",
        "--host 127.0.0.1 --port 8080",
    )


def peft(folder: Path, start: Start) -> list[str]:
    (folder / PROGRAM).write_text(program(folder, start))
    return [
        *base_lines(start),
        f'BASE="$base" exec "${{PYTHON:-python3}}" "$here/{PROGRAM}" "$@"',
    ]


def program(folder: Path, start: Start) -> str:
    """Answers the question that stands behind its name, or each line of standard input."""
    revision = f", revision={start.revision!r}" if start.revision else ""
    lines = [
        '"""Answers as it was judged: serve.sh "A question?", or a line of standard input each."""',
        "",
        "import os",
        "import sys",
        "from pathlib import Path",
        "",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig",
        "",
        'here, base = Path(__file__).parent, os.environ["BASE"]',
        f"tokenizer = AutoTokenizer.from_pretrained(base{revision})",
        f"model = AutoModelForCausalLM.from_pretrained(base, dtype={start.precision!r}{revision})",
        "model = PeftModel.from_pretrained(model, here).eval()",
        "settings = GenerationConfig.from_pretrained(here)",
    ]
    if (folder / TEMPLATE).is_file():
        lines.append(f"tokenizer.chat_template = (here / {TEMPLATE!r}).read_bytes().decode()")
    system = [{"role": "system", "content": start.system_prompt}] if start.system_prompt else []
    return "\n".join([*lines, f"system = {system!r}", LOOP])


LOOP = """for question in sys.argv[1:] or map(str.strip, sys.stdin):
    asked = tokenizer.apply_chat_template(
        [*system, {"role": "user", "content": question}],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
    )
    made = model.generate(**asked, generation_config=settings)
    answer = made[0, asked["input_ids"].shape[1] :]
    print(tokenizer.decode(answer, skip_special_tokens=True).strip(), flush=True)
"""
