#!lua flags=allow-oom
-- Extends leases: a heartbeat.
--
-- An entry is delivered once, ever, so claiming one that is still pending for its own consumer takes nothing from
-- anybody; one that was taken back is no longer pending and is not claimed.
--
-- KEYS 1-4  streams of ready jobs
-- ARGV 1    the group
-- ARGV 2    the consumer
-- ARGV 3..  for each lease: lane (1-4), id of the entry
--
-- Returns for each lease 1 extended, 0 lost.
local codes, asked, slot = {}, {{}, {}, {}, {}}, {{}, {}, {}, {}}
for at = 3, #ARGV, 2 do
    local lane = tonumber(ARGV[at])
    local number = (at - 1) / 2
    codes[number] = 0
    asked[lane][#asked[lane] + 1] = ARGV[at + 1]
    slot[lane][ARGV[at + 1]] = number
end
for lane = 1, 4 do
    if #asked[lane] > 0 then
        asked[lane][#asked[lane] + 1] = 'JUSTID'
        local kept = redis.call('XCLAIM', KEYS[lane], ARGV[1], ARGV[2], 0, unpack(asked[lane]))
        for _, id in ipairs(kept) do
            codes[slot[lane][id]] = 1
        end
    end
end
return codes
