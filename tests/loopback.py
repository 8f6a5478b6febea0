"""Servers on this machine that speak each channel's protocol, check what arrives as the real ones would, and keep what
they took. A script of answers makes them fail first."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from processes import free_port

WECOM, DINGTALK, FEISHU = "wecom-key-0001", "dingtalktoken0001", "feishu-key-0001"
SIGNING = "SEC000000000000secret"
FEISHU_CHECKING, CHECKING = "feishu-key-0002", "feishuSecret0000000002"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Call:
    """One request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A server of one protocol: `took` are texts that it accepted, `calls` all that was asked of it, `script` answers
    that come before it works; an answer of None keeps the caller waiting until the test is over."""

    check: Callable[[Call], tuple[Any, Answer]]
    took: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    script: list[Answer | None] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    url: str = ""

    def answer(self, call: Call) -> Answer | None:
        self.calls.append(call)
        if self.script:
            return self.script.pop(0)
        text, answer = self.check(call)
        if text is not None:
            self.took.append(text)
        return answer


def as_json(value: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def wecom(call: Call) -> tuple[Any, Answer]:
    """群机器人 of WeCom: the key in the query; at most 2,048 bytes of text."""
    if call.path != "/cgi-bin/webhook/send" or call.query.get("key") != WECOM:
        return None, as_json({"errcode": 93000, "errmsg": "invalid webhook url"})
    content = call.json["text"]["content"]
    if call.json["msgtype"] != "text" or len(content.encode()) > 2048:
        return None, as_json({"errcode": 40058, "errmsg": "invalid request"})
    return content, as_json({"errcode": 0, "errmsg": "ok"})


def dingtalk(call: Call) -> tuple[Any, Answer]:
    """A robot of DingTalk with signed calls (加签): HMAC-SHA256 of the time and the secret, no older than an hour."""
    if call.path != "/robot/send" or call.query.get("access_token") != DINGTALK:
        return None, as_json({"errcode": 300001, "errmsg": "token is not exist"})
    at = call.query.get("timestamp", "0")
    wanted = base64.b64encode(hmac.new(SIGNING.encode(), f"{at}\n{SIGNING}".encode(), hashlib.sha256).digest()).decode()
    # Apprise quotes the signature before requests quotes it again; DingTalk takes both.
    if call.query.get("sign") not in (wanted, _quoted(wanted)) or abs(time.time() * 1000 - int(at)) > 3_600_000:
        return None, as_json({"errcode": 310000, "errmsg": "sign not match"})
    return call.json["text"]["content"], as_json({"errcode": 0, "errmsg": "ok"})


def _quoted(text: str) -> str:
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


def feishu(call: Call) -> tuple[Any, Answer]:
    """Custom robots of Feishu: one that takes what comes, and one with the signature check (签名校验), whose calls are
    signed with the time and the secret, no older than an hour."""
    robot = call.path.rstrip("/").removeprefix("/open-apis/bot/v2/hook/")
    if robot not in (FEISHU, FEISHU_CHECKING):
        return None, as_json({"code": 19001, "msg": "param invalid: incoming webhook access token invalid"})
    if robot == FEISHU_CHECKING:
        at = str(call.json.get("timestamp", "0"))
        wanted = base64.b64encode(hmac.new(f"{at}\n{CHECKING}".encode(), b"", hashlib.sha256).digest()).decode()
        if call.json.get("sign") != wanted or abs(time.time() - int(at)) > 3600:
            return None, as_json({"code": 19021, "msg": "sign match fail or timestamp is not within one hour"})
    if call.json["msg_type"] != "text":
        return None, as_json({"code": 9499, "msg": "Bad Request"})
    return call.json["content"]["text"], as_json({"code": 0, "msg": "success", "data": {}})


def webhook(call: Call) -> tuple[Any, Answer]:
    """Keeps body and headers; the test, which knows the secret, checks the signature."""
    return {**call.json, "headers": call.headers, "raw": call.body}, (204, {}, b"")


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """The server, listening on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = server.answer(Call(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()},
                                        dict(self.headers), body))
            if answer is None:
                server.over.wait()
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server.url = f"http://127.0.0.1:{listening.server_address[1]}"
    Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        listening.shutdown()
        listening.server_close()


class Mailbox:
    """An SMTP server's handler: mails it took, and answers that come before it takes any."""

    def __init__(self) -> None:
        self.took: list[EmailMessage] = []
        self.script: list[str] = []
        self.unknown: set[str] = set()
        self.url = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.unknown:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.script:
            return self.script.pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert mail["To"] in envelope.rcpt_tos
        self.took.append(mail)  # type: ignore[arg-type]
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.took if mail["To"] == address]


@contextmanager
def mail_served() -> Iterator[Mailbox]:
    """An SMTP server on a free port."""
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = f"smtp://127.0.0.1:{port}"
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Servers:
    """All of them."""

    mail: Mailbox
    wecom: Server
    dingtalk: Server
    feishu: Server
    webhook: Server

    def settings(self) -> dict[str, Any]:
        """Settings that lead to them."""
        return {"mail_url": self.mail.url, "mail_from": "sandbox@city.example", "wecom_url": self.wecom.url,
                "dingtalk_url": self.dingtalk.url, "feishu_url": self.feishu.url}

    def channels(self) -> dict[str, Any]:
        """What a person sets up to be told by all."""
        return {"wecom": f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={WECOM}",
                "dingtalk": f"https://oapi.dingtalk.com/robot/send?access_token={DINGTALK}",
                "dingtalk_secret": SIGNING, "feishu": f"https://open.feishu.cn/open-apis/bot/v2/hook/{FEISHU}",
                "webhook": f"{self.webhook.url}/hook?tenant=1"}


@contextmanager
def all_served() -> Iterator[Servers]:
    """Every protocol."""
    with ExitStack() as stack:
        robots = [stack.enter_context(served(Server(check))) for check in (wecom, dingtalk, feishu, webhook)]
        yield Servers(stack.enter_context(mail_served()), *robots)
