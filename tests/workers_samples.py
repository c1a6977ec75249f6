"""What the suites about workers share: small queues, handlers, and how to draw them."""

from hypothesis import strategies as st

from esbench.workers import EVERY_ORDER, EVERY_WORKER, race, schedules, spread

STATUS = {1: "uploaded", 2: "processing", 3: "success"}


def status(row, message):
    """Write what the event says, whatever is there: the source text's workers."""
    return STATUS[message.version]


def last(row, message):
    """Write the event's number over whatever is there."""
    return message.version


def three(**options):
    """Give the source text's three workers, one event each."""
    return schedules([[1], [2], [3]], **options)


def dealt(workers, each, **options):
    """Give workers with as many events each, dealt out in turn."""
    return spread(range(1, workers * each + 1), workers, **options)


def counted(row, message):
    """Count the events."""
    return (row or 0) + 1


def chained(row, message):
    """Remember the last two events and whether they rose: order and copies matter."""
    row = row or (0, 0, 0)
    return (row[1], message.version, row[2] + (message.version < row[1]))


def table(rule):
    """Give a handler with four states that goes by a made-up table."""

    def handler(row, message):
        return rule[(row or 0) * 8 + message.version % 8]

    return handler


@st.composite
def small_queues(draw):
    """Draw up to four queues of up to seven events in all, in any order."""
    count = draw(st.integers(1, 7))
    lanes = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    numbers = draw(st.permutations(range(1, count + 1)))
    queues = [[] for _ in range(max(lanes) + 1)]
    for lane, number in zip(lanes, numbers, strict=True):
        queues[lane].append(number)
    return queues


handlers = st.one_of(
    st.sampled_from([last, counted, chained]),
    st.lists(st.integers(0, 3), min_size=32, max_size=32).map(table),
)
chances = st.sampled_from([EVERY_ORDER, EVERY_WORKER]) | st.dictionaries(
    st.sampled_from(["W1", "W2", "*"]), st.integers(1, 12), max_size=3
).map(lambda means: race({"*": 1} | means))
