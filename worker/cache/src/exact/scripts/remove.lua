-- Removes an entry that was read and found to be no answer, or of no use, unless another has taken its place meanwhile.
--
-- KEYS 1  the entry
-- KEYS 2  index of the bucket
-- ARGV 1  name of the unit
-- ARGV 2  how the entry began when it was read
-- ARGV 3  bytes that it may have: from
-- ARGV 4  to; both are -1 for what was no string
--
-- Returns 1 removed, 0 it is another, or none.
local length = redis.pcall('STRLEN', KEYS[1])
if type(length) ~= 'number' then
    length = -1
elseif redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
if length < tonumber(ARGV[3]) or length > tonumber(ARGV[4]) then
    return 0
elseif ARGV[2] ~= '' and redis.call('GETRANGE', KEYS[1], 0, #ARGV[2] - 1) ~= ARGV[2] then
    return 0
end
redis.call('UNLINK', KEYS[1])
redis.pcall('ZREM', KEYS[2], ARGV[1])
return 1
