"""An extract goes in whole or is told back row by row; nothing is guessed silently."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import esbench as es
from esbench.analysis import Settings, plan_import
from esbench.cli.run import run
from esbench.domains import bank

DATA = Path(__file__).parent.parent / "data"
HEADER = "Account;Date;Text;Amount\n"
TWO = HEADER + "a;2024-01-15;Pay;200,00\na;2024-01-20;Shop;-150,00\n"


@pytest.fixture
def log():
    """Give an empty log of a bank, whose clock stands on a day of 2024."""
    return es.EventLog.temporary(bank.EVENTS, clock=es.Clock("2024-06-01"))


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Give a function that runs a command in an empty folder: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ESBENCH_LOG", raising=False)

    def called(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return called


def planned(log, text, name="extract.csv", **settings):
    """Plan the import of a text."""
    data = text.encode() if isinstance(text, str) else text
    return plan_import(log, [(name, data)], Settings(**settings))


def bring(log, text, name="extract.csv", **settings):
    """Import a text; give the plan."""
    plan = planned(log, text, name, **settings)
    plan.commit(log, skip_bad=settings.get("skip_bad", False))
    return plan


def balance(past, account="a"):
    """Give the balance of an account."""
    return bank.Account.hydrate(past, account).balance


# from rows to events


def test_the_sample_goes_in_once(log):
    """The sample goes in; again nothing is new; its closing balances are the log's."""
    data = (DATA / "extract.csv").read_bytes()
    plan = bring(log, data)
    assert (len(plan.events), plan.known, plan.bad) == (164, 0, [])
    head = log.head()
    again = bring(log, data)
    assert (len(again.events), again.known) == (0, 164)
    assert log.head() == head
    closings = [check for check in again.checks if check.what == "closing"]
    assert len(closings) == 5
    states = {row["aggregate_id"]: row for row in bank.Account.table(log).to_dicts()}
    assert {c.account: c.said for c in closings} == {
        key: row["balance"] for key, row in states.items()
    }
    assert states["PL62234567"]["owner"] == "Michał Ćwik"


def test_the_sign_chooses_the_event(log):
    """Plus is a deposit, minus a withdrawal of the positive amount; all one commit."""
    bring(log, TWO)
    assert [event.event for event in log.read("a")] == [
        bank.MoneyDeposited(
            amount="200.00", transaction_id=next(log.read("a")).event_id, text="Pay"
        ),
        bank.MoneyWithdrawn(
            amount="150.00", transaction_id=list(log.read("a"))[1].event_id, text="Shop"
        ),
    ]
    assert len(log.headers()) == 1


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Account;Date;D/C;Amount\na;2024-01-02;D;5,00\na;2024-01-02;C;7,00\n",
         (-5, 7)),
        ("Konto;Datum;Soll;Haben\na;02.01.2024;5,00;\na;02.01.2024;;7,00\n", (-5, 7)),
        ("Rachunek;Data;Obciążenia;Uznania\na;13.01.2024;-5,00;\na;13.01.2024;;7,00\n",
         (-5, 7)),
        ("Account,Date,Amount\na,2024-01-02,(5.00)\na,2024-01-02,7.00\n", (-5, 7)),
        ("Account;Date;Amount\na;2024-01-02;5,00-\na;2024-01-02;+7,00\n", (-5, 7)),
        ("Konto;Datum;Betrag\na;02.01.2024;−1.005,00 €\na;02.01.2024;€ 7,00\n",
         (-1005, 7)),
    ],
)  # fmt: skip
def test_signs_are_written_in_many_ways(log, text, amounts):
    """Columns, words, brackets, signs behind and real minus signs say the same."""
    plan = planned(log, text)
    assert plan.bad == []
    signs = {"MoneyDeposited": 1, "MoneyWithdrawn": -1}
    assert tuple(signs[e["type"]] * e["amount"] for e in plan.events) == amounts


def test_a_column_of_other_words_does_not_choose(log):
    """A column of booking sorts is left to the sign; asked for, its words must fit."""
    text = "Account;Date;Type;Amount\na;2024-01-02;Card payment;-5,00\n"
    assert planned(log, text).events[0]["type"] == "MoneyWithdrawn"
    said = planned(log, text, columns={"type": "Type"})
    assert "unknown sign: 'Card payment'" in said.bad[0].reason
    told = planned(log, text, types={"Card payment": "MoneyWithdrawn"})
    assert told.events[0]["type"] == "MoneyWithdrawn"


