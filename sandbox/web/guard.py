"""Guards: every route says which act or read it is for, and nobody reaches a view without passing one.

A view without a guard does not start: `front` refuses routes that are neither guarded nor in PUBLIC.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.exceptions import Unauthorized

from sandbox.acts.refusals import NotPermitted
from sandbox.rules.access import PERMISSIONS, Role, Scope, covers
from sandbox.web.reader import bearer, find_actor

V = TypeVar("V", bound=Callable[..., Any])
PUBLIC = frozenset((
    "static", "bootstrap.static", "healthz", "readyz", "metrics", "api.openapi", "setup", "accept_invitation",
    "home", "jwks", "pages.conflict_by_link", "pages.by_link", "public_trial", "public_trials", "public_verify",
    "public_verify_form", "testing_clock", "calendar_feed",
))
"""Endpoints that need no account, by name; sign-in's own are added by `signin`."""


def guard(view: V, *, act: str | None = None, roles: tuple[Role, ...] = tuple(Role), pages: bool = False,
          by_act: bool = False, scope: Scope = Scope.READ) -> V:
    """Let in only who is signed in (or bears a token) with a role that may do the act. Objects are narrowed by reads
    and acts themselves. `by_act`: the view does the act at once, which asks for role and scope itself, after the
    object: so a stranger is told "not found" before "not permitted". `scope` is what a token needs to read."""
    allowed = PERMISSIONS[act].roles if act else roles

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.actor = find_actor()
        if g.actor is None:
            if pages and bearer() is None and request.method == "GET":
                return redirect(url_for("signin", next=request.full_path.rstrip("?")))
            raise Unauthorized
        if not by_act and (g.actor.role not in allowed or (bearer() and not _scope_covers(act, scope))):
            raise NotPermitted("not_permitted")
        return view(*args, **kwargs)

    guarded.guarded_by = act or "read"  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def _scope_covers(act: str | None, reading: Scope) -> bool:
    return covers(g.actor.scopes, PERMISSIONS[act].scope if act and request.method != "GET" else reading)


def page(blueprint: Blueprint, rule: str, *, act: str | None = None, methods: tuple[str, ...] = ("GET",),
         roles: tuple[Role, ...] = tuple(Role)) -> Callable[[V], V]:
    """A page of ours: `act` is what its form does (all roles that may do it may open it), otherwise it only reads."""

    def enter(view: V) -> V:
        guarded = guard(view, act=act, roles=roles, pages=True)
        blueprint.add_url_rule(rule, view.__name__, guarded, methods=list(methods))
        return view

    return enter
