"""Every guard of the log is seen: when one is taken out, its suite turns red."""

import sys

import pytest
from guards import GUARDS, QUICK, SUITES, Guard, outcome, text_of, without

every_guard = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)


def shown(guard, folder):
    """Take a guard out of a copy of the package and see its suite turn red."""
    without(guard, folder)
    found = outcome(guard.suite, folder)
    assert found.is_red, f"without {guard.name}, {guard.suite} saw nothing: {found}"
    return found


@every_guard
def test_a_guard_is_where_the_table_says(guard):
    """The text that the table would take out is in the package, once."""
    for edit in guard.edits:
        assert edit.new != edit.old
        assert text_of(edit.file).count(edit.old) == 1, edit


@pytest.mark.parametrize("guard", QUICK, ids=lambda guard: guard.name)
def test_some_guards_are_seen(guard, tmp_path):
    """The quickest of the table, in every run."""
    shown(guard, tmp_path)


@pytest.mark.torture
@every_guard
def test_every_guard_is_seen(capsys, guard, tmp_path):
    """Taken out alone, a guard turns its suite red."""
    found = shown(guard, tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\n  without {guard.name}: {', '.join(found.failed)}\n")


@pytest.mark.torture
def test_a_copy_with_all_guards_is_green(tmp_path):
    """The copying alone breaks nothing, so a red suite means what it says."""
    without(Guard("nothing", SUITES), tmp_path)
    found = outcome(SUITES, tmp_path)
    assert (found.code, found.failed, found.errors) == (0, (), 0), found
