"""What a web page leaves behind in a text that was copied from it."""

import html
import re

from curation.faults.suspect_words import Hints, SuspectWords, holds, in_either, near, without_code
from project.records.data import Row

# --- page words -----------------------------------------------------------------------------------

# The words by which web pages are known: links, notices, and the names of their parts.

# A link's own words: alone in a line, or behind the end of a sentence. In lower case. These are
# nothing else; at the end of a text they are taken away.
SURE_LINKS = "|".join(
    (
        r"(?:view|read|show|load|see|learn|find out|discover|explore) (?:more|less|all)",
        r"(?:view|read|see|show) more (?:here|details|info|about (?:this|it)|answers"
        r"|comments|posts)",
        r"(?:view|read|see|show) (?:the )?(?:full|whole|entire|original) (?:article"
        r"|post|story|text)",
        r"continue reading|keep reading|click here to (?:expand|enlarge|view|read|open)(?: more)?",
        r"back to (?:the )?(?:top|home|results|list)|skip to (?:main )?content|skip navigation",
        r"share this(?: page| article| post| answer| story)?|tweet this|print this(?:"
        r" page| article)?",
        r"share on [a-z]+|leave a (?:comment|reply)|copy (?:link|to clipboard)|open in"
        r" (?:app|new tab)",
        r"was this [a-z ]{0,20}(?:helpful|useful)\W*(?:yes\W*no)?|you may also like",
        r"related (?:articles?|posts?|questions?)|\d+ min(?:ute)?s? read|report abuse",
        r"mehr (?:erfahren|anzeigen|lesen)|weiterlesen|hier klicken|zum inhalt springen",
        r"zurück (?:zur übersicht|nach oben)|lire la suite|en savoir plus|(?:voir|afficher) plus",
        r"retour en haut|leer más|(?:ver|mostrar|saber) más|seguir leyendo|volver arriba",
        r"(?:leia|ver|saiba) mais|continue lendo|leggi (?:tutto|di più|anche)|continua a leggere",
        r"scopri di più|mostra altro|lees (?:meer|verder)|meer (?:weergeven|lezen)"
        r"|terug naar boven",
        r"czytaj (?:więcej|dalej)|zobacz więcej|читать (?:далее|дальше|полностью)|läs mer|visa mer",
        r"показать (?:ещё|еще)|devamını oku|阅读(?:全文|更多|原文)",
        r"查看(?:更多|全文|详情)|展开全文",
        r"点击(?:查看|展开).{0,6}|返回顶部|続きを読む|もっと(?:見る|読む)|詳細はこちら",
        r"더 ?보기|자세히 보기",
    )
)
# These may be the last words of a text all the same.
LINKS = "|".join(
    (
        SURE_LINKS,
        r"(?:know|learn|view|see) (?:more|all) [a-z]{3,12}|(?:view|see|show)"
        r" (?:details|comments|answers?)",
        r"continue|read on|expand(?: all)?|collapse|see also|get started|sign up(?:"
        r" now| for free)?",
        r"subscribe(?: now| today)?|(?:download|shop|buy|book|order|apply|try) (?:it"
        r" )?(?:now|free)",
        r"add to (?:cart|basket|wishlist|favou?rites)|back to [a-z]+(?: page)?|go back|loading",
        r"(?:next|previous|prev)(?: (?:page|article|post|question|lesson|chapter"
        r"|topic))?|print|share",
        r"like|reply|report|flag|upvote|permalink|copy|bookmark|follow(?: us)?"
        r"|advertisements?|tweet",
        r"(?:comments?|likes?|shares?|views?|replies) \(\d+\)|sponsored(?: content)?"
        r"|edit this page",
        r"\d+ (?:comments?|likes?|shares?|views?|repl(?:y|ies)|upvotes?)|recommended for you",
        r"related (?:topics?|pages?|links?|products?)|table of contents|on this page"
        r"|log ?in|sign ?in",
        r"register|menu|search|(?:click|tap) (?:here )?(?:to|for) (?:[a-z]{1,12} ?){1,5}",
        r"suggest (?:an )?edits?|(?:verified|best|accepted) answer|подробнее|наверх|更多|nach oben",
        r"más información",
    )
)

