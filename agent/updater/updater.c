#include "agent/updater/updater.h"

#include <assert.h>
#include <assert.h>
#include <string.h>

#include "agent/acs/messages.h"
#include "agent/base/mem.h"
#include "agent/updater/location.h"

static const char module[] = "updater";

#define NAME_DIGITS 20 /* UPD-122 */
#define NAME_SUFFIX ".ecs-update.tar"
#define NAME_BYTES (NAME_DIGITS + sizeof(NAME_SUFFIX))
/* Files that wait for their removal; each download makes one. */
#define FILES_MAX 64

/* One message, from its arrival to its answer. */
struct message {
    struct eca_list_node node;
    bool performs;
    uint64_t connection; /* it came on */
    char *id, *cluster, *instance, *location, *signature;
    bool has_info;
};

/* One tar file that this agent made, now or in an earlier life (UPD-126). */
struct made_file {
    struct eca_list_node node;
    char *path; /* key of its record */
    bool unwanted;
};

struct eca_updater {
    struct eca_updater_opts opts;
    char *dir;
    struct eca_list queue; /* the first one is being handled while `busy` */
    bool busy;
    bool performed; /* the process is ending: nothing is handled any more */
    enum eca_update_stage stage;
    char *staged_id, *staged_signature; /* of the stage message, from DOWNLOADING on */
    struct eca_journal_waiter waiter;
    struct eca_update_download *download;
    struct eca_list files;
    struct made_file *current; /* being downloaded, or the staged one */
    struct made_file *removing;
    struct eca_files_op *remove_op;
};

static void handle_next(struct eca_updater *updater);

/* ---- messages ------------------------------------------------------------------------------- */

static void message_free(struct message *message)
{
    eca_free(message->id);
    eca_free(message->cluster);
    eca_free(message->instance);
    eca_free(message->location);
    eca_free(message->signature);
    eca_free(message);
}

static bool fits(const char *text)
{
    return text == NULL || strlen(text) <= ECA_UPDATER_TEXT_BYTES_MAX;
}

static void enqueue(struct eca_updater *updater, eca_json body, bool performs)
{
    struct eca_acs_update update = {0};
    struct eca_err err = {0};
    struct message *message;

    if (body == NULL || eca_acs_read_update(body, &update, &err) < 0 || update.message_id == NULL) {
        ECA_ERROR(updater->opts.log, module, ECA_NO_KV, "%s without message id%s%s",
                  performs ? "PerformUpdate" : "StageUpdate", err.msg[0] == '\0' ? "" : ": ",
                  err.msg); /* UPD-110, UPD-130 */
        return;
    }
    if (updater->queue.count >= ECA_UPDATER_QUEUE_MAX || !fits(update.message_id) ||
        !fits(update.cluster_arn) || !fits(update.container_instance_arn) ||
        !fits(update.location) || !fits(update.signature)) {
        ECA_ERROR(updater->opts.log, module, ECA_NO_KV,
                  "An update message is dropped: %zu wait, or it is too long",
                  updater->queue.count);
        return;
    }
    message = eca_xalloc(sizeof(*message));
    *message = (struct message){.performs = performs,
                                .connection = updater->opts.events->connection(updater->opts.arg),
                                .id = eca_xstrdup(update.message_id),
                                .cluster = eca_xstrdup(update.cluster_arn),
                                .instance = eca_xstrdup(update.container_instance_arn),
                                .location = eca_xstrdup(update.location),
                                .signature = eca_xstrdup(update.signature),
                                .has_info = update.has_info};
    eca_list_push_back(&updater->queue, &message->node);
    handle_next(updater);
}

static bool answer(struct eca_updater *updater, const struct message *message,
                   const struct eca_buf *text, const char *id)
{
    return updater->opts.events->answer(updater->opts.arg, message->connection, eca_buf_view(text),
                                        id);
}

static bool ack(struct eca_updater *updater, const struct message *message)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_acs_write_ack(&text, message->cluster, message->instance, message->id);
    return answer(updater, message, &text, message->id);
}

