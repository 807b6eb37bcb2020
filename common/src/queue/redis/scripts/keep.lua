#!lua flags=allow-oom
-- Says how long bodies are kept that have keys of their own.
--
-- KEYS 1..  the bodies
-- ARGV 1    seconds until they expire, 0 to keep them
--
-- Returns how many there are.
for key = 1, #KEYS do
    if ARGV[1] == '0' then
        redis.call('PERSIST', KEYS[key])
    else
        redis.call('EXPIRE', KEYS[key], ARGV[1])
    end
end
return #KEYS
