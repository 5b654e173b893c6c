"""Defects planted into clean rows: what the checks of the data must find.

Forms 1 to 3 of each kind, in `seen_*.py`, are for tuning. Forms 4 and 5, in `held_out_*.py`, are
not: whoever writes or tunes a check never looks at them, so that they tell what it finds in rows
that nobody has seen.
"""
