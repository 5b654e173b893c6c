"""What a control of Label Studio holds: texts, choices, a rating, a side, a ranking or buckets."""

from collections.abc import Mapping
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.export_records import Fields
from curation.sources.exports.judgements.said import Said

BODIES = ("body", "text", "html", "title")  # of an item of a list


def said_of(value: Fields, texts: tuple[str, ...], control: str) -> Said | None:
    """What a value says, if it is a text, a choice, a rating, a side, or a ranking."""
    if texts:
        return Said.wrote(texts)
    if isinstance(value.get("choices"), list):
        return Said.chose(one for one in value["choices"] if isinstance(one, str))
    if isinstance(value.get("selected"), str):
        return Said("side", ((value["selected"],),))
    if type(value.get("rating")) is int:
        return Said("rated", ((str(value["rating"]),),))
    ranker = value.get("ranker")
    return ranking(ranker, control) if isinstance(ranker, dict) else None


def ranking(ranker: Mapping[str, Any], control: str) -> Said:
    """The ids, best first, under the control's own name; or buckets of them, "_" the rest."""
    lists = {name: ids_of(value) for name, value in ranker.items()}
    if set(lists) == {control}:
        return Said("ranked", tuple((name,) for name in lists[control]))
    buckets = {name: ids for name, ids in lists.items() if name != "_" and ids}
    return Said("sorted", tuple(buckets.values()), tuple(buckets))


def ids_of(value: object) -> tuple[str, ...]:
    ids = value if isinstance(value, list) else []
    return tuple(str(one) for one in ids if isinstance(one, str | int))


def items(data: Fields, said: Mapping[str, Said], fields: ExportFields) -> dict[str, str]:
    """The texts of a list's items by their ids, where answers in a list were ranked."""
    if not any(one.kind in ("ranked", "sorted") for one in said.values()):
        return {}
    names = [fields.completion] if fields.completion else list(data)
    wanted = {name for one in said.values() if one.kind != "chosen" for name in one.flat}
    lists = [texts for name in names if (texts := texts_by_id(data.get(name)))]
    fitting = [texts for texts in lists if wanted <= set(texts)]
    return fitting[0] if len(fitting) == 1 else {}


def texts_by_id(value: object) -> dict[str, str]:
    """Of a list of items, which are objects with an id and a text."""
    found = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get("id"), str | int):
            texts = (item.get(name) for name in BODIES)
            text = next((text for text in texts if isinstance(text, str) and text.strip()), None)
            if text:
                found[str(item["id"])] = text.strip()
    return found
