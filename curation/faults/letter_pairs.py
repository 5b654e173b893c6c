"""Which letters hardly ever follow each other in a word, and which are neighbours on keyboards."""

# By the first letter: what comes behind it in hardly any word of a European language.
AFTER = {
    "b": "cfghkmnpqwxz", "c": "bdfgjmnpvwx", "d": "cfkpqtxz", "f": "bcdghjkmnpqvwxz",
    "g": "bcdfjkpqvxz", "h": "bcdfghjkpqvxz", "j": "bcdfghklmnpqrstvwxyz", "k": "bcdfgjmpqvxz",
    "l": "bhjnqrwxz", "m": "cdfghjkqrtvwxz", "n": "bpx", "p": "bcdfgjkmqvwxz",
    "q": "bcdefghjklmnoprtvwxyz", "r": "jqxz", "s": "bdfgjrvxz", "t": "bdfgjkpqvx",
    "u": "wqjy", "v": "bcdfghjkmnpqtwxz", "w": "bcfgjkmpqvuxz", "x": "bdfgjkmnqrvwz",
    "y": "qjyh", "z": "bcdfgjmnpqrtvxz", "i": "wyq", "o": "qj", "e": "j", "a": "",
}  # fmt: skip
RARE = frozenset((first, second) for first, seconds in AFTER.items() for second in seconds)

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
RUNS = {row[i : i + 4] for row in ROWS for i in range(len(row) - 3)}
# Some of these runs are in words, such as "property" and "Wert".
WORDS = {
    "wert",
    "trew",
    "erty",
    "ytre",
    "poiu",
    "tyui",
    "uiop",
    "апро",
    "прол",
    "лорп",
    "рола",
    "укен",
}
NEIGHBOURS = tuple(sorted((RUNS | {run[::-1] for run in RUNS}) - WORDS))
