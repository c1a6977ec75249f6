"""Bytes to text: which encoding an extract is in.

What lives here: telling utf-8, utf-16, cp1250 and cp1252 apart.
The guarantee: an encoding is taken only if the bytes prove it (a byte order mark, valid
UTF-8) or if letters speak for it and none against; otherwise the caller has to say.
What it may not know: what the text means.
"""

from __future__ import annotations

import codecs

from msgspec import Struct

from esbench.errors import UnclearExtract

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Letters that one encoding has where the other has another letter or a sign.
CENTRAL = frozenset("ąćęłńśźżĄĆĘŁŃŚŹŻčďěňřťůČĎĚŇŘŤŮőűŐŰľĽĺĹŕŔăĂşŞţŢđĐ")
WESTERN = frozenset("àâãåæçèêëìîïñòõøùûœÀÂÃÅÆÇÈÊËÌÎÏÑÒÕØÙÛŒ¿¡")
# Letters of CENTRAL that hardly any text has, where the other letter is common.
RARE = frozenset("ĺĹŕŔ")


class Decoded(Struct, frozen=True):
    """Text, the encoding it was in, and how that was told."""

    text: str
    encoding: str
    how: str


def decoded(data: bytes, said: str | None) -> Decoded:
    """Return the text of an extract.

    Args:
        data: all bytes.
        said: the encoding that the caller named; None to find out.

    Raises:
        UnclearExtract: not text, not in the encoding named, or in one of two.
    """
    if said is not None:
        return Decoded(_strict(data, said), said, "as said")
    for mark, name in MARKS:
        if data.startswith(mark):
            return Decoded(_strict(data, name), name, "by its byte order mark")
    if wide := _wide(data):
        return Decoded(_strict(data, wide), wide, "by its zero bytes")
    if b"\0" in data:
        raise UnclearExtract("it holds zero bytes: it is no text; save it as CSV")
    try:
        return Decoded(data.decode("utf-8"), "utf-8", "by its bytes")
    except UnicodeDecodeError:
        return _code_page(data)


def _strict(data: bytes, name: str) -> str:
    try:
        text = data.decode(name)
    except LookupError:
        raise UnclearExtract(
            f"there is no encoding {name}: write e.g. utf-8, cp1250 or cp1252"
        ) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnclearExtract(
            f"line {line} is not {name}: say another --encoding"
        ) from None
    return text.removeprefix("\ufeff")


def _wide(data: bytes) -> str | None:
    """Return UTF-16 without a mark, told by a zero in nearly every second byte."""
    half = len(data) // 2
    if half < 2 or len(data) % 2:
        return None
    if data[1::2].count(0) > 0.7 * half and not data[::2].count(0):
        return "utf-16-le"
    if data[::2].count(0) > 0.7 * half and not data[1::2].count(0):
        return "utf-16-be"
    return None


def _code_page(data: bytes) -> Decoded:
    """Return the text by the code page whose letters make sense."""
    central, western = _lenient(data, "cp1250"), _lenient(data, "cp1252")
    pairs = {(c, w) for c, w in zip(central, western, strict=True) if c != w}
    if not pairs:
        return Decoded(western, "cp1252", "cp1250 would read it the same")
    for_central = {p for p in pairs if p[0] in CENTRAL - RARE and p[1] not in WESTERN}
    for_western = {p for p in pairs if p[1] in WESTERN and p[0] not in CENTRAL - RARE}
    if for_central and not for_western:
        _strict(data, "cp1250")
        return _told((central, western), ("cp1250", "cp1252"), for_central, 0)
    if for_western and not for_central:
        _strict(data, "cp1252")
        return _told((western, central), ("cp1252", "cp1250"), for_western, 1)
    ours, theirs = _word(central, western, {ours for ours, _ in pairs})
    raise UnclearExtract(
        f"it is in cp1250 or in cp1252: is it {ours!r} (--encoding cp1250) or "
        f"{theirs!r} (--encoding cp1252)?"
    )


def _lenient(data: bytes, name: str) -> str:
    """Decode byte by byte alike, with a sign for what the code page lacks."""
    return data.decode(name, errors="replace")


def _told(
    texts: tuple[str, str],
    names: tuple[str, str],
    pairs: set[tuple[str, str]],
    side: int,
) -> Decoded:
    """Return the first of two readings, with a word that speaks for it."""
    mine, theirs = _word(*texts, {pair[side] for pair in pairs})
    how = f"by {mine!r}, which {names[1]} reads as {theirs!r}"
    return Decoded(texts[0], names[0], how)


def _word(text: str, other: str, letters: set[str]) -> tuple[str, str]:
    """Return the first word with one of the letters, in both readings."""
    place = next(i for i, c in enumerate(text) if c in letters)
    start = place
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    end = place
    while end < len(text) and (text[end].isalnum() or end == place):
        end += 1
    return text[start:end], other[start:end]
