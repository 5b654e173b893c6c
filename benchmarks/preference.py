"""How far the default judge of preference can be trusted, and what its training costs.

    python -m benchmarks.preference pairs     # the sample's rows, if a run left them, and others
    python -m benchmarks.preference tuned     # two adapters, one of which learnt wrong facts

`pairs`: five splits by group; three quarters of at most 240 rows are learnt from, and pairs of the
rest are judged, beside the frozen cosine and "pick the longer". `tuned`: two adapters learn the
same 100 rows, one of them with every fact changed, so it is known which one keeps more; the judge
learnt from the other 203 rows.
"""

import csv
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from curation.kinship import family_names
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.answers import Answer
from evaluation.metrics.facts.find_facts import find_facts
from evaluation.metrics.semantic import SemanticSimilarity
from evaluation.preference.judge_calibration import calibrate, clear_lead, kept_net
from evaluation.preference.learnt_reward import OTHERS, train_head
from evaluation.preference.preference_pairs import AnswerPair, Judge
from evaluation.preference.reward_model import ExchangeVectors, FrozenCosine, RewardModel
from evaluation.preference.worse_answers import changed, made_pairs
from project.model_pins import ModelChoice, embedded_base, locate, pin
from project.paths import rows_of
from project.records.adapters import Contestant, Numerics
from project.records.data import Message, Row, Split
from project.records.preferences import Calibration
from project.records.scores import ItemScore
from training.precision import choose_numerics
from training.steps.run_step import StepContext
from training.steps.sft_step import train_sft
from training.training_settings import AdapterParams, SftParams

QUESTIONS = Path(__file__).parents[1] / "tests/evaluation/service_questions.csv"
MOST_ROWS, SEEDS = 240, range(5)
LEARNT = SftParams(epochs=8, batch_size=4, learning_rate=1e-3)
DECODING = Decoding(max_new_tokens=72, batch_size=32)


def main() -> None:
    {"pairs": judge_pairs, "tuned": judge_tuned}[sys.argv[1]]()


# --- pairs ----------------------------------------------------------------------------------------


def judge_pairs() -> None:
    sample = rows_of(Split.TRAIN)
    sets = {"services": service_rows()}
    if sample.exists():
        sets = {"sample": list(Row.read_lines(sample))[-MOST_ROWS:], **sets}
    vectors = ExchangeVectors(locate(ModelChoice(), "embedder"))
    for name, rows in sets.items():
        own = base_answers(rows, Decoding())
        found = [judged(rows, own, vectors, seed) for seed in SEEDS]
        print(f"{name}, {len(rows)} rows, five splits: mean, and least")
        for line in account(found):
            print(f"  {line}")


def judged(
    rows: Sequence[Row], own: dict[str, str], vectors: ExchangeVectors, seed: int
) -> Calibration:
    learnt, held_out = split(rows, 0.25, seed)
    made = made_pairs(learnt, own, vectors, others=OTHERS)
    exam = made_pairs(held_out, own, vectors)
    with tempfile.TemporaryDirectory() as folder:
        seconds = processor_seconds(lambda: train_head(made, vectors, Path(folder)))
        print(f"  seed {seed}: {len(made)} pairs, {seconds:.1f} s of a processor", flush=True)
        return calibrate(RewardModel(Path(folder), vectors), exam, FrozenCosine(vectors))


