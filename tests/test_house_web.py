"""Rules of the web's room: every route is guarded, every page reads exactly what its class or its call gives it."""

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import Environment, meta, nodes

import app as front_door
import sandbox.web
import sandbox.web.api
import sandbox.web.pages
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.access import PERMISSIONS
from sandbox.web import signin
from sandbox.web.front import check_guards, make_app
from sandbox.web.guard import PUBLIC
from sandbox.web.pages.shapes import PageContext

HOUSE = Path(__file__).resolve().parents[1]
TEMPLATES = {str(path.relative_to(HOUSE / "templates")): path.read_text(encoding="utf-8")
             for path in sorted((HOUSE / "templates").rglob("*.html"))}
PYTHON = {str(path.relative_to(HOUSE)): path.read_text(encoding="utf-8")
          for path in sorted((HOUSE / "sandbox" / "web").rglob("*.py"))}
for room in (sandbox.web, sandbox.web.api, sandbox.web.pages):
    for file in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(file.name)


@pytest.fixture
def app(program: Program, clock: Shifted) -> Flask:
    """The whole application, the testing clock's route included."""
    made = make_app(program)
    front_door.enter_testing(made, program, clock)
    return made


# Guards


def test_every_route_has_a_guard_or_is_public_on_purpose(app: Flask):
    check_guards(app)
    bare = {rule.endpoint for rule in app.url_map.iter_rules()
            if not hasattr(app.view_functions[rule.endpoint], "guarded_by")}
    assert bare <= PUBLIC | signin.PUBLIC


def test_what_is_public_on_purpose_exists_and_has_no_guard(app: Flask):
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert " ".join(sorted((PUBLIC | signin.PUBLIC) - routes)) == ""
    assert [name for name in sorted(PUBLIC | signin.PUBLIC) if hasattr(app.view_functions[name], "guarded_by")] == []


def test_a_guard_names_an_act_or_a_read(app: Flask):
    guards = {getattr(view, "guarded_by", "read") for view in app.view_functions.values()}
    assert guards <= {"read", *PERMISSIONS}


def test_a_route_without_a_guard_does_not_start(app: Flask):
    app.add_url_rule("/open", "open_to_all", lambda: "")
    with pytest.raises(LookupError, match="open_to_all"):
        check_guards(app)


# Templates


def family(name: str, templates: Mapping[str, str]) -> Iterator[str]:
    """The template and those it extends, includes or imports with its context."""
    yield name
    for node in Environment().parse(templates[name]).find_all((nodes.Extends, nodes.Include, nodes.Import,
                                                               nodes.FromImport)):
        if isinstance(node, nodes.Extends) or node.with_context:
            yield from family(node.template.as_const(), templates)


def read_by(name: str, templates: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Every name that the page asks of its context, and those of them that it can do without."""
    trees = [Environment().parse(templates[each]) for each in family(name, templates)]
    own = {one for tree in trees for one in own_names(tree)}
    asked = {one for tree in trees for one in meta.find_undeclared_variables(tree)} - own
    every_use = Counter(node.name for tree in trees for node in tree.find_all(nodes.Name) if node.ctx == "load")
    careful = Counter(node.node.name for tree in trees for node in tree.find_all((nodes.Filter, nodes.Test))
                      if node.name in ("default", "defined") and isinstance(node.node, nodes.Name))
    return asked, {one for one in asked if careful[one] == every_use[one]}


def own_names(tree: nodes.Template) -> Iterator[str]:
    """Names that a file sets, imports or defines itself."""
    for node in tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.FromImport, nodes.Import, nodes.Macro)):
        match node:
            case nodes.Assign() | nodes.AssignBlock():
                yield from (one.name for one in (node.target, *node.target.find_all(nodes.Name))
                            if isinstance(one, nodes.Name))
            case nodes.FromImport():
                yield from (one if isinstance(one, str) else one[1] for one in node.names)
            case nodes.Import():
                yield node.target
            case nodes.Macro():
                yield node.name


def given_by_calls(python: Mapping[str, str]) -> dict[str, set[str]]:
    """What calls of render_template give each template, all calls of one taken together."""
    found: dict[str, set[str]] = {}
    for source in python.values():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "render_template" \
                    and isinstance(node.args[0], ast.Constant):
                found.setdefault(str(node.args[0].value), set()).update(
                    str(one.arg) for one in node.keywords)
    return found


def given_by_pages() -> dict[str, set[str]]:
    """The fields of each page's class, by template; classes that share one must agree."""
    found: dict[str, set[str]] = {}
    for page in every(PageContext):
        if "template" in vars(page):
            found.setdefault(page.template, set()).update(one.name for one in fields(page))
    return found


def every(of: type) -> Iterator[type]:
    for each in of.__subclasses__():
        yield each
        yield from every(each)


def misfits(templates: Mapping[str, str], given: Mapping[str, set[str]], base: set[str]) -> list[str]:
    """Names a page reads and nobody gives, and names that are given and nobody reads."""
    found = []
    for name, names in given.items():
        wanted, optional = read_by(name, templates)
        found += [f"{name} reads {one}, which nobody gives" for one in sorted(wanted - optional - names - base)]
        found += [f"{name} is given {one} and does not read it" for one in sorted(names - wanted)]
    return found


@pytest.fixture
def base(app: Flask) -> set[str]:
    """What every template may read: Jinja's globals and the base context of every request."""
    with app.test_request_context("/"):
        context: dict[str, object] = {}
        app.update_template_context(context)
    return {*context, *app.jinja_env.globals}


def test_every_page_reads_exactly_what_its_class_or_its_call_gives(base: set[str]):
    calls, pages = given_by_calls(PYTHON), given_by_pages()
    given = {name: calls.get(name, set()) | pages.get(name, set()) for name in {*calls, *pages}}
    assert len(given) > 20
    assert "\n".join(misfits(TEMPLATES, given, base)) == ""


@pytest.mark.parametrize(("source", "told"), [
    ("{{ mine }}{{ not_given }}", "reads not_given"), ("{% if base %}{% endif %}", "is given mine"),
    ("{% extends 'over.html' %}{{ mine }}", "reads from_above"),
    ("{% set own = 1 %}{% block a %}{{ own }}{{ mine|default('') }}{{ other|default('') }}{{ bare }}{% endblock %}",
     "reads bare"),
    ("{% for one in mine %}{{ one }}{% endfor %}{{ one }}", "reads one"),
])
def test_a_page_that_reads_more_or_less_is_told_what(source: str, told: str):
    templates = {"page.html": source, "over.html": "{{ from_above }}"}
    assert [line for line in misfits(templates, {"page.html": {"mine"}}, {"base"}) if told in line]


def test_every_template_is_rendered_or_used_by_one_that_is():
    rendered = {*given_by_calls(PYTHON), *given_by_pages()}
    rendered |= {name for source in PYTHON.values() for name in re.findall(r'"([\w/]+\.html)"', source)}
    used = {node.template.as_const() for source in TEMPLATES.values()
            for node in Environment().parse(source).find_all((nodes.Extends, nodes.Include, nodes.Import,
                                                             nodes.FromImport))}
    assert sorted(set(TEMPLATES) - rendered - used) == []
