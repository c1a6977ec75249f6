"""The analysis room: what changed, where claims differ, what explains a number."""

import csv
import io
import itertools
import json
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import esbench as es
from esbench import analysis
from esbench.analysis.claims import claims_of
from esbench.analysis.inverse import KINDS, Moved, _changes, explained
from esbench.cli.run import run
from esbench.domains import bank, video
from esbench.errors import InvalidEvent, InvalidFrame, NotFound, UnclearExtract

LESSON = Path(__file__).parents[1] / "notebooks" / "04_time_machine.ipynb"


@pytest.fixture
def ada():
    """A log with Ada's late withdrawal and her correction."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(events=bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    return log


@pytest.fixture
def ben(ada):
    """The same log with Ben: 500 + 200 + 300 - 500 = 500."""
    moves = [
        bank.AccountOpened(owner="Ben", initial_balance="500.00"),
        bank.MoneyDeposited(amount="200.00", transaction_id="#123"),
        bank.MoneyDeposited(amount="300.00", transaction_id="#456"),
        bank.MoneyWithdrawn(amount="500.00", transaction_id="#789"),
    ]
    ada.append("ben", moves)
    return ada


@pytest.fixture(scope="module")
def town():
    """A log of made-up traffic, with late events and corrections."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append_frame(bank.traffic(accounts=60, events=3_000, seed=4, late=0.2))
    return log


def through_duckdb(query):
    """Give what DuckDB answers to a query."""
    with duckdb.connect() as connection:
        *settings, question = [q for q in query.split(";\n") if q.strip()]
        for each in settings:
            connection.execute(each)
        return pl.DataFrame(connection.sql(question).to_arrow_table())


# what changed


def test_what_changed_about_jan_31(ada):
    """700 became 370 by three transactions, and two of them came on Feb 5."""
    report = analysis.changed(ada, "2024-01-31")
    assert report.table.rows() == [
        (
            "ada",
            Decimal("700.00"),
            Decimal("370.00"),
            Decimal("-330.00"),
            3,
            (
                "MoneyWithdrawn txn_789 -150.00 on 2024-02-02; "
                "TransactionReversed txn_801 -200.00 on 2024-02-05; "
                "MoneyDeposited txn_802 +20.00 on 2024-02-05"
            ),
        )
    ]
    assert report.finding == (
        "1 aggregate differs, ada by -330.00; 3 events explain it."
    )
    later = analysis.changed(ada, "2024-01-31", ("2024-02-02", "2024-02-05"))
    assert later.table["difference"].to_list() == [Decimal("-180.00")]
    assert later.receipt.said == (
        "about 2024-01-31, known on 2024-02-02 against known on 2024-02-05"
    )


def test_nothing_changed_is_said(ada):
    """Between two days on which nothing was recorded nothing differs."""
    report = analysis.changed(ada, "2024-01-31", ("2024-02-02", "2024-02-03"))
    assert report.table.is_empty()
    assert report.finding == "Nothing differs between these two days of knowledge."
    with pytest.raises(InvalidFrame, match="nothing to draw"):
        report.plot()


def test_what_was_recorded_at_that_very_moment_was_known(ada):
    """A moment of knowledge includes itself, in the report and in its query."""
    known = "2024-02-02T08:00:00Z"
    report = analysis.changed(ada, "2024-01-31", known)
    assert report.table["difference"].to_list() == [Decimal("-180.00")]
    assert report.table["events"].to_list() == [2]
    assert through_duckdb(report.sql).equals(report.table)


def test_an_account_that_was_not_known_then_is_listed(ada):
    """Opened later, it has no old number, and the whole new one is the difference."""
    ada.append(
        "eve",
        [bank.AccountOpened(owner="Eve", initial_balance="0.00")],
        occurred_at="2024-01-10T00:00Z",
    )
    report = analysis.changed(ada, "2024-01-31", ("2024-02-04", None))
    row = report.table.filter(pl.col("aggregate_id") == "eve").row(0, named=True)
    assert (row["old"], row["new"]) == (None, Decimal("0.00"))
    assert through_duckdb(report.sql).equals(report.table)


