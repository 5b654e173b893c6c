"""Whether rows are about the task, by gold rows, words or the others; which teach eval items."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.checks.embeddings import Looked, unit
from curation.checks.repeats import NONE, RowTexts, robust_scores
from curation.faults.suspect_words import question_text
from curation.kinship import PARTS, asking_alike
from project.engine.embedded_texts import Embed
from project.errors import InputError
from project.personal_data import NO_CONTACTS, Contacts
from project.records.data import Row, Split
from project.records.record import read_input, read_object
from project.unicode_words import language_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# By topics of CLINC150 of which gold rows or the task knew nothing: benchmarks/relevance.py.
NEAREST_GOLD = 3  # whose mean cosine says how near a row is to the gold rows
LEAST_GOLD = 10  # rows, for there to be a usual distance between them
# Of the median at which gold rows are from each other: of a row that is told, and of one that
# counts for the task.
GOLD_FAR, GOLD_NEAR = 0.4, 0.6
TASK_NEAR = 0.12  # the cosine of a row and the words of the task
FAR = 2.5  # robust standard deviations
FEW, FEW_SHARE = 3, 0.015  # without gold rows, what is off the topic is rare: many are a topic
NEIGHBOURS = 10  # whose similarity says how alone a row is
LEAST_ROWS = 30  # for there to be a usual distance
LEAST_SPREAD = 0.05  # of a cosine
BLOCK = 1_000  # rows that are compared with all at once
LANGUAGE_ROWS = 200  # of which the language is looked up


@dataclass(frozen=True)
class CheckReferences:
    """What the rows of a dataset are held against, beside each other. Eval items and the suites are
    known by what they ask.
    """

    ours: Contacts = NO_CONTACTS  # no personal data: the organisation's own
    # Ids of rows that the policies of stage `curate` leave to the gate.
    too_long: frozenset[str] = frozenset()
    conflicting: frozenset[str] = frozenset()
    evals: Sequence[str] = ()  # beside the rows of parts dev and sealed
    suites: Sequence[str] = ()
    task: str | None = None  # what the rows are to teach, in words
    gold: Sequence[tuple[str, str]] = ()  # questions and answers that show it
    aside: Collection[str] = ()  # sources of rows that are there for something else: rehearsed ones
    reference: Sequence[str] = ()  # texts of the last version's rows, by which drift is told
    version: str | None = None  # whose rows these are, where that is known
    embed: Embed | None = None
    embedded_rows: int = 2_000
    seed: int = 0


def off_topics(
    texts: RowTexts, looked: Looked, compared: CheckReferences
) -> tuple["NDArray[np.bool]", str]:
    """Which rows of the sample are off the topic, and from what they are far."""
    if (near := gold_nearness(looked, compared)) is not None:
        return (near < GOLD_FAR) & of_task(texts, looked, compared), "far from the gold rows"
    if len(looked.places) < LEAST_ROWS:
        return np.zeros(len(looked.places), dtype=bool), ""
    # The mean cosine with the nearest rows, but the row itself.
    means = []
    for start in range(0, len(looked.rows), BLOCK):
        similarity = looked.rows[start : start + BLOCK] @ looked.rows.T
        np.fill_diagonal(similarity[:, start:], -1)
        means.append(nearest_mean(similarity, NEIGHBOURS))
    near = np.concatenate(means)
    if compared.task:
        near = near + task_nearness(looked, compared.task)
    rare = np.argsort(np.argsort(near)) < max(FEW, FEW_SHARE * len(near))
    return (robust_scores(near, LEAST_SPREAD) < -FAR) & rare, "far from what the others are about"


def gold_share(texts: RowTexts, looked: Looked, compared: CheckReferences) -> float | None:
    """The share of rows that are about what the gold rows are about; None where these are few."""
    near = gold_nearness(looked, compared)
    return None if near is None else share(near >= GOLD_NEAR, of_task(texts, looked, compared))


def task_share(texts: RowTexts, looked: Looked, compared: CheckReferences) -> float | None:
    """The share of rows that are near the words of the task; None where these are in a language
    that the rows are not in, for embedders of one language see nothing then.
    """
    if not compared.task or not of_one_language(compared.task, texts):
        return None
    return share(
        task_nearness(looked, compared.task) >= TASK_NEAR, of_task(texts, looked, compared)
    )


def of_task(texts: RowTexts, looked: Looked, compared: CheckReferences) -> "NDArray[np.bool]":
    """Which rows of the sample are there for the task."""
    return np.array([texts.rows[i].source not in compared.aside for i in looked.places], dtype=bool)


def share(which: "NDArray[np.bool]", among: "NDArray[np.bool]") -> float | None:
    return float(which[among].mean()) if among.any() else None


def gold_nearness(looked: Looked, compared: CheckReferences) -> "NDArray[np.floating] | None":
    """How near each row is to its nearest gold rows, where 1 is what is usual among these."""
    if len(compared.gold) < LEAST_GOLD:
        return None
    asked, told = (looked.embed(list(texts)) for texts in zip(*compared.gold, strict=True))
    gold = unit(asked + told)
    among = gold @ gold.T
    np.fill_diagonal(among, -1)
    usual = max(float(np.median(nearest_mean(among, NEAREST_GOLD))), LEAST_SPREAD)
    return nearest_mean(looked.rows @ gold.T, NEAREST_GOLD) / usual


def task_nearness(looked: Looked, words: str) -> "NDArray[np.floating]":
    return np.asarray((looked.rows @ looked.embed([words]).T)[:, 0])


def nearest_mean(similarity: "NDArray[np.float32]", count: int) -> "NDArray[np.float32]":
    """The mean of so many highest values of each line."""
    return np.asarray(np.sort(similarity, axis=1)[:, -count:].mean(axis=1))


def of_one_language(words: str, texts: RowTexts) -> bool:
    """Whether most rows are in the language of the task, as far as it can be told; a task of few
    words in ASCII is taken for English.
    """
    every = max(1, len(texts.rows) // LANGUAGE_ROWS)
    told = Counter(language_of(text) for text in texts.completions[::every])
    told.update(language_of(text) for text in texts.prompts[::every])
    del told[None]
    if not told:
        return True
    language = language_of(words) or ("en" if words.isascii() else None)
    return language == told.most_common(1)[0][0]


# --- leaks ----------------------------------------------------------------------------------------

REWORDED = "in other words"
EARLIER = "in an earlier turn"


# Both take the places of rows that are known by their meaning (`reworded`), and `aside` as
# taught_prompts has it.


def leaks(
    texts: RowTexts,
    evals: Sequence[str],
    reworded: Sequence[int] = (),
    aside: Collection[str] = (),
) -> list[str]:
    """The training rows that ask what an eval item asks."""
    return asked_elsewhere(texts, evals, reworded, aside, "asks what an eval item asks")


def contaminated(
    texts: RowTexts,
    suites: Sequence[str],
    reworded: Sequence[int] = (),
    aside: Collection[str] = (),
) -> list[str]:
    """The training rows that ask what an item of a suite asks, for general ability or safety."""
    return asked_elsewhere(texts, suites, reworded, aside, "asks what a suite asks")


def asked_elsewhere(
    texts: RowTexts,
    others: Sequence[str],
    reworded: Sequence[int],
    aside: Collection[str],
    why: str,
) -> list[str]:
    places = training(texts)
    taught = taught_prompts([texts.rows[i] for i in places], others, aside)
    how = dict.fromkeys(reworded, REWORDED) | {places[i]: alike for (i, _), alike in taught.items()}
    return [f"{why}, {how[i]}" if i in how else NONE for i in range(len(texts.rows))]


def taught_prompts(
    rows: Sequence[Row], asked: Sequence[str], aside: Collection[str] = ()
) -> dict[tuple[int, int], str]:
    """The places of rows with those of what is asked elsewhere, where a row asks that, and how much
    alike; of each row the weakest first. Rows of sources `aside` are looked at by themselves, for
    they say nothing of what many of the others share.
    """
    taught: dict[tuple[int, int], str] = {}
    for kind in (False, True):
        places = [i for i, row in enumerate(rows) if (row.source in aside) is kind]
        alike = taught_alike([rows[i] for i in places], asked)
        taught |= {(places[k], j): how for (k, j), how in alike.items()}
    return taught


def taught_alike(rows: Sequence[Row], asked: Sequence[str]) -> dict[tuple[int, int], str]:
    """The same of rows that are looked at together.

    What was asked before in a conversation is not taught: its answer is no row's completion. What
    its last turn asks is.
    """
    pairs = asking_alike([row.prompt_text for row in rows], asked)
    several = [sum(turn.role == "user" for turn in row.prompt) > 1 for row in rows]
    turns = {(i, j) for (i, j), how in pairs.items() if how == PARTS and several[i]}
    places = sorted({i for i, _ in turns})
    last = asking_alike([question_text(rows[i]) for i in places], asked)
    now = {(places[k], j): how for (k, j), how in last.items()}
    return pairs | {pair: now.get(pair, EARLIER) for pair in turns}


def training(texts: RowTexts) -> list[int]:
    return [i for i, split in enumerate(texts.splits) if split == Split.TRAIN]


def eval_places(texts: RowTexts) -> list[int]:
    return [i for i, split in enumerate(texts.splits) if split != Split.TRAIN]


# --- leaving rows ---------------------------------------------------------------------------------

# Training rows that leave once all rows are dealt: they ask what an eval item or a suite asks.

# Each reads well behind a number.
ASKS_ITEM = "that ask what an eval item asks"
ASKS_SUITE = "that ask what a suite asks"


def leaving(
    parts: Mapping[Split, Sequence[Row]],
    suites: Sequence[str],
    aside: Collection[str],
    stay: Collection[str] = (),
) -> dict[str, str]:
    """By id, why training rows leave, as the gate would have it. Rows whose ids are to `stay` do,
    whatever they ask, and as items they make no other row leave; `aside` as in taught_prompts.

    Which words tell nothing depends on all rows, so those that are left are looked at again.
    """
    items = [row for part in (Split.DEV, Split.SEALED) for row in parts[part] if row.id not in stay]
    asked = {ASKS_SUITE: list(suites), ASKS_ITEM: [row.prompt_text for row in items]}
    gone: dict[str, str] = {}
    while True:
        rows = [row for row in parts[Split.TRAIN] if row.id not in stay and row.id not in gone]
        more = {
            rows[i].id: why
            for why, prompts in asked.items()
            for (i, _), how in taught_prompts(rows, prompts, aside).items()
            if how != EARLIER
        }
        if not more:
            return gone
        gone |= more


# --- suites ---------------------------------------------------------------------------------------

DATASETS = Path("datasets")
SUITES = ("consistency", "general", "safety")  # its folders of questions that nobody trains on


def suite_prompts(datasets: Path = DATASETS) -> list[str]:
    """The prompts of all their items; none where there is no suite. Raises InputError."""
    files = [file for suite in SUITES for file in sorted((datasets / suite).glob("*.jsonl"))]
    return [prompt for file in files for prompt in prompts_of(file)]


def prompts_of(file: Path) -> list[str]:
    prompts = []
    for number, line in enumerate(read_input(file).split(b"\n"), start=1):
        if line.strip():
            item = read_object(line, file, number)
            field = "phrasings" if "phrasings" in item else "prompt"
            asked = item["phrasings"] if "phrasings" in item else [item.get("prompt")]
            if not isinstance(asked, list) or not all(isinstance(text, str) for text in asked):
                raise InputError("must be a text", file=file, line=number, field=field)
            prompts += asked
    return prompts
