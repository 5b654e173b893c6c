"""Bytes become the text that was written, or are refused with their line: never another text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.sources.tables.decoding import decode
from curation.sources.tables.table import TextFile
from project.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)

# Texts in languages of Western Europe, as banks' customers and staff write.
GERMAN = "Frage,Antwort\nWie überweise ich Geld?,„Über die App“ – für 5 € geht’s größer\n"
FRENCH = "Où est ma carte bancaire ?,« Elle est bloquée… » répond-elle à l’employé, l’œil sévère\n"
SPANISH = "¿Cuándo llegará mi tarjeta?,Llegará mañana según la compañía\n"
DANISH = "Hvornår får jeg mit kort?,Så snart som muligt på posten\n"
ENGLISH = "What’s a café loan?,“It’s” – José said – a naïve idea…\n"
CHINESE = "问题,答案\n我的银行卡丢了怎么办？,请您马上打电话给银行\n余额,账户里的钱\n"

# Texts that look like windows-1252 or GB18030 to who only asks whether the bytes can be decoded.
RUSSIAN = "вопрос,ответ\nКак перевести деньги на другой счёт?,Через приложение банка\n"
GREEK = "ερώτηση,απάντηση\nΠού είναι η κάρτα μου;,Στο ταχυδρομείο\n"
POLISH = "pytanie,odpowiedź\nJak założyć konto?,Proszę złożyć wniosek w każdej placówce\n"
CZECH = (
    "otázka,odpověď\nKdy přijde moje nová karta?,Příští týden ji doručíme poštou na vaši adresu\n"
)
HUNGARIAN = "kérdés,válasz\nHogyan küldök pénzt külföldre?,Az űrlapot előbb töltse ki\n"
TURKISH = "soru,cevap\nKartım nerede?,Kartınız bugün kargoya verildi, şubeye sormayın, sağ olun\n"
KOREAN = "질문,답변\n제 카드는 어디에 있습니까?,은행에 전화해 주세요\n계좌 잔액,앱에서 확인하세요\n"
JAPANESE = "質問,答え\n私のカードはどこですか？,銀行に電話してください\n残高,口座のお金\n"
TAIWANESE = "問題,答案\n我的銀行卡丟了怎麼辦？,請您馬上打電話給銀行\n"


def decoded(data: bytes, encoding: str | None = None) -> TextFile:
    return decode(data, Path("t.csv"), encoding)


@given(TEXT)
def test_utf8_is_read_as_it_is(text: str) -> None:
    assert decoded(text.encode()).text == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-be"]
)
@pytest.mark.parametrize("text", [GERMAN, CHINESE, RUSSIAN])
def test_unicode_with_a_byte_order_mark_is_read(text: str, encoding: str) -> None:
    marked = text if encoding in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff" + text
    assert decoded(marked.encode(encoding)) == TextFile(Path("t.csv"), text)


@pytest.mark.parametrize("encoding", ["UTF-16-LE", "UTF-16-BE", "UTF-32-LE", "UTF-32-BE"])
@pytest.mark.parametrize("text", [GERMAN, CHINESE])
def test_unicode_without_a_mark_is_refused_with_its_likely_name(text: str, encoding: str) -> None:
    with pytest.raises(InputError, match=rf"^t\.csv: looks like {encoding} without a byte-order"):
        decoded(text.encode(encoding))


@pytest.mark.parametrize("text", [GERMAN, FRENCH, SPANISH, DANISH, ENGLISH])
def test_windows_1252_is_read_and_said_so(text: str) -> None:
    found = decoded(text.encode("windows-1252"))
    assert found.text == text
    assert found.notes[0].startswith("read as windows-1252, such as in line ")


def test_a_few_foreign_names_do_not_hide_what_english_is_written_in() -> None:
    text = (
        "He lives in Zürich.\n"
        + "They met José, Zoë and Søren there.\n"
        + "plain words here\n" * 99
    )
    assert decoded(text.encode("windows-1252")).text == text


def test_gb18030_is_read_and_said_so() -> None:
    found = decoded(CHINESE.encode("gb18030"))
    assert found.text == CHINESE
    assert found.notes == ("read as gb18030, such as in line 1: …问题,答案 我的银行卡丢了怎么…",)


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (RUSSIAN, ["windows-1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic"]),
        (GREEK, ["windows-1253", "iso8859-7"]),
        (POLISH, ["windows-1250", "iso8859-2"]),
        (CZECH, ["windows-1250", "iso8859-2"]),
        (HUNGARIAN, ["windows-1250", "iso8859-2"]),
        (TURKISH, ["windows-1254", "iso8859-9"]),
        (KOREAN, ["euc-kr"]),
        (JAPANESE, ["shift-jis", "euc-jp", "iso2022-jp"]),
        (TAIWANESE, ["big5", "gb18030"]),
        (GERMAN.replace("€", "e"), ["mac-roman"]),
        ("Où est l'œil ?\nÀ 10 €, très cher\n", ["iso8859-15"]),
        ("Où est la clé ?\nÀ côté, très près de l'entrée\n", ["cp850", "mac-roman"]),
    ],
)
def test_what_cannot_be_told_is_refused_and_never_read_as_another_text(
    text: str, encodings: list[str]
) -> None:
    for encoding in encodings:
        with pytest.raises(InputError, match=r"^t\.csv:\d: .*: say which encoding it is in"):
            decoded(text.encode(encoding, "replace"))


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ([ENGLISH.encode(), ENGLISH.encode("windows-1252")], 2),
        ([GERMAN.encode("windows-1252"), SPANISH.encode(), b"x\n"], 2),
        ([CHINESE.encode(), CHINESE.encode("gb18030")], 4),
        ([CHINESE.encode("gb18030"), CHINESE.encode()], 1),
        ([RUSSIAN.encode(), RUSSIAN.encode("windows-1251")], 3),
    ],
)
def test_mixed_encodings_are_refused_with_the_first_line_that_is_no_utf8(
    parts: list[bytes], line: int
) -> None:
    with pytest.raises(InputError, match=rf"^t\.csv:{line}: is not UTF-8, but line \d is: the fil"):
        decoded(b"".join(parts))


@pytest.mark.parametrize(
    "line",
    [
        "naïve ".encode("windows-1252") + "café".encode(),
        "答案 ".encode("gb18030") * 9 + "问题".encode(),
    ],
)
def test_encodings_that_are_mixed_in_a_line_are_refused(line: bytes) -> None:
    with pytest.raises(InputError, match=r"^t\.csv:2: is not UTF-8"):
        decoded(b"q,a\n" + line)


def test_a_word_before_a_quotation_mark_is_not_taken_for_utf8() -> None:
    text = "Das macht „Spaß“\nSpaß…\n« égalité\xa0» à\xa0« Paris »\nCAFÉ”\n"
    assert decoded(text.encode("windows-1252")).text == text


def test_characters_that_were_lost_before_are_told() -> None:
    found = decoded("q,a\ncaf\ufffd,x\ufffd\n".encode())
    assert found.notes == (
        "2 characters were lost before, such as in line 2: …q,a caf\ufffd,x\ufffd…",
    )


# --- who knows better ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "windows-1251"), (KOREAN, "euc-kr"), (POLISH, "iso8859-2"), (GERMAN, "utf-16-le")],
)
def test_a_person_may_say_the_encoding(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), encoding) == TextFile(Path("t.csv"), text)


@pytest.mark.parametrize(
    ("encoding", "complaint"),
    [
        ("utf-8", "t.csv:2: is not utf-8 on this line"),
        ("ascii", "t.csv:2: is not ascii on this line"),
        ("klingon", "t.csv: no encoding is called 'klingon'"),
        ("zlib", "t.csv: no encoding is called 'zlib'"),
        ("a\0b", "t.csv: no encoding is called"),
        ("undefined", "t.csv: is not undefined"),
        ("idna", "t.csv.*: is not idna"),
    ],
)
def test_an_encoding_that_does_not_fit_is_refused(encoding: str, complaint: str) -> None:
    with pytest.raises(InputError, match=f"^{complaint}"):
        decoded(GERMAN.encode("windows-1252"), encoding)


def test_nuls_show_that_the_encoding_is_another() -> None:
    with pytest.raises(InputError, match=r"^t\.csv:1: holds a NUL, so it is not utf-8"):
        decoded(GERMAN.encode("ascii", "ignore").decode().encode("utf-16-le"), "utf-8")
