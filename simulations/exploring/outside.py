"""Load a protocol of your own by its place, ``my_module:my_subject``."""

from simulations.arguments import imported
from simulations.exploring.scope import Subject


def is_outside(name: str) -> bool:
    """Return whether a name is the place of a protocol outside the package."""
    return ':' in name


def load_subject(place: str) -> Subject:
    """Return the subject at ``MODULE:NAME``; its name is this place, so a schedule finds it.

    Raises:
        ValueError: there is no such module or name, the module cannot be imported, or the object is
            not a subject.
    """
    found = imported(place, 'protocol', 'my_module:my_subject')
    if not isinstance(found, Subject):
        # For a command, it is the name that is wrong.
        raise ValueError(  # noqa: TRY004
            f'{place} is a {type(found).__name__}, not a Subject: write my_subject = Subject(name, protocol, world,'
            ' scope, honest=True, idea=...) and name that'
        )
    return found._replace(name=place)
