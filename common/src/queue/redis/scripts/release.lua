-- Gives a leased job back: ready again under a new id, at once or when it is due, or given up when its errors are spent.
--
-- KEYS 1-8, ARGV 1-2  as back.lua has them
-- KEYS 9    sorted set of delayed jobs by due time
-- KEYS 10   hash of delayed jobs
-- ARGV 3    lane (1-4)
-- ARGV 4    id of the entry
-- ARGV 5    why: e an error of the document, b no room or a limit, h the worker stops, u nobody worked on it (not counted)
-- ARGV 6    milliseconds until it is ready again
-- ARGV 7    the worker
-- ARGV 8    errors after which a document is given up
--
-- Returns 1 given back, 0 the lease was lost, 2 given up, -1 the job was no longer there.
local lane = KEYS[tonumber(ARGV[3])]
if redis.call('XACK', lane, ARGV[1], ARGV[4]) == 0 then
    return 0
end
local fields, place = take_out(lane, ARGV[4])
if not fields then
    redis.call('HINCRBY', KEYS[8], 'lost', 1)
    return -1
end
local which = ({e = 1, b = 3, h = 4})[ARGV[5]]
if which then
    local times = count(fields, place, which)
    redis.call('HINCRBY', KEYS[8], 'back:' .. ARGV[5], 1)
    if which == 1 then
        note(fields, place, 'error', ARGV[7])
        if times >= tonumber(ARGV[8]) then
            give_up(fields, place, ARGV[7])
            return 2
        end
    end
end
local delay = tonumber(ARGV[6])
if delay > 0 then
    local sequence = fields[place['s']]
    redis.call('HSET', KEYS[10], sequence, cmsgpack.pack(fields))
    redis.call('ZADD', KEYS[9], now + delay, sequence)
else
    redis.call('XADD', KEYS[1], '*', unpack(fields))
end
return 1
