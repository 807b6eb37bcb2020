#!lua flags=allow-oom
-- Takes back jobs whose lease ran out: ready again under a new id, so that whoever held the old one can no longer commit;
-- given up when they have cost too many workers.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    stream of outcomes
-- KEYS 6    stream of given-up documents
-- KEYS 7    bitmap of terminal documents
-- KEYS 8    counters
-- ARGV 1    the group
-- ARGV 2    milliseconds without a heartbeat after which a lease has run out
-- ARGV 3    jobs taken back at most, a lane
-- ARGV 4    deaths after which a document is given up
-- ARGV 5    shards of the run, by which a sequence becomes a bit
-- ARGV 6    the one consumer to look at, which is forgotten when nothing is left of it; empty: all
--
-- Returns {jobs taken back, given up among them, entries without a payload, 1 when there may be more}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most = tonumber(ARGV[3])
local taken, dead, lost, more = 0, 0, 0, 0
for lane = 1, 4 do
    local look = {'IDLE', ARGV[2], '-', '+', most}
    if ARGV[6] ~= '' then
        look[6] = ARGV[6]
    end
    local pending = redis.call('XPENDING', KEYS[lane], ARGV[1], unpack(look))
    if #pending == most then
        more = 1
    end
    for _, lease in ipairs(pending) do
        local id, worker = lease[1], lease[2]
        local entry = redis.call('XRANGE', KEYS[lane], id, id)[1]
        redis.call('XACK', KEYS[lane], ARGV[1], id)
        redis.call('XDEL', KEYS[lane], id)
        if not entry then
            lost = lost + 1
        else
            taken = taken + 1
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
            local counts = {0, 0, 0, 0}
            if place['c'] then
                counts = {string.match(fields[place['c']], '(%d+) (%d+) (%d+) (%d+)')}
            end
            counts[2] = counts[2] + 1
            set('c', table.concat(counts, ' '))
            set('h', string.sub((place['h'] and fields[place['h']] or '') .. now .. ' death ' .. worker .. '\n', -4096))
            if tonumber(counts[2]) >= tonumber(ARGV[4]) then
                dead = dead + 1
                redis.call('XADD', KEYS[6], '*', unpack(fields))
                redis.call('HINCRBY', KEYS[8], 'bytes', -tonumber(fields[place['n']]))
                local bit = math.floor(tonumber(fields[place['s']]) / tonumber(ARGV[5]))
                if redis.call('SETBIT', KEYS[7], bit, 1) == 0 then
                    redis.call('XADD', KEYS[5], '*', 'w', worker, unpack(fields))
                end
            else
                redis.call('XADD', KEYS[1], '*', unpack(fields))
            end
        end
    end
    -- A worker that lives after all is made known again by its next read.
    if ARGV[6] ~= '' and #redis.call('XPENDING', KEYS[lane], ARGV[1], '-', '+', 1, ARGV[6]) == 0 then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[lane], ARGV[1], ARGV[6])
    end
end
if taken + lost > 0 then
    redis.call('HINCRBY', KEYS[8], 'reclaimed', taken)
    redis.call('HINCRBY', KEYS[8], 'dead', dead)
    redis.call('HINCRBY', KEYS[8], 'lost', lost)
end
return {taken, dead, lost, more}
