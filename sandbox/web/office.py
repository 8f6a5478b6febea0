"""How papers and public pages speak: of the office that keeps the sandbox, and of several things in one line."""

from collections.abc import Iterable
from functools import reduce

from sandbox.web.reader import program, t


def misuse(office: str) -> str:
    """Whom to tell when taking part is passed off as an approval."""
    contact = program().settings.contact
    return t("public.misuse_contact", office=office, contact=contact) if contact else t("public.misuse", office=office)


def paired(parts: Iterable[str]) -> str:
    """Several statements in one line, each apart from the next."""
    given = [part for part in parts if part]
    return reduce(lambda left, right: t("public.pair", left=left, right=right), given) if given else ""
