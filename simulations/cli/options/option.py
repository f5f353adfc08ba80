"""One option of a command, and what follows from it.

From a table of options come the parser, the changes to a scenario, and the words that repeat a
command. An option that was not given is absent from the namespace, because the scenario may provide
the value.
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simulations.units import number


NOT_GIVEN: Any = argparse.SUPPRESS


def text_of(value: Any) -> str:
    """Return a value as a user types it; ``none`` stands for ``None``."""
    if value is None:
        return 'none'
    return number(value) if isinstance(value, float) else str(value)


def same(value: Any) -> Any:
    """Return ``value`` unchanged."""
    return value


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a command.

    Args:
        flag: what the user types, such as ``--max-size``.
        field: the field of a scenario that the option sets; ``network.timeout`` means ``timeout``
            of ``network``. Empty if it sets none.
        help, metavar, choices, default: passed to :mod:`argparse`.
        read: converts the text to a value; wrap it in :func:`reader` to keep the message of its
            error.
        convert: converts that value to what the field holds. Its errors are about the scenario, not
            the option.
        write: converts the value back to text.
        resets: other fields that the option sets.
        dest: the attribute of the namespace; derived from the flag by default.
        group: the title of the group in the help.
        alternative: options that share this name exclude each other.
        repeatable: whether the option may be given several times; its value is then a list.
        switch: whether the option takes no value.
        required: whether the option must be given.
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
        """The attribute of the namespace that holds the value."""
        return self.dest or self.flag.removeprefix('--').replace('-', '_')

    def words(self, value: Any) -> list[str]:
        """Return the command-line words that give the option this value."""
        if self.switch:
            return [self.flag] if value else []
        texts = [self.write(each) for each in (value if self.repeatable else [value])]
        return [word for text in texts for word in self._pair(text)]

    def _pair(self, text: str) -> list[str]:
        # argparse would take a text with a leading dash for another option.
        return [f'{self.flag}={text}'] if text.startswith('-') else [self.flag, text]


def reader(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Wrap ``read`` so that argparse shows its error message instead of "invalid value"."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def add_options(parser: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    """Add options to a parser; the help lists them in this order."""
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
        default = NOT_GIVEN if option.field else False
        return {'action': 'store_true', 'dest': option.name, 'default': default, 'help': option.help}
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
    """Return the fields of a scenario that the given options set; each part is a nested dictionary.

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
    """Return the command-line words for ``values``, a mapping by option name, in option order."""
    return [word for option in options if option.name in values for word in option.words(values[option.name])]
