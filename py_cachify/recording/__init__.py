"""Record every attempt to take a slot in a file, and read it again.

``with record('pool.csv'):`` writes one line for each attempt when it is over::

    v,arrival,key,template,outcome,wait,holding,max_size,slot_exp
    1,2026-07-01T09:00:00.123456Z,3f9a1c-8d0e5b7a91c2f4e6,mail-{user_id},released,0.000214,0.731002,2,600

============  ======================================================================================
column        meaning
============  ======================================================================================
``v``         the version of the format: 1
``arrival``   when the attempt began, in UTC with microseconds
``key``       the pool: a keyed hash of its prefix and key after the id of the salt; with
              ``keys=True`` the key itself
``template``  the key of a decorated function as it was written; empty for other pools
``outcome``   how it ended: ``released``, ``overrun``, ``refused``, ``timed_out`` or ``failed``, as
              in :class:`py_cachify.events.Event`
``wait``      seconds from the arrival to the slot, or to the end of an attempt that got none
``holding``   seconds for which the slot was held; empty if there was none
``max_size``  how many slots of the pool the attempt allowed
``slot_exp``  the life of a slot in seconds; empty if it never expires
============  ======================================================================================

**What is in the files.**  An attempt that is still open has no line, so one that is open when its
process is killed never gets one.  Lines are written at least once a second, and at a normal exit.
A process that is killed, or ends by ``os._exit()``, loses what it noted in its last second.  So
does a longer call of C code that keeps the GIL until the process is killed.  A file is not synced
to the disk, so a machine that loses its power may lose more.

**The clock.**  The arrival is the wall clock's time at the end of the attempt minus ``wait`` and
``holding``, which a monotonic clock measures.  So if the wall clock is set while an attempt is
open, its arrival is in the new time, and its durations are right.

**Many processes.**  Each process has files of its own.  The first one that finds no ``pool.csv``
creates that; every other file is ``pool.PID-RANDOM.NUMBER.csv`` beside it.  No file is ever opened
again: a later run adds files.  :func:`read_recording` reads ``pool.csv`` and all files beside it.

**A line is a line of text.**  Fields are quoted as in RFC 4180, but none contains a line break:
in clear keys and templates, control characters, ``;`` and the backslash are written as
``\\n``, ``\\r``, ``\\xHH`` and ``\\\\``, and a text that a spreadsheet could take for a formula
begins with a ``'``.  :func:`read_recording` restores them.
"""

from py_cachify.recording.lines import COLUMNS, Attempt
from py_cachify.recording.reading import (
    Losses,
    Recording,
    RecordingError,
    iter_recording,
    read_recording,
    recording_files,
)
from py_cachify.recording.record import record
from py_cachify.recording.recorder import Recorder


__all__ = [
    'COLUMNS',
    'Attempt',
    'Losses',
    'Recorder',
    'Recording',
    'RecordingError',
    'iter_recording',
    'read_recording',
    'record',
    'recording_files',
]
