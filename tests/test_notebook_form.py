"""Every lesson keeps the form of a lesson; each rule is shown to go red.

The rules are functions that give what is wrong with a notebook, in words. A notebook
is what json reads from its file, with each source as one text.
"""

import ast
import json
import re
import statistics
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

from esbench.lessons import build, course
from esbench.lessons.exercise import Exercise
from esbench.lessons.exercise import cell as exercise_cell

FOLDER = Path(__file__).parents[1] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
TAGS = {
    "nav",
    "routes",
    "folded",
    "inside",
    "raises-exception",
    "nbval-ignore-output",
    "solution",
}
VERBS = set("Start Rebuild Ask Tell Append Keep Reconcile Race Split Bring".split())
CLOCKS = r"timeit\(|perf_counter|monotonic\(|commit_beside_reader\("
LABELS = {"What you'll do:", "What you'll learn:", "What you need:", "When not to."}


def load(path):
    """Give a notebook, each source as one text."""
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return {"name": path.stem, **notebook}


def lesson(notebook):
    """Give what the course says about a notebook."""
    return course.lesson(notebook["name"][:2])


def tags(cell):
    """Give a cell's tags."""
    return set(cell["metadata"].get("tags", []))


def kind(notebook, cell_type):
    """Give the cells of one type."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == cell_type]


def code_lines(cell):
    """Give the lines of a cell that hold something."""
    return [line for line in cell["source"].splitlines() if line.strip()]


def is_stub(cell):
    """Tell whether a cell is an exercise to fill in."""
    return "# your turn" in cell["source"]


def own_code(notebook):
    """Give the code cells that tell the lesson: no stubs, no solutions."""
    cells = kind(notebook, "code")
    return [c for c in cells if not is_stub(c) and "solution" not in tags(c)]


def tree(cell):
    """Give the syntax tree of a cell; None where it is no plain Python."""
    try:
        return ast.parse(cell["source"])
    except SyntaxError:
        return None


def prose(cell):
    """Give the lines of a text cell that are sentences."""
    shown = re.sub(r"```.*?```", "", cell["source"], flags=re.DOTALL)
    lines = [line.strip() for line in shown.splitlines()]
    return [line for line in lines if line and line[0] not in "#|"]


def all_prose(notebook):
    """Give the sentences of a notebook, those made by a tool apart."""
    cells = [c for c in kind(notebook, "markdown") if not tags(c) & {"nav", "routes"}]
    return [line for cell in cells for line in prose(cell)]


def section(notebook, title):
    """Give the sentences under a heading."""
    text = "\n".join(cell["source"] for cell in kind(notebook, "markdown"))
    parts = text.split(f"\n## {title}\n")
    lines = parts[1].split("\n## ")[0].splitlines() if len(parts) == 2 else []
    return [line for line in lines if line.strip()]


# The rules


def has_its_name(notebook):
    """NN_snake_case, as the course names it, and readable by Jupyter."""
    if notebook["name"] != lesson(notebook).name:
        yield f"the course calls it {lesson(notebook).name}"
    plain = {name: notebook[name] for name in ("cells", "metadata", "nbformat")}
    try:
        nbformat.validate({**plain, "nbformat_minor": notebook["nbformat_minor"]})
    except nbformat.ValidationError as error:
        yield f"Jupyter can't read it: {error.message}"


def begins_with_links(notebook):
    """The first cell is the line of links that the tool makes."""
    first = notebook["cells"][0]
    if "nav" not in tags(first) or first["source"] != course.navigation(
        notebook["name"][:2]
    ):
        yield "the first cell is not the line that esbench.lessons.build makes"


def asks_its_question(notebook):
    """A title with a verb, the question in bold, a picture or a table of 8 rows."""
    text = notebook["cells"][1]["source"]
    title = text.splitlines()[0]
    if title != f"# {lesson(notebook).title}" or title.split()[1] not in VERBS | {
        f"{verb}:" for verb in VERBS
    }:
        yield f"the title is not '# {lesson(notebook).title}', or begins with no verb"
    if not re.search(r"^\*\*[^*]+\?\*\*$", text, re.MULTILINE):
        yield "no line is a question in bold"
    rows = len(re.findall(r"^\|", text, re.MULTILINE)) - 2
    if not (1 <= rows <= 8 or "![" in text):
        yield "neither a picture nor a table of up to 8 rows stands at the question"


def says_what_it_takes(notebook):
    """Do, learn, need, and the minutes that the course states."""
    text = notebook["cells"][2]["source"]
    for label in ("do", "learn"):
        if f"*What you'll {label}:*" not in text:
            yield f"*What you'll {label}:* is missing"
    if f"*What you need:* {lesson(notebook).minutes} minutes" not in text:
        yield "*What you need:* does not begin with the lesson's minutes"


def sets_up_in_one_cell(notebook):
    """The first code cell has at most 8 lines of imports and the seed."""
    cell = notebook["cells"][3]
    if cell["cell_type"] != "code" or len(code_lines(cell)) > 8:
        yield "the fourth cell is no set-up"
        return
    body = tree(cell).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [ast.unparse(node) for node in body if node not in imports]
    if len(rest) != 1 or not re.fullmatch(r"seed = \d+", rest[0]):
        yield f"the set-up holds more than imports and the seed: {rest}"


def has_short_cells(notebook):
    """Code cells have 2 to 4 lines at the median, 90 % up to 10."""
    lengths = sorted(len(code_lines(cell)) for cell in own_code(notebook))
    if not 2 <= statistics.median(lengths) <= 4:
        yield f"the median cell has {statistics.median(lengths)} lines"
    if lengths[int(len(lengths) * 0.9)] > 10:
        yield f"a tenth of the cells is longer than 10 lines: {lengths}"


def has_enough_prose(notebook):
    """10 to 20 words of prose stand to a line of code."""
    words = sum(len(line.split()) for line in all_prose(notebook))
    lines = sum(len(code_lines(cell)) for cell in own_code(notebook))
    if not 10 <= words / lines <= 20:
        yield f"{words} words stand to {lines} lines: {words / lines:.1f}"


def has_no_long_runs(notebook):
    """At most three code cells follow one another."""
    row = "".join(cell["cell_type"][0] for cell in notebook["cells"])
    if "cccc" in row:
        yield "four code cells follow one another"


def defines_little(notebook):
    """At most two def or class, exercises and solutions apart."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    trees = [tree(cell) for cell in own_code(notebook) if tree(cell)]
    found = [n.name for each in trees for n in ast.walk(each) if isinstance(n, kinds)]
    if len(found) > 2:
        yield f"it defines {', '.join(found)}: move helpers into esbench"


