"""Every way in which a manager connection goes wrong, and what the adapter makes of it (decisions/0093).

Each test fails without its cure: with panoramisk alone, the action is sent twice, waits for ever, ends the
connection, or isn't noticed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.asterisk_rig.fixture import AsteriskRig
from tests.asterisk_rig.fixture import asterisk_rig as asterisk_rig
from tests.integration.asterisk.ami_server import SECRET, AmiServer, Headers, Session
from trunk.asterisk import ami as ami_module
from trunk.asterisk.ami import Ami, AmiListener, AmiLostError, AmiRefusedError, Fields
from trunk.ports import TrunkError

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

QUICK_PING_S = 0.2
SOON_S = 20.0  # of a machine loaded by others
ORIGINATE = {"Action": "Originate", "Channel": "PJSIP/1@t", "Async": "true"}


@dataclass
class Heard:
    """What an Ami told."""

    events: list[Fields] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    absent: asyncio.Event = field(default_factory=asyncio.Event)
    back: asyncio.Event = field(default_factory=asyncio.Event)
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def listener(self) -> AmiListener:
        async def on_back() -> None:
            self.back.set()

        return AmiListener(self._on_event, self.lost.set, self.absent.set, on_back)

    def _on_event(self, fields: Fields) -> None:
        self.events.append(fields)
        self.event.set()

    def named(self, name: str) -> list[Fields]:
        return [fields for fields in self.events if fields.get("Event") == name]


@asynccontextmanager
async def connected(server: AmiServer, ping_s: float = 60.0) -> AsyncIterator[tuple[Ami, Heard]]:
    heard = Heard()
    ami = Ami(server.config, heard.listener(), ping_s)
    async with asyncio.timeout(60):
        await ami.start()
        try:
            yield ami, heard
        finally:
            await ami.close()


class TestNothingIsSentTwice:
    async def test_an_originate_that_was_cut_before_its_answer_is_not_dialled_again(self) -> None:
        async def script(session: Session, action: Headers) -> None:
            session.cut()

        async with AmiServer(script) as server, connected(server) as (ami, heard):
            with pytest.raises(AmiLostError):
                await ami.ask(ORIGINATE)
            await asyncio.wait_for(heard.back.wait(), SOON_S)
            await asyncio.wait_for(_pinged(ami), SOON_S)  # whatever would be sent again has been sent by now
            assert server.names() == ["Login", "Originate", "Login"]

    async def test_an_originate_that_was_cut_between_response_and_event_is_not_either(self) -> None:
        async def script(session: Session, action: Headers) -> None:
            session.answer(action, "Success", "Message: Originate successfully queued")
            session.cut()

        async with AmiServer(script) as server, connected(server) as (ami, heard):
            await ami.ask(ORIGINATE)
            await asyncio.wait_for(heard.back.wait(), SOON_S)
            await asyncio.wait_for(_pinged(ami), SOON_S)
            assert server.names().count("Originate") == 1


class TestNothingWaitsForEver:
    async def test_an_action_without_an_answer_fails_at_its_deadline(self) -> None:
        async def script(session: Session, action: Headers) -> None:
            return

        async with AmiServer(script) as server, connected(server) as (ami, _):
            with pytest.raises(AmiLostError, match="no answer within"):
                await asyncio.wait_for(ami.ask(ORIGINATE, answer_s=0.2), SOON_S)
            assert ami.connected

    async def test_actions_under_way_fail_at_once_when_the_connection_breaks(self) -> None:
        async def script(session: Session, action: Headers) -> None:
            if server.names().count("Status") == 3:
                session.cut()

        async with AmiServer(script) as server, connected(server) as (ami, _):
            asked = [ami.ask({"Action": "Status"}, answer_s=600) for _ in range(3)]
            results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), SOON_S)
            assert [type(result) for result in results] == [AmiLostError] * 3

    async def test_an_action_while_the_connection_is_down_fails_at_once(self) -> None:
        async with AmiServer() as server, connected(server) as (ami, heard):
            server.mute = True  # what comes back is no login
            server.sessions[0].cut()
            await asyncio.wait_for(heard.lost.wait(), SOON_S)
            assert not ami.connected
            with pytest.raises(AmiLostError):
                await ami.ask(ORIGINATE, answer_s=600)
            assert "Originate" not in server.names()

    async def test_a_list_that_is_refused_or_never_ends(self) -> None:
        async def script(session: Session, action: Headers) -> None:
            if action["Action"] == "Refused":
                session.answer(action, "Error", "Message: Permission denied")
            else:
                session.answer(action, "Success", "EventList: start")
                session.send("Event: CoreShowChannel", f"ActionID: {action['ActionID']}", "Uniqueid: 1")

        async with AmiServer(script) as server, connected(server) as (ami, _):
            with pytest.raises(AmiRefusedError, match="Permission denied"):
                await ami.ask_list({"Action": "Refused"}, answer_s=SOON_S)
            with pytest.raises(AmiLostError):
                await asyncio.wait_for(ami.ask_list({"Action": "Endless"}, answer_s=0.2), SOON_S)


class TestLogin:
    async def test_a_wrong_password_is_one_error_and_one_try(self, asterisk_rig: AsteriskRig) -> None:
        ami = Ami(replace(asterisk_rig.config, secret="wrong"), Heard().listener())
        with pytest.raises(TrunkError, match="refuses the manager user ivr") as refused:
            await asyncio.wait_for(ami.start(), SOON_S)
        assert "wrong" not in str(refused.value)
        await ami.close()
        async with AmiServer() as server:
            ami = Ami(replace(server.config, secret="wrong"), Heard().listener())
            with pytest.raises(TrunkError):
                await asyncio.wait_for(ami.start(), SOON_S)
            assert server.logins == 1
            await ami.close()

    async def test_a_password_changed_meanwhile_is_not_tried_in_a_loop(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with AmiServer() as server, connected(server) as (ami, heard):
            object.__setattr__(ami._config, "secret", "wrong")
            server.sessions[0].cut()
            await server.until(lambda: server.logins == 2)
            await asyncio.wait_for(heard.lost.wait(), SOON_S)
            await asyncio.sleep(sum(ami_module.BACKOFF_S))  # in which it would have come again
            assert server.logins == 2
            assert "ami_login_refused" in caplog.text
            assert not heard.back.is_set()

    async def test_nobody_there_and_somebody_else_there_are_told_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ami_module, "ANSWER_S", 0.3)
        async with AmiServer() as server:
            config = server.config
        ami = Ami(config, Heard().listener())
        with pytest.raises(TrunkError, match="can't be reached"):
            await ami.start()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n\r\n")
            await reader.read()
            writer.close()

        other = await asyncio.start_server(hold, "127.0.0.1", config.port)
        with pytest.raises(TrunkError, match="isn't Asterisk's manager interface"):
            await asyncio.wait_for(ami.start(), SOON_S)
        await ami.close()
        other.close()
        await other.wait_closed()

    async def test_login_asks_for_the_events_that_bring_originates_to_an_end(self) -> None:
        async with AmiServer() as server, connected(server):
            assert {"system", "call", "dtmf"} <= set(server.actions[0]["Events"].split(","))


class TestHalfOpen:
    async def test_a_connection_that_says_nothing_is_closed_and_made_anew(self) -> None:
        async with AmiServer() as server, connected(server, QUICK_PING_S) as (ami, heard):
            server.mute = True
            await asyncio.wait_for(heard.lost.wait(), SOON_S)
            server.mute = False
            await asyncio.wait_for(heard.back.wait(), SOON_S)
            assert ami.connected

    async def test_an_answered_ping_keeps_the_connection(self) -> None:
        async with AmiServer() as server, connected(server, 0.02) as (_, heard):
            await asyncio.sleep(0.5)
            assert not heard.lost.is_set()
            assert len(server.sessions) == 1


class TestMessages:
    async def test_a_reply_that_panoramisk_fails_on_does_not_end_the_connection(self) -> None:
        """PlayDTMF's "successfully queued" makes it look for a header `Async` of ours."""

        async def script(session: Session, action: Headers) -> None:
            session.answer(action, "Success", "Message: DTMF successfully queued")

        async with AmiServer(script) as server, connected(server) as (ami, heard):
            answer = await ami.ask({"Action": "PlayDTMF", "Channel": "1", "Digit": "5"})
            assert answer["Message"] == "DTMF successfully queued"
            assert not heard.lost.is_set()

    async def test_ones_own_originate_response_is_an_event(self, asterisk_rig: AsteriskRig) -> None:
        heard = Heard()
        ami = Ami(asterisk_rig.config, heard.listener())
        await ami.start()
        try:
            answer = await ami.ask(
                {
                    "Action": "Originate",
                    "ActionID": "mine",
                    "Channel": "PJSIP/1@nosuch",
                    "Context": f"{asterisk_rig.config.dialplan}-call",
                    "Exten": "s",
                    "Priority": "1",
                    "Async": "true",
                }
            )
            assert answer["Response"] == "Success"
            async with asyncio.timeout(SOON_S):
                while not heard.named("OriginateResponse"):
                    heard.event.clear()
                    await heard.event.wait()
            (told,) = heard.named("OriginateResponse")
            assert (told["ActionID"], told["Response"]) == ("mine", "Failure")
        finally:
            await ami.close()

    @pytest.mark.parametrize(
        "garbage",
        [
            b"\xff\xfe\x00nonsense\r\n\r\n",
            b"Event: A\r\nEvent: B\r\n\r\n",  # a list where panoramisk expects a word
            b"Response: Follows\r\n\r\n",
            b"\r\n\r\n\r\n\r\n",
            b"Event\r\nActionID: x\r\n\r\n",
        ],
    )
    async def test_garbage_costs_itself_alone(self, garbage: bytes) -> None:
        async with AmiServer() as server, connected(server) as (_, heard):
            server.sessions[0].write(garbage)
            server.sessions[0].send("Event: Newstate", "Uniqueid: after")
            async with asyncio.timeout(SOON_S):
                while not any(fields.get("Uniqueid") == "after" for fields in heard.events):
                    heard.event.clear()
                    await heard.event.wait()
            assert not heard.lost.is_set()

    async def test_a_message_without_end_ends_the_connection_not_the_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ami_module, "MAX_PENDING_CHARS", 10_000)
        async with AmiServer() as server, connected(server) as (_, heard):
            server.sessions[0].write(b"Event: Flood" + b"x" * 200_000)
            await asyncio.wait_for(heard.lost.wait(), SOON_S)

    async def test_a_value_can_not_smuggle_in_an_action(self) -> None:
        async with AmiServer() as server, connected(server) as (ami, _):
            for value in ("1\r\nAction: Command", ["a=b", "c=d\nX: y"]):
                with pytest.raises(ValueError, match="line break"):
                    await ami.ask({"Action": "Originate", "Variable": value})
            assert server.names() == ["Login"]

    async def test_neither_secret_nor_number_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        async def script(session: Session, action: Headers) -> None:
            session.cut()

        with caplog.at_level("DEBUG"):
            async with AmiServer(script) as server, connected(server) as (ami, heard):
                with pytest.raises(AmiLostError):
                    await ami.ask({"Action": "Originate", "Channel": "PJSIP/+8613800138000@t"})
                await asyncio.wait_for(heard.back.wait(), SOON_S)
        assert "ami_lost" in caplog.text
        assert "13800138000" not in caplog.text
        assert SECRET not in caplog.text


