"""The record of versions, decisions and promotions. `registry.Registry` reads and changes it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.store import Registry as Registry


def __getattr__(name: str) -> Any:
    """`Registry` is looked up when asked for: it brings the database."""
    if name != "Registry":
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return import_module("registry.store").Registry
