"""Calls of a method and its ``size`` omit ``self``; those of a class method omit ``cls``."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, assert_type

from py_cachify import init_cachify, pool, pooled


T = TypeVar('T')

local = init_cachify(is_global=False)
printers = pool('printers', max_size=2)


class Printer:
    @pooled('printer-{self.name}', max_size=1)
    def write(self, text: str, copies: int = 1) -> bytes:
        return text.encode() * copies

    @pooled('printer-{self.name}', max_size=1)
    async def awrite(self, text: str, options: dict[str, Any] | None = None) -> bytes:
        return text.encode()

    @pooled('options-{self.name}', max_size=1)
    async def options(self) -> dict[str, Any]:
        return {}

    @local.pooled('printer-{self.name}', max_size=1, raise_on_full=True)
    def write_or_raise(self, text: str) -> bytes:
        return text.encode()

    @printers.pooled(on_full=lambda *_: 'later')
    def write_or_later(self, text: str) -> bytes:
        return text.encode()

    @pooled('printers', max_size=1)
    @classmethod
    def of_class(cls, text: str) -> bytes:
        return text.encode()

    @pooled('printers', max_size=1)
    @classmethod
    async def aof_class(cls, text: str) -> bytes:
        return text.encode()

    @classmethod
    @pooled('printers', max_size=1)
    def of_class_below(cls, text: str) -> bytes:
        return text.encode()

    @pooled('printers', max_size=1)
    @staticmethod
    def static(text: str) -> bytes:
        return text.encode()

    @pooled('printers', max_size=1)
    @staticmethod
    def static_without_parameters() -> bytes:
        return b''

    @property
    @pooled('printer-{self.name}', max_size=1)
    def state(self) -> str:
        return 'ready'

    def rewrite(self, text: str) -> None:
        """From within the class as well."""
        assert_type(self.write(text), bytes | None)
        assert_type(self.write.size(text), int)
        assert_type(self.of_class(text), bytes | None)


class LaserPrinter(Printer):
    def rewrite(self, text: str) -> None:
        assert_type(super().write(text), bytes | None)
        assert_type(super().write.size(text), int)


printer, laser = Printer(), LaserPrinter()


async def of_methods() -> None:
    """On an object, with what a call results in there."""
    assert_type(printer.write('a'), bytes | None)
    assert_type(printer.write('a', copies=2), bytes | None)
    assert_type(printer.write(text='a'), bytes | None)
    assert_type(printer.write.size('a'), int)
    assert_type(printer.write_or_raise('a'), bytes)
    assert_type(printer.write_or_later('a'), bytes | str)
    assert_type(printer.state, str | None)
    assert_type(await printer.awrite('a', {}), bytes | None)
    assert_type(await printer.awrite.size('a'), int)
    assert_type(await printer.options(), dict[str, Any] | None)
    assert_type(laser.write('a'), bytes | None)
    assert_type(await laser.awrite('a'), bytes | None)


def of_wrong_calls() -> None:
    """Too few, too many, of another type; ``self`` twice."""
    printer.write()  # type: ignore[call-arg]
    printer.write(1)  # type: ignore[arg-type]
    printer.write('a', 'b')  # type: ignore[arg-type]
    printer.write('a', 1, 2)  # type: ignore[call-arg]
    printer.write(printer, 'a')  # type: ignore[arg-type]
    printer.write.size()  # type: ignore[call-arg]
    printer.write.size(printer, 'a')  # type: ignore[arg-type]
    _of_result: bytes = printer.write('a')  # type: ignore[assignment]


def of_unbound_methods() -> None:
    """Through the class, with the object as the first argument."""
    assert_type(Printer.write(printer, 'a'), bytes | None)
    assert_type(Printer.write(printer, text='a'), bytes | None)
    assert_type(Printer.write.size(printer, 'a'), int)
    Printer.write(printer, 1)  # type: ignore[call-overload]


async def of_class_methods() -> None:
    """On the class and on an object, with ``@pooled`` above or below ``@classmethod``."""
    assert_type(Printer.of_class('a'), bytes | None)
    assert_type(Printer.of_class(text='a'), bytes | None)
    assert_type(printer.of_class('a'), bytes | None)
    assert_type(LaserPrinter.of_class('a'), bytes | None)
    assert_type(laser.of_class('a'), bytes | None)
    assert_type(Printer.of_class.size('a'), int)
    assert_type(printer.of_class.size('a'), int)
    assert_type(await Printer.aof_class('a'), bytes | None)
    assert_type(await printer.aof_class('a'), bytes | None)
    assert_type(await Printer.aof_class.size('a'), int)
    assert_type(Printer.of_class_below('a'), bytes | None)
    assert_type(printer.of_class_below('a'), bytes | None)
    Printer.of_class(1)  # type: ignore[call-overload]
    Printer.of_class()  # type: ignore[call-overload]
    printer.of_class(1)  # type: ignore[arg-type]
    printer.of_class()  # type: ignore[call-arg]
    Printer.of_class.size(1)  # type: ignore[call-overload]


def of_static_methods() -> None:
    """On the class."""
    assert_type(Printer.static('a'), bytes | None)
    assert_type(Printer.static.size('a'), int)
    assert_type(Printer.static_without_parameters(), bytes | None)
    Printer.static(1)  # type: ignore[call-overload]


class Shelf(Generic[T]):
    @pooled('shelf', max_size=1)
    def put(self, item: T) -> list[T]:
        return [item]


def of_generic_classes() -> None:
    """The class's parameters are those of the object."""
    assert_type(Shelf[int]().put(1), list[int] | None)
    Shelf[int]().put('a')  # type: ignore[arg-type]


def as_a_callable() -> None:
    """A bound method is a function of what is left."""
    _bound: Callable[[str], bytes | None] = printer.write
    _unbound: Callable[[Printer, str], bytes | None] = Printer.write
    _of_class: Callable[[str], bytes | None] = Printer.of_class
    _wrong: Callable[[int], bytes | None] = printer.write  # type: ignore[assignment]
