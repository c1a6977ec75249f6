"""Pictures of answers: what they draw, what they say, and that they can be read."""

import warnings
from datetime import date, datetime
from itertools import combinations

import pytest
from matplotlib import colors
from matplotlib.collections import PathCollection
from matplotlib.dates import num2date

import esbench as es
from esbench.domains import bank
from esbench.projection.plots import INKS, ORANGE

HOSTILE = "$x_{1}^$<b>_\U0001f600"


@pytest.fixture(scope="module")
def ada():
    """Ada's story, with one late event and one correction."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    return log


@pytest.fixture(scope="module")
def many():
    """A bank of 60 accounts over two years."""
    log = es.EventLog.temporary(bank.EVENTS)
    log.append_frame(bank.traffic(60, 3_000, seed=4, late=0.1, corrections=0.05))
    return log.as_of("2024-12-31")


@pytest.fixture(scope="module")
def close():
    """Four events a day apart, each recorded on a day of its own a month later."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    log.append("a", [bank.AccountOpened(owner="A", initial_balance=500)])
    clock.set("2024-01-05")
    log.append("a", [bank.MoneyWithdrawn(amount=400, transaction_id="t")])
    for day in (10, 11, 12, 13):
        clock.set(f"2024-02-{day}")
        event = bank.MoneyDeposited(amount=1, transaction_id=str(day))
        log.append("a", [event], occurred_at=f"2024-01-{day}T12:00:00Z")
    return log


def line(figure):
    """Return the first line that is drawn, as days and values."""
    drawn = figure.axes[0].lines[0]
    return [num2date(x).date() for x in drawn.get_xdata(orig=False)], list(
        drawn.get_ydata()
    )


def late_marks(figure):
    """Return where late events are marked."""
    marks = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    return [num2date(x).date() for mark in marks for x, _ in mark.get_offsets()]


def texts(figure):
    """Return all that is written, with where it is."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    axes = figure.axes[0]
    written = [*axes.texts, axes.xaxis.label, axes.title, axes._left_title]
    written += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    if axes.get_legend():
        written += axes.get_legend().get_texts()
    unseen = {
        id(label)
        for axis, limits in (
            (axes.xaxis, axes.get_xlim()),
            (axes.yaxis, axes.get_ylim()),
        )
        for label, place in zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)
        if not min(limits) <= place <= max(limits)
    }
    shown = [t for t in written if t.get_text().strip() and id(t) not in unseen]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


def pictures(ada, many):
    """Return one picture of every sort."""
    few = ["acc_001", "acc_002", "acc_003"]
    then = ada.as_of("2024-01-31", recorded="2024-01-31")
    return {
        "steps": bank.Account.steps(ada, "ada").plot(),
        "steps of many events": bank.Account.steps(many, "acc_001").plot(),
        "a short series": bank.Account.series(ada, every="1d").plot(),
        "a series of one": bank.Account.series(many, only=["acc_001"]).plot(),
        "a series of few": bank.Account.series(many, only=few).plot(),
        "a series of many": bank.Account.series(many).plot(),
        "days of a series": bank.Account.series(many, every="1d", only=few).plot(),
        "years of a series": bank.Account.series(many, every="1y").plot(),
        "a table": bank.Account.table(many).plot(),
        "a table of one": bank.Account.table(ada).plot(),
        "a comparison": bank.Account.compare(then, ada).plot(),
        "days": bank.Daily.table(many).plot(),
        "a plain series": bank.Ledger.series(many, only=few).plot("balance"),
    }


def test_no_labels_overlap_in_any_picture(ada, many, close):
    """Whatever is drawn, no two texts lie on each other, and none leaves the page."""
    drawn = pictures(ada, many)
    drawn["late events close together"] = bank.Account.steps(close, "a").plot()
    for name, figure in drawn.items():
        written = texts(figure)
        for (one, a), (other, b) in combinations(written, 2):
            assert not a.overlaps(b), f"{name}: {one!r} and {other!r}"
        page = figure.bbox.expanded(1.01, 1.01)
        for text, box in written:
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, f"{name}: {text!r}"
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, f"{name}: {text!r}"


def test_every_picture_says_which_past_it_is_about(ada, many):
    """The projection and both coordinates stand in the title."""
    figures = pictures(ada, many)
    titles = {name: f.axes[0].get_title(loc="left") for name, f in figures.items()}
    assert titles["steps"] == "Account: balance of ada\nas known now"
    assert titles["a series of many"] == (
        "Account: balance of 60 keys, the 5 largest named\n"
        "about 2024-12-31, as known now"
    )
    assert titles["a table"] == (
        "Account: balance of the 20 largest of 60 keys\nabout 2024-12-31, as known now"
    )
    assert titles["a comparison"] == (
        "Account: balance change of 1 key\n"
        "a: about 2024-01-31, as known on 2024-01-31; b: as known now"
    )
    for name, title in titles.items():
        assert "as known" in title, name


def test_steps_are_drawn_over_the_time_when_things_occurred(ada):
    """The line holds the balance about each moment, and late events are marked."""
    figure = bank.Account.steps(ada, "ada").plot()
    days = [date(2024, 1, 1), date(2024, 1, 15), date(2024, 1, 20)]
    assert line(figure) == (days, [500.0, 520.0, 370.0])
    assert late_marks(figure) == days[1:]
    said = [text for text, _ in texts(figure)]
    assert {"recorded Feb 2", "recorded Feb 5"} <= set(said)
    then = ada.as_of("2024-01-31", recorded="2024-01-31")
    assert line(bank.Account.steps(then, "ada").plot()) == (days[:2], [500.0, 700.0])
    assert late_marks(bank.Account.steps(then, "ada").plot()) == []


def test_what_does_not_add_up_is_drawn_in_the_order_of_recording(ada):
    """A largest value can't be told anew for the past, so the axis says recorded."""

    class Peak(es.Projection):
        most = es.largest(
            (bank.MoneyDeposited, "amount"), (bank.MoneyWithdrawn, "amount")
        )

    figure = Peak.steps(ada, "ada").plot()
    assert figure.axes[0].get_xlabel() == "recorded"
    days = [date(2024, 1, 15), date(2024, 2, 2), date(2024, 2, 5)]
    assert [d for d in line(figure)[0] if d != date(2024, 1, 1)] == days


