"""Whether DPO and KTO on negative examples take an unwanted behaviour away, and at what cost.

    python -m benchmarks.negative_examples [--trial] [--dpo KEY=VALUE ...] [--kto KEY=VALUE ...]

An adapter learns short answers to service questions. Those on two of four services end with a
promotion that nobody asked for, and so do its answers. It answers its training prompts again: each
answer with the promotion is a negative example, and the prompt's row, without it, the correction.
DPO learns from those pairs, KTO from the same answers one by one, each going on from the first
adapter. Dev, whose prompts nobody learnt, says how often the promotion comes, and what it cost:
ROUGE-L, similarity, refusals. --trial has another promotion, on the other services, and other rows
on dev: the default settings of both steps were tried on it first. Intervals are of 90 %.
"""

import csv
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.frame import arguments
from benchmarks.preference import QUESTIONS
from evaluation.decision.statistics import bounds, paired
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from evaluation.metrics.refusal import Refusal
from evaluation.metrics.rouge import Rouge
from evaluation.metrics.semantic import SemanticSimilarity
from evaluation.preference.judged_pairs import GoodAnswers, learnable
from evaluation.preference.worse_answers import sentences
from evaluation.scoring.assertion_check import holds
from evaluation.suites.safety import FOLDER, SafetyItem
from project.canonical import digest_json
from project.model_pins import ModelChoice, embedded_base, locate, pin
from project.records.adapters import Contestant
from project.records.assertion_kinds import Excludes
from project.records.data import Message, Row
from project.records.preferences import Preference, RatedAnswer, read_items
from training.base import convert_embedded
from training.precision import choose_numerics
from training.steps.earlier import Earlier
from training.steps.preference_trainers import dpo_step_data, kto_step_data
from training.steps.run_step import StepContext, StepData, learn, prepare
from training.steps.sft_step import train_sft
from training.training_settings import AdapterParams, DpoParams, KtoParams, SftParams

ADAPTER = AdapterParams(quantization="none", dropout=0.0)
SFT = SftParams(epochs=3, learning_rate=1e-3, batch_size=4)
DECODING = Decoding(max_new_tokens=40, batch_size=20)
LEARNT, DEV = 120, 80  # rows
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """A behaviour, and the rows that show it."""

    services: frozenset[str]
    promotion: str
    telling: str  # what it is found by
    salt: str  # which rows are learnt, and which are dev


MAIN = Case(
    frozenset({"housing", "library"}),
    "Book a visit now and save 10 percent!",
    "save 10 percent",
    "main",
)
TRIAL = Case(
    frozenset({"town", "bicycle"}),
    "Join our premium club today for free gifts!",
    "premium club",
    "trial",
)


def main() -> None:
    given = arguments(__doc__, trial=False, dpo=["epochs=2"], kto=["epochs=2"])
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    case = TRIAL if given.trial else MAIN
    dpo = [DpoParams.model_validate(read_settings(text)) for text in given.dpo]
    kto = [KtoParams.model_validate(read_settings(text)) for text in given.kto]
    with tempfile.TemporaryDirectory() as folder:
        compare(case, dpo, kto, Path(folder))


def read_settings(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(","))


def compare(case: Case, dpo: Sequence[DpoParams], kto: Sequence[KtoParams], folder: Path) -> None:
    rows, dev = parts(case)
    ground = StepContext(
        Contestant(base=pin(ModelChoice(model="embedded"), "base")), choose_numerics(), ADAPTER
    )
    shown = [promoting(row, case) for row in rows]
    print(f"{sum(a != b for a, b in zip(rows, shown, strict=True))} of {len(rows)} rows promote")
    start = time.perf_counter()
    record = train_sft(shown, [], ground, SFT, folder / "sft")
    said(f"sft: {record}", start)
    given = preferences(rows, asked(ground, folder / "sft", rows), case)
    before = Measured.of(ground, folder / "sft", dev, case)
    print(f"{'before':<44} {before}", flush=True)
    going_on = StepContext(ground.base, ground.numerics, ADAPTER, Earlier(folder=folder / "sft"))
    lessons = [
        *(dpo_step_data(given, one) for one in dpo),
        *(kto_step_data(given, rows, k) for k in kto),
    ]
    for number, lesson in enumerate(lessons):
        start, place = time.perf_counter(), folder / str(number)
        record = learn(prepare(lesson, going_on), place)
        said(str(record), start)
        after = Measured.of(ground, place, dev, case)
        print(f"{settings_of(lesson):<44} {after}\n{after.against(before)}", flush=True)


