"""Django's signals and views take decorated functions and methods for functions and methods."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.dispatch import Signal, receiver
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import override_settings
from django.urls import path
from django.views import View
from django.views.decorators.http import require_GET

from py_cachify import init_cachify, pool, pooled


def busy(*args: Any, **kwargs: Any) -> HttpResponse:
    """Answer a refused request."""
    return HttpResponse('busy', status=429)


@require_GET
@pooled('django-{name}', max_size=1, on_full=busy)
def page(request: Any, name: str) -> HttpResponse:
    """Answer with what the pool says during the request."""
    return HttpResponse(f'{name} {page.size(request, name)}')


@require_GET
@pooled('django-{name}', max_size=1, on_full=busy)
async def async_page(request: Any, name: str) -> HttpResponse:
    """Do so on an event loop."""
    return HttpResponse(f'{name} {await async_page.size(request, name)}')


class Page(View):
    """A view in a class."""

    @pooled('django-{name}', max_size=1, on_full=busy)
    def get(self: Any, request: Any, name: str) -> HttpResponse:
        return HttpResponse(f'{name} {self.get.size(request, name)}')


class AsyncPage(View):
    """A view in a class, on an event loop."""

    @pooled('django-{name}', max_size=1, on_full=busy)
    async def get(self: Any, request: Any, name: str) -> HttpResponse:
        return HttpResponse(f'{name} {await self.get.size(request, name)}')


urlpatterns = [
    path('page/<name>', page),
    path('async_page/<name>', async_page),
    path('Page/<name>', Page.as_view()),
    path('AsyncPage/<name>', AsyncPage.as_view()),
]


@pytest.fixture(autouse=True)
def _project() -> Iterator[None]:
    """The smallest project; with ``DEBUG``, Django checks the signature of each receiver."""
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=['testserver'])
        django.setup()
    init_cachify()
    with override_settings(DEBUG=True, ROOT_URLCONF=__name__):
        yield


@pytest.mark.parametrize('view', ['page', 'async_page', 'Page', 'AsyncPage'])
def test_a_view_answers_or_is_refused(view: str) -> None:
    """A plain view and an ``async`` one, on a server of threads and on an event loop."""

    async def asynchronous(address: str) -> Any:
        return await AsyncClient().get(address)

    for get in (Client().get, lambda address: asyncio.run(asynchronous(address))):
        answer = get(f'/{view}/a')
        assert (answer.status_code, answer.content) == (200, b'a 1')
        with pool('django-a', max_size=1):
            assert get(f'/{view}/a').status_code == 429
        assert pool('django-a', max_size=1).size() == 0


def test_a_signal_reaches_functions_and_methods() -> None:
    """Django keeps them by weak references, and asks each for its signature."""
    signal = Signal()
    received: list[tuple[str, int, str]] = []

    class Desk:
        @pooled('desk', max_size=1)
        def receive(self, sender: Any, **named: Any) -> None:
            received.append(('method', self.receive.size(sender), named['name']))

    @receiver(signal)
    @pooled('function', max_size=1)
    def receive(sender: Any, **named: Any) -> None:
        received.append(('function', receive.size(sender), named['name']))

    desk: Any = Desk()
    signal.connect(desk.receive)
    gc.collect()
    signal.send('a', name='b')
    assert sorted(received) == [('function', 1, 'b'), ('method', 1, 'b')]
    assert signal.disconnect(receive)
    del desk
    gc.collect()
    assert not signal.has_listeners()


def test_a_signal_awaits_async_receivers() -> None:
    """Django recognises an ``async`` function and an ``async`` method."""
    signal = Signal()

    class Desk:
        @pooled('desk', max_size=1)
        async def receive(self, sender: Any, **named: Any) -> str:
            return f'method {await self.receive.size(sender)}'

    @receiver(signal)
    @pooled('function', max_size=1)
    async def receive(sender: Any, **named: Any) -> str:
        return f'function {await receive.size(sender)}'

    desk: Any = Desk()
    signal.connect(desk.receive)
    answers = [answer for _, answer in asyncio.run(signal.asend('a', name='b'))]
    assert sorted(answers) == ['function 1', 'method 1']