def test_an_opening_balance_is_carried_forward(log):
    """It becomes AccountOpened, with the owner if a column says one."""
    text = (
        "Account;Owner;Date;Text;Amount\n"
        "a;Ada;2024-01-15;Pay;200,00\n"
        "a;Ada;2024-01-01;Opening balance;500,00\n"
    )
    bring(log, text)
    first = next(log.read("a"))
    assert first.event == bank.AccountOpened(
        owner="Ada", initial_balance="500.00", carried_forward=True
    )
    assert first.occurred_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert balance(log) == Decimal("700.00")


def test_a_later_opening_balance_is_compared(log):
    """Next month's opening balance is held against the log, and not booked."""
    bring(log, HEADER + "a;2024-01-01;Opening balance;500,00\na;2024-01-15;x;1,00\n")
    later = HEADER + "a;2024-02-01;Opening balance;501,00\na;2024-02-15;y;2,00\n"
    plan = bring(log, later, "february.csv")
    [check] = plan.checks
    assert (check.what, check.agrees) == ("opening", True)
    assert balance(log) == Decimal("503.00")
    wrong = planned(log, later.replace("501,00", "600,00"), "february.csv")
    assert [c.agrees for c in wrong.checks] == [False]


def test_rows_before_an_opening_balance_are_refused(log):
    """What a carried balance contains already is not booked a second time."""
    bring(log, HEADER + "a;2024-02-01;Opening balance;501,00\na;2024-02-15;y;2,00\n")
    plan = planned(log, HEADER + "a;2024-01-15;x;1,00\n")
    assert "before the opening balance of 2024-02-01" in plan.bad[0].reason


def test_a_date_is_the_start_of_a_day_in_the_log_s_zone():
    """A day alone begins in the log's zone; a time is one of the extract's zone."""
    log = es.EventLog.temporary(bank.EVENTS, zone="Europe/Warsaw")
    text = "Account;Date;Amount\na;2024-01-15;1,00\na;2024-01-15 10:30;2,00\n"
    bring(log, text, zone="America/New_York")
    assert [event.occurred_at for event in log.read("a")] == [
        datetime(2024, 1, 14, 23, tzinfo=UTC),
        datetime(2024, 1, 15, 15, 30, tzinfo=UTC),
    ]


# when it was recorded


def test_the_log_s_clock_records(log):
    """Without another word the rows were recorded at the import."""
    bring(log, TWO)
    assert {e.recorded_at for e in log.read()} == {datetime(2024, 6, 1, tzinfo=UTC)}


def test_a_column_says_when_the_bank_knew(log):
    """``--recorded`` brings the other time, so that the past can be asked for."""
    text = (
        "Account;Date;Booked;Amount\na;2024-01-20;2024-02-02;-150,00\n"
        "a;2024-01-15;2024-01-15;200,00\n"
    )
    bring(log, text, columns={"recorded": "Booked"})
    about = "2024-01-31"
    assert balance(log.as_of(about, recorded="2024-01-31")) == Decimal("200.00")
    assert balance(log.as_of(about, recorded="2024-02-02")) == Decimal("50.00")


def test_a_pile_of_dated_extracts_goes_in_by_date(log):
    """Names give the times of recording; a revision in a later file is one, too."""
    files = [
        ("x-2024-02-29.csv", b"Id;Account;Date;Amount\n1;a;2024-01-02;3,00\n"),
        ("x-2024-01-31.csv", b"Id;Account;Date;Amount\n1;a;2024-01-02;2,00\n"),
    ]
    said = Settings(recorded_from_name=True, correct=True, columns={"id": "Id"})
    plan_import(log, files, said).commit(log)
    assert len(log.headers()) == 1
    assert balance(log.as_of(recorded="2024-01-31")) == Decimal("2.00")
    assert balance(log.as_of(recorded="2024-02-29")) == Decimal("3.00")
    assert plan_import(log, files[:1], said).known == 1


