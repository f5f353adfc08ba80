"""Load a protocol of your own by its place, ``my_module:my_subject``."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from simulations.arguments import nearest
from simulations.exploring.scope import Subject


def is_outside(name: str) -> bool:
    """Return whether a name is the place of a protocol outside the package."""
    return ':' in name


def load_subject(place: str) -> Subject:
    """Return the subject at ``MODULE:ATTRIBUTE``; its name is this place, so a schedule finds it.

    Modules in the current directory are found first, as with ``python -m``.

    Raises:
        ValueError: there is no such module or attribute, the module cannot be imported, or the
            attribute is no subject.
    """
    module_name, _, attribute = place.partition(':')
    if not all(part.isidentifier() for part in module_name.split('.')) or not attribute.isidentifier():
        raise ValueError(f'{place!r} is not the place of a protocol: write MODULE:ATTRIBUTE, as in my_pool:my_subject')
    module = _import(module_name)
    known = [name for name, value in vars(module).items() if isinstance(value, Subject)]
    if not hasattr(module, attribute):
        hint = f': the nearest subject is {nearest(attribute, known)!r}' if known else ', and no subject at all'
        raise ValueError(f'the module {module_name} has no attribute {attribute!r}{hint}')
    found = getattr(module, attribute)
    if not isinstance(found, Subject):
        kind = type(found).__name__
        hint = f'choose {", ".join(known)}' if known else 'make one with simulations.exploring.Subject'
        # For a command, it is the name that is wrong.
        raise ValueError(f'{place} must be a Subject, but it is of the type {kind}: {hint}')  # noqa: TRY004
    return found._replace(name=place)


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f'{error.name}.')):
            raise ValueError(f'there is no module {error.name!r}, neither in {here} nor installed') from None
        raise ValueError(f'the module {name} cannot be imported: {error}') from error
    except Exception as error:
        raise ValueError(f'the module {name} cannot be imported: {type(error).__name__}: {error}') from error
