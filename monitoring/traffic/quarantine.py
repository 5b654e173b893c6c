"""Where what is no traffic is listed; in a file of its own, for a plain install tells of it too."""

from pathlib import Path

from project.files import home


def quarantine_folder() -> Path:
    """The folder with a file for each day."""
    return home() / "monitoring" / "quarantine"
