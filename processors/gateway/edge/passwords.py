"""Passwords: what makes a good one, and argon2id."""

import asyncio
import re
import unicodedata
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from processors.gateway.edge.problems import Fault

MIN_CHARACTERS = 10
MAX_CHARACTERS = 200
HASHES_AT_ONCE = 2
"""Each takes 19 MiB and a core for 23 ms: more at once would let a flood of logins starve everything else."""

# Words at the top of every list of leaked passwords. Digits and signs at the end are cut off before the comparison,
# so each stands for its variants too.
_COMMON = frozenset((Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").split())
_RUNS = "01234567890123456789 98765432109876543210 abcdefghijklmnopqrstuvwxyz"


def normal(password: str) -> str:
    """Return a password as it is hashed: typed on another keyboard it is still the same (NFKC, RFC 8265)."""
    return unicodedata.normalize("NFKC", password)


def faults_in(password: str, *, mail: str | None = None) -> list[Fault]:
    """Return why a password cannot be chosen; nothing for a good one. Length counts, kinds of signs do not."""
    plain = normal(password)
    if len(plain) < MIN_CHARACTERS:
        return [_fault("too_short", f"{len(plain)} characters; take at least {MIN_CHARACTERS}, a few words do well")]
    if len(plain) > MAX_CHARACTERS:
        return [_fault("too_long", f"{len(plain)} characters; at most {MAX_CHARACTERS} are taken")]
    lower = plain.casefold()
    core = re.sub(r"[\W\d_]+$", "", lower)
    if lower in _COMMON or core in _COMMON or lower in _RUNS or len(set(lower)) < 4:
        return [_fault("too_common", "one of the first that are tried; take a few words that do not belong together")]
    if mail is not None and (lower == mail.casefold() or core == mail.casefold().partition("@")[0]):
        return [_fault("is_address", "it is the mail address; take something that others do not know")]
    return []


def _fault(code: str, detail: str) -> Fault:
    return Fault("password", code, detail)


class Passwords:
    """Hashes and checks in threads, few at once: argon2id, 19 MiB, two passes, one lane (OWASP's smallest setting)."""

    def __init__(self, *, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._slots = asyncio.Semaphore(HASHES_AT_ONCE)
        self.checks = 0
        """How many passwords were checked: the work that a login costs, whoever asks."""

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with its parameters and salt in it."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, normal(password))

    async def check(self, kept: str, password: str) -> bool:
        """Whether ``password`` is the one that ``kept`` is the hash of."""
        self.checks += 1
        async with self._slots:
            return await asyncio.to_thread(self._matches, kept, normal(password))

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False
