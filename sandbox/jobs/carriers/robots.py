"""The group robots of WeCom (企业微信), DingTalk (钉钉) and Feishu (飞书), through Apprise.

Apprise answers yes or no and no more, and takes an HTTP 200 for a yes: yet these robots say "no" in the body of a 200
(errcode 310000: wrong signature; 45009: too many messages). So the answer is heard as it passes. Of Feishu's signature
check Apprise knows nothing: a letter to a robot that asks for it is signed and posted here, the same way.
"""

import base64
import hashlib
import hmac
import json
import threading
from contextlib import suppress
from datetime import datetime
from typing import Any

from sandbox.jobs.carriers.carrying import TIMEOUT_S, Again, Carried, Never, Parcel, Sent, answered
from sandbox.store.channels import ChannelKind
from sandbox.store.settings import Settings

MOST_BYTES = {ChannelKind.WECOM: 2000, ChannelKind.DINGTALK: 19000, ChannelKind.FEISHU: 19000}
"""What the robots take of a text; the letter is cut at a line before that."""
FOR_GOOD = frozenset((93000, 300001, 310000, 40035, 19001, 19021, 19022, 19024))
"""Codes that stay the same however often we ask: no such robot, wrong signature, keyword or address not allowed."""
_heard = threading.local()


class Listening:
    """Stands where Apprise's plugins have `requests`, and keeps the answer to this thread's last call. No redirect is
    followed."""

    def __init__(self, requests: Any) -> None:
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)

    def post(self, *arguments: Any, **more: Any) -> Any:
        """The same call; one that gets no answer leaves its fault instead."""
        try:
            _heard.answer = self._requests.post(*arguments, **{**more, "allow_redirects": False})
        except self._requests.RequestException as error:
            _heard.answer = error
            raise
        return _heard.answer


def carry_by_robot(parcel: Parcel, settings: Settings, now: datetime) -> Carried:
    """Have the robot say the letter in its group."""
    _heard.answer = None
    text = cut(parcel.letter.text, MOST_BYTES[parcel.channel])
    if parcel.channel is ChannelKind.FEISHU and parcel.secret:
        _say_signed(parcel, text, settings, now)
    else:
        _robot(parcel, settings).send(body=text)
    return meant(_heard.answer, now)


def _say_signed(parcel: Parcel, text: str, settings: Settings, now: datetime) -> None:
    """To a robot of Feishu with signature check (签名校验): HMAC-SHA256 of nothing under time and secret."""
    requests = _plugins()[1].requests
    at = str(int(now.timestamp()))
    key = f"{at}\n{parcel.secret}".encode()
    body = {"timestamp": at, "sign": base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode(),
            "msg_type": "text", "content": {"text": text}}
    with suppress(requests.RequestException):  # heard as it passes
        requests.post(f"{settings.feishu_url}/open-apis/bot/v2/hook/{parcel.address}", json=body,
                      timeout=(TIMEOUT_S, TIMEOUT_S))


def _plugins() -> tuple[Any, Any, Any]:
    """Apprise's plugins for DingTalk, Feishu and WeCom, with an ear in each."""
    from apprise.plugins import dingtalk, feishu, wecombot

    modules: tuple[Any, Any, Any] = (dingtalk, feishu, wecombot)
    for module in modules:
        if not isinstance(module.requests, Listening):
            module.requests = Listening(module.requests)
    return modules


def _robot(parcel: Parcel, settings: Settings) -> Any:
    """Apprise's plugin for this robot, at the address where the city's messenger lives."""
    dingtalk, feishu, wecombot = _plugins()
    timeouts = {"cto": TIMEOUT_S, "rto": TIMEOUT_S}
    robot: Any
    if parcel.channel is ChannelKind.WECOM:
        robot = wecombot.NotifyWeComBot(key=parcel.address, **timeouts)
        robot.api_url = f"{settings.wecom_url}/cgi-bin/webhook/send?key={parcel.address}"
    elif parcel.channel is ChannelKind.DINGTALK:
        robot = dingtalk.NotifyDingTalk(token=parcel.address, secret=parcel.secret, **timeouts)
        robot.notify_url = settings.dingtalk_url + "/robot/send?access_token={token}"
    else:
        robot = feishu.NotifyFeishu(token=parcel.address, **timeouts)
        robot.notify_url = settings.feishu_url + "/open-apis/bot/v2/hook/{token}"
    return robot


def meant(answer: Any, now: datetime) -> Carried:
    """What the robot's answer means: its status, then the code in its body."""
    if not hasattr(answer, "status_code"):
        return Again("timeout" if "Timeout" in type(answer).__name__ else "unreachable")
    by_status = answered(answer.status_code, answer.headers.get("Retry-After"), now)
    if not isinstance(by_status, Sent):
        return by_status
    try:
        said = json.loads(answer.content)
        code = int(said.get("errcode", said.get("code", said.get("StatusCode"))))
    except (ValueError, TypeError, AttributeError):
        return Again("answer")
    if code == 0:
        return Sent()
    return Never(f"code {code}") if code in FOR_GOOD else Again(f"code {code}")


def cut(text: str, most: int) -> str:
    """The text, or as many of its lines from the first as fit into so many bytes, and an ellipsis."""
    if len(text.encode()) <= most:
        return text
    kept = text.encode()[:most - len("\n…".encode())].decode(errors="ignore")
    return kept.rpartition("\n")[0] + "\n…"
