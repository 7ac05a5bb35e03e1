"""The keys that this user's builds have sent, as salted hashes: a later push looks for them, even if they have been
changed or unset since.

They are kept in the user's own configuration (`~/.config/ovt/used_keys.json`): for each key its length, a random salt,
and the hash of salt and key. Finding a key again needs the text that holds it.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from ovt.core.config import config_file, write_config

FILE = "used_keys.json"
SHORTEST = 12  # shorter ones may be ordinary words
USUAL = r"[A-Za-z0-9_.~+/=-]"  # characters that keys usually have
ANY = r"[!-~]"


@dataclass(frozen=True)
class UsedKey:
    """One key: `letters` is the pattern of one of its characters, `hash` the hex digest of salt and key."""

    length: int
    letters: str
    salt: str
    hash: str

    @property
    def pattern(self) -> str:
        """Matches every run of characters that is long enough to hold the key."""
        return f"{self.letters}{{{self.length},}}"

    def find(self, text: str) -> Iterator[str]:
        """The key, each time it occurs in a text."""
        for run in re.finditer(self.pattern, text):
            for start in range(len(run[0]) - self.length + 1):
                if digest(self.salt, part := run[0][start : start + self.length]) == self.hash:
                    yield part


def digest(salt: str, key: str) -> str:
    return hashlib.blake2b(key.encode(), key=bytes.fromhex(salt), digest_size=16).hexdigest()


def remember_key(key: str | None) -> None:
    """Remembers a key that is about to be sent, unless it is known already or too short to tell from a word."""
    if key is None or len(key) < SHORTEST or not key.isascii():
        return
    known = used_keys()
    if any(one.length == len(key) and digest(one.salt, key) == one.hash for one in known):
        return
    salt = secrets.token_hex(16)
    letters = USUAL if re.fullmatch(f"{USUAL}+", key) else ANY
    new = UsedKey(len(key), letters, salt, digest(salt, key))
    with suppress(OSError):  # in some containers, no configuration can be written
        write_config(FILE, lambda: [asdict(one) for one in (*used_keys(), new)])


def used_keys() -> list[UsedKey]:
    """The keys in the file; none if it is missing or unreadable."""
    try:
        return [UsedKey(**one) for one in json.loads(config_file(FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
