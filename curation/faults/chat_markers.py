"""What a chat leaves in a text: marks of a template or a speaker, an echo of the prompt, a loop."""

import re
from collections import Counter
from collections.abc import Sequence

from curation.faults.suspect_words import holds, question_text, without_code, without_quotations
from project.records.data import Row

# Tokens of templates stand for nothing else, whatever their names are.
TOKEN = re.compile(
    r"<[|｜][\w ▁/.:-]{1,40}[|｜]>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS"
    r"|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<</?SYS>>|</?(?:s|bos|eos|pad|unk|sep|cls|mask|eot|eod)>|<(?:start"
    r"|end)_of_(?:turn|text|image)>"
    r"|\[(?:BOS|EOS|PAD|CLS|SEP|UNK|EOT)\]|<(?:extra_id|reserved|unused)_?\d{1,4}>"
    r"|<\|?end[_ ]?of[_ ]?turn\|?>"
    r"|</?(?:human|user|assistant|bot|system|gpt)>\s*:?|\[/?(?:USER|ASSISTANT|SYSTEM|HUMAN|BOT)\]"
)
END = re.compile(
    r"</s>|<eos>|<\|(?:im_end|eot_id|end|endoftext|end_of_text|eom_id)\|>|<end_of_turn>|\[EOS\]"
    r"|<pad>|\[PAD\]"
)
BEGINS = re.compile(
    r"\A(?:\s*(?:<s>|<bos>|\[BOS\]|<\|(?:begin_of_text|startoftext|endoftext)\|>))+\s*"
)
HEADING = re.compile(
    r"#{2,4} ?(?:Instructions?|Response|Human|Assistant|User|Input|System|Output|Answer|Prompt) ?:",
    re.I,
)
SPEAKER = (
    r"(?:human|user|assistant|chatbot|bot|ai(?: assistant)?|chatgpt|gpt-?\d?|system|model|claude)"
)
LABEL = re.compile(rf"\A\W{{0,4}}(?:{SPEAKER}|response)\**\s?[:：]\**(?:\s|\w)", re.I)
TURN = re.compile(rf"\n[ \t]*\W{{0,4}}(?:{SPEAKER})\**\s?[:：]\**\s", re.I)
TURNS = re.compile(
    r"(?:GPT4 (?:Correct )?)?\b(?:USER|ASSISTANT|Human"
    r"|Assistant)[:：]\s.{0,2000}?\b(?:USER|ASSISTANT|Human|Assistant)[:：]",
    re.S,
)
# A quick look.
LABELS = tuple(
    f"{who}{sign}"
    for who in ("human", "user", "assistant", "bot", "ai", "gpt", "system", "model", "claude")
    for sign in (":", "**", "：", " :")
)
TALK = re.compile(
    r"dialog|conversation|script|transcript|interview|chat|scene|play\b|role|story"
    r"|token|bert|html|template|对话|聊天|角色",
    re.I,
)


def chat_markers(row: Row) -> str | None:
    prompt, answer = row.prompt_text, row.completion_text
    for text in (answer, prompt):
        if ("<" in text or "[" in text) and TOKEN.search(without_quotations(without_code(text))):
            return "a token of a chat template"
        if "##" in text and HEADING.search(text):
            return "a heading of an instruction format"
    if ":" not in answer + prompt and "：" not in answer + prompt:
        return None
    if LABEL.match(answer) or (
        LABEL.match(question_text(row)) and len(row.prompt) == 1 and not TALK.search(prompt)
    ):
        return "a mark of who speaks"
    low = answer.lower()
    if not holds(low, LABELS):
        return None
    if (TURN.search(answer) or TURNS.search(answer)) and not TALK.search(prompt):
        return "marks of who speaks"
    return None


def without_ends(text: str) -> str:
    """Less the tokens that only begin or end a text: a template puts its own there."""
    if "<" not in text and "[" not in text:
        return text
    text, end = BEGINS.sub("", text), None
    for mark in reversed(list(END.finditer(text))):
        if text[mark.end() : end].strip():
            break
        end = mark.start()
    return text if end is None else text[:end].rstrip()


# --- echo -----------------------------------------------------------------------------------------

# An answer that says the prompt again.

WORD = re.compile(r"\w+")
UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENDS = ".?!:…。？！："
LEAST_WORDS = (
    4  # words of a prompt whose repetition says something; in scripts without blanks, characters
)
FUZZY = 0.9  # of the words are the same
MOST_CHARACTERS = 4_000  # of a prompt that is looked at
SPARE = 100  # characters before the prompt is said again
MOST = 60  # words of a prompt that is compared word for word
# Whoever asks for it gets his own words back.
ASKS_FOR_IT = re.compile(
    r"\b(?:repeat|echo|copy|say|verbatim|word for word|transcri|proofread|spell|grammar|correct"
    r"|rewrite|rephrase|reword|paraphrase|edit|fix|extract|quote|punctuat|capitali|translat|convert"
    r"|replace|remove|reorder|rearrange|sort|unscramble|format|complete|continue|finish|fill|make"
    r"|change|add|insert|title|lowercase|uppercase|reverse|choose|select|which of|turn|switch"
    r"|transform|code)\w*|纠正|改写|翻译|重复|重写|续写|完成",
    re.I,
)


