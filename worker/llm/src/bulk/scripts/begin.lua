-- Begins a submission with those of its requests that are free.
-- KEYS: open, held, outcomes, tries, leases
-- ARGV: submission, holder, lease in ms, life of the keys in ms, what it is (JSON without its requests), requests...
-- Returns the requests that it has, joined by spaces; '' when there are none and nothing was begun.
-- A submission has some thousand requests at most, so a call takes some milliseconds at most.
local id = ARGV[1]
local begun = redis.call('HGET', KEYS[1], id .. ':items')
if begun then
  return begun
end
local mine = {}
for place = 6, #ARGV do
  local item = ARGV[place]
  if redis.call('HEXISTS', KEYS[3], item) == 0 and redis.call('HSETNX', KEYS[2], item, id) == 1 then
    mine[#mine + 1] = item
  end
end
if #mine == 0 then
  return ''
end
local items = table.concat(mine, ' ')
redis.call('HSET', KEYS[1], id, ARGV[5], id .. ':items', items)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[5], id, (now + ARGV[3]) .. ' ' .. ARGV[2])
for place = 1, #KEYS do
  redis.call('PEXPIRE', KEYS[place], ARGV[4])
end
return items
