"""What was found in somebody's rows, in words."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from curation.checks.waivers_file import WAIVERS
from curation.sources.columns.wanted import Guess
from incumbent.init.findings import Findings
from incumbent.init.limits import Limits
from project.records.data import Split

SHOWN = 5  # values of a slice


def columns_table(found: Guess) -> list[tuple[str, str]]:
    return list(found.taken.items())


def said_of(findings: Findings) -> Iterator[str]:
    yield from said_of_account(findings)
    yield ""
    yield from said_of_lengths(findings.limits)
    yield from said_of_slices(findings)
    yield from said_of_contacts(findings)
    yield from chain(findings.recipe.why, findings.warnings)


def said_of_account(findings: Findings) -> Iterator[str]:
    """Numbers that add up to the records."""
    account = findings.account
    taken = Counter(fate.part for fate in account if fate.part)
    yield f"{len(account):,} records"
    yield "  " + ", ".join(f"{taken[part]:,} {part}" for part in Split)
    for why, count in Counter(fate.why for fate in account if not fate.part).most_common():
        yield f"  {count:,} {why}"


def said_of_lengths(limits: Limits) -> Iterator[str]:
    yield (
        f"99 % of the rows have at most {limits.rows} tokens, of the answers {limits.answers}: "
        f"base.max_length is {limits.max_length}, max_new_tokens {limits.max_new_tokens}"
    )
    if limits.rows > limits.max_length:
        yield f"  the base reads {limits.window} tokens: {limits.too_long} rows are longer"
    elif limits.too_long:
        yield f"  {limits.too_long} rows are longer, and are left out"
    if limits.answers > limits.max_new_tokens:
        yield f"  {limits.cut} answers are longer: a model could not give them whole"


def said_of_slices(findings: Findings) -> Iterator[str]:
    for name, values in findings.slices.items():
        shown = ", ".join(f"{value} {count}" for value, count in values.most_common(SHOWN))
        more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
        yield f"slice {name}: {shown}{more}"


def said_of_contacts(findings: Findings) -> Iterator[str]:
    ours = [*findings.ours.phones, *findings.ours.domains]
    if ours:
        shown = ", ".join(ours[:SHOWN]) + (" …" if len(ours) > SHOWN else "")
        yield f"in several answers, so taken for your own contacts: {shown} ({WAIVERS})"
    if findings.personal:
        yield (
            f"{len(findings.personal)} rows seem to hold personal data, and are left out "
            "(curation.curate.personal_data)"
        )
