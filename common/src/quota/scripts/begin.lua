#!lua flags=allow-oom
-- What every script of a run's ledger begins with.
--
-- A ledger is told from another one of the same run, which Redis has lost, by the moment at which it was begun. Whoever has
-- seen a lost one brings the most that was spent in it, and the ledger begins with the most that anybody brings. So a Redis
-- that forgets gives nobody a second budget.
--
-- KEYS 1  totals: money, input, output (spent), held_money, held_tokens; begun; what it began with (first:money,
--         first:input, first:output); and for each worker its last batch
-- KEYS 2  sorted set of holds by the moment they are due, in milliseconds
-- KEYS 3  hash of what each hold has set aside: 'money input output'
-- KEYS 4  hash of the same for holds that have come to count as spent
-- ARGV 1  seconds that the ledger lives when nobody uses it
-- ARGV 2  when the ledger was begun that the caller has seen, in microseconds; 0 for none
-- ARGV 3-5  the most that the caller has seen spent in it, or with none what was spent before the run had a ledger: money,
--           input tokens, output tokens
local SPENT = {'money', 'input', 'output'}
local function begin()
    local begun = redis.call('HGET', KEYS[1], 'begun')
    if not begun then
        local time = redis.call('TIME')
        redis.call('HSET', KEYS[1], 'begun', time[1] .. string.format('%06d', time[2]))
        for at, name in ipairs(SPENT) do
            redis.call('HSETNX', KEYS[1], name, ARGV[2 + at])
            redis.call('HSET', KEYS[1], 'first:' .. name, ARGV[2 + at])
        end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
    elseif ARGV[2] ~= '0' and ARGV[2] ~= begun then
        for at, name in ipairs(SPENT) do
            local more = ARGV[2 + at] - redis.call('HGET', KEYS[1], 'first:' .. name)
            if more > 0 then
                redis.call('HINCRBY', KEYS[1], name, more)
                redis.call('HSET', KEYS[1], 'first:' .. name, ARGV[2 + at])
            end
        end
    end
end
-- Adds to 'answer' when the ledger was begun, and its sums.
local function totals(answer)
    local names = {'begun', 'money', 'input', 'output', 'held_money', 'held_tokens'}
    local sums = redis.call('HMGET', KEYS[1], unpack(names))
    for at = 1, #names do
        answer[#answer + 1] = tonumber(sums[at]) or 0
    end
    return answer
end
