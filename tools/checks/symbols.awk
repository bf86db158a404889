# SPDX-License-Identifier: Apache-2.0
# Reads tools/symbols.txt, then `nm -A --format=sysv` of the rooms' libraries on standard input:
#   mode=undefined  symbols outside Tributary that are not in the list of pure ones (no OS calls in pure rooms)
#   mode=globals    variables that can change, in .data, .bss, or thread-local
# Instrumented builds bring symbols of their runtime along; those are passed over.
BEGIN { FS = "|" }

FNR == NR {
    if ($0 ~ /^(#|$)/) next
    split($0, word, " ")
    if (word[1] == "pure") {
        n = split($0, word, " ")
        for (i = 2; i <= n; i++) pure[word[i]] = 1
    } else if (word[1] == "may") may[word[2] " " word[3]] = 1
    next
}

NF < 7 { next }

{
    where = $1 # "path/libtrib_base.a:arena.c.o:name"
    n = split(where, part, ":")
    if (n < 3) next
    name = part[n]
    object = part[n - 1]
    library = part[n - 2]
    sub(/^.*\/libtrib_/, "", library)
    sub(/\.a$/, "", library)
    sub(/\.o$/, "", object)
    gsub(/ /, "", name)
    class = $3
    section = $7
    gsub(/ /, "", class)
    gsub(/ /, "", section)
    if (name ~ /^(__asan|__ubsan|__tsan|__msan|__sanitizer|__odr_asan|__llvm|__gcov|__start_|__stop_|_GLOBAL_OFFSET|\.L|asan\.)/) next
    base = name
    sub(/\.[0-9]+$/, "", base) # a static inside a function
    if ((library "/" object " " base) in may) next
}

mode == "undefined" && class == "U" && name !~ /^trib_/ {
    plain = name
    sub(/^__/, "", plain)
    sub(/_chk$/, "", plain)
    sub(/^isoc(99|23)_/, "", plain)
    if (!(name in pure) && !(plain in pure)) {
        printf "src/%s/%s:1: %s() is called, which may ask the OS; take it from trib_env, or add a pure function to " \
               "tools/symbols.txt\n", library, object, name
    }
}

mode == "globals" && class ~ /^[bBdDC]$/ && section ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && section !~ /^\.data\.rel\.ro/ {
    printf "src/%s/%s:1: %s is a variable that can change; make it const, or part of a struct that is passed in\n", \
        library, object, base
}
