"""Stage `score`: every answer gets its scores; out come two score tables, dev and sealed."""

from collections.abc import Mapping, Sequence

import evaluate

from evaluation.answers import EVALUATED, SIDES, Answer, answers_of
from evaluation.metrics.rouge import Rouge
from evaluation.metrics.semantic import SemanticSimilarity
from evaluation.params import Decoding, ScoringParams
from evaluation.preference import Judge, RewardModel
from registry.canonical import digest_folder, digest_json
from registry.errors import run_stage
from registry.files import staged_folder
from registry.layout import ADAPTER, BASE, CHAMPION, EMBEDDER, REWARD, SCORES, rows_of
from registry.models import pinned_folder
from registry.params import load
from registry.records import (
    Adapter,
    ItemScore,
    ModelPin,
    Opponent,
    Row,
    ScorePins,
    write_records,
)

Scores = dict[str, list[float]]


def main() -> None:
    params = load(ScoringParams, "evaluation.scoring")
    embedder = ModelPin.read(EMBEDDER)
    folder = pinned_folder(embedder, "embedder")
    metrics = [Rouge(stem=params.stem), SemanticSimilarity(folder)]
    judge = RewardModel(REWARD)
    scorers = digest_json([params.digest, embedder.digest, digest_folder(REWARD)])
    with staged_folder(SCORES) as draft:
        for part in EVALUATED:
            rows = Row.read_lines(rows_of(part))
            sides = {side: Answer.read_lines(answers_of(side, part)) for side in SIDES}
            write_records(draft / f"{part}.jsonl", score_table(rows, sides, metrics, judge))
            pins(rows, scorers).write(draft / f"{part}.pins.json")
            print(f"scored {len(rows)} {part} items")


def score_table(
    rows: Sequence[Row],
    sides: Mapping[str, Sequence[Answer]],
    metrics: Sequence[evaluate.Metric],
    judge: Judge,
) -> list[ItemScore]:
    scores = {side: score(rows, answers, metrics) for side, answers in sides.items()}
    preferences = judge.prefer(
        [row.prompt_text for row in rows],
        [answer.text for answer in sides["champion"]],
        [answer.text for answer in sides["challenger"]],
    )
    return [
        ItemScore(
            item=row.id,
            cluster=row.group,
            slices=tuple(f"{key}={value}" for key, value in sorted(row.slices.items())),
            champion={name: values[i] for name, values in scores["champion"].items()},
            challenger={name: values[i] for name, values in scores["challenger"].items()},
            preference=preferences[i],
        )
        for i, row in enumerate(rows)
    ]


def score(
    rows: Sequence[Row], answers: Sequence[Answer], metrics: Sequence[evaluate.Metric]
) -> Scores:
    """Per-item values of every metric: {name: [n]}."""
    texts = [answer.text for answer in answers]
    references = [row.completion_text for row in rows]
    scores: Scores = {}
    for metric in metrics:
        scores |= metric.compute(predictions=texts, references=references)
    return scores


def pins(rows: Sequence[Row], scorers: str) -> ScorePins:
    return ScorePins(
        eval_set=digest_json([[row.id, row.prompt_text, row.completion_text] for row in rows]),
        base=ModelPin.read(BASE).weights,
        champion=Opponent.read(CHAMPION).adapter,
        challenger=Adapter.read(ADAPTER).files,
        decoding=load(Decoding, "evaluation.decoding").digest,
        scorers=scorers,
    )


if __name__ == "__main__":
    run_stage(main)
