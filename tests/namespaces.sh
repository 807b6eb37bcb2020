#!/usr/bin/env bash
# Several hosts for real: coordinator, Redis and three workers, each in a network namespace with an address of its own, on
# one bridge. One worker's cable is pulled in the middle of a run and plugged in again. Prints what it measured.
#
#   namespaces.sh COORDINATOR WORKER      the two programs
#
# Status: 0 every promise was kept, 1 one was broken (said), 77 this machine does not allow it (said in one line).
# Needs root, iproute2, redis-server and redis-cli. Leaves nothing behind, however it ends.
set -euo pipefail

if [ $# != 2 ]; then
    echo "usage: $0 COORDINATOR WORKER" >&2
    exit 2
fi
coordinator=$(realpath "$1")
worker=$(realpath "$2")

readonly documents=300
# About how long the set takes this machine on its own; the length of the documents follows from it.
readonly seconds=45
readonly probe_documents=30 probe_paragraphs=400
# Seconds after which something that must come has not come.
readonly patience=60
readonly token=a-token-of-these-hosts-alone password=a-password-of-this-redis-alone
readonly prefix="sheaf$$"
readonly hosts=(coordinator redis one two three)

not_here() {
    echo "several hosts cannot be tried here: $1" >&2
    exit 77
}
[ "$(id -u)" = 0 ] || not_here "network namespaces need root"
for command in ip redis-server redis-cli awk; do
    command -v "$command" >/dev/null || not_here "$command is not installed (apt-get install iproute2 redis-server redis-tools)"
done
said=$(ip netns add "$prefix-switch" 2>&1) || not_here "ip netns add: $said"

folder=$(mktemp -d)
processes=()
clear_away() {
    local process host
    for process in "${processes[@]}"; do
        kill -KILL "$process" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    # What is in a namespace goes with it.
    for host in switch "${hosts[@]}"; do
        ip netns del "$prefix-$host" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap clear_away EXIT
trap 'exit 130' INT TERM

broken() {
    echo "BROKEN: $1" >&2
    local log
    for log in "$folder"/*.log; do
        echo "--- the end of $(basename "$log")" >&2
        tail -n 12 "$log" >&2
    done
    exit 1
}

# --- The network: a bridge in a namespace of its own, so that the machine itself is not touched.
ip -n "$prefix-switch" link add bridge type bridge
ip -n "$prefix-switch" link set bridge up
number=0
for host in "${hosts[@]}"; do
    number=$((number + 1))
    ip netns add "$prefix-$host"
    ip -n "$prefix-switch" link add "$host" type veth peer name eth0 netns "$prefix-$host"
    ip -n "$prefix-switch" link set "$host" master bridge up
    ip -n "$prefix-$host" address add "10.77.0.$number/24" dev eth0
    ip -n "$prefix-$host" link set lo up
    ip -n "$prefix-$host" link set eth0 up
done
readonly coordinator_at=10.77.0.1:7700 redis_at=10.77.0.2

# at HOST COMMAND...    on that host
at() {
    local host=$1
    shift
    ip netns exec "$prefix-$host" "$@"
}
# become HOST COMMAND...    the same for the background: the shell becomes the command, whose process id it has
become() {
    local host=$1
    shift
    exec ip netns exec "$prefix-$host" "$@"
}
milliseconds() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
shown() { awk -v ms="$1" 'BEGIN { printf "%.2f s", ms / 1000 }'; }
# page PATH     what the coordinator serves there, asked from its own host
page() {
    # shellcheck disable=SC2016  # for the shell on the other host
    at coordinator bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 && cat <&3' \
        - "${coordinator_at%:*}" "${coordinator_at#*:}" "$1" 2>/dev/null || true
}
# number_of NAME    of a JSON text
number_of() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
ask() { at redis redis-cli -h "$redis_at" -a "$password" --no-auth-warning "$@"; }
# leases            a line each: the worker, and the number of the document
leases() {
    local lane entry holder
    for lane in "${lanes[@]}"; do
        # An answer is four lines a lease: entry, worker, idle time, deliveries.
        ask XPENDING "$lane" workers - + 100 | sed -n '1~4p;2~4p' | while read -r entry && read -r holder; do
            # The document's number is an entry's first value.
            echo "$holder $(ask XRANGE "$lane" "$entry" "$entry" | sed -n '3p' | tr -d '\0')"
        done
    done
}
# held_by WORKER    the documents that it has under lease
held_by() { leases | sed -n "s/^$1 \([0-9]\)/\1/p"; }
# until_true WHAT COMMAND...    looks every 50 ms; sets `after` to the milliseconds since `begun`
until_true() {
    local what=$1
    shift
    until "$@"; do
        [ $(($(milliseconds) - begun)) -lt $((patience * 1000)) ] || broken "$what: not within $patience s"
        kill -0 "$running" 2>/dev/null || broken "$what: the run was over before"
        sleep 0.05
    done
    after=$(($(milliseconds) - begun))
}

# make FOLDER DOCUMENTS PARAGRAPHS      texts, all different
make() {
    mkdir -p "$1"
    awk -v folder="$1" -v documents="$2" -v paragraphs="$3" 'BEGIN {
        words = split("the of and a to in river bridge toll ferry engineer council flood level pier timber was opened by", word, " ")
        for (document = 1; document <= documents; document++) {
            file = sprintf("%s/%04d.html", folder, document)
            printf "<!doctype html><html lang=en><title>Crossing %d</title><main><h1>Crossing %d</h1>", document, document > file
            for (paragraph = 0; paragraph < paragraphs; paragraph++) {
                printf "<p>" > file
                for (count = 0; count < 90; count++) {
                    printf "%s%s", word[int(rand() * words) + 1], count % 13 == 12 ? ". " : " " > file
                }
                printf "</p>" > file
            }
            print "</main></html>" > file
            close(file)
        }
    }'
}

# --- Documents long enough for a run of some length on this machine.
readonly asked=(--extraction best --llm never --progress none)
make "$folder/probe" "$probe_documents" "$probe_paragraphs"
begun=$(milliseconds)
"$coordinator" run "$folder/probe" --out "$folder/probed" "${asked[@]}" >/dev/null 2>"$folder/probe.log" || broken "a run on this machine"
took=$(($(milliseconds) - begun))
paragraphs=$((seconds * 1000 * probe_documents * probe_paragraphs / documents / took))
paragraphs=$((paragraphs < 1 ? 1 : paragraphs > 2500 ? 2500 : paragraphs))
make "$folder/set" "$documents" "$paragraphs"
echo "$documents documents of $paragraphs paragraphs; coordinator $coordinator_at, Redis $redis_at, workers 10.77.0.3 to 10.77.0.5"

# --- The programs, each on its host.
mkdir "$folder/redis"
become redis redis-server --bind "$redis_at" --requirepass "$password" --dir "$folder/redis" --save '' \
    --appendonly yes --daemonize no >"$folder/redis.log" 2>&1 &
processes+=($!)
export SHEAF_TOKEN=$token
become coordinator "$coordinator" run "$folder/set" --out "$folder/out" "${asked[@]}" --enable-queue \
    --redis-url "redis://:$password@$redis_at:6379" --listen "$coordinator_at" >"$folder/coordinator.log" 2>&1 &
running=$!
processes+=("$running")
workers=()
for host in one two three; do
    become "$host" "$worker" start --coordinator "http://$coordinator_at" --analysis-workers 1 --name "$host" \
        >"$folder/$host.log" 2>&1 &
    workers+=($!)
    processes+=($!)
done

begun=$(milliseconds)
workers_are() { [ "$(page /fleet | number_of workers)" = "$1" ]; }
until_true "three workers in the fleet" workers_are 3
echo "three workers have joined after $(shown "$after")"
recorded() { page /progress | number_of ok; }
recorded_at_least() { [ "$(recorded)" -ge "$1" ] 2>/dev/null; }
until_true "the first documents" recorded_at_least $((documents / 15))
mapfile -t lanes < <(ask --scan --pattern '*:ready:*')
committed=$(ask --scan --pattern '*:done')
victim=$(sed -n 's/^joined as \([^;]*\);.*/\1/p' "$folder/three.log" | head -n 1)
[ -n "$victim" ] || broken "the third worker did not say its name"
held=
holds_something() { held=$(held_by "$victim") && [ -n "$held" ]; }
until_true "a job held by the third worker" holds_something

# --- The cable is pulled: nothing says so, packets are simply gone.
ip -n "$prefix-switch" link set three down
begun=$(milliseconds)
# What it got at the last moment counts too.
held=$(printf '%s\n' $held $(held_by "$victim") | sort -u)
echo "worker $victim is cut off with $(wc -l <<<"$held") jobs, when $(recorded) of $documents documents are recorded"
is_lost() { [ "$(page /fleet | number_of workers_lost)" = 1 ]; }
until_true "the coordinator notices" is_lost
noticed=$after
are_with_others() {
    local document leased
    leased=$(leases)
    for document in $held; do
        [ "$(ask GETBIT "$committed" "$document")" = 1 ] && continue
        grep -v "^$victim " <<<"$leased" | grep -q " $document\$" || return 1
    done
}
until_true "its jobs are with others" are_with_others
echo "noticed by the coordinator after $(shown "$noticed") (aim 5 s)"
echo "its jobs are committed or leased elsewhere after $(shown "$after"), $(shown $((after - noticed))) later (aim 3 s)"
while [ $(($(milliseconds) - begun)) -lt 12000 ]; do sleep 0.1; done

# --- And plugged in again, after more than a lease.
ip -n "$prefix-switch" link set three up
begun=$(milliseconds)
until_true "the worker is back in the fleet" workers_are 3
echo "the link is up again after 12 s; the worker is back in the fleet $(shown "$after") later"
until_true "the worker is used again" holds_something
echo "it works on jobs again $(shown "$after") after the link came up, at $(recorded) of $documents documents"
redelivered=0
begun=$(milliseconds)
while kill -0 "$running" 2>/dev/null; do
    now=$(page /progress | number_of redelivered)
    redelivered=${now:-$redelivered}
    [ $(($(milliseconds) - begun)) -lt $((patience * 10 * 1000)) ] || broken "the run does not end"
    sleep 0.2
done
wait "$running" || broken "the run ended with status $?"

# --- Nothing lost, nothing doubled.
results="$folder/out/results.jsonl"
[ "$(wc -l <"$results")" = "$documents" ] || broken "$(wc -l <"$results") records for $documents documents"
sources=$(sed -n 's/.*"source":"\([^"]*\)".*/\1/p' "$results" | sort -u | wc -l)
[ "$sources" = "$documents" ] || broken "records for $sources of $documents documents"
ok=$(grep -c '"status":"ok"' "$results" || true)
[ "$ok" = "$documents" ] || broken "$ok of $documents documents are ok"
by_victim=$(grep -c "\"worker\":\"$victim\"" "$results" || true)
[ "${redelivered:-0}" -gt 0 ] || broken "no job was delivered again"
for process in "${workers[@]}"; do
    kill -TERM "$process"
    wait "$process" || broken "a worker ended with status $? when asked to leave"
done
echo "each of $documents documents has one record and is ok; $redelivered redelivered; $by_victim by the worker that was cut off"