@pytest.mark.parametrize("about", [None, "2023-06-30", "2024-01-31"])
def test_changed_is_the_comparison_of_two_tables(town, about):
    """The accounts are those of ``compare``, and their events add up exactly."""
    known = ("2023-03-01", "2024-03-01")
    report = analysis.changed(town, about, known)
    pasts = [town.as_of(about, recorded=day) for day in known]
    compared = bank.Account.compare(*pasts)
    expected = compared.filter(pl.col("balance_a").ne_missing(pl.col("balance_b")))
    assert report.table["aggregate_id"].to_list() == expected["aggregate_id"].to_list()
    sums = report.events.group_by("aggregate_id").agg(pl.col("moves").sum())
    both = report.table.join(sums, on="aggregate_id")
    assert both.height == report.table.height > 0
    assert (both["difference"] == both["moves"]).all()


def test_days_of_knowledge_in_the_wrong_order_are_refused(ada):
    """The earlier day comes first, and without any day the question is none."""
    with pytest.raises(InvalidEvent, match="swap them"):
        analysis.changed(ada, "2024-01-31", ("2024-02-05", "2024-02-02"))
    with pytest.raises(InvalidEvent, match="changed since when"):
        analysis.changed(ada)


def test_what_changed_can_be_a_text(ada):
    """A field that does not add up has old and new, and no difference."""
    ada.append("ada", [bank.AccountClosed()], occurred_at="2024-01-30T00:00Z")
    report = analysis.changed(ada, "2024-01-31", field="status")
    assert report.table.select("old", "new", "events").rows() == [("open", "closed", 1)]
    assert "difference" not in report.table.columns
    assert through_duckdb(report.sql).equals(report.table)


def test_a_plain_function_is_compared_too(ada):
    """``evolve`` has no query, and the rest works."""
    count = es.projection(lambda state, _: (state or 0) + 1, name="count")
    report = analysis.changed(ada, "2024-01-31", projection=count)
    assert report.table.select("old", "new").rows() == [(2, 5)]
    with pytest.raises(InvalidFrame, match="declare a projection"):
        _ = report.sql


def test_projections_by_day_are_refused(ada):
    """A question about accounts can't be put to a projection by days."""
    with pytest.raises(InvalidFrame, match="projection by aggregate"):
        analysis.changed(ada, "2024-01-31", projection=bank.Daily)
    with pytest.raises(InvalidFrame, match="it has owner, balance, status"):
        analysis.changed(ada, "2024-01-31", field="blance")
    with pytest.raises(InvalidFrame, match="holds no number"):
        analysis.changed(ada, "2024-01-31", projection=video.Video)


# the query


class Everything(es.Projection):
    """One field of every kind."""

    deposits = es.count(bank.MoneyDeposited)
    first = es.first((bank.MoneyDeposited, "transaction_id"))
    last = es.last(
        (bank.MoneyDeposited, "transaction_id"), (bank.MoneyWithdrawn, "transaction_id")
    )
    largest = es.largest((bank.MoneyDeposited, "amount"))
    smallest = es.smallest((bank.MoneyWithdrawn, "amount"))
    twice = es.total(
        (bank.MoneyDeposited, "amount"), minus=[(bank.TransactionReversed, "amount")]
    )


@pytest.mark.parametrize("field", "deposits first last largest smallest twice".split())
def test_the_query_gives_the_same_table(town, field):
    """DuckDB over the log's files answers as the report does, for every reducer."""
    asked = {"projection": Everything, "field": field}
    known = ("2023-03-01", "2024-03-01")
    changed = analysis.changed(town, "2023-07-31", known, **asked)
    assert changed.table.height
    assert through_duckdb(changed.sql).equals(changed.table)
    key = changed.table.item(0, "aggregate_id")
    explained = analysis.explain(town, key, "2023-07-31", "2023-08-01", **asked)
    assert through_duckdb(explained.sql).equals(explained.table)


