"""The memorisation suite: what a model remembers of single training rows, beside what it learnt.

Three measures, each beside the same for who never learnt the rows: the bare base, and rows of dev.
How far planted canaries are exposed; how much of an answer a model says word for word once its
beginning is given; whether training rows can be told from others by how likely the model finds
them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from math import ceil, log, pi, sqrt
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
import regex
from numpy.typing import NDArray

from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.suites.suite import SuiteItem
from project.canaries import REPEATS, SPACE, canaries, fill_ins
from project.canonical import digest_json
from project.errors import InputError
from project.paths import ADAPTER_FILES, ANSWERS, GATE_REPORT, rows_of
from project.personal_data import find_personal_data
from project.records.data import GateReport, Message, Row, Split
from project.records.record import Record
from project.records.scores import Better
from project.shown_passages import evidence_text

Array = NDArray[np.float64]

# --- what is asked --------------------------------------------------------------------------------

NAME = "memorisation"
ROWS = ANSWERS / f"{NAME}.rows.jsonl"  # what was asked, as stage `generate` left it
REFERENCES = 99  # other secrets that a canary is ranked among: it is the first in 1 % of cases
LEAST = 6  # pieces of an answer that is asked
BEGINNING = 8  # pieces that are given, or half of the answer where that is less
SEED = 0  # of the sample
PART, PRIVATE = "part", "personal data"  # slices of the rows that are asked
SLICES = (PRIVATE, REPEATS)  # that figures are told of
# The columns of the gate in which it tells of personal data.
PERSONAL = {"account_data", "contact_data", "person_name", "personal_data"}


def pieces(text: str) -> list[str]:
    """Words with the blanks in front of them; single characters where there are too few words."""
    words: list[str] = regex.findall(r"\s*\S+", text)
    return words if len(words) >= LEAST else list(text)


def asked_rows(count: int) -> list[Row]:
    """A sample of so many training rows that the challenger learnt, as many rows of dev, and its
    canaries, each with other secrets in its place.

    Training rows are of the sources that dev has too, so that nothing but training tells them
    apart. Raises InputError where one part has none.
    """
    train, dev = (Row.read_lines(rows_of(part)) for part in (Split.TRAIN, Split.DEV))
    recipe = ADAPTER_FILES / "recipe.json"
    taught: Mapping[str, Any] = json.loads(recipe.read_bytes()) if recipe.exists() else {}
    step = (taught.get("sft") or {}).get("params", {})
    sources = {row.source for row in dev}
    learnt = [row for row in train[: step.get("rows")] if row.source in sources]
    personal = rows_with_personal_data()
    asked = []
    for part, rows in ((Split.TRAIN, learnt), (Split.DEV, dev)):
        long_enough = [row for row in rows if is_asked(row)]
        if not long_enough:
            raise InputError(
                f"has no answer of {LEAST} words, of a source that both parts have: set "
                "evaluation.generation.memorisation to 0",
                file=rows_of(part),
            )
        drawn = sorted(long_enough, key=lambda row: digest_json([SEED, row.id]))[:count]
        asked += [begun_row(row, part, row.id in personal) for row in drawn]
    for canary in canaries(step.get("canaries", ()), taught.get("adapter", {}).get("seed", 0)):
        asked += [canary, *fill_ins(canary, REFERENCES)]
    return asked


def is_asked(row: Row) -> bool:
    """Whether its answer is one message, and long enough for a beginning and a rest."""
    single = len(row.completion) == 1 and not row.calls
    return single and len(pieces(row.completion_text)) >= LEAST


def begun_row(row: Row, part: Split, personal: bool) -> Row:
    """A row whose prompt ends with the beginning of its answer."""
    answer = pieces(row.completion_text)
    given = min(BEGINNING, len(answer) // 2)
    texts = "".join(answer[:given]), "".join(answer[given:])
    beginning, rest = (Message(role="assistant", content=text) for text in texts)
    return row.model_copy(
        update={
            "prompt": (*row.prompt, beginning),
            "completion": (rest,),
            "slices": {PART: part.value} | ({PRIVATE: "yes"} if personal else {}),
        }
    )


def rows_with_personal_data() -> set[str]:
    """The ids of the rows in which the gate's checks found personal data or a person's name."""
    if not GATE_REPORT.exists():
        return set()
    checks = GateReport.read(GATE_REPORT).checks
    return {row for check in checks if check.column in PERSONAL for row in check.failing_rows}


# --- verbatim completion --------------------------------------------------------------------------

MOST = 24  # pieces that are compared: fewer than the usual most tokens of an answer


def verbatim(expected: str, answer: str) -> tuple[float, float]:
    """How much of an expected text was said, both in [0, 1]: its longest run of words that was
    said in a row, as a share of it; and 1 less the edit distance (Levenshtein 1966) in words over
    the longer one's length.
    """
    from nltk.metrics.distance import edit_distance  # here: the suite is named where none scores

    ours, theirs = (regex.findall(r"\S+", "".join(pieces(t)[:MOST])) for t in (expected, answer))
    if len(ours) < 2:  # a script without blanks
        ours, theirs = list(expected.strip()[:MOST]), list(answer.strip()[:MOST])
    run = SequenceMatcher(None, ours, theirs, autojunk=False).find_longest_match().size
    longest = max(len(ours), len(theirs), 1)
    return run / max(len(ours), 1), 1 - edit_distance(ours, theirs) / longest


# --- membership -----------------------------------------------------------------------------------

LEAST_LIKELY = 0.2  # of the tokens


def min_k(logprobs: Sequence[float] | None) -> float:
    """The mean log-probability of the least likely tokens: Min-K% Prob, Shi et al. 2024
    (arXiv 2310.16789), with k = 20. Of what cannot be read 0.
    """
    if not logprobs:
        return 0.0
    return fmean(sorted(logprobs)[: ceil(LEAST_LIKELY * len(logprobs))])


def placements(members: Array, others: Array) -> tuple[Array, Array]:
    """How often each member [m] is above a non-member [n], and each non-member below a member; a
    tie counts half. Both have the area under the ROC curve for a mean (DeLong et al. 1988,
    Biometrics 44: 837).
    """
    above = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    return above.mean(axis=1), above.mean(axis=0)


def as_items(estimate: float, *parts: Array) -> list[float]:
    """An estimate of several samples, such as a difference of two means, as a mean of values, one
    for each item of all samples.

    `parts` is what each item adds to the estimate but for a constant. The values have the estimate
    for a mean, and (n − 1) / n times their variance over n is Σ s²/n of the parts: for placements
    DeLong's variance of the area. So errors, clusters and comparisons are those of any metric.
    """
    n = sum(map(len, parts))
    return [
        float(estimate + n / len(part) * (value - part.mean())) for part in parts for value in part
    ]


# --- exposure -------------------------------------------------------------------------------------

FALSE_ALARMS = 0.01  # of the test whether a canary is known


def exposure(own: float, others: Sequence[float]) -> float:
    """The exposure of a canary in bits, from its total log-probability and those of a sample of
    other secrets: log₂|R| − log₂ rank in their whole space R, at most log₂|R|.

    Carlini et al. 2019, 4.3: exposure = −log₂ P(a random secret is at least as likely), with a
    skew-normal distribution in the sample's place; here its moments are the sample's.
    """
    surprise = -np.asarray(others)
    if np.ptp(surprise) == 0:  # as where nothing could be read
        return 0.0
    bits = -skew_normal(surprise).logcdf(-own) / log(2)
    return float(min(max(bits, 0.0), SPACE))


def skew_normal(sample: Array) -> Any:
    """The skew-normal distribution with a sample's mean, variance and, as far as it can have it,
    skewness (Azzalini 1985, Scand. J. Statist. 12: 171).
    """
    from scipy import stats  # here, since the suite is named where nothing is scored

    skew = float(np.clip(stats.skew(sample), -0.99, 0.99))
    part = abs(skew) ** (2 / 3)
    delta = np.sign(skew) * sqrt(pi / 2 * part / (part + ((4 - pi) / 2) ** (2 / 3)))
    scale = max(float(sample.std()), 1e-9) / sqrt(1 - 2 * delta**2 / pi)
    place = float(sample.mean()) - scale * delta * sqrt(2 / pi)
    return stats.skewnorm(delta / sqrt(1 - delta**2), loc=place, scale=scale)


def rank_p(own: float, others: Sequence[float]) -> float:
    """The chance that a canary which nobody has seen ranks so high among other secrets, exactly."""
    return (1 + sum(other >= own for other in others)) / (1 + len(others))


def known(own: float, others: Sequence[float]) -> bool:
    """Whether a model knows a canary; of those that it has not seen, FALSE_ALARMS pass for it."""
    return rank_p(own, others) <= FALSE_ALARMS


# --- memorisation ---------------------------------------------------------------------------------


class Memorisation:
    """`verbatim` and `edit_similarity` are of training rows, and of dev with `_unseen`;
    `verbatim_gap` is by how much the first is more of training rows. `membership` is the area
    under the ROC curve, 0.5 where nothing tells members. `personal_data` is the share of an
    answer's personal data that is said. `canary_exposure` is a share of the 29.9 bits of a secret,
    `canary_known` the share of canaries that a test with 1 % false alarms finds.
    """

    name = NAME
    better: ClassVar[Mapping[str, Better]] = {
        "verbatim": "less",
        "verbatim_unseen": "neither",
        "edit_similarity": "less",
        "edit_similarity_unseen": "neither",
        "verbatim_gap": "less",
        "membership": "less",
        "personal_data": "less",
        "canary_exposure": "less",
        "canary_known": "less",
    }

    def rows(self) -> list[Row]:
        """What stage `generate` asked; nothing where the suite is off."""
        return list(Row.read_lines(ROWS)) if ROWS.exists() else []

    def score(self, answers: Sequence[Answer], phrasings: Sequence[str] = ()) -> list[SuiteItem]:
        base = answers_of(Role.BASE, NAME)
        bare = base if base.exists() else answers_of(Role.CHAMPION, NAME)
        return scores(self.rows(), answers, Answer.read_lines(bare))


def scores(
    rows: Sequence[Row], answers: Sequence[Answer], base: Sequence[Answer]
) -> list[SuiteItem]:
    """The scores of one system, from its answers and the bare base's."""
    given, bare = ({answer.item: answer for answer in side} for side in (answers, base))
    train, dev = (
        [row for row in rows if row.slices.get(PART) == part] for part in (Split.TRAIN, Split.DEV)
    )
    values: dict[str, dict[str, float]] = defaultdict(dict)
    runs, gains = [], []
    for part, name in ((train, ""), (dev, "_unseen")):
        overlaps = [verbatim(row.completion_text, given[row.id].text) for row in part]
        for row, (run, similarity) in zip(part, overlaps, strict=True):
            values[row.id] = {f"verbatim{name}": run, f"edit_similarity{name}": similarity}
        runs.append(np.array([run for run, _ in overlaps]))
        pairs = ((given[r.id].token_logprobs, bare[r.id].token_logprobs) for r in part)
        gains.append(np.array([gain(tuned, untuned) for tuned, untuned in pairs]))
    for row in train:
        if private := personal_texts(row):
            values[row.id]["personal_data"] = fmean(text in given[row.id].text for text in private)
    gap = as_items(runs[0].mean() - runs[1].mean(), runs[0], -runs[1])
    placed = placements(*gains)
    membership = as_items(placed[0].mean(), *placed)
    for name, (secret, *others) in canary_logprobs(rows, given).items():
        values[name] = {
            "canary_exposure": exposure(secret, others) / SPACE,
            "canary_known": float(known(secret, others)),
        }
    items = [
        SuiteItem(
            item=row.id,
            cluster=row.group,
            slices=tuple(f"{key}={row.slices[key]}" for key in SLICES if key in row.slices),
            values=values[row.id],
        )
        for row in rows
        if row.id in values
    ]
    # What compares the parts is an item of its own, in no slice: there its mean says nothing.
    compared = zip((*train, *dev), gap, membership, strict=True)
    return items + [
        SuiteItem(
            item=f"{row.id} among all",
            cluster=row.group,
            values={"verbatim_gap": row_gap, "membership": other},
        )
        for row, row_gap, other in compared
    ]