# Notices, and links in the midst of a sentence, near these words.
MIDST = Hints(
    "ick here|tap here|ress here|quez |clic aquí|click aquí|clique aqui|clicca|klik hier",
    "klicken|kliknij|нажмите|点击|クリック|클릭|helpful|skip to|rights reserved|cookie|share ",
    "javascript|your browser|subscribe|sign up for|back to top|more »|nue reading",
    "keep reading|leave a|\ncomment|terms of|privacy policy|more ...|more…|more →|more >",
    "you are human|you are a human|open in app|print this|powered by",
    "related articles|posted |page 1",
    "upvote|reply share|©|copyright|follow us|like us|e-mail this|email this",
    "advertisement\n|404 |newsletter|reply",
)
# In lines of links, in lower case.
BAR_SIGNS = ("|", "·", "•", "›", "»", ">", "/", "facebook", "twitter", "log", "menu", "ookies")
BARS = SuspectWords(*BAR_SIGNS)
NETWORK = (
    r"(?:facebook|twitter|linkedin|pinterest|whatsapp|instagram|reddit|telegram"
    r"|tumblr|x|social media)"
)
PHRASES = "|".join(
    (
        r"\b(?:click|tap|press) (?:right )?here\b|\bcliquez (?:ici|sur ce lien)\b"
        r"|\bclique aqui\b|\bha(?:z|ga) clic(?:k)? aquí|\bclicca qui\b|\bklik hier\b",
        r"\bhier klicken\b|\bklicken sie hier\b|\bkliknij tutaj\b|нажмите (?:здесь"
        r"|сюда)|点击(?:这里|此处|链接|下方)|こちらをクリック|여기를 클릭",
        r"\bwas this (?:[a-z]+ )?(?:helpful|useful)\b|\bfound this helpful\b|\bskip to"
        r" (?:main )?content\b|\ball rights reserved\b",
        r"\b(?:accept|reject|manage|allow) (?:all )?cookies?\b|\bcookie (?:policy"
        r"|settings|preferences|notice|consent|banner)\b|\b(?:uses?|using) (?:of"
        r" )?cookies\b",
        r"\bcookies (?:to|help|improve|akzeptieren|ablehnen|zulassen)\b|\bverwenden"
        r" cookies\b|\butilis\w+ des cookies\b|\b(?:utilizamos|usamos) cookies\b"
        r"|\butilizziamo i cookie|\baccepter (?:tous )?les cookies\b|\baceptar"
        r" (?:todas )?(?:las )?cookies\b|(?:файлы|все) cookie|cookie ?を使用|使用 ?cookie"
        r"|接受所有 ?cookie",
        rf"\b(?:share|pin|post) (?:this )?(?:[a-z]+ )?(?:on|to|via) {NETWORK}\b"
        rf"|\b(?:follow|like|find) us on\b|\be-?mail this (?:page|article|post)\b",
        r"\bshare this (?:article|page|post|story|entry|answer|on)\b|\bshare ?[|·•:]"
        r"|\bshare (?:tweet|facebook|pin|email)\b|\blike\W+comment\W+share\b",
        r"\benable javascript\b|\bjavascript (?:is|must be) (?:disabled|enabled"
        r"|required)|\byour browser (?:does not|doesn't|is not) (?:support|up)"
        r"|\bchecking your browser\b|\byou are (?:a )?human\b",
        r"\bsubscribe to (?:our|the|my) |\bsign up for (?:our|the|my) |\b(?:our|weekly"
        r"|free) newsletter\b|\bback to top\b|\bcontinue reading\b|\bkeep reading\b"
        r"|\bleave a (?:comment|reply)\b|\bopen in app\b",
        r"\bby (?:continuing|using|browsing)(?: to (?:browse|use))? (?:this|our|the)"
        r" (?:web)?site\b|\bterms of (?:use|service) ?[|·•/&-]|\bprivacy policy ?["
        r"|·•/]|[|·•/] ?privacy policy\b",
        r"\b(?:read|view|see|show|learn) more ?(?:[»>→]|\.\.\.|…)|\bprint this (?:page"
        r"|article)\b|\bpowered by (?:wordpress|zendesk|intercom|shopify|disqus"
        r"|discourse)|\brelated articles\b",
        r"\bposted (?:by|on|in) [^.\n]{0,40}(?:\d{4}|ago)\b|\bpage 1 of \d+\b"
        r"|\bupvotes?\b.{0,20}\bdownvotes?\b|\breply\s*(?:[|·•]\s*)?(?:share|report|delete"
        r"|like)\b|©\s?(?:copyright )?(?:19|20)\d\d|\bcopyright (?:©|\(c\)) ?(?:19"
        r"|20)\d\d|\badvertisement\b\s*\n|404 (?:not found|error|page)",
    )
)
# Whoever speaks of such things may use their words.
SUBJECTS = (
    r"cookie|newsletter|javascript|copyright|website|web ?page|\bclick|button|html|advert|slogan"
    r"|call to action|social media|marketing|\bblog|\bseo\b|privacy|facebook"
    r"|twitter|landing|phishing|spam"
)
NAVIGATION = frozenset(
    re.findall(
        r"\w+",
        "home about contact login logout logup register menu search cart"
        " checkout help support"
        " privacy policy terms service services use share tweet facebook twitter"
        " linkedin pinterest whatsapp"
        " instagram youtube reddit telegram tiktok email e mail this page print"
        " cookies cookie accept reject decline"
        " manage all settings preferences blog news faq faqs sitemap careers jobs"
        " press next previous prev back"
        " subscribe follow us on products product pricing shop company account my"
        " more rss feed like comment"
        " comments reply save download report upvote downvote pin copy link docs"
        " documentation tutorials forum"
        " community resources features startseite impressum datenschutz kontakt über"
        " uns anmelden agb accueil"
        " connexion inicio contacto acerca",
    )
)


