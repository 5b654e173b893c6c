"""The cost report as an HTML file."""

from pathlib import Path

from project.errors import IncumbentError
from project.files import write_bytes
from project.html import render
from serving.cost_report.cost_words import rows_of_table, sentences
from serving.cost_report.system_costs import CostReport

TEMPLATE = Path(__file__).parent / "templates" / "costs.html"


def write_page(report: CostReport, target: Path) -> None:
    """Raises IncumbentError where the file cannot be written."""
    columns, rows = rows_of_table(report)
    page = render(TEMPLATE, report=report, sentences=sentences(report), columns=columns, rows=rows)
    try:
        write_bytes(target, page.encode())
    except OSError as error:
        raise IncumbentError(f"{target} cannot be written: {error.strerror}") from None