def test_a_name_without_a_date_is_told(log):
    """A file whose name has no date, or two, is refused."""
    for name in ("extract.csv", "2024-01-01_2024-01-31.csv"):
        with pytest.raises(es.UnclearExtract, match="date in its name"):
            planned(log, TWO, name, recorded_from_name=True)


def test_times_of_recording_that_can_not_be(log):
    """The future, and what lies below the head, are listed."""
    log.append("b", [bank.AccountOpened(owner="B", initial_balance="1")])
    text = (
        "Account;Date;Booked;Amount\na;2024-01-20;2024-05-02;1,00\n"
        "a;2024-01-20;2025-02-02;1,00\n"
    )
    reasons = [noted.reason for noted in planned(
        log, text, columns={"recorded": "Booked"}
    ).bad]  # fmt: skip
    assert "below the log's last one, 2024-06-01" in reasons[0]
    assert "lies in the future" in reasons[1]


# ids


def test_doubled_rows_are_two_bookings(log):
    """Two equal rows in one file are told apart, and stay two."""
    text = HEADER + "a;2024-01-15;Bus;-2,00\na;2024-01-15;Bus;-2,00\n"
    assert len({event["event_id"] for event in bring(log, text).events}) == 2
    assert bring(log, text).known == 2
    assert balance(log) == Decimal("-4.00")


def test_overlapping_extracts_agree_on_ids(log):
    """Extracts of whole days may overlap in any way, also newest first."""
    days = [f"a;2024-01-{day:02};Bus;-2,00\n" * (day % 3 + 1) for day in range(1, 11)]
    bring(log, HEADER + "".join(days[:7]), "first.csv")
    plan = bring(log, HEADER + "".join(reversed(days[3:])), "second.csv")
    assert plan.vanished == []
    assert len(log) == sum(day.count("\n") for day in days)


def test_the_bank_s_ids_are_taken(log):
    """``--id`` names the column; an empty id, and one of the log's form, are listed."""
    text = "Ref;Account;Date;Amount\nr1;a;2024-01-01;1,00\n;a;2024-01-01;1,00\n"
    text += "a/7;a;2024-01-01;1,00\n"
    plan = bring(log, text, columns={"id": "Ref"}, skip_bad=True)
    assert [noted.reason for noted in plan.bad] == [
        "no id",
        "the id 'a/7' has the log's own form",
    ]
    [event] = log.read("a")
    assert (event.event_id, event.event.transaction_id) == ("r1", "r1")


def test_an_id_twice_in_one_file(log):
    """With the same content it is skipped and counted, with other content listed."""
    text = "Ref;Account;Date;Amount\nr;a;2024-01-01;1,00\nr;a;2024-01-01;1,00\n"
    plan = planned(log, text, columns={"id": "Ref"})
    assert (len(plan.events), plan.known, plan.bad) == (1, 1, [])
    text += "r;a;2024-01-01;2,00\n"
    [noted] = planned(log, text, columns={"id": "Ref"}).bad
    assert (noted.line, "stands on line 2, too" in noted.reason) == (4, True)


def test_revisions_are_listed_or_corrected(log):
    """Other content under a known id: refused, or reversed and booked anew."""
    text = "Ref;Account;Date;Amount\nr;a;2024-01-01;{}\n"
    said = {"columns": {"id": "Ref"}}
    bring(log, text.format("200,00"), **said)
    [noted] = planned(log, text.format("20,00"), **said).bad
    assert "known with other content, MoneyDeposited of 200.00" in noted.reason
    assert "--revisions correct" in noted.reason
    for amount, total in (("20,00", 20), ("30,00", 30), ("-5,00", -5)):
        plan = bring(log, text.format(amount), correct=True, **said)
        assert plan.corrected == 1
        assert balance(log) == total
        assert bring(log, text.format(amount), correct=True, **said).known == 1
    reversal = list(log.read("a"))[1]
    assert reversal.event.reverses == "r"
    assert reversal.event.amount == Decimal("-200.00")
    assert reversal.occurred_at == datetime(2024, 1, 1, tzinfo=UTC)


