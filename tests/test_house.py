"""The rules of the house as tests over its own sources; each is shown to fail where the rule is broken on purpose."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
Tree = dict[str, str]
"""Sources by their path in the house."""


def read(*patterns: str) -> Tree:
    return {str(path.relative_to(HOUSE)): path.read_text(encoding="utf-8")
            for pattern in patterns for path in sorted(HOUSE.glob(pattern)) if path.is_file()}


SOURCES = read("app.py", "sandbox/**/*.py", "tests/**/*.py", "bench/*.py", "migrations/**/*.py")


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def inside(tree: Tree, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The files of these folders (or files of this name), parsed."""
    for path, source in tree.items():
        if any(path == folder or path.startswith(f"{folder}/") for folder in folders):
            yield path, parsed(source)


@cache
def nodes(module: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of a file, found once and not once for each rule."""
    return tuple(ast.walk(module))


def imports(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, at the top or inside a function."""
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{one.name}") for one in node.names)


@cache
def calls(module: ast.Module) -> tuple[tuple[int, str, ast.Call], ...]:
    """Line, name and node of every call: `datetime.now`, `open`, `sa.insert`."""
    return tuple((node.lineno, ast.unparse(node.func), node) for node in nodes(module) if isinstance(node, ast.Call))


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in nodes(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


# The rules

BELOW_STORE = {"words", "rules"}
MAY_IMPORT = {
    "words": set(), "rules": {"words"}, "store": BELOW_STORE, "acts": {*BELOW_STORE, "store"},
    "reads": {*BELOW_STORE, "store"}, "papers": {*BELOW_STORE, "store", "acts", "reads"},
    "jobs": {*BELOW_STORE, "store", "acts", "reads", "papers"},
    "web": {*BELOW_STORE, "store", "acts", "reads", "papers", "jobs"},
}
IMPURE = ("random", "secrets", "time", "os", "socket", "subprocess", "threading", "uuid", "urllib.request", "http",
          "sqlalchemy", "sqlmodel", "sqlite3", "flask", "requests")
TALKS = ("open", "print", "input")
REAL_TIME = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns",
             "datetime.datetime.now", "datetime.date.today")
OF_WEB = ("flask", "werkzeug", "jinja2", "wtforms", "flask_wtf", "flask_login", "flask_security", "flask_bootstrap",
          "granian")
HOUSEKEEPING = {
    "sandbox/jobs/outbox.py": {"DELIVERIES"}, "sandbox/jobs/recipients.py": {"DELIVERIES", "NOTICES"},
    "sandbox/jobs/schema.py": {"MOVED"}, "sandbox/jobs/tick.py": {"PULSE", "DUES"}, "sandbox/jobs/health.py": {"PULSE"},
    "sandbox/web/sessions.py": {"SESSIONS"}, "sandbox/jobs/uploads.py": {"UPLOADS", "COLUMN_MEANINGS"},
}
"""Tables that are written without an act and without an entry, and the only files that do."""
MOST_LINES, MOST_LINES_OF_TESTS, MOST_IN_FUNCTION = 500, 700, 45
UNDOCUMENTED_UP_TO = 6
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "service", "services", "base", "data",
         "info", "handle", "misc", "forms", "constants", "types_"}


def imports_go_one_way(tree: Tree) -> list[str]:
    found = []
    for path, module in inside(tree, "sandbox"):
        room = path.split("/")[1].removesuffix(".py")
        for line, name in imports(module):
            other = name.split(".")[1] if name.startswith("sandbox.") else ""
            if name.startswith(".") or (other not in {"", room} and other not in MAY_IMPORT.get(room, set())):
                found.append(f"{path}:{line} imports {name}")
    return found


def nobody_imports_the_front_door(tree: Tree) -> list[str]:
    return [f"{path}:{line} imports {name}" for path, module in inside(tree, "sandbox")
            for line, name in imports(module) if name == "app" or name.startswith("app.")]


def rules_are_pure(tree: Tree) -> list[str]:
    found = []
    for path, module in inside(tree, "sandbox/rules"):
        found += [f"{path}:{line} imports {name}" for line, name in imports(module)
                  if any(name == impure or name.startswith(f"{impure}.") for impure in IMPURE)]
        found += [f"{path}:{line} calls {name}" for line, name, _ in calls(module) if name in TALKS]
        found += [f"{path}:{node.lineno} keeps a global" for node in nodes(module) if isinstance(node, ast.Global)]
    return found


def only_the_front_door_names_the_real_clock(tree: Tree) -> list[str]:
    return [f"{path}:{line} calls {name}" for path, module in inside(tree, "sandbox")
            for line, name, _ in calls(module) if name in REAL_TIME]


def only_web_and_the_front_door_know_flask(tree: Tree) -> list[str]:
    return [f"{path}:{line} imports {name}" for path, module in inside(tree, "sandbox")
            if not path.startswith("sandbox/web/")
            for line, name in imports(module) if name.split(".")[0] in OF_WEB]