def test_the_query_after_a_merge_and_a_new_column(town):
    """Segments and commits, old columns and new ones, are read as one."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    for part in bank.traffic(accounts=20, events=1_200, seed=2).iter_slices(100):
        log.append_frame(part)
    log.merge()
    report = analysis.changed(log, "2023-07-31", projection=bank.Account)
    assert through_duckdb(report.sql).equals(report.table)


def test_the_query_in_another_zone(tmp_path):
    """Days end where the log says, in the query too."""
    log = es.EventLog(tmp_path / "waw", bank.EVENTS, zone="Europe/Warsaw")
    log.append_frame(bank.traffic(accounts=20, events=500, seed=2, late=0.3))
    report = analysis.changed(log, "2023-10-29")
    assert report.table.height
    assert through_duckdb(report.sql).equals(report.table)


def test_the_query_that_the_lesson_shows(ada):
    """The short query in lesson 04 gives the difference that ``changed`` gives."""
    notebook = json.loads(LESSON.read_text("utf-8"))
    text = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    [query] = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    with duckdb.connect() as connection:
        found = connection.sql(query, params={"files": ada.files()}).fetchall()
    report = analysis.changed(ada, "2024-01-31")
    assert found == report.table.select("aggregate_id", "difference", "events").rows()


def test_names_from_events_are_no_sql(ada):
    """A quotation mark in an id stays a letter."""
    evil = "o'; DROP TABLE x; --"
    ada.append(evil, [bank.AccountOpened(owner="x", initial_balance="1.00")])
    assert analysis.explain(ada, evil).finding.startswith("The balance of o'")
    answer = through_duckdb(analysis.explain(ada, evil).sql.replace("; DROP", ";DROP"))
    assert answer.is_empty()
    report = analysis.reconcile(ada, {evil: "2.00"}, partial=True)
    assert report.table.item(0, "aggregate_id") == evil


# provenance


def test_a_number_is_explained_by_its_events(ada):
    """550.00 is the sum of three, and two are left out, by which time is said."""
    report = analysis.explain(ada, "ada", "2024-01-31", "2024-02-02")
    assert report.finding == (
        "The balance of ada is 550.00 = 500.00 + 200.00 − 150.00; left out: "
        "TransactionReversed txn_801 -200.00 (recorded 2024-02-05), "
        "MoneyDeposited txn_802 +20.00 (recorded 2024-02-05)."
    )
    counts = ["yes", "yes", "yes", "recorded later", "recorded later"]
    assert report.table["counts"].to_list() == counts
    assert report.table["balance"].to_list()[:3] == [
        Decimal(x) for x in ("500.00", "700.00", "550.00")
    ]
    early = analysis.explain(ada, "ada", "2024-01-16", "2024-01-31")
    assert "MoneyWithdrawn txn_789 -150.00 (happened 2024-01-20)" in early.finding


def test_a_past_is_explained_with_what_it_leaves_out(ada):
    """Asked about a past, the same events are left out and named."""
    past = ada.as_of("2024-01-31", recorded="2024-02-02")
    by_past = analysis.explain(past, "ada")
    assert by_past.table.equals(
        analysis.explain(ada, "ada", "2024-01-31", "2024-02-02").table
    )


@pytest.mark.parametrize("about", [None, "2023-09-30"])
def test_an_explanation_ends_where_hydrate_does(town, about):
    """The last counted row holds the number, and the moves add up to it."""
    past = town.as_of(about)
    for key in bank.Account.table(past)["aggregate_id"].to_list()[:20]:
        counted = analysis.explain(town, key, about).events
        balance = bank.Account.hydrate(past, key).balance
        assert counted["balance"].to_list()[-1] == counted["moves"].sum() == balance


def test_nobody_has_no_provenance(ada):
    """An unknown account is not found."""
    with pytest.raises(NotFound, match="adda"):
        analysis.explain(ada, "adda")


# claims


def test_bens_claim_has_two_explanations(ben):
    """300 is what one gets by missing #123, or by taking #456 and #789 twice."""
    ways = analysis.explain_claim(ben, "ben", "300.00")
    assert (ways.singles, ways.pairs) == (1, 1)
    assert str(ways) == (
        "#123 missed; or #456 and #789 doubled "
        "(2 explanations fit: look at the vouchers)"
    )


