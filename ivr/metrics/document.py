"""docs/metrics.md, made from the book: `python -m ivr.metrics.document > docs/metrics.md` renews it."""

from __future__ import annotations

import sys

from ivr.metrics import words
from ivr.metrics.book import BOOK
from ivr.metrics.invariants import RULES
from ivr.metrics.measure import Spans
from ivr.metrics.metric import Metric

_HEAD = """# The metrics book

Each figure about calls and campaigns, with its formula, what is left out, and the SQL that counts it. Reports
take their figures from here (`ivr/metrics/book.py`), so that a figure means the same wherever it stands. This page
is made by `python -m ivr.metrics.document`.

```
ivr metrics list
ivr metrics show contact_rate --campaign november --by hour
ivr metrics show success_rate --organisation "East city" --from 2026-11-01 --to 2026-11-30 --by organisation
```

- `--campaign` (any number of times), `--organisation` (with all below it), `--from`, `--to`, `--arm`, `--grade`
  say which rows are counted; `--by` tells them apart: `hour`, `day`, `weekday`, `week`, `month`, `segment`,
  `attempt`, `arm`, `grade`, `trunk`, `campaign`, `organisation`. Hours and days are those of the campaign's time
  zone.
- By segment: `--segment ATTRIBUTE` names an attribute of the list; the default, `prefix`, is the beginning of the
  number.
- A ratio whose denominator is 0 says "no calls yet", never 0.
- Periods filter calls by when they began, and customers by when their list was imported.
- The statements run on SQLite and PostgreSQL alike. Only `SECONDS(later, earlier)` is spelled differently;
  `ivr metrics show` prints the statement as it runs. `:confirm_s` and `:payment_s` are `[reports] confirm_days`
  and `payment_days`.
- Aliases: `a` a call, `c` its campaign, `t` its contact in the campaign, `k` the newest confirmation, `n` an
  answer, `r` a mark by text message, `s` a segment of the call, `d` the contact's newest decision.

Figures about people (attendance, adherence, occupancy) aren't here yet: they will be entries over tables of their
own.
"""


def document() -> str:
    """The whole page."""
    parts = [_HEAD, "## Metrics\n", _summary(), *(_entry(metric) for metric in BOOK), _rules()]
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


def _rules() -> str:
    rows = [f"| `{rule.name}` | {rule.holds.template} |" for rule in RULES]
    head = (
        "## The books must balance\n\n`ivr metrics check` looks at these rules, and a worker does every night "
        "([results](results.md#the-books)).\n"
    )
    return "\n".join([head, "| Rule | What holds |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(document())
