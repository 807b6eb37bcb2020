-- Keeps claims of one bucket from lapsing. One that has lapsed, or is another's by now, stays so.
--
-- KEYS 1..  the claims
-- ARGV 1    milliseconds that they live from now
-- ARGV 2..  the token of each
--
-- Returns how many still are their owner's.
local kept = 0
for at = 1, #KEYS do
    if redis.pcall('GET', KEYS[at]) == ARGV[at + 1] then
        kept = kept + redis.call('PEXPIRE', KEYS[at], ARGV[1])
    end
end
return kept
