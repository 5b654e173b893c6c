"""What is found in somebody's rows: parts, lengths, slices, and what became of each record."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from curation.account import OF_TEMPLATE, PERSONAL, TOO_LONG, Fate, account_of, reasons
from curation.checks.relevance import suite_prompts
from curation.collect import collect
from curation.curate import Curated, curate, large_group_lines
from curation.curate_others import Others, curate_others, untaught
from curation.curation_settings import CurateParams, FileSource
from curation.families import family_lots, side
from curation.kinship import families_of_kin
from curation.sifting import clean, conflicting, faulty, sifted, with_personal_data
from curation.text_forms import capitals_tell_names, template
from curation.token_lengths import TokenLengths, fit
from evaluation.metrics.proposed_checks import Checks, checks_of_rows
from incumbent.init.limits import (
    FEW,
    FEWEST_ROWS,
    GROUPS,
    LARGER_SHARES,
    FirstRunSettings,
    Limits,
    group_notes,
    groups_in,
    language_notes,
    limits_of,
    longest_trained,
    recipe_of,
    shares_of,
)
from incumbent.init.own_sources import some
from project.errors import InputError
from project.model_pins import BaseChoice, context_window
from project.personal_data import Contacts, Kind, digits, find_personal_data
from project.records.data import Row, Severity, Split, TokenCount, counted
from project.records.preferences import PreferencePair, RatedAnswer
from project.settings import read_settings

SHOWN = 50  # characters
SHOWN_INSTEAD = "Such few are better shown to a model as examples, in its prompt"
NEW_ONES = "Bring rows that came since then, or questions that people answer now"
REHEARSED = FileSource(kind="file", path=Path("datasets/sources/rehearsal.jsonl"))

Names = tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """The findings on rows, under the settings that are proposed for them."""

    account: list[Fate]
    made: Curated
    params: CurateParams  # by which they were made
    limits: Limits
    recipe: FirstRunSettings
    ours: Contacts  # the organisation's own, as they seem
    personal: tuple[str, ...]  # ids of rows with other personal data; they are left out
    conflicts: tuple[int, ...]  # of each prompt with several answers, its rows
    lengths: dict[Split, list[TokenCount]]  # of all rows, with what is only rehearsed
    notes: tuple[str, ...]
    checks: Checks  # of what can be right or wrong in the answers
    others: Others  # what is learnt from beside the rows

    def part(self, part: Split) -> list[Row]:
        """Its rows, without what is only rehearsed."""
        return own_rows(self.made)[part]

    @property
    def pairs(self) -> list[PreferencePair]:
        return [pair for pair in self.others.preferences if isinstance(pair, PreferencePair)]

    @property
    def rated(self) -> list[RatedAnswer]:
        return [answer for answer in self.others.preferences if isinstance(answer, RatedAnswer)]

    @property
    def rehearsed(self) -> int:
        return sum(map(len, self.made.parts.values())) - sum(len(self.part(p)) for p in Split)

    @property
    def slices(self) -> dict[str, Counter[str]]:
        """{slice: {value: rows}}, over all parts."""
        counts: dict[str, Counter[str]] = {}
        for part in Split:
            for row in self.part(part):
                for name, value in row.slices.items():
                    counts.setdefault(name, Counter())[value] += 1
        return counts


def find(
    sources: Sequence[FileSource], base: BaseChoice, folder: Path, learnt: Names = ()
) -> Findings:
    """Read the sources, and propose limits, parts and a recipe. Raises InputError.

    The folder is that of the base. Of sources in `learnt` come no items. The general rows that
    every project rehearses take part in the split, and in nothing else.
    """
    every = collect([*sources, REHEARSED])
    raw = list(map(clean, every.rows.values()))
    given = [row for row in raw if row.source != REHEARSED.path.name]
    ours = own_contacts(given)
    personal = with_personal_data(given, ours)
    refuse_few(given, f" in {len(every.origins) - len(raw) + len(given):,} records")
    lengths = TokenLengths(folder, base.system_prompt, base.evidence_template)
    window = context_window(folder)
    limits = limits_of(lengths.count(given), window, partial(longest_here, base))
    fitted = fit(raw, lengths, limits.max_length, "drop")
    unfit = dict.fromkeys(fitted.left_out, TOO_LONG) | faulty(given)
    unfit |= dict.fromkeys(personal, PERSONAL)
    params, made = curated_split(fitted.rows, unfit, suite_prompts(), learnt)
    kept_back = untaught(raw, made.parts, made.left_out)
    preferences, documents = list(every.preferences.values()), list(every.documents.values())
    others = curate_others(preferences, documents, kept_back, ours)
    left_out = made.left_out | dict(others.left_out)
    account = account_of(every.origins, raw, made.parts, left_out, others=others.part_of)
    parts = own_rows(made)
    kept = [row for rows in parts.values() for row in rows]
    return Findings(
        account=[fate for fate in account if fate.file != REHEARSED.path.name],
        made=made,
        params=params,
        limits=limits,
        recipe=recipe_of(len(parts[Split.TRAIN]), len(kept), limits.max_length, window),
        ours=ours,
        personal=tuple(personal),
        conflicts=tuple(map(len, conflicting(kept))),
        lengths={part: lengths.count(rows) for part, rows in made.parts.items()},
        notes=(
            *language_notes(kept, base),
            *large_group_lines(made, params.train_only),
            *template_notes(made, given, params.max_per_template),
            *common_template_notes(parts),
            *system_notes(kept),
            *unasked(parts),
            *group_notes(parts[Split.SEALED]),
        ),
        checks=checks_of_rows(kept, parts[Split.SEALED]),
        others=others,
    )


def longest_here(base: BaseChoice, length: int) -> int:
    """As many tokens of such a length as this machine can train; all, where nobody knows."""
    try:
        return longest_trained(base, length)
    except InputError:
        return length


def curated_split(
    rows: Sequence[Row], unfit: Mapping[str, str], suites: Sequence[str], learnt: Names = ()
) -> tuple[CurateParams, Curated]:
    """Settings that split the rows into three parts that fit, and the parts."""
    params = CurateParams(train_only=(REHEARSED.path.name, *learnt))
    distinct, _ = sifted(list(rows), params, unfit)
    given = [row for row in distinct if row.source != REHEARSED.path.name]
    refuse_few(
        given, "".join(f", beside {n:,} {why}" for why, n in Counter(unfit.values()).items())
    )
    if learnt:
        given = [row for row in given if row.source not in learnt]
        refuse_few(given, " that the old model did not learn", NEW_ONES)
    shares = shares_of(len(given), scarce=bool(learnt))

    def split(sealed: float) -> tuple[CurateParams, Curated]:
        sized = params.model_copy(update={"dev_share": shares.dev, "sealed_share": sealed})
        return evenly_split(rows, sized, unfit, suites)

    first = split(shares.sealed)
    if len(given) < FEW or groups_in(own_rows(first[1])[Split.SEALED]) >= GROUPS:
        return first
    for share in LARGER_SHARES:
        with suppress(InputError):  # another part may be left empty
            if groups_in(own_rows((larger := split(share))[1])[Split.SEALED]) >= GROUPS:
                return larger
    return first


def refuse_few(rows: Sequence[Row], whence: str, advice: str = SHOWN_INSTEAD) -> None:
    """Raise InputError with how many there are, and where the others are."""
    if len(rows) < FEWEST_ROWS:
        raise InputError(
            f"{counted(len(rows), 'distinct row')}{whence}: at least {FEWEST_ROWS} are needed to "
            f"train and to compare, and a verdict wants hundreds. {advice}"
        )


# --- even parts -----------------------------------------------------------------------------------

# A seed with which training, dev and sealed have about the sizes that they are to have.

SEEDS = 50  # tried
NEAR = 0.2  # of a wanted size: near enough

Parts = Mapping[Split, Sequence[Row]]


def evenly_split(
    rows: Sequence[Row], params: CurateParams, unfit: Mapping[str, str], suites: Sequence[str]
) -> tuple[CurateParams, Curated]:
    """The rows as they are curated, with a seed that gives even parts.

    Groups are dealt whole, so a few large ones can leave a part empty. Raises InputError where
    every seed does.
    """
    made = curate(rows, {}, params, unfit, suites=suites)
    free = own_rows(made, params.train_only)
    if distance({part: len(rows) for part, rows in free.items()}, params) > NEAR:
        params = params.model_copy(update={"seed": best_seed(rows, params, unfit)})
        made = curate(rows, {}, params, unfit, suites=suites)
    refuse_empty(own_rows(made), made)
    return params, made


def best_seed(rows: Sequence[Row], params: CurateParams, unfit: Mapping[str, str]) -> int:
    """The first one that is near enough, or the one that comes nearest."""
    distinct, _ = sifted(list(rows), params, unfit)
    names = families_of_kin(distinct, aside=params.train_only).names
    kin = [n for r, n in zip(distinct, names, strict=True) if r.source not in params.train_only]
    best = (float("inf"), 0)
    for seed in range(SEEDS):
        seeded = params.model_copy(update={"seed": seed})
        lots = family_lots(distinct, names, seeded)
        sizes = Counter(side(lots[name], seeded) for name in kin)
        best = min(best, (distance(sizes, params), seed))
        if best[0] <= NEAR:
            break
    return best[1]


def distance(sizes: Mapping[Split, int], params: CurateParams) -> float:
    """How far dev or sealed is from its wanted size, as a share of it; most for an empty part."""
    if not all(sizes.get(part) for part in Split):
        return float("inf")
    count = sum(sizes.values())
    wanted = {Split.DEV: params.dev_share * count, Split.SEALED: params.sealed_share * count}
    return max(abs(sizes[part] - size) / max(size, 1) for part, size in wanted.items())


def own_rows(
    made: Curated, without: Collection[str] = (REHEARSED.path.name,)
) -> dict[Split, list[Row]]:
    """The parts without the rows of these sources: without what is only rehearsed."""
    return {
        part: [row for row in rows if row.source not in without]
        for part, rows in made.parts.items()
    }


def refuse_empty(parts: Parts, made: Curated) -> None:
    """Raise InputError for parts of which one has no row, with where the rows are."""
    if not all(parts.values()):
        rows = counted(sum(map(len, parts.values())), "distinct row")
        left = Counter(made.left_out.values())
        out = f"; left out are {reasons(left)}" if left else ""
        raise InputError(
            f"{rows} cannot be split into training, dev and sealed: {len(made.largest_group)} of "
            f"them share a prompt, an answer or a group, or nearly so, and stay together{out}"
        )


# --- expected gate --------------------------------------------------------------------------------

# What the gate will say of rows as they were just dealt, and what the sealed set does not ask.

CONTRACT = Path("datasets/contracts/sft.yaml")
LOOKED_AT = 500  # rows, by the embedder: it reads a hundred in a second


def gate_lines(
    parts: Mapping[Split, Sequence[Row]], params: CurateParams, ours: Contacts
) -> Iterator[str]:
    """By the critical checks of the contract in this folder; by embeddings on fewer rows."""
    # Imported here, for Great Expectations takes seconds, and a sample needs none of it.
    from curation.checks.contract import Contract, check
    from curation.checks.contract_tables import tables_of
    from curation.checks.embeddings import embedder_if_packaged
    from curation.checks.relevance import CheckReferences, suite_prompts

    contract = read_settings(Contract, CONTRACT)
    checks = tuple(entry for entry in contract.checks if entry.severity is Severity.CRITICAL)
    compared = CheckReferences(
        ours=ours,
        suites=suite_prompts(),
        task=contract.task,
        aside=params.train_only,
        embed=embedder_if_packaged(),
        embedded_rows=LOOKED_AT,
    )
    tables = tables_of(parts, compared)
    outcomes = check(tables, contract.model_copy(update={"checks": checks}))
    if failed := [outcome for outcome in outcomes if not outcome.passed]:
        yield f"`incumbent run` will stop at {counted(len(failed), 'check')}:"
        yield from (
            f"  {outcome.name}: {outcome.crashed or outcome.observed}" for outcome in failed
        )
        yield f"mend the rows, or see {CONTRACT.parent}/README.md for what may stay"
    else:
        yield f"open: {counted(len(outcomes), 'critical check')} passed"


def unasked(parts: Mapping[Split, Sequence[Row]]) -> Iterator[str]:
    """Values of slices that the sealed set does not ask about."""
    for name in sorted({name for rows in parts.values() for row in rows for name in row.slices}):
        asked = {row.slices.get(name) for row in parts[Split.SEALED]}
        rows = [row for row in parts[Split.TRAIN] if row.slices.get(name) not in asked]
        if missing := sorted({row.slices[name] for row in rows if name in row.slices}):
            yield f"the sealed set asks nothing of {name} {some(missing)}: too few rows"


def system_notes(rows: Sequence[Row]) -> Iterator[str]:
    """That users do not send the system prompt which every row has."""
    texts = {row.prompt[0].content if row.prompt[0].role == "system" else None for row in rows}
    if len(texts) == 1 and None not in texts:
        yield (
            "all rows have one system prompt, and your users' requests do not: name it in "
            "base.system_prompt, and not in the source, so that the gateway puts it before each"
        )


def template_notes(made: Curated, rows: Sequence[Row], most: int | None) -> Iterator[str]:
    """How many rows are of templates of which at most so many rows each are kept."""
    if gone := [row.prompt_text for row in rows if made.left_out.get(row.id) == OF_TEMPLATE]:
        names = capitals_tell_names([row.prompt_text for row in rows])
        forms = {template(text, names=names) for text in gone}
        yield (
            f"{len(gone):,} rows differ from others in figures or names alone: of "
            f"{counted(len(forms), 'template')} at most {most} rows each are kept. "
            "Where the figures make another answer, raise curation.curate.max_per_template"
        )


def common_template_notes(parts: Mapping[Split, Sequence[Row]]) -> Iterator[str]:
    """How many sealed items are of a template that very many rows have: those are not kin."""
    forms = {p: [template(r.prompt_text, names=False) for r in rows] for p, rows in parts.items()}
    if both := [form for form in forms[Split.SEALED] if form and form in forms[Split.TRAIN]]:
        yield (
            f"{counted(len(both), 'sealed item')} of {counted(len(set(both)), 'template')} differ"
            " from training rows in figures alone: so many rows are of one that its figures are"
            " taken for the question. Where they are not, leave most of them out"
        )


# --- which contacts are the organisation's own ----------------------------------------------------

SEVERAL = 3  # groups whose answers have it: a person's stands in one
# Where everybody has an address: a domain of these is nobody's own.
FREE_MAIL = """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr live.com msn.com
    yahoo.com yahoo.co.uk yahoo.co.in yahoo.co.jp yahoo.fr yahoo.de ymail.com aol.com icloud.com
    me.com mac.com proton.me protonmail.com pm.me fastmail.com zoho.com tutanota.com hey.com
    mail.com hanmail.net comcast.net verizon.net att.net sbcglobal.net btinternet.com rediffmail.com
    gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de orange.fr wanadoo.fr laposte.net
    free.fr sfr.fr libero.it virgilio.it alice.it tiscali.it seznam.cz wp.pl o2.pl onet.pl
    interia.pl mail.ru bk.ru list.ru inbox.ru yandex.ru ya.ru rambler.ru ukr.net uol.com.br
    bol.com.br terra.com.br qq.com 163.com 126.com sina.com foxmail.com naver.com daum.net
"""


def own_contacts(rows: Sequence[Row]) -> Contacts:
    """Phone numbers, and domains of addresses, that the answers of several groups have."""
    phones: dict[str, str] = {}
    numbers, domains = set[tuple[str, str]](), set[tuple[str, str]]()
    for row in rows:
        for hit in find_personal_data(row.completion_text):
            if hit.kind is Kind.PHONE:
                phones.setdefault(digits(hit.text), hit.text)
                numbers.add((digits(hit.text), row.group))
            elif hit.kind is Kind.EMAIL:
                domains.add((domain(hit.text), row.group))
    return Contacts(
        phones=tuple(phones[number] for number in several(numbers)),
        domains=tuple(name for name in several(domains) if name not in FREE_MAIL.split()),
    )


def domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()


def several(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Those that are found in several groups, the most frequent first."""
    counts = Counter(name for name, _ in sorted(pairs))
    return (name for name, count in counts.most_common() if count >= SEVERAL)