static void nack(struct eca_updater *updater, const struct message *message, const char *reason)
{
    eca_auto_buf struct eca_buf text = {0};

    ECA_ERROR(updater->opts.log, module, ECA_KV("messageId", message->id), "Nacking %s; reason: %s",
              message->performs ? "PerformUpdate" : "StageUpdate", reason); /* UPD-117 */
    eca_acs_write_nack(&text, message->cluster, message->instance, message->id, reason);
    (void)answer(updater, message, &text, message->id);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The part behind the last slash; every path has one. */
static const char *name_of(const struct made_file *file)
{
    const char *slash = strrchr(file->path, '/');

    assert(slash != NULL);
    return slash + 1;
}

static struct made_file *find_file(const struct eca_updater *updater, const char *path)
{
    ECA_LIST_FOREACH(node, &updater->files)
    {
        struct made_file *file = eca_list_entry(node, struct made_file, node);

        if (strcmp(file->path, path) == 0) {
            return file;
        }
    }
    return NULL;
}

static struct made_file *add_file(struct eca_updater *updater, const char *path)
{
    struct made_file *file = eca_xalloc(sizeof(*file));

    file->path = eca_xstrdup(path);
    eca_list_push_back(&updater->files, &file->node);
    return file;
}

static void drop_file(struct eca_updater *updater, struct made_file *file)
{
    eca_list_remove(&updater->files, &file->node);
    eca_journal_mark(updater->opts.journal, ECA_RECORD_UPDATE, file->path);
    eca_free(file->path);
    eca_free(file);
}

static void remove_unwanted(struct eca_updater *updater);

static void on_removed(void *arg, const struct eca_files_end *end)
{
    struct eca_updater *updater = arg;
    struct made_file *file = eca_take(updater->removing);

    updater->remove_op = NULL;
    if (end->err.code != ECA_OK) { /* not a second time: it would fail for ever */
        ECA_WARN(updater->opts.log, module, ECA_KV("file", file->path),
                 "An old update file stays: %s", end->err.msg);
    }
    drop_file(updater, file);
    remove_unwanted(updater);
}

/* One after the other. The record goes when the file has gone. */
static void remove_unwanted(struct eca_updater *updater)
{
    struct eca_err err = {0};

    ECA_LIST_FOREACH(node, &updater->files)
    {
        struct made_file *file = eca_list_entry(node, struct made_file, node);
        const char *name = name_of(file);
        eca_auto_free char *dir = NULL;

        if (!file->unwanted || updater->removing != NULL) {
            continue;
        }
        dir = eca_xstrndup(file->path, (size_t)(name - 1 - file->path));
        if (eca_files_remove(updater->opts.files, dir, name, on_removed, updater,
                             &updater->remove_op, &err) < 0) {
            ECA_WARN(updater->opts.log, module, ECA_KV("file", file->path),
                     "An old update file stays: %s", err.msg);
            return; /* tried again with the next one */
        }
        updater->removing = file;
    }
}

static bool is_made_name(struct eca_view name)
{
    for (size_t i = 0; i < NAME_DIGITS && i < name.len; i++) {
        if (strchr("0123456789abcdef", name.at[i]) == NULL || name.at[i] == '\0') {
            return false;
        }
    }
    return name.len == NAME_BYTES - 1 && eca_view_ends(name, NAME_SUFFIX);
}

/* What is removed one day must be nothing but what an updater made. */
int eca_updater_restore(struct eca_updater *updater, const char *key, struct eca_err *err)
{
    const char *slash = strrchr(key, '/');

    if (slash == NULL || slash == key || !is_made_name(eca_view_str(slash + 1))) {
        return eca_err_set(err, ECA_E_INVALID, "\"%.100s\" is no update file", key);
    }
    if (updater->files.count >= FILES_MAX) {
        return eca_err_set(err, ECA_E_LIMIT, "more than %d update files", FILES_MAX);
    }
    if (find_file(updater, key) == NULL) {
        (void)add_file(updater, key);
    }
    return ECA_OK;
}

static bool serialise(void *arg, const char *key, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    if (find_file(arg, key) == NULL) {
        return false;
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "file", key);
    eca_jw_end_object(&w);
    return true;
}

/* ---- stage ---------------------------------------------------------------------------------- */

static struct message *handled(const struct eca_updater *updater)
{
    struct eca_list_node *node = eca_list_first(&updater->queue);

    assert(node != NULL);
    return eca_list_entry(node, struct message, node);
}

static void done(struct eca_updater *updater)
{
    struct message *message = handled(updater);

    eca_list_remove(&updater->queue, &message->node);
    message_free(message);
    updater->busy = false;
}

/* Only the file of the staged update is wanted now (UPD-126). */
static void keep_current(struct eca_updater *updater)
{
    ECA_LIST_FOREACH(node, &updater->files)
    {
        struct made_file *file = eca_list_entry(node, struct made_file, node);

        file->unwanted = file != updater->current;
    }
    remove_unwanted(updater);
}

static void on_downloaded(void *arg, const struct eca_err *err)
{
    struct eca_updater *updater = arg;
    struct message *message = handled(updater);
    struct eca_err failure = {0};

    if (err != NULL) {
        failure = *err; /* it is the download's */
    }
    eca_update_download_free(eca_take(updater->download));
    if (failure.code != ECA_OK) { /* the earlier files stay (UPD-116) */
        eca_auto_free char *reason = eca_xasprintf("Unable to download: %s", failure.msg);

        updater->stage = ECA_UPDATE_NONE;
        updater->current->unwanted = true;
        updater->current = NULL;
        remove_unwanted(updater);
        nack(updater, message, reason);
    } else {
        updater->stage = ECA_UPDATE_DOWNLOADED;
        ECA_INFO(updater->opts.log, module, ECA_KV("file", updater->current->path),
                 "The update is downloaded and verified");
        keep_current(updater);
        (void)ack(updater, message);
    }
    done(updater);
    handle_next(updater);
}

/* Its record is on disk, or cannot be: now the file may come into being. */
static void begin_download(void *arg)
{
    struct eca_updater *updater = arg;
    const struct message *message = handled(updater);
    struct eca_update_download_opts opts = {.sched = updater->opts.sched,
                                            .http = updater->opts.http,
                                            .files = updater->opts.files,
                                            .limits = updater->opts.limits,
                                            .url = message->location,
                                            .signature = message->signature,
                                            .dir = updater->dir,
                                            .name = name_of(updater->current),
                                            .on_done = on_downloaded,
                                            .arg = updater};

    updater->download = eca_update_download_start(&opts);
}

static void set_text(char **text, const char *value)
{
    eca_free(*text);
    *text = eca_xstrdup(value);
}

static void start_download(struct eca_updater *updater, const struct message *message)
{
    char digits[NAME_DIGITS + 1];
    eca_auto_free char *path = NULL;

    eca_entropy_hex(updater->opts.entropy, NAME_DIGITS, digits);
    path = eca_xasprintf("%s/%s" NAME_SUFFIX, updater->dir, digits);
    updater->stage = ECA_UPDATE_DOWNLOADING;
    set_text(&updater->staged_id, message->id);
    set_text(&updater->staged_signature, message->signature);
    updater->current = add_file(updater, path);
    eca_journal_mark(updater->opts.journal, ECA_RECORD_UPDATE, path);
    eca_journal_after_try(updater->opts.journal, &updater->waiter, begin_download, updater);
}

/* UPD-112: the detail, or false when there is nothing to complain about. */
static bool is_invalid(const struct message *message, struct eca_err *ret_why)
{
    if (!message->has_info) {
        return eca_err_set(ret_why, ECA_E_INVALID, "no update info given") < 0;
    }
    if (message->location == NULL) {
        return eca_err_set(ret_why, ECA_E_INVALID, "no location given") < 0;
    }
    if (message->signature == NULL) {
        return eca_err_set(ret_why, ECA_E_INVALID, "no signature given") < 0;
    }
    return eca_update_location_check(eca_view_str(message->location), ret_why) < 0;
}

/* UPD-114: the earlier message is refused, also when it had been acknowledged. */
static void refuse_previous(struct eca_updater *updater, const struct message *message)
{
    eca_auto_free char *reason = eca_xasprintf("New update arrived: %s", message->id);
    eca_auto_buf struct eca_buf text = {0};

    ECA_ERROR(updater->opts.log, module, ECA_KV("messageId", updater->staged_id),
              "Nacking StageUpdate; reason: %s", reason);
    eca_acs_write_nack(&text, message->cluster, message->instance, updater->staged_id, reason);
    (void)answer(updater, message, &text, updater->staged_id);
}

/* Makes room for the server's next attempt. */
static void evict_oldest(struct eca_updater *updater)
{
    struct eca_list_node *node = eca_list_first(&updater->files);
    struct made_file *oldest;

    assert(node != NULL);
    oldest = eca_list_entry(node, struct made_file, node);
    oldest->unwanted = oldest != updater->current;
    remove_unwanted(updater);
}

/* True when the message is answered; otherwise on_downloaded answers it. */
static bool handle_stage(struct eca_updater *updater, struct message *message)
{
    struct eca_err why = {0};

    if (!updater->opts.enabled) {
        nack(updater, message, "Updates are disabled");
        return true;
    }
    if (is_invalid(message, &why)) { /* what is staged already stays (UPD-116) */
        eca_auto_free char *reason = eca_xasprintf("Invalid update: %s", why.msg);

        nack(updater, message, reason);
        return true;
    }
    if (updater->stage != ECA_UPDATE_NONE) {
        if (strcmp(updater->staged_signature, message->signature) == 0) {
            (void)ack(updater, message); /* UPD-113 */
            return true;
        }
        refuse_previous(updater, message);
    }
    if (updater->files.count >= FILES_MAX) {
        evict_oldest(updater);
        nack(updater, message, "Unable to download: too many update files wait for their removal");
        return true;
    }
    start_download(updater, message);
    return false;
}

/* ---- perform -------------------------------------------------------------------------------- */

static void handle_perform(struct eca_updater *updater, struct message *message)
{
    if (!updater->opts.enabled) {
        nack(updater, message, "Updates are disabled");
    } else if (updater->stage != ECA_UPDATE_DOWNLOADED) {
        nack(updater, message, "Cannot perform update; update not downloaded");
    } else if (ack(updater, message)) { /* UPD-131 */
        ECA_INFO(updater->opts.log, module, ECA_KV("messageId", message->id),
                 "Ending for the update");
        updater->performed = true;
        updater->opts.events->perform(updater->opts.arg);
    } /* else the server has not heard of it and asks again */
}

/* In order, one at a time (UPD-103). */
static void handle_next(struct eca_updater *updater)
{
    while (!updater->busy && !updater->performed && !eca_list_is_empty(&updater->queue)) {
        struct message *message = handled(updater);

        updater->busy = true;
        if (message->performs) {
            handle_perform(updater, message);
            done(updater);
        } else if (handle_stage(updater, message)) {
            done(updater);
        }
    }
}

void eca_updater_on_stage(struct eca_updater *updater, eca_json body)
{
    enqueue(updater, body, false);
}

void eca_updater_on_perform(struct eca_updater *updater, eca_json body)
{
    enqueue(updater, body, true);
}

enum eca_update_stage eca_updater_stage(const struct eca_updater *updater)
{
    return updater->stage;
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_updater *eca_updater_new(const struct eca_updater_opts *opts)
{
    struct eca_updater *updater = eca_xalloc(sizeof(*updater));

    updater->opts = *opts;
    updater->dir = eca_xstrdup(opts->dir[0] == '\0' ? "." : opts->dir);
    updater->opts.dir = updater->dir;
    eca_list_init(&updater->queue);
    eca_list_init(&updater->files);
    eca_journal_set_source(opts->journal, ECA_RECORD_UPDATE, serialise, updater);
    return updater;
}

void eca_updater_free(struct eca_updater *updater)
{
    struct eca_list_node *node;

    if (updater == NULL) {
        return;
    }
    eca_journal_set_source(updater->opts.journal, ECA_RECORD_UPDATE, NULL, NULL);
    eca_journal_cancel(updater->opts.journal, &updater->waiter);
    eca_update_download_free(updater->download);
    if (updater->remove_op != NULL) {
        eca_files_cancel(updater->opts.files, updater->remove_op);
    }
    while ((node = eca_list_pop_front(&updater->queue)) != NULL) {
        message_free(eca_list_entry(node, struct message, node));
    }
    while ((node = eca_list_pop_front(&updater->files)) != NULL) {
        struct made_file *file = eca_list_entry(node, struct made_file, node);

        eca_free(file->path);
        eca_free(file);
    }
    eca_free(updater->staged_id);
    eca_free(updater->staged_signature);
    eca_free(updater->dir);
    eca_free(updater);
}