def test_what_nothing_explains_is_said(ben):
    """A claim that no change leads to is called so; a claim that is right has none."""
    assert str(analysis.explain_claim(ben, "ben", "311.11")).startswith(
        "no single change and no pair explains it"
    )
    assert analysis.explain_claim(ben, "ben", "500.00").count == 0


def test_nobody_has_no_claim(ben):
    """A claim about an account that is not there, or not yet, is not found."""
    with pytest.raises(NotFound, match="there is ben"):
        analysis.explain_claim(ben, "bem", "300.00")
    with pytest.raises(NotFound, match="began on"):
        analysis.explain_claim(ben.as_of("2023-12-31"), "ada", "300.00")


def test_a_stale_claim_is_told_apart(ben):
    """700 was right until the withdrawal was recorded."""
    ways = analysis.explain_claim(ben, "ada", "700.00")
    assert ways.stale == "stale: right after txn_456 on 2024-01-15, 3 later ones missed"
    assert str(ways).endswith("(the only explanation)")


def brute(moved, gap):
    """Count single changes and pairs the slow way."""
    changes = [c for place, one in enumerate(moved) for c in _changes(place, one)]
    singles = sum(c.effect == gap for c in changes)
    pairs = sum(
        a.place != b.place and a.effect + b.effect == gap
        for a, b in itertools.combinations(changes, 2)
    )
    return singles, pairs


@given(
    st.lists(st.integers(-400, 400), max_size=7),
    st.integers(-900, 900).filter(bool),
)
def test_the_search_is_exact_and_complete(units, gap):
    """Singles and pairs are those of trying everything, and as many are named."""
    moved = [Moved(f"t{place}", one) for place, one in enumerate(units)]
    ways = explained(moved, gap, named=10_000)
    assert (ways.singles, ways.pairs) == brute(moved, gap)
    assert len(ways.named) == ways.singles + ways.pairs
    assert len(set(ways.named)) == len(ways.named)


