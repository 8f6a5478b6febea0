"""Mail by SMTP. The message's id is the letter's reference: a mail sent twice has the same id twice."""

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from sandbox.jobs.carriers.carrying import TIMEOUT_S, Again, Carried, Never, Parcel, Sent
from sandbox.store.settings import LOOPBACK, Settings

REFUSED_FOR_GOOD = 500
PORTS = {"smtp": 25, "smtps": 465}


def carry_by_mail(parcel: Parcel, settings: Settings, now: datetime) -> Carried:
    """Hand the mail to the city's server. What it refuses of the recipient or the text is final; all else is not."""
    message = mail(parcel, settings, now)
    try:
        with connected(settings.mail_url or "") as server:
            server.send_message(message, settings.mail_from, [parcel.address])
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(max(code for code, _ in error.recipients.values()))
    except smtplib.SMTPDataError as error:
        return _refused(error.smtp_code)
    except smtplib.SMTPResponseException as error:
        return Again(f"smtp {error.smtp_code}")
    except (smtplib.SMTPException, ssl.SSLError) as error:
        return Again(f"mail {type(error).__name__}")
    except TimeoutError:
        return Again("timeout")
    except OSError:
        return Again("unreachable")
    return Sent()


def _refused(code: int) -> Carried:
    return Never(f"smtp {code}") if code >= REFUSED_FOR_GOOD else Again(f"smtp {code}")


def mail(parcel: Parcel, settings: Settings, now: datetime) -> EmailMessage:
    """The letter as a mail."""
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, parcel.address
    message["Subject"] = parcel.letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{parcel.letter.reference}@{settings.mail_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(parcel.letter.text, charset="utf-8", cte="base64")
    return message


def connected(url: str) -> smtplib.SMTP:
    """A session with the server: encrypted wherever it offers that, and always before a password is said."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    server = _dialled(parts.scheme, host, port)
    try:
        server.ehlo()
        encrypted = parts.scheme == "smtps"
        if not encrypted and host not in LOOPBACK and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            encrypted = True
        if parts.username:
            if not encrypted and host not in LOOPBACK:
                raise smtplib.SMTPNotSupportedError("a password is not said in the clear")
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _dialled(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=TIMEOUT_S)
