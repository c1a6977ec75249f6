"""Files that somebody made with bad intentions, each by the sentence that it is.

``CASES`` gives for each of them the file that is to be replaced in the log of
``test_log_hostile.sound``, and what makes it hostile in place. All carry a digest that
fits, except where that is the point.
"""
# ruff: noqa: D103 - a case is told by its name

import re
import struct

import pyarrow as pa
from log_forge import (
    BINARY,
    DICTIONARY,
    I32,
    I64,
    LIST,
    STRUCT,
    Forged,
    Raw,
    joined,
    listed,
    packed,
    page,
    sealed,
    varint,
    zeros,
)

from esbench.log.file import commit_name, opened, rows_in, seal

ROWS = 3_000
SMALL, LARGE, LAST = commit_name(2), commit_name(5), commit_name(5 + ROWS)

CASES = {}


def case(*names):
    """Register what makes a file hostile, for each of the files named."""

    def registered(change):
        kinds = {SMALL: "small", LARGE: "large", LAST: "last"}
        for name in names:
            CASES[f"{change.__name__.replace('_', ' ')}, {kinds[name]}"] = name, change
        return change

    return registered


def forging(change):
    """Make a change of a forged file a change of a path."""

    def changed(path):
        forged = Forged(path.read_bytes())
        change(forged)
        path.write_bytes(forged.whole())

    changed.__name__ = change.__name__
    return changed


# Not Parquet at all


@case(SMALL, LARGE)
def is_empty(path):
    path.write_bytes(b"")