def only_acts_and_the_store_write(tree: Tree) -> list[str]:
    """Rows are written by acts, by the store's log, and to the tables of HOUSEKEEPING by the files named there."""
    found = []
    for path, module in inside(tree, "sandbox", "app.py"):
        if path.startswith(("sandbox/acts/", "sandbox/store/")):
            continue
        for line, name, call in calls(module):
            verb = name.rsplit(".", 1)[-1]
            if verb in ("insert", "update", "delete") and name in (verb, f"sa.{verb}", f"sqlalchemy.{verb}"):
                table = ast.unparse(call.args[0]) if call.args else "?"
                if table not in HOUSEKEEPING.get(path, set()):
                    found.append(f"{path}:{line} writes {table}")
        found += [f"{path}:{node.lineno} writes by text" for node in nodes(module)
                  if isinstance(node, ast.Constant) and isinstance(node.value, str)
                  and re.match(r"\s*(INSERT INTO|UPDATE \w+ SET|DELETE FROM|REPLACE INTO)\b", node.value)]
    return found


def reports_are_read_without_batches_that_do_not_count(tree: Tree) -> list[str]:
    """Whoever selects reports says KEPT or COUNTS, or looks for those of a batch, of a key, or for one by its id."""
    found = []
    for path, module in inside(tree, "sandbox"):
        parts = [*functions(module), *(node for node in module.body if isinstance(node, ast.Assign))]
        found += [f"{path}:{node.lineno} reads reports of batches that do not count" for node in parts
                  if re.search(r"select\(.*?\bFEEDBACK\b", text := ast.unparse(node), re.DOTALL)
                  and not re.search(r"\b(KEPT|COUNTS)\b|FEEDBACK\.c\.(batch_id|id) ==|\.source_key", text)]
    return found


def only_acts_are_entered_into_the_table_of_acts(tree: Tree) -> list[str]:
    return [f"{path}:{node.lineno} enters {node.name}" for path, module in inside(tree, "sandbox", "app.py")
            if not path.startswith("sandbox/acts/") for node in functions(module)
            if any(ast.unparse(one).startswith("act(") for one in node.decorator_list)]


def files_and_functions_are_of_a_size_to_be_read(tree: Tree) -> list[str]:
    made_by_hand = {path: source for path, source in tree.items() if not path.startswith("migrations/versions/")}
    found = [f"{path} has {lines} lines" for path, source in made_by_hand.items()
             if (lines := source.count("\n")) > (MOST_LINES_OF_TESTS if path.startswith("tests/") else MOST_LINES)]
    for path, source in made_by_hand.items():
        found += [f"{path}:{node.lineno} {node.name} has {length} lines" for node in functions(parsed(source))
                  if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_IN_FUNCTION]
    return found


def nothing_is_caught_blindly_without_a_reason(tree: Tree) -> list[str]:
    """Whoever catches everything raises it again, logs it whole, or says why beside it."""
    found = []
    for path, module in inside(tree, "sandbox", "app.py", "bench", "tests"):
        lines = tree[path].splitlines()
        for node in (one for one in nodes(module) if isinstance(one, ast.ExceptHandler)):
            kinds = ast.unparse(node.type) if node.type else "everything"
            blind = node.type is None or re.search(r"\b(Base)?Exception\b", kinds)
            passed_on = ast.unparse(node.body[-1]) == "raise" or ".exception(" in ast.unparse(node)
            said = re.search(r"# noqa: BLE001 \w+ \w+", lines[node.lineno - 1])
            if blind and (node.type is None or not (passed_on or said)):
                found.append(f"{path}:{node.lineno} catches {kinds} and does not say why")
    return found


def what_is_public_is_documented(tree: Tree) -> list[str]:
    found = []
    for path, module in inside(tree, "sandbox", "app.py"):
        silent = [node for node in module.body if isinstance(node, ast.ClassDef | ast.FunctionDef)
                  and not node.name.startswith("_") and not ast.get_docstring(node)]
        found += [f"{path}:{node.lineno} {node.name} says nothing" for node in silent
                  if isinstance(node, ast.ClassDef)
                  or (node.end_lineno or 0) - node.lineno + 1 > UNDOCUMENTED_UP_TO]
        if tree[path].strip() and not ast.get_docstring(module):
            found.append(f"{path} says nothing")
    return found


def files_are_named_for_a_noun(tree: Tree) -> list[str]:
    return [path for path in tree if Path(path).stem in VAGUE or Path(path).parent.name in VAGUE - {"data"}]


def a_test_is_named_by_a_sentence(tree: Tree) -> list[str]:
    return [f"{path}:{node.lineno} {node.name}" for path, module in inside(tree, "tests") for node in functions(module)
            if node.name.startswith("test_") and node.name.count("_") < 3]


def nothing_sleeps_in_a_test(tree: Tree) -> list[str]:
    return [f"{path}:{line} sleeps" for path, module in inside(tree, "tests") for line, name, call in calls(module)
            if name.split(".")[-1] == "sleep" and ast.unparse(call) != "time.sleep(0)"]


