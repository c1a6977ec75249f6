"""The table of guards: what holds the log's promises, and which suite sees it missing.

What lives here: each guard with the text that is it, the text without it, and the tests
that must fail then; and the machinery that takes one out of a copy of the package.
The guarantee: the project's own files are never touched, and a suite only counts as red
when a test of it failed, with the broken copy loaded.
What it may not know: how the suites look.
"""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import esbench as es

ROOT = Path(__file__).parents[1]
PACKAGE = Path(es.__file__).parent
PATIENCE = 900

# Loaded into each run: refuses to go on when another esbench was imported.
WITNESS = """
from pathlib import Path

def pytest_collection_finish(session):
    import esbench
    here = Path(__file__).parent
    assert Path(esbench.__file__).is_relative_to(here), esbench.__file__
"""


class Edit(NamedTuple):
    """One place in a file of the package: the text there, and what comes instead."""

    file: str
    old: str
    new: str


class Guard:
    """Something that holds a promise, how to take it out, and what must fail then."""

    def __init__(self, name, suite, *edits):
        self.name, self.suite, self.edits = name, suite, edits


CRASHES = ("tests/test_log_crashes.py::test_a_power_cut_takes_nothing[visits]",)
CALLS = "tests/test_log_failing_calls.py"
KILLS = (f"{CALLS}::test_some_calls_fail[kills]",)
MERGES = ("tests/test_log_merge.py::test_every_answer_is_the_same",)
FLIPS = ("tests/test_log_flips.py::test_every_flip_is_found_by_the_first_look",)
SNAPSHOTS = "tests/test_snapshots.py"
LATE = (f"{SNAPSHOTS}::test_events_that_came_late_are_in_the_tail",)
DECLARED = (f"{SNAPSHOTS}::test_a_changed_declaration_has_snapshots_of_its_own",)
FUTURE = (f"{SNAPSHOTS}::test_an_event_from_the_future_makes_a_snapshot_wait",)
RESTORED = (f"{SNAPSHOTS}::test_a_restored_log_does_not_use_what_came_after",)
LEFT = (f"{SNAPSHOTS}::test_nothing_is_left_where_it_would_not_be_whole",)
KEPT = (f"{SNAPSHOTS}::test_every_flipped_bit_is_found",)


def scene(words, *, is_large=False):
    """Give the search through all orders of a scene."""
    name = "test_no_order_breaks_a_promise" + "_in_a_larger_scene" * is_large
    return (f"tests/test_log_schedules.py::{name}[{words}]",)


def damage(name):
    """Give a test of what is found when files are edited."""
    return (f"tests/test_log_damage.py::test_{name}",)


# What a power cut may take: the order of writing and syncing.
SAFE = (
    Guard(
        "fsync of the file",
        CRASHES,
        Edit(
            "log/store.py",
            """
            rest = rest[os.write(descriptor, rest) :]
        _full_sync(descriptor)
""",
            """
            rest = rest[os.write(descriptor, rest) :]
""",
        ),
    ),
    Guard(
        "fsync of events/ before acknowledging",
        CRASHES,
        Edit(
            "log/writer.py",
            """
            self._store.sync("events")
            if self._view.taken_in""",
            """
            if self._view.taken_in""",
        ),
    ),
    Guard(
        "fsync of events/ before link, when others' names were seen",
        KILLS,
        Edit("log/writer.py", "            self._settle_others()\n", ""),
    ),
    Guard(
        "fsync of the folders above, whoever made them",
        KILLS,
        Edit("log/store.py", "            self._sync_above(folder)\n", ""),
    ),
    Guard(
        "fsync of segments/ before deletion",
        KILLS,
        Edit(
            "log/merge.py",
            """
            store.sync("segments")
            is_synced = True
""",
            """
            is_synced = True
""",
        ),
    ),
)

