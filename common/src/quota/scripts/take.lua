#!lua flags=allow-oom
-- Books requests of a provider's key, each in its turn: the generic cell rate algorithm, for requests and tokens at once.
--
-- The state is one packed table. Its levels are those at the last booked slot (`at`), which may be in the future: no
-- booking overtakes an earlier one. A level below zero is a request larger than the burst, paid back over time.
-- Times are in microseconds of Redis's clock.
--
-- KEYS 1  state of the key
-- ARGV 1  milliseconds that the state lives when nobody uses it
-- ARGV 2  what is asked, as JSON:
--         pacing    {burst: a minute's limit divided by this may be sent at once, growth: of a learned rate a second, as
--                   an exponent, most_growth: as a factor}
--         requests, tokens  {told: limit a minute or 0, said: what headers state or 0, left: what they say is left or -1}
--         horizon   how far ahead slots are booked; the first one is booked however far it is
--         contact   0 the connection is the one of before, 1 it is new, 2 it is new and Redis was away
--         away      for how long it was
--         grace     how long everybody keeps to a local share when Redis is back
--         sent      requests sent without a booking
--         given     tokens to give back; negative: to take
--         back      slots given back, the last one first, as they were returned
--         again     {slot: one that its holder would rather have earlier, tokens: those it was booked for}, or nothing
--         wants     tokens of each slot that is wanted
--
-- Returns {now, requests sent so far, {until when to keep to a local share or 0, end of a pause or 0, the next free slot},
-- requests a minute in force or 0, tokens a minute in force or 0, learned requests a second or '',
-- {each booked slot as text: its number, its time, the slot before it, and what flowed in between them: requests, tokens,
-- requests at the learned rate}}. A slot that could be booked again comes first.
local SLACK = 1e-6
local LAPSE = 60e6
local DAY = 86400e6

local ask = cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2]
local raw = redis.call('GET', KEYS[1])
local s = raw and cmsgpack.unpack(raw) or {seen = now, at = now, sent = 0, version = 0}

-- When the clock was set back, every time goes back with it; else nothing would flow until it had caught up.
local set_back = s.seen - now
if set_back > 0 then
    for _, name in ipairs({'seen', 'at', 'pause', 'grows', 'open'}) do
        s[name] = s[name] and s[name] - set_back
    end
end
local unused_for = now - s.seen
s.seen = now

-- The learned rate, grown.
local function pace(at)
    local seconds = math.max(0, at - s.grows) / 1e6
    return s.rate * math.min(math.exp(ask.pacing.growth * seconds), ask.pacing.most_growth)
end

-- Fills up to a later moment.
local function settle(to)
    local seconds = (to - s.at) / 1e6
    if seconds <= 0 then
        return
    end
    for _, name in ipairs({'requests', 'tokens'}) do
        local held = s[name]
        if held then
            held.level = math.min(held.burst, held.level + seconds * held.rate)
        end
    end
    if s.rate then
        s.level = math.min(1, s.level + seconds * pace(to))
    end
    s.at = to
end

-- The earliest slot of a request.
local function slot_of(tokens)
    local slot = math.max(s.at, s.pause or 0)
    local function fill(need, burst, level, rate)
        local lacking = math.min(need, burst) - level
        if lacking > SLACK then
            slot = math.max(slot, s.at + math.min(DAY, math.ceil(lacking / rate * 1e6)))
        end
    end
    if s.requests then
        fill(1, s.requests.burst, s.requests.level, s.requests.rate)
    end
    if s.tokens then
        fill(tokens, s.tokens.burst, s.tokens.level, s.tokens.rate)
    end
    if s.rate then
        fill(1, 1, s.level, pace(s.at))
    end
    return slot
end

-- Takes from every level; negative numbers give back.
local function take(requests, tokens)
    if s.requests then
        s.requests.level = math.min(s.requests.burst, s.requests.level - requests)
    end
    if s.tokens then
        s.tokens.level = math.min(s.tokens.burst, s.tokens.level - tokens)
    end
    if s.rate then
        s.level = math.min(1, s.level - requests)
    end
    s.sent = s.sent + requests
end

