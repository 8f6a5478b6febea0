"""The front door: `create_app(settings, clock)` and the command line. Only this file names the real clock."""

import argparse
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from sandbox.jobs.console import Parser, add_settings, language_of, teller
from sandbox.jobs.explanation import explaining
from sandbox.store.settings import PREFIX, SECRETS, Settings, read_settings, unknown_names
from sandbox.store.stops import CannotRun, Stop
from sandbox.words import Word, say, word

if TYPE_CHECKING:
    from flask import Flask

    from sandbox.acts.act import Clock
    from sandbox.jobs.clock import Shifted
    from sandbox.jobs.metronome import Metronome
    from sandbox.jobs.postman import Postman
    from sandbox.jobs.program import Program
    from sandbox.rules.access import Actor

    Working = tuple[Metronome, Postman]

STOPPING_S = 4
"""A request that takes longer to answer after SIGTERM is cut off; the whole process ends within five seconds."""
WATCH_S = 0.5


def real() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def clock_of(settings: Settings, now: datetime | None = None) -> "Clock":
    """The real clock; in testing one that can be moved forward."""
    if not settings.testing:
        return real
    from sandbox.jobs.clock import Shifted

    return Shifted(real, now)


def create_app(settings: Settings, clock: "Clock") -> "Flask":
    """The web application on a database at its newest schema; its program is `app.extensions["sandbox"]`.

    With testing settings and a movable clock, POST /testing/clock moves it."""
    from sandbox.jobs.clock import Shifted
    from sandbox.web.front import make_app

    program = opened(settings, clock)
    app = make_app(program)
    if settings.testing and isinstance(clock, Shifted):
        enter_testing(app, program, clock)
    return app


def opened(settings: Settings, clock: "Clock") -> "Program":
    """A program on a database at its newest schema. A movable clock goes on from the last beat."""
    from sandbox.jobs.clock import Shifted
    from sandbox.jobs.program import open_program
    from sandbox.jobs.schema import prepare

    prepare(settings)
    program = open_program(settings, clock)
    if isinstance(clock, Shifted):
        clock.resume(program)
    return program


def enter_testing(app: "Flask", program: "Program", clock: "Shifted") -> None:
    """POST /testing/clock {"now": ISO}: walk the program's clock there, ticking through every hour."""
    from flask import request

    from sandbox.jobs.clock import walk_to

    def testing_clock() -> dict[str, Any]:
        return walk_to(program, clock, request.get_json())

    app.add_url_rule("/testing/clock", "testing_clock", testing_clock, methods=["POST"])
    app.extensions["csrf"].exempt(testing_clock)


# The server


def serve(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM: one worker process answers and ticks, its parent minds it and holds nothing but that."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    refuse_taken_port(settings)
    print(*settings.lines(), sep="\n", flush=True)
    if not settings.contact:
        out(settings, word("command.no_contact"), file=sys.stderr)
    server = Server("app", settings.host, settings.port, interface=Interfaces.WSGI, blocking_threads=settings.threads,
                    workers_kill_timeout=STOPPING_S, log_level=LogLevels.error)
    server.serve(target_loader=partial(work, settings, os.getpid()), wrap_loader=False)
    return 0


def refuse_taken_port(settings: Settings) -> None:
    """Two servers on one port would share its connections: the second does not start."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.settimeout(2)
        if probe.connect_ex((settings.host, settings.port)) == 0:
            raise Stop(word("command.port_taken", host=settings.host, port=str(settings.port)))


def work(settings: Settings, parent: int) -> "Flask":
    """The worker: open the program, say where it is, start its clock; what it opens, `keep` closes."""
    gc.disable()  # a fifth of a start went into looking for garbage among what it makes to keep; `settle` enables it
    from sandbox.jobs.demonstration import forget_half_told, refuse_own_data
    from sandbox.jobs.metronome import Metronome
    from sandbox.jobs.postman import Postman
    from sandbox.jobs.program import settle

    with explaining(teller(settings.language)):
        forget_half_told(settings)
        app = create_app(settings, clock_of(settings))
        if settings.demo:
            refuse_own_data(settings)
    settle()
    program: Program = app.extensions["sandbox"]
    working = Metronome(program), Postman(program)
    print(program.settings.public_url, flush=True)
    beginning = tell_demo if settings.demo else begin
    threading.Thread(target=beginning, args=(program, working), name="beginning", daemon=True).start()
    threading.Thread(target=end_streams, args=(app, wakened()), name="ender", daemon=True).start()
    threading.Thread(target=keep, args=(program, working, parent), name="keeper").start()
    return app


def begin(program: "Program", working: "Working") -> None:
    """Start clock and postman; while there is no account, print the first administrator's link."""
    from sandbox.jobs.setup import setup_secret

    for one in working:
        one.start()
    if secret := setup_secret(program):
        out(program.settings, word("command.setup_link", url=f"{program.settings.public_url}/setup/{secret}"))


def tell_demo(program: "Program", working: "Working") -> None:
    """Tell the demo city, which takes a while, beside a server that answers already; its clock starts after that."""
    import structlog

    from sandbox.jobs.demonstration import sign_ins, tell, told

    if told(program.settings) is None:
        out(program.settings, word("command.demo_begins"))
    try:
        out(program.settings, *sign_ins(tell(program.settings, program.clock())))
    except Exception:  # noqa: BLE001 logged whole; a server with half a city and no clock must not stay
        structlog.get_logger().exception("demo_failed")
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        for one in working:
            one.start()


def wakened() -> socket.socket:
    """A socket that gives the number of each signal this process gets, whoever handles it."""
    hears, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)
    return hears


