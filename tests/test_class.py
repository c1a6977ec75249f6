"""A class gets its kit and its word, and what comes back is judged, never run."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import esbench as es
from esbench import lessons
from esbench.cli.lab import keep_word, kept_word, lay
from esbench.cli.run import run
from esbench.errors import NotFound, ReadOnly
from esbench.lessons import course, l00, returned, sheet
from esbench.lessons.classword import PLAIN, worded
from esbench.lessons.exercise import cell as exercise_cell
from esbench.lessons.kit import lay_kit
from esbench.lessons.letters import shuffled
from esbench.lessons.votes import KEPT, AnswerPredicted

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FIRST = "00_start_here.ipynb"
STUB = exercise_cell(l00.KEPT, l00.KEPT.stub)
RIGHT = shuffled("00.1", lessons.seed("maple")).index("0")
LETTER, WRONG_LETTER = "ABCD"[RIGHT], "ABCD"[RIGHT - 1]


@pytest.fixture
def call(capsys):
    """Give a function that runs a command: code, stdout, stderr."""

    def called(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return called


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """Give the folder of a kit of all lessons, for the word maple."""
    folder = tmp_path_factory.mktemp("class") / "kit"
    lay_kit(course.LESSONS, NOTEBOOKS, folder, "maple")
    return folder


def load(path):
    """Give what a notebook's file holds."""
    return json.loads(path.read_text("utf-8"))


def sources(path):
    """Give the source of each cell."""
    return ["".join(cell["source"]) for cell in load(path)["cells"]]


def filled(path, code, letter):
    """Give lesson 00 with an answer to its exercise and one to its prediction."""
    text = path.read_text("utf-8")
    stub, answer = (
        json.dumps(one.splitlines(keepends=True), indent=1).replace("\n", "\n   ")
        for one in (STUB, exercise_cell(l00.KEPT, code))
    )
    assert stub in text
    asked = 'lessons.predict(\\"00.1\\", \\"{}\\"'
    return text.replace(stub, answer).replace(asked.format("?"), asked.format(letter))


@pytest.fixture(scope="module")
def back(kit, tmp_path_factory):
    """Give a folder of returned notebooks, as a real Jupyter has saved them."""
    folder = tmp_path_factory.mktemp("class") / "back"
    answers = {
        "ann": (l00.KEPT.solution, LETTER),
        "ben": (l00.KEPT.mistakes[0].code, WRONG_LETTER),
    }
    for who, answer in answers.items():
        (folder / who).mkdir(parents=True)
        (folder / who / FIRST).write_text(filled(kit / FIRST, *answer), "utf-8")
    command = [sys.executable, "-m", "nbconvert", "--to=notebook", "--execute"]
    files = [str(folder / who / FIRST) for who in answers]
    subprocess.run([*command, "--inplace", "--log-level=ERROR", *files], check=True)
    return folder


def results(folder):
    """Give result and words for each notebook and task of a folder."""
    found = {}
    for _, name, answers in returned.read(folder):
        if isinstance(answers, returned.Trouble):
            found[name] = answers.why
        else:
            found |= {(name, one.task): (one.result, one.said) for one in answers}
    return found


# the word


def test_a_word_is_one_seed_everywhere():
    """The seed of a word is its hash by FNV-1a, whose values are published."""
    assert lessons.seed("a") == 0xE40C292C % 26
    assert lessons.seed("foobar") == 0xBF9CF968 % 26


@pytest.mark.parametrize("word", ["", "Maple", "two words", "ahorn-ä", "a" * 41, "-"])
def test_a_word_that_would_not_read_alike_is_refused(word):
    """A word has small letters, digits and hyphens, and the message says so."""
    with pytest.raises(NotFound, match="small letters"):
        lessons.seed(word)


