"""What a report shows: its data, and how many answers are right."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from evaluation.decision.gains import rewards, rose_alone
from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import better_of
from evaluation.evaluation_settings import Prices, ScoringParams
from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.generation.contestants import dev_items
from evaluation.metrics.proposed_checks import proposed_checks, with_calls
from evaluation.report.dev_items import (
    ComparedItem,
    RetrievalRecall,
    compared_items,
    retrieval_recall,
)
from evaluation.report.shown_answers import ShownConversation, Words, conversation_of, marked
from evaluation.scoring.score_table import read_scores
from evaluation.suites.memorisation import RememberedRow, most_remembered
from project.paths import CHAMPION, SCORES
from project.records.adapters import Opponent
from project.records.data import Split
from project.records.evidence import PREFERENCE, Evidence, Measured, MetricEvidence, Usage
from project.records.record import Record
from project.records.scores import Better, Flags, ItemScore, ScoreTable
from project.settings import load
from project.written_calls import BEGIN


class AnswerExample(ComparedItem):
    better: dict[str, Better]  # the metrics to sort by

    @property
    def quality(self) -> float:
        """The challenger's mean over the metrics to sort by; more is better."""
        return mean_over(self.better, self.scores.challenger)

    @property
    def gain(self) -> float:
        """Over the champion, in the mean over the metrics to sort by."""
        return self.quality - mean_over(self.better, self.scores.champion)

    @property
    def marked(self) -> tuple[Words, Words]:
        """Both answers in words, each marked where the other has no such words."""
        return marked(self.champion, self.challenger)

    @property
    def is_conversation(self) -> bool:
        whole = self.champion_turns or self.challenger_turns
        return self.row.is_conversation or whole is not None

    @property
    def conversation(self) -> ShownConversation | None:
        return conversation_of(self.row, self.given)


class ReportData(Record):
    """Dev items, which everybody may look at, and no others."""

    opponent: Opponent
    dev: tuple[ItemScore, ...]
    flags: Flags
    examples: tuple[AnswerExample, ...]
    phrasings: tuple[str, ...] = ()  # by which an answer abstains, beside the usual ones
    remembered: tuple[RememberedRow, ...] = ()  # training rows: not for everybody
    retrieval: RetrievalRecall | None = None  # None: no item was asked with what was retrieved


def read_report_data() -> ReportData:
    """Read what the stages before left."""
    dev = read_scores(Split.DEV)
    return ReportData(
        opponent=Opponent.read(CHAMPION),
        dev=item_means(dev.items),
        flags=Flags.read(SCORES / f"{Split.DEV}.flags.json"),
        examples=read_examples(dev, load(Policy)),
        phrasings=load(ScoringParams).abstentions,
        remembered=most_remembered(),
        retrieval=retrieval_recall(
            dev_items(),
            Answer.read_lines(answers_of(Role.CHALLENGER, Split.DEV)),
            item_means(dev.items),
        ),
    )


def read_examples(dev: ScoreTable, policy: Policy) -> tuple[AnswerExample, ...]:
    """The dev items with what both sides answered, to be sorted by the gating metrics."""
    scored = {name: way for name, way in better_of(dev, policy).items() if name in dev.metrics}
    better = {name: scored[name] for name in policy.gating if name in scored} or scored
    return tuple(
        AnswerExample(**dict(item), better=better)
        for item in compared_items(dev_items(), dev.items)
    )


PARTED = 5  # examples of a reward that rose alone


def parted(
    evidence: Evidence, policy: Policy, examples: Sequence[AnswerExample]
) -> list[AnswerExample]:
    """Where a reward rose alone: the answers that gained most of it for the least else."""
    if not rose_alone(evidence, policy):
        return []
    better = {name: evidence.dev[name].better or "more" for name in rewards(evidence)}
    preferred = better.pop(PREFERENCE, None) is not None

    def parting(example: AnswerExample) -> float:
        won = mean_over(better, example.scores.challenger) - mean_over(
            better, example.scores.champion
        )
        if preferred and example.scores.preference is not None:
            won += example.scores.preference - 0.5
        return won - example.gain

    return sorted(examples, key=parting, reverse=True)[:PARTED]


def mean_over(better: Mapping[str, Better], scores: Mapping[str, float]) -> float:
    """The mean of some metrics, those in which less is better counted downward."""
    signs = {"more": 1, "less": -1, "neither": 0}
    return fmean([signs[way] * scores[name] for name, way in better.items()] or [0])


# --- right answers --------------------------------------------------------------------------------

# What a comparison says first: how many answers are right, and what an answer costs.

# A metric of each scorer that checks what is right, by which it is known to have looked.
LOOKS = {
    "facts": "facts_kept",
    "token_f1": "exact_match",
    "macro_f1": "macro_f1",
    "json": "json_valid",
    "assertions": "assertions",
    "grounding": "supported",
    "calls": "calls_right",
}
WRONG_CALLS = {
    "missed_calls": "no call, though one is due",
    "needless_calls": "a call, though none is due",
    "unknown_tools": "a tool that is not there",
}
UNGROUNDED = {
    "invented": "an invented figure",
    "wrong_abstention": "no answer, though there is one",
    "missed_abstention": "an answer, though there is none",
}


