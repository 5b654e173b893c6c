"""Answers that are far too long: whole pages of documentation in place of one sentence."""

from importlib import import_module
from inspect import cleandoc


def documentation(module: str, name: str | None = None) -> str:
    """The docstring of a module, or of what has a name in it."""
    found = import_module(module)
    return cleandoc((getattr(found, name) if name else found).__doc__ or "")