# What others may do meanwhile: the order of looking and making.
SEEN = (
    Guard(
        "the look at segments/ after link",
        scene("a writer who sleeps, while others merge and delete"),
        Edit(
            "log/writer.py",
            "if self._view.taken_in(ready.first, commit_id) is False:",
            "if False:",
        ),
    ),
    Guard(
        "the look at segments/ after link, not before it",
        scene("a writer who sleeps, while others merge and delete"),
        Edit(
            "log/writer.py",
            """
        self._store.create(header.name, data)
""",
            """
        taken = self._view.taken_in(ready.first, commit_id)
        self._store.create(header.name, data)
""",
        ),
        Edit(
            "log/writer.py",
            "if self._view.taken_in(ready.first, commit_id) is False:",
            "if taken is False:",
        ),
    ),
    Guard(
        "the comparison of commit_id there",
        scene("a writer and a merger"),
        Edit("log/view.py", "return told[position] == commit_id", "return False"),
    ),
    Guard(
        "opening commits before listing segments/",
        scene("a writer who sleeps, and a reader, while others merge and delete"),
        Edit(
            "log/view.py",
            """
        following = self._following()
        while (segments := self.segments()) != self._segments:
            self._adopt(segments)
            following = self._following()
""",
            """
        while (segments := self.segments()) != self._segments:
            self._adopt(segments)
        following = self._following()
""",
        ),
    ),
    Guard(
        "events/ listed before segments/",
        scene("a reader, while others merge and delete"),
        Edit(
            "log/view.py",
            """
        hinted = largest(self.segments())
""",
            """
        segments = self.segments()
        hinted = largest(segments)
""",
        ),
        Edit(
            "log/view.py",
            """
        segments = self.segments()
        ranges = largest""",
            """
        ranges = largest""",
        ),
        Edit(
            "log/view.py",
            """
            self._list_all()
        following = self._following()
""",
            """
            self._list_all()
            return True
        following = self._following()
""",
        ),
    ),
    Guard(
        "ignoring commits inside a segment",
        MERGES,
        Edit(
            "log/view.py",
            """
            if not is_inside(first_of(name), hinted)
""",
            """
""",
        ),
        Edit(
            "log/view.py",
            "[name for name in commits if not is_inside(first_of(name), ranges)]",
            "commits",
        ),
    ),
    Guard(
        "names that tell the first position alone",
        scene("two writers of one version, and a reader"),
        Edit(
            "log/writer.py",
            """
        self._store.create(header.name, data)
""",
            """
        self._store.create(f"staging/{header.first}-{header.last}", data)
        with contextlib.suppress(NameTaken):
            self._store.create(header.name, data)
""",
        ),
    ),
    Guard(
        "aligned windows",
        scene(
            "two mergers who look at different times, while others append and merge",
            is_large=True,
        ),
        Edit(
            "log/merge.py",
            "windows[(header.first - 1) // width]",
            "windows[place // EIGHT]",
        ),
    ),
    Guard(
        "windows that the head has passed",
        scene("two mergers, and a commit that closes a window"),
        Edit("log/merge.py", " and head >= (window + 1) * width:", ":"),
    ),
    Guard(
        "the hour before sources are deleted",
        scene("a writer and a merger"),
        Edit("log/merge.py", "store.age(name) < HOUR", "store.age(name) < 0"),
    ),
)

