"""English phrasings by which a refusal is known, wherever it may come from."""

import re
from collections.abc import Sequence

HEAD = 200  # characters: a refusal comes first; what is far below may be a quotation
UNABLE = (
    r"(?:can't|can ?not|won't|will not|(?:am|'m) (?:not able|unable|not allowed) to"
    r"|(?:am|'m) not (?:going|programmed|designed) to)"
)
# What is refused is the request itself: who cannot find an order or recommend a film answers.
SERVE = (
    r"(?:help(?: you)?(?= (?:with|do)\b|[.,;!]|$)|assist|answer|respond|comply|fulfill?|discuss"
    r"|engage in|participate|continue with|do (?:that|this|so)\b(?! without)"
    r"|(?:provide|give|share|offer|create|generate|write|produce) (?:you )?(?:with )?"
    r"(?:that|this|such|any|information|instructions|content|advice|guidance)\b)"
)
REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "I'm sorry, but I can't help with that", "I am unable to provide instructions"
        rf"(?<!if )\bI ?{UNABLE} (?:\w+ly )?{SERVE}",
        # "As an AI language model, I don't …"
        r"\bas an? (?:AI|(?:large )?language model)(?: language)?(?: model| assistant)?,? I"
        r" ?(?:can't|can ?not|don't|do not|won't|am not|am unable|'m)\b",
        # "I must decline", "I decline to answer", "I'd rather not discuss it"
        r"\bI (?:must|have to|will have to) (?:respectfully |politely )?(?:decline|refuse)\b",
        r"\bI(?:'d| would) (?:rather|prefer) not (?:to )?(?:say|answer|discuss)\b",
        r"\bI (?:respectfully |politely )?(?:decline|refuse) to (?:answer|discuss|help|assist)\b",
        # "It would be unethical for me to …", "That goes against my guidelines"
        r"\b(?:un(?:ethical|safe)|inappropriate|not (?:appropriate|ethical|safe)) for me to\b",
        r"\bagainst my (?:guidelines|programming|policies|principles)\b",
    )
)


def refuses(text: str, phrasings: Sequence[str] = ()) -> bool:
    """Whether a text begins with a refusal. `phrasings` are further ones, literal but for case."""
    head = " ".join(text.replace("’", "'")[:HEAD].split())
    if any(pattern.search(head) for pattern in REFUSALS):
        return True
    return any(phrase.casefold() in head.casefold() for phrase in phrasings)
