"""Anybody's tools read the files of a log, unmodified and without a dropped column."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from log_samples import NOW, Every, Paid, sample

import esbench as es

MOMENT = datetime(2024, 2, 1, 10, 30, tzinfo=UTC)
ASKED = ["position", "type", "amount", "fee", "moment", "user_id"]
ROWS = [
    (1, "Paid", Decimal("1.50"), None, None, None),
    (2, "Every", None, None, MOMENT, None),
    (3, "Paid", Decimal("2.00"), Decimal("0.1000"), None, "ada"),
    (4, "Paid", Decimal("3.00"), Decimal("0.2500"), None, None),
]


def grown():
    """Give ``Paid`` with a field that was added later."""

    class Paid(es.Event):
        amount: es.Money
        note: str | None = None
        fee: Annotated[es.Money, es.places(4)] = "0.1"

    return Paid


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Give a log to whose types and columns more was added between its commits."""
    folder = tmp_path_factory.mktemp("log")
    old = es.EventLog(folder, [Paid, Every], clock=es.Clock(NOW))
    old.append("a", [Paid(amount="1.50", note="<é>")])
    old.append("a", [Every(moment=MOMENT, day=date(2024, 2, 1), raw=b"\x00", whole=7)])
    new = grown()
    log = es.EventLog(folder, [new, Every], clock=es.Clock(NOW))
    log.append("a", [new(amount=2)], metadata={"user_id": "ada"})
    log.append("a", [new(amount=3, fee="0.25")])
    return log


def test_the_widest_file_comes_first(log):
    """The first file has every column that any of them has."""
    names = [pq.read_schema(file).names for file in log.files()]
    assert set().union(*names) == set(names[0])
    assert len(names[1]) < len(names[0])
    assert sorted(log.files()) == log.files()[1:] + log.files()[:1]


def test_duckdb_reads_the_files(log):
    """DuckDB gives every row and column by name, and says so where it needs that."""
    plain = f"SELECT {', '.join(ASKED)} FROM read_parquet(?) ORDER BY position"
    united = plain.replace("(?)", "(?, union_by_name = true)")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        answer = connection.sql(united, params=[log.files()])
        types = dict(zip(answer.columns, map(str, answer.types), strict=True))
        assert answer.pl().rows() == ROWS
        assert types["amount"] == "DECIMAL(18,2)"
        assert types["fee"] == "DECIMAL(18,4)"
        assert types["moment"] == "TIMESTAMP WITH TIME ZONE"
        assert types["position"] == "BIGINT"
        with pytest.raises(duckdb.InvalidInputException, match="union_by_name"):
            connection.execute(plain, [log.files()])


def test_duckdb_reads_files_of_one_shape_plainly(tmp_path):
    """While no field was added, DuckDB needs no option."""
    log = sample(tmp_path)
    log.append("acc_1", [Paid(amount=2)])
    files = [file for file in log.files() if not file.endswith("01.parquet")]
    with duckdb.connect() as connection:
        asked = connection.execute("SELECT sum(amount) FROM read_parquet(?)", [files])
        assert asked.fetchone() == (Decimal("3.50"),)


def test_pyarrow_reads_the_files(log):
    """A pyarrow dataset gives every row and column, in the columns' own types."""
    table = ds.dataset(log.files()).to_table().sort_by("position")
    rows = zip(*(table[name].to_pylist() for name in ASKED), strict=True)
    assert list(rows) == ROWS
    assert table.schema.field("amount").type == pa.decimal128(18, 2)
    assert table.schema.field("moment").type == pa.timestamp("us", "UTC")
    assert table.schema.field("day").type == pa.date32()
    assert table.schema.field("raw").type == pa.binary()


def test_pandas_reads_the_files(log):
    """Pandas gives every row and column, decimals as decimals."""
    frame = pd.read_parquet(log.files(), dtype_backend="pyarrow")
    frame = frame.sort_values("position")[ASKED]
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False)
    assert [tuple(row) for row in rows] == ROWS
    assert str(frame["amount"].dtype) == "decimal128(18, 2)[pyarrow]"