def test_vanished_rows_are_listed(log):
    """A row of an earlier extract that is gone is told, and stays in the log."""
    bring(log, TWO + "a;2024-01-25;Late;-1,00\n")
    plan = bring(log, TWO.replace("Pay", "Pay again") + "a;2024-01-25;Late;-1,00\n")
    [gone] = plan.vanished
    assert (gone.text, gone.amount) == ("Pay", Decimal("200.00"))
    assert len(plan.events) == 1
    assert planned(log, TWO).vanished[0].text == "Pay again"


# what can't be taken


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a;2024-13-15;x;1,00", "bad date: '2024-13-15' does not exist"),
        ("a;soon 1;x;1,00", "bad date: 'soon 1' is no date"),
        ("a;;x;1,00", "bad date: it is missing"),
        ("a;2024-01-15;x;", "missing amount"),
        ("a;2024-01-15;x;abc", "bad amount: 'abc' is no amount"),
        ("a;2024-01-15;x;12.50", "bad amount: '12.50' is no amount with a decimal"),
        ("a;2024-01-15;x;1,005", "more than two decimal places"),
        ("a;2024-01-15;x;0,00", "unknown sign: an amount of 0.00"),
        (";2024-01-15;x;1,00", "no account"),
        ("a;2024-10-27 02:30;x;1,00", "comes twice in Europe/Warsaw"),
        ("a;2024-03-31 02:30;x;1,00", "never comes in Europe/Warsaw"),
    ],
)
def test_every_bad_row_has_its_line_and_reason(log, row, reason):
    """A row that can't be taken is listed, and nothing is written without a word."""
    text = HEADER + f"a;2024-01-01;x;1,00\n{row}\na;2024-01-20;x;1,00\n"
    said = {"decimal": ",", "zone": "Europe/Warsaw"}
    plan = planned(log, text, **said)
    [noted] = plan.bad
    assert noted.line == 3
    assert reason in noted.reason
    with pytest.raises(es.InvalidFrame, match="row 3"):
        plan.commit(log)
    assert len(log) == 0
    plan.commit(log, skip_bad=True)
    assert len(log) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Account;Date;Amount\na;03/04/2024;1,00\n", "--dates dmy"),
        ("Account;Date;Amount\na;13/04/2024;1,00\na;04/13/2024;1,00\n", "no one order"),
        ("Account;Date;Amount\na;2024-01-02;1.234\n", "--decimal"),
        ("Account;Date;Amount\na;2024-01-02;1.50\na;2024-01-02;1,50\n", "--decimal"),
        ("Account;Date;Amount;Currency\na;2024-01-02;1,00;EUR\na;2024-01-02;1,00;PLN\n",
         "--currency"),
        ("Date;Amount\n2024-01-02;1,00\n", "--account"),
        ("Account;Date;Amount;Amount\na;2024-01-02;1,00;2,00\n", "--map amount"),
        ("x;y\n1;2\n", "no header"),
        ("", "is empty"),
        ("Account;Date;Amount\na;2024-01-02;\"1,00\n", "--no-quotes"),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(log, text, said):
    """Where the extract does not decide, the caller is told how to."""
    with pytest.raises(es.UnclearExtract, match=said):
        planned(log, text)


def test_what_was_said_decides(log):
    """Each of these can be said, and then it is so."""
    text = "Account;Date;Amount\na;03/04/2024;1.234\n"
    dmy = planned(log, text, dates="dmy", decimal=",").events[0]
    mdy = planned(log, text, dates="mdy", decimal=",").events[0]
    assert dmy["occurred_at"].date() == date(2024, 4, 3)
    assert mdy["occurred_at"].date() == date(2024, 3, 4)
    assert dmy["amount"] == Decimal("1234.00")
    mixed = (
        "Account;Date;Amount;Currency\na;2024-01-02;1,00;EUR\na;2024-01-02;2,00;PLN\n"
    )
    plan = planned(log, mixed, currency="PLN")
    assert [event["amount"] for event in plan.events] == [2]
    assert [noted.reason for noted in plan.left] == ["in EUR"]
    plan = planned(log, "Date;Amount\n2024-01-02;1,00\n", account="a")
    assert plan.events[0]["aggregate_id"] == "a"