def test_every_lesson_has_the_line_of_the_seed(kit):
    """A word reaches the set-up cell of every lesson, and comes out again."""
    for lesson in course.LESSONS:
        [source] = [one for one in sources(kit / lesson.file) if "lessons.seed(" in one]
        assert 'seed = lessons.seed("maple")  # our class' in source
        assert PLAIN in worded(source, None)
        assert worded(source, None) in sources(NOTEBOOKS / lesson.file)


def test_copies_take_a_word_up_and_keep_what_was_written(tmp_path):
    """A word changes the line of the seed alone; a seed of one's own stays."""
    copies = tmp_path / ".lessons"
    lay(NOTEBOOKS, copies, [])
    mine, own = copies / FIRST, copies / "03_hydration.ipynb"
    mine.write_text(mine.read_text().replace("raise NotImpl", "return 1  # NotImpl"))
    own.write_text(own.read_text().replace("seed = 1 ", "seed = 7 "))
    before = own.read_text()
    assert keep_word(copies, "maple") == len(course.LESSONS) - 1
    assert kept_word(copies) == "maple"
    assert "return 1  # NotImpl" in mine.read_text()
    assert 'lessons.seed(\\"maple\\")' in mine.read_text()
    assert own.read_text() == before
    assert lay(NOTEBOOKS, copies, []) == []
    assert lay(NOTEBOOKS, copies, ["03"]) == ["03_hydration.ipynb: laid anew"]
    assert 'lessons.seed(\\"maple\\")' in own.read_text()
    keep_word(copies, None)
    assert kept_word(copies) is None
    assert not any("lessons.seed" in path.read_text() for path in copies.iterdir())


def test_a_broken_copy_is_left_alone(tmp_path):
    """A copy that is no notebook is as it was, and so is one in another encoding."""
    (tmp_path / "a.ipynb").write_bytes(b"\xff\xfe half")
    (tmp_path / "b.ipynb").write_text('{"cells": [7]}')
    assert keep_word(tmp_path, "maple") == 0
    assert (tmp_path / "a.ipynb").read_bytes() == b"\xff\xfe half"


def test_the_command_tells_where_the_word_goes(call, monkeypatch, tmp_path):
    """``class word`` names the seed, the notebook's line and the page's address."""
    monkeypatch.setattr("esbench.cli.classroom.root", lambda: tmp_path)
    code, out, _ = call("class", "word", "maple")
    assert code == 0
    assert f"maple is seed {lessons.seed('maple')} of 26" in out
    assert "?class=maple" in out
    assert call("class", "word")[1] in out
    assert "no code word" in call("class", "word", "--forget")[1]
    assert call("class", "word", "Ma ple")[0] == 1


# the sheet


def test_a_sheet_names_the_lessons_that_fit():
    """A class of 45 minutes has 00 and 03; a longer one has more, and time to talk."""
    numbers = {
        minutes: [one.number for one in sheet.plan(minutes)]
        for minutes in sheet.LENGTHS
    }
    assert numbers[45] == ["00", "03"]
    assert set(numbers[45]) < set(numbers[90]) < set(numbers[180])
    for minutes, chosen in numbers.items():
        taken = sum(course.lesson(number).minutes for number in chosen)
        assert taken <= minutes - minutes / sheet.TALK
    with pytest.raises(NotFound, match="no lesson fits into 5 minutes"):
        sheet.plan(5)


def test_a_sheet_has_the_letters_that_the_class_sees(call, back):
    """The votes of a sheet are those that a learner's notebook asked."""
    code, out, err = call("class", "sheet", "--minutes", "15", "--word", "maple")
    assert (code, err) == (0, "")
    [saved] = [
        "".join(cell["outputs"][0]["data"]["text/plain"]).splitlines()
        for cell in load(back / "ann" / FIRST)["cells"]
        if 'predict("00.1"' in "".join(cell["source"])
    ]
    assert f"Vote 00.1: {saved[0]}" in out
    for line in saved[1:5]:
        sign = "right" if line[2] == LETTER else "wrong"
        assert f"- {line[2:]}  ({sign}: " in out


