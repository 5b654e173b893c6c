"""The rows of the ledger: every look at a sealed eval set, and what came of it."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from project.canonical import digest_json
from project.meaning_prints import MeaningPrints, reworded_share
from project.near_duplicates import VERSION, WordPrints, near_duplicates_among
from project.records.events import Event, LookAdopted, LookTaken, Promotion, Submission
from project.records.record import Digest
from project.records.scores import EvalSet, ScorePins
from registry.alpha_ledger.spending import ChampionLooks, Look, next_look
from registry.storage.artifact_store import Artifacts
from registry.storage.tables import event_of, events, looks
from registry.tenure import last_rotation, promotions_of, standing_promotions

FRESH_SHARE = 0.5  # an eval set that shares more of its items with an earlier one is not fresh


class CountedLook(Look):
    """A look as it was counted, by an event of the history."""

    event: int


class SealedSet(NamedTuple):
    """The items of a sealed eval set, and their prompts as near-duplicates are told by."""

    items: EvalSet
    prompts: WordPrints
    meanings: MeaningPrints | None = None


def measurement(pins: ScorePins | LookTaken) -> dict[str, str]:
    """What is measured at a look: the same again is the same look, all else another one.

    The numerics are apart. What was decided on one machine stays on another; but a look that was
    not finished cannot be gone on with on another kind of machine.
    """
    return {
        "eval_set": pins.eval_set,
        "champion": pins.champion or "",
        "challenger": pins.challenger,
        "decoding": pins.decoding,
        "scorers": pins.scorers,
    }


def find_look(connection: Connection, pins: ScorePins, policy: Digest) -> CountedLook | None:
    """The look that this measurement under this policy has had already."""
    told = measurement(pins) | {"policy": policy, "numerics": numerics_of(pins)}
    wanted = [looks.c[name] == value for name, value in told.items()]
    query = select(looks).where(*wanted).order_by(looks.c.event.desc())
    for row in connection.execute(query):
        if alike(taken_at(connection, row.event).contestants, identities(pins)):
            return CountedLook(event=row.event, number=row.number, budget=row.budget)
    return None


def taken_at(connection: Connection, event: int) -> LookTaken:
    row = connection.execute(select(events).where(events.c.seq == event)).one()
    return event_of(row).told(LookTaken)


def identities(pins: ScorePins) -> Digest | None:
    """What tells a pair from others with the same adapters: the bare base may be another one."""
    if pins.contestants is None:
        return None
    return digest_json([contestant.identity for contestant in pins.contestants])


def same(one: ScorePins, other: ScorePins) -> bool:
    """Whether two measurements are one, on whichever machine they were made."""
    return measurement(one) == measurement(other) and alike(identities(one), identities(other))


def alike(one: Digest | None, other: Digest | None) -> bool:
    """Whether two pairs are the same, as far as both of them were recorded."""
    return one is None or other is None or one == other


def numerics_of(pins: ScorePins) -> Digest | None:
    return pins.numerics.digest if pins.numerics else None


def plan_look(
    connection: Connection,
    artifacts: Artifacts,
    family: str,
    pins: ScorePins,
    policy: Digest,
    alpha: float,
    sealed: SealedSet,
) -> LookTaken:
    """A family's next look at this eval set, as its event tells of it; `alpha` is the policy's."""
    newest = newest_looks(connection)
    related = related_sets(connection, artifacts, family, sealed, newest)
    before = champion_looks(connection, family, related)
    asked = [float(look.asked) for name, look in newest.items() if name in related]
    least = min([alpha, *asked])  # a policy that asks for less came after these items were seen
    look = next_look(before, pins.champion, least)
    look = look.at_most(least) if least < alpha else look
    return LookTaken(
        **pins.model_dump(exclude={"numerics", "contestants"}),
        numerics=numerics_of(pins),
        contestants=identities(pins),
        prompts=artifacts.put_record(sealed.prompts),
        near_duplicates=VERSION,
        meanings=artifacts.put_record(sealed.meanings) if sealed.meanings else None,
        continues=tuple(sorted(related - {pins.eval_set})),
        policy=policy,
        asked=repr(least),
        opening=look.number,
        budget=repr(look.budget),
        alpha=repr(look.level(alpha)),
    )


def record_look(connection: Connection, event: Event) -> CountedLook:
    """Put the row of a look beside the event that counted it."""
    row = row_of(event)
    connection.execute(insert(looks).values(row))
    return CountedLook(event=event.seq, number=row["number"], budget=row["budget"])


def row_of(event: Event) -> dict[str, Any]:
    """What the ledger holds of a look."""
    look = event.told(LookTaken)
    return {
        "event": event.seq,
        **measurement(look),
        "policy": look.policy,
        "numerics": look.numerics,
        "number": look.opening,
        "budget": float(look.budget),
        "alpha": float(look.alpha),
    }


def related_sets(
    connection: Connection,
    artifacts: Artifacts,
    family: str,
    sealed: SealedSet,
    newest: Mapping[Digest, LookTaken],
) -> set[Digest]:
    """The eval sets whose looks count here too, given the newest look at each.

    A set is fresh where most of its items were in none that was looked at, nor most of them in
    other words in one, and where it is the
    first one of the family and of all that share its rows, or a person recorded that the items
    before it left. What counted at an earlier look at these very items counts for ever, whatever a
    newer rule says of them.
    """
    eval_set = sealed.items.digest
    of_project = families_of_project(connection, artifacts, family, sealed.prompts)
    recorded = newest[eval_set].continues if eval_set in newest else ()
    return {
        eval_set,
        *recorded,
        *sets_since_rotation(connection, family, of_project),
        *sets_with_most(artifacts, sealed, newest),
        *reworded_sets(artifacts, sealed, newest),
    }


def sets_since_rotation(
    connection: Connection, family: str, of_project: Iterable[str] = ()
) -> list[Digest]:
    """What a family and others of its project looked at since a person let items leave."""
    rotated = last_rotation(connection, family)
    eval_sets: list[Digest] = []
    for name in (family, *of_project):
        since = max(rotated, last_rotation(connection, name))
        taken = select(events.c.seq).where(
            events.c.family == name, events.c.kind == LookTaken.kind, events.c.seq > since
        )
        query = select(looks.c.eval_set).where(looks.c.event.in_(taken)).distinct()
        eval_sets += connection.execute(query).scalars()
    return eval_sets


def families_before(connection: Connection, family: str, look: CountedLook) -> list[str]:
    """The other families that took looks which a look was counted after."""
    taken = taken_at(connection, look.event)
    sets = (taken.eval_set, *taken.continues)
    query = (
        select(events.c.family)
        .join(looks, looks.c.event == events.c.seq)
        .where(looks.c.eval_set.in_(sets), events.c.family != family, events.c.seq < look.event)
    )
    return list(connection.execute(query.distinct().order_by(events.c.family)).scalars())


def sets_with_most(
    artifacts: Artifacts, sealed: SealedSet, newest: Mapping[Digest, LookTaken]
) -> set[Digest]:
    """The other sets that together have most of the items, nearly the same; none if too few."""
    items, same, alike = set(sealed.items.items), set[Digest](), set[int]()
    there: set[Digest] = set()
    for digest, look in newest.items():
        if digest == sealed.items.digest:
            continue
        kept = items.intersection(artifacts.get_record(EvalSet, digest).items)
        theirs = artifacts.get_record(WordPrints, look.prompts)
        near = near_duplicates_among(sealed.prompts, theirs, contained=True)
        if kept or near:
            there.add(digest)
            same.update(kept)
            alike.update(near)
    share = max(len(same) / (len(items) or 1), len(alike) / (len(sealed.prompts.texts) or 1))
    return there if share > FRESH_SHARE else set()


def reworded_sets(
    artifacts: Artifacts, sealed: SealedSet, newest: Mapping[Digest, LookTaken]
) -> set[Digest]:
    """The other sets that each have most of the items in other words, as far as one embedder saw
    both. They are not added up: of many sets some items are near to ours by chance.
    """
    kept = {digest: look.meanings for digest, look in newest.items() if look.meanings}
    kept.pop(sealed.items.digest, None)
    return {
        digest
        for digest, prints in kept.items()
        if sealed.meanings
        and reworded_share(sealed.meanings, artifacts.get_record(MeaningPrints, prints))
        > FRESH_SHARE
    }


def newest_looks(connection: Connection) -> dict[Digest, LookTaken]:
    """The last look at each eval set, which knows most of it."""
    last = select(func.max(looks.c.event)).group_by(looks.c.eval_set)
    rows = connection.execute(select(events).where(events.c.seq.in_(last)))
    taken = (event_of(row).told(LookTaken) for row in rows)
    return {look.eval_set: look for look in taken}


def champion_looks(
    connection: Connection, family: str, eval_sets: Iterable[Digest]
) -> list[ChampionLooks]:
    """All looks at these eval sets, by champion.

    The promotions of this family that still stand have earned alpha; so a rollback takes back what
    its promotion had earned, and a way forward again gives it back. Those of another family have
    neither earned nor spent any here. What came to no promotion that stands is spent.
    """
    rows = connection.execute(select(looks).where(looks.c.eval_set.in_(list(eval_sets)))).all()
    here = [LedgerRow(row.event, row.champion, row.budget, row.alpha) for row in rows]
    every = [*here, *adopted_looks(connection, family)]
    # No promotion rests on a look that came after it.
    first = min((row.event for row in rows), default=0)
    won = looks_of(earning(promotions_of(connection, family, first)))
    standing = (e.told(Promotion) for e in standing_promotions(connection, first))
    elsewhere = looks_of(standing)
    return [
        ChampionLooks(
            champion=champion or None,
            count=len(ledger),
            promoted=sum(row.event in won for row in ledger),
            spent=sum(row.alpha for row in ledger if row.event not in won | elsewhere),
            budget=min(row.budget for row in ledger),
        )
        for champion in sorted({row.champion for row in every})
        if (ledger := [row for row in every if row.champion == champion])
    ]


class LedgerRow(NamedTuple):
    """What a look spent, wherever it was taken."""

    event: int
    champion: str
    budget: float
    alpha: float


def adopted_looks(connection: Connection, family: str) -> list[LedgerRow]:
    """Looks at the project's items that a person had counted since the last rotation."""
    rotated = last_rotation(connection, family)
    query = select(events).where(events.c.kind == LookAdopted.kind, events.c.seq > rotated)
    told = [(event, event.told(LookAdopted)) for event in map(event_of, connection.execute(query))]
    return [
        LedgerRow(event.seq, look.champion or "", float(look.budget), float(look.alpha))
        for event, look in told
    ]