class TestReconnect:
    async def test_lost_absent_and_back_are_told_and_actions_work_again(self) -> None:
        async def script(session: Session, action: Headers) -> None:
            session.answer(action)

        async with AmiServer(script) as server, connected(server) as (ami, heard):
            server.sessions[0].cut()
            await asyncio.wait_for(heard.back.wait(), SOON_S)
            assert (await ami.ask({"Action": "Status"}))["Response"] == "Success"

    async def test_an_asterisk_that_restarts_is_found_again_within_seconds(self) -> None:
        async with AmiServer() as server:
            heard, config = Heard(), server.config
            ami = Ami(config, heard.listener())
            await ami.start()
        await asyncio.wait_for(heard.absent.wait(), SOON_S)
        again = await asyncio.start_server(AmiServer()._serve, "127.0.0.1", config.port)
        began_s = time.monotonic()
        await asyncio.wait_for(heard.back.wait(), SOON_S)
        assert time.monotonic() - began_s < 10
        await ami.close()
        again.close()


async def _pinged(ami: Ami) -> None:
    await ami.ask({"Action": "Ping"})


async def test_a_cancellation_that_comes_with_the_answer_is_not_swallowed() -> None:
    """`asyncio.wait_for` does that in Python 3.11: `close` would wait for ever for a keeper that goes on."""

    async def script(session: Session, action: Headers) -> None:
        return

    async with AmiServer(script) as server, connected(server) as (ami, _):
        asking = asyncio.create_task(_status_of(ami))
        await server.until(lambda: "Status" in server.names())
        assert ami._link is not None
        (future,) = ami._link._waiting
        future.set_result({"Response": "Success"})
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def _status_of(ami: Ami) -> None:
    await ami.ask({"Action": "Status"}, SOON_S)