def test_a_series_marks_the_periods_that_got_events_afterwards(ada):
    """A late event is marked at the end of the period that it belongs to."""
    figure = bank.Account.series(ada, every="1w").plot()
    ends = [date(2024, 1, 7), date(2024, 1, 14), date(2024, 1, 21)]
    assert line(figure) == (ends, [500.0, 500.0, 370.0])
    assert late_marks(figure) == [ends[-1]]
    assert late_marks(bank.Ledger.series(ada, every="1w").plot("balance")) == [ends[-1]]
    known = ada.as_of(recorded="2024-01-31")
    assert late_marks(bank.Account.series(known, every="1w").plot()) == []


def test_few_lines_are_told_apart_by_colour_and_by_shape(many):
    """Each key has an ink and a mark of its own, and orange is for late events."""
    keys = [f"acc_{number:03}" for number in range(1, 8)]
    axes = bank.Account.series(many, only=keys).plot().axes[0]
    assert [each.get_label() for each in axes.lines] == keys
    assert len({each.get_color() for each in axes.lines}) == len(keys)
    assert len({each.get_marker() for each in axes.lines}) == len(keys)
    assert ORANGE not in INKS
    marks = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert {colors.to_hex(mark.get_facecolor()[0]).upper() for mark in marks} == {
        ORANGE
    }
    assert all(mark.get_hatch() for mark in marks)


def test_many_lines_become_a_band_and_the_largest(many):
    """Of 60 accounts the five largest are named, and the others are a band."""
    series = bank.Account.series(many)
    last = bank.Account.table(many).sort("balance", descending=True)
    expected = last.get_column("aggregate_id").head(5).to_list()
    axes = bank.Account.series(many).plot().axes[0]
    named = [each.get_label() for each in axes.lines]
    assert named == ["median of all", *expected]
    assert series.get_column("aggregate_id").n_unique() == 60


def test_a_field_may_be_chosen(ada):
    """``plot`` draws the field that is named, and says which there are."""

    class Traffic(es.Projection):
        owner = es.first(bank.AccountOpened, "owner")
        times = es.count(bank.MoneyDeposited, bank.MoneyWithdrawn)
        balance = es.total(bank.MoneyDeposited, "amount")

    table = Traffic.table(ada)
    for field, what in ((None, "times"), ("balance", "balance")):
        assert f"Traffic: {what} of" in table.plot(field).axes[0].get_title(loc="left")
    for wrong in ("owner", "colour"):
        with pytest.raises(es.InvalidFrame, match="numbers are times, balance"):
            table.plot(wrong)


def test_nothing_to_draw_is_said(ada):
    """Empty answers and those without numbers are refused with a word."""
    with pytest.raises(es.InvalidFrame, match="there are no rows"):
        bank.Account.compare(ada, ada).plot()
    words = es.projection(lambda state, event: type(event).__name__)
    with pytest.raises(es.InvalidFrame, match="no field holds numbers"):
        words.table(ada).plot()


def test_names_are_drawn_as_plain_text():
    """Ids with dollars, markup, a leading underscore or emoji do no harm."""
    log = es.EventLog.temporary(bank.EVENTS)
    for key in (HOSTILE, "_hidden", "a\nb" + "c" * 100):
        log.append(key, [bank.AccountOpened(owner="A", initial_balance=1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for answer in (
            bank.Account.table(log),
            bank.Account.series(log, every="1d"),
            bank.Account.steps(log, HOSTILE),
        ):
            figure = answer.plot()
            assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_picture_shows_itself_and_saves(ada, tmp_path):
    """It is a matplotlib figure, and a notebook shows its PNG."""
    figure = bank.Account.steps(ada, "ada").plot()
    figure.savefig(tmp_path / "steps.pdf")
    assert (tmp_path / "steps.pdf").read_bytes().startswith(b"%PDF")
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_time_is_drawn_in_the_zone_of_the_log():
    """Midnight in Warsaw is midnight in the picture."""
    log = es.EventLog.temporary(bank.EVENTS, zone="Europe/Warsaw")
    event = bank.AccountOpened(owner="A", initial_balance=1)
    log.append("a", [event], occurred_at="2024-01-14T23:00:00Z")
    drawn = bank.Account.steps(log, "a").plot().axes[0].lines[0]
    first = num2date(drawn.get_xdata(orig=False)[0]).replace(tzinfo=None)
    assert first == datetime(2024, 1, 15)  # noqa: DTZ001 - as on a wall
