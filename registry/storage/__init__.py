"""The database: its tables, its migrations and the chain of events."""
