"""The key of a decorated function's pool, made from the arguments of the call.

A template is a format string over the function's parameters, attributes and items included:
``'report-{user.id}'``, ``'shard-{self.name}-{ids[0]:03d}'``.  Values are put in as they are and never
parsed again, so a value with braces is harmless.

But a value that comes from outside can be made to look like other parts of a key: ``'{a}-{b}'`` is the same
key for ``('x-y', 'z')`` and ``('x', 'y-z')``, and ``'mail-{user}'`` reaches the pool ``'mail-all'``.  With
``!a`` at each field and text between the fields, as in ``'{a!a}-{b!a}'``, two calls have one key only if each
value looks the same to ``ascii()``.  That keeps apart strings, bytes, numbers, ``None``, and tuples, lists and
dictionaries of these, each of which ends where it looks as if it did.  The package's ``README.md`` says what
else to look at.
"""

import inspect
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from py_cachify._signatures import signature_of
from py_cachify.arguments import check_encodable, shown


DEEPEST_FIELD = 2
"""A format specification may have fields, and these no fields again."""


class KeyTemplate:
    """Makes the key for one call; refuses at once what the function's signature cannot supply.

    Example::

        def send(user_id, text='hello'): ...

        KeyTemplate('mail-{user_id}', send).key((7,), {})           # 'mail-7'
    """

    def __init__(self, template: str, function: Callable[..., Any]) -> None:
        """Raises ``ValueError`` for a malformed template, or a field that no parameter supplies.

        ``template`` is a key that :func:`py_cachify.arguments.check_key` returned.
        """
        self._template = template
        try:
            names = sorted(set(_names(template)))
        except ValueError as error:
            raise ValueError(f'key {shown(template)} is not a format string: {error}') from None
        # A key without fields asks nothing of the function.
        self._signature = _signature(template, function) if names else inspect.Signature()
        self._sources = {name: self._source(name) for name in names}
        try:
            # What the parser lets pass, such as an attribute without a name, fails whatever the value is.
            formatted = template.format_map(dict.fromkeys(names, _Anything()))
        except Exception as error:
            raise ValueError(f'key {shown(template)} is not a format string: {error}') from None
        self._fixed = None if names else formatted

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
            f'key {shown(self._template)} has the field {{{name}}}, which no parameter of {self._signature} supplies'
        )

    def key(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """The key for a call with these arguments; only those that the template names are needed.

        Raises ``TypeError`` if one of them is missing, and ``ValueError`` if the key cannot be made of them.
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
        try:
            key = self._template.format_map(values)
        except Exception as error:
            raise ValueError(self._unfit(values, error)) from error
        # A quick look first: ASCII, which nearly all keys are, can be encoded.
        if not key.isascii():
            check_encodable(f'the key that {shown(self._template)} makes', key)
        return key

    def _unfit(self, values: Mapping[str, Any], error: Exception) -> str:
        given = ', '.join(f'{name}={shown(value)}' for name, value in values.items())
        why = f'{type(error).__name__}: {shown(error)}'
        return f'the key {shown(self._template)} cannot be made of {given} ({why})'

    def _bound(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        bound = self._signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        if name not in bound.arguments:
            raise TypeError(f'the key {shown(self._template)} needs the argument {name!r}')
        return bound.arguments[name]


class _Anything:
    """Has every attribute and every item, so that only a malformed field can fail."""

    def __getattr__(self, name: str) -> '_Anything':
        return self

    def __getitem__(self, item: object) -> '_Anything':
        return self

    def __format__(self, specification: str) -> str:
        return ''


def _signature(template: str, function: Callable[..., Any]) -> inspect.Signature:
    try:
        return signature_of(function)
    except Exception as error:
        raise ValueError(
            f'key {shown(template)} has fields, but the parameters of {shown(function)} cannot be read'
            f' ({shown(error)}): give a key without fields'
        ) from error


def _names(template: str, depth: int = 1) -> Iterator[str]:
    """The first name of each field, those nested in a format specification included."""
    if depth > DEEPEST_FIELD:
        raise ValueError('a field within a field within a field')
    for _, field, specification, _ in string.Formatter().parse(template):
        if field is not None:
            yield re.split(r'[.\[]', field, maxsplit=1)[0]
        if specification:
            yield from _names(specification, depth + 1)
