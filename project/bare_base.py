"""The project's base without an adapter: whom a challenger has to beat while there is no champion.

Under the project's system prompt, so that what an adapter wins is not the prompt's.
"""

from project.model_pins import BaseChoice
from project.paths import BASE, INDEX
from project.records.adapters import Contestant, ModelPin
from project.records.data import PassageIndex
from project.records.record import Digest
from project.settings import load


def bare_base() -> Contestant:
    return as_asked(ModelPin.read(BASE), load(BaseChoice))


def as_asked(base: ModelPin, choice: BaseChoice) -> Contestant:
    """A base as the settings have it asked."""
    return Contestant(
        base=base,
        system_prompt=choice.system_prompt,
        evidence_template=choice.evidence_template,
        index=index_shown(choice.evidence_template),
    )


def index_shown(template: str | None) -> Digest | None:
    """The index that stage `index` left, for whoever is shown passages at all."""
    if template is None or not INDEX.exists():  # a pipeline from before there was one has none
        return None
    return PassageIndex.read(INDEX).files
