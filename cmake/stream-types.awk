# SPDX-License-Identifier: Apache-2.0
# Prints the given JSON files as the C table trib_deal_builtins of src/deal/registry.h; a file's name is its type.
BEGIN {
    print "/* Made by cmake/stream-types.awk from src/deal/types; not to be edited. */"
    print "#include \"deal/registry.h\"\n"
    print "const trib_deal_builtin trib_deal_builtins[] = {"
}
FNR == 1 {
    if (count++) print "    },"
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.json$/, "", name)
    printf "    {\"%s\",\n", name
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\\&")
    printf "     \"%s\\n\"\n", $0
}
END {
    if (count) print "    },"
    print "};"
    printf "const size_t trib_deal_builtin_count = %d;\n", count
}
