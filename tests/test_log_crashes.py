"""What was acknowledged is kept, whatever a power cut takes with it.

The calls of a run are written down; for each moment every state of the disk is built
that the calls not yet synced allow; the real log opens each and must have kept all that
it had promised by then.
"""

import sys

import pytest
from faults_recovery import check_state, crash_states
from faults_strace import needs_strace, run

pytestmark = needs_strace

LIMIT = 1_024
SEED = 20_240_301


def recorded(scenario, folder):
    """Run a scenario and give the states that power cuts may leave, and promises."""
    base = folder / scenario
    calls = run([{"scenario": scenario, "base": str(base)}], folder)[scenario]
    return crash_states(base, calls, limit=LIMIT, seed=SEED)


def tell(capsys, text):
    """Write a line that is seen whether or not the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {text}\n")


def survive(capsys, scenario, folder):
    """See that every state of a scenario keeps what was promised."""
    states = recorded(scenario, folder)
    tell(capsys, f"{scenario}: {len(states)} states after power cuts, seed {SEED}")
    for state, said in states:
        check_state(state, said)


@pytest.mark.parametrize("scenario", ["commits", "turns", "visits"])
def test_a_power_cut_takes_nothing_that_was_acknowledged(capsys, tmp_path, scenario):
    """Commits of one and several events, by one writer and by several, are kept."""
    survive(capsys, scenario, tmp_path)
