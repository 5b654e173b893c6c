"""The project's base without an adapter: whom a challenger has to beat while there is no champion.

Under the project's system prompt, so that what an adapter wins is not the prompt's.
"""

from project.model_pins import BaseChoice
from project.paths import BASE
from project.records.adapters import Contestant, ModelPin
from project.settings import load


def bare_base() -> Contestant:
    return Contestant(base=ModelPin.read(BASE), system_prompt=load(BaseChoice).system_prompt)
