"""The mails and SMS that would have been sent, and the page that shows them."""

from __future__ import annotations

import html
import json
import urllib.request
from datetime import datetime
from typing import Any

# Mails come from strangers' data: no script runs, nothing is fetched, links open in a tab of their own.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; base-uri 'self'"

_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>收件箱 Mailbox ({count})</title>
<style>
body {{ max-width: 46rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222 }}
article {{ border: 1px solid #ccc; border-radius: .5rem; padding: 0 1rem 1rem; margin: 1rem 0 }}
h2 {{ font-size: 1.1rem; overflow-wrap: anywhere }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }}
dd {{ margin: 0; overflow-wrap: anywhere }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; padding: .75rem }}
iframe {{ width: 100%; height: 24rem; border: 1px solid #ccc; background: #fff }}
</style>
<h1>收件箱 Mailbox</h1>
<p>本机不寄出邮件和短信，所有消息都留在这里，新的在前。<br>No mail and no SMS leaves this machine;
all of it stays here, newest first.
<a href="/messages.json">JSON</a> · <a href="/sms.json">SMS</a> · <a href="/status">本机云状态 status</a></p>
{texts}
{mails}
</html>
"""

_MAIL = """<article>
<h2>{subject}</h2>
<dl><dt>收件人 To<dd>{to}<dt>发件人 From<dd>{sender}<dt>时间 Time<dd><time datetime="{at}">{at}</time></dl>
{text}{page}
</article>"""

_SMS = """<article>
<h2>短信 SMS</h2>
<dl><dt>收件人 To<dd>{to}</dl>
<pre>{text}</pre>
</article>"""

_EMPTY = "<p>还没有邮件。 No mail yet.</p>"


def mails(endpoint: str) -> list[dict[str, Any]]:
    """Every mail the services engine took, newest first: id, from, to, subject, text, html, at (epoch ms)."""
    by_account = _ask(f"{endpoint}/_ministack/ses/messages")["messages"]
    found = [
        {
            "id": mail["MessageId"],
            "from": mail["Source"],
            "to": [*mail["To"], *mail["CC"], *mail["BCC"]],
            "subject": mail["Subject"],
            "text": mail["BodyText"] or "",
            "html": mail["BodyHtml"] or "",
            "at": int(mail["Timestamp"] * 1000),
        }
        for account in by_account.values()
        for mail in account
    ]
    return sorted(found, key=lambda mail: int(mail["at"]), reverse=True)


def texts(endpoint: str) -> list[dict[str, Any]]:
    """Every SMS the services engine took, newest first for each number: id, to, text, attributes."""
    by_number = _ask(f"{endpoint}/_ministack/sns/sms-messages")["sms_messages"]
    return [
        {
            "id": sms["MessageId"],
            "to": sms["PhoneNumber"],
            "text": sms["Message"],
            "attributes": sms["MessageAttributes"],
        }
        for of_number in by_number.values()
        for sms in reversed(of_number)
    ]


def _ask(address: str) -> dict[str, Any]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(address, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def page(found: list[dict[str, Any]], short: list[dict[str, Any]]) -> str:
    """The mails and SMS as one HTML page."""
    return _PAGE.format(
        count=len(found) + len(short),
        texts="\n".join(
            _SMS.format(to=html.escape(sms["to"]), text=html.escape(sms["text"])) for sms in short
        ),
        mails="\n".join(map(_article, found)) or ("" if short else _EMPTY),
    )


def _article(mail: dict[str, Any]) -> str:
    text = f"<pre>{html.escape(mail['text'])}</pre>" if mail["text"] else ""
    source = html.escape('<base target="_blank">' + mail["html"])
    frame = f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="{source}"></iframe>'
    return _MAIL.format(
        subject=html.escape(mail["subject"]),
        to=html.escape(", ".join(mail["to"])),
        sender=html.escape(mail["from"]),
        at=datetime.fromtimestamp(mail["at"] / 1000).astimezone().isoformat(" ", "seconds"),
        text=text,
        page=frame if mail["html"] else "",
    )
