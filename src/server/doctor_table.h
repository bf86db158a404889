/* SPDX-License-Identifier: Apache-2.0 */
/* What `trib doctor` looks at: one row a check. docs/reference/doctor.md has the same rows (docs_test.sh compares), and
 * an id never changes its meaning.
 *
 *   X(NAME, "id", SEVERITY, mended by --fix, "what is looked at", "why it matters", "how to mend it") */
#ifndef TRIB_SERVER_DOCTOR_TABLE_H
#define TRIB_SERVER_DOCTOR_TABLE_H

#define TRIB_DOCTOR_TABLE(X)                                                                                           \
    /* the folder and the server on it */                                                                              \
    X(FOLDER_MISSING, "data-folder-missing", ERROR, false, "the data folder is there and can be read",                 \
      "there is nothing to look at, and a server would begin with no tenant at all",                                   \
      "name the folder with --data or --config; `trib serve` makes a new one")                                         \
    X(FOLDER_READ_ONLY, "data-folder-not-writable", ERROR, false, "this user can write to the data folder",            \
      "a server of this user could not start or would refuse writes",                                                  \
      "run the command as the server's user (`sudo -u tributary trib doctor`), or correct the folder's owner")         \
    X(SERVER_FILE_STALE, "server-file-stale", WARNING, true, "server.json names a process that lives",                 \
      "a server ended without tidying up; commands then say that it is gone",                                          \
      "remove server.json, or start the server, which writes it anew")                                                 \
    X(SERVER_SILENT, "server-not-answering", ERROR, false, "the server that has the folder answers its admin listener", \
      "nobody can manage it, and what only it can tell is not looked at",                                              \
      "look at its log; `trib serve` needs admin_listen; check --admin-url and the key")                               \
    X(SERVER_OTHER, "server-version-differs", INFO, false, "the server is of this program's version",                  \
      "a new program was installed and the old one still runs", "restart the server: `systemctl restart tributary`")   \
    /* limits of the process */                                                                                        \
    X(OPEN_FILES, "open-files-limit", WARNING, false, "RLIMIT_NOFILE is enough for max_connections and open databases", \
      "at the limit new connections are refused and databases cannot be opened",                                       \
      "raise LimitNOFILE= of the service (or `ulimit -n`), or lower max_connections and open_databases")                                \
    X(FILE_SIZE, "file-size-limit", ERROR, false, "RLIMIT_FSIZE is unlimited",                                         \
      "a database that reaches the limit cannot be written, and the kernel may kill the server",                       \
      "take the limit away: `ulimit -f unlimited`, or LimitFSIZE=infinity in the service")                             \
    X(ADDRESS_SPACE, "address-space-limit", WARNING, false, "RLIMIT_AS is unlimited",                                  \
      "threads and databases map more than they use; requests then fail with OUT_OF_MEMORY",                           \
      "bound memory with MemoryMax= of the service instead of `ulimit -v`")                                            \
    X(PROCESSES, "processes-limit", WARNING, false, "RLIMIT_NPROC leaves room for the server's threads",               \
      "the server cannot start, or has no stand-in for a worker that is stuck",                                        \
      "raise LimitNPROC= or TasksMax= of the service to at least 512")                                                 \
    /* the disk */                                                                                                     \
    X(FS_NETWORK, "file-system-network", ERROR, false, "the data folder lies on a local disk",                         \
      "network file systems confirm syncs that are not on a disk, and lock in their own ways: acknowledged writes may " \
      "be lost",                                                                                                       \
      "move the data folder to a local disk or a block device")                                                        \
    X(FS_VOLATILE, "file-system-volatile", WARNING, false, "the data folder is not in memory (tmpfs)",                 \
      "everything is gone when the machine ends", "move the data folder to a disk; good for tests only")               \
    X(FS_OVERLAY, "file-system-overlay", WARNING, false, "the data folder is not in a container's own layer (overlay)", \
      "the data goes with the container, and writes cost more", "mount a volume at the data folder")                   \
    X(FS_PLAIN, "file-system-without-modes", WARNING, false, "the file system keeps modes and owners",                 \
      "FAT and exFAT show secrets to every user of the machine and lose more in a power cut",                          \
      "move the data folder to ext4, XFS, btrfs or ZFS")                                                               \
    X(FS_READ_ONLY, "file-system-read-only", ERROR, false, "the file system can be written",                           \
      "no write succeeds; many systems turn a disk read-only when it fails",                                           \
      "look at the kernel's log (`dmesg`), mount it for writing or replace the disk")                                  \
    X(SYNC_FAILED, "sync-failed", ERROR, false, "a small file can be written and synced",                              \
      "no write can be acknowledged", "look at the disk and the kernel's log (`dmesg`)")                               \
    X(SYNC_SLOW, "sync-slow", WARNING, false, "a sync takes at most 20 ms (median of 16)",                             \
      "one client waits that long for each write; many together share a sync",                                         \
      "use a disk with a protected write cache, and leave it to the database")                                         \
    X(SYNC_INSTANT, "sync-instant", WARNING, false, "a sync takes longer than no disk can be",                         \
      "the disk, the hypervisor or the file system confirms what it has not written: a power cut loses acknowledged "  \
      "writes",                                                                                                        \
      "switch write caching without protection off, or accept the risk; good for tests only")                          \
    X(SPACE_LOW, "disk-space-low", WARNING, false, "at least 10 % or 10 GiB are free, and 1 GiB",                      \
      "when it is full, writes are refused with DISK_FULL and logs cannot be emptied",                                 \
      "free some space, enlarge the volume, or give tenants a max_bytes")                                              \
    X(SPACE_OUT, "disk-space-out", ERROR, false, "at least 256 MiB are free",                                          \
      "a single log may grow to 256 MiB; writes are about to be refused", "free some space now")                       \
    X(INODES_LOW, "inodes-low", WARNING, false, "at least 5 % of the file system's inodes are free",                   \
      "a tenant takes three files; none can be made without an inode",                                                 \
      "remove small files, or make the file system anew with more inodes")                                             \
    /* clock and memory */                                                                                             \
    X(CLOCK_WRONG, "clock-wrong", ERROR, false, "the clock is not before the program was built or the newest tenant",  \
      "tokens count as not valid yet or as expired, and deleted tenants go too early or too late",                     \
      "set the clock and keep it with NTP (`timedatectl set-ntp true`)")                                               \
    X(CLOCK_FREE, "clock-not-synchronised", WARNING, false, "the kernel's clock follows a time source",                \
      "it drifts, and tokens expire at the wrong time", "switch NTP on: `timedatectl set-ntp true`, or install chrony") \
    X(MEMORY_LOW, "memory-low", WARNING, false, "at least 256 MiB of memory are available, in the control group too",  \
      "requests fail with OUT_OF_MEMORY, or the kernel ends the server",                                               \
      "give it more memory, or lower workers and max_connections")                                                     \
    /* files */                                                                                                        \
    X(MODE_FOLDER, "mode-of-data-folder", WARNING, true, "the data folder is open to its owner only (0700)",           \
      "other users see tenants' files by name, and may read copies in it", "chmod 700 the data folder")                \
    X(MODE_SECRET, "mode-of-secrets", ERROR, true, "control.db, its log and admin.key are readable by their owner only", \
      "whoever reads them can make tokens for every tenant", "chmod 600 them; if others had access: `trib token rotate`") \
    X(MODE_FILES, "mode-of-databases", WARNING, true, "databases are readable by their owner only (0600)",             \
      "other users of the machine read tenants' data past every token", "chmod 600 the files")                         \
    X(MODE_KEY, "mode-of-tls-key", WARNING, false, "tls_key and admin_tls_key are not readable by everybody",          \
      "whoever has the key can stand in for the server", "chmod 640 the key, with the server's group")                 \
    X(OWNER, "owner-of-files", WARNING, false, "every file belongs to the owner of the data folder",                   \
      "the server cannot write what another user (often root) has made there",                                         \
      "chown the files to the owner of the folder")                                                                    \
    X(LINKS, "links-and-strange-files", WARNING, false, "below db/ lie the server's files only, and no links",         \
      "they are in no backup plan of ours, and a link may lead out of the folder", "move them somewhere else")         \
    X(TEMPORARY, "temporary-files", WARNING, true, "no replacement is left unfinished (*.tmp, *.new)",                 \
      "a kill came in between; the files are of no use and take space", "remove them while no server runs")            \
    X(ORPHANS, "orphan-files", WARNING, true, "every database file belongs to a database of the registry",             \
      "they take space and hold data that nobody can reach, perhaps of a tenant that asked to be forgotten",           \
      "stop the server and run `trib doctor --fix`, which moves them to lost-and-found/; look, then remove them")      \
    X(FILE_MISSING, "database-file-missing", ERROR, false, "no database file is gone while its log or page map is there", \
      "this tenant's data is not there; it is answered DATABASE_QUARANTINED or as empty",                              \
      "restore the file from a backup: docs/how-to/damaged-database.md")                                               \
    X(LOG_LARGE, "log-large", WARNING, false, "no log (-wal) is over 64 MiB",                                          \
      "a reader or a writer keeps it from being emptied; reads get slower, at 256 MiB writes are refused",             \
      "look for long transactions of that tenant; a start of the server empties logs of a stopped one")                \
    X(MAP_STALE, "page-map-stale", INFO, false, "page maps continue into their logs (stopped servers only)",           \
      "the files come from different moments; commit numbers begin a new epoch and replicas load everything again",    \
      "nothing to do if a backup was restored; else look for who else writes to the folder")                           \
    X(QUARANTINED, "quarantined-databases", ERROR, false, "no database is out of service",                             \
      "these tenants get DATABASE_QUARANTINED for every request",                                                      \
      "`trib quarantine list`, then docs/how-to/damaged-database.md")                                                  \
    X(REGISTRY, "registry-unreadable", ERROR, false, "the registry (control.db) can be read",                          \
      "no tenant is known without it, and orphans cannot be told from tenants",                                        \
      "restore control.db from a backup; after another program's use check its rights first")                          \
    X(LOST_FOUND, "lost-and-found", INFO, false, "nothing waits in lost-and-found/",                                   \
      "files that were moved aside take space until somebody decides", "look at them, then remove the folder")         \
    /* settings */                                                                                                     \
    X(SETTINGS, "settings-contradict", WARNING, false, "limits and times fit together",                                \
      "one of the settings can never take effect, or cuts off what another allows", "change one of the two")           \
    X(ARCHIVE, "archive-settings", ERROR, false, "the settings of the archive can be used",                            \
      "the server does not start, or streams stay in the database: it grows, and they are kept once only",             \
      "correct archive and archive_s3_*: docs/how-to/archive-to-s3.md")                                                \
    X(STREAM_TYPES, "stream-types-wrong", ERROR, false, "the files of stream-types/ can be read and have no mistake",  \
      "the server does not start with them", "`trib stream check FILE` shows each mistake with its line")              \
    X(EXPOSED, "listener-in-the-open", WARNING, false, "a listener that others can reach has TLS",                     \
      "tokens and data cross the network in the clear", "set tls_cert and tls_key, or put a proxy with TLS in front")  \
    /* what clients do wrong, as the server has counted it */                                                          \
    X(CLIENT_SLASH, "client-url-without-slash", WARNING, false, "requests that name no tenant",                         \
      "libSQL's JavaScript client drops the last part of a URL path that does not end in a slash; they are refused",   \
      "give the client the URL as `trib tenant show` prints it, with the slash at its end")                            \
    X(CLIENT_TWICE, "client-names-two-tenants", WARNING, false, "requests whose path, host and x-namespace disagree",  \
      "they are refused: any answer might be another tenant's data",                                                   \
      "name the tenant in one way; take x-namespace off in the proxy")                                                 \
    X(CLIENT_PATH, "client-path-without-version", WARNING, false, "requests for /pipeline, /cursor, /execute without /vN", \
      "they are answered 404", "the paths are /v2/pipeline, /v3/pipeline, /v3/cursor, /v1/execute, /v1/batch")         \
    X(CLIENT_WEBSOCKET, "client-speaks-websocket", WARNING, false, "requests to open a WebSocket where none is",                     \
      "they are answered 404; the client fails or falls back", "a WebSocket begins at the tenant's URL itself, nothing behind it")           \
    X(CLIENT_REPLICA, "client-wants-replica", INFO, false, "requests for sync at a path that is none",                 \
      "they are answered 404 or 405; the replica stays as it is",                                                      \
      "give the client the URL as `trib tenant show` prints it; docs/reference/replicas.md has the paths")             \
    X(CLIENT_ADMIN, "client-admin-path", INFO, false, "requests for the admin API on the user listener",               \
      "they are answered 404: somebody looks for it there, or has the wrong port", "use admin_listen's address")       \
    X(CLIENT_TENANT, "client-data-on-admin", WARNING, false, "requests for tenants' data on the admin listener",       \
      "they are answered 404; the client has the operator's port, perhaps also the key", "use listen's address")       \
    X(CLIENT_PLAIN, "client-plain-http-on-tls", WARNING, false, "plain HTTP on a TLS listener",                        \
      "it is refused, but a token may have crossed the network in the clear", "give the client an https:// URL")       \
    X(CLIENT_TLS, "client-tls-on-plain", WARNING, false, "TLS on a listener without a certificate",                    \
      "the client cannot connect", "give the client an http:// URL, or set tls_cert and tls_key")                      \
    X(SCRUB_FOUND, "scrub-found-damage", ERROR, false, "the last scrub found nothing",                                 \
      "files were damaged on this disk; what it found is out of service, more may follow",                             \
      "look at the disk (`smartctl -a`), `trib scrub --all`, docs/how-to/damaged-database.md")                         \
    X(SCRUB_OLD, "scrub-overdue", INFO, false, "all databases were read and checked in the last 35 days",              \
      "damage in data that nobody reads is found too late, when old backups are gone", "`trib scrub --all`, or set scrub_every")

#endif
