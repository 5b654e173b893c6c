"""Licences of data and models, by the names that SPDX has for them."""

import re
from fnmatch import fnmatchcase
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
    found = [
        next((one for one in way if any(fnmatchcase(one, p) for p in patterns)), None)
        for way in ways
    ]
    return found[0] if all(found) else None
