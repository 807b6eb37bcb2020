#!lua flags=allow-oom
-- Reads what was learned of a provider's key, or replaces it when nobody else has since.
--
-- KEYS 1  state of the key, as take.lua has it
-- ARGV 1  milliseconds that the state lives when nobody uses it
-- ARGV 2  the version that was read; -1 only to read
-- ARGV 3  what was learned, as JSON: {rate: requests a second, absent while none is known; level: of its bucket, absent
--         when it stays; grows, pause: times in microseconds, absent for none; sent: as it was read; memory: any text}
--
-- Returns {1 replaced or 0 read, version, now in microseconds, requests sent so far, rate or '', time from which it grows
-- or 0, end of the pause or 0, memory or ''}.
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2]
local raw = redis.call('GET', KEYS[1])
local s = raw and cmsgpack.unpack(raw) or {seen = now, at = now, sent = 0, version = 0}
local replaced = 0
if tonumber(ARGV[2]) == s.version then
    local learned = cjson.decode(ARGV[3])
    s.rate, s.grows, s.pause, s.memory = learned.rate, learned.grows, learned.pause, learned.memory
    if learned.level then
        -- What was booked since it was read comes off; what is booked ahead uses up what flows in until then.
        s.level = learned.level - math.max(0, s.sent - learned.sent)
        s.at = math.max(s.at, now)
    end
    -- At a refusal nothing was left.
    if s.requests then
        s.requests.level = math.min(s.requests.level, 0)
    end
    s.version = s.version + 1
    replaced = 1
    local life = tonumber(ARGV[1]) + math.max(0, math.ceil((s.at - now) / 1e3))
    redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', string.format('%.0f', life))
end
local rate = s.rate and string.format('%.17g', s.rate) or ''
return {replaced, s.version, now, s.sent, rate, s.grows or 0, s.pause or 0, s.memory or ''}
