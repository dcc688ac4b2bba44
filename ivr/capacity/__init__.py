"""How much of everything so many calls at once need, from measured costs: `ivr capacity`.

`costs` holds what was measured, and where; `demand` and `plan` are arithmetic on it; `reports` compares what the
costs predict with reports of `ivr bench capacity`, and fits them to reports."""
