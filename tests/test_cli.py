"""The command line asks a log, writes to it, and says what went wrong in one line."""

import csv
import io
import json
import shlex
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import esbench as es
from esbench.analysis import receipt
from esbench.cli.run import run
from esbench.domains import bank, video
from esbench.log.file import segment_name

COMMANDS = (
    "demo init append import table hydrate steps series changed explain reconcile "
    "forensics events info snapshot merge verify head export lab kafka class"
).split()
READING = (
    ["table"],
    ["hydrate", "ada"],
    ["steps", "ada"],
    ["series"],
    ["explain", "ada"],
    ["events"],
    ["info"],
)
IN_TWO_PASTS = (
    ["series", "--known", "then"],
    ["changed", "--about", "2024-01-31"],
)


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Give a function that runs a command in an empty folder: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ESBENCH_LOG", raising=False)

    def called(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return called


@pytest.fixture
def ada(tmp_path):
    """Give the folder of Ada's log."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog(tmp_path / "ada", bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    return tmp_path / "ada"


# help


def test_help_names_every_command(call):
    """The help lists the commands, in the order of use, and what stands for a past."""
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    listed = [line.split()[0] for line in out.split("Commands:")[1].splitlines()[1:]]
    assert listed == COMMANDS
    assert "$ESBENCH_LOG" in out
    assert "--about" in out


def test_no_command_shows_the_help(call):
    """Without a command the help is shown, and nothing has failed."""
    code, out, _ = call()
    assert code == 0
    assert out.startswith("Usage: esbench")


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_every_command_has_an_example(call, command):
    """The help of each command shows how it is called."""
    code, out, _ = call(command, "--help")
    assert code == 0
    assert f"esbench {command}" in out.split("Example", 1)[1]


def test_the_version_is_told(call):
    """``--version`` prints the version."""
    assert call("--version") == (0, f"esbench {es.__version__}\n", "")


# which log


def test_a_log_is_named_by_option_variable_or_folder(call, ada, monkeypatch):
    """``--log`` wins over ``$ESBENCH_LOG``, which wins over the current folder."""
    answer = call("head", "--log", ada)
    assert answer[0] == 0
    monkeypatch.chdir(ada)
    assert call("head") == answer
    monkeypatch.setenv("ESBENCH_LOG", str(ada.parent / "elsewhere"))
    assert call("head")[0] == 1
    assert call("head", "--log", ada) == answer


def test_without_a_log_it_is_said_how_to_name_one(call):
    """Where no log is named the call is at fault, in one line."""
    code, out, err = call("table")
    assert (code, out) == (2, "")
    assert "--log FOLDER" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [*READING, ["verify"], ["head"], ["export", "--csv"]], ids=" ".join
)
def test_reading_makes_no_folder(call, tmp_path, words):
    """A command that reads fails where there is no log, and leaves nothing behind."""
    code, out, err = call(*words, "--log", tmp_path / "none")
    assert (code, out) == (1, "")
    assert "there is no log in" in err
    assert list(tmp_path.iterdir()) == []


# init, append


def test_a_story_told_by_commands(call):
    """A log is made, events are appended, and their state is asked for."""
    assert call("init", "my-bank", "--zone", "Europe/Warsaw")[0] == 0
    opened = "append acc_123 AccountOpened owner=Alice initial_balance=500.00"
    paid = "append acc_123 MoneyDeposited amount=200.00 transaction_id=txn_456"
    at = "--log my-bank --occurred-at"
    assert call(*f"{opened} {at} 2024-01-01T09:00:00Z".split())[0] == 0
    code, out, _ = call(
        *f"{paid} {at} 2024-01-15T10:30:00Z --expected-version 1 --user teller_1 "
        "--id e1 --correlation c1 --causation b1".split()
    )
    assert code == 0
    assert "acc_123 is now at version 2 (position 2)" in out
    log = es.EventLog("my-bank", bank.EVENTS)
    last = list(log.read("acc_123"))[-1]
    assert last.event == bank.MoneyDeposited(amount="200", transaction_id="txn_456")
    assert last.event_id == "e1"
    assert last.metadata == es.Metadata(
        user_id="teller_1", correlation_id="c1", causation_id="b1"
    )
    assert log.zone == "Europe/Warsaw"
    code, out, _ = call("hydrate", "acc_123", "--log", "my-bank")
    assert "700.00" in out


def test_an_append_can_be_repeated(call):
    """The same id with the same content is not stored twice, and this is said."""
    call("init", "my-bank")
    words = (
        "append a AccountOpened owner=Al initial_balance=1.00 --id e1 --log my-bank "
        "--occurred-at 2024-01-01T09:00:00Z"
    ).split()
    assert "is now at" in call(*words)[1]
    code, out, _ = call(*words)
    assert code == 0
    assert "was there already" in out
    assert len(es.EventLog("my-bank")) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("MoneyDeposited amount=2,50 transaction_id=t", 2, "write '2.50'"),
        ("MoneyDeposited amount=1.005 transaction_id=t", 2, "round it yourself"),
        ("MoneyDeposited amount=1", 2, "needs transaction_id"),
        ("MoneyDeposited amount", 2, "name=value"),
        ("MoneyDeposited amount=1 amount=2 transaction_id=t", 2, "stands twice"),
        ("MoneyDeposited amount=1 colour=red transaction_id=t", 2, "no field colour"),
        ("MoneyDepositd amount=1 transaction_id=t", 2, "is it MoneyDeposited?"),
        ("AccountOpened owner=A initial_balance=1 carried_forward=x", 2, "bool"),
        ("AccountClosed --occurred-at 2024-01-01", 2, "give a time too"),
        ("AccountClosed --occurred-at 2024-01-01T10:00", 2, "give it a zone"),
        ("AccountClosed --expected-version 7", 1, "is at version 5"),
        ("AccountClosed --expected-version x", 2, "--expected-version"),
    ],
)
def test_what_can_not_be_stored_is_refused(call, ada, words, code, said):
    """A bad append is refused in one line that helps, and stores nothing."""
    done, out, err = call("append", "ada", *words.split(), "--log", ada)
    assert (done, out) == (code, "")
    assert said in err
    assert err.startswith("esbench: ")
    assert err.count("\n") == 1
    assert len(es.EventLog(ada)) == 5


def test_init_leaves_a_log_alone(call, ada):
    """A folder that is a log, or holds something else, is not touched."""
    before = sorted(path.name for path in ada.rglob("*"))
    assert call("init", ada)[0] == 1
    assert sorted(path.name for path in ada.rglob("*")) == before
    Path("full").mkdir()
    Path("full/letter.txt").write_text("dear")
    assert "letter.txt" in call("init", "full")[2]
    assert "there is no zone" in call("init", "new", "--zone", "Mars/Olympus")[2]
    assert not Path("new").exists()


# pasts


@pytest.mark.parametrize(
    ("about", "known", "balance"),
    [
        ("2024-01-31", "2024-01-31", "700.00"),
        ("2024-01-31", "2024-02-02", "550.00"),
        ("2024-01-31", None, "370.00"),
        ("2024-01-15T10:29:59Z", None, "500.00"),
    ],
)
def test_every_past_can_be_asked(call, ada, about, known, balance):
    """``--about`` and ``--known`` give the balance of that day, as known that day."""
    words = ["--about", about, *(["--known", known] if known else [])]
    code, out, _ = call("hydrate", "ada", "--log", ada, *words, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["rows"] == [{"owner": "Ada", "balance": balance, "status": "open"}]
    table = json.loads(call("table", "--log", ada, *words, "--json")[1])
    assert table["rows"][0]["balance"] == balance


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_answer_says_its_coordinates(call, ada, words):
    """Both times, and how many aggregates differ from that day, stand with it."""
    code, out, _ = call(
        *words, "--log", ada, "--about", "2024-01-31", "--known", "2024-02-02"
    )
    assert code == 0
    assert "about 2024-01-31, as known on 2024-02-02" in out
    assert "1 of 1 aggregate differs from what was known on 2024-01-31" in out
    code, out, _ = call(*words, "--log", ada)
    assert "as known now" in out
    assert "differ" not in out


def test_nothing_differs_on_the_day_itself(call, ada):
    """What was recorded later and is not asked for does not count."""
    words = ["--about", "2024-01-31", "--known", "2024-01-31"]
    assert "0 of 1 aggregate differ from" in call("table", "--log", ada, *words)[1]


def test_words_for_a_day_and_positions_are_understood(call, ada):
    """``1 month ago`` and ``--position`` name pasts, too."""
    out = call("hydrate", "ada", "--log", ada, "--known", "1 month ago")[1]
    assert "370.00" in out
    code, out, _ = call("hydrate", "ada", "--log", ada, "--position", "2")
    assert code == 0
    assert "700.00" in out
    assert "up to position 2" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["hydrate", "adda"], 1, "there is ada"),
        (["hydrate", "ada", "--about", "2023-12-31"], 1, "ada began on 2024-01-01"),
        (["table", "--about", "yesterday"], 2, "'yesterday' is no moment"),
        (["table", "--about", "2024-01-15T10:30"], 2, "give it a zone"),
        (["table", "--position", "-1"], 2, "--position"),
        (["table", "--projection", "Accounts"], 2, "there is no projection Accounts"),
        (["table", "--projection", "nowhere:X"], 2, "no module nowhere"),
        (["table", "--projection", "json:loads"], 2, "is no projection"),
        (["table", "--csv", "--json"], 2, "choose one"),
        (["table", "-o", "table.xlsx"], 2, "table.xlsx"),
        (["tabel"], 2, "Did you mean 'table'"),
        (["table", "--abuot", "2024-01-01"], 2, "esbench table --help"),
        (["series", "--every", "2d"], 2, "'1d', '1w'"),
        (["events", "--type", "Nothing"], 1, "no event type 'Nothing'"),
        (["events", "nobody"], 1, "nobody"),
        (["verify", "--head", "3:abc"], 2, "is no head"),
        (["export", "events.txt"], 2, "--jsonl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_are_one_line_with_a_code(call, ada, words, code, said):
    """2 says that the call is at fault, 1 that the work failed; stdout stays empty."""
    done, out, err = call(*words, "--log", ada)
    assert (done, out) == (code, "")
    assert said in err
    assert err.startswith("esbench: ")
    assert err.count("\n") == 1


def test_debug_shows_where(call, ada):
    """With ``--debug``, wherever it stands, an error keeps its traceback."""
    with pytest.raises(es.NotFound):
        call("hydrate", "nobody", "--log", ada, "--debug")


# forms of output


def test_csv_is_exact(call, ada):
    """``--csv`` prints the rows alone, money as decimals, times in UTC."""
    code, out, err = call("steps", "ada", "--log", ada, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["balance"] for row in rows][-1] == "370.00"
    assert rows[2]["occurred_at"] == "2024-01-20T14:00:00Z"
    assert "as known now" in err


def test_parquet_goes_into_files(call, ada):
    """``-o x.parquet`` writes a file that polars reads, with its receipt inside."""
    code, _, err = call("table", "--log", ada, "-o", "table.parquet")
    assert code == 0
    assert "wrote table.parquet" in err
    frame = pl.read_parquet("table.parquet")
    assert frame.row(0, named=True)["balance"] == Decimal("370.00")
    kept = json.loads(pl.read_parquet_metadata("table.parquet")["esbench"])
    assert kept["said"] == "as known now"


def test_json_holds_rows_and_a_receipt(call, ada):
    """The receipt names head, zone, clock, counts and coordinates."""
    words = ["table", "--log", ada, "--about", "2024-01-31", "--known", "2024-02-02"]
    answer = json.loads(call(*words, "--json")[1])
    receipt = answer["receipt"]
    assert receipt["head"] == str(es.EventLog(ada).head())
    assert (receipt["zone"], receipt["clock"]) == ("UTC", "own")
    assert (receipt["read"], receipt["left_out"], receipt["differ"]) == (3, 2, 1)
    assert receipt["occurred"] == "2024-01-31T23:59:59.999999Z"


@pytest.mark.parametrize("words", READING + IN_TWO_PASTS, ids=" ".join)
def test_the_call_in_a_receipt_gives_the_answer_again(call, ada, words):
    """Run again after more was appended, the call of a receipt answers the same."""
    first = json.loads(call(*words, "--log", ada, "--json")[1])
    again = shlex.split(first["receipt"]["call"])[1:]
    log = es.EventLog(ada, bank.EVENTS)
    log.append("ada", [bank.MoneyDeposited(amount="1", transaction_id="late")])
    second = json.loads(call(*again, "--json")[1])
    assert second["rows" if "rows" in first else "types"] == (
        first["rows"] if "rows" in first else first["types"]
    )
    assert second["receipt"]["read"] == first["receipt"]["read"]


def test_events_are_shown_with_what_they_say(call, ada):
    """``events`` shows both times and the fields, by aggregate, type and number."""
    out = call("events", "--log", ada, "--type", "TransactionReversed")[1]
    assert "reverses=txn_456, amount=-200.00" in out
    rows = json.loads(call("events", "--log", ada, "--last", "2", "--json")[1])["rows"]
    assert [row["position"] for row in rows] == [4, 5]
    assert rows[1]["data"]["amount"] == "20.00"


def test_a_series_has_every_month(call, ada):
    """``series`` gives every aggregate at every period's end."""
    words = ["series", "ada", "--every", "1mo", "--end", "2024-02-01"]
    rows = json.loads(call(*words, "--log", ada, "--json")[1])["rows"]
    assert [(r["end"], r["balance"]) for r in rows] == [
        ("2024-01-31", "370.00"),
        ("2024-02-29", "370.00"),
    ]


def test_a_limit_is_said(call, ada):
    """Rows that are not shown are counted under the table."""
    out = call("steps", "ada", "--log", ada, "--limit", "2")[1]
    assert "the first 2 of 5 rows" in out


def test_a_receipt_gives_its_past_in_python_too(ada):
    """``analysis.receipt`` stands on a pinned past, and its call gives it again."""
    log = es.EventLog(ada, bank.EVENTS)
    stood = receipt(log.as_of("2024-01-31", recorded="2024-02-02"))
    assert stood.call == (
        "log.as_of(occurred='2024-01-31', recorded='2024-02-02', position=5)"
    )
    log.append("ada", [bank.MoneyDeposited(amount="1", transaction_id="late")])
    past = eval(stood.call, {"log": log})
    again = receipt(past)
    assert (again.read, again.differ, again.said) == (3, 1, stood.said + POSITION)
    assert (
        str(stood)
        == "about 2024-01-31, as known on 2024-02-02: 3 events read, 2 left out"
    )


POSITION = ", up to position 5"


# which projection


def test_the_projection_follows_from_the_events(call, tmp_path):
    """A log of videos is asked for videos; others are named."""
    log = es.EventLog(tmp_path / "videos", video.EVENTS)
    log.append("vid_1", [video.VideoUploaded(path="a.mp4", uploaded_by="Ada")])
    code, out, _ = call("table", "--log", "videos")
    assert code == 0
    assert out.startswith("Video, ")
    es.EventLog(tmp_path / "bank", bank.EVENTS)
    assert call("table", "--log", "bank")[1].startswith("Account, ")


def test_days_are_a_projection_too(call, ada):
    """``Daily`` is asked by name, and hydrated by day."""
    out = call("table", "--log", ada, "--projection", "Daily", "--csv")[1]
    assert out == "day,deposits\n2024-01-15,220.00\n"
    out = call("hydrate", "2024-01-15", "--log", ada, "--projection", "Daily")[1]
    assert "220.00" in out


def test_a_projection_of_ones_own(call, tmp_path):
    """``module:Name`` is found from the current folder, and so are event types."""
    (tmp_path / "own_shop.py").write_text(
        "import esbench as es\n"
        "class Sold(es.Event):\n    price: es.Money\n"
        "EVENTS = [Sold]\n"
        "class Takings(es.Projection):\n    sum = es.total((Sold, 'price'))\n"
    )
    call("init", "shop")
    types = ["--log", "shop", "--events", "own_shop:EVENTS"]
    assert call("append", "till_1", "Sold", "price=2.50", *types)[0] == 0
    code, _, err = call("table", "--log", "shop")
    assert code == 2
    assert "no projection is known for Sold" in err
    out = call("table", *types, "--projection", "own_shop:Takings", "--csv")[1]
    assert out == "aggregate_id,sum\ntill_1,2.50\n"
    assert "price=2.50" in call("events", "--log", "shop")[1]


# looking after a log


def test_info_tells_what_a_log_is_made_of(call, ada):
    """``info`` gives counts, both spans, commits, bytes, zone, clock and head."""
    told = json.loads(call("info", "--log", ada, "--json")[1])
    files = list((ada / "events").iterdir())
    assert told["info"] == {
        "events": 5,
        "aggregates": 1,
        "occurred from": "2024-01-01T09:00:00Z",
        "occurred to": "2024-01-20T14:00:00Z",
        "recorded from": "2024-01-01T09:00:00Z",
        "recorded to": "2024-02-05T08:00:00Z",
        "commits waiting": 4,
        "segments": 0,
        "bytes": sum(file.stat().st_size for file in files),
        "zone": "UTC",
        "clock": "own",
        "log_id": es.EventLog(ada).log_id,
        "head": str(es.EventLog(ada).head()),
    }
    assert told["types"]["MoneyDeposited"] == 2


def test_merge_changes_files_and_no_answer(call):
    """``merge`` tells what it made; ``info`` counts it; the answers stay."""
    log = es.EventLog("many", bank.EVENTS, merge="never")
    opened = bank.AccountOpened(owner="Ada", initial_balance=1)
    for number in range(520):
        log.append(f"acc_{number % 9}", [opened])
    before = call("table", "--log", "many")[1]
    code, out, _ = call("merge", "--log", "many")
    assert code == 0
    assert out.splitlines() == [
        f"made     {segment_name(1, 512)}",
        "512 commits merged, 1 segment made, 0 files deleted",
    ]
    told = json.loads(call("info", "--log", "many", "--json")[1])["info"]
    assert (told["commits waiting"], told["segments"]) == (8, 1)
    assert call("table", "--log", "many")[1] == before
    assert json.loads(call("merge", "--log", "many", "--json")[1])["commits"] == 0


def test_info_of_an_empty_log(call):
    """An empty log has no times, and that is no error."""
    call("init", "empty")
    code, out, _ = call("info", "--log", "empty")
    assert code == 0
    assert "events           0" in out


def test_a_kept_head_proves_a_log(call, ada):
    """``head`` prints what ``verify --head`` takes; a rewritten tail is found."""
    head = call("head", "--log", ada)[1].strip()
    code, out, _ = call("verify", "--log", ada, "--head", head)
    assert code == 0
    assert out.startswith("sound: 5 events in 4 files")
    max((ada / "events").iterdir()).unlink()
    code, out, _ = call("verify", "--log", ada, "--head", head)
    assert code == 1
    assert "its tail was cut off" in out


def test_verify_lists_all_that_is_wrong(call, ada):
    """Two damaged files are two problems, and the code is 1."""
    for name in ("00000000000000000001", "00000000000000000003"):
        file = ada / "events" / f"{name}.parquet"
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    code, out, err = call("verify", "--log", ada)
    assert code == 1
    assert out.count(".parquet: ") == 2
    assert err == ""
    assert json.loads(call("verify", "--log", ada, "--json")[1])["ok"] is False
    code, out, err = call("table", "--log", ada)
    assert (code, out) == (1, "")
    assert "restore it from a copy" in err


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_events_leave_in_every_form(call, ada, suffix):
    """``export`` writes every event of a past, whole."""
    words = ["export", f"out.{suffix}", "--log", ada, "--known", "2024-02-02"]
    code, out, err = call(*words)
    assert (code, out) == (0, "")
    assert "3 events, as known on 2024-02-02" in err
    file = Path(f"out.{suffix}")
    if suffix == "jsonl":
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert lines[2]["data"]["amount"] == "150.00"
        assert lines[2]["recorded_at"] == "2024-02-02T08:00:00Z"
        assert len(lines) == 3
    else:
        read = pl.read_csv if suffix == "csv" else pl.read_parquet
        frame = read(file)
        assert frame.height == 3
        assert Decimal(str(frame.item(2, "amount"))) == Decimal(150)


def test_hostile_texts_stay_texts(call, tmp_path):
    """Markup and escape sequences in ids and fields reach the terminal as text."""
    log = es.EventLog(tmp_path / "log", bank.EVENTS)
    owner = "\x1b[31m[bold]<script>"
    log.append("a/\n'b", [bank.AccountOpened(owner=owner, initial_balance="1")])
    for command in (["table"], ["events"], ["steps", "a/\n'b"]):
        code, out, _ = call(*command, "--log", "log")
        assert code == 0
        assert "\x1b" not in out
        assert "[bold]<script>" in out


# demo


def test_the_demo_tells_the_story(call, tmp_path):
    """500.00 → 700.00 → 550.00, the balance about Jan 16, and what to try next."""
    code, out, err = call("demo")
    assert (code, err) == (0, "")
    assert "500.00 → 700.00 → 550.00" in out
    assert "700.00   (about 2024-01-16, as known now)" in out
    assert "esbench init my-bank" in out
    assert list(tmp_path.iterdir()) == []


def test_the_demo_names_the_program_that_was_set_up_here(call, tmp_path):
    """In a clone, what to try next can be pasted without activating anything."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/esbench").touch()
    assert "  .venv/bin/esbench init my-bank" in call("demo")[1]


def test_the_demo_s_next_steps_work(call, monkeypatch, tmp_path):
    """Every command that the demo suggests runs."""
    data = Path(__file__).parent.parent / "data"
    (tmp_path / "data").symlink_to(data)
    suggested = call("demo")[1].split("Try next:")[1].strip().splitlines()
    assert len(suggested) > 3
    for line in suggested:
        if "esbench lab" not in line:
            code, _, err = call(*shlex.split(line)[1:])
            assert code == 0, (line, err)
