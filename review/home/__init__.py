"""The home page: what needs a person now, and where the project stands."""
