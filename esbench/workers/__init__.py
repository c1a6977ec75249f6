"""Workers: many hands on one row, every order in which they can come, and what helps.

    message.py     what a worker takes: an event, whose it is, its place there
    trace.py       the one record: who took which event when, and the state after
    handling.py    what it does with it: a plain function (row, message) -> row
    chance.py      what random means: every order alike, every worker alike, a race
    measured.py    latencies out of a log or a table, for chance to fit
    schedules.py   queues, and every order in which they can be written
    lattice.py     the count of all orders at once, on (how far each has come, state)
    exact.py       how they end: exact fractions, or sampled and said so
    run.py         one order told step by step, as a trace
    verdict.py     what can still become of it; the shortest way to lose
    fixes.py       ten ways to handle an event: locks, guards, buffers, partitions
    simulated.py   many aggregates and a clock: parallelism, waiting, memory
    real.py        three processes, real queues and a real row: observed, predicted
    databases.py   where that row is: a SQLite file, or a PostgreSQL server
    tournament.py  each fix against every order, with its scope and its price

    keys.py        which id to take as the key, and what each choice costs
    partitions.py  Kafka's murmur2: which key goes where, and how evenly
    growth.py      one more partition: which keys move, and whose order breaks when
    assignors.py   who gets which partitions: range, round robin, sticky
    groups.py      a consumer group: who owned what when, what was read twice
    consuming.py   how its members take turns, tick by tick
    weather.py     made-up trouble for a group, in one seed
    delivery.py    how often an event counts: every crash point, as an exact table
    inbox.py       an effect and the memory of it, in one transaction
    failures.py    five policies for an event that fails, and what each costs
    backoff.py     waiting between tries: doubled, with jitter and a cap
    dead_letters.py  what could not be handled: a log, looked at and redriven
    monitoring.py  what one watches: counts, lag, age, durations
    kafka.py       the same through Kafka, held against the log

What the first half makes is exported here; the second half is imported by its files.
The guarantee: everything random takes a seed, and the same seed gives the same run on
every machine. Nothing is called fixed without its scope: proved for all orders,
sampled, or refuted with a witness.
What it may not know: logs, projections, domains. It takes any iterable of events and
any plain function ``(row, message) -> row``, and answers with a ``Trace`` or counts.
"""

from esbench.workers.chance import (
    EVERY_ORDER,
    EVERY_WORKER,
    Chance,
    Latencies,
    exponential,
    fitted,
    given,
    observed,
    race,
)
from esbench.workers.exact import End, Ends, ends, listed, wilson
from esbench.workers.fixes import (
    COMMUTATIVE,
    FIXES,
    IDEMPOTENT,
    LAST_WRITE_WINS,
    LOCK_PER_KEY,
    PARTITION_BY_KEY,
    SINGLE_WRITER,
    STRICT_NEXT,
    STRICT_NEXT_BUFFERED,
    STRICT_NEXT_IN_MEMORY,
    VERSION_GUARD,
    Fix,
    Traffic,
    traffic,
)
from esbench.workers.handling import Handling, handling
from esbench.workers.measured import measured
from esbench.workers.message import Message, messages
from esbench.workers.real import Observed, race_for_real
from esbench.workers.run import moves_of, run, told
from esbench.workers.schedules import Move, Schedules, schedules, spread
from esbench.workers.simulated import Cost, cost, simulated
from esbench.workers.tournament import (
    Result,
    Tournament,
    conditions,
    rerouted,
    tournament,
)
from esbench.workers.trace import Step, Trace, read_trace, replay
from esbench.workers.verdict import Verdict, Witness, every_verdict, verdict, witness

__all__ = [
    # what is on its way
    "Message",
    "messages",
    "Handling",
    "handling",
    # in which orders
    "schedules",
    "spread",
    "Schedules",
    "Move",
    # what random means
    "EVERY_ORDER",
    "EVERY_WORKER",
    "race",
    "Chance",
    "exponential",
    "given",
    "fitted",
    "observed",
    "measured",
    "Latencies",
    # how it ends
    "ends",
    "listed",
    "Ends",
    "End",
    "wilson",
    "verdict",
    "every_verdict",
    "Verdict",
    "witness",
    "Witness",
    # what helps
    "tournament",
    "Tournament",
    "Result",
    "conditions",
    "rerouted",
    "traffic",
    "Traffic",
    "Fix",
    "FIXES",
    "LAST_WRITE_WINS",
    "LOCK_PER_KEY",
    "VERSION_GUARD",
    "STRICT_NEXT",
    "STRICT_NEXT_BUFFERED",
    "STRICT_NEXT_IN_MEMORY",
    "PARTITION_BY_KEY",
    "SINGLE_WRITER",
    "COMMUTATIVE",
    "IDEMPOTENT",
    "cost",
    "Cost",
    # for real
    "race_for_real",
    "Observed",
    # what happened
    "simulated",
    "run",
    "told",
    "moves_of",
    "Trace",
    "Step",
    "read_trace",
    "replay",
]
