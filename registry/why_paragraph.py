"""In a paragraph, why a version was or was not promoted."""

from collections.abc import Iterator

from project.records.adapters import AdapterVersion
from project.records.events import Event, ExperimentEnded, ExperimentOpened, Promotion, Rollback
from project.records.evidence import Decision, Verdict
from registry.lineage import apart, name_of, opponent
from registry.reader import RegistryReader


def why(registry: RegistryReader, number: int) -> str:
    """What the version is, how it came to that, and what would change it."""
    version = registry.version(number)
    return " ".join(
        (
            *championship(registry, version),
            *promotion(registry, version),
            *verdict(registry, version),
            *experiment(registry, version),
            *outlook(registry, version),
        )
    )


def championship(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """Whether it is the champion, and if not, since when and by whom."""
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
    elif lost.kind == "withdraw":
        yield (
            f"{version.label} was champion until {lost.actor} withdrew it on {day(lost)}, with the "
            f"bare base in its place: {cited(lost.reason)}"
        )
    else:
        yield f"{version.label} was champion until v{lost.version} replaced it on {day(lost)}."
    if deleted := registry.newest_event(version.number, "delete"):
        yield f"{deleted.actor} deleted it on {day(deleted)}: {cited(deleted.reason)}"


def promotion(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """How it became champion, the last time that it did."""
    gained, _ = registry.tenure(version.number)
    if gained is None:
        return
    match gained.detail:
        case Rollback(displaced=displaced):
            yield (
                f"{gained.actor} made it champion again in place of {label(displaced)} on "
                f"{day(gained)}: {cited(gained.reason)}"
            )
        case Promotion(displaced=displaced, forced=1):
            yield (
                f"{gained.actor} promoted it over {label(displaced)} by force on {day(gained)}, "
                f"and it stays marked for that: {cited(gained.reason)}"
            )
        case Promotion(displaced=displaced, by="policy"):
            yield (
                f"The policy promoted it over {label(displaced)} on {day(gained)}, without a "
                f"person's approval, in a run of {gained.actor}: {cited(gained.reason)}"
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
            "It did not qualify, so the sealed eval set was not looked at, and the "
            f"decision of {day(decided)} is {decision.verdict.value}: {reasons(decision)}"
        )
    else:
        against = name_of(opponent(registry, decision))
        yield (
            f"The decision of {day(decided)} against {against} (look {decision.opening} at the "
            f"sealed eval set) is {decision.verdict.value}: {reasons(decision)}"
        )
    if told := apart(decision):
        yield f"The two were asked the same items, though {told}."
    if decision and decision.needed:
        yield f"About {decision.needed} more eval items would settle it at the next look."
    yield from rejection(registry, version)


def rejection(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """A person's no, if there was one."""
    if rejected := registry.newest_event(version.number, "reject"):
        yield f"{rejected.actor} rejected it on {day(rejected)}: {cited(rejected.reason)}"


def experiment(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """What users made of it, in the newest experiment with it."""
    opened = registry.newest_event(version.number, "experiment")
    ended = registry.newest_event(version.number, "experiment-end")
    if opened is None:
        return
    told = opened.told(ExperimentOpened)
    tried = f"experiment {opened.seq} ({told.mode} against {label(told.champion)})"
    if ended is None or ended.seq < opened.seq:
        yield f"It is in {tried} since {day(opened)}."
    else:
        verdict = ended.told(ExperimentEnded).verdict
        yield f"Its {tried} ended on {day(ended)}, {verdict}: {cited(ended.reason)}"


def outlook(registry: RegistryReader, version: AdapterVersion) -> Iterator[str]:
    """What would make a version champion that is not champion and could be."""
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
        opponent = f"v{champion.number}" if champion else "the bare base"
        yield f"`incumbent registry reevaluate {number}` compares it with {opponent}."
    elif decision.verdict is Verdict.PROMOTE and decision.pins:
        if decision.pins.champion == (champion.adapter.files if champion else None):
            yield f"Nobody has promoted it yet: `incumbent promote {number}` does."
        else:
            now = f"v{champion.number} is the champion" if champion else "there is no champion"
            yield f"But {now} now: `incumbent registry reevaluate {number}` compares the two."


# --- words of one sentence ----------------------------------------------------------------------


def reasons(decision: Decision) -> str:
    return cited("; ".join(decision.reasons))


def cited(text: str) -> str:
    """A reason as the end of a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def day(event: Event) -> str:
    return event.at[:10]
