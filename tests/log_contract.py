"""What a log and its store promise, whatever the store is made of.

Subclass ``StoreContract`` and ``LogContract``, and give each a ``store`` fixture.
"""

import threading
from pathlib import Path

import polars as pl
import pytest
from log_samples import EVENTS, NOW, Opened, Paid, numbered

import esbench as es
from esbench.log.store import NameTaken


def another(store):
    """Give a second log object, as another process would have."""
    return es.EventLog.over(store, EVENTS, clock=es.Clock(NOW))


class StoreContract:
    """The five verbs; ``store`` is an empty store."""

    def test_what_is_created_is_read_back(self, store):
        """A name gives the very bytes that were put there."""
        store.create("events/1", b"\x00one")
        store.create("log.json", memoryview(b"two"))
        assert store.read("events/1") == b"\x00one"
        assert store.read("log.json") == b"two"

    def test_a_taken_name_is_refused(self, store):
        """Creating a name twice changes nothing and says so."""
        store.create("events/1", b"one")
        with pytest.raises(NameTaken):
            store.create("events/1", b"two")
        assert store.read("events/1") == b"one"

    def test_one_of_many_creators_wins(self, store):
        """Of eight threads that create one name, one succeeds, and its bytes stand."""
        gate, won = threading.Barrier(8), []

        def create(number):
            gate.wait()
            try:
                store.create("events/1", str(number).encode())
            except NameTaken:
                return
            won.append(number)

        threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [store.read("events/1")] == [str(number).encode() for number in won]

    def test_names_are_listed_in_order(self, store):
        """A folder lists its own names, sorted; an absent one lists none."""
        assert store.list("events") == []
        for name in ("events/2", "events/10", "events/1", "segments/3"):
            store.create(name, b"")
        assert store.list("events") == ["1", "10", "2"]
        assert {"events", "segments"} <= set(store.list(""))

    def test_an_absent_name_is_missing(self, store):
        """Reading or looking at an absent name raises FileNotFoundError."""
        for look in (store.read, store.stamp):
            with pytest.raises(FileNotFoundError):
                look("events/1")

    def test_a_deleted_name_is_free(self, store):
        """Deleting makes a name free; deleting an absent one is no error."""
        store.create("events/1", b"one")
        store.delete("events/1")
        store.delete("events/1")
        store.create("events/1", b"two")
        assert store.read("events/1") == b"two"

    def test_a_synced_folder_keeps_its_names(self, store):
        """Syncing returns once names are safe; a synced store looks the same."""
        store.create("events/1", b"one")
        store.sync("events")
        store.sync("")
        assert store.list("events") == ["1"]

    def test_a_stamp_stands_while_the_file_does(self, store):
        """The same file gives the same stamp, one of another size another."""
        store.create("events/1", b"one")
        first = store.stamp("events/1")
        assert first == store.stamp("events/1")
        store.delete("events/1")
        store.create("events/1", b"longer")
        assert first != store.stamp("events/1")

    def test_readers_open_the_path(self, store):
        """What readers of Parquet open at ``path`` are the file's bytes."""
        store.create("events/1", b"one")
        assert Path(store.path("events/1")).read_bytes() == b"one"
        assert store.path("events/1") == store.path("events/1")

    def test_a_name_made_anew_has_a_path_with_the_new_bytes(self, store):
        """Deleting a name forgets what was shown for it."""
        store.create("events/1", b"one")
        assert Path(store.path("events/1")).read_bytes() == b"one"
        store.delete("events/1")
        store.create("events/1", b"two")
        assert Path(store.path("events/1")).read_bytes() == b"two"

    def test_a_name_is_as_old_as_the_time_since_it_was_made(self, store):
        """A new name has an age of next to nothing; an absent one has none."""
        store.create("events/1", b"one")
        assert 0 <= store.age("events/1") < 60
        with pytest.raises(FileNotFoundError):
            store.age("events/2")

    def test_other_programs_have_an_address(self, store):
        """Every name has an address of its own that ends in it."""
        store.create("events/1", b"one")
        store.create("events/2", b"two")
        assert store.url("events/1") != store.url("events/2")
        assert store.url("events/1").endswith("1")


class LogContract:
    """What a log does over ``store``, an empty store."""

    @pytest.fixture
    def log(self, store):
        return es.EventLog.over(store, EVENTS, clock=es.Clock(NOW), ids=numbered())

    def test_an_append_is_read_back_by_another(self, store, log):
        """A second log object over the store sees what the first one wrote."""
        log.append("a", [Opened(owner="Ada"), Paid(amount=5)], expected_version=0)
        log.append("b", [Opened(owner="Bo")])
        other = another(store)
        assert list(log.read()) == list(other.read())
        assert [e.version for e in other.read("a")] == [1, 2]
        assert log.head() == other.head()
        assert log.verify(other.head()).ok

    def test_a_stale_version_stores_nothing(self, store, log):
        """A stale expected version is refused, and the store is as it was."""
        log.append("a", [Opened(owner="Ada")])
        names = store.list("events")
        with pytest.raises(es.ConcurrencyError):
            log.append("a", [Paid(amount=1)], expected_version=0)
        assert names == store.list("events")

    def test_half_a_commit_is_never_stored(self, store, log):
        """When one part of a commit is refused, no part is stored."""
        log.append("b", [Opened(owner="Bo")])
        with pytest.raises(es.ConcurrencyError):
            log.commit(
                [
                    ("a", [Opened(owner="Ada")], 0),
                    ("b", [Opened(owner="Bo")], 0),
                ]
            )
        assert list(log.read("a")) == []
        assert len(log) == 1

    def test_two_objects_take_turns(self, store, log):
        """Two writers on one store get every position once and no version twice."""
        other = another(store)
        for _ in range(5):
            log.append("a", [Paid(amount=1)])
            other.append("a", [Paid(amount=2)])
        events = list(log.read("a"))
        assert [e.position for e in events] == list(range(1, 11))
        assert [e.version for e in events] == list(range(1, 11))

    def test_a_large_commit_reads_like_small_ones(self, store, log):
        """A commit too large to keep in memory is read back in order, by aggregate."""
        frame = pl.DataFrame(
            {
                "aggregate_id": ["a", "b"] * 800,
                "type": "Paid",
                "amount": range(1600),
            }
        )
        log.append("a", [Opened(owner="Ada")])
        log.append_frame(frame)
        log.append("b", [Paid(amount="0.01")])
        for one in (log, another(store)):
            events = list(one.read())
            assert [e.position for e in events] == list(range(1, 1603))
            assert [e.version for e in one.read("b")] == list(range(1, 802))
            assert one.scan("Paid").collect().height == 1601
        assert log.verify(log.head()).ok

    def test_a_repeat_gives_the_first_result(self, store, log):
        """The same event with the same id is stored once."""
        event = es.stamped(Paid(amount=1), event_id="x")
        first = log.append("a", [event], expected_version=0)
        log.append("a", [Paid(amount=2)])
        other = another(store)
        assert first == other.append("a", [event], expected_version=0)
        assert len(log) == 2