# how extracts are written


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("utf-8", "Żółć"),
        ("utf-8-sig", "Żółć"),
        ("utf-16", "Żółć"),
        ("utf-16-le", "Żółć"),
        ("cp1250", "Żabka Łódź"),
        ("cp1252", "déjà vu, Crème brûlée"),
        ("cp1252", "Müller Straße"),
    ],
)
def test_encodings_are_told_apart(log, encoding, word):
    """Marks, bytes and letters tell the encoding; the text comes out right."""
    text = HEADER + f"a;2024-01-15;{word};1,00\n"
    plan = planned(log, text.encode(encoding))
    assert plan.events[0]["text"] == word
    assert plan.reads[0].extract.found["encoding"].startswith(encoding)


def test_a_doubtful_encoding_is_asked_for(log):
    """A letter that is one in both code pages, and another in each, is refused."""
    data = (HEADER + "a;2024-01-15;Nuñez;1,00\n").encode("cp1252")
    with pytest.raises(es.UnclearExtract, match="--encoding cp1252"):
        planned(log, data)
    assert planned(log, data, encoding="cp1252").events[0]["text"] == "Nuñez"


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
def test_delimiters_are_told_by_the_header(log, mark):
    """Commas in amounts do not make a comma the delimiter."""
    rows = [["Account", "Date", "Amount"], ["a", "2024-01-15", '"1,50"']]
    text = "".join(mark.join(row) + "\r\n" for row in rows)
    assert planned(log, text).events[0]["amount"] == Decimal("1.50")


@pytest.mark.parametrize(
    ("written", "order"),
    [
        ("15.01.2024", None),
        ("15/01/2024", None),
        ("01/15/2024", None),
        ("20240115", None),
        ("15. Jan. 2024", "no"),
        ("15 sty 2024", None),
        ("15-Jan-2024", None),
        ("2024/01/15", None),
        ("15.01.24", "dmy"),
    ],
)
def test_dates_are_written_in_many_ways(log, written, order):
    """Each form of a date is read as the day that it is, or listed."""
    text = f"Account;Date;Amount\na;{written};1,00\n"
    if order == "no":
        with pytest.raises(es.UnclearExtract):
            planned(log, text)
        return
    plan = planned(log, text, dates=order)
    assert plan.events[0]["occurred_at"].date() == date(2024, 1, 15)


@pytest.mark.parametrize(
    "header",
    [
        "Account;Transaction date;Description;Amount (PLN)",
        "Kontonummer;Buchungsdatum;Verwendungszweck;Betrag",
        "Nr rachunku;Data operacji;Tytuł;Kwota operacji",
        "Compte;Date opération;Libellé;Montant",
        "Cuenta;Fecha;Concepto;Importe",
    ],
)
def test_headers_are_known_in_several_languages(log, header):
    """English, German, Polish and others need no mapping."""
    plan = planned(log, f"{header}\na;15.01.2024;x;-1,50\n")
    [event] = plan.events
    assert (event["aggregate_id"], event["text"]) == ("a", "x")
    assert event["amount"] == Decimal("1.50")


def test_columns_are_named_by_the_caller(log):
    """``--map`` wins over known words; without a header columns have numbers."""
    text = "Account;Date;Amount;Real amount\na;2024-01-15;1,00;2,00\n"
    plan = planned(log, text, columns={"amount": "Real amount"})
    assert plan.events[0]["amount"] == 2
    places = {"account": "#1", "occurred": "#2", "amount": "#4"}
    plan = planned(log, text.split("\n", 1)[1], columns=places)
    assert plan.events[0]["amount"] == 2
    with pytest.raises(es.UnclearExtract, match="it has: Account, Date"):
        planned(log, text, columns={"amount": "Betrag"})
    with pytest.raises(es.UnclearExtract, match="can't be 'sum'"):
        planned(log, text, columns={"sum": "Amount"})


def test_footers_are_left_out_and_compared(log):
    """A closing balance that differs is told; other footers are listed."""
    text = TWO + ";;Closing balance;60,00\n;;Total;50,00\nprinted on 2024-02-01\n"
    plan = bring(log, text)
    [check] = plan.checks
    assert (check.said, check.found, check.agrees) == (60, 50, False)
    assert [noted.line for noted in plan.left] == [5, 6]
    assert plan.bad == []


