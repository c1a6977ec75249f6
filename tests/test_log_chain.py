"""The chain depends on what was recorded, and on nothing else."""

import hashlib
import struct
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import EVENTS, NOW, Every, Opened, Paid, numbered, sample

import esbench as es
from esbench.log.chain import genesis, link
from esbench.log.file import commit_name, opened, rows_in

TIME = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
MICROS = 1_705_314_600_000_000


def hashed(previous, *parts):
    """Hash numbers as 8 bytes each, and everything else as it is."""
    digest = hashlib.sha256(previous.encode())
    for part in parts:
        digest.update(struct.pack("<q", part) if isinstance(part, int) else part)
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("values", "kind", "parts"),
    [
        (["é", None, ""], pa.string(), [b"v:t:3\n\1\0\1", 2, 0, "é".encode()]),
        (["é", None, ""], pa.large_string(), [b"v:t:3\n\1\0\1", 2, 0, "é".encode()]),
        ([b"\x00\xff"], pa.binary(), [b"v:x:1\n\1", 2, b"\x00\xff"]),
        ([-1, 2**63 - 1], pa.int64(), [b"v:i:2\n\1\1", -1, 2**63 - 1]),
        ([True, None, False], pa.bool_(), [b"v:b:3\n\1\0\1", 1, 0]),
        ([1.5, -0.0], pa.float64(), [b"v:f:2\n\1\1", struct.pack("<2d", 1.5, -0.0)]),
        ([date(1969, 12, 31)], pa.date32(), [b"v:D:1\n\1", -1]),
        ([TIME], pa.timestamp("us", "UTC"), [b"v:T:1\n\1", MICROS]),
        ([Decimal("-1.50")], pa.decimal128(18, 2), [b"v:d2:1\n\1", -150]),
        ([Decimal("0.0001")], pa.decimal128(18, 4), [b"v:d4:1\n\1", 1]),
        ([None, None], pa.string(), []),
    ],
    ids=str,
)
def test_the_bytes_of_each_kind_are_fixed(values, kind, parts):
    """Every kind of column has one canonical form, written out here by hand."""
    table = pa.table({"v": pa.array(values, kind)})
    assert link("before", table) == hashed("before", *parts)


def test_columns_are_taken_by_name():
    """Columns are hashed in the order of their names, empty ones not at all."""
    table = pa.table({"b": [1], "a": [2]})
    expected = hashed("", b"a:i:1\n\1", 2, b"b:i:1\n\1", 1)
    assert expected == link("", table) == link("", table.select(["a", "b"]))
    wider = table.append_column("c", pa.nulls(1, pa.string()))
    assert link("", wider) == expected


def test_the_head_of_a_sample_is_fixed(tmp_path):
    """The whole way from events to a head has not drifted since it was written."""
    golden = "d8fddee5e5afc506eabbe7b84005d6581a4e24fb64173e530f4ac2a125e16965"
    assert sample(tmp_path).head() == es.Head(4, golden)
    assert genesis("id-0") == hashlib.sha256(b"esbench log id-0").hexdigest()


TABLES = st.lists(
    st.tuples(
        st.none() | st.text(max_size=3),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.integers(-(10**17), 10**17).map(lambda n: Decimal(n).scaleb(-2)),
        st.none() | st.dates(),
        st.none() | st.binary(max_size=3),
    ),
    min_size=1,
    max_size=12,
)
KINDS = {
    "text": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "money": pa.decimal128(18, 2),
    "day": pa.date32(),
    "raw": pa.binary(),
}


@given(rows=TABLES, data=st.data())
def test_layout_changes_no_chain(rows, data):
    """Chunks, slices, column order and wider offsets give the same chain."""
    columns = zip(KINDS.items(), zip(*rows, strict=True), strict=True)
    table = pa.table({n: pa.array(list(values), kind) for (n, kind), values in columns})
    expected = link("x", table)
    order = data.draw(st.permutations(list(KINDS)))
    assert link("x", table.select(order)) == expected
    singles = pa.concat_tables([table.slice(n, 1) for n in range(len(table))])
    assert link("x", singles) == expected
    padded = pa.concat_tables([table, table, table]).combine_chunks()
    assert link("x", padded.slice(len(table), len(table))) == expected
    large = pa.schema([("text", pa.large_string()), ("raw", pa.large_binary())])
    kinds = [large.field(n).type if n in large.names else k for n, k in KINDS.items()]
    wide = table.cast(pa.schema(list(zip(KINDS, kinds, strict=True))))
    assert link("x", wide) == expected
    changed = [*rows[:-1], (*rows[-1][:1], (rows[-1][1] or 0) ^ 1, *rows[-1][2:])]
    columns = zip(KINDS.items(), zip(*changed, strict=True), strict=True)
    other = pa.table({n: pa.array(list(values), kind) for (n, kind), values in columns})
    assert link("x", other) != expected
    assert link("y", table) != expected


def chains(log):
    """Give the chain behind each commit of a log."""
    return [header.chain for header in log.headers()]


def test_events_and_frames_give_the_same_chain():
    """The same rows have the same chain, whichever way they were appended."""
    events = [Opened(owner="Ada"), Paid(amount="1.50", note="é"), Paid(amount=2)]
    single = es.EventLog.temporary(EVENTS, clock=es.Clock(NOW), ids=numbered())
    single.append("a", events)
    framed = es.EventLog.temporary(EVENTS[::-1], clock=es.Clock(NOW), ids=numbered())
    frame = pl.DataFrame(
        {
            "note": [None, "é", None],
            "type": ["Opened", "Paid", "Paid"],
            "amount": [None, "1.50", "2"],
            "aggregate_id": ["a"] * 3,
            "owner": ["Ada", None, None],
        }
    )
    framed.append_frame(frame)
    assert chains(single) == chains(framed)


def test_a_chain_is_recomputed_from_the_file():
    """What was hashed before writing is what is hashed after reading."""
    log = es.EventLog.temporary(EVENTS, clock=es.Clock(NOW))
    log.append("a", [Every(), Every(number=-0.0, raw=b"", text=""), Paid(amount=0)])
    rows = {"aggregate_id": ["a"] * 2_000, "type": "Paid", "amount": range(2_000)}
    log.append_frame(pl.DataFrame(rows))
    previous = genesis(log.log_id)
    for header in log.headers():
        name = commit_name(header.first)
        _, parquet = opened(name, log._store.read(name), log.log_id)
        previous = link(previous, rows_in(name, parquet))
        assert previous == header.chain
    assert previous == log.head().chain
