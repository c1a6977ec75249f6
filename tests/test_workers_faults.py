"""What holds the promises of delivery, retries and partitions is seen when it is gone.

The faults of a group are options of ``consume`` and stand in test_workers_groups. These
are cut out of the code: each is taken out of a copy of the package, and the tests that
guard it must fail.
"""

import sys

import pytest
from guards import Edit, Guard, outcome, text_of, without

PARTITIONS = "tests/test_workers_partitions.py"
DELIVERY = "tests/test_workers_delivery.py"
FAILURES = "tests/test_workers_failures.py"
GROUPS = "tests/test_workers_groups.py"
MONITORING = "tests/test_workers_monitoring.py"
KAFKA = "tests/test_workers_kafka.py"
REAL = "tests/test_workers_real.py"

WROTE = "    connection.execute((WRITE + GUARD * guarded).format(place.sign), row)\n"
NOTED = '    connection.execute(NOTE.format(place.sign), (run, f"W{version}"))\n'

FAULTS = (
    Guard(
        "a hash that takes the sign along",
        (f"{PARTITIONS}::test_the_partition_is_kafkas",),
        Edit(
            "workers/partitions.py",
            "(murmur2(key) & 0x7FFFFFFF) %",
            "abs(murmur2(key)) %",
        ),
    ),
    Guard(
        "writers that do not wait until the old partition is drained",
        (f"{PARTITIONS}::test_orders_are_lost_where_the_essay_says",),
        Edit("workers/growth.py", "if tick == at and drain:", "if False:"),
    ),
    Guard(
        "an inbox that commits the mark by itself",
        (f"{DELIVERY}::test_work_that_raises_leaves_nothing_and_may_come_again",),
        Edit(
            "workers/inbox.py",
            "            is_new = self.mark(cursor, event_id)\n",
            "            is_new = self.mark(cursor, event_id)\n"
            "            self._connection.commit()\n",
        ),
    ),
    Guard(
        "an inbox that asks first and marks later",
        (f"{DELIVERY}::test_two_who_get_the_same_events_do_them_once",),
        Edit(
            "workers/inbox.py",
            "            is_new = self.mark(cursor, event_id)\n"
            "            if is_new:\n"
            "                work(cursor)\n",
            "            is_new = not self.knows(cursor, event_id)\n"
            "        if is_new:\n"
            "            with self.transaction() as cursor:\n"
            "                work(cursor)\n"
            "                self.mark(cursor, event_id)\n",
        ),
    ),
    Guard(
        "a try that is counted after it was made",
        (f"{FAILURES}::test_a_count_beside_outlives_the_process",),
        Edit(
            "workers/failures.py",
            "        if counts.get(message.event_id, 0) >= limit:\n",
            "        if False:\n",
        ),
    ),
    Guard(
        "a success that leaves its count behind",
        (f"{FAILURES}::test_a_count_beside_outlives_the_process",),
        Edit(
            "workers/failures.py",
            "        del counts[message.event_id]",
            "        counts[message.event_id]",
        ),
    ),
    Guard(
        "a wait without its cap",
        (f"{FAILURES}::test_waits_double_up_to_the_cap",),
        Edit("workers/backoff.py", "min(self.cap, self.first", "(self.first"),
    ),
    Guard(
        "letters redriven as they were parked",
        (f"{FAILURES}::test_letters_are_redriven_in_order",),
        Edit(
            "workers/dead_letters.py",
            "                    letter.message.version,\n",
            "",
        ),
    ),
    Guard(
        "a redrive that goes on with a key that failed again",
        (f"{FAILURES}::test_a_redrive_stops_with_a_key_where_it_fails_again",),
        Edit(
            "workers/dead_letters.py",
            "            stopped.add(message.aggregate_id)\n",
            "",
        ),
    ),
    Guard(
        "an alert that nobody hears",
        (f"{FAILURES}::test_each_letter_alerts",),
        Edit("workers/failures.py", "self.options.alert(letter)\n", "pass\n"),
    ),
    Guard(
        "offsets of an earlier life",
        (f"{GROUPS}::test_whoever_comes_back_commits_nothing_old",),
        Edit(
            "workers/consuming.py",
            "        member.forget()  # whoever joins anew owns nothing, and commits "
            "nothing old\n",
            "",
        ),
    ),
    Guard(
        "a broker that takes offsets from anybody",
        (f"{GROUPS}::test_a_thousand_storms_break_nothing",),
        Edit(
            "workers/consuming.py",
            "if not is_in or member.generation != self.generation:",
            "if False:",
        ),
    ),
    Guard(
        "a new owner that begins at the end",
        (f"{GROUPS}::test_a_thousand_storms_break_nothing",),
        Edit(
            "workers/consuming.py",
            "        member.next[place] = self.committed[place]\n",
            "        member.next[place] = len(self.lanes[place])\n",
        ),
    ),
    Guard(
        "a lag that counts what is done",
        (f"{MONITORING}::test_a_halted_queue_lags_and_ages",),
        Edit("workers/failures.py", "lag=len(waiting)", "lag=0"),
    ),
    Guard(
        "a commit before the effect",
        (f"{KAFKA}::test_a_crash_before_the_commit_is_read_again_and_applied_once",),
        Edit(
            "workers/kafka.py",
            "                self._effect(name, record)\n",
            "                consumer.commit(message=record, asynchronous=False)\n"
            "                self._effect(name, record)\n",
        ),
    ),
    Guard(
        "a producer without Kafka's partitioner",
        (f"{KAFKA}::test_keys_go_where_murmur2_sends_them",),
        Edit("workers/kafka.py", '"murmur2_random"', '"consistent_random"'),
    ),
    Guard(
        "a version guard that is not in the statement",
        (f"{REAL}::test_none_ends_wrong_with_a_guard",),
        Edit("workers/databases.py", "(WRITE + GUARD * guarded)", "WRITE"),
    ),
    Guard(
        "a note of who wrote, before the row is locked",
        (f"{REAL}::test_a_thousand_races_end_as_their_order_says",),
        Edit("workers/databases.py", WROTE + NOTED, NOTED + WROTE),
    ),
    Guard(
        "a drop that nobody counts",
        (f"{MONITORING}::test_what_was_published_is_accounted_for",),
        Edit("workers/failures.py", '_tell("dropped", [message])', "__repr__()"),
    ),
)  # fmt: skip

every_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@every_fault
def test_a_fault_can_be_planted(fault):
    """The text that the table takes out is in the package, once."""
    for edit in fault.edits:
        assert edit.new != edit.old
        assert text_of(edit.file).count(edit.old) == 1, edit


def found(fault, folder):
    """Plant a fault in a copy of the package and see its suite turn red."""
    without(fault, folder)
    seen = outcome(fault.suite, folder)
    assert seen.is_red, f"with {fault.name}, {fault.suite} saw nothing: {seen}"
    return seen


@pytest.mark.parametrize("fault", FAULTS[2:3], ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault, tmp_path):
    """The quickest of the table, in every run."""
    found(fault, tmp_path)


@pytest.mark.torture
@every_fault
def test_every_planted_fault_is_found(capsys, fault, tmp_path):
    """Planted alone, each fault turns the suite that guards it red."""
    seen = found(fault, tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\n  with {fault.name}: {', '.join(seen.failed)}\n")
