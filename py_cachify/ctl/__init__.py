"""``pool-ctl``: see the pools of a server from outside, and free a slot that no process will.

It reads a Redis or Valkey server, a cluster too, as any client does, and needs no process that uses
the pools.  It needs the extra ``ctl``.

A *pool* is here a sorted set whose name begins with the prefix and whose members are all tokens of
slots, those of older releases included; or the queue of one, while no slot is taken.  Everything
else under the prefix is left alone: at most ``FIRST`` members of a sorted set are read to see that
it is no pool.  The slots of the plain contract are not sorted sets, and so are not listed.

The layers, the lowest first:

===============  ===================================================================================
``members``      what a member of a sorted set says about a slot or a waiter
``values``       pools, slots and waiters as values
``texts``        texts for people, without what could command a terminal
``names``        which names on a server belong to which pool
``servers``      a server or a cluster, as ``pool-ctl`` asks it
``reading``      read pools from a server
``freeing``      free a slot, and say what its holder will notice
``documents``    all of these as JSON
``plain``        all of these as lines for a pipe
``watching``     read and draw again and again
``screens``      all of these for a terminal
``doctor``       what is wrong with a server, its users and its pools
``statuses``     the exit statuses
``commands``     what each command does
``cli``          the options, and the exit status
===============  ===================================================================================
"""
