#!lua flags=allow-oom
-- Lets documents be pushed again: the coordinator lost their records, or means to do them anew.
--
-- KEYS 1    bitmap of pushed documents
-- KEYS 2    bitmap of terminal documents
-- ARGV 1..  bits
--
-- Returns how many were terminal.
local count = 0
for at = 1, #ARGV do
    redis.call('SETBIT', KEYS[1], ARGV[at], 0)
    count = count + redis.call('SETBIT', KEYS[2], ARGV[at], 0)
end
return count
