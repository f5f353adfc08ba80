"""The key of a decorated function's pool, made from the arguments of the call.

A template is a format string over the function's parameters, attributes and items included:
``'report-{user.id}'``, ``'shard-{self.name}-{ids[0]:03d}'``.  Values are put in as they are and never
parsed again, so a value with braces is harmless.  But two parts that stand side by side can be
confused: ``'{a}-{b}'`` is the same key for ``('x-y', 'z')`` and ``('x', 'y-z')``.  Where values come
from outside, write ``'{a!r}-{b!r}'``, or one field only.
"""

import inspect
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


class KeyTemplate:
    """Makes the key for one call; refuses at once what the function's signature cannot supply.

    Example::

        def send(user_id, text='hello'): ...

        KeyTemplate('mail-{user_id}', send).key((7,), {})           # 'mail-7'
    """

    def __init__(self, template: str, function: Callable[..., Any]) -> None:
        """Raises ``ValueError`` for a malformed template, or a field that no parameter supplies."""
        self._template = template
        self._signature = inspect.signature(function)
        try:
            names = sorted(set(_names(template)))
        except ValueError as error:
            raise ValueError(f'key {template!r} is not a format string: {error}') from None
        self._sources = {name: self._source(name) for name in names}
        try:
            # What the parser lets pass, such as an attribute without a name, fails whatever the value is.
            template.format_map(dict.fromkeys(names, _Anything()))
        except ValueError as error:
            raise ValueError(f'key {template!r} is not a format string: {error}') from None
        self._fixed = None if names else template.format()

    def _source(self, name: str) -> 'tuple[int | None, bool, Any]':
        """Where a field's value stands: its position, whether a keyword may give it, and its default."""
        parameters = list(self._signature.parameters.values())
        for position, parameter in enumerate(parameters):
            if parameter.name != name:
                continue
            match parameter.kind:
                case parameter.POSITIONAL_ONLY:
                    return position, False, parameter.default
                case parameter.POSITIONAL_OR_KEYWORD:
                    return position, True, parameter.default
                case parameter.KEYWORD_ONLY:
                    return None, True, parameter.default
                case _:
                    # *args and **kwargs as a whole: bound anew at each call.
                    return None, False, parameter.empty
        if name.isidentifier() and any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return None, True, inspect.Parameter.empty
        raise ValueError(
            f'key {self._template!r} has the field {{{name}}}, which no parameter of {self._signature} supplies'
        )

    def key(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """The key for a call with these arguments; only those that the template names are needed.

        Raises ``TypeError`` if one of them is missing.
        """
        if self._fixed is not None:
            return self._fixed
        values = {}
        for name, (position, by_keyword, default) in self._sources.items():
            if by_keyword and name in kwargs:
                values[name] = kwargs[name]
            elif position is not None and position < len(args):
                values[name] = args[position]
            elif default is not inspect.Parameter.empty:
                values[name] = default
            else:
                values[name] = self._bound(name, args, kwargs)
        return self._template.format_map(values)

    def _bound(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        bound = self._signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        if name not in bound.arguments:
            raise TypeError(f'the key {self._template!r} needs the argument {name!r}')
        return bound.arguments[name]


class _Anything:
    """Has every attribute and every item, so that only a malformed field can fail."""

    def __getattr__(self, name: str) -> '_Anything':
        return self

    def __getitem__(self, item: object) -> '_Anything':
        return self

    def __format__(self, specification: str) -> str:
        return ''


def _names(template: str) -> Iterator[str]:
    """The first name of each field, those nested in a format specification included."""
    for _, field, specification, _ in string.Formatter().parse(template):
        if field is not None:
            yield re.split(r'[.\[]', field, maxsplit=1)[0]
        if specification:
            yield from _names(specification)