def is_plain_python(notebook):
    """No magics, no sys.path, no stars, no writing into data/."""
    signs = {
        r"^\s*[%!]": "a magic or a shell line",
        r"sys\.path": "sys.path",
        r"import \*": "import *",
        r"(open|write\w*|EventLog)\([^)\n]*data/": "data/ opened: work on a copy",
    }
    for cell in kind(notebook, "code"):
        for sign, what in signs.items():
            if re.search(sign, cell["source"], re.MULTILINE):
                yield f"{what} in: {cell['source'][:40]}"
        if tree(cell) is None:
            yield f"no Python: {cell['source'][:40]}"


def stages_need_no_callbacks(notebook):
    """Neither interact nor Output, which strict nbval can't pass."""
    names = {"interact", "interactive", "interactive_output", "Output", "observe"}
    for cell in kind(notebook, "code"):
        if found := names & set(re.findall(r"\w+", cell["source"])):
            yield f"{', '.join(sorted(found))} in: {cell['source'][:40]}"


def shows_and_asserts(notebook):
    """Each cell ends in what it shows or in a fact; a lesson has several facts."""
    cells = [cell for cell in kind(notebook, "code")[1:] if tree(cell)]
    for cell in cells:
        if not isinstance(tree(cell).body[-1], ast.Expr | ast.Assert):
            yield f"the last line shows nothing: {cell['source'][-40:]}"
    if not any("assert " in cell["source"] for cell in cells):
        yield "no fact is asserted"


def leads_into_code(notebook):
    """The sentence before a cell ends in a colon."""
    for before, cell in zip(notebook["cells"][3:], notebook["cells"][4:], strict=False):
        told = before["source"].rstrip()
        pair = before["cell_type"], cell["cell_type"]
        if pair == ("markdown", "code") and told[-1] != ":":
            yield f"no colon before code: …{told[-40:]}"


