"""What is watched adds up, as a frame and as OpenTelemetry metrics."""

import sqlite3

import pytest

from esbench.workers import Message
from esbench.workers.backoff import Backoff
from esbench.workers.failures import DROP, HALT, PARK_EVENT, POLICIES, work_off
from esbench.workers.monitoring import BOUNDS, Histogram, Monitor


def queue():
    """Give two uploads and a completion of one video, the second upload broken."""
    return [
        Message(
            aggregate_id="vid_1",
            version=version,
            type=kind,
            data={},
            event_id=f"e{version}",
        )
        for version, kind in enumerate(("VideoUploaded",) * 2 + ("Completed",), 1)
    ]


def handler(row, message):
    """Fail for the second."""
    if message.version == 2:
        raise ValueError("no codec")
    return message.type


def watched(policy=PARK_EVENT, monitor=None):
    """Give a monitor that has watched the queue being worked off."""
    monitor = monitor or Monitor()
    calm = Backoff(first=1, jitter=0)
    work_off(queue(), handler, policy, monitor=monitor, backoff=calm, takes=0.2)
    return monitor


def test_every_try_is_counted_by_type_and_error():
    """Published, processed, failed, retried and parked, as a frame."""
    assert watched().frame().rows() == [
        ("failed", "VideoUploaded", "ValueError", 3.0),
        ("parked", "VideoUploaded", None, 1.0),
        ("processed", "Completed", None, 1.0),
        ("processed", "VideoUploaded", None, 1.0),
        ("published", "Completed", None, 1.0),
        ("published", "VideoUploaded", None, 2.0),
        ("retried", "VideoUploaded", None, 2.0),
        ("size", None, None, 0.0),
        ("lag", None, None, 0.0),
        ("age", None, None, 0.0),
    ]


def test_a_halted_queue_lags_and_ages():
    """Two wait, the older since 0.4 seconds into the run, which is 3.8 long."""
    assert watched(HALT).now == {"size": 2, "lag": 2, "age": pytest.approx(3.4)}


def test_what_was_published_is_accounted_for():
    """Processed, parked, dropped and waiting are what was published, whatever is done.

    What is requeued is parked in the end.
    """
    for policy in POLICIES:
        seen = watched(policy)
        ended = sum(map(seen.count, ("processed", "parked", "dropped")))
        assert seen.count("published") == ended + seen.now["size"]


def test_what_is_dropped_is_counted_by_type():
    """The second upload is gone, and the count of its type says so."""
    seen = watched(DROP)
    assert [seen.count("dropped", kind) for kind in ("VideoUploaded", "Completed")] == [
        1,
        0,
    ]
    assert seen.frame().filter(metric="dropped").rows() == [
        ("dropped", "VideoUploaded", None, 1.0)
    ]


def test_the_same_run_gives_the_same_figures():
    """Durations come from the run's own clock."""
    assert watched().frame().equals(watched().frame())
    assert repr(watched()) == (
        "Monitor(published 3, processed 2, failed 3, retried 2, parked 1, dropped 0, "
        "lag 0)"
    )


