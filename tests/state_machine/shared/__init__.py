"""Many tasks whose requests travel in shared batches, next to a model that follows the server.

``clock.py`` is virtual time, which moves only while no request is under way.  ``recording.py``
notes what was asked and answered, and what left in batches.  ``journal.py`` reads from the server
in which order it carried out the requests.  ``crowd.py`` runs the tasks.  ``referee.py`` lets the
model follow the journal and compares every answer.  ``mutations.py`` breaks the batches on purpose.
"""
