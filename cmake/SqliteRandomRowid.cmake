# SPDX-License-Identifier: Apache-2.0
# Teaches SQLite libSQL's RANDOM ROWID: writes OUT, a copy of the amalgamation with the lines below in it. SQLite can draw
# rowids at random already (it does so once a table has used up the largest); this makes it do so from the first row on
# for tables with the mark (src/store/libsql_text.h; the function that looks for it stands in sqlite_all.c).
# docs/decisions/0005-random-rowid.md says why it is done here. A line that is not found as often as it should be ends the
# configuration: then SQLite has changed there, and somebody must look.
function(trib_sqlite_random_rowid IN OUT)
  file(READ "${IN}" text)

  function(trib_insert TIMES OLD NEW)
    string(LENGTH "${text}" before)
    string(REPLACE "${OLD}" "" without "${text}")
    string(LENGTH "${without}" after)
    string(LENGTH "${OLD}" each)
    math(EXPR found "(${before} - ${after}) / ${each}")
    if(NOT found EQUAL TIMES)
      message(FATAL_ERROR "${IN} has this ${found} times instead of ${TIMES}, so RANDOM ROWID cannot be built in:\n${OLD}\n"
                          "Compare it with cmake/SqliteRandomRowid.cmake.")
    endif()
    string(REPLACE "${OLD}" "${NEW}" text "${text}")
    set(text "${text}" PARENT_SCOPE)
  endfunction()

  # the table is known: does its text have the mark?
  trib_insert(1 "    if( p->tnum==1 ) p->tabFlags |= TF_Readonly;\n"
"    if( p->tnum==1 ) p->tabFlags |= TF_Readonly;
    if( pCons && !IsVirtual(p) ) trib_mark_random_rowid(pParse, p);
")
  # a rowid is made for INSERT
  set(new_rowid "sqlite3VdbeAddOp3(v, OP_NewRowid, iDataCur, regRowid, regAutoinc);\n")
  trib_insert(3 "${new_rowid}"
"${new_rowid}    if( pTab->tabFlags & TRIB_TF_RANDOM_ROWID ) sqlite3VdbeChangeP5(v, 1);
")
  # INSERT INTO random SELECT * FROM other: row by row, not by copying the other's rowids
  trib_insert(1 "  if( pParse->pWith || pSelect->pWith ){\n    /* Do not attempt to process this query if there are an WITH"
"  if( (pDest->tabFlags & TRIB_TF_RANDOM_ROWID) && !(db->mDbFlags & DBFLAG_Vacuum) ) return 0;
  if( pParse->pWith || pSelect->pWith ){\n    /* Do not attempt to process this query if there are an WITH")
  # and when the program runs
  trib_insert(1 "    if( !pC->useRandomRowid ){\n" "    if( pOp->p5 ) pC->useRandomRowid = 1;\n    if( !pC->useRandomRowid ){\n")

  file(WRITE "${OUT}.new" "${text}")
  configure_file("${OUT}.new" "${OUT}" COPYONLY)
endfunction()
