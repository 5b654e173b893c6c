"""What llama.cpp costs and spares on a processor: quantised exports, and answers beside ours.

    python -m benchmarks.llama_cpp [--version 1] [--repetitions 3]

In a project's folder, for some minutes. Exports: one version as GGUF in each packing, answered on
dev by llama.cpp, against what it was judged by and against f16. Answers: the same dev items by the
same adapter, greedily, by the embedded backend and by llama.cpp (base in f16, the adapter as a GGUF
LoRA), in turn; tokens a processor second without the reading of models, and how many answers are
the same. What is measured is added to llama_cpp.jsonl beside this file, and its table printed.
OMP_NUM_THREADS=1 and LLAMA_ARG_THREADS=1 give both one thread: one that waits spends time, too.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, get_args

import psutil

from benchmarks.frame import arguments
from evaluation.evaluation_settings import Decoding, GenerationParams
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.answers import Answer, Model
from evaluation.generation.backends.backend import Packing
from evaluation.generation.backends.own_llama import own_engine
from evaluation.generation.served_contestant import ServedContestant
from evaluation.generation.systems import check_out_adapter
from project.model_pins import pinned_folder
from project.records.adapters import AdapterVersion, Numerics
from registry.lineage import trace
from registry.reader import RegistryReader
from serving.exporting import exporting
from serving.exporting.start_scripts import MODEL, MetricChange, Rescoring
from training.precision import choose_numerics

STORED = Path(__file__).with_suffix(".jsonl")
WARNING = "These are figures of one model; of a 135M model they do not generalise."


def main() -> None:
    given = arguments(__doc__, version=1, repetitions=3)
    print("packing  MB  answers as judged  against what was judged; against f16")
    for line in exports(given.version):
        keep(line)
        print(f"{line['packing']:7} {line['mb']:4.0f} {line['same']:3} of {line['items']}", end="")
        print("  ", *line["judged"], " ; ", *line["f16"])
    for line in answers(given.version, given.repetitions):
        keep(line)
        print(
            f"{line['engine']}: {line['tokens']} tokens, {line['rate']:.1f} a processor second "
            f"(of {line['rates']}); the same answers: {line['same']}"
        )
    print(WARNING)


def keep(line: dict[str, Any]) -> None:
    with STORED.open("a") as stored:
        stored.write(json.dumps(line | {"warning": WARNING}) + "\n")


def exports(number: int) -> Iterator[dict[str, Any]]:
    for packing in get_args(Packing):
        with RegistryReader.here() as registry, tempfile.TemporaryDirectory() as place:
            draft = Path(place, "draft")
            draft.mkdir()
            planned = exporting.plan(
                trace(registry, number), "gguf", Rescoring(None, True, packing)
            )
            answered = exporting.write_form(registry, planned, draft)
            found = exporting.check(planned, answered, draft, None)
            yield {
                "packing": packing,
                "engine": str(found.engine),
                "mb": (draft / MODEL).stat().st_size / 1e6,
                "items": found.items,
                "same": found.same_answers,
                "judged": told(found.changes),
                "f16": told(found.by_quantization),
            }


def told(changes: tuple[MetricChange, ...] | None) -> list[str]:
    return [f"{c.metric} {c.difference:+.3f} [{c.low:+.3f}, {c.high:+.3f}]" for c in changes or ()]


# --- answers --------------------------------------------------------------------------------------

Found = dict[str, str]
Clock = Callable[[], float]


def answers(number: int, repetitions: int) -> Iterator[dict[str, Any]]:
    with RegistryReader.here() as registry:
        planned = exporting.plan(trace(registry, number), "gguf", Rescoring(None))
    version, numerics = planned.version, choose_numerics()
    files = check_out_adapter(version.adapter.files)
    base = pinned_folder(version.adapter.base, "base")
    told = version.adapter.system_prompt
    pinned = numerics.model_copy(update={"engine": own_engine()})
    rates: dict[str, list[float]] = {}
    texts: dict[str, Found] = {}
    tokens: dict[str, int] = {}

    def asked(name: str, model: Model, clock: Clock) -> None:
        start = clock()
        found: list[Answer] = list(model.answer(planned.asked))
        tokens[name] = sum(answer.tokens for answer in found)
        rates.setdefault(name, []).append(tokens[name] / (clock() - start))
        texts[name] = {answer.item: answer.text for answer in found}

    for repetition in range(repetitions):
        for precision in (numerics.precision, *(() if repetition else ("float32",))):
            model = AnsweringModel(base, files, planned.decoding, precision, told)
            asked(f"embedded, {precision}", model, time.process_time)
        held = served(version, files, planned.decoding, pinned)
        asked(str(pinned.engine), held.load(), seconds_with_children)
        held.release()
    for name, found in texts.items():
        yield {
            "engine": name,
            "processor": numerics.processor,
            "items": len(found),
            "tokens": tokens[name],
            "rate": median(rates[name]),
            "rates": [round(rate, 1) for rate in rates[name]],
            "same": {
                other: sum(found[item] == text for item, text in of_it.items())
                for other, of_it in texts.items()
                if other != name
            },
        }


def served(
    version: AdapterVersion, files: Path | None, decoding: Decoding, numerics: Numerics
) -> ServedContestant:
    params, engine = GenerationParams(backend="llama.cpp"), numerics.engine
    assert engine
    contestant = version.adapter.contestant
    return ServedContestant(contestant, files, decoding, numerics, engine, params)


def seconds_with_children() -> float:
    """Of this process, and of the server that it started."""
    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in children)


if __name__ == "__main__":
    main()
