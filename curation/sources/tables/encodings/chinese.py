"""Text in GB18030, and what tells it from other text whose bytes would pass for it."""

import re
from collections import Counter

# The characters that Chinese texts are made of for a third or more. Korean, or Russian, decoded as
# GB18030 by mistake gives Chinese characters too, but not these.
FREQUENT = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
    "发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本"
    "前开但因只从想实日者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最"
    "重并物手应向头文体政美相见被利什等产或新己制身果加月话合回特代内信化老给位次度门任常先通教"
    "提立及比员解水名真论处走义各入几口认条平系气题更别打女变四何电数安少报才结反受目量再感务做"
    "接必场件管期市直资命金请您答码账户卡银费款否询办款需号"
)
FREQUENT_SHARE = 0.1  # of the characters at least
COMMON_SHARE = 0.9  # of what is not ASCII at least
LAST_COMMON = 0xD7  # lead byte of the last of the 3,755 common characters in GB2312
PUNCTUATION = {0xA1, 0xA3}  # lead bytes: punctuation, and full-width letters and digits

# UTF-8 of two or more characters from U+3000 on, where a run of bytes above ASCII begins: in a
# Chinese text in GB18030, next to no words look like it.
UTF8_IN_CHINESE = re.compile(rb"(?<![\x80-\xff])(?:[\xe3-\xef][\x80-\xbf]{2}){2}")


def read_chinese(data: bytes) -> str | None:
    """The text, if all of it is GB18030 and likely Chinese."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    counts = Counter(text)
    foreign = {c: n for c, n in counts.items() if not c.isascii()}
    total = sum(foreign.values())
    common = sum(n for c, n in foreign.items() if is_common(c))
    frequent = sum(n for c, n in foreign.items() if c in FREQUENT)
    likely = common >= COMMON_SHARE * total and frequent >= FREQUENT_SHARE * total
    return text if likely else None


def is_common(character: str) -> bool:
    """Whether it is Chinese punctuation or a character that most texts keep to."""
    try:
        lead = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return lead in PUNCTUATION or 0xB0 <= lead <= LAST_COMMON