def test_a_sheet_is_made_of_the_lesson_itself(call):
    """Question, idea, stages, exercises, mistakes and summary are the lesson's own."""
    out = call("class", "sheet", "--minutes", "15")[1]
    assert "Open: 00_start_here.ipynb" in out
    assert "Say: How much was on Alice's account" in out
    assert "Show: `small_time_machine(" in out
    assert "Vote: What was the balance at the end of Jan 20?" in out
    for slip in l00.KEPT.mistakes:
        assert slip.hint in out
    assert "To end: A text filter on timestamps" in out
    assert "Exercise 00.2 (3 min): write kept" in out
    assert "seed 1." in out


def test_a_lesson_that_reads_data_runs_from_anywhere(tmp_path, monkeypatch):
    """A lesson finds its samples wherever the sheet is asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sheet, "LESSONS", [course.lesson("20")])
    lines = list(sheet.sheet(60, NOTEBOOKS, 1, None))
    assert any(line.startswith("Vote 20.1: ") for line in lines)
    assert Path.cwd() == tmp_path


@pytest.mark.torture
def test_every_lesson_makes_a_sheet():
    """A day has room for all lessons, and each tells all of its tasks."""
    told = "\n".join(sheet.sheet(600, NOTEBOOKS, 20, "maple"))
    for lesson in course.LESSONS:
        for task in lesson.tasks:
            assert f"Vote {task.number}: " in told or f" {task.number} (" in told


def test_a_stage_that_asks_nothing_has_no_vote():
    """A stage shown without its question is a scene, and nothing to vote on."""
    made = "from esbench.widgets import partitions\npartitions(predict={})"
    told = [
        [type(step).__name__ for step in sheet.steps([cell], 1)]
        for cell in (
            {"cell_type": "code", "metadata": {}, "source": made.format(asks)}
            for asks in (True, False)
        )
    ]
    assert told == [["Scene", "Vote"], ["Scene"]]


def test_a_lesson_that_does_not_run_makes_no_sheet():
    """A cell that fails is named; one that is meant to fail is not."""
    cell = {"cell_type": "code", "source": "1 / 0", "metadata": {}}
    with pytest.raises(NotFound, match="does not run: 1 / 0"):
        list(sheet.steps([cell], 1))
    meant = {**cell, "metadata": {"tags": ["raises-exception"]}}
    assert list(sheet.steps([meant], 1)) == []


# the kit


def test_a_kit_holds_no_solution_and_no_output(kit):
    """Solutions, their heading and all outputs are gone; every task is still there."""
    for lesson in course.LESSONS:
        notebook = load(kit / lesson.file)
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        whole = "\n".join(sources(kit / lesson.file))
        assert not any(cell["outputs"] for cell in code)
        assert "Solutions" not in whole
        assert "stands at the end" not in whole
        for task in lesson.tasks:
            assert f'"{task.number}"' in whole
            if hasattr(task, "solution"):
                assert task.solution not in whole
                assert task.stub in whole


def test_a_kit_overwrites_nothing(kit, tmp_path):
    """One file that is there already, or a dangling link, keeps all from being laid."""
    (tmp_path / "03_hydration.ipynb").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ReadOnly, match="03_hydration"):
        lay_kit(course.LESSONS, NOTEBOOKS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["03_hydration.ipynb"]
    before = (kit / FIRST).read_bytes()
    assert run(["class", "strip", str(kit), "--lesson", "00"]) == 1
    assert (kit / FIRST).read_bytes() == before


def test_a_kit_may_hold_some_lessons(call, tmp_path):
    """``--lesson`` chooses, and a lesson that is not there is named."""
    code, out, _ = call("class", "strip", tmp_path / "kit", "--lesson", "03")
    assert code == 0
    assert "03_hydration.ipynb" in out
    assert len(list((tmp_path / "kit").glob("*.ipynb"))) == 1
    code, _, err = call("class", "strip", tmp_path / "other", "--lesson", "77")
    assert (code, "there is no lesson '77'" in err) == (1, True)
    assert not (tmp_path / "other").exists()


# what comes back


def test_a_kit_filled_rightly_and_wrongly_is_judged_right(back):
    """What a real Jupyter saved is read as its check and its prediction said it."""
    found = results(back)
    assert found[f"ann/{FIRST}", "00.1"][0] == "passed"
    assert found[f"ann/{FIRST}", "00.2"] == ("passed", l00.KEPT.praise)
    assert found[f"ben/{FIRST}", "00.1"][0] == "not yet"
    assert found[f"ben/{FIRST}", "00.2"] == ("not yet", l00.KEPT.mistakes[0].hint)


def test_what_was_handed_out_was_never_run(kit):
    """A kit that comes back untouched is never run, task by task."""
    found = results(kit)
    tasks = [task.number for lesson in course.LESSONS for task in lesson.tasks]
    assert [key[1] for key in found] == tasks
    assert set(found.values()) == {("never run", "")}


def test_what_was_run_unchanged_was_not_tried():
    """The committed lessons were run with their stubs: nobody has tried anything."""
    assert {one[0] for one in results(NOTEBOOKS).values()} == {"not tried"}


def test_the_mistakes_of_a_class_are_counted(call, back):
    """Those who heard the same stand in one line, with what is typically written."""
    code, out, _ = call("class", "check", back)
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert "00.1 00.2" in lines[f"ann/{FIRST}"]
    assert "return timestamp <= day" in lines["00.2"]
    assert l00.KEPT.mistakes[0].hint in lines["00.2"]


def test_the_same_as_json_and_csv(call, back, tmp_path):
    """Every answer is a row, and JSON holds the mistakes and what was not read."""
    code, out, err = call("class", "check", back, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, len(rows)) == (0, "", 4)
    assert rows[0]["notebook"] == f"ann/{FIRST}"
    whole = json.loads(call("class", "check", back, "--json")[1])
    assert whole["answers"] == rows
    assert [one["count"] for one in whole["mistakes"]] == [1, 1]
    assert whole["unread"] == []
    call("class", "check", back, "--mistakes", "-o", tmp_path / "m.csv")
    wrong = list(csv.DictReader(io.StringIO((tmp_path / "m.csv").read_text())))
    assert [one["task"] for one in wrong] == ["00.1", "00.2"]
    assert call("class", "check", back, "-o", tmp_path / "m.parquet")[0] == 2


def changed(back, tmp_path, change):
    """Give results of Ann's notebook after a change to its cells."""
    notebook = load(back / "ann" / FIRST)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    asked, tried = (
        next(cell for cell in notebook["cells"] if f'("{number}"' in cell["source"])
        for number in ("00.1", "00.2")
    )
    change(asked, tried, notebook["cells"])
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    return {key[1]: value for key, value in results(tmp_path).items()}


