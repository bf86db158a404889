#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The archive in OpenStack Swift, whose s3api checks every signature with code that nobody here has written: deals go there and
# read the same, by path and by host; what Swift refuses (secret, region, clock, bucket) is said with its reason. `make swift-test`.
. "$(dirname "$0")/../integration/lib.sh"
. "$(dirname "$0")/lib.sh"
bucket=city-streams
region=test-1
trap 'status=$?; swift_stop; (exit $status); cleanup' EXIT
began=$(date +%s)
swift_start $region
echo "Swift listens after $(($(date +%s) - began)) s"

credentials() { # SECRET
    printf 'aws_access_key_id = %s\naws_secret_access_key = %s\n' "$swift_key" "$1" >"$work/credentials"
}
# curl signs by itself here: a second opinion, and the only way to make a bucket.
s3() { # METHOD PATH [CURL ARGUMENT...]
    method=$1 path=$2
    shift 2
    status=0
    output=$(curl -s -m 20 -w ' [%{http_code}]' -X "$method" --aws-sigv4 "aws:amz:$region:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        "http://test%3Atester:$swift_secret@127.0.0.1:$swift_port/$path" "$@") || status=$?
}
archive_server() { # OPTION...: a server with its archive in the bucket
    start_server --no-auth --archive "s3://$bucket/deals" --archive-s3-region "$region" --archive-s3-credentials "$work/credentials" \
        --archive-timeout 5s "$@"
    api_url=${url}streams/api/streams
}
call() { # METHOD PATH [CURL ARGUMENT...]
    method=$1 path=$2
    shift 2
    status=0
    output=$(curl -s -m 60 -w ' [%{http_code}]' -X "$method" "$api_url$path" "$@") || status=$?
}
order() { # STREAM: a food order from its first event to its last
    call POST "/$1/events" -d "{\"events\":[{\"id\":\"$1-1\",\"opcode\":501,\"nodeId\":\"$1\",\"delta\":46,\"payload\":{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"notes\":\"\\u0639\\u0644\\u064a \\\"x\\\"\",\"items\":[{\"qty\":2,\"price\":18},{\"qty\":1,\"price\":10}]}},{\"opcode\":203,\"nodeId\":\"$1\",\"delta\":46},{\"opcode\":301,\"nodeId\":\"$1\"},{\"opcode\":303},{\"opcode\":305},{\"opcode\":302,\"nodeId\":\"rami\",\"payload\":{\"driver\":\"rami\"}},{\"opcode\":502},{\"opcode\":503},{\"opcode\":402,\"nodeId\":\"rami\",\"delta\":12},{\"opcode\":401,\"nodeId\":\"rest-01\",\"delta\":34}]}"
    has '[201]' "the order $1"
}
until_has() { # STREAM TEXT WHAT
    for _ in $(seq 1 150); do
        call GET "/$1/archive"
        case $output in *"$2"*) break ;; esac
        sleep 0.2
    done
    has "$2" "$3"
}
keep() { # FILE STREAM
    curl -s -m 20 -D "$1.head.raw" -o "$1" "$api_url/$2"
    grep -vi '^date:\|^x-request-id:' "$1.head.raw" >"$1.head"
}
same() { # FILE FILE WHAT
    checks=$((checks + 1))
    cmp -s "$1" "$2" || failed "$3: $(cmp "$1" "$2" 2>&1)"
    cmp -s "$1.head" "$2.head" || failed "$3: $(diff "$1.head" "$2.head")"
}

s3 PUT "$bucket"
has '[200]' "curl makes the bucket"
credentials "$swift_secret"

# ---- there and back, by path and by host ----
for style in path host; do
    host=127.0.0.1
    [ $style = path ] || host=localhost # city-streams.localhost is loopback, says RFC 6761
    archive_server --archive-s3-style $style --archive-s3-endpoint "http://$host:$swift_port"
    for id in "ord-$style" "o%20%C3%B6%2B~$style" "a.b_c-$style"; do
        name=$(printf %s "$id" | tr -c 'a-z\n' _)
        order "$id"
        call POST "/$id/close"
        keep "$work/before.$name" "$id"
        call POST "/$id/archive"
        until_has "$id" '"state":"archived"' "Swift takes $id ($style)"
        keep "$work/after.$name" "$id"
        same "$work/before.$name" "$work/after.$name" "$id reads the same from Swift ($style)"
        call GET "/$id/verify"
        has '"ok":true' "its chain holds"
    done
    s3 GET "$bucket/deals/ord-$style.json"
    has "$(cat "$work/after.ord_$style")" "and by curl's own signature"
    t archive verify
    ok "all objects are whole ($style)"
    has "$([ $style = path ] && echo 3 || echo 6) objects" "each is read"
    has '0 of no stream' "and the listing, page by page, has no other"
    stop_server
