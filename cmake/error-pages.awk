# SPDX-License-Identifier: Apache-2.0
# Prints the given Markdown files as the C table trib_error_pages of src/cli/error_page.h; a file's name is its code.
BEGIN {
    print "/* Made by cmake/error-pages.awk from docs/errors; not to be edited. */"
    print "#include \"cli/error_page.h\"\n"
    print "const trib_error_page_row trib_error_pages[] = {"
}
FNR == 1 {
    if (count++) print "    },"
    code = FILENAME
    sub(/.*\//, "", code)
    sub(/\.md$/, "", code)
    printf "    {\"%s\",\n", code
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\\&")
    printf "     \"%s\\n\"\n", $0
}
END {
    if (count) print "    },"
    print "};"
    printf "const size_t trib_error_page_count = %d;\n", count
}
