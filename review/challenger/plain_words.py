"""A decision in the words of somebody who knows the work and no machine learning."""

from collections.abc import Mapping, Sequence

from project.records.evidence import Bound, Decision, Verdict

MEANS = {
    "rougeL": "words shared with the reference answer",
    "semantic": "meaning shared with the reference answer",
    "preference": "preferred answers",
    "facts_kept": "facts kept",
    "facts_contradicted": "facts contradicted",
    "figures_right": "answers with right figures",
    "figures_wrong": "answers with wrong figures",
    "exact_match": "answers right to the word",
    "macro_f1": "right classes",
    "json_valid": "valid JSON",
    "json_fields": "right values in JSON",
    "length": "how long the answers are",
    "empty": "empty answers",
    "refusal": "refused answers",
    "perplexity": "how surprising the answers are to a language model",
    "people:helpful": "how helpful people find the answers",
    "people:polite": "how polite people find the answers",
    "people:correct": "how correct people find the answers",
}


def meaning(metric: str) -> str:
    """What a metric measures; of one that is not ours, its name."""
    return MEANS.get(metric, metric.replace("_", " "))


def called(metric: str) -> str:
    """A metric in a sentence: what it measures, and its name behind."""
    return f"{MEANS[metric]} ({metric})" if metric in MEANS else metric.replace("_", " ")


def joined_by_and(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def summary(label: str, against: str, decision: Decision, checked: Sequence[str]) -> str:
    """One or two sentences: what was found, and what it means. `checked` gate or are guarded."""
    bounds = {m: found for m, found in decision.bounds.items() if m in checked}
    if decision.opening is None:
        return unqualified(label, against, decision, checked)
    match decision.verdict:
        case Verdict.PROMOTE:
            return promoted(label, against, bounds)
        case Verdict.REJECT:
            return rejected(label, against, bounds)
        case Verdict.HOLD:
            return held(label, against, bounds, decision.needed)


def unqualified(label: str, against: str, decision: Decision, checked: Sequence[str]) -> str:
    """In which metrics it fell short on dev, by the rule's own reasons."""
    of = {
        metric: [why for why in decision.reasons if f": {metric} " in why or f" {metric}: " in why]
        for metric in checked
    }
    sentence = f"{label} did not qualify for a look at the sealed eval set, which was not taken."
    if short := [metric for metric, reasons in of.items() if reasons]:
        sentence += f" On the dev items it is not clearly enough better than {against}, or worse, "
        sentence += f"in {words(short)}."
    if len(decision.reasons) > sum(map(len, of.values())):
        sentence += " What else speaks against it stands below."
    return sentence


def promoted(label: str, against: str, bounds: Mapping[str, Bound]) -> str:
    better = [metric for metric, found in bounds.items() if found.lower > 0]
    others = [metric for metric in bounds if metric not in better]
    if not better:
        return f"{label} is better than {against} in what the policy asks for."
    sentence = f"{label} is better than {against} in {measures(better, every=not others)}"
    if others:
        sentence += f", and does what the policy asks in {words(others)}"
    return f"{sentence}. Nothing that the policy guards is clearly worse."


def rejected(label: str, against: str, bounds: Mapping[str, Bound]) -> str:
    if worse := [metric for metric, found in bounds.items() if found.upper < 0]:
        return f"{label} is clearly worse than {against} in {words(worse)}."
    return f"{label} is not good enough: something that the policy guards is clearly lost."


def held(label: str, against: str, bounds: Mapping[str, Bound], needed: int | None) -> str:
    sentence = f"It is not sure yet that {label} is better than {against}."
    if won := [metric for metric, found in bounds.items() if found.won]:
        sentence += f" It is better in {words(won)}; something else is in doubt."
    if needed:
        sentence += f" About {needed:,} more eval items would settle it at the next look."
    return sentence


def measures(better: Sequence[str], *, every: bool) -> str:
    """Some metrics in words, and how many they are where they are all that decide."""
    if not every or len(better) == 1:
        return words(better)
    count = {2: "both", 3: "all three", 4: "all four"}.get(len(better), f"all {len(better)}")
    return f"{count} measures that decide: {words(better)}"


def words(metrics: Sequence[str]) -> str:
    return joined_by_and([called(metric) for metric in metrics])
