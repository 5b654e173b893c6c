"""`gateway cost-report`: what an answer of the champion costs, beside what else could answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from incumbent.options import LARGEST, Json
from incumbent.output import console, print_json, print_table, say
from project.child_processes import ended_by_signals
from project.settings import load
from serving.serving_settings import LargerModelParams, ServingParams

if TYPE_CHECKING:
    from serving.asked_systems import LargerModel
    from serving.system_costs import CostReport


def report_costs(
    items: Annotated[int, typer.Option(min=2, max=LARGEST, help="Dev items at most.")] = 100,
    to: Annotated[Path | None, typer.Option(help="An HTML file to write it to as well.")] = None,
    as_json: Json = False,
) -> None:
    """Compare what an answer of the champion costs with a few-shot prompt on the base.

    Raises InputError where there is no champion or no dev set, and IncumbentError where a model
    does not answer.

    $ incumbent gateway cost-report --items 50
    """
    # Imported here because it brings libraries of an extra, and takes a while.
    from serving.system_costs import compare_costs, sentences, write_page

    cost = load(ServingParams).cost
    with ended_by_signals():
        report = compare_costs(items, cost.shots, larger_model(cost.larger))
    if to:
        write_page(report, to)
    if as_json:
        print_json(report.model_dump(mode="json") | {"said": sentences(report)})
    else:
        print_costs(report)


def larger_model(params: LargerModelParams | None) -> "LargerModel | None":
    """The larger model that the settings name. Raises InputError where its key is not there."""
    from evaluation.generation.backends.openai_server import key_in  # as above
    from serving.asked_systems import LargerModel

    if params is None:
        return None
    return LargerModel(
        url=params.url,
        model=params.model,
        prices=params.prices,
        key=key_in(params.key_variable, "serving.cost.larger.key_variable"),
    )


def print_costs(report: "CostReport") -> None:
    from serving.system_costs import rows_of_table, sentences  # as above

    print_table(*rows_of_table(report))
    console.print()
    say(*sentences(report))