def whoever_opens_a_program_in_a_test_verifies_its_log(tree: Tree) -> list[str]:
    """By `verify`, or by a fixture that does when the test is over."""
    found = []
    for path, module in inside(tree, "tests"):
        named = {name.split(".")[-1] for _, name, _ in calls(module)}
        asked = {one.arg for node in functions(module) for one in node.args.args}
        if named & {"open_program", "Door"} and not (named & {"verify", "running"} or asked & {"program", "door"}):
            found.append(path)
    return found


RULES: dict[Callable[[Tree], list[str]], Tree] = {
    imports_go_one_way: {
        "sandbox/rules/bad.py": "from sandbox.store.types import Short",
        "sandbox/words.py": "from sandbox.rules import needs",
        "sandbox/store/bad.py": "def late():\n    import sandbox.acts.act",
        "sandbox/acts/bad.py": "from sandbox.reads.board import board",
        "sandbox/reads/bad.py": "from sandbox.acts.act import Acts",
        "sandbox/jobs/bad.py": "from sandbox.web.front import create_app",
        "sandbox/papers/bad.py": "from ..web import front",
    },
    nobody_imports_the_front_door: {"sandbox/jobs/bad.py": "from app import create_app"},
    rules_are_pure: {
        "sandbox/rules/bad.py": "import random", "sandbox/rules/worse.py": "from time import time",
        "sandbox/rules/deep/bad.py": "open('x')", "sandbox/rules/bad_too.py": "import sqlalchemy as sa",
        "sandbox/rules/kept.py": "def f():\n    global x\n    x = 1",
    },
    only_the_front_door_names_the_real_clock: {
        "sandbox/acts/bad.py": "at = datetime.now(UTC)", "sandbox/rules/bad.py": "day = date.today()",
        "sandbox/web/bad.py": "import time\nnow = time.time()",
    },
    only_web_and_the_front_door_know_flask: {
        "sandbox/acts/bad.py": "from flask import request", "sandbox/reads/bad.py": "import werkzeug.exceptions",
    },
    only_acts_and_the_store_write: {
        "sandbox/web/bad.py": "connection.execute(sa.insert(TRIALS).values(id=1))",
        "sandbox/jobs/tick.py": "connection.execute(sa.update(TRIALS))",
        "sandbox/reads/bad.py": "connection.execute(delete(DRAFTS))",
        "sandbox/papers/bad.py": "connection.exec_driver_sql('DELETE FROM trials')",
    },
    reports_are_read_without_batches_that_do_not_count: {
        "sandbox/reads/bad.py": "def all(c):\n    return c.execute(sa.select(FEEDBACK).where(FEEDBACK.c.epoch == 1))",
        "sandbox/acts/bad.py": "_last = sa.select(FEEDBACK.c.period_end).where(FEEDBACK.c.trial_id == 'x')",
    },
    only_acts_are_entered_into_the_table_of_acts: {
        "sandbox/jobs/bad.py": "@act(on='trial')\ndef sneak(act, given):\n    pass"},
    files_and_functions_are_of_a_size_to_be_read: {
        "sandbox/acts/long.py": "x = 1\n" * 501, "tests/long.py": "def f():\n" + "    x = 1\n" * 45,
    },
    nothing_is_caught_blindly_without_a_reason: {
        "sandbox/acts/bad.py": "try:\n    x = 1\nexcept:\n    pass",
        "sandbox/web/bad.py": "try:\n    x = 1\nexcept (KeyError, Exception):  # noqa: BLE001\n    pass",
        "sandbox/jobs/bad.py": "try:\n    x = 1\nexcept BaseException as error:\n    x = 2",
    },
    what_is_public_is_documented: {
        "sandbox/acts/bad.py": "x = 1", "sandbox/reads/bad.py": '"""Says."""\nclass Thing:\n    x = 1',
        "sandbox/store/bad.py": '"""Says."""\ndef thing():\n' + "    x = 1\n" * 6,
    },
    files_are_named_for_a_noun: {"sandbox/acts/utils.py": "", "sandbox/helpers/trial.py": ""},
    a_test_is_named_by_a_sentence: {"tests/bad.py": "def test_move():\n    pass"},
    nothing_sleeps_in_a_test: {"tests/bad.py": "time.sleep(0.1)", "tests/worse.py": "from time import sleep\nsleep(1)"},
    whoever_opens_a_program_in_a_test_verifies_its_log: {
        "tests/bad.py": "program = open_program(settings, clock)", "tests/worse.py": "door = Door(engine)"},
}
BROKEN = [(rule, path, source) for rule, lines in RULES.items() for path, source in lines.items()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rule(rule: Callable[[Tree], list[str]]):
    assert rule(SOURCES) == []


@pytest.mark.parametrize(("rule", "path", "source"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_house_that_breaks_the_rule_is_told_where(rule: Callable[[Tree], list[str]], path: str, source: str):
    told = rule({**SOURCES, path: source})
    assert [line for line in told if line.startswith(path)]