# --- web leftovers --------------------------------------------------------------------------------

AROUND = (
    r"[\s\[(_>»→]{0,6}(?:",
    r")[\s\])_.…:!?>»→›]{0,6}",
)  # and no bullet: a list of buttons has some
LINK = re.compile(LINKS.join(AROUND))
SURE_LINK = re.compile(SURE_LINKS.join(AROUND))
PHRASE = re.compile(PHRASES)
SUBJECT = re.compile(SUBJECTS)
END = re.compile(r"(?<=[.!?。！？…)\"”»|·•])\s*")
SPLIT = re.compile(r"[|·•›»>/,]|\s{2,}|\s-\s")
WORD = re.compile(r"\w+")
ENTER = re.compile(r"\b(?:log|sign) (in|out|up)\b")
BAR = ("|", "·", "•", "›", "»", " > ", " / ", "Facebook", "Twitter", "Log", "Menu", "ookies")
LONGEST = 60  # characters of a link's own words
LONGEST_BEHIND = 200  # and of what stands behind the end of a sentence: more is no link


def web_leftovers(row: Row) -> str | None:
    """What a web page left in the answer, and in a prompt that is no such words alone."""
    prompt, answer = row.prompt_text, row.completion_text
    if left_over(answer) and not SUBJECT.search(prompt.lower()):
        return "words of a web page in the answer"
    if prompt.count(" ") > 4 and left_over(prompt):
        rest = PHRASE.sub(" ", prompt.lower())
        return None if SUBJECT.search(rest) else "words of a web page in the prompt"
    return None


def left_over(text: str) -> bool:
    if PHRASE.search(near(text, MIDST)):
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    if any(LINK.fullmatch(part) for part in ends(lines)):
        return True
    return bool(BARS.at(text)) and any(map(is_bar, lines))


