"""What finds a fault."""

from collections.abc import Callable

from project.records.data import Row

# What is wrong with a row, in a few words of ours that may stand in a report; None: nothing.
# It never repeats the row's own text: failing values may be personal data.
Finder = Callable[[Row], str | None]
