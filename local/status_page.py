"""The status as one HTML page: it works without a script, and with one it renews itself quietly."""

from __future__ import annotations

import base64
import hashlib
import html
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local.faults import KINDS

_SCRIPT = Path(__file__).with_name("status.js").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_STYLE = Path(__file__).with_name("status.css").read_text("utf-8")

_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{alarm}本机云状态 Local cloud</title>
<noscript><meta http-equiv="refresh" content="5"></noscript>
<style>{style}</style>
<header><h1>本机云状态 <span lang="en">Local cloud</span></h1>
<nav><a href="/">收件箱 Mailbox</a> <a href="{url}/q">提卡页 Pages</a> <a href="/status.json">JSON</a>
<span>{mode}</span></nav></header>
<main>
{sections}
</main>
<script>{script}</script>
</html>
"""

_NOTHING = '<span class="zero">–</span>'
_NO_WORK = ((_NOTHING, "n"),) * 4

# Chinese and English names of the faults.
_FAULTS = {
    "fail": "不开始 fail",
    "lose": "丢失应答 lose",
    "duplicate": "重复 duplicate",
    "reorder": "乱序 reorder",
    "keep": "不删除 keep",
    "lost_write": "写入后断线 lost_write",
    "throttle": "限流 throttle",
    "conflict": "事务冲突 conflict",
    "error": "AWS 500 error",
}


def page(status: dict[str, Any]) -> str:
    """The whole page."""
    troubled = any(one["waiting"] and not _is_worked(one, status) for one in status["queues"]) or not all(
        one["alive"] for one in status["engines"]
    )
    isolated = "每个函数独立解释器 isolated" if status["isolated"] else "函数自预热进程分叉 forked"
    side = "".join(section(status) for section in (_schedules, _streams, _engines))
    sections = (_functions(status), _queues(status), f"<div>{side}</div>", _faults(status))
    return _PAGE.format(
        alarm="● " if troubled else "",
        style=_STYLE,
        url=html.escape(status["url"]),
        mode=isolated,
        sections="\n".join(sections),
        script=_SCRIPT,
    )


def _functions(status: dict[str, Any]) -> str:
    rows = []
    for one in status["functions"]:
        last = one["last_error"]
        said = (
            f"{_ago(last['at'], status['at'])} · <code>{_text(last['kind'])}</code> {_text(last['text'])}"
            if last
            else ""
        )
        if one["problem"]:
            said = f'<span class="bad">无法加载 cannot be loaded: {_text(one["problem"])}</span>'
        rows.append(
            _row(
                (f"<code>{_text(one['name'])}</code>", ""),
                (_count(one["calls"]), "n"),
                (_count(one["errors"], "warn"), "n"),
                (_count(one["timeouts"], "warn"), "n"),
                (_ms(one["p50"]), "n"),
                (_ms(one["p95"]), "n"),
                (f"{one['timeout']:g} s", "n"),
                (_count(len(one["processes"])), "n"),
                (f"<small>{said}</small>", ""),
                (_button("kill", "function", one["name"], "kill -9", danger=True), "act"),
                kind="bad" if one["problem"] else "",
            )
        )
    heads = (
        "函数 function", "调用# calls", "出错# errors", "超时# time-outs", "p50#", "p95#", "限时# limit",
        "进程# processes", "最近错误 last error", "",
    )  # fmt: skip
    return _section("functions", "函数 Functions", _table(heads, rows), wide=True)


def _queues(status: dict[str, Any]) -> str:
    """A row a queue, its dead letters beside it; queues of failures that nobody reads follow."""
    dead = {one["of"]: one for one in status["queues"] if one["of"]}
    worked = [one for one in status["queues"] if _is_worked(one, status)]
    rows = [_queue(one, dead.get(one["name"]), status["at"]) for one in worked]
    for one in status["queues"]:
        if one not in worked and not one["of"]:
            rows.append(_row((f"<code>{_text(one['name'])}</code>", ""), *_NO_WORK, _dead(one)))
    heads = ("队列 queue", "等待# waiting", "处理中# in work", "延迟# delayed", "最久# oldest", "死信# dead")
    return _section("queues", "队列 Queues", _table(heads, rows))


def _is_worked(one: dict[str, Any], status: dict[str, Any]) -> bool:
    """Whether a queue is for work, not for what failed."""
    return bool(one["function"]) or any(other["of"] == one["name"] for other in status["queues"])


def _queue(one: dict[str, Any], dead: dict[str, Any] | None, now: float) -> str:
    return _row(
        (f"<code>{_text(one['name'])}</code><br><small>→ {_text(one['function'])}</small>", ""),
        (_count(one["waiting"]), "n"),
        (_count(one["working"]), "n"),
        (_count(one["delayed"]), "n"),
        (_span(now - one["oldest"]) if one["oldest"] else _NOTHING, "n"),
        _dead(dead) if dead else ("", "n"),
    )


def _dead(one: dict[str, Any]) -> tuple[str, str]:
    count = one["waiting"] + one["working"]
    back = "<br>" + _button("redrive", "queue", one["name"], "重投 redrive") if one["of"] and count else ""
    return f"{_count(count, 'bad')}{back}", "n"


def _schedules(status: dict[str, Any]) -> str:
    rows = [
        _row(
            (f"<code>{_text(one['function'])}</code><br><small>{_text(one['expression'])}</small>", ""),
            (_ago(one["last"], status["at"]) if one["last"] else _NOTHING, "n"),
            (_ahead(one["next"], status["at"]), "n"),
            (f'<span class="warn">{_text(one["error"])}</span>' if one["error"] else "", ""),
            (_button("run", "function", one["function"], "立即运行 run now"), "act"),
        )
        for one in status["schedules"]
    ]
    heads = ("定时 schedule", "上次# last", "下次# next", "", "")
    return _section("schedules", "定时任务 Schedules", _table(heads, rows))


def _streams(status: dict[str, Any]) -> str:
    rows = [
        _row(
            (f"<code>{_text(one['table'])}</code> → <code>{_text(one['function'])}</code>", ""),
            (_lag(one["behind"]), "n"),
        )
        for one in status["streams"]
    ]
    return _section("streams", "数据流 Streams", _table(("流 stream", "落后# behind"), rows))


def _engines(status: dict[str, Any]) -> str:
    rows = [
        _row(
            (f"<code>{_text(one['name'])}</code> <small>{_text(one['role'])}</small>", ""),
            (str(one["pid"]), "n"),
            (str(one["port"] or ""), "n"),
            (str(one["restarts"]), "n"),
            (
                '<span class="good">运行 alive</span>'
                if one["alive"]
                else '<span class="bad">停止 gone</span>',
                "",
            ),
            kind="" if one["alive"] else "bad",
        )
        for one in status["engines"]
    ]
    return _section(
        "engines", "引擎 Engines", _table(("引擎 engine", "pid#", "端口# port", "重启# restarts", ""), rows)
    )


def _faults(status: dict[str, Any]) -> str:
    told = status["faults"]
    on = told[0] if told else {}
    fields = "".join(
        f'<label>{_FAULTS[kind]}<input name="{kind}" type="number" min="0" max="1" step="any" placeholder="0"'
        f' value="{on.get(kind, "")}"></label>'
        for kind in KINDS
    )
    fields += (
        f'<label>延迟毫秒 delay, ms<input name="delay" pattern="[0-9]+(-[0-9]+)?" placeholder="50-400"'
        f' value="{on.get("delay", "")}"></label>'
    )
    fields += (
        f'<label>种子 seed<input name="seed" type="number" step="1" value="{on.get("seed", 0)}"></label>'
    )
    only = "".join(on.get("only", [])[:1])
    names = [one["name"] for one in status["functions"]]
    choices = "".join(
        f"<option{' selected' if name == only else ''}>{_text(name)}</option>" for name in names
    )
    choices = f'<option value="">全部 all</option>{choices}'
    fields += f'<label>只限函数 only<select name="only">{choices}</select></label>'
    form = (
        f'<form class="faults" method="post" action="/status/faults">{fields}'
        "<div><button>启用 switch on</button></div></form>"
        '<form class="off" method="post" action="/status/faults"><button>全部关闭 all off</button></form>'
    )
    happened = " · ".join(
        f"{_FAULTS.get(kind, '延迟 delay')} {count}" for kind, count in status["happened"].items()
    )
    also = "".join(f"<p><small>{_text(one)}</small></p>" for one in told[1:])
    state = f'<span class="warn">{len(told)} 组启用 on</span>' if told else '<span class="zero">关 off</span>'
    body = f"{form}{also}<p><small>已发生 happened: {happened or '0'}</small></p>"
    return _section("faults", f"故障开关 Faults {state}", body, wide=True)


# ---------------------------------------------------------------- small parts


def _section(name: str, title: str, body: str, *, wide: bool = False) -> str:
    return f'<section id="{name}"{" class=wide" if wide else ""}><h2>{title}</h2>{body}</section>'


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """Heads with a `#` are over numbers; their English stands below."""
    cells = "".join(
        f"<th{' class=n' if '#' in head else ''}>{head.replace('#', '').replace(' ', '<br>', 1)}</th>"
        for head in heads
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(*cells: tuple[str, str], kind: str = "") -> str:
    inside = "".join(f"<td{f' class={style}' if style else ''}>{text}</td>" for text, style in cells)
    return f"<tr{f' class={kind}' if kind else ''}>{inside}</tr>"


def _button(action: str, name: str, value: str, label: str, *, danger: bool = False) -> str:
    return (
        f'<form method="post" action="/status/{action}"><input type="hidden" name="{name}" '
        f'value="{html.escape(value)}"><button{" class=danger" if danger else ""}>{label}</button></form>'
    )


def _text(value: Any) -> str:
    return html.escape(str(value))


def _count(number: int, kind: str = "") -> str:
    return f'<span class="{kind if number else "zero"}">{number}</span>'


def _ms(value: int | None) -> str:
    return _NOTHING if value is None else f"{value} ms"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def _ago(at: float, now: float) -> str:
    return f'<time title="{time.strftime("%H:%M:%S", time.localtime(at))}">{_span(now - at)} 前 ago</time>'


def _ahead(at: float | None, now: float) -> str:
    return _NOTHING if at is None else f"{_span(at - now)} 后 ahead"


def _lag(behind: float | None) -> str:
    if behind is None:
        return '<span class="warn">未读完 not read yet</span>'
    if behind < 1.5:
        return '<span class="good">跟上 caught up</span>'
    return f'<span class="warn">{_span(behind)}</span>'