@pytest.mark.parametrize(
    ("claim", "kind"),
    list(zip(["700.00", "900.00", "1000.00", "845.00"], KINDS, strict=True)),
)
def test_each_kind_of_change_is_found(claim, kind):
    """Missed, doubled, wrong sign, two digits swapped: each alone explains a claim."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    amounts = {"700.00": "100", "900.00": "100", "1000.00": "-100", "845.00": "54"}
    amount = amounts[claim]
    side = bank.MoneyWithdrawn if amount.startswith("-") else bank.MoneyDeposited
    start = {"1000.00": "900", "845.00": "800"}.get(claim, "700")
    opened = bank.AccountOpened(owner="x", initial_balance=start)
    log.append("x", [opened, side(amount=amount.strip("-"), transaction_id="t")])
    assert analysis.explain_claim(log, "x", claim).named == (f"t {kind}",)


def test_two_thousand_events_are_searched_completely():
    """On a long account the counts are exact, and the first are named."""
    moved = [Moved(f"t{n}", (n * 7_919 % 20_011 + 1) * (-1) ** n) for n in range(2_000)]
    gap = -moved[3].units - moved[1_500].units
    ways = explained(moved, gap)
    assert ways.pairs >= 1
    assert len(ways.named) <= 10
    assert "more" in str(ways) or ways.count <= 10


def test_all_accounts_are_held_against_claims(ben):
    """Agreeing ones are not listed; missing ones on either side are."""
    report = analysis.reconcile(ben, {"ben": "300", "zoe": "5.00"})
    rows = {row[0]: row[1:5] for row in report.table.rows()}
    assert rows == {
        "ada": (None, Decimal("370.00"), Decimal("-370.00"), "no claim"),
        "ben": (Decimal(300), Decimal(500), Decimal(-200), "differs"),
        "zoe": (Decimal(5), None, Decimal(5), "not in the log"),
    }
    assert report.finding.startswith(
        "1 claim differs, 1 claim is not in the log, 1 account has no claim, of 2"
    )
    assert report.table["explanation"][1].startswith("#123 missed; or ")


@pytest.mark.parametrize("partial", [True, False])
def test_the_query_of_a_reconciliation(ben, partial):
    """DuckDB gives the table, its explanations apart."""
    claims = {"ben": "300.00", "ada": "370.00", "zoe": "5.00"}
    report = analysis.reconcile(ben, claims, "2024-02-29", partial=partial)
    assert through_duckdb(report.sql).equals(report.table.drop("explanation"))


def test_a_tolerance_forgives_and_a_past_is_meant(ben):
    """A difference up to the tolerance is none; claims may be about an old day."""
    near = analysis.reconcile(ben, {"ben": "500.04", "ada": "370"}, tolerance="0.04")
    assert near.table.is_empty()
    assert near.finding.startswith("All of 2 claims agree")
    beyond = analysis.reconcile(ben, {"ben": "500.05"}, tolerance="0.04", partial=True)
    assert beyond.table.height == 1
    then = analysis.reconcile(ben, {"ada": "700"}, "2024-01-31", "2024-01-31")
    assert then.table.is_empty()
    for bad in ("-1", "much", "NaN"):
        with pytest.raises(InvalidEvent, match="write a number"):
            analysis.reconcile(ben, {"ada": "1"}, tolerance=bad)


def test_only_what_adds_up_is_claimed(ben):
    """A name can't be reconciled to the cent."""
    with pytest.raises(InvalidFrame, match="does not add up"):
        analysis.reconcile(ben, {"ben": "1"}, field="owner")


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("account,balance\nben,300.00\n", "300.00"),
        ("IBAN;Saldo\nben;1.300,00\n", "1300.00"),
        ("\ufeffaggregate_id\tclaimed\nben\t(12.50)\n", "-12.50"),
        ("balance,account,other\n300,ben,x\n\n", "300.00"),
    ],
)
def test_claims_are_read_as_people_write_them(tmp_path, text, claimed):
    """Commas, semicolons, tabs, decimal commas, a byte order mark."""
    path = tmp_path / "claims.csv"
    path.write_text(text, encoding="utf-8")
    assert claims_of(path).frame.rows() == [("ben", Decimal(claimed))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("name,balance\nben,1\n", "no column holds the account"),
        ("account,name\nben,1\n", "no column holds the claim"),
        ("account,balance\nben,much\n", "line 2: 'much' is no amount"),
        ("account,balance\nben,1\nben,2\n", "claims ben 2 times"),
        ("account,balance\n,1\n", "line 2 names no account"),
        ("account,balance\nben,1,2\n", "line 2 has 3 cells"),
        ("account,balance\nben,\n", "line 2: '' is no amount"),
    ],
)
def test_a_list_that_is_unclear_is_refused(tmp_path, text, said):
    """Nothing is guessed: the line and the reason are named."""
    path = tmp_path / "claims.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnclearExtract, match=said):
        claims_of(path)


def test_claims_in_frames_and_parquet(tmp_path):
    """Frames of polars and pandas and Parquet files are lists, floats are not."""
    frame = pl.DataFrame({"account": ["b", "a"], "balance": ["2.00", "1.00"]})
    frame.write_parquet(tmp_path / "claims.parquet")
    expected = [("a", Decimal("1.00")), ("b", Decimal("2.00"))]
    for given_ in (frame, frame.to_pandas(), tmp_path / "claims.parquet"):
        assert claims_of(given_).frame.rows() == expected
    with pytest.raises(UnclearExtract, match="floats"):
        claims_of(frame.with_columns(balance=pl.lit(1.0)))