def say(cell, text):
    """Let a cell have said something else."""
    cell["outputs"][0]["data"] = {"text/plain": text}


FORGED = {
    "a stub that passed": (
        lambda asked, tried, cells: tried.update(source=STUB),
        ("00.2", "does not fit"),
    ),
    "words of one's own": (
        lambda asked, tried, cells: say(tried, "passed: of course."),
        ("00.2", "does not fit"),
    ),
    "another letter": (
        lambda asked, tried, cells: asked.update(
            source=asked["source"].replace(f'"{LETTER}"', f'"{WRONG_LETTER}"')
        ),
        ("00.1", "does not fit"),
    ),
    "an answer not asked": (
        lambda asked, tried, cells: say(asked, f"passed: {LETTER}, 1: right."),
        ("00.1", "does not fit"),
    ),
    "no letter": (
        lambda asked, tried, cells: say(asked, "passed: yes"),
        ("00.1", "does not fit"),
    ),
    "a cell gone": (
        lambda asked, tried, cells: cells.remove(tried),
        ("00.2", "missing"),
    ),
    "a call in a comment": (
        lambda asked, tried, cells: tried.update(
            source="# " + tried["source"].split("\n")[-1]
        ),
        ("00.2", "missing"),
    ),
    "an error": (
        lambda asked, tried, cells: tried.update(
            outputs=[{"output_type": "error", "ename": "NameError", "evalue": "x"}]
        ),
        ("00.2", "not yet"),
    ),
    "not run since": (
        lambda asked, tried, cells: tried.update(outputs=[], execution_count=None),
        ("00.2", "never run"),
    ),
    "printed": (
        lambda asked, tried, cells: tried.update(
            outputs=[
                {"output_type": "stream", "text": ["passed: ", f"{l00.KEPT.praise}\n"]}
            ]
        ),
        ("00.2", "passed"),
    ),
}


