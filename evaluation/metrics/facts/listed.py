"""Words of a list, as they are written in our code: with blanks between them."""


def listed(text: str) -> list[str]:
    return text.split()