def test_a_last_row_gone_wrong_is_no_footer(log):
    """A booking under the last good one is listed as bad, not left out."""
    for row in ("a;;Shop;-5,00\n", "a;soon;Shop;-5,00\n", "a;31.02.2024;Shop;x\n"):
        plan = planned(log, TWO + row)
        assert [noted.line for noted in plan.bad] == [4], row
    for row in ("Total;;;50,00\n", ";;;\n", ";;Liczba operacji;2\n", "a;;;\n"):
        plan = planned(log, TWO + row)
        assert plan.bad == [], row


def test_a_balance_of_nobody_is_listed(log):
    """With several accounts a balance has to say whose it is."""
    text = TWO + "b;2024-01-20;x;1,00\n"
    for phrase in ("Opening balance", "Closing balance"):
        [noted] = planned(log, text + f";;{phrase};50,00\n").bad
        assert "of which account it does not say" in noted.reason


def test_an_opening_balance_was_known_with_the_first_booking(log):
    """With times of recording from a column, an opening without one comes first."""
    text = (
        "Account;Date;Booked;Text;Amount\na;2024-01-01;;Opening balance;500,00\n"
        "a;2024-01-15;2024-01-16;x;1,00\na;2024-01-10;2024-01-18;y;1,00\n"
    )
    bring(log, text, columns={"recorded": "Booked"})
    assert [e.recorded_at.day for e in log.read("a")] == [16, 16, 18]
    assert next(log.read("a")).type == "AccountOpened"


def test_a_hostile_extract_is_text(call):
    """Escape sequences in headers and cells reach the terminal as text."""
    row = "a;2024-01-15;\x1b[2J[red]x;1,00;\x1b]0;\n"
    Path("x.csv").write_text("Account;Date;Text;Amount;\x1b[1m;z\n" + row)
    code, out, _ = call("import", "x.csv", "--log", "my-bank")
    assert code == 0
    assert "\x1b" not in out
    assert "\\x1b[2J[red]x" in out


def test_a_running_balance_is_compared(log):
    """The balance after the last booking is held against the log's, in any order."""
    rows = ["a;2024-01-15;200,00;200,00\n", "a;2024-01-20;-150,00;50,00\n"]
    header = "Account;Date;Amount;Balance\n"
    for order in (rows, rows[::-1]):
        [check] = planned(log, header + "".join(order)).checks
        assert (check.what, check.said, check.agrees) == ("running", 50, True)


def test_json_lines_and_parquet_are_taken(log, tmp_path):
    """The same rows as JSON lines and as Parquet have the same ids."""
    rows = [{"account": "a", "date": "2024-01-15", "text": "x", "amount": 1.5}]
    bring(log, HEADER + "a;15.01.2024;x;1,50\n")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert planned(log, lines, "x.jsonl").known == 1
    frame = pl.DataFrame(rows).with_columns(
        pl.col("date").str.to_date(), pl.col("amount").cast(pl.Decimal(12, 4))
    )
    frame.write_parquet(tmp_path / "x.parquet")
    data = (tmp_path / "x.parquet").read_bytes()
    assert planned(log, data, "x.parquet").known == 1
    broken = planned(log, lines + "{broken\n[1]\n", "x.jsonl")
    assert [noted.line for noted in broken.bad] == [2, 3]


def test_a_float_with_many_places_is_no_amount(log):
    """0.1 + 0.2 is not 0.30, and is listed."""
    line = json.dumps({"account": "a", "date": "2024-01-15", "amount": 0.1 + 0.2})
    [noted] = planned(log, line, "x.jsonl").bad
    assert "more than two decimal places" in noted.reason


def test_workbooks_and_other_bytes_are_told(log):
    """What is no text is refused with what to do."""
    with pytest.raises(es.UnclearExtract, match="save it as CSV"):
        planned(log, b"PK\x03\x04zip", "x.xlsx")
    with pytest.raises(es.UnclearExtract, match="object a line"):
        planned(log, b'[{"a": 1}]', "x.json")


# the command


