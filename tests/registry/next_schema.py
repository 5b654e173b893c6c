"""A schema to come, made by a migration that is made up."""

import shutil
from pathlib import Path

import pytest

from registry.backups import restore
from registry.storage import database

NEXT = "0002"
MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{database.HEAD}"


def upgrade():
    op.add_column("aliases", sa.Column("versions", sa.Integer))
    op.execute("UPDATE aliases SET versions = (SELECT count(*) FROM versions)")
"""


def let_it_come(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From here on this program is a newer one, whose aliases count the versions."""
    migrations = folder / "migrations"
    shutil.copytree(database.MIGRATIONS, migrations)
    (migrations / "versions" / "0002_next.py").write_text(MIGRATION)
    monkeypatch.setattr(database, "MIGRATIONS", migrations)
    for module in (database, restore):
        monkeypatch.setattr(module, "HEAD", NEXT)
