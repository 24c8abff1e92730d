#include "agent/agent_internal.h"
#include "agent/base/mem.h"
#include "agent/engine/task_json.h"
#include "agent/state/import.h"

static const char module[] = "statemanager";

/* STATE-108, STATE-123..125: each way in which the state cannot be used ends with exit code 5. */
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
        agent_exit(agent, ECA_EXIT_TERMINAL);
        return false;
    }
    agent->store_is_open = true;
    agent->store_is_fresh = notes.fresh && !notes.set_aside; /* an old file must not come back */
    if (notes.set_aside) {
        ECA_CRIT(log, module, ECA_KV("kept", notes.set_aside_path),
                 "The state database was damaged and is set aside; %s",
                 notes.restored_backup ? "the last good copy is in use" : "starting without state");
    }
    return true;
}

static int keep_record(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct eca_agent *agent = arg;
    struct stored_record *kept;

    if (record->kind == ECA_RECORD_IDENTITY) {
        return eca_identity_parse(record->value, &agent->identity, err);
    }
    agent->records =
        eca_xrealloc_array(agent->records, agent->record_count + 1, sizeof(*agent->records));
    kept = &agent->records[agent->record_count++];
    kept->kind = record->kind;
    kept->key = eca_xstrdup(record->key);
    kept->value = eca_xstrndup(record->value.at, record->value.len);
    return ECA_OK;
}

/*
 * First start beside the file of v1.13.1 (STATE-127): its records take the place of the database's.
 * A newer version ends the agent, file untouched (STATE-105); a damaged file is left as it is and
 * said, and the agent starts without state (FB-13.2).
 */
static bool import_file(struct eca_agent *agent)
{
    const char *dir = agent_config(agent)->data_dir;
    struct eca_log *log = agent->opts.ports.log;
    eca_auto_free char *path = eca_xasprintf("%s/%s", dir, ECA_STATE_FILE);
    eca_auto_buf struct eca_buf text = {0};
    struct eca_import_notes notes = {0};
    struct eca_err err = {0};
    int rc =
        eca_host_read_file(agent->opts.ports.host, path, ECA_STATE_FILE_BYTES_MAX, &text, &err);

    if (rc == ECA_E_NOT_FOUND) {
        return true;
    }
    if (rc == ECA_OK) {
        rc = eca_state_import(eca_buf_view(&text), keep_record, agent, &notes, &err);
    }
    if (rc == ECA_E_DENIED) {
        ECA_CRIT(log, module, ECA_KV("path", path), "Cannot use the state file: %s", err.msg);
        agent_exit(agent, ECA_EXIT_TERMINAL);
        return false;
    }
    if (rc < 0) {
        ECA_CRIT(log, module, ECA_KV("path", path),
                 "The state file cannot be read; starting without state: %s", err.msg);
        agent_clear_records(agent);
        eca_identity_clear(&agent->identity);
        eca_identity_init(&agent->identity);
        return true;
    }
    agent->imported = true;
    ECA_INFO(log, module, ECA_KV("path", path),
             "Imported %zu tasks, %zu containers, %zu images; skipped %zu orphaned containers",
             notes.tasks, notes.containers, notes.images, notes.orphans);
    if (notes.unknown_keys > 0) { /* STATE-102 */
        ECA_ERROR(log, module, ECA_KV("path", path), "%zu unknown members were skipped",
                  notes.unknown_keys);
    }
    return true;
}

bool agent_load_records(struct eca_agent *agent)
{
    struct eca_err err = {0};

    if (agent->store_is_open && eca_store_load(agent->store, keep_record, agent, &err) < 0) {
        ECA_CRIT(agent->opts.ports.log, module, ECA_NO_KV, "Cannot read the state: %s", err.msg);
        agent_exit(agent, ECA_EXIT_TERMINAL);
        return false;
    }
    return !agent->store_is_fresh || import_file(agent);
}

void agent_clear_records(struct eca_agent *agent)
{
    for (size_t i = 0; i < agent->record_count; i++) {
        eca_free(agent->records[i].key);
        eca_free(agent->records[i].value);
    }
    eca_free(agent->records);
    agent->records = NULL;
    agent->record_count = 0;
}

void agent_forget_records(struct eca_agent *agent)
{
    /* A row that nobody knows is deleted at the next commit. */
    for (size_t i = 0; i < agent->record_count; i++) {
        eca_journal_mark(agent->journal, agent->records[i].kind, agent->records[i].key);
    }
    agent_clear_records(agent);
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

void agent_restore_records(struct eca_agent *agent)
{
    size_t tasks = 0;

    for (size_t i = 0; i < agent->record_count; i++) {
        struct eca_err err = {0};

        if (restore_one(agent, &agent->records[i], &err) < 0) {
            /* One unreadable row must not keep the agent down (ENG-122). */
            ECA_ERROR(agent->opts.ports.log, module, ECA_KV("key", agent->records[i].key),
                      "A stored record cannot be used: %s", err.msg);
        } else {
            tasks += agent->records[i].kind == ECA_RECORD_TASK;
        }
    }
    if (agent->record_count > 0) {
        ECA_INFO(agent->opts.ports.log, module, ECA_NO_KV, "Restored %zu tasks", tasks);
    }
    if (agent->imported) {
        eca_engine_mark_all(agent->engine);
    }
    agent_clear_records(agent);
}

void agent_mark_identity(struct eca_agent *agent)
{
    eca_journal_mark(agent->journal, ECA_RECORD_IDENTITY, ECA_IDENTITY_KEY);
}
