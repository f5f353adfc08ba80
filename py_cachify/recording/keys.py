"""What a recording writes for the key of a pool, and which pools it keeps."""

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from py_cachify.arguments import check_flag, is_a, shown


SALT_VARIABLE = 'PY_CACHIFY_SALT'
"""The environment variable with the salt of recordings that get none as an argument."""

SHORTEST_SALT = 8
"""In bytes.  It excludes mistakes; a salt is a secret only if it cannot be guessed."""

_SALT_OF_THIS_PROCESS = os.urandom(32)
"""Forked processes share it; processes that are started anew do not."""


def key_namer(salt: Any, sample: Any, keys: Any) -> Callable[[str, str], str | None]:
    """Return a function of prefix and key that returns what is written, or ``None`` for no line.

    The first 64 bits of the keyed hash are written, and the other 64 choose the sample.  So equal
    salts choose equal pools, and a smaller sample is a part of a greater one.
    """
    secret = _check_salt(salt)
    limit = _check_sample(sample) * 2**64
    clear = check_flag('keys', keys)
    salt_id = blake2b(key=secret, person=b'py_cachify salt', digest_size=3).hexdigest()

    def name(prefix: str, key: str) -> str | None:
        # The length of the prefix keeps 'a-' + 'b' and 'a' + '-b' apart: they are two pools' keys.
        text = f'{len(prefix)}:{prefix}{key}'
        digest = blake2b(text.encode(), key=secret, person=b'py_cachify key', digest_size=16).digest()
        if int.from_bytes(digest[8:]) >= limit:
            return None
        return key if clear else f'{salt_id}-{digest[:8].hex()}'

    return name


def _check_salt(salt: Any) -> bytes:
    """Return the key of the hash; no error shows the salt, because it is a secret."""
    if salt is None:
        salt = os.environ.get(SALT_VARIABLE) or _SALT_OF_THIS_PROCESS
    if is_a(salt, str):
        try:
            secret = str.encode(salt)
        except UnicodeEncodeError:
            raise ValueError('salt must be text that UTF-8 can encode, which it is not: pass bytes instead') from None
    elif is_a(salt, bytes):
        secret = bytes(salt)
    else:
        raise TypeError(f'salt must be a string, bytes or None, not an object of type {type(salt).__name__}')
    if len(secret) < SHORTEST_SALT:
        raise ValueError(
            f'salt (or {SALT_VARIABLE}) must have at least {SHORTEST_SALT} bytes, because a short one can be guessed,'
            f' got {len(secret)}: make one with python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return secret if len(secret) <= blake2b.MAX_KEY_SIZE else blake2b(secret).digest()


def _check_sample(sample: Any) -> float:
    if is_a(sample, bool) or not (is_a(sample, int) or is_a(sample, float)):
        raise TypeError(f'sample must be a number, the share of pools to record, not {shown(sample)}')
    share = float(sample)
    if not 0 < share <= 1:
        raise ValueError(f'sample must be more than 0 and at most 1, the share of pools to record, got {shown(sample)}')
    return share
