"""Faults of how a text is written are found; other languages and code are none."""

import pytest

from curation.faults.every_fault import FAULTS
from project.records.data import Row

FOUND = {
    "unicode": ["nai\u0308ve", "ｆｕｌｌ", "the o\ufb03ce", "𝐛𝐨𝐥𝐝 words", "fu\u00a8r alle"],
    "control_characters": ["a\x07b", "a\x85b", "a\x1b[1mb", "a\u2028b"],
    "invisible_characters": ["a\u200bb", "\ufeffa", "a\u00adb", "a\u202eb", "long\u00a0words"],
    "mojibake": ["itâ€™s", "GrÃ¶ÃŸe", "РџСЂРёРІРµС‚ РјРёСЂ", "caf├® and th├®"],
    "lost_characters": ["na\ufffdve", "M?nchen is big", "don?t do it", "caf?s and fianc?es"],
    "literal_escapes": [
        "One.\\nTwo.\\nThree.",
        "caf\\u00e9",
        "It\\'s so.",
        "a_x000D_b",
        "One./n/nTwo",
    ],
    "markup": ["<div>It</div>", "It&nbsp;is", "AT&amp;T", "[b]It[/b] is", "It#39;s so"],
    "web_leftovers": [
        "It is so. Learn more",
        "It is so.\nWas this page helpful? Yes No",
        "This website uses cookies to improve it.\nIt is so.",
        "It is so.\nHome | About | Contact | Login",
        "Es ist so. Weiterlesen",
    ],
}
NOT_FOUND = [
    "Über Größe und Maß: naïve Fälle, façade, señor, Łódź, Đà Nẵng.",
    "これはＡＩの例です。（日本語）",
    "Привет, мир! Это обычный текст. ЭТО.",
    "می‌خواهم בְּרֵאשִׁית हिन्दी ภาษาไทย 한국어",
    "The price is 10\u00a0€ « ici » – it’s “fine”…",
    "👨‍👩‍👧 and ❤️ and 🏴󠁧󠁢󠁥󠁮󠁧󠁿 are emoji.",
    "Is it so? Yes! What?? Why?! See a?b:c and /page?id=1.",
    'Write `"\\n"` or "a\\tb" in it, and $\\nu + \\theta$ in TeX.',
    "The types are List<int>, Map<K, V> and a < b && c > d.",
    "To learn more about it, click the button and read the rest of the page.",
    "def f(x):\n    return x & 1  # <= 3",
]


@pytest.mark.parametrize(("column", "text"), [(c, t) for c, ts in FOUND.items() for t in ts])
def test_it_is_found(column: str, text: str) -> None:
    assert FAULTS[column](Row.of("What is it?", text, group="g", source="test"))


@pytest.mark.parametrize("text", NOT_FOUND)
@pytest.mark.parametrize("column", FOUND)
def test_what_looks_like_it_is_not(column: str, text: str) -> None:
    assert FAULTS[column](Row.of("What is it?", text, group="g", source="test")) is None