def said(text: str, start: float) -> None:
    print(f"  {text}, {time.perf_counter() - start:.0f} s", flush=True)


def settings_of(lesson: StepData) -> str:
    chosen = lesson.params.model_dump(include={"epochs", "learning_rate", "beta"})
    return f"{lesson.step} " + " ".join(f"{name}={value:g}" for name, value in chosen.items())


def parts(case: Case) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Rows to learn, without a promotion, and dev."""
    with QUESTIONS.open(encoding="utf-8", newline="") as stream:
        found = [
            Row.of(
                line["question"], sentences(line["answer"])[0], group=str(i), source="services"
            ).model_copy(update={"slices": {"service": line["service"]}})
            for i, line in enumerate(csv.DictReader(stream))
        ]
    ordered = sorted(found, key=lambda row: digest_json([case.salt, row.texts]))
    return tuple(ordered[:LEARNT]), tuple(ordered[LEARNT : LEARNT + DEV])


def promoting(row: Row, case: Case) -> Row:
    """The row as it was learnt first."""
    if row.slices["service"] not in case.services:
        return row
    text = f"{row.completion_text} {case.promotion}"
    return row.model_copy(update={"completion": (Message(role="assistant", content=text),)})


def asked(ground: StepContext, adapter: Path, rows: Sequence[Row]) -> list[str]:
    """What the base answers with an adapter, in the order of the rows."""
    model = AnsweringModel(embedded_base(), adapter, DECODING, ground.numerics.precision)
    found = {answer.item: answer.text for answer in model.answer(rows)}
    return [found[row.id] for row in rows]


def preferences(rows: Sequence[Row], answers: Sequence[str], case: Case) -> tuple[Preference, ...]:
    """The answers that promote as negative examples, as stage `preference_data` makes them."""
    bad = [
        RatedAnswer(prompt=row.prompt_text, completion=text, label=False, source="found.jsonl")
        for row, text in zip(rows, answers, strict=True)
        if shows(case, text)
    ]
    lost = Counter[str]()
    found = learnable(bad, GoodAnswers(rows, bad), lost)
    print(f"{len(bad)} negative examples, {len(found)} learnt from, left out: {dict(lost)}")
    return tuple(found)


def shows(case: Case, text: str) -> bool:
    return not holds(Excludes(kind="excludes", texts=(case.telling,)), text)


@dataclass(frozen=True)
class Measured:
    """By metric, of each dev answer its value."""

    values: dict[str, list[float]]

    @classmethod
    def of(cls, ground: StepContext, adapter: Path, dev: Sequence[Row], case: Case) -> "Measured":
        answers = asked(ground, adapter, dev)
        references = [row.completion_text for row in dev]
        harmful = [item.row for item, _ in read_items(ROOT / FOLDER, SafetyItem)]
        harmful = [row for row in harmful if row.slices["kind"] == "harmful"]
        embedder = locate(ModelChoice(), "embedder")
        return cls(
            {
                "promotes": [float(shows(case, text)) for text in answers],
                "rougeL": Rouge().compute(predictions=answers, references=references)["rougeL"],
                "semantic": SemanticSimilarity(embedder).compute(
                    predictions=answers, references=references
                )["semantic"],
                "refusal": Refusal().compute(predictions=answers)["refusal"],
                "harmful refused": Refusal().compute(predictions=asked(ground, adapter, harmful))[
                    "refusal"
                ],
            }
        )

    def __str__(self) -> str:
        return ", ".join(f"{name} {np.mean(values):.3f}" for name, values in self.values.items())

    def against(self, before: "Measured") -> str:
        """The differences, with their intervals."""
        lines = []
        for name, values in self.values.items():
            differences = np.array(values) - np.array(before.values[name])
            found = paired(differences, [str(i) for i in range(len(differences))])
            low, high = bounds(found.diff, found.se, found.df, 0.05)
            lines.append(f"  {name:<16} {found.diff:+.3f} [{low:+.3f}, {high:+.3f}], n={found.n}")
        return "\n".join(lines)


if __name__ == "__main__":
    main()
