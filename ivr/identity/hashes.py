"""Salted hashes of what customers know, as a column of a list: three spellings that other systems write too.

Six digits are only a million: whoever has the hash finds them, in seconds behind SHA-256, in hours behind
argon2id. So a hash is kept from everybody but the comparison: exports and other systems get `***` or nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from flows.values import SECRET

SPELLINGS = ("$argon2id$", "pbkdf2_sha256$", "sha256$")  # how they begin
# A list must not decide how long a call waits, nor how much memory that takes.
MOST_ROUNDS = 2_000_000  # of PBKDF2
MOST_MEMORY_KIB, MOST_PASSES = 262_144, 10  # of argon2id
_hasher = PasswordHasher()


class UnreadableHashError(ValueError):
    """What the column holds is no hash that we know; it says nothing of what it holds."""


def make_hash(digits: str) -> str:
    """argon2id with a salt of its own. It takes some tens of milliseconds and 64 MiB: not on the loop."""
    return _hasher.hash(digits)


def fits(digits: str, kept: str) -> bool:
    """Whether the digits are those that were hashed; as slow as their making. Raises UnreadableHashError."""
    if kept.startswith("$argon2id$"):
        return _fits_argon2(digits, kept)
    parts = kept.split("$")
    try:
        match parts:
            case ["pbkdf2_sha256", rounds, salt, expected] if 0 < int(rounds) <= MOST_ROUNDS:
                found = hashlib.pbkdf2_hmac("sha256", digits.encode(), salt.encode(), int(rounds))
                return hmac.compare_digest(found, base64.b64decode(expected, validate=True))
            case ["sha256", salt, expected] if salt:
                digest = hashlib.sha256((salt + digits).encode()).digest()
                return hmac.compare_digest(digest, bytes.fromhex(expected))
    except (ValueError, binascii.Error) as error:
        raise UnreadableHashError(parts[0]) from error
    raise UnreadableHashError("no spelling that we know")


def _fits_argon2(digits: str, kept: str) -> bool:
    try:
        costs = extract_parameters(kept)
        if costs.memory_cost > MOST_MEMORY_KIB or costs.time_cost > MOST_PASSES:
            raise UnreadableHashError("argon2id, more costly than a call can wait for")
        return _hasher.verify(kept, digits)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as error:
        raise UnreadableHashError("argon2id") from error


def is_hash(value: object) -> bool:
    """Whether the value is meant as one of them."""
    return isinstance(value, str) and value.startswith(SPELLINGS)


def shareable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A contact's values without the hashes: what other systems may be told."""
    return {name: value for name, value in attributes.items() if not is_hash(value)}


def masked(value: Any) -> Any:
    """The value as exports show it."""
    return SECRET if is_hash(value) else value
