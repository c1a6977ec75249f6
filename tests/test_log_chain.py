"""The chain depends on what was recorded, and on nothing else."""

import hashlib
import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import accumulate

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import EVENTS, NOW, Every, Opened, Paid, numbered, sample

import esbench as es
from esbench.log.chain import BLOCK, Links, genesis, link
from esbench.log.file import commit_name, opened, rows_in
from esbench.log.pieces import in_order

TIME = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
MICROS = 1_705_314_600_000_000


def shape(*lines):
    """Give what stands for the columns that a row has a value in."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).digest()


def hashed(previous, *parts):
    """Hash numbers as 8 bytes each, and everything else as it is."""
    digest = hashlib.sha256(previous.encode())
    for part in parts:
        digest.update(struct.pack("<q", part) if isinstance(part, int) else part)
    return digest.hexdigest()


def framed(**columns):
    """Give a frame of Arrow columns."""
    return pl.DataFrame(pa.table(columns))


NONE = shape()


@pytest.mark.parametrize(
    ("values", "kind", "letter", "words"),
    [
        (["é", None, ""], pa.string(), "t", [2, None, 0, "é".encode()]),
        (["é", None, ""], pa.large_string(), "t", [2, None, 0, "é".encode()]),
        ([b"\x00\xff"], pa.binary(), "x", [4, b"00ff"]),
        ([-1, 2**63 - 1], pa.int64(), "i", [-1, 2**63 - 1]),
        ([True, None, False], pa.bool_(), "b", [1, None, 0]),
        ([1.5, -0.0], pa.float64(), "f", [struct.pack("<d", v) for v in (1.5, -0.0)]),
        ([date(1969, 12, 31)], pa.date32(), "D", [-1]),
        ([TIME], pa.timestamp("us", "UTC"), "T", [MICROS]),
        ([Decimal("-1.50")], pa.decimal128(18, 2), "d2", [-150]),
        ([Decimal("0.0001")], pa.decimal128(18, 4), "d4", [1]),
        ([None, None], pa.string(), "t", [None, None]),
    ],
    ids=str,
)
def test_the_bytes_of_each_kind_are_fixed(values, kind, letter, words):
    """Every kind of column has one canonical form, written out here by hand."""
    mine, parts = shape(f"v:{letter}"), [len(values)]
    for word in words[: len(values)]:
        parts += [NONE] if word is None else [mine, word]
    parts += words[len(values) :]
    assert link("before", framed(v=pa.array(values, kind))) == hashed("before", *parts)


def test_columns_are_taken_by_name():
    """Columns are hashed in the order of their names, empty ones not at all."""
    frame = pl.DataFrame({"b": [1], "a": [2]})
    expected = hashed("", 1, shape("a:i", "b:i"), 2, 1)
    assert expected == link("", frame) == link("", frame.select("a", "b"))
    wider = frame.with_columns(pl.lit(None, pl.String).alias("c"))
    assert link("", wider) == expected


def test_rows_are_taken_one_after_another():
    """Words come row by row, each after the shape of its row; texts follow them all."""
    frame = pl.DataFrame(
        {"n": [1, None, 3], "s": ["a", "b", None], "t": ["x", "", "z"]}
    )
    both, text, number = (
        shape("n:i", "s:t", "t:t"),
        shape("s:t", "t:t"),
        shape("n:i", "t:t"),
    )
    words = [3, both, 1, 1, 1, text, 1, 0, number, 3, 1]
    assert link("", frame) == hashed("", *words, b"ax", b"b", b"z")


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_blocks_do_not_depend_on_how_rows_come(count):
    """A commit is hashed block by block, in one call or in several whole ones."""
    frame = pl.select(n=pl.int_range(count), s=pl.lit("é"))
    starts = range(0, count, BLOCK)
    parts = []
    for start in starts:
        rows = range(start, min(start + BLOCK, count))
        mine = shape("n:i", "s:t")
        words = b"".join(mine + struct.pack("<qq", n, 2) for n in rows)
        parts += [len(rows), words, "é".encode() * len(rows)]
    expected = hashed("p", *parts)
    assert link("p", frame) == expected
    links = Links("p")
    for start in starts:
        is_last = start + BLOCK >= count
        links.add(frame[start : start + BLOCK], [min(BLOCK, count - start)] * is_last)
    assert links.chain == expected


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_many_commits_are_linked_in_one_go(sizes):
    """Rows of many commits give each the chain that it has by itself."""
    frame = pl.DataFrame(
        {
            "n": range(sum(sizes)),
            "s": [None if n % 3 else "x" * (n % 4) for n in range(sum(sizes))],
        }
    )
    ends = list(accumulate(sizes))
    expected, chain = [], "p"
    for size, end in zip(sizes, ends, strict=True):
        chain = link(chain, frame[end - size : end])
        expected.append(chain)
    assert Links("p").add(frame, ends) == expected


def test_the_head_of_a_sample_is_fixed(tmp_path):
    """The whole way from events to a head has not drifted since it was written."""
    golden = "499dc8c2afde8ea79078686fbad25bc1ca514ed899c6d04cb1c7162ed76f014a"
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


def linked(previous, table):
    """Give the chain after an Arrow table."""
    return link(previous, pl.DataFrame(table))


@given(rows=TABLES, data=st.data())
def test_layout_changes_no_chain(rows, data):
    """Chunks, slices, column order and wider offsets give the same chain."""
    columns = zip(KINDS.items(), zip(*rows, strict=True), strict=True)
    table = pa.table({n: pa.array(list(values), kind) for (n, kind), values in columns})
    expected = linked("x", table)
    order = data.draw(st.permutations(list(KINDS)))
    assert linked("x", table.select(order)) == expected
    singles = pa.concat_tables([table.slice(n, 1) for n in range(len(table))])
    assert linked("x", singles) == expected
    padded = pa.concat_tables([table, table, table]).combine_chunks()
    assert linked("x", padded.slice(len(table), len(table))) == expected
    large = pa.schema([("text", pa.large_string()), ("raw", pa.large_binary())])
    kinds = [large.field(n).type if n in large.names else k for n, k in KINDS.items()]
    wide = table.cast(pa.schema(list(zip(KINDS, kinds, strict=True))))
    assert linked("x", wide) == expected
    changed = [*rows[:-1], (*rows[-1][:1], (rows[-1][1] or 0) ^ 1, *rows[-1][2:])]
    columns = zip(KINDS.items(), zip(*changed, strict=True), strict=True)
    other = pa.table({n: pa.array(list(values), kind) for (n, kind), values in columns})
    assert linked("x", other) != expected
    assert linked("y", table) != expected


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
        _, parquet = opened(name, log.store.read(name), log.log_id)
        previous = link(previous, in_order(rows_in(name, parquet)))
        assert previous == header.chain
    assert previous == log.head().chain