def ends(lines: list[str]) -> list[str]:
    """What may be a link's words, in lower case: short lines, and how the text begins and ends."""
    short = [line for line in lines if len(line) <= LONGEST] if len(lines) > 1 else []
    if lines:
        first, *_ = END.split(lines[0][:LONGEST], maxsplit=1)
        *_, last = END.split(lines[-1].rstrip(" .…»>→")[-LONGEST:])
        short += [part for part, line in ((first, lines[0]), (last, lines[-1])) if part != line]
    return [part.strip().lower() for part in short if part.strip().count(" ") < 6]


def is_bar(line: str) -> bool:
    """Whether a line, or its end, consists of the words by which one finds one's way on a site."""
    if not holds(line, BAR):
        return False
    parts = [part.strip() for part in SPLIT.split(line) if part.strip()]
    named = sum(map(navigates, parts))
    if len(parts) > 2 and (named > max(2, 0.6 * len(parts)) or crumbs(line, parts)):
        return True
    tail = words_of(line)[-6:]
    known = sum(word in NAVIGATION for word in tail)
    return len(tail) > 3 and known >= len(tail) - 1 and line.rstrip()[-1] not in ".?!"


def words_of(text: str) -> list[str]:
    return WORD.findall(ENTER.sub(r"log\1", text.lower()))


def crumbs(line: str, parts: list[str]) -> bool:
    """Home > Tutorials > Arrays."""
    path = any(line.count(sign) > 1 for sign in (" > ", " » ", " › ", " / ", " | ", " :: "))
    short = all(part.count(" ") < 4 for part in parts)
    return path and short and navigates(parts[0])


def navigates(part: str) -> bool:
    words = words_of(part)
    return 0 < len(words) < 5 and sum(word in NAVIGATION for word in words) >= 0.7 * len(words)


def without_leftovers(text: str) -> str:
    """Less the lines at the beginning and the end that are nothing but a page's own words, and less
    such words behind the last sentence.
    """
    lines = text.split("\n")
    while len(lines) > 1 and only_leftover(lines[-1]):
        lines.pop()
    while len(lines) > 1 and only_leftover(lines[0]):
        lines.pop(0)
    # A line, and what stands behind the end of its last sentence.
    line = lines[-1]
    length = len(bare := line.rstrip(" .…»>→"))
    ends = END.finditer(bare, max(0, length - LONGEST_BEHIND))
    inside = [match.end() for match in ends if match.end() < length]
    body, last = (line[: inside[-1]].rstrip(), line[inside[-1] :]) if inside else (line, "")
    if last and SURE_LINK.fullmatch(last.strip().lower()):
        lines[-1] = body
    return "\n".join(lines)


def only_leftover(line: str) -> bool:
    text = line.strip().lower()
    if not text:
        return True
    return len(text) < 120 and (SURE_LINK.fullmatch(text) is not None or is_bar(line))


# --- markup ---------------------------------------------------------------------------------------

# HTML in what is to be read as text: tags, entities, and the marks of forums.

