"""Licences of data and models, by the names that SPDX has for them."""

import re
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

UNKNOWN = "NOASSERTION"  # SPDX's word where nobody says which
FORBIDDING = Path(__file__).with_name("forbidding_licences.txt")


def spdx(text: str) -> str | None:
    """A licence as SPDX spells it, or an expression of several; None for what it does not know."""
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def forbidding(text: str | None) -> str | None:
    """The licence of an expression that forbids to train a model and pass it on, if one does: each
    of those that are joined by AND counts, and of those joined by OR one may be chosen.
    """
    patterns = [line for line in FORBIDDING.read_text().split("\n") if line and line[0] != "#"]
    ways = [re.findall(r"[\w.+-]+", way) for way in re.split(r"\bOR\b", spdx(text or "") or "")]
    forbidden = [
        next(
            (identifier for identifier in way if any(fnmatchcase(identifier, p) for p in patterns)),
            None,
        )
        for way in ways
    ]
    return forbidden[0] if all(forbidden) else None


def licence_of_package(name: str) -> str | None:
    """What an installed package says; None where it says nothing, or a whole text."""
    try:
        stated = metadata(name)
    except PackageNotFoundError:
        return None
    licences = stated.get_all("License-Expression") or stated.get_all("License") or ()
    return next((str(name) for name in licences if "\n" not in name), None)


def licence_fault(licence: str | None, *, forbids: bool = True) -> str | None:
    """What people should know of a licence before they train on what stands under it; without
    `forbids` only that nobody knows it.
    """
    if not licence:
        return "nobody said under which licence it stands"
    if forbids and (forbidden := forbidding(licence)):
        return f"{forbidden} forbids to pass on what is made of it, and a model may be that"
    return None
