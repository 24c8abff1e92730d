#ifndef ECA_SYS_STORE_SQLITE_H
#define ECA_SYS_STORE_SQLITE_H

#include "agent/ports/store.h"
#include "agent/sys/loop.h"

/*
 * The store port on SQLite (STATE-120..125): agent.db in the data directory, WAL, synchronous=FULL,
 * one table per kind of record. A private thread commits; its completions come through an eventfd.
 */
struct eca_store_sqlite;
struct eca_store_sqlite *eca_store_sqlite_new(struct eca_loop *loop);
void eca_store_sqlite_free(struct eca_store_sqlite *sqlite); /* closes what is open; NULL ok */
struct eca_store_opener eca_store_sqlite_opener(struct eca_store_sqlite *sqlite);

/*
 * Look at a directory's database without changing it, also while an agent runs on it (STATE-128):
 * one snapshot; commit is refused. SQLite itself may leave an empty -wal and a -shm beside it.
 * ECA_E_NOT_FOUND: no database; ECA_E_DENIED: newer schema; ECA_E_INVALID: damaged. Close with
 * eca_store_reader_close.
 */
int eca_store_reader_open(const char *dir, struct eca_store *ret_store, struct eca_err *err);
void eca_store_reader_close(struct eca_store port); /* ops NULL ok */

#define ECA_STORE_FILE "agent.db"
#define ECA_STORE_BACKUP "agent.db.bak"
#define ECA_STORE_BACKUP_NEW "agent.db.bak.new" /* until it is whole */
#define ECA_STORE_LOCK "agent.lock"
#define ECA_STORE_SCHEMA 1

#endif
