-- Closes a submission whose outcomes are kept.
-- KEYS: open, held, outcomes, tries, leases
-- ARGV: submission, life of the keys in ms, requests that were handed in for nothing...
-- Returns 1, or 0 when the submission is not open.
local id = ARGV[1]
local items = redis.call('HGET', KEYS[1], id .. ':items')
if not items then
  return 0
end
for item in string.gmatch(items, '%S+') do
  if redis.call('HGET', KEYS[2], item) == id then
    redis.call('HDEL', KEYS[2], item)
  end
end
for place = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[3], ARGV[place]) == 0 then
    redis.call('HINCRBY', KEYS[4], ARGV[place], 1)
  end
end
redis.call('HDEL', KEYS[1], id, id .. ':items', id .. ':file', id .. ':batch')
redis.call('HDEL', KEYS[5], id)
for place = 1, #KEYS do
  redis.call('PEXPIRE', KEYS[place], ARGV[2])
end
return 1
