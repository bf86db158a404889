# SPDX-License-Identifier: Apache-2.0
# Prints text files as a C table of {name, text}; a file's name without folder and ending is its name.
#   -v header=... -v type=... -v table=... -v count_name=...
BEGIN {
    print "/* Made by cmake/embed.awk; not to be edited. */"
    printf "#include \"%s\"\n\n", header
    printf "const %s %s[] = {\n", type, table
}
FNR == 1 {
    if (count++) print "    },"
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.[a-z]*$/, "", name)
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
    printf "const size_t %s = %d;\n", count_name, count
}