def test_the_report_tells_all_before_it_runs(call, tmp_path):
    """Delimiter, encoding, decimal mark, dates, zone, mapping and one row are shown."""
    words = ["import", DATA / "extract.csv", "--log", "my-bank"]
    code, out, err = call(*words, "--dry-run")
    assert (code, err) == (0, "")
    for said in (
        "semicolon", "cp1250", "','", "day, month, year", "a date alone is that day's",
        "the how-manieth such row", "Kwota             amount; + MoneyDeposited",
        "Data księgowania  not read", "MoneyWithdrawn\n", "293.25",
        "closing balances: 5 of 5 agree", "footer", "this was a dry run",
    ):  # fmt: skip
        assert said in out
    assert not Path("my-bank").exists()
    code, out, _ = call(*words, "--zone", "Europe/Warsaw")
    assert code == 0
    assert "164 new, 0 known already; written as one commit" in out
    assert es.EventLog("my-bank").zone == "Europe/Warsaw"
    assert "0 new, 164 known already; nothing was written" in call(*words)[1]


def test_bad_rows_end_the_command_with_1(call):
    """All bad rows are listed; with ``--skip-bad`` the others go in."""
    Path("x.csv").write_text(TWO + "a;2024-01-25;x;\n")
    code, out, err = call("import", "x.csv", "--log", "my-bank")
    assert code == 1
    assert "x.csv line 4: missing amount  [a | 2024-01-25 | x]" in out
    assert "made the log" not in out
    assert err == (
        "esbench: 1 row can't be taken, so nothing was written: mend them, or say "
        "--skip-bad\n"
    )
    assert not Path("my-bank").exists()
    code, out, _ = call("import", "x.csv", "--log", "my-bank", "--skip-bad")
    assert code == 0
    assert "2 new, 0 known already, 1 not taken" in out
    assert "made the log my-bank" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.csv"], "there is no file nothing.csv"),
        (["."], "is a folder"),
        (["x.csv", "--map", "amount"], "ROLE=COLUMN"),
        (["x.csv", "--revisions", "wrong"], "'correct'"),
        (["x.csv", "--dates", "dym"], "dmy, mdy or ymd"),
        (["x.csv", "--encoding", "klingon"], "no encoding klingon"),
        (["x.csv", "--zone", "Mars/Olympus"], "no zone"),
        (["x.csv", "--mapping", "x.csv"], "x.csv is no mapping"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_call_that_means_nothing_is_one_line(call, words, said):
    """A mistake on the command line is told in one line, and nothing is made."""
    Path("x.csv").write_text(TWO)
    code, out, err = call("import", *words, "--log", "my-bank")
    assert code == 2
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert not Path("my-bank").exists()


def test_a_mapping_file_says_otherwise(call):
    """A TOML file holds what else would be said each time; the line wins over it."""
    Path("x.csv").write_text("K|W|S|B\na|03/04/2024|ab|1,00\n")
    Path("bank.toml").write_text(
        'dates = "dmy"\nzone = "Europe/Berlin"\n[columns]\naccount = "K"\n'
        'occurred = "W"\namount = "B"\ntype = "S"\n[types]\nab = "MoneyWithdrawn"\n'
    )
    words = ["import", "x.csv", "--log", "my-bank", "--mapping", "bank.toml"]
    told = json.loads(call(*words, "--dry-run", "--json")[1])
    assert told["extracts"][0]["dates"] == "dmy"
    assert (told["new"], told["zone"], told["written"]) == (1, "Europe/Berlin", None)
    told = json.loads(call(*words, "--dates", "mdy", "--json")[1])
    assert told["written"] == {"first": 1, "last": 1}
    [event] = es.EventLog("my-bank", bank.EVENTS).read()
    assert event.event.amount == 1
    assert event.occurred_at == datetime(2024, 3, 3, 23, tzinfo=UTC)
    Path("bank.toml").write_text('colour = "red"\n')
    assert "colour" in call(*words)[2]


def test_json_reports_the_same(call):
    """``--json`` gives counts, bad rows, balances and what was written."""
    Path("x.csv").write_text(TWO + "a;2024-01-25;x;\n;;Closing balance;50,00\n")
    code, out, _ = call("import", "x.csv", "--log", "my-bank", "--json")
    told = json.loads(out)
    assert code == 1
    assert told["bad"][0]["line"] == 4
    assert told["checks"][0]["said"] == told["checks"][0]["found"] == "50.00"
    assert told["written"] is None


def test_each_event_knows_its_extract(log):
    """The correlation id of what came in together names the file."""
    bring(log, TWO, "january.csv")
    assert {e.metadata.correlation_id for e in log.read()} == {"import january.csv"}
