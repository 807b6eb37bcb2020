-- Keeps outcomes of an open submission; the first one of a request stands.
-- KEYS: open, outcomes    ARGV: submission, life of the keys in ms, then request and outcome (JSON) by turns
-- Returns 1, or 0 when the submission is not open.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
for place = 3, #ARGV, 2 do
  redis.call('HSETNX', KEYS[2], ARGV[place], ARGV[place + 1])
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
