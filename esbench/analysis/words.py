"""The words that banks use, in several languages.

What lives here: names of columns, and the words for debit, credit, opening balance,
closing balance and footers.
The guarantee: words are compared without case, accents and punctuation; a word has
one meaning within its table.
What it may not know: files, amounts, dates.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What a column can be to an import, and the names that columns have for it; where
# several columns fit, the name that stands first here wins.
COLUMNS: dict[str, tuple[str, ...]] = {
    role: tuple(names.split("|"))
    for role, names in {
        "account": (
            "aggregate id|account|account id|account number|account no|konto|"
            "kontonummer|auftragskonto|rachunek|nr rachunku|numer rachunku|nr konta|"
            "numer konta|rachunek wlasny|cuenta|compte|conto|rekening|ucet|"
            "cislo uctu|iban"
        ),
        "occurred": (
            "occurred at|occurred|date|datum|data|fecha|transaction date|"
            "date of transaction|data transakcji|data operacji|transaktionsdatum|"
            "date operation|fecha operacion|data operazione|booking date|"
            "posting date|buchungsdatum|buchungstag|buchung|data ksiegowania|"
            "value date|valuta|valutadatum|wertstellung|data waluty|completed date|"
            "timestamp|time"
        ),
        "amount": (
            "amount|betrag|kwota|kwota operacji|kwota transakcji|transaction amount|"
            "umsatz|importe|montant|importo|bedrag|castka|wartosc"
        ),
        "debit": (
            "debit|debits|debit amount|withdrawal|withdrawals|paid out|money out|soll|"
            "belastung|obciazenie|obciazenia|wyplata|wyplaty|wydatki|debet|cargo"
        ),
        "credit": (
            "credit|credits|credit amount|deposit|deposits|paid in|money in|haben|"
            "gutschrift|uznanie|uznania|wplata|wplaty|wplywy|kredit|abono"
        ),
        "type": (
            "debit credit|debit credit indicator|dr cr|d c|dc|cr dr|c d|soll haben|"
            "s h|sh|wn ma|strona|direction|type|transaction type|typ|typ operacji|"
            "typ transakcji|rodzaj|rodzaj operacji|art|umsatzart"
        ),
        "text": (
            "text|description|details|memo|narrative|opis|opis operacji|tytul|"
            "tytul operacji|tytul przelewu|szczegoly|verwendungszweck|buchungstext|"
            "beschreibung|zweck|concepto|libelle|descrizione|omschrijving|popis|"
            "payee|counterparty|nadawca odbiorca|kontrahent|"
            "beguenstigter zahlungspflichtiger"
        ),
        "currency": "currency|currency code|waluta|wahrung|waehrung|devise|moneda|mena",
        "owner": (
            "owner|holder|account holder|inhaber|kontoinhaber|wlasciciel|posiadacz|"
            "titular|titulaire"
        ),
        "balance": (
            "balance|running balance|balance after|saldo|saldo po operacji|kontostand|"
            "saldo nach buchung|solde|zustatek"
        ),
    }.items()
}

# Never taken by itself: an id has to be named with --id.
IDS = frozenset(
    "id|event id|transaction id|reference|reference number|referenz|"
    "buchungsreferenz|transaktionsnummer|numer referencyjny|nr referencyjny|"
    "referencja|id transakcji|id operacji|nr operacji|umsatz id".split("|")
)

CURRENCIES = frozenset(
    "AUD BGN BRL CAD CHF CNY CZK DKK EUR GBP HUF ILS INR JPY KRW MXN NOK NZD PLN RON "
    "RSD SEK SGD TRY UAH USD ZAR".split()
)
SYMBOLS = {"€": "EUR", "£": "GBP", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "₴": "UAH"}

CREDIT, DEBIT, OPENING = "MoneyDeposited", "MoneyWithdrawn", "AccountOpened"
TYPE_WORDS: dict[str, str] = {
    word: event
    for event, words in {
        CREDIT: (
            "+|moneydeposited|credit|cr|c|k|h|haben|ma|in|deposit|gutschrift|eingang|"
            "zahlungseingang|uznanie|wplata|wplyw|przychod"
        ),
        DEBIT: (
            "-|moneywithdrawn|debit|dr|d|s|soll|wn|out|withdrawal|lastschrift|ausgang|"
            "zahlungsausgang|belastung|obciazenie|wyplata|wydatek|rozchod"
        ),
        OPENING: "accountopened",
    }.items()
    for word in words.split("|")
}

Phrases = frozenset[str]

OPENINGS: Phrases = frozenset(
    "opening balance|balance brought forward|brought forward|saldo poczatkowe|"
    "saldo otwarcia|bilans otwarcia|anfangssaldo|anfangsbestand|alter saldo|"
    "saldovortrag|kontostand alt|saldo inicial|solde initial|saldo iniziale|"
    "pocatecni zustatek".split("|")
)
CLOSINGS: Phrases = frozenset(
    "closing balance|balance carried forward|carried forward|ending balance|"
    "saldo koncowe|saldo zamkniecia|bilans zamkniecia|endsaldo|schlusssaldo|"
    "endbestand|neuer saldo|kontostand neu|saldo final|solde final|saldo finale|"
    "konecny zustatek".split("|")
)
FOOTERS: Phrases = frozenset(
    "total|totals|sum|suma|razem|summe|gesamt|gesamtsumme|count|number of|liczba|"
    "anzahl|obroty|umsatze|end of|koniec|ende|generated|wygenerowano|erstellt|printed|"
    "page|strona|seite".split("|")
)

LONGEST = 3  # words in a phrase
_PLAIN = str.maketrans({"ł": "l", "Ł": "l", "đ": "d", "ø": "o", "ß": "ss", "æ": "ae"})
_WITH_CURRENCY = re.compile(r"(.+?) (?:in |w |en )?([a-z]{3})")


@lru_cache(maxsize=2**16)
def normal(text: str) -> str:
    """Return a word as the tables have it: ``Währung:`` becomes ``wahrung``."""
    if text.strip() in {"+", "-", "−"}:
        return "+" if text.strip() == "+" else "-"
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    letters = "".join(c if c.isalnum() else " " for c in folded if not _is_mark(c))
    return " ".join(letters.split())


def _is_mark(character: str) -> bool:
    return bool(unicodedata.combining(character))


def parted(name: str) -> tuple[str, str | None]:
    """Return a column's name without its currency, and the currency.

    >>> parted("Kwota w PLN")
    ('kwota', 'PLN')
    """
    word = normal(name)
    found = _WITH_CURRENCY.fullmatch(word)
    if found and found[2].upper() in CURRENCIES:
        return found[1], found[2].upper()
    return word, None


@lru_cache(maxsize=2**16)
def begins_with(text: str, phrases: Phrases) -> bool:
    """Tell whether a cell is one of the phrases, or begins with one."""
    if not any(map(str.isalpha, text)):
        return False
    said = normal(text).split()
    return any(" ".join(said[:count]) in phrases for count in range(1, LONGEST + 1))
