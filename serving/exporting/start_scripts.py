"""`serve.sh`, which starts an export's engine as the version was judged."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal, NamedTuple

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer, versions
from evaluation.generation.backends.backend import BackendError, Engine, Packing
from project.canonical import canonical_json
from project.chat_template import TEMPLATE
from project.errors import IncumbentError
from project.progress import progress
from project.records.adapters import AdapterVersion, Precision
from project.records.data import Row
from project.records.record import LATER, Digest, Record

# --- exported -------------------------------------------------------------------------------------

# What is written about an export: how its form was scored again, and by which engine.

Form = Literal["vllm", "peft", "merged", "gguf"]
FILE = "exported.json"


class MetricChange(Record):
    """One metric on dev, item by item: what it is more or less, with one-sided bounds.

    Less than 0 is worse. An item that can no longer be scored is at its worst in the lower bound;
    None: its range is unknown, and so is the bound.
    """

    metric: str
    items: int
    clusters: int
    difference: float
    low: float | None
    high: float | None


class ScoredAgain(Record):
    """One metric on dev: the mean when the version was judged, and that of the exported form."""

    metric: str
    judged: float
    exported: float

    @property
    def difference(self) -> float:
        return self.exported - self.judged


class Rescoring(NamedTuple):
    """How a form is scored again before it leaves."""

    margin: float | None  # that no score may differ by; None where it is judged in its place
    judge: bool = False
    packing: Packing = "f16"


class ExportedForm(Record):
    """An exported form that scores as the version did when it was judged."""

    version: str  # its label
    adapter: Digest
    form: Form
    engine: Engine  # that answered
    libraries: tuple[str, ...] = ()  # by which it answered here; empty for a server
    weights: Digest  # of the files that hold weights
    decoding: Decoding
    items: int
    same_answers: int  # items whose answer is the judged one, letter for letter
    margin: Annotated[float | None, LATER] = None  # that no score differs by more than
    scores: tuple[ScoredAgain, ...]
    not_scored: tuple[str, ...] = ()  # gating metrics that this form was not measured in
    quantized: Annotated[Packing | None, LATER] = None  # of GGUF, where that is not f16
    # Of one that was judged: against what the version was judged by, and against the same file in
    # f16 by the same engine, which is what quantisation cost.
    changes: Annotated[tuple[MetricChange, ...] | None, LATER] = None
    by_quantization: Annotated[tuple[MetricChange, ...] | None, LATER] = None
    alpha: Annotated[float | None, LATER] = None  # of each bound

    @property
    def change_tables(self) -> str:
        """What it lost, where it was judged, for a terminal."""
        told = [("against what was judged", self.changes)]
        told += [(f"{self.quantized} against f16", self.by_quantization)]
        tables = (change_table(changes, self.alpha or 0, what) for what, changes in told if changes)
        return "\n".join(tables)


def outside(scores: Sequence[ScoredAgain], margin: float) -> list[ScoredAgain]:
    """The metrics in which the form differs by more than the margin, for better or worse: what is
    better was not judged either.
    """
    rounding = 1e-9  # a difference of the margin itself is inside
    return [score for score in scores if abs(score.difference) > margin + rounding]


def table(scores: Sequence[ScoredAgain]) -> str:
    """A line for each metric, in columns."""
    width = max(len("metric"), *(len(score.metric) for score in scores))
    lines = [f"{'metric':{width}}  judged  exported  difference"]
    lines += [
        f"{s.metric:{width}}  {s.judged:6.3f}  {s.exported:8.3f}  {s.difference:+10.3f}"
        for s in scores
    ]
    return "\n".join(lines)


def change_table(changes: Sequence[MetricChange], alpha: float, against: str) -> str:
    """A line for each metric, in columns."""
    width = max(len("metric"), *(len(change.metric) for change in changes))
    lines = [f"{against}, with {1 - 2 * alpha:.0%} intervals:"]
    lines += [f"{c.metric:{width}}  {c.difference:+.3f}  {interval_of(c)}" for c in changes]
    return "\n".join(lines)


def interval_of(change: MetricChange) -> str:
    low, high = ("?" if end is None else f"{end:+.3f}" for end in (change.low, change.high))
    return f"[{low}, {high}] on {change.items} items"


# --- start scripts --------------------------------------------------------------------------------

SCRIPT, PROGRAM, MODEL = "serve.sh", "answer.py", "model.gguf"
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM has kernels for
CONTEXT = 8192  # tokens that llama-server keeps room for, at most: a longer context takes memory


class StartScript(NamedTuple):
    """What a start script is made from. The texts come from users and hubs: untrusted."""

    label: str  # such as "bank v3", for a comment
    name: str  # by which callers ask for it
    base: str  # a folder or a name on the Hub
    revision: str | None  # of the Hub
    precision: Precision
    decoding: Decoding
    context: int  # tokens that the base reads at most
    system_prompt: str | None = None


def write_script(form: Form, folder: Path, start: StartScript) -> None:
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


def base_lines(start: StartScript) -> list[str]:
    return [f"judged={quote(start.base)}", 'base="${BASE:-$judged}"']


def vllm(folder: Path, start: StartScript) -> list[str]:
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


def merged(folder: Path, start: StartScript) -> list[str]:
    words = ['vllm serve "$here"', f"--served-model-name {quote(start.name)}"]
    return command_of(*words, *as_judged(start), "--port 8000")


def as_judged(start: StartScript) -> list[str]:
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


def llama_server(folder: Path, start: StartScript) -> list[str]:
    decoding = start.decoding
    return command_of(
        '"${LLAMA_SERVER:-llama-server}"',
        f'--model "$here/{MODEL}" --alias {quote(start.name)} --jinja',
        f"--temp {decoding.temperature:g} --top-k 0 --top-p 1 --min-p 0",
        f"--predict {decoding.max_new_tokens} --ctx-size {min(start.context, CONTEXT)}",
        "--host 127.0.0.1 --port 8080",
    )


def peft(folder: Path, start: StartScript) -> list[str]:
    (folder / PROGRAM).write_text(program(folder, start))
    return [
        *base_lines(start),
        f'BASE="$base" exec "${{PYTHON:-python3}}" "$here/{PROGRAM}" "$@"',
    ]


def program(folder: Path, start: StartScript) -> str:
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


# --- engines --------------------------------------------------------------------------------------

# The engine that reads an exported form, asked the dev items again.


@dataclass(frozen=True)
class RescoringRequest:
    """What is asked again, of whom."""

    version: AdapterVersion
    rows: Sequence[Row]
    decoding: Decoding
    precision: Precision  # in which models are computed here


@dataclass(frozen=True)
class FormAnswers:
    answers: list[Answer]
    engine: Engine
    libraries: tuple[str, ...] = ()
    in_f16: list[Answer] | None = None  # by the same engine, of a quantised file that is judged


def by_peft(question: RescoringRequest, base: Path, adapter: Path) -> FormAnswers:
    """The adapter's files as they are in the export, on the pinned base."""
    return by_transformers(question, base, adapter, question.version.adapter.system_prompt)


def by_transformers(
    question: RescoringRequest,
    base: Path,
    adapter: Path | None = None,
    system_prompt: str | None = None,
) -> FormAnswers:
    """Weights that are whole in a folder; a merged one's chat template has the system prompt."""
    # Imported here because an export by another engine does without torch.
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(base, adapter, question.decoding, question.precision, system_prompt)
    answers: dict[tuple[str, int], Answer] = {}
    samples = question.decoding.samples
    with progress("answering again", samples * len(question.rows), "answers") as bar:
        for answer in model.answer(question.rows, samples):
            answers[answer.item, answer.sample] = answer
            bar.advance()
    name = "peft" if adapter else "transformers"
    return FormAnswers(
        [answers[row.id, sample] for row in question.rows for sample in range(samples)],
        Engine(name=name, version=installed(name), model=None),
        versions(),
    )


def waited_for(asking: Coroutine[None, None, FormAnswers], what: str) -> FormAnswers:
    """Hold a conversation with a server. Raises IncumbentError where it fails."""
    try:
        return asyncio.run(asking)
    except BackendError as error:
        raise IncumbentError(f"{what} did not answer the dev items: {error}") from None