def test_durations_are_a_histogram():
    """Each duration falls into the first bucket that holds it."""
    monitor = Monitor()
    for seconds in (0.005, 0.006, 0.3, 20):
        monitor.processed("A", seconds)
    found = monitor.durations
    counts = dict(zip((*found.bounds, None), found.counts, strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {
        0.005: 1, 0.01: 1, 0.5: 1, None: 1,
    }  # fmt: skip
    assert (found.total, found.most) == (20.311, 20)
    assert [found.at_most(share) for share in (0.25, 0.5, 0.75, 1)] == [
        0.005, 0.01, 0.5, 20,
    ]  # fmt: skip
    assert found.frame().height == len(BOUNDS) + 1


def test_no_durations_are_a_histogram_too():
    """Nothing took no time."""
    empty = Monitor().durations
    assert isinstance(empty, Histogram)
    assert empty.at_most(0.99) == 0


def test_an_error_of_a_library_is_named_in_full():
    """Two libraries may have an error of one name."""
    monitor = Monitor()
    monitor.failed("A", sqlite3.OperationalError("locked"), 0.1)
    monitor.failed("A", "timeout", 0.1)
    assert monitor.frame().filter(metric="failed")["error"].to_list() == [
        "sqlite3.OperationalError",
        "timeout",
    ]


# OpenTelemetry


@pytest.fixture(params=[PARK_EVENT])
def exported(request):
    """Give the metrics that a real SDK collects from a watched run, by name."""
    metrics = pytest.importorskip("opentelemetry.sdk.metrics", reason="no SDK here")
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = metrics.MeterProvider([reader])
    monitor = Monitor()
    monitor.export(provider.get_meter("esbench"), topic="video-events", group="g")
    watched(request.param, monitor=monitor)
    data = reader.get_metrics_data()
    (scope,) = data.resource_metrics[0].scope_metrics
    found = {metric.name: metric for metric in scope.metrics}
    provider.shutdown()
    return found


def test_names_are_those_of_the_conventions(exported):
    """The metrics for messaging carry the names, units and attributes of the SDK's."""
    from opentelemetry.semconv._incubating.attributes import messaging_attributes as a
    from opentelemetry.semconv._incubating.metrics import messaging_metrics as m
    from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

    assert set(exported) == {
        m.MESSAGING_CLIENT_SENT_MESSAGES,
        m.MESSAGING_CLIENT_CONSUMED_MESSAGES,
        m.MESSAGING_PROCESS_DURATION,
        "esbench.messaging.retried.messages",
        "esbench.messaging.parked.messages",
        "esbench.messaging.queue.size",
        "esbench.messaging.consumer.lag",
        "esbench.messaging.consumer.age",
    }
    duration = exported[m.MESSAGING_PROCESS_DURATION]
    assert duration.unit == "s"
    assert exported[m.MESSAGING_CLIENT_SENT_MESSAGES].unit == "{message}"
    failed = [p for p in duration.data.data_points if ERROR_TYPE in p.attributes]
    assert [(p.count, p.attributes[ERROR_TYPE]) for p in failed] == [(3, "ValueError")]
    assert failed[0].explicit_bounds == BOUNDS
    assert failed[0].attributes.items() >= {
        (a.MESSAGING_SYSTEM, "esbench"),
        (a.MESSAGING_DESTINATION_NAME, "video-events"),
        (a.MESSAGING_CONSUMER_GROUP_NAME, "g"),
        (a.MESSAGING_OPERATION_NAME, "process"),
    }


def test_exported_figures_are_those_of_the_frame(exported):
    """Sent 3, delivered 3, retried 2, parked 1, none in the queue."""
    totals = {
        name: sum(getattr(point, "value", 0) for point in metric.data.data_points)
        for name, metric in exported.items()
    }
    assert totals["messaging.client.sent.messages"] == 3
    assert totals["messaging.client.consumed.messages"] == 3
    assert totals["esbench.messaging.retried.messages"] == 2
    assert totals["esbench.messaging.parked.messages"] == 1
    assert totals["esbench.messaging.queue.size"] == 0
    assert totals["esbench.messaging.consumer.lag"] == 0


@pytest.mark.parametrize("exported", [DROP], indirect=True)
def test_a_drop_is_exported_under_a_name_of_our_own(exported):
    """The conventions have none; what was dropped was delivered, and not parked."""
    dropped = exported["esbench.messaging.dropped.messages"]
    (point,) = dropped.data.data_points
    assert (point.value, dropped.unit) == (1, "{message}")
    assert point.attributes["esbench.event.type"] == "VideoUploaded"
    assert "esbench.messaging.parked.messages" not in exported
    delivered = exported["messaging.client.consumed.messages"].data.data_points
    assert sum(point.value for point in delivered) == 3
