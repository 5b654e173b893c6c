"""Speaks of what the model cannot see: pictures, links, attachments, a text that is not there."""

import re

from curation.faults.suspect_words import Hints, near, question_text
from project.records.data import Row
from project.tool_rendering import has_tools


def unseen(row: Row) -> str | None:
    if has_tools([row]):  # by which it sees what is not in the text
        return None
    prompt, answer = question_text(row), row.completion_text
    if any(LEFT.search(near(text, SIGNS, 50)) for text in (prompt, answer)):
        return "a mark where something was left out"
    if any(map(LINKS.found_in, (prompt, answer))) and (why := only_link(prompt, answer)):
        return why
    if any(ELSEWHERE.search(near(text, ABROAD, 30)) for text in (prompt, answer)):
        return "speaks of a picture or an attachment"
    return spoken_of(row, prompt, answer)


def spoken_of(row: Row, prompt: str, answer: str) -> str | None:
    if SHOWN.search(near(prompt, PICTURES, 40)):
        return "asks about a picture"
    if ATTACHED.search(near(prompt, FILES, 40)):
        return "asks about an attachment"
    if len(row.prompt) == 1 and names_nothing(prompt):
        return "asks about a text that is not there"
    if SAYS_SHOWN.search(near(answer, PICTURES, 40)):
        return "the answer speaks of a picture"
    if ATTACHED.search(near(answer, FILES, 40)) and not LETTER.search(prompt):
        return "the answer speaks of an attachment"
    return None


def only_link(prompt: str, answer: str) -> str | None:
    """A link that is all of the answer or nearly so, or that the prompt wants to have opened."""
    if LINK.search(answer) and letters(LINK.sub("", answer)) < 25:
        return "the answer is a link"
    if LINK.search(prompt):
        rest = LINK.sub(" ", prompt)
        if letters(rest) < 8 or (OPENS.search(prompt) and len(rest) < 300):
            return "asks about what is behind a link"
    return None


def letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def names_nothing(prompt: str) -> bool:
    """Whether the prompt speaks of a text and is hardly more than the sentence that does."""
    if len(prompt) > 240 or not TEXTS.found_in(prompt):
        return False
    match = NAMED.search(prompt) or TABLE.search(prompt)
    if match is None or '"' in prompt or "“" in prompt or "'" in prompt[match.end() :]:
        return False
    rest = prompt[match.end() :]
    behind = re.split(r"[:.?!]\s|\n", rest, maxsplit=1)[1:]
    before = re.split(r"[:.?!\n]", prompt[: match.start()])[:-1]
    stated = ":" in rest.strip().rstrip(":")
    return not stated and solid("".join(behind)) < 3 and solid("".join(before)) < 20


def solid(text: str) -> int:
    return sum(map(str.isalnum, text))


# --- unseen words ---------------------------------------------------------------------------------

# How texts speak of what a model cannot see: pictures, attachments, links, a text elsewhere.

