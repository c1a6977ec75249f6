"""Snapshots on S3 are the same files, used and passed over as in a folder."""

from test_log_s3 import bucket, environment, server, store  # noqa: F401 - fixtures

import esbench as es
from esbench.domains import bank
from esbench.projection import calls_of, listed
from esbench.projection.snapshots import usable


def used(log):
    """Give the position of the snapshot that an account begins with; 0 for none."""
    found = usable(calls_of(bank.Account), log)
    return found.header.position if found else 0


def test_snapshots_live_on_s3(bucket):  # noqa: F811 - a fixture
    """One process takes it, others begin with it, unless they declare otherwise."""

    class Account(es.Projection):
        owner = es.first(bank.AccountOpened, "owner")

    log = es.EventLog(f"s3://{bucket}/bank", bank.EVENTS)
    frame = bank.traffic(5, 100, seed=1)
    for at in range(0, 100, 25):
        log.append_frame(frame[at : at + 25])
    expected = bank.Account.table(log, snapshots=False)
    bank.Account.snapshot(log, 60)
    bank.Daily.snapshot(log, 60)

    other = es.EventLog(f"s3://{bucket}/bank", bank.EVENTS)
    assert used(other) == used(log) == 60
    assert expected.equals(bank.Account.table(other))
    found = [(one.projection, one.position, one.problem) for one in listed(other)]
    assert found == [("Account", 60, ""), ("Daily", 60, "")]

    more = bank.MoneyDeposited(amount="1.00", transaction_id="more")
    log.append("acc_001", [more])
    behind = [event for event in log.read("acc_001") if event.position > 60]
    assert bank.Account.replayed(other, "acc_001").events == len(behind)

    Account.snapshot(other, 60)
    third = es.EventLog(f"s3://{bucket}/bank", bank.EVENTS)
    assert used(third) == 0
    expected = bank.Account.table(log, snapshots=False)
    assert expected.equals(bank.Account.table(third))
    assert expected.equals(bank.Account.table(log))
