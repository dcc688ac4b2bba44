"""docs/metrics.md, made from the book: `python -m ivr.metrics.document > docs/metrics.md` renews it."""

from __future__ import annotations

import sys

from ivr.metrics import words
from ivr.metrics.book import BOOK
from ivr.metrics.invariants import RULES
from ivr.metrics.measure import Spans
from ivr.metrics.metric import Metric

_HEAD = """# The metrics book

Each figure about calls, campaigns and people, with its formula, what is left out, and the SQL that counts it.
Reports take their figures from here (`ivr/metrics/book.py`), so that a figure means the same wherever it stands.
This page is made by `python -m ivr.metrics.document`.

```
ivr metrics list
ivr metrics show contact_rate --campaign november --by hour
ivr metrics show success_rate --organisation "East city" --from 2026-11-01 --to 2026-11-30 --by organisation
ivr metrics show work_efficiency --team north --from 2026-11-02 --to 2026-11-08 --by agent
```

- `--campaign`, `--agent`, `--team` (any number of times), `--organisation` (with all below it), `--from`,
  `--to`, `--arm`, `--grade` say which rows are counted; `--by` tells them apart: `hour`, `day`, `weekday`,
  `week`, `month`, `segment`, `attempt`, `arm`, `grade`, `trunk`, `campaign`, `organisation`, `agent`, `team`.
  Hours and days are those of the campaign's time zone, or of `--timezone`.
- A call is its last agent's: who talked in it last, else who dialled it by hand. Calls that only the robot had
  are nobody's; by agent they stand under "–". What an agent did counts for the team that they were in on that
  day ([roster](desk.md#the-roster)), and for that team's organisation.
- Agents' time is cut at the borders of periods: who talks from 9:50 to 10:10 has talked ten minutes in each
  hour. On days on which clocks change that holds too. Time up to now counts. It is nobody's campaign: signed-in
  time can't be told by campaign, talks and what they take can.
- By segment: `--segment ATTRIBUTE` names an attribute of the list; the default, `prefix`, is the beginning of
  the number.
- A ratio whose denominator is 0 says "no calls yet", never 0.
- Periods filter calls by when they began, and customers by when their list was imported.
- The statements run on SQLite and PostgreSQL alike. Only words like `SECONDS(later, earlier)` are spelled
  differently; `ivr metrics show --sql` prints the statement as it runs. `:confirm_s` and `:payment_s` are
  `[reports] confirm_days` and `payment_days`. `LOCAL_DAY` is the day in the time zone.
- Aliases: `a` a call, `c` its campaign, `t` its contact in the campaign, `k` the newest confirmation, `n` an
  answer, `r` a mark by text message, `s` a segment of the call, `d` the contact's newest decision, `g` an agent,
  `tm` their team, `x` a row about people (see [Rows about people](#rows-about-people)).
"""


def document() -> str:
    """The whole page."""
    parts = [_HEAD, "## Metrics\n", _summary(), *(_entry(metric) for metric in BOOK), _rows(), _rules()]
    return "\n".join(parts)


def _summary() -> str:
    rows = [
        f"| [`{metric.name}`](#{metric.name}) | {words.title(metric, 'en')} | {words.title(metric, 'zh-CN')} "
        f"| {words.unit(metric.unit, 'en')} | {metric.source} |"
        for metric in BOOK
    ]
    return "\n".join(["| Name | Metric | 指标 | Unit | Source |", "|---|---|---|---|---|", *rows, ""])


def _entry(metric: Metric) -> str:
    spans = Spans()
    lines = [
        f"### {metric.name}\n",
        f"{words.title(metric, 'en')} ({words.title(metric, 'zh-CN')}). "
        f"{words.sentence(metric.formula, spans, 'en')} "
        f"Left out: {words.sentence(metric.excluded, spans, 'en')}\n",
        "```sql",
        _sql(metric),
        "```\n",
    ]
    return "\n".join(lines)


def _sql(metric: Metric) -> str:
    columns = [*(f"{sql} AS {name}" for name, sql in metric.keys), f"{metric.part} AS part"]
    if metric.whole is not None:
        columns.append(f"{metric.whole} AS whole")
    relation = metric.relation
    lines = [f"SELECT {', '.join(columns)}", f"FROM {relation.tables}"]
    if relation.where:
        lines.append(f"WHERE {relation.where}")
    if metric.keys:
        lines.append(f"GROUP BY {', '.join(name for name, _ in metric.keys)}")
    return "\n".join(lines)


def _rows() -> str:
    """The queries that metrics select from, each once."""
    queries = dict(row for metric in BOOK for row in metric.relation.rows)
    head = (
        "## Rows about people\n\nWhat figures about agents' time, shifts and staff select from. `PERIOD_ROWS` "
        "are the hours or days of the time (`label`: the slice, `day`, `begins`, `ends`); `:since` and `:until` "
        "are the first's begin and the last's end.\n"
    )
    parts = [f"### {name}\n\n```sql\n{query.strip()}\n```\n" for name, query in queries.items()]
    return "\n".join([head, *parts])


def _rules() -> str:
    rows = [f"| `{rule.name}` | {rule.holds.template} |" for rule in RULES]
    head = (
        "## The books must balance\n\n`ivr metrics check` looks at these rules, and a worker does every night "
        "([results](results.md#the-books)).\n"
    )
    return "\n".join([head, "| Rule | What holds |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(document())