def has_a_sentence_a_line(notebook):
    """A new sentence begins on a new line."""
    for line in all_prose(notebook):
        if re.search(r"[a-z0-9`*)][.?]\*{0,2} +[*`]{0,2}[A-Z]", unlabelled(line)):
            yield f"two sentences on a line: {line[:60]}"


def unlabelled(line):
    """Give a line without the label that it begins with, or its list sign."""
    for label in LABELS:
        line = line.removeprefix(f"*{label}*").strip()
    return line.removeprefix("- ")


def speaks_plainly(notebook):
    """No emoji, no exclamation mark, no "simply"."""
    comments = [
        line.partition("# ")[2]
        for cell in kind(notebook, "code")
        for line in code_lines(cell)
    ]
    for line in [*all_prose(notebook), *comments]:
        words = re.sub(r"`[^`]*`|!\[", "", line)
        if re.search(
            r"!|\bsimply\b|\bobviously\b|[\u2600-\u27bf\U0001f000-\U0001faff]", words
        ):
            yield f"shouting, an emoji or a hollow word: {line[:60]}"


def marks_a_term_once(notebook):
    """What is bold is bold once."""
    bold = re.findall(r"\*\*([^*]+)\*\*", "\n".join(all_prose(notebook)))
    for term in sorted({term for term in bold if bold.count(term) > 1}):
        yield f"{term} is bold {bold.count(term)} times"
    if not bold[1:]:
        yield "no term is defined in bold"


def uses_known_tags(notebook):
    """Only the agreed tags; failures and timings carry theirs, and only they."""
    for cell in notebook["cells"]:
        if strange := tags(cell) - TAGS:
            yield f"unknown tag {', '.join(strange)}"
    for cell in kind(notebook, "code"):
        fails = any(one["output_type"] == "error" for one in cell["outputs"])
        if fails != ("raises-exception" in tags(cell)):
            yield f"an error without its tag, or a tag without: {cell['source'][:40]}"
        times = re.search(CLOCKS, cell["source"])
        if bool(times) != ("nbval-ignore-output" in tags(cell)):
            yield f"a timing without its tag, or a tag without: {cell['source'][:40]}"
        if times and not re.search(r" / by_\w+|times as", cell["source"]):
            yield f"a timing that is no ratio: {cell['source'][:40]}"