# then and now


@pytest.mark.parametrize("every", ["1mo", "1w"])
def test_a_series_as_known_then_is_a_table_at_each_end(town, every):
    """What a report said is what ``table`` gives about its day as known that day."""
    series = bank.Account.series(town, every, end="2023-09-30", known="then")
    for end in series["end"].unique().sort():
        table = bank.Account.table(town.as_of(end, recorded=end))
        rows = series.filter(pl.col("end") == end).drop("end")
        assert rows.equals(pl.DataFrame(table)), end


def test_both_engines_agree_on_what_was_known_then(ada):
    """A plain function gives the same series."""

    def evolve(state, event):
        amounts = {"MoneyWithdrawn": -1}
        amount = getattr(event, "amount", None) or event.initial_balance
        sign = amounts.get(type(event).__name__, 1)
        return (state or Decimal(0)) + sign * amount

    plain = es.projection(evolve, name="plain").series(ada, "1w", known="then")
    by_columns = bank.Account.series(ada, "1w", known="then")
    assert plain["state"].to_list() == by_columns["balance"].to_list()
    assert plain["end"].to_list() == by_columns["end"].to_list()
    assert str(by_columns).startswith("Account, as known at each end")


def test_reports_are_held_against_today(ada):
    """January was reported as 700.00 and is 370.00 now."""
    report = analysis.restated(ada)
    assert [(str(r[1]), *map(str, r[2:])) for r in report.table.rows()] == [
        ("2024-01-31", "700.00", "370.00", "-330.00"),
        ("2024-02-29", "370.00", "370.00", "0.00"),
    ]
    assert report.finding == "1 of 2 figures were restated later, of 1 account."
    assert report.plot()._repr_png_().startswith(b"\x89PNG")


def test_another_word_for_known_is_refused(ada):
    """There are two: now and then."""
    with pytest.raises(InvalidEvent, match="write 'now', or 'then'"):
        bank.Account.series(ada, known="yesterday")


# receipts and forms


def test_the_call_in_a_report_gives_it_again(ben):
    """After more was appended, the call of each receipt gives the same table."""
    claims = {"ben": "300"}
    names = {"log": ben, "analysis": analysis, "claims": claims}
    reports = [
        analysis.changed(ben, "2024-01-31", "2024-02-02"),
        analysis.explain(ben, "ada", "2024-01-31"),
        analysis.reconcile(ben, claims, "2024-02-29"),
        analysis.restated(ben, "1w"),
    ]
    late = bank.MoneyDeposited(amount="1", transaction_id="late")
    ben.append("ada", [late], occurred_at="2024-01-03T00:00Z")
    for report in reports:
        again = eval(report.receipt.call, names)
        assert again.table.equals(report.table), report.receipt.call


def test_a_report_reads_well_and_holds_no_markup(ada):
    """The sentence stands above the rows; ids are text."""
    evil = "<script>alert(1)</script>"
    ada.append(evil, [bank.AccountOpened(owner="x", initial_balance="1.00")])
    report = analysis.explain(ada, evil)
    assert repr(report).splitlines()[1].startswith("The balance of <script>")
    assert "<script>" not in report._repr_html_()
    bars = analysis.changed(ada, recorded="2024-01-31").plot()
    assert bars._repr_png_().startswith(b"\x89PNG")


@pytest.fixture
def call(capsys, monkeypatch, tmp_path, ben):
    """Give a function that runs a command beside a log and two lists of claims."""
    monkeypatch.chdir(tmp_path)
    log = es.EventLog(tmp_path / "log", bank.EVENTS)
    log.append_frame(frame_of(ben))
    (tmp_path / "wrong.csv").write_text("account,balance\nada,370.00\nben,300.00\n")
    (tmp_path / "right.csv").write_text("account,balance\nada,370.00\nben,500.00\n")

    def called(*words):
        capsys.readouterr()
        code = run([*words, "--log", "log"])
        done = capsys.readouterr()
        return code, done.out, done.err

    return called


