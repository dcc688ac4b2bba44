"""The tables, the same on SQLite and PostgreSQL. Migrations (`ivr.migrations`) create them; a test keeps the two
in step. Moments are aware datetimes (UTC in the database); phones are E.164; enums are stored as their words."""

from ivr.model.calls import (
    Answer,
    Attempt,
    AttemptState,
    Callback,
    HungUpBy,
    Intention,
    Outbox,
    OutboxState,
    Recording,
    Segment,
    SegmentKind,
)
from ivr.model.campaigns import NORMAL_PRIORITY, Campaign, CampaignList, CampaignState, Task, TaskState
from ivr.model.contacts import Contact, ContactList, DoNotDisturb, ImportBatch
from ivr.model.flows import ActivationKind, FlowActivation, FlowReview, FlowVersion, ReviewState
from ivr.model.people import AuditEntry, Role, User
from ivr.model.policy import Consent, ContactDecision, DecisionStage, Engagement, EngagementState, HoldOut
from ivr.model.types import Base, UtcDateTime

__all__ = [
    "NORMAL_PRIORITY",
    "ActivationKind",
    "Answer",
    "Attempt",
    "AttemptState",
    "AuditEntry",
    "Base",
    "Callback",
    "Campaign",
    "CampaignList",
    "CampaignState",
    "Consent",
    "Contact",
    "ContactDecision",
    "ContactList",
    "DecisionStage",
    "DoNotDisturb",
    "Engagement",
    "EngagementState",
    "FlowActivation",
    "FlowReview",
    "FlowVersion",
    "HoldOut",
    "HungUpBy",
    "ImportBatch",
    "Intention",
    "Outbox",
    "OutboxState",
    "Recording",
    "ReviewState",
    "Role",
    "Segment",
    "SegmentKind",
    "Task",
    "TaskState",
    "User",
    "UtcDateTime",
]
