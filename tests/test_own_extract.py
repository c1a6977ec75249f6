"""From a file to a dated answer: by command and by notebook the figures are the same.

The lesson's own cells are run, and so are the commands that its text tells, on the
same `data/extract.csv`; what each command prints as JSON is held against the frame
that the notebook made.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from esbench import analysis
from esbench.domains import bank

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "notebooks" / "20_own_extract.ipynb"
CELLS = json.loads(LESSON.read_text("utf-8"))["cells"]
TEXT = "\n".join("".join(one["source"]) for one in CELLS)
(TOLD,) = re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [shlex.split(line)[1:] for line in TOLD.splitlines()]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The names of the lesson after all its cells were run, exercises apart."""
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    folder.mkdir()
    shutil.copytree(ROOT / "data", folder.parent / "data")
    names = {"__name__": "lesson"}
    with contextlib.chdir(folder):
        for one in CELLS:
            source = "".join(one["source"])
            if one["cell_type"] == "code" and "# your turn" not in source:
                exec(compile(source, LESSON.name, "exec"), names)
    return names


@pytest.fixture(scope="module")
def printed(tmp_path_factory, notebook):
    """What each command of the lesson prints, as JSON, by its name."""
    folder = tmp_path_factory.mktemp("terminal")
    shutil.copy(ROOT / "data" / "extract.csv", folder)
    claims = pl.DataFrame(
        {
            "account": list(notebook["cleaned"]),
            "balance": list(notebook["cleaned"].values()),
        }
    )
    claims.write_csv(folder / "cleaned.csv")
    found = {}
    with contextlib.chdir(folder):
        for words in COMMANDS:
            done = subprocess.run(
                [sys.executable, "-m", "esbench.cli", *words, "--json"],
                capture_output=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                check=False,
            )
            assert done.returncode == (words[0] == "reconcile"), done.stderr.decode()
            found[words[0]] = json.loads(done.stdout)
    return found


def rows(answer, *columns):
    """Give some columns of what a command prints, amounts as decimals."""
    return [tuple(_value(row[name]) for name in columns) for row in answer["rows"]]


def _value(cell):
    if isinstance(cell, str) and re.fullmatch(r"-?\d+\.\d\d", cell):
        return Decimal(cell)
    return cell


def frame(table, *columns):
    """Give the same columns of a frame."""
    dates = [name for name in columns if table.schema[name] == pl.Date]
    texts = table.with_columns(pl.col(name).cast(pl.String) for name in dates)
    return texts.select(columns).rows()


def test_the_import_takes_the_same_rows(notebook, printed):
    """Both bring 164 events in, leave the same lines out, and find balances agree."""
    told, plan = printed["import"], notebook["plan"]
    assert told["new"] == len(plan.events) == 164
    assert told["written"] == {"first": 1, "last": 164}
    assert [one["line"] for one in told["left_out"]] == [one.line for one in plan.left]
    assert told["bad"] == plan.bad == []
    assert all(one["said"] == one["found"] for one in told["checks"])
    assert len(told["checks"]) == len(plan.checks) == 5
    assert told["zone"] == notebook["log"].zone == "Europe/Warsaw"


def test_the_dated_answer_is_the_same(notebook, printed):
    """The balances printed on March 31 are equal, and so is their receipt."""
    columns = ("aggregate_id", "owner", "balance")
    assert rows(printed["table"], *columns) == frame(notebook["printed"], *columns)
    assert dict(rows(printed["table"], "aggregate_id", "balance")) == {
        "PL61000000": Decimal("67.78"),
        "PL62234567": Decimal("366.79"),
        "PL63469134": Decimal("573.71"),
        "PL64703701": Decimal("-85.53"),
        "PL65938268": Decimal("5945.04"),
    }
    told, receipt = printed["table"]["receipt"], notebook["receipt"]
    assert (told["read"], told["left_out"]) == (receipt.read, receipt.left_out)
    assert told["said"] == receipt.said
    assert told["position"] == receipt.position == 164


def test_the_restatement_list_is_the_same(notebook, printed):
    """Two accounts were restated, by the same amounts and for the same reasons."""
    columns = ("aggregate_id", "old", "new", "difference", "events", "transactions")
    table = notebook["report"].table
    assert rows(printed["changed"], *columns) == frame(table, *columns)
    assert frame(table, "aggregate_id", "difference") == [
        ("PL61000000", Decimal("25.00")),
        ("PL62234567", Decimal("-46.40")),
    ]


def test_the_claims_differ_alike(notebook, printed):
    """A colleague's cleaned sums differ for two accounts, explained in the same way."""
    columns = ("aggregate_id", "claimed", "log", "difference", "status", "explanation")
    table = notebook["claims"].table
    assert rows(printed["reconcile"], *columns) == frame(table, *columns)
    assert all("missed" in text for text in table["explanation"])


def test_what_each_month_said_is_the_same(notebook, printed):
    """Month by month, both sides are equal."""
    columns = ("aggregate_id", "end", "then", "now")
    table = notebook["months"].table
    assert rows(printed["series"], *columns) == frame(table, *columns)
    assert table.height == 15


def test_the_time_machine_stands_on_the_same_figures(notebook, printed):
    """The stage's and the form's sentences hold the figures of the commands."""
    account = "PL62234567"
    then = dict(rows(printed["table"], "aggregate_id", "balance"))[account]
    now = dict(rows(printed["changed"], "aggregate_id", "new"))[account]
    assert notebook["stage"].finding == (
        f"About Mar 31: known on Mar 31, {then}; on Apr 1, {now}."
    )
    past = notebook["log"].as_of("2024-03-31", recorded="2024-03-31")
    assert bank.Account.hydrate(past, account).balance == then


def test_by_the_naive_way_two_accounts_are_wrong(notebook):
    """What the lesson finds wrong is wrong: the log agrees with the bank."""
    now = bank.Account.table(notebook["log"])
    assert dict(now.select("aggregate_id", "balance").iter_rows()) == notebook["stated"]
    assert set(notebook["wrong"]) == {"PL63469134", "PL64703701"}


def test_without_the_booking_day_nothing_was_known(notebook):
    """If the column is left unread, the report of March 31 is empty."""
    plan = analysis.plan_import(
        notebook["log"].temporary(bank.EVENTS), [("extract.csv", notebook["raw"])]
    )
    log = notebook["log"].temporary(bank.EVENTS)
    plan.commit(log)
    assert len(log.as_of("2024-03-31")) == 164
    assert len(log.as_of("2024-03-31", recorded="2024-03-31")) == 0
