#!lua flags=allow-oom
-- What the scripts begin with that take a job back: release.lua and reclaim.lua.
--
-- An entry of a ready stream is delivered once, ever: it is acknowledged and deleted, and its job is added anew, or given up.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    stream of outcomes
-- KEYS 6    stream of given-up documents
-- KEYS 7    bitmap of terminal documents
-- KEYS 8    counters
-- ARGV 1    the group
-- ARGV 2    shards of the run, by which a sequence becomes a bit
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Deletes an entry that is acknowledged. Returns its fields and values in turn, and where each field's value stands; nothing
-- when somebody else has deleted it.
local function take_out(lane, id)
    local entry = redis.call('XRANGE', lane, id, id)[1]
    redis.call('XDEL', lane, id)
    if not entry then
        return nil
    end
    local fields, place = entry[2], {}
    for at = 1, #fields, 2 do
        place[fields[at]] = at + 1
    end
    return fields, place
end

local function set(fields, place, name, value)
    if not place[name] then
        fields[#fields + 1] = name
        place[name] = #fields + 1
    end
    fields[place[name]] = value
end

-- Counts one more of: 1 errors of the document, 2 deaths, 3 waits, 4 hand-backs. Returns how many there are.
local function count(fields, place, which)
    local counts = {0, 0, 0, 0}
    if place['c'] then
        counts = {string.match(fields[place['c']], '(%d+) (%d+) (%d+) (%d+)')}
    end
    counts[which] = counts[which] + 1
    set(fields, place, 'c', table.concat(counts, ' '))
    return counts[which]
end

-- Adds a line to the history, of which the end is kept.
local function note(fields, place, what, worker)
    local before = place['h'] and fields[place['h']] or ''
    set(fields, place, 'h', string.sub(before .. now .. ' ' .. what .. ' ' .. worker .. '\n', -4096))
end

-- Makes a dead letter of a job, and an outcome of its document that names its last worker, unless it has one.
local function give_up(fields, place, worker)
    redis.call('XADD', KEYS[6], '*', unpack(fields))
    redis.call('HINCRBY', KEYS[8], 'dead', 1)
    redis.call('HINCRBY', KEYS[8], 'bytes', -tonumber(fields[place['n']]))
    local bit = math.floor(tonumber(fields[place['s']]) / tonumber(ARGV[2]))
    if redis.call('SETBIT', KEYS[7], bit, 1) == 0 then
        redis.call('XADD', KEYS[5], '*', 'w', worker, unpack(fields))
    end
end