def test_polars_reads_the_files(log):
    """Polars gives every row and column, when told that columns may be missing."""
    frame = pl.scan_parquet(log.files(), missing_columns="insert").sort("position")
    assert frame.select(ASKED).collect().rows() == ROWS
    scanned = log.scan().sort("position").collect()
    assert scanned.select(ASKED).rows() == ROWS
    assert scanned.schema == frame.collect().select(scanned.columns).schema


def test_scan_has_typed_columns(log):
    """A scan of one type has its events and its columns alone."""
    paid = log.scan("Paid").sort("position").collect()
    assert paid.columns == [
        *("position", "aggregate_id", "version", "type", "schema_version"),
        *("occurred_at", "recorded_at", "user_id", "payload", "amount", "note", "fee"),
    ]
    assert paid.get_column("amount").to_list() == [
        Decimal("1.5"),
        Decimal(2),
        Decimal(3),
    ]
    assert paid.schema["recorded_at"] == pl.Datetime("us", "UTC")
    with pytest.raises(es.NotFound, match="knows no event type 'Pade'; it knows: Paid"):
        log.scan("Pade")


def test_an_empty_log_scans_to_no_rows():
    """A log without events has its columns, and no files."""
    log = es.EventLog.temporary([Paid])
    assert log.scan("Paid").collect().height == 0
    assert log.scan().collect().columns[:3] == ["position", "aggregate_id", "version"]
    assert log.files() == []
    assert "amount" in log.scan("Paid").collect().columns


def test_large_files_are_read_alike(tmp_path):
    """A commit of many rows, laid out otherwise, reads the same in every tool."""
    log = es.EventLog(tmp_path, [Paid], clock=es.Clock(NOW))
    amounts = pl.int_range(5_000, eager=True).cast(pl.Decimal(18, 2)) / 100
    frame = pl.DataFrame(
        {
            "aggregate_id": [f"acc_{n % 7}" for n in range(5_000)],
            "type": "Paid",
            "amount": amounts.cast(pl.Decimal(18, 2)),
        }
    )
    log.append_frame(frame)
    total = frame.get_column("amount").sum()
    (file,) = log.files()
    with duckdb.connect() as connection:
        asked = connection.execute("SELECT sum(amount) FROM read_parquet(?)", [file])
        assert asked.fetchone() == (total,)
    assert pd.read_parquet(file)["amount"].sum() == total
    assert pl.read_parquet(file)["amount"].sum() == total
    assert sum(row.event.amount for row in log.read()) == total


ASKING = """
import sys
import esbench as es
from esbench.log import pages
from log_samples import EVENTS, Paid

class Payments(es.Projection):
    paid = es.total((Paid, "amount"))

def opened():
    return es.EventLog.existing(sys.argv[1], EVENTS)

log = opened()
list(log.read()), list(log.read("acc_1")), log.scan("Paid").collect(), log.verify()
Payments.hydrate(log, "acc_1"), Payments.table(log), Payments.snapshot(log)
Payments.hydrate(opened(), "acc_2"), log.merge(), log.append("a", [Paid(amount=1)])
pages.DECODED = 0  # as if the next were so large that every row is measured
log.append("a", [Paid(amount=1, note=None if n % 2 else "x") for n in range(3_000)])
pages.DECODED = 2**30
print("polars" in sys.modules, "pandas" in sys.modules)
"""


def test_no_call_loads_pandas(tmp_path):
    """Asking of large files in a new process does not wait a second for pandas."""
    log = sample(tmp_path)
    keys = [f"acc_{n % 7}" for n in range(3_000)]
    log.append_frame(pl.DataFrame({"aggregate_id": keys, "type": "Paid", "amount": 1}))
    done = subprocess.run(
        [sys.executable, "-c", ASKING, str(tmp_path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True False\n"
