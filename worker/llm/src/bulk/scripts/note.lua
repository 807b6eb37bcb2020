-- Notes how far a submission has come.
-- KEYS: open    ARGV: submission, 'file' or 'batch', the provider's name for it
-- Returns 1, or 0 when the submission is not open.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], ARGV[3])
return 1