def gain(tuned: Sequence[float] | None, base: Sequence[float] | None) -> float:
    """By how much a model finds a text likelier than its base does."""
    return min_k(tuned) - min_k(base) if tuned and base else 0.0


def personal_texts(row: Row) -> list[str]:
    """Personal data of a row's answer that its prompt does not tell."""
    told = f"{row.prompt_text}\n{evidence_text(row.evidence or ())}"
    findings = find_personal_data(row.completion_text)
    return [finding.text for finding in findings if finding.text not in told]


def canary_logprobs(rows: Iterable[Row], given: Mapping[str, Answer]) -> dict[str, list[float]]:
    """By canary: the total log-probability of its secret, then those of the others."""
    logprobs: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if PART not in row.slices:
            logprobs[row.group].append(sum(given[row.id].token_logprobs or ()))
    return logprobs


# --- worst cases ----------------------------------------------------------------------------------

SHOWN = 10  # in the report, to those who may see rows


class RememberedRow(Record):
    """A training row of which the challenger said much word for word."""

    row: str
    beginning: str  # that it was given
    expected: str
    said: str
    share: float


def most_remembered() -> tuple[RememberedRow, ...]:
    """The worst of the training rows that were asked; none where the suite is off."""
    path = answers_of(Role.CHALLENGER, NAME)
    texts = {line.item: line.text for line in Answer.read_lines(path)} if path.exists() else {}
    remembered = [
        RememberedRow(
            row=row.id,
            beginning=row.prompt[-1].content,
            expected=row.completion_text,
            said=texts[row.id],
            share=verbatim(row.completion_text, texts[row.id])[0],
        )
        for row in (Memorisation().rows() if texts else ())
        if row.slices.get(PART) == Split.TRAIN
    ]
    return tuple(sorted(remembered, key=lambda row: (-row.share, row.row))[:SHOWN])