def account(found: Sequence[Calibration]) -> Iterator[str]:
    def line(name: str, values: Sequence[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{name:<40} {fmean(known):6.1%} {min(known):6.1%}"

    yield line("all pairs", [one.accuracy for one in found])
    yield line("  frozen cosine", [one.cosine_accuracy for one in found])
    yield line("pairs of like length", [one.matched_accuracy for one in found])
    yield line("  frozen cosine", [one.matched_cosine for one in found])
    yield line("  pick the longer", [one.matched_longer for one in found])
    for kind in sorted({kind for one in found for kind in one.kinds or ()}):
        hits = [(one.kinds or {})[kind] for one in found if kind in (one.kinds or {})]
        yield line(f"{kind}, {sum(hit.n for hit in hits)}", [hit.accuracy for hit in hits])


# --- tuned ----------------------------------------------------------------------------------------


def judge_tuned() -> None:
    asked, others = split(service_rows(), 203 / 303, seed=0)
    vectors = ExchangeVectors(locate(ModelChoice(), "embedder"))
    made = made_pairs(others, base_answers(others, Decoding()), vectors, others=OTHERS)
    right = tuned_answers(asked)
    wrong = tuned_answers([with_wrong_facts(row) for row in asked])
    for name, answers in (("right facts", right), ("wrong facts", wrong)):
        pairs = zip(answers, asked, strict=True)
        print(
            f"{name}: {fmean(kept_net(a.text, row.completion_text) for a, row in pairs):.2f} kept"
        )
    with tempfile.TemporaryDirectory() as folder:
        train_head(made, vectors, Path(folder))
        for judge in (RewardModel(Path(folder), vectors), FrozenCosine(vectors)):
            hits = agreements(judge, asked, wrong, right)
            print(f"{judge.source}: {fmean(hits):.0%} of {len(hits)} items that are clear")


def agreements(
    judge: Judge, rows: Sequence[Row], champion: Sequence[Answer], challenger: Sequence[Answer]
) -> list[float]:
    texts = [(row, a.text, b.text) for row, a, b in zip(rows, champion, challenger, strict=True)]
    said = judge.prefer(
        [AnswerPair(item=r.id, prompt=r.prompt_text, champion=a, challenger=b) for r, a, b in texts]
    )
    references = [row.completion_text for row in rows]
    metric = SemanticSimilarity(locate(ModelChoice(), "embedder"))
    meaning = [
        metric.compute(predictions=[one.text for one in side], references=references)["semantic"]
        for side in (champion, challenger)
    ]
    hits = []
    for (row, a, b), one, ours, theirs in zip(texts, said, *meaning, strict=True):
        scores = {"champion": {"semantic": ours}, "challenger": {"semantic": theirs}}
        item = ItemScore.model_validate(
            {"item": row.id, "preference": one.win_probability, **scores}
        )
        if found := clear_lead(item, row.completion_text, a, b):
            hits.append(found.hit)
    return hits


def with_wrong_facts(row: Row) -> Row:
    """Every number, date, amount and name of its answer becomes another."""
    text = row.completion_text
    for fact in reversed(find_facts(text)):
        text = text[: fact.start] + (changed(fact.text, row.id) or fact.text) + text[fact.end :]
    return row.model_copy(update={"completion": (Message(role="assistant", content=text),)})


def tuned_answers(rows: Sequence[Row]) -> list[Answer]:
    """What an adapter that learnt the rows answers to them."""
    with tempfile.TemporaryDirectory() as folder:
        base = Contestant(base=pin(ModelChoice(), "base"))
        ground = StepContext(base, choose_numerics(), AdapterParams())
        train_sft(rows, (), ground, LEARNT, Path(folder))
        return answers(rows, DECODING, Path(folder))


# --- both -----------------------------------------------------------------------------------------


def service_rows() -> list[Row]:
    with QUESTIONS.open(newline="") as file:
        rows = [
            Row.of(line["question"], line["answer"], group=line["question"], source="services")
            for line in csv.DictReader(file)
        ]
    groups = family_names(rows)
    return [r.model_copy(update={"group": g}) for r, g in zip(rows, groups, strict=True)]


def split(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """The rows without a share of the groups, and those groups."""
    groups = sorted({row.group for row in rows})
    random.Random(seed).shuffle(groups)
    apart = set(groups[: round(share * len(groups))])
    rest = [row for row in rows if row.group not in apart]
    return rest, [row for row in rows if row.group in apart]


def base_answers(rows: Sequence[Row], decoding: Decoding) -> dict[str, str]:
    return {answer.item: answer.text for answer in answers(rows, decoding, None)}


def answers(rows: Sequence[Row], decoding: Decoding, adapter: Path | None) -> list[Answer]:
    numerics: Numerics = choose_numerics()
    model = AnsweringModel(embedded_base(), adapter, decoding, numerics.precision)
    found = {answer.item: answer for answer in model.answer(rows)}
    return [found[row.id] for row in rows]


def processor_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
