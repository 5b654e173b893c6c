"""The project's base without an adapter: whom a challenger has to beat while there is no champion.

Under the project's system prompt, so that what an adapter wins is not the prompt's.
"""

from project.model_pins import BaseChoice
from project.paths import BASE
from project.records.adapters import Contestant, ModelPin
from project.settings import load
from project.shown_passages import index_shown


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
