"""A function's signature and result annotation, even if an annotation names something unknown.

From Python 3.14 on, annotations are evaluated only when they are read.  They may name a class that
is defined further down, or one that is imported for type checkers only; then reading their values
raises ``NameError``.  Pools need no such value, so here an unresolved name stays a forward
reference.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any


if sys.version_info >= (3, 14):
    from annotationlib import Format, get_annotations

    def signature_of(function: Callable[..., Any], *, follow_wrapped: bool = True) -> inspect.Signature:
        """Return a signature; raise what ``inspect.signature`` raises, but no ``NameError``."""
        return inspect.signature(function, follow_wrapped=follow_wrapped, annotation_format=Format.FORWARDREF)

    def annotated_result(function: Callable[..., Any]) -> str:
        """Return the annotation of a function's result as text, empty if it has none."""
        return str(get_annotations(function, format=Format.FORWARDREF).get('return', ''))

else:

    def signature_of(function: Callable[..., Any], *, follow_wrapped: bool = True) -> inspect.Signature:
        """Return a signature; raise what ``inspect.signature`` raises, but no ``NameError``."""
        return inspect.signature(function, follow_wrapped=follow_wrapped)

    def annotated_result(function: Callable[..., Any]) -> str:
        """Return the annotation of a function's result as text, empty if it has none."""
        return str(getattr(function, '__annotations__', {}).get('return', ''))


class FunctionAnnotations:
    """The ``__annotations__`` of an object that wraps a function: those of its ``__wrapped__``.

    Before Python 3.14, ``functools.update_wrapper`` copies them.  Since then it copies only
    ``__annotate__``.  A function makes its ``__annotations__`` from that; any other object has
    none.
    """

    def __get__(self, wrapper: Any, owner: type | None = None) -> Any:
        # The class itself is read as well, and wraps no function.
        return {} if wrapper is None else wrapper.__wrapped__.__annotations__


def is_async(call: Any) -> bool:
    """Return whether a function, a partial function or a callable object must be awaited."""
    while isinstance(call, functools.partial):
        call = call.func
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
