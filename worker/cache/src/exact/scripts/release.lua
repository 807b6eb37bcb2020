-- Gives claims of one bucket up: whoever waits asks next.
--
-- KEYS 1..  the claims
-- ARGV 1..  the token of each
--
-- Returns how many were still their owner's.
local given_up = 0
for at = 1, #KEYS do
    if redis.pcall('GET', KEYS[at]) == ARGV[at] then
        given_up = given_up + redis.call('DEL', KEYS[at])
    end
end
return given_up
