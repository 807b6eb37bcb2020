#!lua flags=allow-oom
-- Gives a leased job back: ready again under a new id, at once or when it is due, or given up when its errors are spent.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    sorted set of delayed jobs by due time
-- KEYS 6    hash of delayed jobs
-- KEYS 7    stream of outcomes
-- KEYS 8    stream of given-up documents
-- KEYS 9    bitmap of terminal documents
-- KEYS 10   counters
-- ARGV 1    the group
-- ARGV 2    lane (1-4)
-- ARGV 3    id of the entry
-- ARGV 4    shards of the run, by which a sequence becomes a bit
-- ARGV 5    why: e an error of the document, b no room or a limit, h the worker stops, u nobody worked on it (not counted)
-- ARGV 6    milliseconds until it is ready again
-- ARGV 7    the worker
-- ARGV 8    errors after which a document is given up
--
-- Returns 1 given back, 0 the lease was lost, 2 given up, -1 the job was no longer there.
local lane = KEYS[tonumber(ARGV[2])]
if redis.call('XACK', lane, ARGV[1], ARGV[3]) == 0 then
    return 0
end
local entry = redis.call('XRANGE', lane, ARGV[3], ARGV[3])[1]
redis.call('XDEL', lane, ARGV[3])
if not entry then
    redis.call('HINCRBY', KEYS[10], 'lost', 1)
    return -1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local fields, place = entry[2], {}
for at = 1, #fields, 2 do
    place[fields[at]] = at + 1
end
local function set(name, value)
    if not place[name] then
        fields[#fields + 1] = name
        place[name] = #fields + 1
    end
    fields[place[name]] = value
end
-- Counters of a job that came back: errors of the document, deaths, waits, hand-backs.
local counts = {0, 0, 0, 0}
if place['c'] then
    counts = {string.match(fields[place['c']], '(%d+) (%d+) (%d+) (%d+)')}
end
local which = ({e = 1, b = 3, h = 4})[ARGV[5]]
if which then
    counts[which] = counts[which] + 1
    set('c', table.concat(counts, ' '))
    redis.call('HINCRBY', KEYS[10], 'back:' .. ARGV[5], 1)
end
if which == 1 then
    set('h', string.sub((place['h'] and fields[place['h']] or '') .. now .. ' error ' .. ARGV[7] .. '\n', -4096))
    if tonumber(counts[1]) >= tonumber(ARGV[8]) then
        redis.call('XADD', KEYS[8], '*', unpack(fields))
        redis.call('HINCRBY', KEYS[10], 'dead', 1)
        redis.call('HINCRBY', KEYS[10], 'bytes', -tonumber(fields[place['n']]))
        if redis.call('SETBIT', KEYS[9], math.floor(tonumber(fields[place['s']]) / tonumber(ARGV[4])), 1) == 0 then
            redis.call('XADD', KEYS[7], '*', 'w', ARGV[7], unpack(fields))
        end
        return 2
    end
end
local delay = tonumber(ARGV[6])
if delay > 0 then
    local sequence = fields[place['s']]
    redis.call('HSET', KEYS[6], sequence, cmsgpack.pack(fields))
    redis.call('ZADD', KEYS[5], now + delay, sequence)
else
    redis.call('XADD', KEYS[1], '*', unpack(fields))
end
return 1
