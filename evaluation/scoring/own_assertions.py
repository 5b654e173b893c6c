"""Assertions that rows bring: one that cannot be checked would end a look that is counted."""

from collections.abc import Iterable
from pathlib import Path

from evaluation.evaluation_settings import ScoringParams
from project.errors import InputError
from project.records.data import Row


def refuse_broken_assertions(params: ScoringParams, rows: Iterable[Row], file: Path) -> None:
    """Raise InputError, with the row, for an assertion that cannot even be checked on the row's
    own answer. Where no scorer reads assertions, nothing is checked.
    """
    if all(choice.metric != "assertions" for choice in params.metrics):
        return
    # Imported here because what checks a schema comes with an extra.
    from evaluation.assertions.check import holds, with_schemas

    for row in rows:
        for at, assertion in enumerate(row.assertions or ()):
            try:
                (whole,) = with_schemas([assertion])
                holds(whole, row.completion_text)
            except InputError as error:
                problem = f"row {row.id!r} has one that cannot be checked: {error}"
                raise InputError(problem, file=file, field=f"assertions.{at}") from None
