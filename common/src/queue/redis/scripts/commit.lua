#!lua flags=allow-oom
-- Commits outcomes: each only if its lease is still held, all that belongs to one in one step.
--
-- An entry is delivered once, ever: whoever takes a job back adds it anew under another id. So an id that is still
-- pending is held by the one consumer that it was delivered to, and acknowledging it is the check.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    stream of outcomes, an entry for those that are committed together
-- KEYS 6    bitmap of terminal documents
-- KEYS 7    counters
-- ARGV 1    the group
-- ARGV 2    uncollected entries of outcomes that there may be
-- ARGV 3    shards of the run, by which a sequence becomes a bit
-- ARGV 4..  for each outcome: lane (1-4), id of the entry, sequence, outcome, bytes of the job
--
-- Returns for each outcome: 1 committed, 0 the lease was lost, 2 the document was terminal already (the outcome is
-- dropped), 3 too many outcomes are uncollected (nothing was done, try again).
local FIELDS = 5
local full = redis.call('XLEN', KEYS[5]) >= tonumber(ARGV[2])
local codes, bits, held = {}, {}, {}
local gone = {{}, {}, {}, {}}
local shards = tonumber(ARGV[3])
for at = 4, #ARGV, FIELDS do
    local code = 3
    if not full then
        local lane = tonumber(ARGV[at])
        code = redis.call('XACK', KEYS[lane], ARGV[1], ARGV[at + 1])
        if code == 1 then
            local ids = gone[lane]
            ids[#ids + 1] = ARGV[at + 1]
            local bit = #bits
            bits[bit + 1], bits[bit + 2], bits[bit + 3], bits[bit + 4] =
                'SET', 'u1', math.floor(tonumber(ARGV[at + 2]) / shards), '1'
            held[#held + 1] = at
        end
    end
    codes[#codes + 1] = code
end
if #held == 0 then
    return codes
end
for lane = 1, 4 do
    if #gone[lane] > 0 then
        redis.call('XDEL', KEYS[lane], unpack(gone[lane]))
    end
end
local before = redis.call('BITFIELD', KEYS[6], unpack(bits))
local bytes, outcomes = 0, {}
for number, at in ipairs(held) do
    bytes = bytes + tonumber(ARGV[at + 4])
    if before[number] == 0 then
        local last = #outcomes
        outcomes[last + 1], outcomes[last + 2] = ARGV[at + 2], ARGV[at + 3]
    else
        codes[(at - 4) / FIELDS + 1] = 2
    end
end
if #outcomes > 0 then
    redis.call('XADD', KEYS[5], '*', unpack(outcomes))
end
redis.call('HINCRBY', KEYS[7], 'bytes', -bytes)
return codes
