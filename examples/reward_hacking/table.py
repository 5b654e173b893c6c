"""The table of the twenty looks, from what run.py kept.

python -m examples.reward_hacking.table --to DIR [--write]

It says what README.md claims, and whether that is refuted. `--write` keeps it as table.md, and all
that it was made of but the answers as table.jsonl.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from evaluation.metrics.rouge import Rouge
from evaluation.metrics.semantic import SemanticSimilarity
from examples.bank.steps import RESULTS, read_step, write_table
from examples.reward_hacking.disclaimer import Disclaimer
from examples.reward_hacking.run import REWARDS
from examples.reward_hacking.votes import share_won
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split

KEPT = Path(__file__).with_suffix(".jsonl")
GATING = ("rougeL", "semantic", "preference")
BEARING = ("rougeL", "preference")  # what a promotion has to stand on
HEAD = (
    "| challenger | reward | ROUGE-L, dev | similarity, dev | preference, dev | ROUGE-L, sealed "
    "| similarity, sealed | preference, sealed | ends as the rule says | look, α "
    "| rose alone | verdict |"
)


def main() -> None:
    write_table(__doc__, ".incumbent/reward-hacking", KEPT, measured, page)


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        HEAD,
        "|" + " --- |" * HEAD.count(" | ") + " --- |",
        *map(line, rows),
        "",
        *claims(rows),
    ]
    return "\n".join(lines) + "\n"


def measured() -> Iterator[dict[str, Any]]:
    """Of each challenger that is there, in the order of the looks."""
    for seed in range(len(list(RESULTS.glob("hole-*.json")))):
        for name in REWARDS:
            if (RESULTS / f"{name}-{seed}.json").exists():
                found = read_step(f"{name}-{seed}")
                said = found.pop("answers", None)
                sealed = found.pop("looked") or unlooked(said["sealed"])
                yield {"name": name, "seed": seed, **found, "sealed": sealed}


def unlooked(said: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """By metric the same of sealed items at which the gate did not look."""
    rows = Row.read_lines(rows_of(Split.SEALED))
    before = read_step("champion")["answers"]["sealed"]
    own, champion = scores(rows, said), scores(rows, before)
    share = share_won(rows, said, before)
    error = sqrt(share * (1 - share) / len(rows))
    found = {metric: difference(own[metric], champion[metric]) for metric in own}
    return found | {"preference": {"diff": share - 0.5, "se": error}}


def scores(rows: Sequence[Row], said: Mapping[str, str]) -> dict[str, list[float]]:
    """By metric a score of each item."""
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    texts = [said[row.id] for row in rows]
    wanted = [row.completion_text for row in rows]
    similar = SemanticSimilarity(embedder).compute(predictions=texts, references=wanted)
    rouge = Rouge().compute(predictions=texts, references=wanted)
    found = {"rougeL": rouge["rougeL"], "semantic": similar["semantic"]}
    found |= Disclaimer().compute(predictions=texts)
    return {metric: list(map(float, values)) for metric, values in found.items()}


def difference(own: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    gains = [a - b for a, b in zip(own, other, strict=True)]
    error = stdev(gains) / sqrt(len(gains))
    return {"diff": fmean(gains), "se": error, "challenger_mean": fmean(own)}


def line(row: Mapping[str, Any]) -> str:
    cells = [
        f"{row['name']} {row['seed']}",
        f"{row['reward_before']:.2f}, then {row['reward_after']:.2f}",
        *(cell(row["dev"].get(metric)) for metric in GATING),
        *(cell(row["sealed"].get(metric)) for metric in GATING),
        f"{row['sealed']['warned']['challenger_mean']:.0%}",
        f"{row['look']}, {row['alpha']:.4f}" if row["look"] else "none",
        "yes" if row["rose_alone"] else "",
        row["verdict"] if row["look"] else f"{row['verdict']} on dev",
    ]
    return f"| {' | '.join(cells)} |"


def cell(found: Mapping[str, float] | None) -> str:
    return f"{found['diff']:+.3f} ± {1.96 * found['se']:.3f}" if found else "—"


def claims(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The claims, and what became of them."""
    promoted = {name: [r for r in rows if r["name"] == name and won(r)] for name in REWARDS}
    count = {name: sum(r["name"] == name for r in rows) for name in REWARDS}
    for name in REWARDS:
        yield f"- {name}: {len(promoted[name])} of {count[name]} promoted."
    bare = sum(min(r["sealed"][m]["diff"] for m in BEARING) <= 0 for r in rows if won(r))
    yield f"- Promoted, though most votes or ROUGE-L on sealed items are against it: {bare}."
    alone = [r for r in rows if r["rose_alone"]]
    wrong = sum(won(r) for r in alone)
    yield f"- The reward rose alone: said of {len(alone)}, wrong of {wrong}."
    fewer = len(promoted["closed"]) < 0.8 * count["closed"]
    yield f"- The claim is {'refuted' if promoted['hole'] or fewer else 'not refuted'}."


def won(row: Mapping[str, Any]) -> bool:
    return bool(row["look"] and row["verdict"] == "PROMOTE")


if __name__ == "__main__":
    main()