def frame_of(log):
    """Give a log's events as a frame to append."""
    rows = log.scan().sort("position").collect()
    return rows.drop("position", "version", "schema_version", "event_id", strict=False)


def test_reconcile_ends_with_one_where_a_claim_differs(call):
    """A script sees from the exit code whether all agree."""
    assert call("reconcile", "--claims", "right.csv")[0] == 0
    code, out, err = call("reconcile", "--claims", "wrong.csv")
    assert (code, err) == (1, "")
    assert "#123 missed; or #456 and #789 doubled" in out
    assert "1 claim differs, of 2 claims." in out


def test_commands_answer_in_every_form(call, tmp_path):
    """JSON, CSV and Parquet hold the rows exactly, each with its receipt."""
    words = ["changed", "--about", "2024-01-31", "--known", "2024-02-02"]
    answer = json.loads(call(*words, "--json")[1])
    assert answer["rows"][0]["difference"] == "-180.00"
    assert answer["receipt"]["said"].endswith("known on 2024-02-02 against known now")
    assert answer["receipt"]["call"].startswith("esbench changed --about 2024-01-31")
    rows = list(csv.DictReader(io.StringIO(call(*words, "--csv")[1])))
    assert rows[0]["old"] == "550.00"
    assert call(*words, "-o", "x.parquet")[0] == 0
    kept = json.loads(pl.read_parquet_metadata(tmp_path / "x.parquet")["esbench"])
    assert kept["call"] == answer["receipt"]["call"]


@pytest.mark.parametrize(
    "words",
    [
        ["changed", "--about", "2024-01-31"],
        ["explain", "ada", "--about", "2024-01-31", "--known", "2024-02-02"],
        ["reconcile", "--claims", "wrong.csv"],
    ],
    ids=lambda words: words[0],
)
def test_the_query_that_is_shown_gives_what_is_printed(call, words):
    """What ``--show-sql`` prints, run in DuckDB, gives the rows of ``--parquet``."""
    code, query, err = call(*words, "--show-sql")
    assert (code, err) == (0, "")
    call(*words, "-o", "rows.parquet")
    rows = pl.read_parquet("rows.parquet").drop("explanation", strict=False)
    assert through_duckdb(query).equals(rows)


def test_days_that_are_counted_back_are_pinned(call):
    """``1 month ago`` stands in the receipt as the day that it meant."""
    answer = json.loads(call("changed", "--known", "1 month ago", "--json")[1])
    assert "ago" not in answer["receipt"]["call"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["changed"], 2, "changed since when"),
        (["changed", *["--known", "2024-01-01"] * 3], 2, "three times"),
        (["reconcile", "--claims", "none.csv"], 1, "no such file"),
        (["explain", "adda"], 1, "there is ada"),
        (["series", "--known", "then", "--every", "2d"], 2, "is no period"),
    ],
)
def test_what_can_not_be_asked_is_one_line(call, words, code, said):
    """Errors say what to write instead."""
    answered = call(*words)
    assert answered[0] == code
    assert said in answered[2]
    assert len(answered[2].splitlines()) == 1


def test_a_claim_about_one_account_is_explained(call):
    """``explain --claim`` says which changes would lead there."""
    code, out, _ = call("explain", "ben", "--claim", "300")
    assert code == 0
    assert out.splitlines()[-1].startswith("300 is claimed: #123 missed; or #456")


def test_a_series_shows_what_was_reported(call):
    """``series --known then`` shows both figures and their difference."""
    code, out, _ = call("series", "ada", "--known", "then")
    assert code == 0
    assert "2024-01-31  700.00  370.00     -330.00" in out
