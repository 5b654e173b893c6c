"""Which checks fit somebody's answers: figures, exact answers, classes or JSON, and why.

ROUGE, semantic similarity and a preference reward form: a sentence with a wrong amount is nearly
the right sentence to all three. So what can be right or wrong is checked by a scorer of its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.find_facts import find_facts
from evaluation.scoring.phrases import label_of
from project.records.data import Row
from project.shown_passages import without_citations
from project.unicode_words import words

MARGIN = 0.05  # what a guarded metric may lose
# How many more figures may be wrong than the champion's: who says nothing has none wrong, and who
# answers has some.
MORE_WRONG = 0.15
MOST_WRONG = 0.25  # of the answers with figures, those that may have a wrong one
MORE_SILENT = 0.15  # of the answers that passages hold, those that it may give up more often
MOST_INVENTED = 0.1  # of the answers on passages, those that may have a figure of nobody's
NEARLY_ALL = 0.9  # of the answers, for them to be of one kind
SOME = 0.05  # of the answers, for their facts to matter
LEAST = 10  # sealed items with figures, of which a floor can tell something
LEAST_NAMED = 30  # sealed items with any facts: fewer could not show that so little was lost
LEAST_GROUPS = 7  # of rows alike, that these are in: of fewer no mean is judged
SHORT = 5  # words of an answer that is exact
LONGEST_LABEL = 12  # words of a class name
MOST_LABELS, PER_LABEL = 100, 5  # of a classification, and answers of each label at least
CONCISE = 100  # words of an answer whose figures are its point
READ = 2000  # answers that facts are looked for in


@dataclass(frozen=True)
class Checks:
    """Scorers for evaluation.scoring.metrics, and what the policy holds their metrics to."""

    answers: str  # what they are like, in a clause
    held: str  # what follows for the policy, in a clause
    scorers: tuple[str | dict[str, Any], ...] = ()
    guards: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)


def checks_of_rows(every: Sequence[Row], examined: Sequence[Row]) -> Checks:
    """What fits the answers in words, and what stands on passages, calls tools or is a scenario, if
    any does.
    """
    rows, sealed = ([row for row in part if not row.scenario] for part in (every, examined))
    told, worded = ([row for row in part if not row.calls] for part in (rows, sealed))
    bare = [without_citations(r.completion_text) if r.evidence else r.completion_text for r in told]
    groups = len({row.group for row in worded if find_facts(row.completion_text)})
    able = sum(bool(row.tools) for row in worded)
    checks = with_calls(proposed_checks(bare, len(worded), groups), len(sealed) - len(worded), able)
    shown = Counter(row.answerable is not False for row in sealed if row.evidence)
    checks = with_grounding(checks, shown[True], shown[False]) if shown else checks
    talks = len(examined) - len(sealed)
    return with_conversations(checks, talks) if len(rows) < len(every) else checks


def proposed_checks(
    answers: Sequence[str], sealed: int, with_facts_in: int = LEAST_GROUPS
) -> Checks:
    """The checks for reference answers like these, of which so many are sealed items, and those
    with facts in so many groups of rows alike.

    Where few sealed items could fail a check, it is scored and shown, and guards nothing.
    """
    if share(list(map(is_json, answers))) >= NEARLY_ALL:
        return Checks(
            answers="the answers are JSON",
            held="it must stay valid, with the right values in its fields",
            scorers=("json",),
            guards={"json_valid": MARGIN, "json_fields": MARGIN},
        )
    if labels := labels_of(answers):
        return Checks(
            answers=f"the answers are {len(labels)} class names",
            held="macro-F1 over them may not get worse",
            scorers=("token_f1", {"metric": "macro_f1", "options": {"labels": labels}}),
            guards={"macro_f1": MARGIN},
        )
    facts = fact_checks(answers, sealed, with_facts_in)
    if share([0 < len(words(text)) <= SHORT for text in answers]) < NEARLY_ALL:
        return facts
    return Checks(
        answers="the answers are short and exact",
        held="the share that is right to the word may not get worse",
        scorers=("token_f1", *facts.scorers),
        guards={"exact_match": MARGIN, **facts.guards},
        floors=facts.floors,
    )


def with_grounding(checks: Checks, answerable: int, unanswerable: int) -> Checks:
    """The checks of answers on passages beside the others, by how many sealed items have passages
    with an answer, and without one.
    """
    guards, floors = dict[str, float](), dict[str, float]()
    if answerable >= LEAST_NAMED:
        guards |= {"wrong_abstention": MORE_SILENT}
        floors |= {"invented": MOST_INVENTED}
    if unanswerable >= LEAST_NAMED:
        guards |= {"missed_abstention": MARGIN}
    held = ", and what passages do not say counts against it" if guards else ""
    return replace(
        checks,
        answers=f"{checks.answers}; they stand on passages",
        held=checks.held + held,
        scorers=(*checks.scorers, "grounding"),
        guards={**checks.guards, **guards},
        floors={**checks.floors, **floors},
    )


def with_calls(checks: Checks, due: int, undue: int) -> Checks:
    """The checks beside the others, by how many sealed items have a call, or tools and no call."""
    if not due:
        return checks
    guards = {"calls_right": MARGIN, "missed_calls": MARGIN} if due >= LEAST_NAMED else {}
    guards |= {"needless_calls": MARGIN} if undue >= LEAST_NAMED else {}
    held = "calls of tools, needless ones too, may not get worse" if guards else "calls are scored"
    return replace(
        checks,
        answers=f"{checks.answers}; some may call tools",
        held=f"{checks.held}, and {held}" if checks.scorers else held,
        scorers=(*checks.scorers, "calls"),
        guards={**checks.guards, **guards},
    )


def with_conversations(checks: Checks, sealed: int) -> Checks:
    """The checks beside the others, where so many sealed items have a scenario."""
    guards = {"goal": MARGIN, "failed_calls": MARGIN} if sealed >= LEAST_NAMED else {}
    kept = "conversations may not come to their goals less often"
    held = kept if guards else "whether conversations come to their goals is scored"
    return replace(
        checks,
        answers=f"{checks.answers}; some rows are scenarios of conversations",
        held=f"{checks.held}, and {held}" if checks.scorers else held,
        scorers=(*checks.scorers, "conversation"),
        guards={**checks.guards, **guards},
    )


def fact_checks(answers: Sequence[str], sealed: int, groups: int) -> Checks:
    """The checks of answers with numbers, dates, amounts or names."""
    # At most so many answers, from all over.
    read = answers[:: max(1, -(-len(answers) // READ))]
    hits = [find_facts(text) for text in read]
    with_facts, with_figures = share(list(map(bool, hits))), share(list(map(has_figure, hits)))
    if with_facts < SOME:
        return Checks(
            answers="the answers hold no figures, names, classes or JSON",
            held="nothing checks what is right, but for assertions, where you can say what an "
            "answer must have (docs/explain/facts-and-assertions.md)",
        )
    guards, floors, held = dict[str, float](), dict[str, float](), "they are scored by `facts`"
    if with_facts * sealed >= LEAST_NAMED and groups >= LEAST_GROUPS:
        guards |= {"facts_kept": MARGIN, "facts": MARGIN}
        held = (
            "a new model may neither keep fewer of them nor contradict more of them than it gains"
        )
    if with_figures >= SOME and with_figures * sealed >= LEAST:
        guards |= {"figures_wrong": MORE_WRONG}
        if concise(text for text, facts in zip(read, hits, strict=True) if has_figure(facts)):
            floors |= {"figures_wrong": MOST_WRONG}
            held += f", and none is promoted that has a wrong figure in over {percent(MOST_WRONG)}"
    elif with_figures:
        held += (
            f"; figures alone guard nothing, as under {LEAST} sealed items are likely to have one"
        )
    return Checks(
        answers=f"{percent(with_facts)} of the answers hold figures or names, "
        f"{percent(with_figures)} figures",
        held=held,
        scorers=({"metric": "facts", "options": {"prompts": True}},),
        guards=guards,
        floors=floors,
    )


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def concise(answers: Iterable[str]) -> bool:
    """Whether most of them are so short that their figures are their point."""
    return median(len(words(text)) for text in answers) <= CONCISE


def share(ones: Sequence[bool]) -> float:
    return sum(ones) / len(ones) if ones else 0.0


def has_figure(facts: Sequence[Fact]) -> bool:
    return any(fact.kind != "name" for fact in facts)


def is_json(text: str) -> bool:
    """Whether it is an object or a list."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    # Imported here because it comes with an extra, which a reader of reports need not have.
    from evaluation.scoring.json_schemas import fields

    return bool(fields(text))


def labels_of(answers: Sequence[str]) -> list[str]:
    """The class names that nearly all answers are; none where answers are no classes.

    Of the ways to write a label, the most frequent one.
    """
    written = Counter(text.strip() for text in answers)
    spellings: dict[str, str] = {}
    often = Counter[str]()
    for text, count in written.most_common():
        label = label_of(text)
        spellings.setdefault(label, text)
        often[label] += count
    named = [label for label, count in often.items() if label and count >= PER_LABEL]
    known = sum(often[label] for label in named)
    short = all(len(words(spellings[label])) <= LONGEST_LABEL for label in named)
    if not (2 <= len(named) <= MOST_LABELS and short and known >= NEARLY_ALL * len(answers)):
        return []
    return sorted(spellings[label] for label in often if label)
