"""Style, script and htmx, each with the digest of its bytes in its address."""

from functools import cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles

from project.canonical import digest_bytes

FOLDER = Path(__file__).parent / "assets"
ASSETS = StaticFiles(directory=FOLDER)


@cache
def asset(name: str) -> str:
    """The address of an asset; other bytes have another one."""
    return f"/assets/{name}?v={digest_bytes((FOLDER / name).read_bytes())[:12]}"