def right_lines(measured: Measured) -> Iterator[str]:
    """A line for each way to be right that was measured. Where none was, one that says so."""
    if metric := measured.get("figures_right"):
        line = f"right figures: {of_answers(metric)}"
        if wrong := measured.get("figures_wrong"):
            line += f"; wrong figures: {of_answers(wrong)}"
        yield line
    elif metric := measured.get("facts_kept"):
        line = f"names kept: {shares(metric)}"
        if wrong := measured.get("facts_contradicted"):
            line += f"; another in their place: {shares(wrong)}"
        yield line
    if metric := measured.get("exact_match"):
        yield f"right to the word: {of_answers(metric)}"
    if metric := measured.get("macro_f1"):
        yield (
            f"macro-F1 of the classes: {metric.challenger_mean:.2f} "
            f"(champion {metric.champion_mean:.2f})"
        )
    if metric := measured.get("json_valid"):
        yield f"valid JSON: {of_answers(metric)}"
    if metric := measured.get("json_fields"):
        yield f"right fields: {shares(metric)}"
    if metric := measured.get("supported"):
        yield f"borne out by the passages: {shares(metric)}" + errors(measured, UNGROUNDED)
    if metric := measured.get("calls_right"):
        yield f"right calls: {of_answers(metric)}" + errors(measured, WRONG_CALLS)
    if metric := measured.get("assertions"):
        yield f"assertions that hold: {shares(metric)}"
    if measured and measured.keys().isdisjoint((*LOOKS.values(), "figures_right")):
        yield (
            "right or wrong: nothing checks it. No scorer looks at figures, names, exact answers, "
            "classes, JSON, calls or assertions; the others reward form"
        )


def errors(measured: Measured, named: Mapping[str, str]) -> str:
    counted = {words: measured[name] for name, words in named.items() if name in measured}
    return "".join(f"; {words}: {of_answers(count)}" for words, count in counted.items())


def unchecked(measured: Measured, references: Sequence[str]) -> Iterator[str]:
    """What these reference answers hold and no scorer looked at, with what to write."""
    kept = [text for text in references if BEGIN not in text]
    checks = with_calls(proposed_checks(kept, len(kept)), len(references) - len(kept), len(kept))
    names = [entry if isinstance(entry, str) else str(entry["metric"]) for entry in checks.scorers]
    if missing := [name for name in names if LOOKS[name] not in measured]:
        yield (
            f"not checked: {checks.answers}; add {' and '.join(missing)} to "
            "evaluation.scoring.metrics, and guards to evaluation.policy "
            "(docs/explain/facts-and-assertions.md)"
        )


def of_answers(evidence: MetricEvidence) -> str:
    """How many answers were right, of a metric that is 1 or 0 for an answer."""
    challenger, champion = (
        round((mean or 0.0) * evidence.n)
        for mean in (evidence.challenger_mean, evidence.champion_mean)
    )
    return f"{challenger:,} of {evidence.n:,} answers (champion {champion:,})"


def shares(evidence: MetricEvidence) -> str:
    return f"{evidence.challenger_mean:.0%} (champion {evidence.champion_mean:.0%})".replace(
        "%", " %"
    )


# --- cost -----------------------------------------------------------------------------------------

# What an answer costs each system: tokens, seconds, and money.


class AnswerCost(Record):
    """Means of one answer; seconds None where they were not measured on this machine."""

    system: str
    prompt: float  # tokens
    answer: float  # tokens
    seconds: float | None
    money: float | None  # per 1,000 answers; None where no price is known


def costs(
    usage: Mapping[str, Usage], seconds: Mapping[str, float | None], prices: Prices
) -> list[AnswerCost]:
    return [
        AnswerCost(
            system=str(system),
            prompt=used.prompt,
            answer=used.answer,
            seconds=seconds.get(system),
            money=money(used, seconds.get(system), prices),
        )
        for system, used in usage.items()
    ]


def money(used: Usage, seconds: float | None, prices: Prices) -> float | None:
    """The price of 1,000 answers; None when there is none, or a price by the hour but no time."""
    if not (prices.prompt or prices.answer or prices.hour) or (prices.hour and seconds is None):
        return None
    tokens = (used.prompt * prices.prompt + used.answer * prices.answer) / 1e6
    return 1000 * (tokens + (seconds or 0) * prices.hour / 3600)


def share_of_cost(found: Mapping[str, AnswerCost], weights: Mapping[str, int]) -> str:
    """At which share of the champion's cost the challenger answers, as far as it is known; weights
    are those of base and adapter that lie here.
    """
    ours, theirs = found[Role.CHALLENGER], found[Role.CHAMPION]
    pairs = [
        ("tokens", ours.prompt + ours.answer, theirs.prompt + theirs.answer),
        ("time", ours.seconds, theirs.seconds),
        ("money", ours.money, theirs.money),
        ("weights", weights.get(Role.CHALLENGER), weights.get(Role.CHAMPION)),
    ]
    return ", ".join(f"{a / b:.1%} of the {name}" for name, a, b in pairs if a and b)


def saving(found: Mapping[str, AnswerCost]) -> str | None:
    """How much cheaper the challenger answers than the base with a few-shot prompt, in words."""
    ours, theirs = found.get(Role.CHALLENGER), found.get(Role.FEW_SHOT)
    if ours is None or theirs is None:
        return None
    parts = [("fewer", "tokens", ours.prompt + ours.answer, theirs.prompt + theirs.answer)]
    if ours.seconds is not None and theirs.seconds:
        parts.append(("less", "time", ours.seconds, theirs.seconds))
    if ours.money is not None and theirs.money:
        parts.append(("less", "money", ours.money, theirs.money))
    return ", ".join(
        f"{abs(1 - a / b):.0%} {less if a <= b else 'more'} {name}" for less, name, a, b in parts
    )
