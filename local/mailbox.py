"""The mails that would have been sent, and the page that shows them."""

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
<p>本机不寄出邮件，所有邮件都留在这里，新的在前。<br>No mail leaves this machine;
all of it stays here, newest first.
<a href="/messages.json">JSON</a> · <a href="/status">本机云状态 status</a></p>
{mails}
</html>
"""

_MAIL = """<article>
<h2>{subject}</h2>
<dl><dt>收件人 To<dd>{to}<dt>发件人 From<dd>{sender}<dt>时间 Time<dd><time datetime="{at}">{at}</time></dl>
{text}{page}
</article>"""

_EMPTY = "<p>还没有邮件。 No mail yet.</p>"


def mails(endpoint: str) -> list[dict[str, Any]]:
    """Every mail the services engine took, newest first: id, from, to, subject, text, html, at (epoch ms)."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{endpoint}/_ministack/ses/messages", timeout=5) as answer:
        by_account = json.load(answer)["messages"]
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


def page(found: list[dict[str, Any]]) -> str:
    """The mails as one HTML page."""
    return _PAGE.format(count=len(found), mails="\n".join(map(_article, found)) or _EMPTY)


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
