"""Databases on a PostgreSQL server of the tests."""

from itertools import count

from sqlalchemy import create_engine, make_url, text

NUMBERS = count(1)


def copy_of(url: str, template: str | None = None) -> str:
    """Copy a database that nobody is connected to, on the server of its URL; returns the new URL.

    The one that the URL names is copied, or else the template. A copy goes when the server does:
    dropping one takes long.
    """
    name = f"test_{next(NUMBERS)}"
    source = template or make_url(url).database
    engine = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # making a database allows no transaction
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)
