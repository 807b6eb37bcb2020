-- Puts given-up documents back, their counters at nothing.
--
-- KEYS 1    stream of jobs that come back
-- KEYS 2    stream of given-up documents
-- KEYS 3    bitmap of terminal documents
-- KEYS 4    counters
-- ARGV 1    shards of the run, by which a sequence becomes a bit
-- ARGV 2    documents at most
--
-- Returns the sequences of the documents that were put back.
local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[2])
local back = {}
for _, entry in ipairs(entries) do
    local fields, kept, sequence, size = entry[2], {}, nil, 0
    for at = 1, #fields, 2 do
        local name, value = fields[at], fields[at + 1]
        if name == 's' then
            sequence = value
        elseif name == 'n' then
            size = tonumber(value)
        end
        -- The history stays, the counters begin anew.
        if name ~= 'c' then
            kept[#kept + 1] = name
            kept[#kept + 1] = value
        end
    end
    redis.call('SETBIT', KEYS[3], math.floor(tonumber(sequence) / tonumber(ARGV[1])), 0)
    redis.call('XADD', KEYS[1], '*', unpack(kept))
    redis.call('XDEL', KEYS[2], entry[1])
    redis.call('HINCRBY', KEYS[4], 'bytes', size)
    redis.call('HINCRBY', KEYS[4], 'replayed', 1)
    back[#back + 1] = sequence
end
return back
