"""The database with its tables, migrations and chain of events, and the store of artifacts."""
