"""The URL of a server: which ones ``init_cachify()`` accepts, and why it refuses the others.

Nothing shows a URL, because it may contain a password: no error, ``repr()`` or log record.
"""

from urllib.parse import parse_qsl, urlsplit


SCHEMES = {'redis': 'redis', 'rediss': 'rediss', 'unix': 'unix', 'valkey': 'redis', 'valkeys': 'rediss'}
"""The schemes that a URL may have, each with its name in redis-py."""


def checked_url(text: str) -> str:
    """Return a URL as redis-py reads it; raise ``ValueError`` if it is malformed."""
    url = _with_scheme_of_redis(text)
    _check_parts(url)
    return url


def malformed(problem: str) -> ValueError:
    """Return the error for a malformed URL."""
    return ValueError(
        f'sync_client is a malformed URL: {problem}; in a user name or password, write %2F for /, %3F for ?, %23 for #'
        ' and %5B for [; the URL is not shown here, because it may contain a password'
    )


def _with_scheme_of_redis(url: str) -> str:
    scheme, separator, rest = url.partition('://')
    known = SCHEMES.get(scheme.lower())
    if not separator or known is None:
        *most, last = (f'{each}://' for each in SCHEMES)
        raise ValueError(
            f'sync_client must be a client, or a URL that begins with {", ".join(most)} or {last}; the string is not'
            ' shown here, because it may contain a password'
        )
    return f'{known}://{rest}'


def _check_parts(url: str) -> None:
    """Refuse a URL of which redis-py would silently ignore or misread a part."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        port_is_right = False
    # Raised out here, because the error of urllib shows parts of the URL.
    if not port_is_right:
        raise malformed('its host and port must be as in redis://host:6379')
    if parts.fragment:
        raise malformed('it must not contain #')
    if parts.scheme == 'unix':
        if parts.hostname or not parts.path:
            raise malformed('unix:// must be followed by an absolute path, as in unix:///run/redis.sock')
    elif not _is_number(parts.path.strip('/') or '0'):
        raise malformed('its path must be the number of a database, as in redis://host:6379/0')
    if parts.query and not _are_options(parts.query):
        raise malformed('after the ?, it must have options as in ?socket_timeout=5&max_connections=100')


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _are_options(query: str) -> bool:
    try:
        return bool(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        return False
