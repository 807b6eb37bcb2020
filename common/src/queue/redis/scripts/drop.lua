#!lua flags=allow-oom
-- Removes bodies that have keys of their own.
--
-- KEYS 1    set of sequences whose body has a key of its own
-- KEYS 2..  the bodies
-- ARGV 1..  their sequences
--
-- Returns how many were there.
local there = redis.call('UNLINK', unpack(KEYS, 2))
redis.call('SREM', KEYS[1], unpack(ARGV))
return there
