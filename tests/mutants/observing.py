"""Decisions of observing: what listeners are told, which no schedule can show."""

from tests.mutants.mutant import Beyond


ATTEMPTS, OBSERVING, GIVING_BACK, SETTINGS, BODIES = (
    '_attempts.py',
    'observing.py',
    '_giving_back.py',
    '_settings.py',
    '_bodies.py',
)

_NOT_TOLD = 'an exploration has no listeners'
_EVENTS = 'library/observing/test_events.py::'
_LISTENERS = 'library/observing/test_listeners.py::'

BEYOND_OBSERVING = (
    Beyond(
        'an attempt may end twice',
        ATTEMPTS,
        '        if self._is_over:\n            return\n',
        '',
        'redis',
        _NOT_TOLD,
        f'{_EVENTS}test_a_release_that_fails_is_the_end_even_if_it_is_tried_again',
    ),
    Beyond(
        'a time-out is told as a refusal',
        ATTEMPTS,
        "'timed_out' if refusal is Refusal.TIMED_OUT else 'refused'",
        "'refused'",
        'memory',
        _NOT_TOLD,
        f'{_EVENTS}test_a_waiter_times_out',
    ),
    Beyond(
        'the waiting time begins with the last request',
        ATTEMPTS,
        'self._waited = now - self._began',
        'self._waited = 0.0',
        'memory',
        _NOT_TOLD,
        f'{_EVENTS}test_a_waiter_says_how_long_it_waited',
    ),
    Beyond(
        'a listener is told of the attempts that it makes itself',
        ATTEMPTS,
        ' and get_ident() not in _telling',
        '',
        'memory',
        _NOT_TOLD,
        f'{_LISTENERS}test_what_a_listener_does_with_pools_is_not_told',
    ),
    Beyond(
        'a slot that was gone is told as released',
        GIVING_BACK,
        "held.attempt.tell('overrun')",
        "held.attempt.tell('released')",
        'memory',
        _NOT_TOLD,
        f'{_EVENTS}test_a_body_that_outlives_its_slot_overran',
    ),
    Beyond(
        'a release that failed is not told',
        GIVING_BACK,
        "    held.attempt.tell('failed', error=error)\n    logger.warning(",
        '    logger.warning(',
        'redis',
        _NOT_TOLD,
        f'{_EVENTS}test_a_slot_that_cannot_be_given_back_has_failed',
    ),
    Beyond(
        'the error of a listener reaches the body',
        OBSERVING,
        '        return None\n\n    def _log_failure',
        '        return failure\n\n    def _log_failure',
        'memory',
        _NOT_TOLD,
        f'{_LISTENERS}test_a_listener_that_raises_is_logged_and_harms_no_body',
    ),
    Beyond(
        'an interrupt leaves a thread deaf',
        ATTEMPTS,
        """        try:
            # Within, because an interrupt may come after each call.
            _telling.add(thread)
""",
        """        _telling.add(thread)
        try:
""",
        'memory',
        'the explorer sends no signals and cancels no tasks',
        f'{_LISTENERS}test_an_interrupt_as_an_event_is_told_makes_no_thread_deaf',
    ),
    Beyond(
        'an interrupt before the grant is told as an end without a beginning',
        ATTEMPTS,
        'elif kind in ENDS_WITHOUT_SLOT:',
        'elif True:',
        'memory',
        'the explorer sends no signals and cancels no tasks',
        f'{_LISTENERS}test_an_interrupt_before_the_grant_is_told_is_a_failure',
    ),
    Beyond(
        'an interrupt after the release hides the end',
        GIVING_BACK,
        """        tell_end(held, interrupt)
        return
""",
        """        return
""",
        'memory',
        'the explorer sends no signals and cancels no tasks',
        f'{_LISTENERS}test_an_interrupt_after_the_slot_was_given_back_hides_no_end',
    ),
    Beyond(
        'a renewal is told by the thread that renews',
        '_renewers.py',
        '        dispatcher.call_at(0.0, call)\n',
        '        call()\n',
        'memory-renew',
        _NOT_TOLD,
        f'{_LISTENERS}test_a_slow_listener_delays_no_renewal',
    ),
    Beyond(
        'an interrupt in a listener is swallowed',
        OBSERVING,
        'if is_interrupt(failure) and not isinstance(failure, asyncio.CancelledError):',
        'if False:',
        'memory',
        'the explorer sends no signals and cancels no tasks',
        f'{_LISTENERS}test_an_interrupt_in_a_listener_leaves_no_slot_taken',
    ),
    Beyond(
        'a listener that has stopped is told the ends',
        ATTEMPTS,
        ' and observation.is_active',
        '',
        'memory',
        _NOT_TOLD,
        f'{_LISTENERS}test_an_attempt_is_told_from_its_beginning_or_not_at_all',
    ),
    Beyond(
        'pools keep what they made before a listener came',
        SETTINGS,
        '            _global_settings = settings\n',
        '            pass\n',
        'memory',
        _NOT_TOLD,
        f'{_LISTENERS}test_a_pool_made_and_used_before_is_observed_too',
    ),
    Beyond(
        'a grant is told before the fencing token is drawn',
        BODIES,
        """    if options.fence:
        try:
            _note_fence(slot""",
        """    attempt.tell('granted', slot.token)
    if options.fence:
        try:
            _note_fence(slot""",
        'memory-fence',
        _NOT_TOLD,
        f'{_EVENTS}test_an_acquire_whose_fence_cannot_be_drawn_has_failed',
    ),
)
