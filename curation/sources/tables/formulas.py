"""Formulas of a spreadsheet in a CSV file: the text that was shown in their cells is not there."""

import re

# That reach out of the table, whichever way they are written.
OUTWARD = """
    hyperlink webservice importdata importfeed importhtml importrange importxml image rtd dde exec
    call register cmd
"""
# Of any other, spreadsheets write the name in capitals.
FUNCTIONS = """
    AVERAGE CHAR CONCAT CONCATENATE COUNT COUNTA COUNTIF DATE IF IFERROR INDEX INDIRECT LEFT LEN
    LOOKUP MATCH MAX MID MIN NOW OFFSET RIGHT ROUND SUBSTITUTE SUM SUMIF SUMPRODUCT TEXT TODAY
    TRIM VALUE VLOOKUP XLOOKUP
"""
LOOKED_AT = 1000  # characters
ANY_CASE = "|".join(OUTWARD.split())
CAPITALS = "|".join(FUNCTIONS.split())
CELL = r"(?:'[^']+'!|\w+!)?\$?[A-Z]{1,3}\$?\d{1,7}"
# Texts begin with these characters too: with "=>", "-5 %", a list's "- ", a user's "@".
FORMULA = re.compile(
    rf"\s*[=+@-][+-]?(?i:{ANY_CASE})\("
    rf"|\s*[=+@-][+-]?(?:{CAPITALS})\("
    rf"|\s*=[+-]?[A-Z][A-Z0-9.]+\("
    rf"|\s*=[+-]?{CELL}(?:\s*[-+*/&^:<>=]|\s*\Z)"
    rf"|\s*[=+@-][^\n]*\w\|[^\n|]*!\$?[A-Z]{{1,3}}\$?\d"  # of another program, such as =cmd|'…'!A0
)


def is_formula(text: str) -> bool:
    """Whether a text is a formula, and no text that begins like one."""
    return bool(FORMULA.match(text[:LOOKED_AT]))
