"""What is wrong with the settings and the suites, told before a run and not after its training."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from evaluation.decision.policy import RATINGS, Policy, refuse_unread_votes
from evaluation.evaluation_settings import MetricChoice, PreferenceParams, ScoringParams
from evaluation.scoring.built_in import SCORERS, better_by, our_class
from evaluation.suites.every_suite import SUITES
from project.errors import InputError
from project.settings import PARAMS, SECTIONS, line_of, load, model_of, parse

PREFERENCE = "preference"  # gates without a scorer; what has the name brings scipy


def refuse_wrong_settings() -> None:
    """Raise InputError naming file, line and field for what a later stage would refuse."""
    for section in SECTIONS:
        if not section.startswith("curation."):  # the first stages tell of theirs at once
            load(model_of(section))
    asked = {suite.name: suite.better for suite in SUITES if suite.rows()}
    policy = load(Policy)
    refuse_unknown_guards(policy, asked)
    refuse_unknown_metrics(policy, load(ScoringParams), load(PreferenceParams))
    refuse_unread_votes(policy, load(PreferenceParams))


def refuse_unknown_guards(policy: Policy, asked: Mapping[str, Mapping[str, object]]) -> None:
    """Raise InputError where the policy guards what no suite that is on will have."""
    for suite, guards in (policy.suites or {}).items():
        if suite not in [known.name for known in SUITES]:
            there_are = ", ".join(known.name for known in SUITES)
            raise misfit(f"a policy guards no suite {suite!r}; there are {there_are}", "suites")
        if suite not in asked:
            problem = f"the suite is off: no questions lie in datasets/{suite}"
            raise misfit(problem, "suites", suite)
        for metric in guards.keys() - asked[suite].keys():
            problem = f"suite {suite!r} has no metric {metric!r}; it has {', '.join(asked[suite])}"
            raise misfit(problem, "suites", suite, metric)


def refuse_unknown_metrics(
    policy: Policy, scoring: ScoringParams, preference: PreferenceParams
) -> None:
    """Raise InputError where the policy names what nobody scores.

    With a scorer that is not ours nothing is said: what it gives is known when it has run.
    """
    given = [name for at, one in enumerate(scoring.metrics) for name in metrics_of(one, at)]
    if any(":" in choice.metric for choice in scoring.metrics):
        return
    given += [rubric.name for rubric in preference.rubrics or ()]
    named = {"gating": policy.gating, "guards": policy.guards or (), "floors": policy.floors}
    for field, names in named.items():
        known = [*given, PREFERENCE, *RATINGS] if field == "gating" else given
        if unknown := [name for name in names if name not in known]:
            problem = (
                f"{unknown[0]!r} is given by no scorer of evaluation.scoring.metrics; these give "
            )
            raise misfit(problem + ", ".join(given), field)


def metrics_of(choice: MetricChoice, at: int) -> Iterator[str]:
    """The names that a scorer of ours gives. Raises InputError for options that do not fit it."""
    if ":" in choice.metric:
        return
    if choice.metric in SCORERS and not choice.options:
        yield from better_by(our_class(choice.metric))
        return
    # Imported here because making a scorer takes seconds: who sets no options need not wait.
    from evaluation.scoring.built_in import instance

    yield from better_by(instance(choice, at, Path()))


def misfit(problem: str, *steps: str) -> InputError:
    path = ["evaluation", "policy", *steps]
    line, _ = line_of(parse(PARAMS), path)
    return InputError(problem, file=PARAMS, line=line, field=".".join(path))
