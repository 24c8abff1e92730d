#include "agent/agent_internal.h"

#include <string.h>

#include "agent/aws/digest.h"
#include "agent/base/mem.h"
#include "agent/engine/task_json.h"
#include "agent/state/import.h"

static const char module[] = "statemanager";

/* STATE-108, STATE-123..125: where only a human can help, the exit code is 5. A disk that is full
 * or fails may work again: the agent is started anew until it does. */
bool agent_open_store(struct eca_agent *agent)
{
    const struct eca_config_values *config = agent_config(agent);
    struct eca_log *log = agent->opts.ports.log;
    struct eca_store_notes notes = {0};
    struct eca_err err = {0};

    if (!config->checkpoint) {
        ECA_INFO(log, module, ECA_NO_KV,
                 "Checkpointing not enabled; a new container instance is created each time the "
                 "agent is run");
        return true;
    }
    ECA_INFO(log, module, ECA_NO_KV, "Checkpointing is enabled");
    if (!eca_host_is_directory(agent->opts.ports.host, config->data_dir)) {
        ECA_CRIT(log, module, ECA_KV("path", config->data_dir),
                 "The data directory does not exist or is no directory");
        agent_exit(agent, ECA_EXIT_TERMINAL);
        return false;
    }
    if (eca_store_open(agent->opts.ports.store, config->data_dir, &agent->store, &notes, &err) <
        0) {
        ECA_CRIT(log, module, ECA_KV("path", config->data_dir), "Cannot open the state: %s",
                 err.msg);
        agent_exit(agent, err.code == ECA_E_TRANSIENT ? ECA_EXIT_ERROR : ECA_EXIT_TERMINAL);
        return false;
    }
    agent->store_is_open = true;
    agent->store_is_fresh = notes.fresh && !notes.set_aside; /* an old file must not come back */
    agent->older_than_file = notes.older_than_file;
    if (notes.set_aside) {
        ECA_CRIT(log, module, ECA_KV("kept", notes.set_aside_path),
                 "The state database was damaged and is set aside; %s",
                 notes.restored_backup ? "the last good copy is in use" : "starting without state");
    }
    return true;
}

static void records_clear(struct stored_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        eca_free(records->at[i].key);
        eca_free(records->at[i].value);
    }
    eca_free(records->at);
    *records = (struct stored_records){0};
}

/* What a database or a file holds. */
struct loaded {
    struct eca_identity identity;
    struct stored_records records;
};

static int keep_record(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct loaded *loaded = arg;
    struct stored_records *records = &loaded->records;
    struct stored_record *kept;

    if (record->kind == ECA_RECORD_IDENTITY) {
        return eca_identity_parse(record->value, &loaded->identity, err);
    }
    records->at = eca_xrealloc_array(records->at, records->count + 1, sizeof(*records->at));
    kept = &records->at[records->count++];
    kept->kind = record->kind;
    kept->key = eca_xstrdup(record->key);
    kept->value = eca_xstrndup(record->value.at, record->value.len);
    return ECA_OK;
}

/* Takes what is loaded in place of what the agent has. */
static void use_loaded(struct eca_agent *agent, struct loaded *loaded)
{
    eca_identity_clear(&agent->identity);
    records_clear(&agent->records);
    agent->identity = loaded->identity;
    agent->records = loaded->records;
    *loaded = (struct loaded){0};
}

static void loaded_clear(struct loaded *loaded)
{
    eca_identity_clear(&loaded->identity);
    records_clear(&loaded->records);
}

/* What is not written again is deleted with the next commit. */
static void mark_records(struct eca_agent *agent, const struct stored_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        eca_journal_mark(agent->journal, records->at[i].kind, records->at[i].key);
    }
}

static void keep_copy(struct eca_agent *agent, const char *why)
{
    struct eca_log *log = agent->opts.ports.log;
    char path[ECA_STORE_PATH_BYTES] = "";
    struct eca_err err = {0};

    if (!agent->store_is_open) {
        return;
    }
    if (eca_store_keep_copy(agent->store, why, path, &err) < 0) {
        ECA_ERROR(log, module, ECA_NO_KV, "No copy of the old state could be kept: %s", err.msg);
    } else {
        ECA_INFO(log, module, ECA_KV("kept", path), "A copy of the old state is kept");
    }
}

static void say_import(struct eca_agent *agent, const char *path,
                       const struct eca_import_notes *notes)
{
    struct eca_log *log = agent->opts.ports.log;

    ECA_INFO(log, module, ECA_KV("path", path),
             "Imported %zu tasks, %zu containers, %zu images; skipped %zu orphaned containers",
             notes->tasks, notes->containers, notes->images, notes->orphans);
    if (notes->unknown_keys > 0) { /* STATE-102 */
        ECA_ERROR(log, module, ECA_KV("path", path), "%zu unknown members were skipped",
                  notes->unknown_keys);
    }
}

/* The file instead of the database, which was written by us before v1.13.1 ran again, or never. The
 * database stays as it is until the file's content is known to be ours. */
static void use_import(struct eca_agent *agent, struct loaded *loaded, const char *sha256)
{
    if (!agent->store_is_fresh) {
        ECA_WARN(agent->opts.ports.log, module, ECA_NO_KV,
                 "The state file of another agent is newer than the database; it is imported");
        agent->replaced = agent->records;
        agent->records = (struct stored_records){0};
    }
    eca_identity_set(&loaded->identity.import_sha256, sha256);
    use_loaded(agent, loaded);
    agent->imported = true;
}