PICTURE = (
    r"(?:images?|pictures?|photos?|photographs?|screen ?shots?|diagrams?|illustrations?|drawings?"
    r"|infographics?|scans?|videos?|clips?|recordings?|audio(?: file| clip)?|memes?|selfies?)"
)
CHART = r"(?:figures?|charts?|graphs?|plots?|maps?)"
FILE = (
    r"(?:files?|documents?|pdfs?|spreadsheets?|attachments?|zip|docx?|csv|excel"
    r" sheet|slides?|letter|contract|invoice|receipt|resume|cv|report)"
)
# What a prompt says of a picture that came with it.
SHOWN = re.compile(
    rf"\b(?:(?:this|these|the (?:attached|following|above|below|uploaded|enclosed|accompanying)"
    rf"|attached|uploaded) (?:\w+ )?{PICTURE}|(?:in|on|from|at|of|to) the (?:\w+ )?{PICTURE}"
    rf"(?! (?:tag|file|element|format|editor|gallery|processing|generation|recognition))"
    rf"|(?:see|view|watch|describe|caption) the (?:\w+ )?{PICTURE}|{PICTURE}"
    rf" (?:above|below|attached)"
    rf"|(?:attached|following|above|this) {CHART} ?(?:above|below|attached|shows?)?[?.,:]"
    rf"|(?:shown|seen|depicted|pictured|illustrated|displayed) (?:here|in (?:the"
    rf"|this) (?:\w+ )?(?:{PICTURE}|{CHART}|table))"
    rf"|{CHART} (?:above|below|attached))\b",
)
# What an answer says of one. An answer may explain how a picture is made or drawn.
SAYS_SHOWN = re.compile(
    rf"\b(?:(?:as )?(?:shown|seen|depicted|pictured|illustrated|visible|displayed"
    rf"|highlighted|indicated)"
    rf" (?:here )?(?:in|on) (?:(?:the|this|your) (?:\w+ )?(?:{PICTURE}|{CHART})\b"
    rf"|(?:fig\.|figure|table|exhibit) ?\d)"
    rf"|(?:in|from|on|at) (?:the|this|your) (?:attached |above |uploaded |following"
    rf" |enclosed )?{PICTURE},"
    rf"|(?:you can|i can|we can|we) see (?:in|on|from) (?:the|this|your) (?:\w+ )?{PICTURE}"
    rf"|(?:the|this|your) {PICTURE} (?:above|below|shows|depicts|displays|features"
    rf"|you (?:sent|shared|attached|uploaded|provided|posted))"
    rf"|(?:see|refer to|look at|check|view|consult) (?:the |this |my )?(?:{PICTURE}"
    rf"|{CHART}|table|diagram) (?:above|below|\d)"
    rf"|(?:see|refer to|look at|check|view) (?:the|this|my|attached) (?:attached "
    rf"|above |following |below )?{PICTURE}"
    rf"|see (?:fig\.|figure|table|exhibit|appendix) ?[\da-z]\b"
    rf"|(?:figure|fig\.|exhibit) \d+(?:\.\d+)? (?:above|below|shows|illustrates)"
    rf"|(?:image|picture|photo|screenshot|attachment) (?:above|below|attached))",
)
ATTACHED = re.compile(
    rf"\b(?:(?:please )?(?:find|see|check|open|review|read|refer to) (?:the |my "
    rf"|our )?(?:attach(?:ed|ment)|enclosed)"
    rf"|(?:in|from|of|to|with|per) the (?:attachment|attached|enclosed)|the"
    rf" (?:attached|enclosed) (?:\w+ )?{FILE}"
    rf"|attached (?:{FILE}|\S{{1,60}}\.\w{{2,5}} |is|are|herewith|below|here|hereto|please|you)"
    rf"|see (?:the )?enclosed {FILE}|(?:i"
    rf"|we)(?:'ve| have)? (?:just )?(?:attached|uploaded|enclosed) (?:the|a|my|our"
    rf"|it|an|you)"
    rf"|(?:is|are) (?:attached|enclosed)(?: (?:to|with|below|here|for|as)|[.,]|$)"
    rf"|as attached|(?:that|which) you (?:have |had |'ve )?(?:uploaded|attached"
    rf"|enclosed|sent me)|you (?:have )?(?:uploaded|attached) (?:a|an|the|your)\b"
    rf"|this (?:pdf|spreadsheet|attachment))\b",
)
LETTER = re.compile(r"e-?mails?|letter|message|cover|memo|attach|outlook|upload", re.I)
ELSEWHERE = re.compile(
    r"\bim bild\b|\bauf dem (?:bild|foto|screenshot)\b|\bdieses (?:bild|foto)\b"
    r"|siehe (?:anhang|abbildung|bild|oben stehende)|\bim anhang\b"
    r"|\bim beigefügten\b|\bangehängte|sur (?:l'|cette )(?:image)\b|sur la photo"
    r"|cette (?:image|photo)\b|ci-joint|pièce jointe"
    r"|en (?:la|esta) (?:imagen|foto)\b|esta (?:imagen|foto)\b|archivo adjunto"
    r"|documento adjunto|en el adjunto|nell'immagine"
    r"|questa (?:immagine|foto)\b|in allegato|nesta imagem|na imagem|em anexo|op"
    r" de (?:foto|afbeelding)|in de bijlage"
    r"|如[上下]?图(?!像)|图片中|这张图|这幅图|[上下]图(?:中|所示"
    r"|显示)|见附件|附件中|画像の中|この画像|この写真|添付の|添付ファイルを"
    r"|첨부된|이 사진|이 이미지"
    r"|на (?:картинке|изображении|фото|рисунке)\b|во вложении|в приложенном|прикрепл",
)
LEFT = re.compile(
    r"!\[[^\]\n]{0,200}\]\([^)\n]{0,300}\)?|(?<![\w\[])\[(?:image|img|photo"
    r"|picture|video|attachment|screenshot|figure|file|link|url|gif|audio)(?:["
    r" _:#-][^\]\n]{0,80})?\](?!\()"
    r"|<(?:image|img|video|audio|media|attachment|picture|photo|file|link|url)(?:"
    r" (?:omitted|removed|\d+))?>|\((?:image|picture|photo|video|attachment|media"
    r"|link)s? (?:omitted|removed|not shown|not included|attached|deleted)\)"
    r"|\b(?:image|video|media) omitted\b"
    r"|\b(?:img|dsc|screenshot|image|photo|scan)[_ -]?\d{1,8}(?:["
    r" _-]\d{1,8})*\.(?:jpe?g|png|heic|gif|pdf|mp4)\b|\bcid:[\w.@-]{4,}"
    r"|data:image/",
)
LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>)\]]{3,}|\b(?:bit\.ly|t\.co|goo\.gl|youtu\.be)/\w+", re.I
)
# What a text says that wants a link opened.
OPENS = re.compile(
    r"\b(?:summari[sz]e|read|open|visit|watch|review|analy[sz]e|translate|based on|according to"
    r"|check (?:out|this|the)|look at|go to|see|listen to|what does|from) (?:\w+"
    r" ){0,4}?(?:this|the|following|at|here|link|article|page|post|video|site"
    r"|website|url|blog|https?|www)",
    re.I,
)
# Names a text that is to follow, or to stand above.
TEXT = (
    r"(?:text|passage|article|paragraph|excerpt|story|poem|essay|table|list|code"
    r"|snippet|document|data"
    r"|data ?set|email|conversation|dialogue|review|sentences?|statement|function"
    r"|program|abstract|transcript)"
)
NAMED = re.compile(
    rf"\b(?:(?:the|this) (?:following|above|below|given|attached|provided) (?:\w+"
    rf" )?{TEXT}|(?:the|this) {TEXT} (?:above|below)"
    rf"|above (?:\w+ )?{TEXT})\b",
    re.I,
)
TABLE = re.compile(r"\b(?:table|list|chart|data) (?:above|below)\b|\b(?:above|below) table\b", re.I)
# Words near which the patterns are tried.
PICTURES = Hints(
    "image|picture|photo|screenshot|screen shot|diagram|illustrat|drawing|video|recording",
    "audio| clip| scan|figure|fig.|chart|graph|meme|selfie| shown |depicted|displayed|above",
    "table|exhibit|appendix",
)
ABROAD = Hints(
    "bild|foto|image|imagen|anhang|beigefügt|angehängt|photo|joint|jointe|adjunto|immagine",
    "allegato|imagem|anexo|afbeelding|bijlage|图|附件|画像|写真|添付|첨부|사진|이미지|картинке|изображени",
    "фото|рисунке|вложени|приложенн|прикрепл|siehe",
)
SIGNS = Hints(
    "![|[im|[ph|[pi|[vi|[at|[sc|[fi|[li|[ur|[gi|[au|<im|<vi|<au|<me|<at|<pi|<ph|<fi|<li|<ur",
    "omitted|removed|attached)|deleted)|.jp|.png|.heic|.gif|.pdf|.mp4|cid:|data:image",
    "not shown|not included",
)
FILES = Hints("attach|enclosed|upload|this pdf|this spreadsheet")
TEXTS = Hints("following", "above", "below", "given ", "provided")
LINKS = Hints("//", "www.", ".ly", "t.co", "goo.gl", "youtu.be")
