"""How fast answers are generated, beside a plain loop around the library's `generate`.

    python -m benchmarks.generation [--repetitions 5] [--processor-time]

Trains an adapter once (minutes on two cores) on questions about Python APIs whose answers have
many lengths, and lets it answer others both ways in turn. The plain loop takes the items in file
order, pads a batch to its longest prompt and computes it until its last answer ends. On a machine
that does other work too, processor time with OMP_NUM_THREADS=1 is the steadier clock.
"""

import ast
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.frame import arguments
from curation.sources.python_api import read_package
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.answers import Respondent, System
from project.files import home, staged_folder
from project.model_pins import ModelChoice, embedded_base, pin
from project.records.adapters import Contestant, Precision
from project.records.data import Row
from training.base import convert_embedded
from training.precision import choose_numerics
from training.steps.run_step import StepContext
from training.steps.sft_step import train_sft
from training.training_settings import AdapterParams, SftParams

DECODING = Decoding(max_new_tokens=128, batch_size=16)
RECIPE = SftParams(batch_size=2, learning_rate=0.0015)
TRAINED, ASKED = 200, 128  # rows
PARAMETERS = "Which parameters does this Python API take? Write one a line.\n\n{api}"

Found = dict[str, tuple[str, int]]  # by item: the answer's text and tokens


Clock = Callable[[], float]


def main() -> None:
    given = arguments(__doc__, repetitions=5, processor_time=False)
    clock = time.process_time if given.processor_time else time.perf_counter
    base, rows = embedded_base(), questions()
    if not base.is_dir():
        convert_embedded(base)
    adapter = trained_adapter(base, rows[:TRAINED])
    precision = choose_numerics().precision
    model, asked = AnsweringModel(base, adapter, DECODING, precision), rows[-ASKED:]
    plain = PlainLoop(base, adapter, precision)
    print(f"\n{'plain loop':>10} {'here':>8}  tokens/s")
    ratios = []
    for _ in range(given.repetitions):
        theirs, slow = plain.answer(asked, clock)
        ours, fast = answer(model, asked, clock)
        ratios.append(fast / slow)
        print(f"{slow:>10.1f} {fast:>8.1f}  {ratios[-1]:.2f} times", flush=True)
    tenths = statistics.quantiles((tokens for _, tokens in ours.values()), n=10)
    equal = sum(ours[item] == theirs[item] for item in ours)
    print(f"median {statistics.median(ratios):.2f} times, batches of {DECODING.batch_size}")
    print(f"{ASKED} answers, most of {tenths[0]:.0f} to {tenths[-1]:.0f} tokens; {equal} are equal")


def questions() -> list[Row]:
    """By turns a question for one sentence and one for all parameters, in an order by digest."""
    rows = sorted(read_package("pandas"), key=lambda row: row.id)
    sentences, lists = rows[::2], filter(None, map(listing, rows[1::2]))
    return [row for both in zip(sentences, lists, strict=False) for row in both]


def listing(row: Row) -> Row | None:
    """Ask for the parameters of a row's API instead; None when it has none, or shortened ones."""
    api = row.prompt_text.splitlines()[-1]
    if "…" in api:
        return None
    definition = ast.parse(re.sub(r"^[^(]+\(", "def api(self, ", api) + ": ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    given = definition.args
    _, *parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    lines = [f"- `{p.arg}`, to be given as {type_of(p)}" for p in parameters]
    asked = PARAMETERS.format(api=api)
    text = "\n".join(lines)
    return Row.of(asked, text, group=row.group, source=row.source) if lines else None


def type_of(parameter: ast.arg) -> str:
    return ast.unparse(parameter.annotation) if parameter.annotation else "any value"


def trained_adapter(base: Path, rows: list[Row]) -> Path:
    folder = home() / "benchmarks" / "generation-adapter"
    if not folder.is_dir():
        with staged_folder(folder) as draft:
            bare = Contestant(base=pin(ModelChoice(model=str(base)), "base"))
            ground = StepContext(bare, choose_numerics(), AdapterParams())
            train_sft(rows, (), ground, RECIPE, draft)
    return folder


def answer(model: AnsweringModel, rows: list[Row], clock: Clock) -> tuple[Found, float]:
    """What stage `generate` does in a home without answers; with its tokens per second."""
    system = System(base="", adapter=None, decoding="", numerics=choose_numerics(), code="")
    respondent = Respondent(system, DECODING.batch_size, lambda: model, clock)
    with tempfile.TemporaryDirectory() as empty:
        os.environ["INCUMBENT_HOME"] = empty
        answers, seconds = respondent.answers(rows, "here"), respondent.seconds(rows)
    assert seconds is not None
    return {a.item: (a.text, a.tokens) for a in answers}, sum(a.tokens for a in answers) / seconds


class PlainLoop:
    """What one writes first, with the library's defaults throughout."""

    def __init__(self, base: Path, adapter: Path, precision: Precision) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
        dtype = getattr(torch, precision)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, device_map="auto")
        self.model = PeftModel.from_pretrained(model, adapter).eval()

    def answer(self, rows: list[Row], clock: Clock) -> tuple[Found, float]:
        found: Found = {}
        start = clock()
        for i in range(0, len(rows), DECODING.batch_size):
            batch = rows[i : i + DECODING.batch_size]
            for row, ids in zip(batch, self.batch(batch), strict=True):
                text = self.tokenizer.decode(ids, skip_special_tokens=True).strip()
                found[row.id] = (text, len(ids))
        seconds = clock() - start
        return found, sum(tokens for _, tokens in found.values()) / seconds

    @torch.inference_mode()
    def batch(self, rows: list[Row]) -> list[list[int]]:
        """Each answer's tokens up to its end token."""
        prompts = [[message.model_dump() for message in row.prompt] for row in rows]
        inputs = self.tokenizer.apply_chat_template(
            prompts, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
        ).to(self.model.device)
        output = self.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=DECODING.max_new_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        end = self.tokenizer.eos_token_id
        answers = output[:, inputs["input_ids"].shape[1] :].tolist()
        return [ids[: ids.index(end) + 1] if end in ids else ids for ids in answers]


if __name__ == "__main__":
    main()
