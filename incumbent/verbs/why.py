"""`incumbent why`: in a paragraph, why a version was or was not promoted."""

from collections.abc import Iterator

from incumbent.output import console, print_json
from project.records.adapters import AdapterVersion
from project.records.events import Event, Promotion, Rollback
from project.records.scores import Decision, Verdict
from registry.lineage import name_of, opponent
from registry.reader import RegistryReader


def print_why(number: int, as_json: bool) -> None:
    with RegistryReader.here() as registry:
        told = why(registry, number)
        label = registry.version(number).label
    if as_json:
        print_json({"version": label, "why": told})
    else:
        console.print(told)


def why(registry: RegistryReader, number: int) -> str:
    """What the version is, how it came to that, and what would change it."""
    version = registry.version(number)
    return " ".join(
        (
            *standing(registry, version),
            *seat(registry, version),
            *verdict(registry, version),
            *outlook(registry, version),
        )
    )


def standing(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """Whether it holds the seat, and if not, since when and by whose hand."""
    gained, lost = registry.tenure(version.number)
    if gained is None:
        yield f"{version.label} was never promoted."
    elif lost is None:
        yield f"{version.label} is the champion."
    elif lost.kind == "rollback":
        yield (
            f"{version.label} was champion until {lost.actor} rolled it back to v{lost.version} "
            f"on {day(lost)}: {cited(lost.reason)}"
        )
    else:
        yield f"{version.label} was champion until v{lost.version} took the seat on {day(lost)}."
    if deleted := registry.newest_event(version.number, "delete"):
        yield f"{deleted.actor} deleted it on {day(deleted)}: {cited(deleted.reason)}"


def seat(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """How it came to the seat, the last time that it did."""
    gained, _ = registry.tenure(version.number)
    if gained is None:
        return
    match gained.detail:
        case Rollback(displaced=displaced):
            yield (
                f"{gained.actor} gave it the seat back from {label(displaced)} on {day(gained)}, "
                f"by a rollback: {cited(gained.reason)}"
            )
        case Promotion(displaced=displaced, forced=1):
            yield (
                f"{gained.actor} forced it into the seat of {label(displaced)} on {day(gained)}, "
                f"without a verdict, which stays marked for ever: {cited(gained.reason)}"
            )
        case Promotion(displaced=displaced, by="policy"):
            yield (
                f"It took the seat from {label(displaced)} on {day(gained)} by the policy, without "
                f"a person's approval, in a run of {gained.actor}: {cited(gained.reason)}"
            )
        case Promotion(displaced=displaced):
            yield (
                f"{gained.actor} promoted it over {label(displaced)} on {day(gained)}, having "
                f"looked at it: {cited(gained.reason)}"
            )


def label(displaced: int | None) -> str:
    return f"v{displaced}" if displaced else "the bare base"


def verdict(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """What the newest decision says and why, and a person's no."""
    decided, decision = (
        registry.newest_event(version.number, "decide"),
        registry.decision(version.number),
    )
    if decided is None or decision is None:
        yield f"It was submitted by {version.actor} on {version.at[:10]}, and never decided on."
    elif decision.opening is None:
        yield (
            "It did not qualify on the dev part, so the sealed exam stayed closed and the decision "
            f"of {day(decided)} is {decision.verdict.value}: {reasons(decision)}"
        )
    else:
        against = name_of(opponent(registry, decision))
        yield (
            f"The decision of {day(decided)} against {against}, at opening {decision.opening} of "
            f"the exam, is {decision.verdict.value}: {reasons(decision)}"
        )
    if decision and decision.needed:
        yield f"About {decision.needed} more eval items would settle it."
    if rejected := registry.newest_event(version.number, "reject"):
        yield f"{rejected.actor} rejected it on {day(rejected)}: {cited(rejected.reason)}"


def outlook(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """What would bring a version to the seat that is not in it and could be."""
    number, champion = version.number, registry.champion()
    decision = registry.decision(number)
    if (
        champion == version
        or registry.deleted(number)
        or registry.newest_event(version.number, "reject")
    ):
        return
    if registry.rolled_back(number):
        yield f"`incumbent rollback --to {number}` would bring it back."
    elif decision is None:
        yield f"`incumbent rechallenge {number}` lets it sit the exam."
    elif decision.verdict is Verdict.PROMOTE and decision.pins:
        if decision.pins.champion == (champion.adapter.files if champion else None):
            yield f"Nobody has promoted it yet: `incumbent promote {number}` does."
        else:
            holder = f"v{champion.number} holds the seat" if champion else "the seat is empty"
            yield f"But {holder} now: `incumbent rechallenge {number}` compares the two."


# --- one level down -----------------------------------------------------------------------------


def reasons(decision: Decision) -> str:
    return cited("; ".join(decision.reasons))


def cited(text: str) -> str:
    """A reason as the end of a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def day(event: Event) -> str:
    return event.at[:10]
