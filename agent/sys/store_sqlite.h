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

#define ECA_STORE_FILE "agent.db"
#define ECA_STORE_BACKUP "agent.db.bak"
#define ECA_STORE_LOCK "agent.lock"
#define ECA_STORE_SCHEMA 1

#endif
