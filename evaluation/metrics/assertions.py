"""Whether answers are as they have to be: assertions on all, on slices, and of single rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from evaluation.metrics.per_item import PerItem, Values
from evaluation.scoring.assertion_check import holds, with_schemas
from project.records.assertion_kinds import Assertion

OWN = TypeAdapter[tuple[Assertion, ...]](tuple[Assertion, ...])
SliceName = Annotated[str, Field(pattern=r"^[^=]+=")]
UNASKED = "no assertion applies"
UNTOLD = "language cannot be told"
BROKEN = "the reference itself breaks an assertion"


class Assertions(PerItem):
    """The share of the assertions that apply to an item and hold for its answer.

    compute -> {"assertions": [n]}, and {"assert_NAME": [n]} for each name that the options give: 1
    where all of that name hold. Where none applies, a value is 1. `everywhere` applies to all
    items, `slices` by "key=value" to those in the slice; the assertions that rows have count too.
    """

    more_is_better: tuple[str, ...] = ("assertions",)  # and of an instance one for each name
    ranges: tuple[tuple[str, float, float], ...] = (("assertions", 0, 1),)  # likewise
    description = "Share of the assertions that hold per item."
    citation = "Ribeiro et al. (2020). Beyond Accuracy: Behavioral Testing with CheckList."
    columns = ("predictions", "references", "slices", "assertions")

    def __init__(
        self,
        everywhere: Sequence[Assertion] = (),
        slices: Mapping[SliceName, Sequence[Assertion]] | None = None,
        **options: Any,
    ) -> None:
        self.everywhere = with_schemas(everywhere)
        self.slices = {name: with_schemas(some) for name, some in (slices or {}).items()}
        self.more_is_better = ("assertions", *map(metric, self.names))
        self.ranges = tuple((name, 0, 1) for name in self.more_is_better)
        super().__init__(**options)

    @property
    def names(self) -> list[str]:
        """Those that the options give; several assertions may share one."""
        given = [*self.everywhere, *(check for some in self.slices.values() for check in some)]
        return list(dict.fromkeys(check.name for check in given if check.name))

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        slices: list[str],
        assertions: list[str],
    ) -> Values:
        inside = [{f"{key}={value}" for key, value in json.loads(row).items()} for row in slices]
        asked = [
            (
                *self.everywhere,
                *[check for name, some in self.slices.items() if name in names for check in some],
                *OWN.validate_json(text),
            )
            for names, text in zip(inside, assertions, strict=True)
        ]
        judged = [outcomes(some, text) for some, text in zip(asked, predictions, strict=True)]
        self.flags = {
            UNASKED: [i for i, some in enumerate(asked) if not some],
            UNTOLD: [i for i, given in enumerate(judged) if None in [held for _, held in given]],
            BROKEN: [
                i
                for i, (some, text) in enumerate(zip(asked, references, strict=True))
                if share(outcomes(some, text)) < 1
            ],
        }
        values = {"assertions": [share(given) for given in judged]}
        return values | {
            metric(name): [kept(given, name) for given in judged] for name in self.names
        }


Outcome = tuple[str | None, bool | None]  # an assertion's name, and whether it holds


def outcomes(some: Sequence[Assertion], answer: str) -> list[Outcome]:
    return [(check.name, holds(check, answer)) for check in some]


def share(given: Sequence[Outcome]) -> float:
    """The share that is not broken, 1 of none; what cannot be told is not broken."""
    broken = sum(held is False for _, held in given)
    return 1 - broken / len(given) if given else 1.0


def kept(given: Sequence[Outcome], name: str) -> float:
    """1 where nothing of that name is broken, else 0."""
    return float((name, False) not in given)


def metric(name: str) -> str:
    return f"assert_{name}"