done

# ---- back into the database, and again ----
archive_server --archive-s3-endpoint "http://127.0.0.1:$swift_port"
t stream restore ord-path
ok "a stream is restored from Swift"
call POST /ord-path/archive
until_has ord-path '"state":"archived"' "archived again, onto the same bytes"
keep "$work/again" ord-path
same "$work/before.ord_path" "$work/again" "it reads the same"

# ---- nothing is overwritten ----
s3 PUT "$bucket/deals/ord-taken.json" -H 'content-type: text/plain' --data-binary '[]'
has '[200]' "somebody else's object"
order ord-taken
call POST /ord-taken/archive
until_has ord-taken '"state":"stopped"' "an object that is there stops the stream"
s3 GET "$bucket/deals/ord-taken.json"
has '[] [200]' "which stays as it was"
t archive status
has 'stopped ord-taken: the object ord-taken.json has other bytes' "and is named"
s3 PUT "$bucket/deals/stranger.json" -H 'content-type: text/plain' --data-binary '[]'
t archive verify
has 'stranger.json: belongs to no stream' "so is one that belongs to no stream"

# ---- above 64 MiB: in parts ----
call POST /big/events -d '{"events":[{"opcode":9}]}'
for from in 1 11 21 31 41 51 61; do # each statement within its memory
    sql="WITH RECURSIVE n(i) AS (VALUES($from) UNION ALL SELECT i + 1 FROM n WHERE i < $from + 9) INSERT INTO events SELECT 'big-' || i, 'big', 9, NULL, NULL, i, printf('%.*c', 1000000, char(96 + i % 26)), 't' FROM n"
    output=$(curl -s -m 60 "${url}streams/v2/pipeline" -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"$sql\"}},{\"type\":\"close\"}]}")
    has '"affected_row_count":10' "a stream of 70 MB"
done
call POST /big/archive
until_has big '"state":"archived"' "Swift takes it in parts"
t archive verify
ok "and gives it back whole"
call GET '/big?after=60&limit=2'
has '"id":"big-60"' "its pages are read from there"
stop_server

# ---- what Swift refuses ----
refused() { # STREAM TEXT WHAT
    order "$1"
    call POST "/$1/archive"
    until_has "$1" '"why":' "$3"
    has "$2" "$3"
    lacks "$swift_secret" "without the secret in the message"
    call GET "/$1"
    has "\"id\":\"$1-1\"" "the stream is in the database as before"
}
credentials wrong
archive_server --archive-s3-endpoint "http://127.0.0.1:$swift_port"
refused ord-secret 'HTTP status 403 SignatureDoesNotMatch' "a wrong secret is refused"
call GET /ord-path
has '[502]' "an archived stream cannot be read with it"
has 'check the key' "and the answer says what to look at"
credentials "$swift_secret"
until_has ord-secret '"state":"archived"' "the right secret counts without a restart"
stop_server

archive_server --archive-s3-endpoint "http://127.0.0.1:$swift_port" --archive-s3-region elsewhere-9
refused ord-region 'check region' "another region is refused"
stop_server

swift_skew_s=3600 swift_second_proxy
archive_server --archive-s3-endpoint "http://127.0.0.1:$swift_second_port"
refused ord-clock 'RequestTimeTooSkewed' "a clock that is an hour off is refused, with Swift's own word for it"
stop_server

start_server --no-auth --archive s3://no-such-bucket --archive-s3-region $region --archive-s3-credentials "$work/credentials" \
    --archive-timeout 5s --archive-s3-endpoint "http://127.0.0.1:$swift_port"
api_url=${url}streams/api/streams
refused ord-bucket 'HTTP status 404' "a bucket that is not there is refused"
finish
