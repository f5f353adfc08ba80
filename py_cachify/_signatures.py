"""What a function says about its parameters and its result, even where an annotation names something unknown.

From Python 3.14 on, annotations are evaluated when somebody asks for them.  They may name a class that is defined
further down, or one that is imported for type checkers only, and then asking for their values raises ``NameError``.
Pools need no such value, so here a name that cannot be resolved stays a forward reference.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any


if sys.version_info >= (3, 14):
    from annotationlib import Format, get_annotations

    def signature_of(function: Callable[..., Any]) -> inspect.Signature:
        """The signature of ``function``; raises what ``inspect.signature`` raises, but no ``NameError``."""
        return inspect.signature(function, annotation_format=Format.FORWARDREF)

    def annotated_result(function: Callable[..., Any]) -> str:
        """What ``function`` is annotated to return, as text; empty without an annotation."""
        return str(get_annotations(function, format=Format.FORWARDREF).get('return', ''))

else:

    def signature_of(function: Callable[..., Any]) -> inspect.Signature:
        """The signature of ``function``; raises what ``inspect.signature`` raises, but no ``NameError``."""
        return inspect.signature(function)

    def annotated_result(function: Callable[..., Any]) -> str:
        """What ``function`` is annotated to return, as text; empty without an annotation."""
        return str(getattr(function, '__annotations__', {}).get('return', ''))


class FunctionAnnotations:
    """``__annotations__`` of an object that stands for the function in its ``__wrapped__``: those of the function.

    Before Python 3.14 ``functools.update_wrapper`` copies them.  Since then it copies only ``__annotate__``, from which
    a function makes its ``__annotations__``; an object of another kind has none.
    """

    def __get__(self, wrapper: Any, owner: type | None = None) -> Any:
        # The class itself is asked as well; it has no function.
        return {} if wrapper is None else wrapper.__wrapped__.__annotations__