def ran_once_in_order(notebook):
    """Every cell was run, in order, from a clean kernel."""
    counts = [cell["execution_count"] for cell in kind(notebook, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"cells were run in the order {counts}"


def has_clean_outputs(notebook):
    """No stderr, nothing live or private to a machine, under 300 kB."""
    for cell in kind(notebook, "code"):
        for output in cell["outputs"]:
            if output.get("name") == "stderr":
                yield f"stderr under: {cell['source'][:40]}"
            if any("widget" in mime for mime in output.get("data", {})):
                yield f"a live view is saved under: {cell['source'][:40]}"
            if re.search(r"0x[0-9a-f]{6,}|/tmp/|/home/|/root/", json.dumps(output)):
                yield f"an address or a path under: {cell['source'][:40]}"
    if "widgets" in notebook["metadata"]:
        yield "the state of widgets is saved"
    if len(json.dumps(notebook)) >= 300_000:
        yield f"{len(json.dumps(notebook)):,} bytes"


def ends_as_agreed(notebook):
    """In practice with when not to, a summary of three sentences, solutions last."""
    if not any(
        line.startswith("*When not to.*") for line in section(notebook, "In practice")
    ):
        yield "In practice does not say when not to"
    if len(section(notebook, "In three sentences")) != 3:
        yield "the summary has not three sentences"
    text = "\n".join(cell["source"] for cell in kind(notebook, "markdown"))
    heads = re.findall(r"^## (.*)", text, re.MULTILINE)
    if heads[-3:] != ["In practice", "In three sentences", "Solutions"]:
        yield f"the last headings are {heads[-3:]}"


def folds_what_answers(notebook):
    """Solutions and tables of a stage's finding are folded, in and out."""
    hidden = {"source_hidden": True, "outputs_hidden": True}
    for cell in kind(notebook, "code"):
        answers = tags(cell) & {"solution", "folded"}
        if bool(answers) != (cell["metadata"].get("jupyter") == hidden):
            yield f"folded without need, or not folded: {cell['source'][:40]}"


def stays_folded(notebook):
    """What stands under a closed heading says so by its tag, and only that.

    A folded table stands there, and so does a look inside, whose cells are open once
    the heading is; Run All leaves both closed.
    """
    closed = 0  # the level of the heading that is closed
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            signs = re.findall(r"^(#+) ", cell["source"], re.MULTILINE)
            levels = [len(sign) for sign in signs]
            if levels and (not closed or min(levels) <= closed):
                is_closed = cell["metadata"].get("jp-MarkdownHeadingCollapsed")
                closed = min(levels) if is_closed else 0
        elif bool(closed) != bool({"folded", "inside"} & tags(cell)):
            yield f"Run All shows it, or hides it: {cell['source'][:40]}"


def poses_its_tasks(notebook):
    """Two to four tasks, in order, each as declared; each exercise is solved below."""
    said = [cell["source"] for cell in kind(notebook, "code")]
    told = [
        source
        for source in said
        if "lessons.predict(" in source or "# your turn" in source
    ]
    tasks = lesson(notebook).tasks
    numbers = [
        re.search(r"lessons\.\w+\(\s*\"([\d.]+)\"", source)[1] for source in told
    ]
    if numbers != [task.number for task in tasks] or not 2 <= len(tasks) <= 4:
        yield f"the tasks are {numbers}, the course has {len(tasks)}"
    solved = [c["source"] for c in kind(notebook, "code") if "solution" in tags(c)]
    exercises = [task for task in tasks if isinstance(task, Exercise)]
    if solved != [exercise_cell(task, task.solution) for task in exercises]:
        yield "the solutions are not those of the course"
    for task in exercises:
        if exercise_cell(task, task.stub) not in said:
            yield f"the stub of {task.number} is not that of the course"
    text = "\n".join(all_prose(notebook))
    if text.count(" minutes") < len(exercises) + 1:
        yield "an exercise does not say how many minutes it takes"


def tells_the_routes(notebook):
    """The first lesson lists the routes as the course has them."""
    tables = [c["source"] for c in notebook["cells"] if "routes" in tags(c)]
    if notebook["name"].startswith("00_") and tables != [course.routes()]:
        yield "the table of routes is not the course's"


RULES = [
    has_its_name,
    begins_with_links,
    asks_its_question,
    says_what_it_takes,
    sets_up_in_one_cell,
    has_short_cells,
    has_enough_prose,
    has_no_long_runs,
    defines_little,
    is_plain_python,
    stages_need_no_callbacks,
    shows_and_asserts,
    leads_into_code,
    has_a_sentence_a_line,
    speaks_plainly,
    marks_a_term_once,
    uses_known_tags,
    ran_once_in_order,
    has_clean_outputs,
    ends_as_agreed,
    folds_what_answers,
    stays_folded,
    poses_its_tasks,
    tells_the_routes,
]


def named(rule):
    """Give a rule's name."""
    return rule.__name__


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_lesson_keeps_the_form(path, rule):
    """Each rule finds nothing to say about each lesson."""
    assert list(rule(load(path))) == []


def test_every_lesson_of_the_course_is_there():
    """The course and the folder name the same notebooks."""
    assert [path.name for path in FILES] == [one.file for one in course.LESSONS]


# Each rule goes red


def add(text, tag=None, at=8, **more):
    """Give a change that adds a code cell, run like the others."""

    def change(notebook):
        metadata = {"tags": [tag]} if tag else {}
        cell = {"cell_type": "code", "id": "new", "metadata": metadata, "source": text}
        notebook["cells"].insert(
            at, cell | {"execution_count": 0, "outputs": []} | more
        )
        for count, one in enumerate(kind(notebook, "code")):
            one["execution_count"] = count + 1

    return change


def swap(old, new, times=1):
    """Give a change that puts one text in place of another."""

    def change(notebook):
        cells = [cell for cell in notebook["cells"] if old in cell["source"]]
        assert cells, f"{old!r} is nowhere"
        for cell in cells[:times]:
            cell["source"] = cell["source"].replace(old, new)

    return change


def output(**fields):
    """Give a change that adds an output to the third code cell."""

    def change(notebook):
        kind(notebook, "code")[2]["outputs"].append(
            {"output_type": "stream", "name": "stdout", "text": "", **fields}
        )

    return change


def drop(*cells):
    """Give a change that takes cells away, by their place."""

    def change(notebook):
        notebook["cells"] = [
            cell for at, cell in enumerate(notebook["cells"]) if at not in cells
        ]

    return change


def every(cell_type, **fields):
    """Give a change that sets a field of all cells of a type."""

    def change(notebook):
        for cell in kind(notebook, cell_type):
            cell.update(deepcopy(fields))

    return change


def four_in_a_row(notebook):
    """Put three cells beside another."""
    for _ in range(4):
        add("1 + 1")(notebook)


def long_cells(notebook):
    """Make every cell long."""
    for cell in kind(notebook, "code")[1:]:
        cell["source"] = "\n".join(["1 + 1"] * 12)


def unfolded(notebook):
    """Open a solution."""
    kind(notebook, "code")[-1]["metadata"].pop("jupyter")


def opened(notebook):
    """Open the headings."""
    for cell in kind(notebook, "markdown"):
        cell["metadata"].pop("jp-MarkdownHeadingCollapsed", None)


def renamed(notebook):
    """Call the file something else."""
    notebook["name"] = "00_begin"


def with_widgets(notebook):
    """Save the state of widgets."""
    notebook["metadata"]["widgets"] = {}


def rerun(notebook):
    """Run the third cell again."""
    kind(notebook, "code")[2]["execution_count"] = 99


LIVE = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
BROKEN = {
    "another name": (renamed, has_its_name),
    "no notebook": (every("code", outputs=3), has_its_name),
    "no links": (drop(0), begins_with_links),
    "old links": (swap("Lesson 00", "Lesson 0"), begins_with_links),
    "another title": (swap("# Start here", "# Lesson one"), asks_its_question),
    "no question": (swap("ended?**", "ended.**"), asks_its_question),
    "no table": (swap("\n|", "\n"), asks_its_question),
    "no aim": (swap("*What you'll do:*", "Do:"), says_what_it_takes),
    "other minutes": (swap("12 minutes", "13 minutes"), says_what_it_takes),
    "work in the set-up": (swap("seed = 1", "seed = 1\nx = 2"), sets_up_in_one_cell),
    "no set-up": (drop(3), sets_up_in_one_cell),
    "long cells": (long_cells, has_short_cells),
    "little prose": (every("markdown", source="A word:"), has_enough_prose),
    "much prose": (swap("Look at", "word " * 2000 + "Look at"), has_enough_prose),
    "four cells in a row": (four_in_a_row, has_no_long_runs),
    "helpers": (add("def a(): 1\ndef b(): 2\nclass C: 3\na()"), defines_little),
    "a magic": (add("%pip install x"), is_plain_python),
    "a shell line": (add("!ls"), is_plain_python),
    "sys.path": (add("import sys\nsys.path.append('.')"), is_plain_python),
    "a star": (add("from math import *\n1"), is_plain_python),
    "data written": (add("open('../data/x', 'w')"), is_plain_python),
    "interact": (add("interact(print, x=3)"), stages_need_no_callbacks),
    "an Output": (add("widgets.Output()"), stages_need_no_callbacks),
    "nothing shown": (add("x = 1"), shows_and_asserts),
    "no facts": (swap("assert ", "", 99), shows_and_asserts),
    "no colon": (swap("run this cell:", "run this cell."), leads_into_code),
    "two sentences": (swap("happened.\n", "happened. "), has_a_sentence_a_line),
    "a shout": (swap("Nothing failed", "Oh! Nothing failed"), speaks_plainly),
    "an emoji": (swap("Nothing failed", "\N{ROCKET} Nothing"), speaks_plainly),
    "a hollow word": (swap("Nothing failed", "It simply failed"), speaks_plainly),
    "a term twice": (swap("The account held", "The **event**"), marks_a_term_once),
    "an odd tag": (add("1", "later"), uses_known_tags),
    "an untold error": (output(output_type="error"), uses_known_tags),
    "an untold timing": (add("timeit(f) / by_x"), uses_known_tags),
    "no ratio": (add("timeit(f)", "nbval-ignore-output"), uses_known_tags),
    "a tag for nothing": (add("1", "raises-exception"), uses_known_tags),
    "a cell never run": (every("code", execution_count=None), ran_once_in_order),
    "a cell run again": (rerun, ran_once_in_order),
    "stderr": (output(name="stderr"), has_clean_outputs),
    "a live view": (output(data=LIVE), has_clean_outputs),
    "an address": (output(text="<f at 0x7f31ca6bae80>"), has_clean_outputs),
    "widget state": (with_widgets, has_clean_outputs),
    "300 kB": (output(text="x" * 300_000), has_clean_outputs),
    "no when not to": (swap("*When not to.*", "*Else.*"), ends_as_agreed),
    "four sentences": (swap("Predict first", "Look.\nPredict first"), ends_as_agreed),
    "no solutions": (swap("## Solutions", "## Answers"), ends_as_agreed),
    "an open solution": (unfolded, folds_what_answers),
    "an open heading": (opened, stays_folded),
    "inside of nothing": (add("1", "inside"), stays_folded),
    "another stub": (
        swap("raise NotImpl", "x = 1\n    raise NotImpl"),
        poses_its_tasks,
    ),
    "another solution": (swap("timestamp[:10]", "timestamp[0:10]"), poses_its_tasks),
    "a task too many": (add('lessons.predict("00.9", "?")'), poses_its_tasks),
    "no minutes": (swap("(3 minutes)", ""), poses_its_tasks),
    "other routes": (swap("| an analyst |", "| an admin |"), tells_the_routes),
}


@pytest.mark.parametrize(("change", "rule"), BROKEN.values(), ids=BROKEN)
def test_a_rule_goes_red(change, rule):
    """A copy of lesson 00 that breaks a rule is found by that rule."""
    notebook = load(FOLDER / "00_start_here.ipynb")
    assert list(rule(notebook)) == []
    change(notebook)
    assert list(rule(notebook)) != []


def test_every_rule_is_shown_to_go_red():
    """No rule is without a broken copy."""
    assert {rule for _, rule in BROKEN.values()} == set(RULES)


# The tool that builds


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_built_notebook_needs_no_change(path):
    """What the tool writes by itself stands in each lesson as it would write it."""
    before = json.loads(path.read_text("utf-8"))
    after = build.refreshed(before, path.stem[:2])
    sources = [cell["source"] for cell in before["cells"]]
    assert [cell["source"] for cell in after["cells"]] == sources
    assert [cell["id"] for cell in after["cells"]] == [c["id"] for c in before["cells"]]
    assert after["metadata"] == before["metadata"]
    assert build.settled(before) == before


def test_the_tool_takes_out_what_is_random():
    """A widget's live view and a run's private metadata are not kept."""
    data = {"image/png": "aGk=", **LIVE}
    cell = {
        "cell_type": "code",
        "execution_count": 3,
        "id": "9f3c",
        "metadata": {"tags": ["solution"], "execution": {"start": "now"}},
        "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}],
        "source": ["1"],
    }
    notebook = {"cells": [cell], "metadata": {"widgets": {}}}
    kept = build.settled(deepcopy(notebook))
    assert list(kept["cells"][0]["outputs"][0]["data"]) == ["image/png"]
    assert "widgets" not in kept["metadata"]
    clean = build.refreshed(notebook, "00")["cells"][0]
    assert clean["metadata"] == {"tags": ["solution"]}
    assert (clean["id"], clean["execution_count"], clean["outputs"]) == (
        "cell-00",
        None,
        [],
    )


def test_a_lesson_that_fails_is_left_as_it_was(tmp_path, capfd):
    """The tool writes nothing when a cell raises, and says so."""
    path = tmp_path / "00_start_here.ipynb"
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": "1 / 0",
    }
    path.write_text(json.dumps({"cells": [cell], "metadata": {}}))
    before = path.read_bytes()
    assert build.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capfd.readouterr().err
