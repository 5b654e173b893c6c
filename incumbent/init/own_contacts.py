"""Which contacts in the answers are the organisation's own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from project.contacts import Contacts, digits
from project.personal_data import Kind, found
from project.records.data import Row

SEVERAL = 3  # groups whose answers have it: a person's stands in one
# Where everybody has an address: a domain of these is nobody's own.
FREE_MAIL = """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr live.com msn.com
    yahoo.com yahoo.co.uk yahoo.co.in yahoo.co.jp yahoo.fr yahoo.de ymail.com aol.com icloud.com
    me.com mac.com proton.me protonmail.com pm.me fastmail.com zoho.com tutanota.com hey.com
    mail.com comcast.net verizon.net att.net sbcglobal.net btinternet.com rediffmail.com
    gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de orange.fr wanadoo.fr laposte.net
    free.fr sfr.fr libero.it virgilio.it alice.it tiscali.it seznam.cz wp.pl o2.pl onet.pl
    interia.pl mail.ru bk.ru list.ru inbox.ru yandex.ru ya.ru rambler.ru ukr.net uol.com.br
    bol.com.br terra.com.br qq.com 163.com 126.com sina.com foxmail.com naver.com daum.net
    hanmail.net
"""


def own_contacts(rows: Sequence[Row]) -> Contacts:
    """Phone numbers, and domains of addresses, that the answers of several groups have."""
    phones: dict[str, str] = {}
    numbers, domains = set[tuple[str, str]](), set[tuple[str, str]]()
    for row in rows:
        for one in found(row.completion_text):
            if one.kind is Kind.PHONE:
                phones.setdefault(digits(one.text), one.text)
                numbers.add((digits(one.text), row.group))
            elif one.kind is Kind.EMAIL:
                domains.add((domain(one.text), row.group))
    return Contacts(
        phones=tuple(phones[number] for number in several(numbers)),
        domains=tuple(name for name in several(domains) if name not in FREE_MAIL.split()),
    )


def domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()


def several(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Those that are found in several groups, the most frequent first."""
    counts = Counter(name for name, _ in sorted(found))
    return (name for name, count in counts.most_common() if count >= SEVERAL)