def earning(promotions: Iterator[Event]) -> Iterator[Promotion]:
    """Those that earn alpha: whoever beats a champion that was forced has discovered nothing."""
    told = [event.told(Promotion) for event in promotions]
    for promotion, beaten in zip_longest(told, told[1:]):
        if not (beaten and beaten.forced):
            yield promotion


def looks_of(promotions: Iterable[Promotion]) -> set[int]:
    return {promotion.look for promotion in promotions if promotion.look is not None}


# --- same project ---------------------------------------------------------------------------------

# Which families of a registry are of one project: their looks are at the rows of one table.
#
# A family's name is a word in params.yaml. Were its looks counted alone, another name would be a
# way to look again. So rows tell: families are of one project where they share prompts that they
# were trained on or asked.

SHARED = 0.1  # of the prompts of the one that has fewer: more in common is no chance
COMPARED = 2_000  # of its prompts


def families_of_project(
    connection: Connection, artifacts: Artifacts, family: str, asked: WordPrints
) -> list[str]:
    """The other families that took looks and share rows with the one about to be asked."""
    query = select(events.c.family).where(
        events.c.kind == LookTaken.kind, events.c.family != family
    )
    others = connection.execute(query.distinct().order_by(events.c.family)).scalars().all()
    if not others:
        return []
    prints = WordPrints.joined([asked, *prompts_of(connection, artifacts, family)])
    return [
        other
        for other in others
        if share_rows(prints, WordPrints.joined(prompts_of(connection, artifacts, other)))
    ]


def share_rows(own: WordPrints, theirs: WordPrints) -> bool:
    fewer, more = sorted((own, theirs), key=lambda side: len(side.texts))
    some = fewer.at(range(min(COMPARED, len(fewer.texts))))
    known = {*more.texts} - {()}  # the same text is a near-duplicate, and is found at once
    if sum(text in known for text in some.texts) > SHARED * len(some.texts):
        return True
    return len(near_duplicates_among(some, more)) > SHARED * len(some.texts)


def prompts_of(connection: Connection, artifacts: Artifacts, family: str) -> list[WordPrints]:
    """What a family's newest version learnt, and what its newest look asked, as far as known."""
    digests: list[Digest | None] = []
    for kind in (Submission.kind, LookTaken.kind):
        query = select(events).where(events.c.family == family, events.c.kind == kind)
        row = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
        match event_of(row).detail if row else None:
            case Submission(trained_on=digest) | LookTaken(prompts=digest):
                digests.append(digest)
    there = (digest for digest in digests if digest and artifacts.blobs.exists(digest))
    return [artifacts.get_record(WordPrints, digest) for digest in there]
