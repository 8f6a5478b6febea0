"""The city's people and bodies. Every name carries 示例 or 演示, every address ends in .example: none of it is real."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.jobs.program import Program
from sandbox.reads.accounts import account
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Constituency, Role, Scope
from sandbox.store.passwords import hash_password

PASSWORD = "a small invented city"
"""Of every demo account; a demo is marked on every page and holds nothing real."""
TOKEN_DAYS = 365
AUTHORITY = "演示市科技局"
DEPARTMENT = "演示市工业和信息化局"


@dataclass(frozen=True, slots=True)
class Person:
    """One account. `key` is the name it goes by in this package and, for those with a token, in what `load` returns."""

    key: str
    name: str
    role: Role
    body: str
    constituency: Constituency | None = None
    expertise: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        return f"{self.key}@demo.example"


STAFF = (
    Person("regulator", "林示例", Role.REGULATOR, AUTHORITY),
    Person("regulator2", "陈示例", Role.REGULATOR, AUTHORITY),
    Person("firm", "方示例", Role.FIRM, "演示智能科技有限公司"),
    Person("firm2", "高示例", Role.FIRM, "演示影像科技有限公司"),
    Person("firm3", "周示例", Role.FIRM, "演示物流科技有限公司"),
    Person("firm4", "许示例", Role.FIRM, "演示健康科技有限公司"),
    Person("firm5", "何示例", Role.FIRM, "演示教育科技有限公司"),
    Person("department", "郑示例", Role.DEPARTMENT, DEPARTMENT),
)
ADMINISTRATOR = Person("administrator", "吴示例", Role.ADMINISTRATOR, AUTHORITY)

_BODIES = {
    Constituency.INDUSTRY: (
        "演示市机器人协会", "演示市医疗器械协会", "演示市物流协会", "示例装备制造联盟", "示例数字金融协会"),
    Constituency.RESEARCH: (
        "示例大学人工智能学院", "示例自动化研究所", "示例医学院", "示例科技法研究中心", "示例工程研究院"),
    Constituency.MARKET: (
        "演示市消费者委员会", "演示市残疾人联合会", "示例居民代表会", "示例老年服务协会", "示例乘客代表会"),
}
_NAMES = {
    Constituency.INDUSTRY: ("芮示例", "唐示例", "罗示例", "宋示例", "韩示例"),
    Constituency.RESEARCH: ("沈示例", "钱示例", "孙示例", "李示例", "冯示例"),
    Constituency.MARKET: ("梅示例", "赵示例", "蒋示例", "苏示例", "叶示例"),
}
_EXPERTISE = {Constituency.INDUSTRY: ("trade",), Constituency.RESEARCH: ("ai",),
              Constituency.MARKET: ("law", "ethics")}
REVIEWERS = tuple(
    Person(f"{side.value}{number}", name, Role.REVIEWER, body, side, _EXPERTISE[side])
    for side in Constituency
    for number, (name, body) in enumerate(zip(_NAMES[side], _BODIES[side], strict=True), start=1)
)
"""Five of each constituency, each of a body of its own: enough for a panel, a re-review and an appeal in one trial."""
BODY_OF = {one.key: one.body for one in (ADMINISTRATOR, *STAFF, *REVIEWERS)}
KINDS = {Role.FIRM: "firm", Role.DEPARTMENT: "department", Role.REGULATOR: "authority"}
REVIEWERS_KINDS = {Constituency.INDUSTRY: "body", Constituency.RESEARCH: "institute", Constituency.MARKET: "body"}


@dataclass
class People:
    """Everyone who has an account, by key."""

    actors: dict[str, Actor] = field(default_factory=dict)

    def accounts(self) -> list[dict[str, Any]]:
        """How each signs in, administrators and regulators first, reviewers last and by constituency."""
        return [{
            "id": self.actors[one.key].id, "email": one.email, "password": PASSWORD, "name": one.name,
            "role": one.role.value, "organisation": one.body,
            **({"constituency": one.constituency.value} if one.constituency else {}),
        } for one in (ADMINISTRATOR, *STAFF, *REVIEWERS)]


def enter_people(program: Program) -> People:
    """Set the sandbox up and invite everyone, who all accept. Raises Refused where accounts exist."""
    people, password = People(), hash_password(PASSWORD)
    do = program.acts.do
    made = do("make_first_administrator", SYSTEM_ACTOR, {
        "email": ADMINISTRATOR.email, "name": ADMINISTRATOR.name, "authority": AUTHORITY, "password": password})
    with program.reading() as connection:
        body = (account(connection, account_id=made.id) or {})["organisation_id"]
    administrator = people.actors["administrator"] = Actor(made.id, Role.ADMINISTRATOR, body)
    bodies = {AUTHORITY: body}
    for one in (*STAFF, *REVIEWERS):
        if one.body not in bodies:
            bodies[one.body] = do("register_organisation", administrator, {"name": one.body, "kind": _kind(one)}).id
        people.actors[one.key] = _enter(program, administrator, one, bodies[one.body], password)
    return people


def _kind(one: Person) -> str:
    return REVIEWERS_KINDS[one.constituency] if one.constituency else KINDS[one.role]


def _enter(program: Program, administrator: Actor, one: Person, body: str, password: str) -> Actor:
    invited = program.acts.do("invite", administrator, {
        "email": one.email, "name": one.name, "role": one.role.value, "organisation_id": body,
        "constituency": one.constituency, "expertise": one.expertise})
    made = program.acts.do("accept_invitation", SYSTEM_ACTOR, {"secret": invited.secret, "password": password})
    return Actor(made.id, one.role, body, one.constituency)


def issue_tokens(program: Program, people: People) -> dict[str, Any]:
    """A token each, as the contract of `demo` names them; reviewers in the order of REVIEWERS."""
    def token(key: str) -> str:
        given: Mapping[str, Any] = {"name": "演示", "scopes": list(Scope), "days": TOKEN_DAYS}
        return str(program.acts.do("issue_token", people.actors[key], given).secret)

    named = ("administrator", "regulator", "regulator2", "firm", "firm2", "department")
    return {**{key: token(key) for key in named}, "reviewers": [token(one.key) for one in REVIEWERS]}
