-- Pushes jobs while there is room. A document that was pushed before is passed over, so that a second push after a
-- lost answer, or by a coordinator that was started again, does no harm.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    bitmap of pushed documents
-- KEYS 6    counters
-- ARGV 1    the group
-- ARGV 2    ready jobs that there may be
-- ARGV 3    bytes of unfinished jobs that there may be
-- ARGV 4    shards of the run, by which a sequence becomes a bit
-- ARGV 5..  for each job: lane (1-4), sequence, job, name of the body's field (b plain, z zstd, r in a blob of its own),
--           body, bytes
--
-- Returns how many of the jobs, from the first on, are taken care of: fewer than given when there is no more room, none
-- where the run is not there: Redis was emptied under it, and the coordinator makes it again.
local FIELDS = 6
local FIRST = 5
local shards = tonumber(ARGV[4])
local counters = redis.call('HMGET', KEYS[6], 'format', 'bytes')
if not counters[1] then
    return 0
end
local bytes = tonumber(counters[2] or '0')
local ready = 0
for lane = 1, 4 do
    local length = redis.call('XLEN', KEYS[lane])
    if length > 0 then
        ready = ready + length - redis.call('XPENDING', KEYS[lane], ARGV[1])[1]
    end
end
local room = tonumber(ARGV[2]) - ready
local bytes_room = tonumber(ARGV[3])

local taken = 0
local bits = {}
for at = FIRST, #ARGV, FIELDS do
    -- One job always fits an empty queue, however large.
    local size = tonumber(ARGV[at + 5])
    if taken >= room or (bytes > 0 and bytes + size > bytes_room) then
        break
    end
    bytes = bytes + size
    taken = taken + 1
    local bit = #bits
    bits[bit + 1], bits[bit + 2], bits[bit + 3], bits[bit + 4] =
        'SET', 'u1', math.floor(tonumber(ARGV[at + 1]) / shards), '1'
end
if taken == 0 then
    return 0
end
local before = redis.call('BITFIELD', KEYS[5], unpack(bits))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = 0
for job = 1, taken do
    if before[job] == 0 then
        local at = FIRST + (job - 1) * FIELDS
        redis.call('XADD', KEYS[tonumber(ARGV[at])], '*', 's', ARGV[at + 1], 'j', ARGV[at + 2],
            ARGV[at + 3], ARGV[at + 4], 'n', ARGV[at + 5], 't', now)
        added = added + tonumber(ARGV[at + 5])
    end
end
if added > 0 then
    redis.call('HINCRBY', KEYS[6], 'bytes', added)
end
return taken
