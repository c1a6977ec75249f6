"""Commands that speak to Kafka: ``kafka replay``.

What lives here: a log sent to a topic, read back, and held against what was sent.
The guarantee: exit code 0 means that every event arrived as it was, each key's in its
order; without --servers nothing leaves this process.
What it may not know: Kafka's protocol.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esbench.cli import options
from esbench.cli.output import form, give, json_bytes, write
from esbench.cli.reading import Question
from esbench.cli.run import Failed, Misuse
from esbench.cli.tables import err

if TYPE_CHECKING:
    from esbench.workers.kafka import Cluster

app = typer.Typer(rich_markup_mode=None)


@app.callback()
def kafka() -> None:
    """Send a log to Kafka, and see what arrives.

    \b
    Example:
      esbench kafka replay --topic bank-events --log my-bank
    """


@app.command()
def replay(
    *,
    topic: Annotated[
        str, typer.Option("--topic", metavar="NAME", help="The topic to send to.")
    ],
    servers: Annotated[
        str | None,
        typer.Option(
            "--servers",
            metavar="HOST:PORT,…",
            envvar="ESBENCH_KAFKA",
            help="The cluster's bootstrap.servers; a broker in this process unless "
            "said.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Lines of key=value for librdkafka, such as security.protocol and "
            "passwords.",
        ),
    ] = None,
    group: Annotated[
        str, typer.Option("--group", metavar="NAME", help="The group that reads.")
    ] = "esbench",
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
) -> None:
    """Send a log's events to a topic, keyed by aggregate, and say what arrived.

    \b
    Examples:
      esbench kafka replay --topic bank-events --log my-bank
      esbench kafka replay --topic bank-events --servers localhost:9092 --json
    """
    from esbench.workers.kafka import replay as replayed

    wanted = form(json=json, csv=csv, parquet=parquet, output=output)
    asked = Question(log, about, known, position, events)
    cluster = _cluster(servers, config)
    found = replayed(cluster, topic, asked.past.read(), group=group)
    receipt = asked.receipt(["kafka", "replay", "--topic", topic])
    if wanted.name == "json":
        told = {
            "receipt": receipt,
            "finding": found.finding,
            "missing": found.missing,
            "altered": found.altered,
            "disordered": found.disordered,
            "partitions": found.frame().to_dicts(),
        }
        write(json_bytes(told), wanted)
    else:
        give(found.frame(), receipt, wanted, title=f"Sent to {topic}")
        err(found.finding)
    if not found.is_whole:
        raise Failed(found.finding)


def _cluster(servers: str | None, config: Path | None) -> Cluster:
    from esbench.workers.kafka import Cluster

    if servers is None:
        if config is not None:
            raise Misuse("--config is for a cluster: say --servers as well")
        return Cluster.in_process()
    return Cluster(servers, {} if config is None else _settings(config))


def _settings(config: Path) -> dict[str, str]:
    """Return the pairs of a file of ``key=value`` lines; # begins a comment."""
    lines = [line.strip() for line in config.read_text("utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and line[0] != "#"]
    for key, sign, _ in pairs:
        if not sign:
            raise Misuse(f"{config}: {key!r} is no key=value")
    return {key.strip(): value.strip() for key, _, value in pairs}
