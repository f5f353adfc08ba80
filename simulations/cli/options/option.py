"""One option of a command, and what is derived from it: the parser, the changes to a scenario, the words to repeat it.

An option that is not given is absent from the namespace, because a scenario may have the value.
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simulations.units import number


NOT_GIVEN: Any = argparse.SUPPRESS


def text_of(value: Any) -> str:
    """Return a value as one types it; ``none`` stands for ``None``."""
    if value is None:
        return 'none'
    return number(value) if isinstance(value, float) else str(value)


def same(value: Any) -> Any:
    """Return the value itself."""
    return value


@dataclasses.dataclass(frozen=True)
class Option:
    """An option.

    Args:
        flag: what the user types, such as ``--max-size``.
        field: the field of a scenario that it sets; ``network.timeout`` is ``timeout`` of the part ``network``.  Empty
            if it sets none.
        help, metavar, choices, default: as :mod:`argparse` has them.
        read: makes a value of the text, see :func:`reader` for the message of an error.
        convert: makes what the field holds of that value.  Its errors concern the scenario, not the option.
        write: makes the text of the value.
        resets: other fields that it sets.
        dest: its attribute of the namespace, by default made of the flag.
        group: the title of the group that the help shows it in.
        alternative: options that share this name exclude each other.
        repeatable: it may be given several times, and its value is a list.
        switch: it takes no value.
        required: it must be given.
    """

    flag: str
    field: str = ''
    help: str = ''
    metavar: str | None = None
    choices: Iterable[str] | None = None
    default: Any = NOT_GIVEN
    read: Callable[[str], Any] = str
    convert: Callable[[Any], Any] = same
    write: Callable[[Any], str] = text_of
    resets: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dest: str | None = None
    group: str | None = None
    alternative: str | None = None
    repeatable: bool = False
    switch: bool = False
    required: bool = False

    @property
    def name(self) -> str:
        """Its attribute of the namespace."""
        return self.dest or self.flag.removeprefix('--').replace('-', '_')

    def words(self, value: Any) -> list[str]:
        """Return the words that give this value."""
        if self.switch:
            return [self.flag] if value else []
        texts = [self.write(each) for each in (value if self.repeatable else [value])]
        return [word for text in texts for word in self._pair(text)]

    def _pair(self, text: str) -> list[str]:
        # A text with a leading dash would be taken for another option.
        return [f'{self.flag}={text}'] if text.startswith('-') else [self.flag, text]


def reader(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return ``read``, whose complaint then becomes the message instead of "invalid value"."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def add_options(parser: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    """Add options to a parser, in the order of its help."""
    groups: dict[str | None, Any] = {None: parser}
    alternatives: dict[str, Any] = {}
    for option in options:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        where = groups[option.group]
        if option.alternative is not None:
            if option.alternative not in alternatives:
                alternatives[option.alternative] = where.add_mutually_exclusive_group()
            where = alternatives[option.alternative]
        where.add_argument(option.flag, **_settings(option))


def _settings(option: Option) -> dict[str, Any]:
    if option.switch:
        return {'action': 'store_true', 'dest': option.name, 'help': option.help}
    return {
        'dest': option.name,
        'action': 'append' if option.repeatable else 'store',
        'type': option.read,
        'metavar': option.metavar,
        'choices': option.choices,
        'default': option.default,
        'required': option.required,
        'help': option.help,
    }


def scenario_changes(options: Iterable[Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a scenario that the given options set; each part is a dictionary of its own.

    Raises:
        TypeError, ValueError: a value cannot be converted.
    """
    changes: dict[str, Any] = {}
    for option in options:
        if option.field and option.name in given:
            value = option.convert(given[option.name])
            part, dot, name = option.field.partition('.')
            if dot:
                changes.setdefault(part, {})[name] = value
            else:
                changes |= {part: value, **option.resets}
    return changes


def option_words(options: Iterable[Option], values: Mapping[str, Any]) -> list[str]:
    """Return the words that give these values, by name of the option, in the order of the options."""
    return [word for option in options if option.name in values for word in option.words(values[option.name])]