@pytest.mark.parametrize(("change", "expected"), FORGED.values(), ids=FORGED)
def test_a_saved_answer_is_held_against_its_cell(back, tmp_path, change, expected):
    """What a cell can't have said is no answer, and says why."""
    task, result = expected
    found = changed(back, tmp_path, change)[task]
    assert found[0] == result
    assert found[1] or result == "never run"


def lay_hostile(folder):
    """Lay files that nobody should have to read."""
    deep = "[" * 200_000
    odd = {
        "cells": [
            7,
            None,
            {"cell_type": "code"},
            {"cell_type": "code", "source": 3, "outputs": {}, "metadata": []},
            {
                "cell_type": "code",
                "source": [["x"], 'lessons.check("00.2", kept)'],
                "outputs": [1, {"output_type": "error", "ename": {}, "evalue": []}],
            },
        ]
    }
    texts = {
        "a_half.ipynb": '{"cells": [',
        "b_deep.ipynb": deep,
        "c_list.ipynb": "[]",
        "d_number.ipynb": '{"cells": [' + "9" * 5000 + "]}",
        "e_odd.ipynb": json.dumps(odd),
        "f_empty.ipynb": "",
        "g_other.ipynb": '{"cells": []}',
        "h_signs.ipynb": (
            '{"cells": [{"cell_type": "code", "execution_count": 1, "source": '
            '"lessons.check(\\"00.2\\", kept)", "outputs": [{"text": '
            '"not yet: \\u001b[2J\\ud800"}]}]}'
        ),
        "i_calls.ipynb": json.dumps(
            {"cells": [{"cell_type": "code", "source": "lessons." * 100_000}]}
        ),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "j_binary.ipynb").write_bytes(b"\xff\x00\xfe" * 100)
    (folder / "k_folder.ipynb").mkdir()
    (folder / "l_large.ipynb").touch()
    os.truncate(folder / "l_large.ipynb", 50_000_000_000)
    (folder / "n_\x1b[31m.ipynb").write_text("{}")
    if os.name == "posix":
        (folder / "m_link.ipynb").symlink_to("/dev/zero")
        os.mkfifo(folder / "o_pipe.ipynb")


def test_a_hostile_notebook_has_a_line_and_stops_no_other(call, back, tmp_path):
    """Whatever lies in the folder is named with its reason; the others are judged."""
    lay_hostile(tmp_path)
    (tmp_path / "z.ipynb").write_bytes((back / "ann" / FIRST).read_bytes())
    code, out, err = call("class", "check", tmp_path)
    assert (code, err) == (1, "")
    assert "\x1b" not in out
    told = {
        line.split(" was not done: ")[0]: line.split(": ", 1)[1]
        for line in out.splitlines()
        if " was not done: " in line
    }
    assert set(told) | {"e_odd.ipynb", "h_signs.ipynb", "z.ipynb"} == {
        path.name.replace("\x1b", "\\x1b") for path in tmp_path.iterdir()
    }
    assert all(told.values())
    assert "not followed" in told["m_link.ipynb"]
    assert "50,000 MB" in told["l_large.ipynb"]
    assert any(line.split()[:2] == ["z.ipynb", "00.1"] for line in out.splitlines())
    assert json.loads(call("class", "check", tmp_path, "--json")[1])["unread"]
    assert len(call("class", "check", tmp_path, "--csv")[2].splitlines()) == len(told)


