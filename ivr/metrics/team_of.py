"""In which team an agent was on a day, as SQL: figures of a day count for the team of that day."""

from __future__ import annotations


def team_of(agent: str, day: str) -> str:
    """Joins `tm`, the team that the agent (an alias of `agent`) was in on the local day that `day` names."""
    former = f"b.agent_id = {agent}.id AND CAST(b.until AS VARCHAR) >= {day}"
    newest = f"SELECT b.id FROM former_team b WHERE {former} ORDER BY b.until, b.id DESC LIMIT 1"  # noqa: S608 the book's
    return (
        f"LEFT JOIN former_team ft ON ft.id = ({newest})"
        f" LEFT JOIN team tm ON tm.id = CASE WHEN ft.id IS NULL THEN {agent}.team_id ELSE ft.team_id END"
    )
