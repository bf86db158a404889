/* SPDX-License-Identifier: Apache-2.0 */
/* Every error that can leave the program, one row each. The enum, the text a client sees, the HTTP and gRPC status, the
 * retry hint and the page docs/errors/<CODE>.md all come from here; a test checks that each row has its page.
 *
 * X(name, code, http, grpc, retry, meaning)
 *   name    trib_code is TRIB_<name>
 *   code    stable text on the wire. Codes of the libSQL protocol keep the protocol's spelling.
 *   http    status when the error answers a whole request
 *   grpc    status for the gRPC-web faces
 *   retry   1: the same request may work later as it is
 *   meaning one sentence, the default message */
#ifndef TRIB_BASE_ERROR_TABLE_H
#define TRIB_BASE_ERROR_TABLE_H

#define TRIB_ERROR_TABLE(X)                                                                                              \
    /* the process */                                                                                                    \
    X(NOMEM, "OUT_OF_MEMORY", 503, 8, 1, "the server has no memory left for this request")                               \
    X(INTERNAL, "INTERNAL_ERROR", 500, 13, 0, "the server broke one of its own rules")                                   \
    X(IO, "IO_ERROR", 500, 13, 1, "a file operation failed")                                                             \
    X(SHUTTING_DOWN, "SHUTTING_DOWN", 503, 14, 1, "the server is shutting down")                                         \
    X(OVERLOADED, "OVERLOADED", 503, 14, 1, "the server has too much work queued")                                       \
    X(TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", 429, 8, 1, "this tenant has too much work queued")                         \
    X(CANCELLED, "CANCELLED", 499, 1, 1, "the request was cancelled")                                                    \
    /* HTTP and JSON */                                                                                                  \
    X(BAD_REQUEST, "BAD_REQUEST", 400, 3, 0, "the request is malformed")                                                 \
    X(BAD_HTTP, "BAD_HTTP", 400, 3, 0, "the bytes are not a valid HTTP/1.1 request")                                     \
    X(BAD_JSON, "BAD_JSON", 400, 3, 0, "the body is not valid JSON")                                                     \
    X(HEADERS_TOO_LARGE, "HEADERS_TOO_LARGE", 431, 3, 0, "the request head is too large")                                \
    X(URI_TOO_LONG, "URI_TOO_LONG", 414, 3, 0, "the request target is too long")                                         \
    X(BODY_TOO_LARGE, "BODY_TOO_LARGE", 413, 3, 0, "the request body is too large")                                      \
    X(NOT_FOUND, "NOT_FOUND", 404, 12, 0, "there is nothing at this path")                                                \
    X(METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", 405, 12, 0, "this path does not take this method")                       \
    X(NOT_IMPLEMENTED_HTTP, "UNSUPPORTED_HTTP", 501, 12, 0, "this transfer coding or HTTP feature is not supported")     \
    X(HTTP_VERSION, "HTTP_VERSION", 505, 12, 0, "only HTTP/1.1 and HTTP/1.0 are spoken here")                            \
    X(UPGRADE_REQUIRED, "UPGRADE_REQUIRED", 426, 12, 0, "only version 13 of the WebSocket protocol is spoken here")       \
    X(REQUEST_TIMEOUT, "REQUEST_TIMEOUT", 408, 4, 1, "the request took too long to arrive")                              \
    /* who and where */                                                                                                  \
    X(UNAUTHORIZED, "UNAUTHORIZED", 401, 16, 0, "a valid token is needed")                                               \
    X(AUTH_JWT_INVALID, "AUTH_JWT_INVALID", 401, 16, 0, "the token is invalid")                                          \
    X(AUTH_JWT_EXPIRED, "AUTH_JWT_EXPIRED", 401, 16, 0, "the token has expired")                                         \
    X(AUTH_JWT_IMMATURE, "AUTH_JWT_IMMATURE", 401, 16, 1, "the token is not valid yet")                                  \
    X(AUTH_HEADER_NOT_FOUND, "AUTH_HEADER_NOT_FOUND", 401, 16, 0, "no Authorization header was given")                   \
    X(AUTH_HEADER_INVALID, "AUTH_HTTP_HEADER_INVALID", 401, 16, 0, "the Authorization header cannot be read")            \
    X(FORBIDDEN, "FORBIDDEN", 403, 7, 0, "the token does not allow this")                                                \
    X(TENANT_NOT_FOUND, "TENANT_NOT_FOUND", 404, 9, 0, "there is no such tenant, or the token may not see it")           \
    X(TENANT_MISSING, "TENANT_MISSING", 400, 3, 0, "nothing in the request names a tenant")                              \
    X(TENANT_AMBIGUOUS, "TENANT_AMBIGUOUS", 400, 3, 0, "the request names two different tenants")                        \
    X(TENANT_EXISTS, "TENANT_EXISTS", 409, 6, 0, "a tenant with this name already exists")                               \
    X(TENANT_NAME_INVALID, "TENANT_NAME_INVALID", 400, 3, 0, "this is not a valid tenant name")                          \
    X(BLOCKED, "BLOCKED", 403, 7, 0, "operations on this tenant are blocked")                                            \
    /* SQL and sessions (spelling of the libSQL protocol) */                                                             \
    X(SQL_PARSE_ERROR, "SQL_PARSE_ERROR", 400, 3, 0, "the SQL text cannot be parsed")                                    \
    X(SQL_INPUT_ERROR, "SQL_INPUT_ERROR", 400, 3, 0, "the SQL text has an error at a known place")                       \
    X(SQL_NO_STATEMENT, "SQL_NO_STATEMENT", 400, 3, 0, "SQL string does not contain any statement")                      \
    X(SQL_MANY_STATEMENTS, "SQL_MANY_STATEMENTS", 400, 3, 0, "SQL string contains more than one statement")              \
    X(SQL_ERROR, "SQLITE_ERROR", 400, 3, 0, "SQLite refused the statement")                                              \
    X(SQL_DENIED, "SQL_DENIED", 400, 7, 0, "this SQL is not available to tenants")                                       \
    X(ARGS_INVALID, "ARGS_INVALID", 400, 3, 0, "the arguments do not match the statement's parameters")                  \
    X(ARGS_BOTH, "ARGS_BOTH_POSITIONAL_AND_NAMED", 400, 3, 0, "positional and named arguments cannot be mixed")          \
    X(TRANSACTION_TIMEOUT, "TRANSACTION_TIMEOUT", 400, 10, 1, "the transaction was open too long and was rolled back")   \
    X(TRANSACTION_BUSY, "TRANSACTION_BUSY", 429, 10, 1, "too many writers wait for this database")                       \
    X(STATEMENT_TIMEOUT, "STATEMENT_TIMEOUT", 400, 4, 0, "the statement ran too long and was interrupted")               \
    X(SNAPSHOT_TOO_OLD, "SNAPSHOT_TOO_OLD", 400, 10, 1, "the read transaction was open too long")                        \
    X(RESPONSE_TOO_LARGE, "RESPONSE_TOO_LARGE", 413, 8, 0, "the answer is larger than the limit")                        \
    X(ROW_TOO_LARGE, "ROW_TOO_LARGE", 413, 8, 0, "a row is larger than the limit")                                       \
    X(STREAM_EXPIRED, "STREAM_EXPIRED", 400, 10, 0, "The stream has expired due to inactivity")                          \
    X(STREAM_NOT_OPEN, "STREAM_NOT_OPEN", 400, 10, 0, "the stream is not open")                                          \
    X(BATON_INVALID, "BATON_INVALID", 400, 3, 0, "Received an invalid baton")                                            \
    X(BATON_REUSED, "BATON_REUSED", 400, 3, 0, "Received a baton that has already been used")                            \
    X(PROTOCOL, "HRANA_PROTO_ERROR", 400, 3, 0, "the message breaks the Hrana protocol")                                 \
    X(NO_HELLO, "NO_HELLO", 400, 9, 1, "the replica must say Hello first")                                               \
    X(REPLICA_AHEAD, "REPLICA_AHEAD", 400, 11, 0, "the replica has frames that this database never had")                 \
    X(SQL_STORE_TOO_MANY, "SQL_STORE_TOO_MANY", 400, 8, 0, "the session already stores too many SQL texts")              \
    X(SQL_STORE_TOO_LARGE, "SQL_STORE_TOO_LARGE", 400, 8, 0, "the SQL text is too large to be stored")                   \
    /* appends to streams */                                                                                             \
    X(STREAM_NOT_FOUND, "STREAM_NOT_FOUND", 404, 5, 0, "there is no such stream, or the tenant is no member of it")      \
    X(STREAM_CLOSED, "STREAM_CLOSED", 409, 9, 0, "the stream is closed")                                                 \
    X(VERSION_CONFLICT, "VERSION_CONFLICT", 409, 10, 0, "the stream is at another version than expected")                \
    X(IDEMPOTENCY_MISMATCH, "IDEMPOTENCY_MISMATCH", 422, 9, 0, "the Idempotency-Key came with another request before")   \
    X(STREAM_GONE, "STREAM_GONE", 410, 5, 0, "the stream was removed; forks of it are left")                             \
    X(STREAM_EXISTS, "STREAM_EXISTS", 409, 6, 0, "a stream with other settings is at this path")                         \
    X(CONTENT_TYPE_MISMATCH, "CONTENT_TYPE_MISMATCH", 409, 9, 0, "the stream has another content type")                  \
    X(PRODUCER_FENCED, "PRODUCER_FENCED", 403, 7, 0, "the producer writes in a later epoch by now")                      \
    X(PRODUCER_GAP, "PRODUCER_GAP", 409, 9, 0, "an append of this producer that comes before is missing")                \
    /* commands over several databases */                                                                                \
    X(COMMAND_REFUSED, "COMMAND_REFUSED", 409, 9, 0, "what the command changes cannot be part of one")                   \
    X(COMMAND_TOO_LARGE, "COMMAND_TOO_LARGE", 413, 8, 0, "the command changes too much at once")                         \
    X(COMMAND_PENDING, "COMMAND_PENDING", 503, 14, 1, "the database waits for the outcome of a command")                 \
    X(COMMAND_CONFLICT, "COMMAND_CONFLICT", 503, 15, 0, "the database is not the one that a command promised to change") \
    /* consumers */                                                                                                      \
    X(SUBSCRIPTION_NOT_FOUND, "SUBSCRIPTION_NOT_FOUND", 404, 5, 0, "there is no such subscription")                      \
    X(LEASE_LOST, "LEASE_LOST", 409, 9, 0, "the lease of an event had ended")                                            \
    X(SUBSCRIPTION_EXISTS, "SUBSCRIPTION_ALREADY_EXISTS", 409, 6, 0, "a subscription with other settings has this id")    \
    X(WEBHOOK_URL_REJECTED, "WEBHOOK_URL_REJECTED", 400, 3, 0, "a webhook may not be sent there")                       \
    X(TOKEN_INVALID, "TOKEN_INVALID", 401, 16, 0, "the token is not the one that came with the wake")                    \
    X(FENCED, "FENCED", 409, 9, 0, "the wake is over")                                                                   \
    X(ALREADY_CLAIMED, "ALREADY_CLAIMED", 409, 9, 1, "somebody else works on the subscription")                          \
    X(NO_PENDING_WORK, "NO_PENDING_WORK", 409, 9, 1, "nothing waits to be acknowledged")                                 \
    X(INVALID_OFFSET, "INVALID_OFFSET", 409, 9, 0, "the offset cannot be acknowledged")                                  \
    /* durability and damage */                                                                                          \
    X(NOT_COMMITTED, "NOT_COMMITTED", 503, 10, 1, "the disk refused the write; it was undone and may be tried again")    \
    X(COMMIT_OUTCOME_UNKNOWN, "COMMIT_OUTCOME_UNKNOWN", 500, 2, 0, "the disk failed while the commit was made durable")  \
    X(DATABASE_QUARANTINED, "DATABASE_QUARANTINED", 503, 15, 0, "this database is damaged and was taken out of service") \
    X(DATABASE_FULL, "DATABASE_FULL", 507, 8, 0, "the database has reached its size limit")                              \
    X(IMPORT_REFUSED, "IMPORT_REFUSED", 400, 9, 0, "the file cannot become a tenant's database")                         \
    X(DISK_FULL, "DISK_FULL", 507, 8, 1, "the disk is full")                                                             \
    X(DATA_FOLDER_LOCKED, "DATA_FOLDER_LOCKED", 500, 13, 0, "another process uses this data folder")                     \
    /* streams of deals */                                                                                               \
    X(BAD_TRANSITION, "BAD_TRANSITION", 422, 9, 0, "the stream's status does not allow this event")                      \
    X(BAD_EVENT, "BAD_EVENT", 422, 3, 0, "the event does not fit the type of its stream")                                \
    X(OUT_OF_STOCK, "OUT_OF_STOCK", 409, 9, 0, "there is not enough in stock")                                           \
    X(NOT_AVAILABLE, "NOT_AVAILABLE", 409, 9, 0, "the worker, slot or days that the deal needs are taken")               \
    X(TABLES_MISSING, "TABLES_MISSING", 409, 9, 0, "the tenant's database has not the tables that a deal needs")         \
    X(CHAIN_BROKEN, "CHAIN_BROKEN", 500, 15, 0, "the events of a stream are not those that were written")                \
    /* command line and configuration */                                                                                 \
    X(CONFIG, "CONFIG_INVALID", 400, 3, 0, "the configuration has an error")                                             \
    X(USAGE, "USAGE", 400, 3, 0, "the command was called with wrong words")                                              \
    X(STREAM_TYPE_INVALID, "STREAM_TYPE_INVALID", 400, 3, 0, "a file of a stream type has errors")                       \
    X(CONNECT, "CONNECT_FAILED", 502, 14, 1, "the server cannot be reached")                                             \
    X(REMOTE, "REMOTE_ERROR", 502, 2, 0, "the server answered with an error")                                            \
    /* inside only: the caller must wait; never reaches a client */                                                      \
    X(AGAIN, "AGAIN", 500, 14, 1, "the operation waits for its turn")

#endif
