-- Takes back jobs whose lease ran out: ready again under a new id, so that whoever held the old one can no longer commit;
-- given up when they have cost too many workers.
--
-- KEYS 1-8, ARGV 1-2  as back.lua has them
-- ARGV 3    milliseconds without a heartbeat after which a lease has run out
-- ARGV 4    jobs taken back at most, a lane
-- ARGV 5    deaths after which a document is given up
-- ARGV 6    the one consumer to look at, which is forgotten when nothing is left of it; empty: all
--
-- Returns {jobs taken back, given up among them, entries without a payload, 1 when there may be more}.
local most = tonumber(ARGV[4])
local taken, dead, lost, more = 0, 0, 0, 0
for lane = 1, 4 do
    local look = {'IDLE', ARGV[3], '-', '+', most}
    if ARGV[6] ~= '' then
        look[6] = ARGV[6]
    end
    local pending = redis.call('XPENDING', KEYS[lane], ARGV[1], unpack(look))
    if #pending == most then
        more = 1
    end
    for _, lease in ipairs(pending) do
        local id, worker = lease[1], lease[2]
        redis.call('XACK', KEYS[lane], ARGV[1], id)
        local fields, place = take_out(KEYS[lane], id)
        if not fields then
            lost = lost + 1
        else
            taken = taken + 1
            local deaths = count(fields, place, 2)
            note(fields, place, 'death', worker)
            if deaths >= tonumber(ARGV[5]) then
                dead = dead + 1
                give_up(fields, place, worker)
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
    redis.call('HINCRBY', KEYS[8], 'lost', lost)
end
return {taken, dead, lost, more}
