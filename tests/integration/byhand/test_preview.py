"""Preview: an agent sees a task, dials it, goes through the script and finishes; what is left is what a robot's
call leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.values import Modality
from ivr.byhand.errors import TaskError
from ivr.byhand.forms import FormKind
from ivr.byhand.taking import Nothing
from ivr.model import AgentState as S
from ivr.model import Answer, HandlingState, Segment, Task, TaskState
from tests.integration.byhand.office import Office, office, phone

pytestmark = pytest.mark.integration
HANGS_UP = {"does": [{"on": "bridged", "at_s": 20, "hang_up": True}]}


def test_a_task_from_its_preview_to_its_result(database_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            card = await at.tasks.next("1001")
            assert not isinstance(card, Nothing)
            assert (card.phone, card.state, card.contact) == (phone(1), HandlingState.PREVIEW, {"plan": "Light"})
            assert card.said[0].text.startswith("Hello, this is Clearbrook")
            assert card.form.kind is FormKind.CHOICE
            with pytest.raises(TaskError, match="Nobody has been called yet"):
                await at.tasks.answer("1001", "yes")
            card = await at.call("1001")
            card = await at.tasks.answer("1001", "1")  # the key of yes
            assert "The plan Light is" in card.said[-1].text
            card = await at.tasks.answer("1001", "no")
            assert card.disposition == "refused"
            assert card.form.kind is FormKind.OVER
            card = await at.tasks.back("1001")
            assert card.disposition is None
            card = await at.tasks.answer("1001", "yes")
            assert card.answers == {"pays": "yes", "takes": "yes"}
            card = await at.tasks.answer("1001", "5")
            await at.tasks.note("1001", "sounds happy")
            with pytest.raises(TaskError, match="end the call first"):
                await at.tasks.finish("1001")
            await at.until("1001", HandlingState.WRAP_UP)
            came = await at.tasks.finish("1001")
        assert (came.disposition, came.again_at) == ("sold", None)
        (attempt,) = await at.attempts()
        assert (attempt.disposition, attempt.intention, attempt.outcome) == ("sold", "success", "answered")
        assert (attempt.grade, attempt.hung_up_by) == ("A", "callee")
        assert attempt.talk_ms == pytest.approx(20000, abs=200)
        assert attempt.path == ["hello", "user", "offer", "rate", "bye", "end"]
        answers = await at.rows(Answer)
        assert [(one.name, one.value, one.modality, one.rule) for one in answers] == [
            ("pays", "yes", Modality.AGENT, "agent"),
            ("takes", "yes", Modality.AGENT, "agent"),
            ("rating", "5", Modality.AGENT, "agent"),
        ]
        (segment,) = await at.rows(Segment)
        assert (segment.kind, segment.agent, segment.ended_at) == ("agent", "1001", attempt.ended_at)
        done = await at.db.read(lambda session: session.get_one(Task, attempt.task_id))
        assert (done.state, done.result) == (TaskState.DONE, "sold")
        assert await at.day("1001") == [
            S.SIGNED_IN, S.READY, S.PREVIEW, S.DIALING, S.TALKING, S.WRAP_UP, S.READY,
        ]  # fmt: skip
        card = await at.tasks.next("1001")
        assert not isinstance(card, Nothing)
        assert card.phone == phone(2)  # never the one that has succeeded

    office(database_url, story, {phone(1): HANGS_UP}, var=tmp_path)