def test_an_empty_folder_is_told(call, tmp_path):
    """A folder without notebooks, or none at all, is the caller's mistake to mend."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        code, out, err = call("class", "check", folder)
        assert (code, out) == (1, "")
        assert "there is no notebook in" in err


# votes

ROWS = [
    ("2024-01-01T09:00:00Z", Decimal("500.00")),
    ("2024-01-15T10:30:00Z", Decimal("200.00")),
]


def predict(letter):
    """Answer the first prediction as a notebook does."""
    return lessons.predict("00.1", letter, ROWS, "2024-01-15", seed=1)


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """Give a folder of working copies, in which a notebook runs."""
    folder = tmp_path / "cleo"
    lay_kit([course.lesson("00")], NOTEBOOKS, folder)
    monkeypatch.chdir(folder)
    return folder


def test_a_prediction_is_kept_beside_a_copy_and_says_so(copies):
    """An answer is kept once, in a log that may be deleted; no answer is not kept."""
    assert "kept" not in repr(predict("?"))
    assert not (copies / KEPT).exists()
    for letter in "AAB":
        shown = predict(letter)
        assert f"(kept in {KEPT}" in repr(shown)
        assert KEPT in shown._repr_markdown_()
    log = es.EventLog.existing(copies / KEPT, [AnswerPredicted])
    assert [event.event.letter for event in log.read("00.1")] == ["A", "B"]
    shutil.rmtree(copies / KEPT)
    assert f"(kept in {KEPT}" in repr(predict("C"))


def test_nothing_is_kept_elsewhere(tmp_path, monkeypatch):
    """Where no working copies lie, a prediction leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    assert "kept" not in repr(predict("A"))
    assert list(tmp_path.iterdir()) == []


def test_a_prediction_that_can_not_be_kept_is_answered_all_the_same(copies):
    """A file in the way of the log stops nobody."""
    (copies / KEPT).write_text("in the way")
    assert repr(predict("A")).startswith("Which balance")
    assert "kept" not in repr(predict("A"))


def test_a_histogram_counts_first_answers(call, back, copies, tmp_path):
    """Each learner has one voice; what was kept goes before what was saved."""
    place = shuffled("00.1", 1).index("0")
    for letter in ("ABCD"[place - 1], "ABCD"[place]):
        predict(letter)
    saved = (back / "ann" / FIRST).read_bytes()
    (copies / FIRST).write_bytes(saved)
    for who in ("ann", "ben"):
        (tmp_path / who).mkdir()
        (tmp_path / who / FIRST).write_bytes((back / who / FIRST).read_bytes())
    code, out, err = call("class", "histogram", tmp_path, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err) == (0, "")
    assert sum(int(row["count"]) for row in rows) == 3
    assert [row["count"] for row in rows if row["right"] == "true"] == ["1"]
    assert {row["of"] for row in rows} == {"3"}
    drawn = call("class", "histogram", tmp_path)[1]
    assert "00.1, 3 answered" in drawn
    assert drawn.count("right") == 1
    one = json.loads(call("class", "histogram", copies / KEPT, "--json")[1])
    assert [vote["right"] for vote in one] == [False]


def test_a_vote_that_can_not_be_read_is_named(call, back, tmp_path):
    """A broken notebook or log is one line; nobody's vote is lost by it."""
    (tmp_path / "a.ipynb").write_text("{")
    (tmp_path / "x" / KEPT).mkdir(parents=True)
    (tmp_path / "x" / KEPT / "log.json").write_text("{")
    (tmp_path / "z.ipynb").write_bytes((back / "ann" / FIRST).read_bytes())
    code, out, _ = call("class", "histogram", tmp_path)
    assert code == 1
    assert "a.ipynb was not done" in out
    assert f"x/{KEPT} was not done" in out
    assert "00.1, 1 answered" in out
    assert call("class", "histogram", tmp_path / "none")[0] == 1
