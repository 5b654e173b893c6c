"""Marks of a chat template, or of who speaks, inside a text."""

import re

from curation.faults.prose import asked, holds, without_code, without_quotations
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
        LABEL.match(asked(row)) and len(row.prompt) == 1 and not TALK.search(prompt)
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
