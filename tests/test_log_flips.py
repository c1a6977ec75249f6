"""No single flipped bit goes unnoticed, and none makes a read answer wrong in silence.

Every bit of every file of a small log is flipped and held against the check that any
reader makes first. An evenly spread sample goes the whole way: verify, open, read.
"""

import pytest
from log_samples import NOW, Memory, Opened, Paid, numbered

import esbench as es
from esbench.log import identity
from esbench.log.file import opened
from esbench.log.verify import verification

SAMPLED = 101  # every so many flips go the whole way; a prime meets every bit of a byte


@pytest.fixture(scope="module")
def whole():
    """Give the store of a log of three commits."""
    store = Memory()
    log = over(store)
    log.append("acc_1", [Opened(owner="Ada", limit="10")])
    log.append("acc_1", [Paid(amount="1.50", note="é"), Paid(amount=2)])
    log.append("acc_2", [es.stamped(Opened(owner="Bo"), event_id="first")])
    return store


def over(store):
    """Open the log in a store afresh, as a new process would."""
    return es.EventLog.over(
        store, [Opened, Paid], clock=es.Clock(NOW), ids=numbered(), label="small"
    )


def flips(data):
    """Yield every copy of ``data`` in which one bit is another."""
    for place in range(len(data)):
        for bit in range(8):
            copy = bytearray(data)
            copy[place] ^= 1 << bit
            yield bytes(copy)


def damaged(store):
    """Yield, for every flip of every file, the file's name and a store with it."""
    for name, data in store.files.items():
        for copy in flips(data):
            broken = Memory.__new__(Memory)
            broken.__dict__ |= store.__dict__ | {"files": store.files | {name: copy}}
            yield name, broken


def first_look(name, store, log_id):
    """Open one file as every reader does."""
    if name == identity.NAME:
        return identity.found(store)
    return opened(name, store.read(name), log_id)


def test_every_flip_is_found_by_the_first_look(whole):
    """Each flipped bit of each file is refused by the check that opens it."""
    log_id = over(whole).log_id
    count = 0
    for name, broken in damaged(whole):
        count += 1
        with pytest.raises(es.Corrupt) as caught:
            first_look(name, broken, log_id)
        assert caught.value.file == name
    assert count == 8 * sum(map(len, whole.files.values()))


def test_verify_lists_flips_and_reads_name_them(whole):
    """With any bit flipped verify finds one problem, and reading names the file."""
    for number, (name, broken) in enumerate(damaged(whole)):
        if number % SAMPLED:
            continue
        found = verification(broken, None).problems
        assert [problem.file for problem in found] == [name]
        with pytest.raises(es.Corrupt, match=name):
            list(over(broken).read("acc_2"))


def test_every_file_is_needed_by_its_readers(whole):
    """Each way of reading refuses a damaged commit, the first as well as the last."""
    for name in [name for name in whole.files if name != identity.NAME]:
        broken = Memory()
        broken.files = dict(whole.files)
        data = bytearray(broken.files[name])
        data[len(data) // 2] ^= 1
        broken.files[name] = bytes(data)
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
