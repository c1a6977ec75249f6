"""What was acknowledged is kept, whatever a power cut takes with it.

The calls of a run are written down; for each moment every state of the disk is built
that the calls not yet synced allow; the real log opens each, must have kept all that
it had promised by then, and must be able to go on and to merge.
"""

import random
import sys

import pytest
from faults_recovery import check_state, crash_states
from faults_scenarios import SCENARIOS
from faults_strace import needs_strace, run

pytestmark = needs_strace

QUICK = ("visits", "together", "snapshots", "merged")
ENOUGH = 24
LIMIT = 1_024
SEED = 20_240_301


def survive(capsys, scenario, folder, enough=None):
    """See that states of a scenario keep what was promised: all, or a sample."""
    base = folder / scenario
    calls = run([{"scenario": scenario, "base": str(base)}], folder)
    states = crash_states(base, calls[scenario], limit=LIMIT, seed=SEED)
    drawn = random.Random(SEED).sample(states, min(enough or len(states), len(states)))
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {scenario}: {len(drawn)} of {len(states)} states, seed {SEED}\n"
        )
    for state, said in drawn:
        check_state(state, said)


@pytest.mark.parametrize("scenario", QUICK)
def test_a_power_cut_takes_nothing(capsys, tmp_path, scenario):
    """Commits, group commits, snapshots and merges are kept, in a sample of states."""
    survive(capsys, scenario, tmp_path, ENOUGH)


@pytest.mark.torture
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_power_cut_takes_anything_that_was_acknowledged(capsys, tmp_path, scenario):
    """Whatever is done to a log, it holds in every state that a power cut leaves."""
    survive(capsys, scenario, tmp_path)
