"""No single flipped bit goes unnoticed, and none makes an answer wrong in silence.

A small log has every kind of file: its identity, commits, segments of two levels, what
they were merged from, and snapshots. Each bit of each file is flipped and held against
the check that any reader makes first. Of them, a sample goes the whole way in every
run, and a bit of every byte in a long one: verify, the list of snapshots, and whatever
can be asked.
"""

import sys

import pytest
from log_samples import NOW, Memory, Opened, Paid, numbered

import esbench as es
from esbench.log import identity
from esbench.log import merge as merging
from esbench.log.file import commit_name, opened, segment_name
from esbench.log.verify import verification
from esbench.projection import calls_of
from esbench.projection.kept import Kept, name_of
from esbench.projection.listing import listed

# Every so many flips go the whole way; what has no factor of 2 meets each bit of a byte
FEW, MANY = 1_009, 7
FEW_SNAPSHOTS = 23
PARTS = 6
NEEDED = {segment_name(1, 4), commit_name(5)}  # the others were merged


class Payments(es.Projection):
    """What each aggregate paid; snapshots of it are kept."""

    paid = es.total((Paid, "amount"))
    owner = es.last(Opened, "owner")


def over(store):
    """Open the log in a store afresh, as a new process would."""
    return es.EventLog.over(
        store, [Opened, Paid], clock=es.Clock(NOW), ids=numbered(), label="small"
    )


def fill(log):
    """Append three commits, of four events."""
    log.append("acc_1", [Opened(owner="Ada", limit="10")])
    log.append("acc_2", [es.stamped(Opened(owner="Bo"), event_id="first")])
    log.append("acc_1", [Paid(amount="1.50", note="é"), Paid(amount=2)])


@pytest.fixture(scope="module")
def plain():
    """Give the store of a log of three commits."""
    store = Memory()
    fill(over(store))
    return store


@pytest.fixture(scope="module")
def whole():
    """Give the store of a log with every kind of file."""
    store = Memory()
    log = over(store)
    fill(log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "EIGHT", 2)
        patch.setattr(merging, "LEVELS", (1, 2))
        log.merge()
        Payments.snapshot(log)
        log.append("acc_2", [Paid(amount=3)])
        Payments.snapshot(log, 2)
    assert set(store.files) == {
        identity.NAME,
        *map(commit_name, (1, 2, 3, 5)),
        segment_name(1, 2),
        segment_name(1, 4),
        *(name_of(calls_of(Payments).name, position) for position in (2, 4)),
    }
    return store


def flips(data, place):
    """Give a copy of ``data`` in which the bit at a place is another."""
    copy = bytearray(data)
    copy[place // 8] ^= 1 << place % 8
    return bytes(copy)


def damaged(store, step=1, start=0, folders=("", "events", "segments", "snapshots")):
    """Yield, for every ``step``-th bit, a file's name and a store with it flipped."""
    places = [
        (name, place)
        for name, data in store.files.items()
        if (name.split("/")[0] if "/" in name else "") in folders
        for place in range(8 * len(data))
    ]
    for name, place in places[start::step]:
        broken = Memory.__new__(Memory)
        data = flips(store.files[name], place)
        broken.__dict__ |= store.__dict__ | {"files": store.files | {name: data}}
        yield name, broken


def is_snapshot(name):
    """Tell whether a file is a snapshot."""
    return name.startswith("snapshots/")


def bits(store, *, of_snapshots):
    """Count the bits of a store's snapshots, or of its other files."""
    files = store.files.items()
    return sum(8 * len(d) for name, d in files if is_snapshot(name) == of_snapshots)


def first_look(name, store, log_id):
    """Open one file as every reader does."""
    if name == identity.NAME:
        return identity.found(store)
    return opened(name, store.read(name), log_id)


def answers(log):
    """Yield what a log answers to whatever reads it, one question at a time."""
    yield log.head()
    yield [(event.position, event.event) for event in log.read()]
    yield list(log.read("acc_1"))
    yield log.scan().collect().rows()
    yield Payments.table(log).rows()
    yield Payments.hydrate(log, "acc_1")
    yield Payments.table(log.as_of(position=4)).rows()


def test_every_flip_is_found_by_the_first_look(whole):
    """Each flipped bit of each file is refused by the check that opens it."""
    log_id = over(whole).log_id
    count = 0
    for name, broken in damaged(whole, folders=("", "events", "segments")):
        count += 1
        with pytest.raises(es.Corrupt) as caught:
            first_look(name, broken, log_id)
        assert caught.value.file == name
    assert count == bits(whole, of_snapshots=False)


def unsound(store, step):
    """Flip bits of snapshots, see that none is taken for sound, and count them."""
    count = 0
    for name, broken in damaged(store, step, folders=("snapshots",)):
        count += 1
        kept = Kept(broken, name, broken.stamp(name))
        assert not kept.is_sound()
        assert kept.problem
    return count


def test_flips_of_snapshots_are_found_by_the_first_look(whole):
    """A snapshot with a flipped bit is not sound; a sample."""
    assert unsound(whole, FEW_SNAPSHOTS) > 500


@pytest.mark.torture
def test_every_flip_of_a_snapshot_is_found_by_the_first_look(whole):
    """A snapshot with a flipped bit, whichever it is, is not sound."""
    assert unsound(whole, 1) == bits(whole, of_snapshots=True)


def assert_told(name, store, expected):
    """See that a flip is named, and that no answer differs without a word."""
    if name == identity.NAME:
        with pytest.raises(es.Corrupt, match=name):
            over(store)
        return
    found = [problem.file for problem in verification(store, None).problems]
    assert found == ([] if is_snapshot(name) else [name])
    questions = answers(over(store))
    if name in NEEDED:
        with pytest.raises(es.Corrupt) as caught:
            list(questions)
        assert caught.value.file == name
    else:
        assert list(questions) == expected
    if is_snapshot(name):
        kept = listed(over(store), [calls_of(Payments)])
        assert sorted(bool(one.problem) for one in kept) == [False, True]


def told(store, step, start=0):
    """Flip every so many bits and see that each is told; count them."""
    expected = list(answers(over(store)))
    count = 0
    for name, broken in damaged(store, step, start):
        count += 1
        assert_told(name, broken, expected)
    return count


def test_no_flip_is_silent(whole):
    """With a bit flipped its file is named, and every answer is right or none."""
    assert told(whole, FEW) > 100


@pytest.mark.torture
@pytest.mark.parametrize("part", range(PARTS))
def test_no_flip_of_any_byte_is_silent(capsys, whole, part):
    """The same, with a bit of every byte."""
    count = told(whole, PARTS * MANY, MANY * part)
    with capsys.disabled():
        sys.stdout.write(f"\n  {count:,} flips\n")


def test_every_file_is_needed_by_its_readers(plain):
    """Each way of reading refuses a damaged commit, the first as well as the last."""
    for name in [name for name in plain.files if name != identity.NAME]:
        broken = Memory()
        broken.files = dict(plain.files)
        broken.files[name] = flips(plain.files[name], 4 * len(plain.files[name]))
        for ask in (
            lambda log: list(log.read()),
            lambda log: log.scan(),
            lambda log: log.scan("Paid"),
            len,
            lambda log: log.head(),
            lambda log: log.files(),
            lambda log: log.as_of("2024-03-01"),
            lambda log: next(log.follow()),
            lambda log: log.append("acc_3", [Opened(owner="Cy")]),
        ):
            with pytest.raises(es.Corrupt, match=name):
                ask(over(broken))
        assert name in repr(over(broken))
        assert name in over(broken)._repr_html_()