# What is in the files.
PROVEN = (
    Guard(
        "the check of the digest",
        FLIPS,
        Edit(
            "log/sealed.py",
            "if digest.hexdigest().encode() != data[place : place + 64]:",
            "if False:",
        ),
    ),
    Guard(
        "the check that a file follows the one before it",
        damage("an_edit_with_a_new_chain_breaks_the_next_commit"),
        Edit("log/view.py", "if header.previous != self.head.chain:", "if False:"),
    ),
    Guard(
        "the chain made anew from the rows",
        damage("an_edit_with_a_new_digest_breaks_the_chain"),
        Edit("log/verify.py", "if links.chain != header.chain:", "if False:"),
    ),
    Guard(
        "the chain held against a kept head",
        damage("a_rewritten_end_is_found_against_a_kept_head"),
        Edit("log/verify.py", " == self._kept.chain:", ":"),
    ),
    Guard(
        "the tail behind a snapshot found by position, not by time",
        LATE,
        Edit(
            "projection/declared.py",
            """
        rows = log.scan(after=base.position)
""",
            """
        import polars as pl
        last = -(2**62) if base.latest[0] is None else base.latest[0]
        rows = log.scan().filter(pl.col("occurred_at").to_physical() > last)
""",
        ),
    ),
    Guard(
        "the fingerprint of a declaration",
        DECLARED,
        Edit(
            "projection/snapshots.py",
            "fingerprint not in {None, header.fingerprint}",
            "not fingerprint",
        ),
    ),
    Guard(
        "the latest time that a snapshot holds against the past that is asked for",
        FUTURE,
        Edit(
            "projection/snapshots.py",
            "_within(header.max_occurred, past.occurred) and",
            "_within(None, past.occurred) and",
        ),
    ),
    Guard(
        "a snapshot's proof that the log still holds its history",
        RESTORED,
        Edit("projection/snapshots.py", "log.log.holds(proof)", "log.log.log_id != ''"),
    ),
    Guard(
        "leaving a snapshot behind only where the past is whole",
        LEFT,
        Edit("projection/snapshots.py", "return at if is_whole else None", "return at"),
    ),
    Guard(
        "the check of a snapshot's digest",
        KEPT,
        Edit("projection/kept.py", "        check_digest(self.name, data)\n", ""),
    ),
)

# What became of an append whose fate was open.
SETTLED = (
    Guard(
        "looking for a shared file where it begins",
        (f"{CALLS}::test_each_of_those_that_share_a_file_settles_its_own",),
        Edit(
            "log/writer.py",
            "((plan.ready.first, commit_id",
            "((commit.first, commit_id",
        ),
    ),
)

GUARDS = (*SAFE, *SEEN, *SETTLED, *PROVEN)
QUICK = (SAFE[1], PROVEN[2])
SUITES = tuple(dict.fromkeys(node for guard in GUARDS for node in guard.suite))


def text_of(file):
    """Give the text of a file of the package, as it stands."""
    return (PACKAGE / file).read_text("utf-8")


def without(guard, folder):
    """Make a copy of the package in ``folder``, without the guard."""
    copy = folder / "esbench"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in guard.edits:
        text = (copy / edit.file).read_text("utf-8")
        assert text.count(edit.old) == 1, f"{edit.file}: {edit.old!r} is not there once"
        (copy / edit.file).write_text(text.replace(edit.old, edit.new), "utf-8")
    (folder / "witness.py").write_text(WITNESS)


class Outcome(NamedTuple):
    """What a suite gave: pytest's exit code, the tests that failed, and its text."""

    code: int
    failed: tuple[str, ...]
    errors: int
    text: str

    @property
    def is_red(self):
        """Whether tests failed, and nothing else went wrong."""
        return self.code == 1 and bool(self.failed) and not self.errors


def outcome(suite, folder):
    """Run tests against the copy of the package in ``folder``, up to the first red."""
    report = folder / "report.xml"
    # -P keeps the current folder, which holds the whole package, out of the path
    command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "witness"]
    command += ["-p", "no:cacheprovider", "-m", "torture or not torture"]
    done = subprocess.run(
        [*command, f"--basetemp={folder / 'tmp'}", f"--junitxml={report}", *suite],
        cwd=ROOT,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    found = list(ET.parse(report).iter("testcase")) if report.exists() else []
    return Outcome(
        done.returncode,
        tuple(case.get("name") for case in found if case.find("failure") is not None),
        sum(case.find("error") is not None for case in found),
        done.stdout[-3_000:] + done.stderr[-1_000:],
    )


def _environment(folder):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"ESBENCH_STRICT", "PYTEST_ADDOPTS"}  # a skip is no failure
    }
    return kept | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
