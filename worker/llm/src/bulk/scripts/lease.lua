-- Takes or extends the lease of an open submission.
-- KEYS: open, leases    ARGV: submission, holder, life in ms
-- Returns 1, or 0 when another one has it or the submission is not open.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HGET', KEYS[2], ARGV[1])
if lease then
  local ends, holder = string.match(lease, '^(%d+) (.*)$')
  if ends and holder ~= ARGV[2] and tonumber(ends) > now then
    return 0
  end
end
redis.call('HSET', KEYS[2], ARGV[1], (now + ARGV[3]) .. ' ' .. ARGV[2])
return 1
