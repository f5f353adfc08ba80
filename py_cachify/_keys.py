"""The key of a decorated function's pool, made from the arguments of each call.

A template is a format string over the function's parameters, including their attributes and items:
``'report-{user.id}'``, ``'shard-{self.name}-{ids[0]:03d}'``.  Values are inserted as they are and
never parsed again, so braces in a value are harmless.  ``{}`` and ``{0}`` mean the parameter at
that position, not counting ``self`` or ``cls``, however a call passes it.

But a value that comes from outside can imitate other parts of a key: ``'{a}-{b}'`` makes the same
key for ``('x-y', 'z')`` and ``('x', 'y-z')``, and ``'mail-{user}'`` can reach the pool
``'mail-all'``.  With ``!a`` on each field and ``-``, ``/`` or ``|`` between the fields, as in
``'{a!a}-{b!a}'``, two calls have the same key only if ``ascii()`` shows each value in the same way.
This distinguishes strings, bytes, numbers, ``None``, and tuples, lists and dictionaries of these,
because the end of each is unambiguous.  The package's ``README.md`` says what else to consider.
"""

import inspect
import itertools
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from py_cachify._signatures import signature_of
from py_cachify.arguments import check_encodable, shown


MAX_FIELD_DEPTH = 2
"""A format specification may contain fields, but these may not contain further fields."""

MAX_POSITION = 255
"""The highest number that a field may have."""


class KeyTemplate:
    """Makes the key for each call; refuses a template that the function's signature cannot supply.

    Example::

        def send(user_id, text='hello'): ...

        KeyTemplate('mail-{user_id}', send).key((7,), {})           # 'mail-7'
    """

    def __init__(self, template: str, function: Callable[..., Any], *, skipped: int = 0, kind: str = 'key') -> None:
        """Raise ``ValueError`` for a malformed template, or a field that no parameter supplies.

        ``template`` is a key that :func:`py_cachify.arguments.check_key` returned.  ``skipped`` is
        how many parameters precede the one that ``{0}`` means: 1 for a method, because of ``self``.
        ``kind`` is what errors call the template: the label of a call is made in the same way.
        """
        self._template = template
        self._kind = kind
        self._skipped = skipped
        try:
            fields = list(_names(template))
        except ValueError as error:
            raise ValueError(_malformed(kind, template, error)) from None
        # Numbered as by `str.format`: the n-th field without a name is the argument n.
        numbers = itertools.count()
        positions = {next(numbers) if not name else int(name) for name in fields if not name or name.isdecimal()}
        names = sorted({name for name in fields if name and not name.isdecimal()})
        # A key without fields needs nothing from the function.
        self._signature = _signature(kind, template, function) if fields else inspect.Signature()
        self._numbered = {number: self._positional_source(number) for number in sorted(positions)}
        self._count = max(positions, default=-1) + 1
        self._sources = {name: self._source(name) for name in names}
        try:
            # The parser accepts some fields that fail for every value: an attribute without a
            # name, for example.
            formatted = template.format(*[_Anything()] * self._count, **dict.fromkeys(names, _Anything()))
        except Exception as error:
            raise ValueError(_malformed(kind, template, error)) from None
        self._fixed = None if fields else formatted

    def _positional_source(self, number: int) -> 'tuple[int, str | None, Any]':
        """Return the position of a numbered field, its keyword (if any), and its default."""
        parameters = list(self._signature.parameters.values())
        position = self._skipped + number
        positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        if position < len(positional):
            parameter = positional[position]
            by_keyword = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            return position, parameter.name if by_keyword else None, parameter.default
        if any(each.kind is each.VAR_POSITIONAL for each in parameters) and number <= MAX_POSITION:
            return position, None, inspect.Parameter.empty
        raise ValueError(
            f'{self._kind} {shown(self._template)} names the positional argument {number} (the first is 0), but the'
            f' function takes {max(0, len(positional) - self._skipped)}: use fields with the names of parameters'
        )

    def _source(self, name: str) -> 'tuple[int | None, bool, Any]':
        """Return a field's position, whether it may be a keyword, and its default."""
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
                    # *args and **kwargs themselves: bound again on each call.
                    return None, False, parameter.empty
        if name.isidentifier() and any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return None, True, inspect.Parameter.empty
        fields = [f'{{{parameter.name}}}' for parameter in parameters]
        remedy = ' or '.join(filter(None, (', '.join(fields[:-1]), *fields[-1:]))) or 'no field'
        raise ValueError(
            f'{self._kind} {shown(self._template)} has the field {{{name}}}, but the function has no parameter of that'
            f' name: use {remedy}'
        )

    def key(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Return the key for a call; only the arguments that the template names are needed.

        Raises ``TypeError`` if one is missing, and ``ValueError`` if they cannot make a key.
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
        numbered = self._numbered_values(args, kwargs) if self._numbered else []
        try:
            key = self._template.format(*numbered, **values) if numbered else self._template.format_map(values)
        except Exception as error:
            given = {str(number): numbered[number] for number in self._numbered} | values
            raise ValueError(self._format_error(given, error)) from error
        # A quick check first: nearly all keys are ASCII, which can always be encoded.
        if not key.isascii() and self._kind == 'key':
            check_encodable(f'the key that {shown(self._template)} makes', key)
        return key

    def _numbered_values(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        values: list[Any] = [None] * self._count
        for number, (position, keyword, default) in self._numbered.items():
            if keyword is not None and keyword in kwargs:
                values[number] = kwargs[keyword]
            elif position < len(args):
                values[number] = args[position]
            elif default is not inspect.Parameter.empty:
                values[number] = default
            else:
                raise TypeError(
                    f'the {self._kind} {shown(self._template)} needs the positional argument {number} (the first is 0),'
                    ' but the call does not pass it'
                )
        return values

    def _format_error(self, values: Mapping[str, Any], error: Exception) -> str:
        arguments = ', '.join(f'{name}={shown(value)}' for name, value in values.items())
        return (
            f'the {self._kind} {shown(self._template)} cannot be made from {arguments} ({shown(error)}): pass arguments'
            f' that fit the {self._kind}, or change the {self._kind}'
        )

    def _bound(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        bound = self._signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        if name not in bound.arguments:
            raise TypeError(
                f'the {self._kind} {shown(self._template)} needs the argument {name!r}, but the call does not pass it'
            )
        return bound.arguments[name]


def _malformed(kind: str, template: str, error: Exception) -> str:
    return (
        f'{kind} {shown(template)} is not a valid format string: {error}; correct the field, or write {{{{ or }}}} for'
        ' a literal brace'
    )


class _Anything:
    """An object with every attribute and every item, so that only a malformed field fails."""

    def __getattr__(self, name: str) -> '_Anything':
        return self

    def __getitem__(self, item: object) -> '_Anything':
        return self

    def __format__(self, specification: str) -> str:
        return ''


def _signature(kind: str, template: str, function: Callable[..., Any]) -> inspect.Signature:
    try:
        return signature_of(function)
    except Exception as error:
        raise ValueError(
            f'{kind} {shown(template)} has fields, but the parameters of {shown(function)} cannot be read'
            f' ({shown(error)}): use a {kind} without fields'
        ) from error


def _names(template: str, depth: int = 1) -> Iterator[str]:
    """Yield the first name of each field, including those nested in a format specification."""
    if depth > MAX_FIELD_DEPTH:
        raise ValueError('its fields are nested more than two levels deep')
    for _, field, specification, _ in string.Formatter().parse(template):
        if field is not None:
            yield re.split(r'[.\[]', field, maxsplit=1)[0]
        if specification:
            yield from _names(specification, depth + 1)
