"""A call towards its handler: what the handler is told, and what its faults come to. The same on every trunk."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod

from trunk.causes import our_fault
from trunk.ports import CallEvent, CallHandler, Cause

log = logging.getLogger(__name__)


class HandledCall(ABC):
    """A fault of the handler's ends this call, and reaches neither the network nor other calls."""

    def __init__(self, attempt_id: str, handler: CallHandler) -> None:
        self.attempt_id = attempt_id
        self._handler = handler

    @property
    @abstractmethod
    def talking(self) -> bool:
        """Answered and not over."""

    @abstractmethod
    def _end(self, cause: Cause) -> None:
        """We end the call; harmless when its end is decided already."""

    def _tell(self, event: CallEvent) -> None:
        try:
            self._handler.on_event(event)
        except Exception as error:  # noqa: BLE001 - one call's fault must not reach the network or other calls
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        log.error("call_handler_failed", exc_info=error, extra={"attempt_id": self.attempt_id})
        self._end(our_fault(error, answered=self.talking))
