"""Phone numbers in a text: by form, by the plans of countries, by the word beside them."""

import re

# Countries whose national numbers are known without a word beside them. More of them find more,
# and take more of what is none for a number.
REGIONS = ("US", "GB", "IN", "DE", "FR", "ES", "IT", "PT", "BR", "MX", "NL", "PL", "AU", "CN", "RU")

BEGIN = r"(?<!\w)(?<!\d[.,:/-])"
END = r"(?!\w|[.,:/-]\d)"
# Written as only phone numbers are.
PHONE = re.compile(
    rf"{BEGIN}(?:"
    r"(?:\+|00)[1-9](?:[ ()/-]{0,3}\d){7,14}"  # +49 (0)30 / 901820, E.164 has at most 15 digits
    r"|(?!\d{5}-\d{4}(?!\d))(?:\((?=\d{2,6}\)))?0[1-9](?:[ ()/-]{0,2}\d){7,10}"  # (020) 7946 0958
    r"|(?:\+?1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))\d{3}(?:\1|[.-])\d{4}"  # (555) 123-4567
    r"|(?:0|\+\d\d\.)[1-9](?:\.\d\d){4}"  # 06.12.34.56.78
    rf"){END}"
)
# In groups; whether it is one, the plan of its country says.
GROUPED = re.compile(
    rf"{BEGIN}(?<![$€£#])(?:\+\d{{1,3}}[ .-])?(?:\(\d{{2,5}}\)[ -]?|\d{{1,5}}[ .-])"
    rf"\d{{2,5}}(?:[ .-]\d{{2,5}}){{0,4}}{END}"
)
# Mobiles of countries that dial no 0 before them, in the groups that are theirs alone. By threes
# it would be an amount: 612 345 678.
MOBILE = re.compile(
    rf"{BEGIN}(?<![$€£#])(?:"
    r"[67]\d\d(?: \d\d){3}"  # Spain
    r"|3[2-9]\d(?: \d{6,7}| \d\d \d\d \d{3})"  # Italy
    r"|1[3-9]\d \d{4} \d{4}"  # China
    r"|[1-9]\d 9\d{4}[ -]\d{4}"  # Brazil
    r"|[6-9]\d{3} \d{6}"  # India
    r"|8 9\d\d \d{3}([ -])\d\d\1\d\d"  # Russia
    rf"){END}"
)
NOUN = (
    r"(?:my|her|his|their|our|meine|mi|mon|il mio|meu) (?:new |neue |nuevo )?"
    r"(?:number|nummer|n[úu]m[ée]ro)"
    r"|(?:tele)?phones?|tel|mobile|mob|cell(?:phone)?|whats ?app|fax|landline|helpline|hotline"
    r"|handy(?:nummer)?|telefon(?:nummer)?|rufnummer|t[ée]l[ée]phone|portable|tel[ée]fono|m[óo]vil"
    r"|celular|telefone|cellulare|telefono|telefoon(?:nummer)?|телефон|फ़ोन|电话|手机|電話"
)
VERB = r"(?:call|ring|text|dial|reach|phone|sms|contact)(?:ed|ing)?(?: (?:me|us|him|her|them))?"
LINK = r"(?:[^\w\n]{0,3}(?:number|no|nr|is|was|num[ée]ro|n[úu]mero|ist|es|est|é|è|on|at|back|to)\b)"
NUMBER = r"(?P<it>\+?\(?\d(?:[ ()./-]{0,2}\d){6,14})"
NAMED = re.compile(rf"(?<!\w)(?:{NOUN})\b{LINK}{{0,4}}[^\w\n+(]{{0,3}}{NUMBER}{END}", re.I)
CALLED = re.compile(rf"(?<!\w){VERB}\b{LINK}{{0,3}}[^\w\n+(]{{0,3}}{NUMBER}{END}", re.I)


HUNDREDS = re.compile(r"[2-79]00([ .-])\d00\1\d000")  # 600-500-4000: sizes, or prices


def phone(match: re.Match[str]) -> str:
    return "" if HUNDREDS.fullmatch(match[0]) else match[0]


def named_phone(match: re.Match[str]) -> str:
    return match["it"]


def called_phone(match: re.Match[str]) -> str:
    return match["it"] if is_phone(match["it"]) else ""


def grouped_phone(match: re.Match[str]) -> str:
    """The match, if a country groups the digits of its numbers so. Blanks alone are amounts too."""
    text = match[0]
    telling = (TELLING.match(text) or FIVES.fullmatch(text)) and not HUNDREDS.fullmatch(text)
    return text if telling and is_phone(text, grouped=True) else ""


TELLING = re.compile(r"\+|[\d ]*\(|\d+-\d+-|\d+ \d+-\d")
FIVES = re.compile(r"[6-9]\d{4}[ -]\d{5}")  # how India writes them


def is_phone(text: str, *, grouped: bool = False) -> bool:
    """Whether a country has such a number, and, if so wished, groups its digits so."""
    # Imported here, for the core does without this library.
    from phonenumbers import Leniency, PhoneNumberMatcher

    strictly = Leniency.STRICT_GROUPING if grouped else Leniency.VALID
    matchers = (PhoneNumberMatcher(text, region, strictly, 1) for region in REGIONS)
    return any(matcher.has_next() for matcher in matchers)
