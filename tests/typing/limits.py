"""What type checkers cannot follow.

The guide names each case. If a checker learns one of them, the line here fails.
"""

from typing import assert_type

from py_cachify import pooled


class Printer:
    @pooled('printers', max_size=1)
    @staticmethod
    def static(text: str) -> bytes:
        return text.encode()

    @pooled('printer-{self.name}', max_size=1)
    def write(self, text: str) -> bytes:
        return text.encode()


printer = Printer()


def a_static_method_is_called_on_its_class() -> None:
    """On an object it is taken for a method: its first parameter seems to be the object."""
    assert_type(Printer.static('a'), bytes | None)
    printer.static('a')  # type: ignore


def on_the_class_the_first_parameter_may_be_left_out() -> None:
    """Checkers do not see whether it is a method or a class method, and allow both calls."""
    Printer.write(printer, 'a')
    Printer.write('a')


@pooled('reports-{name}', max_size=1)
def report(name: str, pages: int) -> bytes:
    return name.encode() * pages


def size_is_asked_with_all_arguments() -> None:
    """At run time only those are needed that the key names."""
    assert_type(report.size('a', 1), int)
    report.size('a')  # type: ignore[call-arg]
