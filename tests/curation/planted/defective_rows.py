"""Rows of the sample project that have a defect of their own: no clean rows, found by reading."""

DEFECTIVE = frozenset(
    {
        "28a7712169996ffd",  # {section} and {options} are not filled in
        "d16ac1cb83cf8978",  # lists parameters, and is no summary
    }
)