def end_streams(app: "Flask", signals: socket.socket) -> None:
    """When the process is told to end, end the streams of live pages: the server would wait for them in vain."""
    while signals.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
        pass
    app.extensions["streams"].close()


def keep(program: "Program", working: "Working", parent: int) -> None:
    """Stop the server when its parent is gone (an orphan would share the port with its successor); when the server has
    ended, finish every write accepted."""
    server = threading.main_thread()
    while server.is_alive() and os.getppid() == parent:
        server.join(WATCH_S)
    if server.is_alive():
        os.kill(os.getpid(), signal.SIGTERM)
        server.join(STOPPING_S)
    for one in working:
        one.stop()
    program.close()
    if server.is_alive():
        os._exit(1)


# The other commands


def migrate(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Make the database or bring it to the newest schema."""
    from sandbox.jobs.schema import prepare

    out(settings, word("command.schema", revision=prepare(settings)))
    return 0


def worker(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Tick without the web until SIGTERM, beside any number of other processes on the same database."""
    from sandbox.jobs.metronome import Metronome
    from sandbox.jobs.postman import Postman

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    program = opened(settings, clock_of(settings))
    working = Metronome(program), Postman(program)
    for one in working:
        one.start()
    ended.wait()
    for one in working:
        one.stop()
    program.close()
    return 0


def one_tick(settings: Settings, arguments: argparse.Namespace) -> int:
    """One tick, then the outbox; prints what the tick did as JSON."""
    from sandbox.jobs.outbox import deliver
    from sandbox.jobs.tick import tick

    if arguments.now and not settings.testing:
        raise CannotRun(word("command.now_only_testing"))
    program = opened(settings, clock_of(settings, arguments.now))
    try:
        print(json.dumps(asdict(tick(program)), default=str))
        deliver(program)
    finally:
        program.close()
    return 0


def demo(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Load the demo city into an empty data folder, once; print its accounts, tokens and trials as one JSON object."""
    from sandbox.jobs.demonstration import forget_half_told, tell
    from sandbox.jobs.schema import prepare

    forget_half_told(settings)
    prepare(settings)
    print(json.dumps(tell(settings, real()), ensure_ascii=False))
    return 0


def import_files(settings: Settings, arguments: argparse.Namespace) -> int:
    """Take over a record kept elsewhere, or read a register's list; repeated, it adds nothing. Prints a report as JSON,
    and every line refused or noted in words. The API tokens of two regulators come in SANDBOX_TOKEN and
    SANDBOX_SECOND_TOKEN; without the second the adoption waits for a vote. A register's list needs one."""
    from sandbox.jobs.imports import Terms, import_confirmed, run_import
    from sandbox.jobs.registers import read_register
    from sandbox.rules.intake import delivered_mapping, read_mapping

    mapping = read_mapping(arguments.map.read_bytes()) if arguments.map else delivered_mapping(arguments.kind)
    files = [(path.name, path.read_bytes()) for path in arguments.files]
    program = opened(settings, clock_of(settings))
    try:
        first, second = (regulator(program, f"{PREFIX}{name}") for name in ("TOKEN", "SECOND_TOKEN"))
        if first is None:
            raise CannotRun(word("command.token_missing"))
        report: BaseModel
        if mapping.register_of is not None:
            report, remarks = read_register(program, first, mapping, files, arguments.as_of, dry_run=arguments.dry_run,
                                            partial=arguments.partial)
        elif arguments.dry_run:
            report, remarks = run_import(program, first, mapping, files, Terms(), dry_run=True)
        else:
            report, remarks = import_confirmed(program, first, second, mapping, files, Terms())
    finally:
        program.close()
    out(settings, *remarks, file=sys.stderr)
    print(report.model_dump_json())
    return 0


def regulator(program: "Program", variable: str) -> "Actor | None":
    """Who bears the token in an environment variable; None without one."""
    from sandbox.reads.accounts import actor_by_token

    if variable not in os.environ:
        return None
    with program.reading() as connection:
        actor = actor_by_token(connection, os.environ[variable], program.clock())
    if actor is None:
        raise Stop(word("command.token_unknown", name=variable))
    return actor


def schedule(settings: Settings, arguments: argparse.Namespace) -> int:
    """What fires on one trial in the next 90 days, and to whom, a line each; `late` only once something was missed."""
    from sandbox.jobs.schema import existing
    from sandbox.reads.timetable import line, timetable
    from sandbox.reads.trials import trial
    from sandbox.rules.access import SYSTEM_ACTOR

    existing(settings)
    with closing(opened(settings, clock_of(settings))) as program, program.reading() as connection:
        out(settings, word("command.schedule.zone", zone=settings.timezone))
        row = trial(connection, SYSTEM_ACTOR, arguments.trial)
        if row is None:
            raise Stop(word("command.no_trial", trial=arguments.trial))
        found = timetable(connection, row, program.clock(), settings.zone)
        out(settings, *map(line, found))
    return 0


def verify_log(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Recompute the whole log from its leaves."""
    from sandbox.jobs.schema import existing
    from sandbox.store.engine import make_engine
    from sandbox.store.verification import verify

    with make_engine(existing(settings), writing=False).connect() as connection:
        found = verify(connection)
    out(settings, *found.problems, file=sys.stderr)
    out(settings, word("command.broken" if found.problems else "command.intact", n=found.size, root=found.root))
    return 1 if found.problems else 0


def rotate_key(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Retire the key that signs permits; the next permit makes a new one. The old public half stays published."""
    from sandbox.rules.access import SYSTEM_ACTOR

    with closing(opened(settings, clock_of(settings))) as program:
        out(settings, word("command.key_retired", key=program.acts.do("rotate_key", SYSTEM_ACTOR, {}).id))
    return 0


def move_house(settings: Settings, arguments: argparse.Namespace) -> int:
    """Copy the whole database into an empty one, prove that its rows and its log are the same, and only then keep it.
    Nothing may run on either meanwhile. Afterwards set SANDBOX_DATABASE_URL to the new address; evidence files and keys
    stay in the data folder. A password in the address is seen by every user of this machine: leave it to PGPASSWORD or
    ~/.pgpass."""
    from sandbox.jobs.moving import move

    moved = move(settings, arguments.url)
    print(*(f"{name}: {rows}" for name, rows in sorted(moved.rows.items()) if rows), sep="\n")
    out(settings, word("command.moved", n=moved.log.size, root=moved.log.root))
    return 0


def backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Copy the city, in service or not, to a new folder, and verify the copy."""
    from sandbox.jobs.backup import back_up

    made = back_up(settings, arguments.folder)
    out(settings, word("command.backed_up", folder=str(arguments.folder), n=made.log.size, root=made.log.root,
                       files=made.files))
    return 0


# The command line


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what runs it, and arguments of its own. Its help is the words `command.NAME.help` and `.about`."""

    name: str
    run: Callable[[Settings, argparse.Namespace], int]
    arguments: Callable[[Parser], object] = lambda parser: None


def now_argument(parser: Parser) -> None:
    """`tick --now ISO`."""
    parser.add_argument("--now", type=instant, metavar="ISO", help=parser.tell(word("command.tick.now")))


def import_arguments(parser: Parser) -> None:
    """`import KIND FILE…`."""
    parser.add_argument("kind", metavar="KIND", help=parser.tell(word("command.import.kind")))
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help=parser.tell(word("command.import.files")))
    parser.add_argument("--map", metavar="FILE", type=Path, help=parser.tell(word("command.import.map")))
    parser.add_argument("--as-of", metavar="DAY", type=date.fromisoformat,
                        help=parser.tell(word("command.import.as_of")))
    parser.add_argument("--partial", action="store_true", help=parser.tell(word("command.import.partial")))
    parser.add_argument("--dry-run", action="store_true", help=parser.tell(word("command.import.dry_run")))


def move_arguments(parser: Parser) -> None:
    """`move URL`."""
    parser.add_argument("url", metavar="URL", help=parser.tell(word("command.move.url")))


def backup_arguments(parser: Parser) -> None:
    """`backup FOLDER`."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help=parser.tell(word("command.backup.folder")))


def schedule_arguments(parser: Parser) -> None:
    """`schedule TRIAL`."""
    parser.add_argument("trial", metavar="TRIAL", help=parser.tell(word("command.schedule.trial")))


COMMANDS = {command.name: command for command in (
    Command("serve", serve), Command("demo", demo), Command("migrate", migrate), Command("worker", worker),
    Command("tick", one_tick, now_argument), Command("import", import_files, import_arguments),
    Command("rotate-key", rotate_key), Command("schedule", schedule, schedule_arguments),
    Command("backup", backup, backup_arguments), Command("move", move_house, move_arguments),
    Command("verify", verify_log),
)}


def instant(text: str) -> datetime:
    """An ISO 8601 time with its zone."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone; write for example {text}+08:00")
    return when


def parser_of_all(language: str, given: Sequence[str]) -> Parser:
    """The commands, each with its own arguments and a flag for every setting that is no secret."""
    parser = Parser(language, given, prog="app.py", description=teller(language)(word("command.program")))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        its = commands.add_parser(command.name, language=language, given=given,
                                  help=parser.tell(word(f"command.{command.name}.help")),
                                  description=parser.tell(word(f"command.{command.name}.about")))
        command.arguments(its)
        add_settings(its)
    return parser


def settings_from(arguments: argparse.Namespace, language: str) -> Settings:
    """Settings from the environment and flags. A demo has a folder and a database of its own, and is marked as one
    however it is started. Raises CannotRun where --demo is asked to work on the database of the settings."""
    from sandbox.jobs.demonstration import CONTACT, told

    flags = {name: getattr(arguments, name) for name in Settings.model_fields if name not in SECRETS}
    environment = {f"{PREFIX}LANGUAGE": language, **os.environ}
    if flags["demo"] or arguments.command == "demo":
        if environment.get(f"{PREFIX}DATABASE_URL"):
            raise CannotRun(word("command.demo_elsewhere"))
        flags |= {"demo": True, "data": flags["data"] or environment.get(f"{PREFIX}DATA", "demo-data")}
    settings = read_settings(environment, **flags)
    if not settings.demo and told(settings) is None:
        return settings
    return settings.model_copy(update={"demo": True, "contact": settings.contact or CONTACT})


def main(argv: Sequence[str]) -> int:
    """Run one command, in one language; what the operator can put right is said in words."""
    named = argv and (argv[0] in COMMANDS or argv[0] in ("-h", "--help"))
    given = argv if named else ["serve", *argv]
    language = language_of(os.environ, given)
    tell = teller(language)
    arguments = parser_of_all(language, given).parse_args(given)
    log_to_stderr()
    with explaining(tell):
        settings = settings_from(arguments, language)
        out(settings, *(word("command.unknown_setting", name=name) for name in unknown_names(os.environ)),
            file=sys.stderr)
        return COMMANDS[arguments.command].run(settings, arguments)


def out(settings: Settings, *words: Word, file: Any = None) -> None:
    """Say something to whoever runs the command, a line each."""
    for one in words:
        print(say(one, settings.language, settings.zone), file=file, flush=True)


def log_to_stderr() -> None:
    """One JSON object a line, with time and trace."""
    import structlog

    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                    structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
