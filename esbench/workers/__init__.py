"""Workers: many hands on one row, every order in which they can come, and what helps.

    message.py     what a worker takes: an event, whose it is, its place there
    trace.py       the one record: who took which event when, and the state after

The guarantee: everything random takes a seed, and the same seed gives the same run on
every machine. Nothing is called fixed without its scope: proved for all orders,
sampled, or refuted with a witness.
What it may not know: logs, projections, domains. It takes any iterable of events and
any plain function ``(row, message) -> row``, and answers with a ``Trace`` or counts.
"""

from esbench.workers.message import Message, messages
from esbench.workers.trace import Step, Trace, read_trace, replay

__all__ = [
    "Message",
    "messages",
    "Trace",
    "Step",
    "read_trace",
    "replay",
]
