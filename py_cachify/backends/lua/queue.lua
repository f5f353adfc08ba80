-- Included where a script may find a free slot, which goes to the first waiter.
--
-- A ticket is the token of the slot to come; `tokens.py` says what it contains.  A ticket that is
-- given a slot by a request of the same process holds it at once, under its token.  Any other ticket
-- gets a claim: a slot under `?` and its token, for a short time, within which it must ask again.
--
--   KEYS[1]  the slots
--   KEYS[2]  the queue: a sorted set with two members for each waiter: its ticket, with its place,
--            which is above 0; and `!` and its ticket, with the instant by which it must ask again,
--            below 0 because it is negated
--   ARGV[1]  the token of the request
--
-- CLAIM, DEADLINE, MAX_GRANTS and MAX_DROPPED are those of `commands.py`.

-- Returns whether the token of the request has a slot; a claim becomes one of `life` seconds.
local function confirm(life)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return true
  end
  if redis.call('ZREM', KEYS[1], '?' .. ARGV[1]) == 0 then
    return false
  end
  put(ARGV[1], life == '' and 'inf' or now + life, redis.call('ZCARD', KEYS[1]))
  return true
end

local function owner_of(token)
  return string.match(token, '^%d+:([^:]*):')
end

-- Gives free slots to the first waiters, and returns whether anybody still waits.  The reply names
-- the tickets of the asking process that have got one.  The ticket `unknown` gets only a claim: the
-- request that queued it again may be late, and its waiter gone.
local function grant(unknown)
  local owner = owner_of(ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  for _, silent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], -now, '(0', 'LIMIT', 0, MAX_DROPPED)) do
    redis.call('ZREM', KEYS[2], silent, string.sub(silent, 2))
  end
  local taken = redis.call('ZCARD', KEYS[1])
  for turn = 0, MAX_GRANTS do
    local head = redis.call('ZRANGEBYSCORE', KEYS[2], '(0', '+inf', 'LIMIT', 0, 1)[1]
    if not head then
      return false
    end
    local process, channel, size, life = string.match(head, '^%d+:([^:]*):([^:]*):[^:]*:(%d+):([^:]*):')
    if size and taken >= tonumber(size) then
      return true
    end
    if turn == MAX_GRANTS then
      -- The rest is left to the next waiter.  A ticket that cannot be read has none.
      if size then
        redis.pcall('PUBLISH', 'py-cachify:' .. process .. ':' .. channel, head)
      end
      return true
    end
    redis.call('ZREM', KEYS[2], head, '!' .. head)
    if size then
      if process == owner and head ~= unknown then
        put(head, life == '' and 'inf' or now + life, taken)
        if head ~= ARGV[1] then
          named = named or {}
          named[#named + 1] = head
        end
      else
        put('?' .. head, now + math.min(CLAIM, tonumber(life) or CLAIM), taken)
        -- Without permission to publish, a waiter asks again by itself.
        redis.pcall('PUBLISH', 'py-cachify:' .. process .. ':' .. channel, head)
      end
      taken = taken + 1
    end
  end
end

-- Returns whether the token of the request was undone: the request is late, and given up.
local function was_undone()
  local tombstone = redis.call('ZSCORE', KEYS[3], ARGV[1])
  return tombstone and tonumber(tombstone) > now
end

-- Notes that the waiter of the request is there; `place` is its place if it is new.
local function enqueue(place)
  if place then
    redis.call('ZADD', KEYS[2], place, ARGV[1])
  end
  redis.call('ZADD', KEYS[2], -(now + DEADLINE), '!' .. ARGV[1])
  if in_virtual_time then
    redis.call('PEXPIRE', KEYS[2], 86400000)
  else
    redis.call('PEXPIREAT', KEYS[2], math.ceil((now + DEADLINE) * 1000))
  end
end

-- Returns the reply to a waiter that stays in the queue: its place, its rank, and in how many
-- seconds the next slot expires (empty: never).
local function standing()
  local place = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not place then
    -- It has a claim, and must ask again at once.
    return {ARGV[4], 0, '0'}
  end
  local rank = redis.call('ZCOUNT', KEYS[2], '(0', '(' .. place)
  local expiry = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  local left = ''
  if expiry and expiry ~= 'inf' then
    left = string.format('%.17g', expiry - now)
  end
  return {place, rank, left}
end
