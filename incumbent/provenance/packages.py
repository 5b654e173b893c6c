"""The versions of the packages that decide an adapter's bytes, as they are installed now."""

import platform
from importlib.metadata import PackageNotFoundError, version

NAMES = (
    "incumbent",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "numpy",
    "peft",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)


def installed_packages() -> dict[str, str]:
    """Python's own version among them; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in NAMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
