-- Looks an answer up, and where there is none claims the asking for it. A claim lapses by itself when its owner dies.
--
-- KEYS 1  the entry
-- KEYS 2  the claim: its owner's token
-- ARGV 1  most bytes that an entry may have
-- ARGV 2  token of whoever would claim; empty: nothing is claimed
-- ARGV 3  milliseconds that a claim lives
-- ARGV 4  most milliseconds that a claim may have left: what has more, or no end, is nobody's claim
--
-- Returns {code, the entry, milliseconds until it expires}; what does not apply is empty or -1. Codes:
-- 1 found (-1 milliseconds: it does not expire), 2 claimed, perhaps by an earlier call of the same token whose answer was lost,
-- 3 claimed by another, 4 neither found nor claimed: nothing was to be, or Redis takes no writes now, 5 the entry is no string,
-- 6 the entry is too large to be one.
local length = redis.pcall('STRLEN', KEYS[1])
if type(length) ~= 'number' then
    return {5, '', -1}
elseif length > tonumber(ARGV[1]) then
    return {6, '', -1}
end
local entry = redis.call('GET', KEYS[1])
if entry then
    return {1, entry, redis.call('PTTL', KEYS[1])}
elseif ARGV[2] == '' then
    return {4, '', -1}
end
-- What is no string is not false either: it is an error, and overwritten.
local owner = redis.pcall('GET', KEYS[2])
if type(owner) == 'string' and owner ~= ARGV[2] then
    local left = redis.call('PTTL', KEYS[2])
    if left >= 0 and left <= tonumber(ARGV[4]) then
        return {3, '', -1}
    end
end
-- A full Redis, or a replica, refuses: then everybody asks for itself.
local set = redis.pcall('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if set.err then
    return {4, '', -1}
end
return {2, '', -1}