-- In force is the lower of what was told (the lowest that anybody told within a minute) and what headers state. The rate
-- is so much lower that no sliding minute holds more than the limit.
local function learn_limit(name)
    local news, known = ask[name], s[name .. '_known'] or {}
    if news.told > 0 then
        if not known.told or news.told < known.told or now - known.heard > LAPSE then
            known.told = news.told
        end
        if news.told == known.told then
            known.heard = now
        end
    end
    if news.said > 0 then
        known.said = news.said
    end
    s[name .. '_known'] = known
    local limit, held = math.min(known.told or math.huge, known.said or math.huge), s[name]
    if limit == math.huge then
        return
    end
    if not held or held.limit ~= limit then
        local burst = math.max(1, math.floor(limit / ask.pacing.burst))
        -- What was sent before headers stated the limit has used it up too.
        local level = held and held.level or (news.said > 0 and math.max(0, news.left) or burst)
        held = {limit = limit, burst = burst, rate = (limit - burst + 1) / 60, level = math.min(level, burst)}
        s[name] = held
    end
    -- While slots are booked ahead the level belongs to the last one, and nothing can be said of it now.
    if news.left >= 0 and s.at <= now then
        held.level = math.min(held.level, news.left)
    end
end

local function levels()
    return {s.requests and s.requests.level or 0, s.tokens and s.tokens.level or 0, s.level or 0}
end

-- Only the last booking can be undone: behind any other one somebody has a slot already.
local function undo(slot)
    local number, at, from, requests, tokens, paced = unpack(slot)
    if number ~= s.sent or at ~= s.at then
        return false
    end
    s.at = from
    s.sent = s.sent - 1
    if s.requests then
        s.requests.level = s.requests.level + 1 - requests
    end
    if s.tokens then
        s.tokens.level = s.tokens.level - tokens
    end
    if s.rate then
        s.level = s.level + 1 - paced
    end
    settle(now)
    return true
end

-- Gives tokens back. What does not fit at the last slot makes room before it, where only tokens were wanting.
local function give(tokens)
    local held = s.tokens
    if not held then
        return
    end
    held.level = held.level + tokens
    local excess = held.level - held.burst
    local is_alone = (not s.requests or s.requests.level >= s.requests.burst - 1 - SLACK)
        and (not s.rate or s.level >= -SLACK)
    if excess > 0 and s.at > now and is_alone then
        local earlier = math.min(s.at - now, math.floor(excess / held.rate * 1e6))
        s.at = s.at - earlier
        held.level = held.level - earlier / 1e6 * held.rate
        -- Those that have their slots already go in between.
        if s.requests then
            s.requests.level = 0
        end
        if s.rate then
            s.level = 0
        end
    end
    held.level = math.min(held.level, held.burst)
end

settle(now)
learn_limit('requests')
learn_limit('tokens')
for _, slot in ipairs(ask.back) do
    undo(slot)
end
local given = ask.given
if ask.again and undo(ask.again.slot) then
    given = given + ask.again.tokens
    table.insert(ask.wants, 1, ask.again.tokens)
end
take(ask.sent, 0)
give(given)

-- A server that was started again may have lost its last second, and others still keep to their local shares; so do they
-- where nobody has come by while the caller was without Redis. Then everybody keeps to those until one moment, at which
-- nothing is in hand.
if ask.contact > 0 then
    local info = redis.pcall('INFO', 'server')
    local server = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
    local is_another = s.server and s.server ~= server
    if is_another or (ask.contact == 2 and (not raw or unused_for >= ask.away)) then
        s.open = now + ask.grace
    end
    s.server = server
end
local keep = 0
if s.open then
    for _, name in ipairs({'requests', 'tokens'}) do
        if s[name] then
            s[name].level = math.min(s[name].level, 0)
        end
    end
    s.level = s.level and math.min(s.level, 0)
    s.at = math.max(s.at, s.open)
    if s.open > now then
        keep = s.open
    else
        s.open = nil
    end
end

local slots = {}
if keep == 0 then
    for _, tokens in ipairs(ask.wants) do
        local slot = slot_of(tokens)
        if #slots > 0 and slot - now > ask.horizon then
            break
        end
        local from, before = s.at, levels()
        settle(slot)
        local full = levels()
        take(1, tokens)
        slots[#slots + 1] = string.format('%.0f %.0f %.0f %.9f %.9f %.9f', s.sent, slot, from,
            full[1] - before[1], full[2] - before[2], full[3] - before[3])
    end
end

local following = slot_of(ask.wants[#ask.wants] or 0)
local life = tonumber(ARGV[1]) + math.max(0, math.ceil((s.at - now) / 1e3))
redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', string.format('%.0f', life))
local function limit(name)
    return s[name] and s[name].limit or 0
end
local rate = s.rate and string.format('%.17g', pace(now)) or ''
local pause = s.pause and s.pause > now and s.pause or 0
return {now, s.sent, {keep, pause, following}, limit('requests'), limit('tokens'), rate, slots}
