"""What a cost report says in sentences: cheaper by how much, and at which quality."""

from collections.abc import Iterator
from pathlib import Path

from evaluation.generation.answers import Role
from evaluation.report.right_answers import Cost, saving
from project.errors import IncumbentError
from project.files import write_bytes
from project.html import render
from serving.cost_report.system_costs import CostReport, SystemCost


def sentences(report: CostReport) -> list[str]:
    adapter, *others = report.systems
    found = [beside(report, adapter, other) for other in others]
    return [*found, *equal_quality(report), *unmeasured(report)]


def beside(report: CostReport, adapter: SystemCost, other: SystemCost) -> str:
    """Money, time and tokens that the adapter takes, and how good it is, against one system."""
    saved = saving({Role.CHALLENGER: cost_of(adapter), Role.FEW_SHOT: cost_of(other)})
    return f"{report.champion} against {other.name}: {saved}; {in_quality(report, other)}"


def in_quality(report: CostReport, other: SystemCost) -> str:
    """What the differences of the judged metrics are; of the adapter, so with the signs turned."""
    told = []
    for name in report.judged_by:
        if found := other.against.get(name):
            word = {"better": "worse", "worse": "better"}.get(found.verdict, found.verdict)
            low, high = -found.high, -found.low
            told.append(f"{name} {-found.diff:+.3f} [{low:+.3f}, {high:+.3f}], {word}")
    return "; ".join(told) or "quality not compared"


def equal_quality(report: CostReport) -> Iterator[str]:
    """How many examples the base needs for the adapter's quality, of those that were tried."""
    adapter, *others = report.systems
    tried = sorted((one for one in others if one.shots is not None), key=shots_of)
    enough = [one for one in tried if not shown_worse(report, one)]
    if not tried:
        return
    if not enough:
        counts = ", ".join(str(one.shots) for one in tried)
        yield (
            f"no number of examples that was tried ({counts}) brings the base to the quality of "
            f"{report.champion}: there is no price of the base at equal quality"
        )
        return
    first = enough[0]
    saved = saving({Role.CHALLENGER: cost_of(adapter), Role.FEW_SHOT: cost_of(first)})
    yield (
        f"at equal quality: with {first.shots} examples the base is not shown to be worse on "
        f"{report.items} items, and beside that {report.champion} takes {saved}"
    )


def shown_worse(report: CostReport, other: SystemCost) -> bool:
    found = (other.against.get(name) for name in report.judged_by)
    return any(one is not None and one.verdict == "worse" for one in found)


def unmeasured(report: CostReport) -> Iterator[str]:
    adapter = report.systems[0]
    if adapter.money is None:
        yield "no price is set: evaluation.prices says what tokens or an hour cost"
    yield (
        "tokens and seconds are means of one answer; seconds are the machine's, which makes "
        "several answers side by side"
    )
    if any(one.latency is not None for one in report.systems):
        yield (
            "of a model behind a server, seconds are from a request to its answer, and tokens are "
            "counted by its own tokenizer: neither says what the adapter's do, but the money does"
        )


def cost_of(system: SystemCost) -> Cost:
    """The cost without a latency: what a request waited is not what a machine computed."""
    return Cost(system.name, system.prompt, system.answer, system.seconds, system.money)


def shots_of(system: SystemCost) -> int:
    return system.shots or 0


def rows_of_table(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """The columns, numbers with a leading ">", and a row for each system."""
    timed = any(one.latency is not None for one in report.systems)
    columns = ["system", ">prompt", ">answer", ">s", *([">p50", ">p95"] if timed else [])]
    columns += [">per 1,000", *(f">{name}" for name in report.judged_by)]
    return columns, [cells(report, one, timed=timed) for one in report.systems]


def cells(report: CostReport, one: SystemCost, *, timed: bool) -> list[str]:
    times = [one.seconds if one.latency is None else one.latency]
    times += [one.p50, one.p95] if timed else []
    quality = [one.quality.get(name) for name in report.judged_by]
    return [
        one.name,
        f"{one.prompt:.1f}",
        f"{one.answer:.1f}",
        *("" if time is None else f"{time:.2f}" for time in times),
        "" if one.money is None else f"{one.money:.2f}",
        *("" if mean is None else f"{mean.mean:.3f}" for mean in quality),
    ]


# --- cost page ------------------------------------------------------------------------------------

# The cost report as an HTML file.

TEMPLATE = Path(__file__).parent / "templates" / "costs.html"


def write_page(report: CostReport, target: Path) -> None:
    """Raises IncumbentError where the file cannot be written."""
    columns, rows = rows_of_table(report)
    page = render(TEMPLATE, report=report, sentences=sentences(report), columns=columns, rows=rows)
    try:
        write_bytes(target, page.encode())
    except OSError as error:
        raise IncumbentError(f"{target} cannot be written: {error.strerror}") from None
