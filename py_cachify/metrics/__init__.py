"""Metrics of pools, for Prometheus and OpenTelemetry: listeners to pass to ``observe()``.

The names follow the semantic conventions of OpenTelemetry for connection pools,
``db.client.connection.*``.  Those conventions reserve their own namespace, so these metrics begin
with ``py_cachify.slot.`` instead.  The names for Prometheus are what OpenTelemetry's exporter for
Prometheus makes of them, so one dashboard serves both, and ``grafana.json`` in this folder is one.

===================================  ============  =================================================
metric                               kind          what it is, for each pool name
===================================  ============  =================================================
``py_cachify.slot.count``            gauge         slots that this process holds
``py_cachify.slot.max``              gauge         the ``max_size`` of the pool
``py_cachify.slot.exp``              gauge, s      the ``slot_exp`` of the pool; 0 if slots never
                                                   expire
``py_cachify.slot.pending_requests`` gauge         attempts of this process that wait in the queue
``py_cachify.slot.timeouts``         counter       attempts that waited in vain
``py_cachify.slot.wait_time``        histogram, s  from the beginning of an attempt to its slot
``py_cachify.slot.use_time``         histogram, s  from the grant of a slot to its end
``py_cachify.slot.events``           counter       events of each kind, with the type of the error
                                                   of those that failed
===================================  ============  =================================================

The two gauges that count, and the counters, are those of one process: add them up over processes.
``max`` and ``exp`` describe the pool, which processes share: take the greatest, never the sum.

**The pool name is the template of a decorated function**, such as ``mail-{user_id}``.  A key may
contain what identifies a user, so it is a label only if you ask for it with ``name=by_key``.

Observe with a listener once and for good.  Its gauges stay where they were after ``stop()``, and a
slot that is dropped without being given back stays counted, because no listener is told of its end.

A listener imports ``prometheus_client`` or ``opentelemetry`` when it is made; this module needs
neither.
"""

from py_cachify.metrics._names import NO_TEMPLATE, SECONDS, by_key, by_template
from py_cachify.metrics._opentelemetry import OpenTelemetryListener
from py_cachify.metrics._prometheus import PrometheusListener


__all__ = ['NO_TEMPLATE', 'SECONDS', 'OpenTelemetryListener', 'PrometheusListener', 'by_key', 'by_template']
