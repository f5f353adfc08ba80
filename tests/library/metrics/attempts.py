"""Attempts to take a slot, as a listener is told of them."""

from typing import Any

from py_cachify.events import Event, Kind


QUEUED = Event(
    'queued', 'mail-7', 'mail-{user_id}', waited=0.0, held=None, max_size=3, token=None, slot_exp=30.0, has_queued=True
)
GRANTED = QUEUED._replace(kind='granted', waited=0.2, token='1:a')


def without_slot(kind: Kind, error: BaseException | None = None, waited: float = 0.2) -> Event:
    """The end of an attempt that got no slot."""
    return QUEUED._replace(kind=kind, waited=waited, error=error)


def while_held(kind: Kind, error: BaseException | None = None, held: float = 7.0) -> Event:
    """What happens to an attempt that has a slot, or its end."""
    return GRANTED._replace(kind=kind, held=held, error=error)


def tell(listener: Any, *events: Event) -> None:
    """Tell a listener of one attempt."""
    listener(QUEUED._replace(key=events[0].key, template=events[0].template, max_size=events[0].max_size))
    for event in events:
        listener(event)