/*
 * The file of v1.13.1 beside a database that is new or older (STATE-127): its records take the
 * place of the database's, unless they are those that were imported last. A newer version ends the
 * agent, file untouched (STATE-105); a damaged file is left as it is and said, and the agent goes
 * on with what it has (FB-13.2).
 */
static bool import_file(struct eca_agent *agent)
{
    struct eca_log *log = agent->opts.ports.log;
    eca_auto_free char *path =
        eca_xasprintf("%s/%s", agent_config(agent)->data_dir, ECA_STATE_FILE);
    eca_auto_buf struct eca_buf text = {0};
    struct eca_import_notes notes = {0};
    struct loaded loaded = {0};
    struct eca_err err = {0};
    char sha256[ECA_SHA256_HEX_BYTES];
    int rc =
        eca_host_read_file(agent->opts.ports.host, path, ECA_STATE_FILE_BYTES_MAX, &text, &err);

    eca_sha256_hex(eca_buf_view(&text), sha256);
    if (rc == ECA_E_NOT_FOUND ||
        (rc == ECA_OK && strcmp(sha256, agent->identity.import_sha256) == 0)) {
        return true;
    }
    eca_identity_init(&loaded.identity);
    if (rc == ECA_OK) {
        rc = eca_state_import(eca_buf_view(&text), keep_record, &loaded, &notes, &err);
    }
    if (rc == ECA_OK) {
        use_import(agent, &loaded, sha256);
        say_import(agent, path, &notes);
    } else if (rc == ECA_E_DENIED) {
        ECA_CRIT(log, module, ECA_KV("path", path), "Cannot use the state file: %s", err.msg);
        agent_exit(agent, ECA_EXIT_TERMINAL);
    } else {
        ECA_CRIT(log, module, ECA_KV("path", path), "The state file cannot be read; %s: %s",
                 agent->store_is_fresh ? "starting without state" : "the database is used",
                 err.msg);
    }
    loaded_clear(&loaded);
    return rc != ECA_E_DENIED;
}

static bool load_database(struct eca_agent *agent)
{
    struct loaded loaded = {0};
    struct eca_err err = {0};
    bool good;

    eca_identity_init(&loaded.identity);
    good = eca_store_load(agent->store, keep_record, &loaded, &err) == ECA_OK;
    if (good) {
        use_loaded(agent, &loaded);
    } else {
        ECA_CRIT(agent->opts.ports.log, module, ECA_NO_KV, "Cannot read the state: %s", err.msg);
        agent_exit(agent, ECA_EXIT_TERMINAL);
    }
    loaded_clear(&loaded);
    return good;
}

bool agent_load_records(struct eca_agent *agent)
{
    if (!agent->store_is_open) {
        return true;
    }
    return load_database(agent) &&
           ((!agent->store_is_fresh && !agent->older_than_file) || import_file(agent));
}

void agent_clear_records(struct eca_agent *agent)
{
    records_clear(&agent->records);
    records_clear(&agent->replaced);
}

void agent_forget_records(struct eca_agent *agent)
{
    keep_copy(agent, "other-instance");
    mark_records(agent, &agent->records);
    records_clear(&agent->records);
    eca_identity_set(&agent->identity.instance_arn, "");
    eca_identity_set(&agent->identity.client_token, "");
}

static int restore_one(struct eca_agent *agent, const struct stored_record *record,
                       struct eca_err *err)
{
    struct eca_view value = eca_view_str(record->value);
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_task *task = NULL;

    switch (record->kind) {
    case ECA_RECORD_TASK:
        if (eca_json_parse(value, &doc, err) < 0 ||
            eca_task_from_state(eca_json_root(doc), &task, err) < 0) {
            return ECA_E_INVALID;
        }
        return eca_engine_restore(agent->engine, task, err);
    case ECA_RECORD_IMAGE:
        return eca_engine_restore_image(agent->engine, value, err);
    case ECA_RECORD_REPORT:
        return eca_reporter_restore(agent->reporter, record->key, value, err);
    case ECA_RECORD_UPDATE:
        return eca_updater_restore(agent->updater, record->key, err);
    case ECA_RECORD_IDENTITY:
    case ECA_RECORD_KINDS:
        break;
    }
    return ECA_OK;
}

/* What the file holds comes, and what the database held goes, in one transaction (STATE-127). */
static void store_import(struct eca_agent *agent)
{
    if (!agent->store_is_fresh) {
        keep_copy(agent, "before-import");
    }
    mark_records(agent, &agent->replaced);
    eca_engine_mark_all(agent->engine);
}

void agent_restore_records(struct eca_agent *agent)
{
    size_t tasks = 0;

    for (size_t i = 0; i < agent->records.count; i++) {
        struct eca_err err = {0};

        if (restore_one(agent, &agent->records.at[i], &err) < 0) {
            /* One unreadable row must not keep the agent down (ENG-122). */
            ECA_ERROR(agent->opts.ports.log, module, ECA_KV("key", agent->records.at[i].key),
                      "A stored record cannot be used: %s", err.msg);
        } else {
            tasks += agent->records.at[i].kind == ECA_RECORD_TASK;
        }
    }
    if (agent->records.count > 0) {
        ECA_INFO(agent->opts.ports.log, module, ECA_NO_KV, "Restored %zu tasks", tasks);
    }
    if (agent->imported) {
        store_import(agent);
    }
    agent_clear_records(agent);
}

void agent_mark_identity(struct eca_agent *agent)
{
    eca_journal_mark(agent->journal, ECA_RECORD_IDENTITY, ECA_IDENTITY_KEY);
}
