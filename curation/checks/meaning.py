"""What an embedder makes of a sample of rows: what says the same, what is far from the rest."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from curation.checks.embeddings import Looked, sample, without_common
from curation.checks.relevance import CheckReferences, contaminated, eval_places, leaks, off_topics
from curation.checks.repeats import NONE, RowTexts, class_names, frequent_answers, robust_scores
from curation.text_forms import told_apart
from project.records.data import Split

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The columns that an embedder tells, of the rows that it looked at.
BY_MEANING = ("semantic_duplicate", "off_topic", "disagreement")
# Cosines of all-MiniLM-L6-v2. Of two questions: of the labelled pairs of tests/curation/labelled
# that ask for different things at most one of 100 is above it, of the others one of four.
SAME_QUESTION = 0.84
# Less what all questions share: of questions, and of questions and answers in sum.
NEAR_QUESTION, SAME_ROW = 0.55, 1.16
SAME_ANSWER = 0.5  # above what two answers usually are
SAME_TASK = 0.85  # as one of a suite: its tasks are short and alike
DENSE = 1_000  # questions, of which the next one is not far by itself
CLEARLY, NEARER = 0.12, 0.065  # than the next one: by the question alone, with like answers
FAR_ANSWER = 4.0  # robust standard deviations
NEIGHBOURS = 10  # whose classes a row's is held against
LEAST_WORDS, LEAST_FREE = 3, 50  # of an answer that says something, and such answers
# The mean cosine of two answers: 0.04 to 0.22 in public tables, 0.14 to 0.23 of random words, 0.55
# and more in sums, codes and whole sentences as names of classes.
MOST_ALIKE = 0.5
LEAST_ROWS = 30  # for there to be a usual distance
LEAST_SPREAD = 0.05  # of a cosine
LEAST_FIT = 0.1  # the cosine of a question and an answer that may belong together
MOST_VOTES = 0.8  # of neighbours, for a row's class to look wrong
BLOCK = 1_000  # rows that are compared with all at once


def columns_by_meaning(
    texts: RowTexts, looked: Looked | None, compared: CheckReferences
) -> dict[str, Sequence[str | None]]:
    """What an embedder tells, and nothing where there is none; leaks are told by words too."""
    places = eval_places(texts)
    evals = [*compared.evals, *(texts.prompts[i] for i in places)]
    suites, aside = compared.suites, compared.aside
    if looked is None:
        return {
            "leak": leaks(texts, evals, aside=aside),
            "contaminated": contaminated(texts, suites, aside=aside),
        } | {name: [None] * len(texts.rows) for name in BY_MEANING}
    embedded = [*compared.evals, *(texts.prompts[i] for i in some(texts, places, compared))]
    return {
        "leak": leaks(texts, evals, reworded(texts, looked, embedded), aside),
        "contaminated": contaminated(
            texts, suites, reworded(texts, looked, suites, SAME_TASK), aside
        ),
        "semantic_duplicate": semantic_duplicates(texts, looked),
        "off_topic": off_topic(texts, looked, compared),
        "disagreement": disagreements(texts, looked),
    }


def some(texts: RowTexts, places: Sequence[int], compared: CheckReferences) -> list[int]:
    """Of the eval items at most half as many as rows are looked at: the others' words are known."""
    rows, splits = [texts.rows[i] for i in places], [texts.splits[i] for i in places]
    most = max(compared.embedded_rows // 2, 1)
    return [places[k] for k in sample(rows, splits, most, compared.seed)]


def semantic_duplicates(texts: RowTexts, looked: Looked) -> list[str | None]:
    """The rows behind the first one that asks and answers the same in other words.

    Each question is the other's nearest, their words do not tell them apart, and one holds: they
    ask the same and have like answers; they are near, nearer than any other, and have like
    answers; or they are questions that are clearly nearer than any other.
    """
    if len(looked.places) < 2:
        return told_of(texts, looked, (), "")
    alike = without_common(looked.prompts, looked.prompts)
    best, first, second = nearest(alike, alike, itself=True)
    margin = first - np.maximum(second, second[best])
    asked, told = ((v * v[best]).sum(axis=1) for v in (looked.prompts, looked.answers))
    usual = mean_cosine(looked.answers)  # where all begin alike, being alike says little
    told = (told - usual) / max(1 - usual, 1e-9)
    near, like = first >= NEAR_QUESTION, told >= SAME_ANSWER
    nearer = near & (margin >= NEARER) & (first + told >= SAME_ROW)
    # By its mark: instructions that begin by other verbs are other tasks, however near.
    marked = np.array([any(map(texts.prompts[i].__contains__, "?？؟")) for i in looked.places])
    clear = near & (margin >= CLEARLY) & marked & marked[best] & (len(best) >= DENSE)
    mutual = (best[best] == np.arange(len(best))) & (best < np.arange(len(best)))
    which = np.flatnonzero(mutual & (like & ((asked >= SAME_QUESTION) | nearer) | clear))
    pairs = [(looked.places[k], looked.places[best[k]]) for k in which.tolist()]
    repeats = {
        i
        for i, other in pairs
        if unlike(texts, i, other) and not told_apart(texts.prompts[i], texts.prompts[other])
    }
    return told_of(texts, looked, repeats, "says what another row says, in other words")


def mean_cosine(vectors: "NDArray[np.float32]") -> float:
    """The mean cosine of two different ones of the unit vectors."""
    count = len(vectors)
    return float((np.linalg.norm(vectors.mean(axis=0)) ** 2 * count - 1) / max(count - 1, 1))


def unlike(texts: RowTexts, one: int, other: int) -> bool:
    """Whether two rows have other words, in prompt and answer."""
    return (
        texts.prompt_families[one] != texts.prompt_families[other]
        and texts.answer_families[one] != texts.answer_families[other]
    )


def reworded(
    texts: RowTexts, looked: Looked, others: Sequence[str], least: float = NEAR_QUESTION
) -> list[int]:
    """The places of training rows in the sample that ask what one of the others asks."""
    train = [k for k, i in enumerate(looked.places) if texts.splits[i] == Split.TRAIN]
    if not others or not train:
        return []
    theirs = looked.embed(others)
    common = np.concatenate([looked.prompts, theirs])
    ours, theirs = (without_common(vectors, common) for vectors in (looked.prompts[train], theirs))
    best, first, second = nearest(ours, theirs, itself=False)
    near = (first >= least) & (first - second >= CLEARLY)
    return [
        looked.places[train[k]]
        for k in np.flatnonzero(near).tolist()
        if not told_apart(texts.prompts[looked.places[train[k]]], others[best[k]])
    ]


def nearest(
    own: "NDArray[np.float32]", others: "NDArray[np.float32]", *, itself: bool
) -> tuple["NDArray[np.int64]", "NDArray[np.float32]", "NDArray[np.float32]"]:
    """Of each vector the place of the most similar other one, its cosine and the next one's."""
    blocks = []
    for start in range(0, len(own), BLOCK):
        similarity = own[start : start + BLOCK] @ others.T
        if itself:
            np.fill_diagonal(similarity[:, start:], -1)
        best = similarity.argmax(axis=1)
        rows = np.arange(len(best))
        first = similarity[rows, best]
        similarity[rows, best] = -1
        blocks.append((best, first, similarity.max(axis=1)))
    best, first, second = map(np.concatenate, zip(*blocks, strict=True))
    return best, first, second


def off_topic(texts: RowTexts, looked: Looked, compared: CheckReferences) -> list[str | None]:
    """The rows that are far from the gold rows, or without these from all others and the task."""
    which, why = off_topics(texts, looked, compared)
    places = {looked.places[k] for k in np.flatnonzero(which).tolist()}
    return told_of(texts, looked, places, why)


def answer_fit(texts: RowTexts, looked: Looked) -> float | None:
    """How often an answer is nearer to its own question than another row's answer is, by chance
    0.5; None where few answers say enough: what many rows answer, and two words, fit many
    questions, and so do answers of one kind, such as "The result is 12.", which differ in nothing
    that is seen.
    """
    often = frequent_answers(texts.answer_keys)
    answers = [texts.answer_keys[i] for i in looked.places]
    free = [k for k, a in enumerate(answers) if a not in often and len(a.split()) >= LEAST_WORDS]
    if len(free) < LEAST_FREE:
        return None
    asked, told = looked.prompts[free], looked.answers[free]
    if mean_cosine(told) > MOST_ALIKE:
        return None
    draw, fit = np.random.default_rng(0), (asked * told).sum(axis=1)
    others = np.stack([(asked * told[draw.permutation(len(free))]).sum(axis=1) for _ in range(20)])
    return float(((fit > others) + 0.5 * (fit == others)).mean())


def disagreements(texts: RowTexts, looked: Looked) -> list[str | None]:
    """The rows whose answer is not what the embedder makes one expect: a hint, not a proof."""
    reasons = told_of(
        texts, looked, unlike_neighbours(texts, looked), "its neighbours have another class"
    )
    if len(looked.places) >= LEAST_ROWS:
        named = class_names(texts.answer_keys)
        free = np.array([texts.answer_keys[i] not in named for i in looked.places])
        fit = (looked.prompts * looked.answers).sum(axis=1)
        far = free & (fit < LEAST_FIT) & (robust_scores(fit, LEAST_SPREAD, free) < -FAR_ANSWER)
        for k in np.flatnonzero(far).tolist():
            reasons[looked.places[k]] = "the answer is far from its question"
    return reasons


def unlike_neighbours(texts: RowTexts, looked: Looked) -> set[int]:
    """The rows with the name of a class that hardly any of the most similar questions has."""
    named = class_names(texts.answer_keys)
    classed = [k for k, i in enumerate(looked.places) if texts.answer_keys[i] in named]
    if len(classed) <= NEIGHBOURS:
        return set()
    vectors = without_common(looked.prompts[classed], looked.prompts[classed])
    outliers = set()
    for at, k in enumerate(classed):
        similarity = vectors @ vectors[at]
        similarity[at] = -1
        nearest = np.argsort(similarity)[-NEIGHBOURS:].tolist()
        classes = Counter(texts.answer_keys[looked.places[classed[n]]] for n in nearest)
        name, votes = classes.most_common(1)[0]
        mine = texts.answer_keys[looked.places[k]]
        if name != mine and votes >= MOST_VOTES * NEIGHBOURS and not classes[mine]:
            outliers.add(looked.places[k])
    return outliers


def told_of(
    texts: RowTexts, looked: Looked, places: "set[int] | tuple[()]", why: str
) -> list[str | None]:
    """What is told of each row: nothing of one that was not looked at."""
    values: list[str | None] = [None] * len(texts.rows)
    for i in looked.places:
        values[i] = why if i in places else NONE
    return values
