"""`incumbent anchor`: how far the history goes, written down where its owner cannot change it."""

from incumbent.output import console, print_json
from project.canonical import canonical_json
from project.errors import IncumbentError, InputError
from project.settings import load
from registry.anchoring.anchor import Anchor, newest_anchor
from registry.anchoring.anchor_places import is_webhook, keep_anchor
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams


def write_anchor(to: str | None, *, as_json: bool) -> None:
    place = to or load(RegistryParams).anchor_place
    if place is None:
        problem = "say where to: a file, git, git:REMOTE or a webhook, also as registry.anchor"
        raise InputError(problem, field="--to")
    with RegistryReader.here() as registry:
        anchor = newest_anchor(registry)
    if anchor is None:
        raise IncumbentError("there is no event to anchor yet: `incumbent submit` makes the first")
    where = deliver_anchor(anchor, place)
    if as_json:
        print_json(anchor.model_dump(mode="json"))
    else:
        signed = "signed" if anchor.signature else "not signed: $INCUMBENT_SIGNING_KEY names no key"
        console.print(f"event {anchor.seq} is anchored in {where}, {signed}", soft_wrap=True)


def deliver_anchor(anchor: Anchor, place: str) -> str:
    """Bring an anchor to its place, and say where that is, without the secrets of an address.

    Raises InputError for a place that is none, IncumbentError when the anchor did not arrive.
    """
    return post_anchor(anchor, place) if is_webhook(place) else keep_anchor(anchor, place)


def post_anchor(anchor: Anchor, address: str) -> str:
    """Send an anchor to a webhook, under the rules of `monitoring.notices`; returns its host."""
    # The client comes with an extra, and an anchor in a file or a tag does without it.
    from monitoring.scheduling.notice_settings import NoticeParams
    from monitoring.scheduling.webhook import UndeliveredError, post

    rules = load(NoticeParams)
    try:
        url = rules.allowed(address)
    except ValueError as error:
        raise InputError(f"the webhook's address {error}", field="registry.anchor") from None
    # Slack shows the text and passes over the rest.
    line = anchor.canonical().decode()
    body = canonical_json(anchor.model_dump(mode="json") | {"text": line})
    private, timeout = rules.allow_private, rules.timeout_seconds
    try:
        post(url, body, anchor.digest, allow_private=private, timeout=timeout)
    except UndeliveredError as error:
        problem = f"the anchor did not arrive: {error}; the next `incumbent anchor` sends a new one"
        raise IncumbentError(problem) from None
    return f"what {url.host} received"
