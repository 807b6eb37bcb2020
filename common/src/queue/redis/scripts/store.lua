-- Stores the body of a document that is too large for its entry, beside the list of such bodies by which they are found
-- again: they have no expiry while their run is there.
--
-- KEYS 1    the body
-- KEYS 2    set of sequences whose body has a key of its own
-- KEYS 3    bitmap of terminal documents
-- ARGV 1    sequence
-- ARGV 2    shards of the run, by which a sequence becomes a bit
-- ARGV 3    the body
--
-- Returns 1 stored, 0 the document is terminal: nobody would remove its body any more.
local bit = math.floor(tonumber(ARGV[1]) / tonumber(ARGV[2]))
if redis.call('GETBIT', KEYS[3], bit) == 1 then
    return 0
end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