@case(SMALL, LARGE)
def is_half(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@case(SMALL, LARGE)
def lacks_its_first_half_and_is_sealed(path):
    data = path.read_bytes()
    path.write_bytes(sealed(data[len(data) // 2 :]))


@case(SMALL)
def is_noise(path):
    state = 1
    noise = bytearray()
    for _ in range(10_000):
        state = state * 48_271 % 2_147_483_647
        noise.append(state & 255)
    path.write_bytes(noise)


@case(SMALL)
def is_noise_in_a_frame(path):
    is_noise(path)
    path.write_bytes(joined(b"PAR1", b"\x18\x0eesbench.digest\x18\x40" + b"0" * 64))


@case(SMALL, LARGE)
def tells_of_a_footer_larger_than_itself(path):
    data = path.read_bytes()
    path.write_bytes(sealed(data[:-8] + struct.pack("<I", 2**32 - 1) + b"PAR1"))


@case(SMALL)
def is_a_hole_of_a_terabyte(path):
    with path.open("r+b") as file:
        file.truncate(2**40)


@case(SMALL)
def is_a_hole_that_ends_like_a_file(path):
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(2**40)
        file.seek(0, 2)
        file.write(data)


# Footers


def footed(path, footer):
    """Give a file another footer, which carries a digest that fits."""
    body = Forged(path.read_bytes()).body
    path.write_bytes(joined(body, footer))


def keys(path):
    """Give the header and the digest as a footer holds them."""
    return {5: Forged(path.read_bytes()).footer[5]}


def element(name, **fields):
    """Give a column of a schema."""
    return {1: (I32, 2), 3: (I32, 1), 4: (BINARY, name.encode())} | fields


ROOT = {4: (BINARY, b"schema"), 5: (I32, 1)}


@case(SMALL)
def has_a_million_empty_columns(path):
    group = {1: (LIST, Raw(listed(STRUCT, 1_000_000) + b"\x26\x00\x00" * 1_000_000))}
    group |= {2: (I64, 0), 3: (I64, 1)}
    schema = (STRUCT, [ROOT, element("a")])
    footer = {1: (I32, 2), 2: (LIST, schema), 3: (I64, 1)}
    footed(path, packed(footer | {4: (LIST, (STRUCT, [group]))} | keys(path)))


@case(SMALL)
def has_many_groups_of_many_empty_columns(path):
    chunks = Raw(listed(STRUCT, 60_000) + b"\x26\x00\x00" * 60_000)
    group = {1: (LIST, chunks), 2: (I64, 0), 3: (I64, 1)}
    schema = (STRUCT, [ROOT, element("a")])
    footer = {1: (I32, 2), 2: (LIST, schema), 3: (I64, 1)}
    footed(path, packed(footer | {4: (LIST, (STRUCT, [group] * 100))} | keys(path)))


@case(SMALL)
def claims_many_columns_and_has_none(path):
    chunks = Raw(listed(STRUCT, 2**31 - 1))
    group = {1: (LIST, chunks), 2: (I64, 0), 3: (I64, 1)}
    footer = {1: (I32, 2), 2: (LIST, (STRUCT, [ROOT])), 3: (I64, 1)}
    footed(path, packed(footer | {4: (LIST, (STRUCT, [group]))} | keys(path)))


@case(SMALL)
def has_a_million_row_groups(path):
    groups = Raw(
        listed(STRUCT, 1_000_000) + b"\x19\x0c\x16\x00\x16\x02\x00" * 1_000_000
    )
    footer = {1: (I32, 2), 2: (LIST, (STRUCT, [ROOT])), 3: (I64, 1), 4: (LIST, groups)}
    footed(path, packed(footer | keys(path)))


@case(SMALL)
def declares_a_million_columns(path):
    one = packed(element("a"))
    schema = Raw(listed(STRUCT, 1_000_001) + packed(ROOT) + one * 1_000_000)
    footer = {1: (I32, 2), 2: (LIST, schema), 3: (I64, 1)}
    footed(path, packed(footer | {4: (LIST, (STRUCT, []))} | keys(path)))


@case(SMALL)
def has_a_footer_of_70_megabytes(path):
    footer = Forged(path.read_bytes()).footer
    footer[6] = (BINARY, b"x" * 70 * 2**20)
    footed(path, packed(footer))


@case(SMALL)
def has_a_million_keys(path):
    footer = Forged(path.read_bytes()).footer
    footer[5][1][1].extend([{1: (BINARY, b"")}] * 1_000_000)
    footed(path, packed(footer))


@case(SMALL)
def has_a_footer_of_a_million_structs_in_each_other(path):
    footer = Forged(path.read_bytes()).footer
    footer[30] = (STRUCT, Raw(b"\x1c" * 1_000_000 + b"\x00" * 1_000_001))
    footed(path, packed(footer))


@case(SMALL)
def has_a_footer_of_lists_in_lists(path):
    footer = Forged(path.read_bytes()).footer
    footer[30] = (LIST, Raw(b"\x19" * 1_000_000 + b"\x03\x00"))
    footed(path, packed(footer))


@case(SMALL, LARGE)
@forging
def claims_2_to_the_60_rows(file):
    file.footer[3] = (I64, 2**60)


@case(SMALL, LARGE)
@forging
def claims_2_to_the_60_rows_everywhere(file):
    file.footer[3] = (I64, 2**60)
    for group in file.groups:
        group[3] = (I64, 2**60)
        for column in range(len(file.columns())):
            file.chunk(column)[5] = (I64, 2**60)
    file.header(last=2**60 + file.told()["first"] - 1)


@case(SMALL, LARGE)
@forging
def claims_fewer_than_no_rows(file):
    file.footer[3] = (I64, -5)
    file.groups[0][3] = (I64, -5)


@case(SMALL, LARGE)
@forging
def claims_another_row_in_a_group(file):
    file.groups[0][3] = (I64, file.groups[0][3][1] + 1)


@case(SMALL, LARGE)
@forging
def claims_another_value_in_a_column(file):
    file.chunk(3)[5] = (I64, file.chunk(3)[5][1] + 1)


@case(SMALL, LARGE)
@forging
def has_no_row_groups(file):
    file.footer[4] = (LIST, (STRUCT, []))


@case(SMALL, LARGE)
@forging
def has_a_group_that_lacks_columns(file):
    file.groups[0][1][1][1].pop()


@case(SMALL, LARGE)
@forging
def has_a_column_twice(file):
    chunks = file.groups[0][1][1][1]
    chunks[2] = chunks[0]


@case(SMALL, LARGE)
@forging
def has_a_column_at_an_absurd_place(file):
    file.chunk(1)[9] = (I64, 2**62)


@case(SMALL, LARGE)
@forging
def has_a_column_before_the_beginning(file):
    file.chunk(1)[9] = (I64, -9)


@case(SMALL, LARGE)
@forging
def has_a_column_of_an_absurd_length(file):
    file.chunk(1)[7] = (I64, 2**61)


@case(SMALL, LARGE)
@forging
def has_a_column_that_claims_an_absurd_size(file):
    file.chunk(1)[6] = (I64, 2**61)


@case(SMALL, LARGE)
@forging
def has_a_dictionary_at_an_absurd_place(file):
    file.chunk(1)[11] = (I64, 2**40)


@case(SMALL, LARGE)
@forging
def keeps_a_column_in_another_file(file):
    file.groups[0][1][1][1][1][1] = (BINARY, b"/dev/zero")


@case(SMALL, LARGE)
@forging
def is_compressed_in_another_way(file):
    file.chunk(1)[4] = (I32, 4)


@case(SMALL, LARGE)
@forging
def is_compressed_in_no_way_there_is(file):
    file.chunk(1)[4] = (I32, 99)


@case(SMALL, LARGE)
@forging
def has_a_filter_at_an_absurd_place(file):
    file.chunk(1)[14] = (I64, 4)
    file.chunk(1)[15] = (I32, 2**31 - 1)


@case(SMALL, LARGE)
@forging
def has_an_index_at_an_absurd_place(file):
    for chunk in file.groups[0][1][1][1]:
        chunk[4], chunk[5] = (I64, 4), (I32, 2**31 - 1)
        chunk[6], chunk[7] = (I64, 4), (I32, 2**31 - 1)


@case(SMALL)
def is_marked_as_encrypted(path):
    path.write_bytes(sealed(path.read_bytes()[:-4] + b"PARE"))


# Columns


@case(SMALL, LARGE)
@forging
def calls_a_column_otherwise(file):
    file.footer[2][1][1][2][4] = (BINARY, b"somebody")


@case(SMALL, LARGE)
@forging
def calls_two_columns_alike(file):
    file.footer[2][1][1][2][4] = (BINARY, b"position")


@case(SMALL, LARGE)
@forging
def says_that_numbers_are_texts(file):
    file.footer[2][1][1][1][1] = (I32, 6)


@case(SMALL, LARGE)
@forging
def says_that_numbers_are_two_gigabytes_wide(file):
    file.footer[2][1][1][1] |= {1: (I32, 7), 2: (I32, 2**31 - 1)}


@case(SMALL, LARGE)
@forging
def says_that_a_column_repeats(file):
    file.footer[2][1][1][1][3] = (I32, 2)


@case(SMALL, LARGE)
@forging
def says_that_a_column_has_parts(file):
    file.footer[2][1][1][1][5] = (I32, 3)


@case(SMALL, LARGE)
@forging
def has_an_arrow_schema_of_its_own(file):
    foreign = pa.schema([("position", pa.dictionary(pa.int32(), pa.int64()))])
    text = foreign.serialize().to_pybytes().hex().encode()
    file.footer[5][1][1].insert(0, {1: (BINARY, b"ARROW:schema"), 2: (BINARY, text)})


def rewritten(path, change, **header):
    """Write a file again with other rows, under its header, by honest means."""
    name = f"{path.parent.name}/{path.name}"
    told = Forged(path.read_bytes()).told()
    old, parquet = opened(name, path.read_bytes(), told["log_id"])
    made = {f: getattr(old, f) for f in old.__struct_fields__} | header
    path.write_bytes(seal(change(rows_in(name, parquet)), type(old)(**made)))


def with_column(name, values):
    """Give a change that puts other values into a column."""

    def change(table):
        place = table.column_names.index(name)
        made = pa.array(values(table), table.schema.field(name).type)
        return table.set_column(place, name, made)

    return change


@case(SMALL, LARGE)
def lacks_a_column_of_the_envelope(path):
    rewritten(path, lambda table: table.drop_columns(["version"]))


@case(SMALL, LARGE)
def has_a_column_that_nobody_declared(path):
    rewritten(path, lambda table: table.append_column("more", table.column(0)))


@case(SMALL, LARGE)
def has_its_columns_in_another_order(path):
    rewritten(path, lambda table: table.select(table.column_names[::-1]))


@case(SMALL)
def has_positions_as_texts(path):
    def change(table):
        return table.set_column(0, "position", table.column(0).cast(pa.string()))

    rewritten(path, change)


@case(SMALL, LARGE)
def has_a_row_too_few(path):
    rewritten(path, lambda table: table.slice(1))


@case(SMALL, LARGE)
def has_no_rows(path):
    rewritten(path, lambda table: table.slice(0, 0))


# Pages


@case(SMALL, LARGE)
@forging
def has_a_page_that_claims_two_gigabytes(file):
    rows = file.groups[0][3][1]
    file.put(1, page(zeros(1_000), 2**31 - 1, rows))


@case(SMALL, LARGE)
@forging
def has_a_page_that_is_two_gigabytes(file):
    rows = file.groups[0][3][1]
    file.put(1, page(zeros(2**31 - 1), 2**31 - 1, rows))
    file.chunk(1)[4] = (I32, 6)
    file.chunk(1)[6] = (I64, 2**31 + 100)


@case(SMALL, LARGE)
@forging
def has_twenty_columns_of_400_megabytes(file):
    rows = file.groups[0][3][1]
    for column in range(1, len(file.columns())):
        bomb = page(zeros(400 * 2**20), 400 * 2**20, rows)
        file.put(column, bomb)
        file.chunk(column)[4] = (I32, 6)
        file.chunk(column)[6] = (I64, 400 * 2**20 + len(bomb) - len(zeros(400 * 2**20)))


@case(SMALL, LARGE)
@forging
def has_a_page_that_claims_less_than_nothing(file):
    file.put(1, page(zeros(1_000), -5, file.groups[0][3][1]))


@case(SMALL, LARGE)
@forging
def has_a_page_that_ends_elsewhere(file):
    file.put(1, page(zeros(1_000), 1_000, 2, packed_size=2**31 - 1))


@case(SMALL, LARGE)
@forging
def has_a_page_that_goes_back(file):
    file.put(1, page(zeros(1_000), 1_000, 2, packed_size=-40))


@case(SMALL, LARGE)
@forging
def has_a_page_of_two_billion_values(file):
    file.put(1, page(zeros(1_000), 1_000, 2**31 - 1))


@case(SMALL, LARGE)
@forging
def has_a_page_of_fewer_than_no_values(file):
    file.put(1, page(zeros(1_000), 1_000, -1))


@case(SMALL, LARGE)
@forging
def has_empty_pages_without_end(file):
    rows = file.groups[0][3][1]
    empty = page(b"", 0, 0)
    file.put(1, *[empty] * 200_000, page(zeros(1_000), 1_000, rows))


@case(SMALL, LARGE)
@forging
def has_no_pages(file):
    file.put(1)


@case(SMALL, LARGE)
@forging
def has_a_page_header_without_end(file):
    file.put(1, b"\x15" + b"\xff" * 1_000)


@case(SMALL, LARGE)
@forging
def has_a_page_header_of_structs_in_each_other(file):
    file.put(1, b"\x1c" * 100_000 + b"\0" * 100_001)


def levels(rows):
    """Give the levels of a page in which every row has a value: one long run."""
    run = varint(rows << 1) + b"\x01"
    return struct.pack("<I", len(run)) + run


def dictionary_bomb(file, size, bits=0):
    """Let a dictionary of one text of ``size`` bytes stand in every row."""
    rows = file.groups[0][3][1]
    first = struct.pack("<I", size)
    words = zeros(size + 4, first)
    numbers = levels(rows) + bytes([bits]) + varint(rows << 1) + b"\x00" * bool(bits)
    dictionary = page(words, size + 4, 1, kind=DICTIONARY)
    plain = b"\x28\xb5\x2f\xfd\x00\x50" + (len(numbers) << 3 | 1).to_bytes(3, "little")
    data = page(plain + numbers, len(numbers), rows, encoding=8)
    column = file.columns().index("note")
    file.put(column, dictionary, data)
    chunk = file.chunk(column)
    start = chunk[9][1]
    chunk[4] = (I32, 6)
    chunk[11] = (I64, start)
    chunk[9] = (I64, start + len(dictionary))
    heads = len(dictionary) + len(data) - len(words) - len(plain) - len(numbers)
    chunk[6] = (I64, heads + size + 4 + len(numbers))
    chunk[2] = (LIST, (I32, [0, 3, 8]))


@case(LARGE)
@forging
def repeats_a_text_of_a_megabyte_in_every_row(file):
    dictionary_bomb(file, 2**20)


@case(LARGE)
@forging
def repeats_a_text_of_400_megabytes_in_every_row(file):
    dictionary_bomb(file, 400 * 2**20)


@case(SMALL)
@forging
def repeats_a_text_of_two_gigabytes(file):
    dictionary_bomb(file, 2**31 - 100)


# Headers


def typed(**field):
    """Give the schema of a log with one type of one field."""
    fields = [{"name": "amount", "kind": "decimal(2)"} | field]
    return {"types": {"Paid": {"schema_version": 1, "fields": fields}}, "optional": []}


HEADERS = {
    "a first position below one": {"first": -5, "last": -4},
    "positions beyond 64 bits": {"first": 2**63, "last": 2**63 + 1},
    "positions beyond every number": {"last": 10**400},
    "a last position before the first": {"last": 1},
    "positions as texts": {"first": "2", "last": "3"},
    "positions with a point": {"last": 3.5},
    "no chain": {"chain": None},
    "a chain that is none": {"chain": "../../etc/passwd"},
    "times as texts": {"occurred": ["now", "then"]},
    "times beyond the calendar": {"occurred": [0, 2**62]},
    "times before the calendar": {"recorded": [-(2**62), 0]},
    "three times": {"recorded": [1, 2, 3]},
    "times beyond 64 bits": {"recorded": [0, 2**200]},
    "a clock of its own": {"clock": "sundial"},
    "a level there is not": {"level": 99},
    "a level below none": {"level": -1},
    "commits that it does not hold": {"taken": [[-1, "x"]]},
    "marks that it does not hold": {"marks": [[2**70, "0" * 64]]},
    "marks that are no chains": {"marks": [[2, "x"]]},
    "a kind there is not": {"schema": typed(kind="decimal(99999999999)")},
    "a kind with a name of its own": {"schema": typed(kind="__class__")},
    "a default of another kind": {"schema": typed(kind="bytes", default="%%")},
    "a default beyond its kind": {"schema": typed(kind="int", default=2**70)},
    "a field called as a column": {"schema": typed(name="position")},
    "a field without a name": {"schema": typed(name="")},
    "a column there is not": {"schema": {"types": {}, "optional": ["../x"]}},
    "no schema": {"schema": None},
    "types as a list": {"schema": {"types": [], "optional": []}},
    "a type without a name": {"schema": {"types": {"": {"schema_version": 1}}}},
}


def heading(changes):
    """Give a change of what a header says."""

    def change(file):
        file.header(**changes)

    return forging(change)


for words, changes in HEADERS.items():
    for name, kind in ((SMALL, "small"), (LARGE, "large")):
        CASES[f"tells of {words}, {kind}"] = name, heading(changes)


def header_text(path, text):
    """Give a file another header, as text."""
    file = Forged(path.read_bytes())
    for pair in file.footer[5][1][1]:
        if pair[1][1] == b"esbench.header":
            pair[2] = (BINARY, text)
    path.write_bytes(file.whole())


def texting(text):
    """Give a change of a header as text."""
    return lambda path: header_text(path, text)


TEXTS = {
    "no header": b"",
    "a header of nothing": b"null",
    "a header of noise": b"\xff\xfe{}",
    "a header that is a list": b"[]",
    "a header that is half": b'{"format": 2, "log_id"',
    "a header as deep as a well": b'{"format": 2, "x": '
    + b"[" * 10**6
    + b"]" * 10**6
    + b"}",
    "a default as deep as a well": b'{"format": 2, "schema": {"types": {"A": '
    b'{"fields": [{"name": "a", "kind": "json", "default": ' + b"[" * 10**6,
    "a format as long as a book": b'{"format": 2' + b"0" * 10**6 + b"}",
    "a header of 20 megabytes": b'{"format": 2, "log_id": "'
    + b"x" * 20 * 2**20
    + b'"}',
    "a format there is not": b'{"format": 99}',
    "a format that is none": b'{"format": "2"}',
}
for words, text in TEXTS.items():
    CASES[f"has {words}, small"] = SMALL, texting(text)


@case(SMALL)
@forging
def declares_ten_thousand_types(file):
    fields = [{"name": f"field_{n}", "kind": "int"} for n in range(20)]
    one = {"schema_version": 1, "fields": fields}
    file.header(schema={"types": {f"T{n}": one for n in range(10_000)}, "optional": []})


@case(SMALL)
@forging
def declares_a_hundred_thousand_fields(file):
    fields = [{"name": f"field_{n}", "kind": "int"} for n in range(100_000)]
    types = {"T": {"schema_version": 1, "fields": fields}}
    file.header(schema={"types": types, "optional": []})


ONLY_LOGS = re.compile(
    r"tells of (?!a footer)|has (a header|a default|a format|no header|positions)"
    r"|has (a row|no rows|its columns|a column that nobody)|lacks a column"
    r"|declares (?!a million)|claims .* everywhere"
)
ANY_FILE = [w for w in CASES if w.endswith("small") and not ONLY_LOGS.match(w)]


# Rows: files as esbench would write them, with what it would never put into one

LIES = {}


def lie(*names):
    """Register a change of rows, for each of the files named."""

    def registered(change):
        for name, kind in ((SMALL, "small"), (LARGE, "large")):
            if name in names:
                words = f"{change.__name__.replace('_', ' ')}, {kind}"
                LIES[words] = name, lambda path: rewritten(path, change)
        return change

    return registered


def replaced(table, name, values):
    """Give a table with other values in a column."""
    place = table.column_names.index(name)
    made = pa.array(values, table.schema.field(name).type)
    return table.set_column(place, name, made)


def first(table, name, value):
    """Give a table with another value in the first row of a column."""
    return replaced(table, name, [value, *table.column(name).to_pylist()[1:]])


ENVELOPE = (
    "position aggregate_id version type schema_version occurred_at recorded_at".split()
)
for column in ENVELOPE:
    for name, kind in ((SMALL, "small"), (LARGE, "large")):
        LIES[f"has a hole in {column}, {kind}"] = (
            name,
            lambda path, column=column: rewritten(
                path, lambda table: first(table, column, None)
            ),
        )


@lie(SMALL, LARGE)
def holds_nothing_at_all(table):
    return pa.table(
        [pa.nulls(table.num_rows, field.type) for field in table.schema],
        schema=table.schema,
    )


@lie(SMALL, LARGE)
def has_a_position_below_one(table):
    return first(table, "position", -1)


@lie(SMALL, LARGE)
def has_a_position_beyond_the_end(table):
    return first(table, "position", 2**63 - 1)


@lie(SMALL, LARGE)
def has_one_position_everywhere(table):
    return replaced(table, "position", [2] * table.num_rows)


@lie(SMALL, LARGE)
def has_a_version_below_one(table):
    return first(table, "version", -(2**63))


@lie(SMALL, LARGE)
def has_a_schema_version_beyond_reason(table):
    return first(table, "schema_version", 2**63 - 1)


@lie(SMALL, LARGE)
def happened_in_the_year_100000(table):
    return replaced(table, "occurred_at", [2**61] * table.num_rows)


@lie(SMALL, LARGE)
def was_recorded_before_the_calendar(table):
    return replaced(table, "recorded_at", [-(2**62)] * table.num_rows)


@lie(SMALL, LARGE)
def has_a_type_without_a_name(table):
    return first(table, "type", "")


@lie(SMALL, LARGE)
def has_a_type_that_nobody_told_of(table):
    return first(table, "type", "Unheard")


@lie(SMALL, LARGE)
def has_an_aggregate_without_a_name(table):
    return first(table, "aggregate_id", "")


@lie(LARGE)
def has_its_rows_upside_down(table):
    return table.take(pa.array(range(table.num_rows - 1, -1, -1)))


@lie(SMALL)
def has_texts_that_are_none(table):
    bad = pa.array([b"\xff\xfe"] * table.num_rows, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(bad), bad.buffers())
    return table.set_column(1, "aggregate_id", text)


TEXTLESS = LARGE, lambda path: rewritten(path, has_texts_that_are_none)


@lie(SMALL)
def has_notes_that_are_no_texts(table):
    bad = pa.array([b"\xff\xfe"] * table.num_rows, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(bad), bad.buffers())
    return table.set_column(table.column_names.index("note"), "note", text)


for words, text in {
    "half a payload": '{"nested": ',
    "a payload that is a list": "[1]",
    "a payload that is null": "null",
    "a payload of other types": '{"nested": 3, "shelf": "x"}',
    "a payload with fields there are not": '{"whole": "x", "none": [1]}',
    "a payload as deep as a well": '{"nested": ' + "[" * 200_000,
    "a payload of a number without end": '{"anything": 1' + "0" * 5_000 + "}",
    "an empty payload": "",
}.items():
    LIES[f"has {words}, small"] = (
        SMALL,
        lambda path, text=text: rewritten(
            path, lambda table: replaced(table, "payload", [text] * table.num_rows)
        ),
    )
