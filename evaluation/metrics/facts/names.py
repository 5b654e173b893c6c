"""Names: words with capital letters where no sentence begins, acronyms, code and codes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import regex

from evaluation.metrics.facts.fact import BLANK, Fact, listed
from project.unicode_words import words

WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['&-][\p{L}\p{M}\p{N}]+)*+")
GLUE = regex.compile(r"[ ]|\. |[ ](?:&|of|of the|for|de|du|da|von|van)[ ]")
BREAK = regex.compile(r"[.!?:;\n\r•*|]")
POSSESSIVE = regex.compile(r"'s?(?!\w)")
LONGEST = 8  # words of a name


@dataclass(frozen=True)
class Word:
    """A word of a text, and whether a sentence begins with it."""

    text: str
    start: int
    end: int
    first: bool

    @property
    def lower(self) -> str:
        plain: str = POSSESSIVE.sub("", self.text)
        return plain.casefold()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper() and self.lower not in ("i", "i'm", "i'll", "i've", "i'd")


def identifiers(text: str) -> Iterator[Fact]:
    """Code, codes, web and mail addresses."""
    for match in IDENTIFIER.finditer(text):
        if value := name_value(match[0]):
            yield Fact("name", match[0], match.start(), match.end(), value)


def names(text: str) -> Iterator[Fact]:
    """Names as they are written in English, in a folded text."""
    tokens = list(text_words(text))
    runs = [kept for run in capital_runs(text, tokens) if (kept := trimmed(run))]
    inside = {word.lower for run in runs for word in run if not word.first}
    for run in runs:
        start, end = run[0].start, run[-1].end
        if value := name_value(text[start:end]):
            sure = is_name(run, inside)
            yield Fact("name", text[start:end], start, end, value, doubtful=not sure)


def name_value(text: str) -> str:
    """Its words in lower case, without plural and possessive: "Bosch's ATMs" is "bosch atm"."""
    plain: str = POSSESSIVE.sub("", text)
    return " ".join(singular(word) for word in words(plain))


def singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def text_words(text: str) -> Iterator[Word]:
    end, title = 0, False
    for match in WORD.finditer(text):
        _, fact, between = text[end : match.start()].rpartition(BLANK)
        begins = (end == 0 and not fact) or bool(BREAK.search(between))
        yield Word(match[0], match.start(), match.end(), begins and not title)
        end, title = match.end(), match[0].lower() in TITLES or match[0] == "St"


def capital_runs(text: str, words_found: list[Word]) -> Iterator[list[Word]]:
    """Words with capitals that belong together, such as "Reserve Bank of India"."""
    run: list[Word] = []
    for word in words_found:
        if not word.capital:
            continue
        if run and len(run) < LONGEST and joined(run, text[run[-1].end : word.start]):
            run.append(word)
        else:
            yield run
            run = [word]
    yield run


def joined(run: list[Word], between: str) -> bool:
    last = run[-1]
    if not GLUE.fullmatch(between):
        return False
    if between == ". ":
        return last.lower in TITLES or last.text == "St" or len(last.text) == 1
    return between == " " or not last.first or last.lower in BODIES


def trimmed(run: list[Word]) -> list[Word]:
    """The words without what begins the sentence, and without titles."""
    while run and run[0].first and run[0].lower in STARTERS:
        run = run[1:]
    if len(run) > 1 and run[0].first and is_acronym(run[1].text) and not is_acronym(run[0].text):
        run = run[1:]  # "Perform DBSCAN"
    while len(run) > 1 and run[0].lower in TITLES:
        run = run[1:]
    return run


def is_name(run: list[Word], inside: set[str]) -> bool:
    if len(run) > 1 and all(word.text.isupper() for word in run) and shouted(run):
        return False
    if any(is_acronym(word.text) and word.lower not in LOUD for word in run):
        return True
    if len(run) > 1:
        return True
    if not run[0].first:
        return run[0].lower not in STARTERS and len(run[0].text) > 1
    return run[0].lower in inside


def shouted(run: list[Word]) -> bool:
    return any(word.lower in LOUD or word.lower in STARTERS for word in run)


# --- name words -----------------------------------------------------------------------------------

# Words that stand with a capital letter and are no part of a name.

TITLES = frozenset(
    listed(
        "mr mrs ms miss mx dr doctor prof professor sir madam mayor president minister"
        " chairman director captain judge lord lady mister"
    )
)
# Put in capitals to be heard.
LOUD = frozenset(
    listed(
        "a all always and any are before after both can cannot do don't each every free if"
        " important is it may must never new no not note of on once only or please the this to"
        " until what when will with without yes you your"
    )
)
# What a sentence begins with.
STARTERS = frozenset(
    listed("""
    a about above according across add additional after again all allow alone along already also
    although always am among an and another any anybody anyone anything apart apply applicants
    approval are around as ask at avoid back be because been before begin below besides between
    block book both bring browse build but buy by call calling can cancel cancelling cannot carry
    change charges check choose claim claims claimants click close collect collection come
    complaints complete confirm congratulations consider contact could create currently customer
    customers dear deliver delivery deposit deposits despite details did dial do does don't
    download drop due during each either email enter entry especially even every everybody
    everyone except expect extra fees file fill find first flights follow following for from
    further get give given go good great guests half handle had has have he hello help hence her
    here hi his hold hours how however i if import important in include including indeed inform
    install instead interest into is isn't it its it's just keep kindly last later leave let
    letters like limit loans log long look mail make many may maybe members merely might mind
    money more moreover most much must my need neither never new next no nobody none nor normally
    not note nothing now of off office offer ok okay on once one only open or order orders other
    otherwise our out over own owners parcels parents park pay payment payments per perhaps pets
    please present press provide put quote raise rather read receive regarding regards register
    remember remove repairs report residents return returns run same save say see select send
    set several she should show sign simply since sincerely so some somebody someone sorry speak
    start statement statements stay still students submit such support sure take tell than thank
    thanks that the their them then there therefore these they thing this those though through
    thus till to today together tomorrow too trains travel try turn two type under unless until
    up update upload upon use used users using usually very via visit visitors wait want warning
    was we welcome well were what when whenever where whether which while who whoever whose why
    will with within without would write yes yesterday yet you your yours youre free true false
    minimum maximum attention urgent offers cover coverage
    assign calculate clean compare compute construct convert copy count decode define delete
    determine draw encode estimate evaluate execute extract fit fixture format generate
    implement insert iterate join list load map merge parse perform plot print
    process replace render reset restore sort split stop store test transform validate
    advise apologies assuming bear carry contrary depending drive ensure explain fetch had hand
    hello instead install invest kindly link live mention move notify notice obtain owing
    participants pick prepare prior report request respond review ring search share
    ship min max sell simple subject switch talk text total transfer verify walk watch wear work
    """)
)
# A name goes on over "of" after these at the beginning of a sentence.
BODIES = frozenset(
    listed(
        "bank ministry department university college house city church court bureau board"
        " office institute council federation union kingdom republic school state government"
    )
)


# --- same name ------------------------------------------------------------------------------------

# Whether a text has a name, in one of the ways that people shorten or turn it.

SMALL = frozenset(listed("of the and for de la du a an in"))
SPELLED = {"st": "saint"}


class NameText:
    """A text that is asked for names: as it is, by initials, by the last word, turned around."""

    def __init__(self, text: str, names: Sequence[Fact]) -> None:
        words = spelled(name_value(text))
        self.text = f" {' '.join(words)} "
        self.joined = {*words, *(first + two for first, two in pairwise(words))}
        self.values = {fact.value for fact in names}
        self.sets = {frozenset(content(value.split())) for value in self.values}
        self.capitals = {word for value in self.values for word in value.split()}
        self.initials = {short for v in self.values for short in initials(v.split())}

    def count(self, name: Fact) -> int:
        """How often it has the name in full; 1 where it has it in another form."""
        return self.text.count(f" {' '.join(spelled(name.value))} ") or int(self.has(name))

    def has(self, name: Fact) -> bool:
        words = spelled(name.value)
        if name.value in self.values or f" {' '.join(words)} " in self.text:
            return True
        if "".join(words) in self.joined:  # Wi-Fi and wifi
            return True
        if len(words) == 1:
            return words[0] in self.initials
        return bool(
            initials(words) & self.values  # Reserve Bank of India: RBI
            or words[-1] in self.values  # Mary Jones: Ms Jones
            or frozenset(content(words)) in self.sets  # Ministry of Finance
            or (len(words) > 2 and self.capitals.issuperset(content(words)))  # in two places
        )


def spelled(value: str) -> list[str]:
    return [SPELLED.get(word, word) for word in value.split()]


def content(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in SMALL]


def initials(words: Sequence[str]) -> frozenset[str]:
    """The initials with the small words and without them: "DoT", "RBI"."""
    if len(content(words)) < 2:
        return frozenset()
    every = (words, content(words))
    return frozenset("".join(word[0] for word in chosen) for chosen in every)


# --- identifiers ----------------------------------------------------------------------------------

# Names that are spelled like no word: code, codes, web addresses, acronyms.

NO_CODE = r"(?:INR|USD|EUR|GBP|CHF|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)-?\d"
# Written as a word would not be. Each part is bounded: a text is from anybody.
IDENTIFIER = regex.compile(
    r"(?P<tick>`{1,2})(?P<code>[^`\n]{1,80})(?P=tick)"
    r"|(?P<web>https?://[^\s<>\"')\]]{1,200}|www\.[^\s<>\"')\]]{1,200})"
    r"|(?P<mail>(?<![\w.+-])[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]{1,30}){1,4})"
    r"|(?<![\w.-])(?P<dotted>[A-Za-z_]\w{1,40}(?:\.[A-Za-z_]\w{1,40}){1,6})(?:\(\))?"
    r"(?![\w@])"
    r"|(?<!\w)(?P<snake>\w{0,40}[^\W_]_\w{1,40}|__\w{1,40}__|--[a-z][\w-]{1,40})(?!\w)"
    r"|(?<![\w.])(?P<camel>\p{Lu}?\p{Ll}{1,40}\p{Lu}\w{0,40}|\w{2,40}\(\))(?!\w)"
    r"|(?<!\w)(?P<dots>(?:\p{Lu}\.){2,6})(?!\w| dollars?\b)"  # U.S.
    # W-8BEN, ITR-1, S23; but no INR500 and no UTF-16 units
    rf"|(?<![\w-])(?P<mixed>(?!{NO_CODE})\p{{Lu}}{{1,6}}-?\d[\p{{Lu}}\d]{{0,8}}"
    r"(?:-[\p{Lu}\d]{1,8}){0,3})(?![\w%])"
)
ACRONYM = regex.compile(r"\p{Lu}[\p{Lu}\d&]{1,7}s?")


def shape(name: str) -> str:
    """Code, acronym or words: what a name could be taken for."""
    if is_acronym(name):
        return "acronym"
    return "code" if IDENTIFIER.fullmatch(name) else "words"


def is_acronym(word: str) -> bool:
    return bool(ACRONYM.fullmatch(word))