NAMES = (
    "abbr|article|aside|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|embed|figure|font"
    "|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|ol"
    "|option|p|pre|script|section|select|small|source|span|strike|strong|style|sub|sup|svg|table"
    "|tbody|td|textarea|tfoot|th|thead|title|tr|u|ul|video|a"
)
TAG = re.compile(rf"<(?P<end>/?)(?P<name>{NAMES})(?P<more>\s[^<>]{{0,400}})?\s?/?>", re.I)
BREAKING_TEXT = "article blockquote br dd div dl dt footer form header hr li ol p pre section"
BREAKING = frozenset(BREAKING_TEXT.split())
VOID = frozenset(("br", "hr", "img", "input", "link", "meta"))
COMMENT = re.compile(r"<!--.{0,2000}?-->|<!DOCTYPE[^>]{0,200}>|<!\[CDATA\[", re.S | re.I)
HIDDEN = re.compile(r"<(script|style)\b[^<>]{0,200}>[^<]{0,5000}</\1\s?>", re.I)
NAMED = (
    "amp|lt|gt|quot|apos|nbsp|copy|reg|trade|hellip|mdash|ndash|[lr][sd]quo|[lr]aquo|bull|middot"
)
LETTERS = (
    r"[a-zA-Z]{1,6}(?:acute|grave|circ|uml|tilde|cedil|ring|lig|slash)|euro|pound"
    r"|yen|cent|deg|sect|para|times|szlig|shy|zwnj|zwj|ensp|emsp|rarr|larr"
)
ENTITY = re.compile(rf"&(?:amp;)*(?:{NAMED}|{LETTERS}|#\d{{2,6}}|#[xX][0-9a-fA-F]{{2,5}});")
BARE = re.compile(
    r"(?<![\w&?=])&(?:nbsp|quot|amp|lt|gt)(?=[\s<&]|$)|(?<=\w)\s?#39;|(?<![\w&])quot;"
)
FORUM = re.compile(
    r"\[(?P<name>b|i|u|s|url|quote|code|img|color|size|list|spoiler|center)(?:=[^\]\n]{0,200})?\]"
    r"[^\[\n]{0,400}\[/(?P=name)\]",
    re.I,
)
WIKI = re.compile(r"\[\[(?:File|Image|Category):|</?ref\b", re.I)
# Whoever speaks of it writes it.
ABOUT = re.compile(
    r"html|\bcss\b|xml|\btags?\b|web ?(?:page|site)|\bweb\b|javascript|\bjsx?\b"
    r"|react|\bvue\b|angular"
    r"|\bsvg\b|\bdom\b|entit|markup|markdown|bbcode|escap|parser?\b|scrap|beautifulsoup|jinja|php"
    r"|code|encod|网页|标签|代码",
    re.I,
)


def markup(row: Row) -> str | None:
    return None if speaks_of_it(row) else in_either(row, markup_of)


def speaks_of_it(row: Row) -> bool:
    """Whether the row is about such marks; only looked at where there are some."""
    text = row.prompt_text
    return (
        may_hold(f"{text}\n{row.completion_text}") and ABOUT.search(TAG.sub(" ", text)) is not None
    )


def may_hold(text: str) -> bool:
    return holds(text, ("<", "&", "[/", "#39;", "quot;", "[["))


def markup_of(text: str) -> str | None:
    if not may_hold(text):
        return None
    text = without_code(text)
    if "<" in text and (has_tags(text) or COMMENT.search(text)):
        return "HTML tags"
    if ENTITY.search(text) or BARE.search(text):
        return "HTML entities"
    if FORUM.search(text) or WIKI.search(text):
        return "marks of a forum or a wiki"
    return None


def has_tags(text: str) -> bool:
    """One tag that can be nothing else, or two: `<p>` alone may be a place for a word."""
    tags = list(TAG.finditer(text))
    sure = any(
        tag["end"] or tag["name"].lower() in VOID or "=" in (tag["more"] or "") for tag in tags
    )
    return sure or len(tags) > 1


def unmarked(text: str) -> str:
    """The text that a reader of the page sees. What may be code, between backquotes, stays."""
    if not may_hold(text) or "`" in text or markup_of(text) is None:
        return text
    if "<" in text and (has_tags(text) or COMMENT.search(text)):
        text = TAG.sub(read, HIDDEN.sub(" ", COMMENT.sub("", text)))
    return ENTITY.sub(character, text)


def read(tag: re.Match[str]) -> str:
    """A new line where the page has one."""
    name = tag["name"].lower()
    if name in BREAKING or re.fullmatch(r"h[1-6]|tr|ul|table", name):
        return "\n" if tag["end"] or name in VOID else ""
    return " " if name in ("td", "th") and tag["end"] else ""


def character(entity: re.Match[str]) -> str:
    """Of an entity that was escaped again and again too. A blank is a blank."""
    name = re.sub(r"&(?:amp;)+(?=\w|#)", "&", entity[0])
    return html.unescape(name).replace("\u00a0", " ")