def echo(row: Row) -> str | None:
    prompt, answer = question_text(row), row.completion_text
    if len(prompt) > MOST_CHARACTERS or not answer:
        return None
    question, told = normal(prompt), normal(answer[: 2 * len(prompt) + SPARE])
    short = question.count(" ") + 1 < LEAST_WORDS
    if short and len(UNSPACED.findall(question)) < 2 * LEAST_WORDS:
        return None
    if told == question:
        return "the answer is the prompt"
    again = says_again(prompt, answer) or alike(question, told)
    again = again and not ASKS_FOR_IT.search(prompt[:400])
    return "the answer says the prompt again" if again else None


def normal(text: str) -> str:
    return " ".join(WORD.findall(text.casefold()))


def says_again(prompt: str, answer: str) -> bool:
    """Whether the whole prompt stands at the beginning of the answer, as a sentence of its own.

    "In 1903." may well be "The first flight was in 1903.": who answers so goes on.
    """
    question = prompt.strip().rstrip(ENDS).casefold()
    head = answer[: len(prompt) + SPARE].casefold()
    at = head.find(question)
    if at < 0 or at > SPARE / 2:
        return False
    behind = head[at + len(question) :].lstrip(" \"'”’*_)")
    return not behind or behind[0] in ENDS + "\n"


def alike(question: str, told: str) -> bool:
    """Whether the answer has nearly all words of the question, and no others."""
    first, second = question.split(), told.split()
    if not LEAST_WORDS < len(first) <= MOST or not 0.8 < len(second) / len(first) < 1.25:
        return False
    asked_words, told_words = Counter(first), Counter(second)
    shared = (asked_words & told_words).total()
    return shared >= FUZZY * len(first) and (told_words - asked_words).total() <= len(first) / 20


# --- loops ----------------------------------------------------------------------------------------

# An answer that says the same again and again.

HEAD = 6_000  # characters that are looked at, of the beginning and of the end
PERIOD = 40  # words of what is repeated, at most
PIECES, PIECE = 10, 24  # that are looked for; characters of each
AGAIN = 3  # times
LEAST = 8  # words that a loop takes
# A few letters that follow themselves without a blank, such as hahaha.
LETTERS = re.compile(r"(?<!\w)\w{0,12}?([^\W\d_]{1,4}?)\1{9,}")
SINGS = re.compile(r"song|lyric|poem|rhyme|chorus|repeat|rap\b|chant|歌|诗", re.I)


def loop(row: Row) -> str | None:
    text = row.completion_text
    text = text if len(text) <= 2 * HEAD else f"{text[:HEAD]} {text[-HEAD:]}"
    if not doubtful(text) or SINGS.search(row.prompt_text):
        return None
    words = WORD.findall(text.lower())
    if len(words) < len(text) / 14 and not text.isascii():
        words = [c for c in text if c.isalpha()]  # a script without blanks
    half = len(words) // 2
    doubled = half >= LEAST and words[:half] == words[-half:]
    if doubled or runs(words) or any(len(w) > 19 and LETTERS.match(w) for w in words):
        return "the answer repeats itself"
    return None


def doubtful(text: str) -> bool:
    """A quick look: whether a piece of the text stands there thrice, or both ends twice."""
    size = PIECE if text.isascii() else PIECE // 3
    if len(text) < 4 * size:
        return True
    if text.count(text[:size]) > 1 and text.count(text[-size:]) > 1:
        return True
    step = max(size // 2, len(text) // PIECES)
    return any(text.count(text[at : at + size]) > 2 for at in range(0, len(text) - size, step))


def runs(words: Sequence[str]) -> bool:
    """Whether a few words follow themselves several times, and take a part of the text."""
    for period in range(1, min(PERIOD, len(words) // AGAIN) + 1):
        length = run = 0
        for first, again in zip(words, words[period:], strict=False):
            if first != again or first.isdigit():
                run = 0
            elif (run := run + 1) > length:
                length = run
        covered = length + period
        least = 5 if period == 1 else LEAST  # one word is said thrice by anybody: no, no, no
        if covered >= max(AGAIN * period, least, 0.15 * len(words)):
            repeated = {a for a, b in zip(words, words[period:], strict=False) if a == b}
            # Words repeat, and not the letters of a formula or of a laugh.
            return any(len(word) > 2 or not word.isascii() for word in repeated)
    return False
