#include "agent/credentials/store.h"

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/mutation.h"

/* One set of values per task; its ids lead to it (PAY-144). */
struct holder {
    char *task_arn;
    char **ids; /* the first: the one its containers were created with */
    size_t id_count;
    bool delivered;
    char *role_arn, *expiration;
    struct eca_secret access_key_id, secret_access_key, session_token;
};

struct eca_credentials_store {
    struct eca_map *by_task;
    struct eca_map *by_id; /* id -> holder */
    size_t waiting;        /* holders without values */
};

static void holder_free(struct holder *holder)
{
    for (size_t i = 0; i < holder->id_count; i++) {
        eca_free(holder->ids[i]);
    }
    eca_free(holder->ids);
    eca_free(holder->task_arn);
    eca_free(holder->role_arn);
    eca_free(holder->expiration);
    eca_secret_clear(&holder->access_key_id);
    eca_secret_clear(&holder->secret_access_key);
    eca_secret_clear(&holder->session_token);
    eca_free(holder);
}

struct eca_credentials_store *eca_credentials_store_new(void)
{
    struct eca_credentials_store *store = eca_xalloc(sizeof(*store));

    store->by_task = eca_map_new();
    store->by_id = eca_map_new();
    return store;
}

void eca_credentials_store_free(struct eca_credentials_store *store)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    if (store == NULL) {
        return;
    }
    while (eca_map_next(store->by_task, &cursor, &key, &value)) {
        holder_free(value);
    }
    eca_map_free(store->by_task);
    eca_map_free(store->by_id);
    eca_free(store);
}

static struct holder *holder_of(struct eca_credentials_store *store, const char *task_arn)
{
    struct holder *holder;

    task_arn = ECA_MUTATION(CREDENTIALS_MIXED_UP) ? "any" : task_arn;
    holder = eca_map_get(store->by_task, task_arn);
    if (holder == NULL) {
        holder = eca_xalloc(sizeof(*holder));
        holder->task_arn = eca_xstrdup(task_arn);
        (void)eca_map_put(store->by_task, task_arn, holder);
        store->waiting++;
    }
    return holder;
}

static void forget_id(struct eca_credentials_store *store, struct holder *holder, size_t index)
{
    (void)eca_map_remove(store->by_id, holder->ids[index]);
    eca_free(holder->ids[index]);
    holder->id_count--;
    for (size_t i = index; i < holder->id_count; i++) {
        holder->ids[i] = holder->ids[i + 1];
    }
}

static void drop_holder(struct eca_credentials_store *store, struct holder *holder)
{
    while (holder->id_count > 0) {
        forget_id(store, holder, holder->id_count - 1);
    }
    store->waiting -= holder->delivered ? 0 : 1;
    (void)eca_map_remove(store->by_task, holder->task_arn);
    holder_free(holder);
}

/* An id belongs to one task: the newest owner has it. */
static void add_id(struct eca_credentials_store *store, struct holder *holder, const char *id)
{
    struct holder *owner = eca_map_get(store->by_id, id);

    if (owner == holder) {
        return;
    }
    for (size_t i = 0; owner != NULL && i < owner->id_count; i++) {
        if (eca_view_eq_str(eca_view_str(owner->ids[i]), id)) {
            forget_id(store, owner, i);
        }
    }
    if (owner != NULL && owner->id_count == 0) {
        drop_holder(store, owner);
    }
    if (holder->id_count == ECA_CREDENTIALS_IDS_MAX) {
        forget_id(store, holder, 1);
    }
    holder->ids = eca_xrealloc_array(holder->ids, holder->id_count + 1, sizeof(*holder->ids));
    holder->ids[holder->id_count++] = eca_xstrdup(id);
    (void)eca_map_put(store->by_id, id, holder);
}

static void replace(char **text, const char *value)
{
    eca_free(*text);
    *text = eca_xstrdup(value == NULL ? "" : value);
}

int eca_credentials_store_set(struct eca_credentials_store *store, const char *task_arn,
                              const struct eca_task_credentials *credentials, struct eca_err *err)
{
    struct holder *holder;

    if (credentials->credentials_id == NULL || credentials->credentials_id[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "CredentialsId is empty");
    }
    if (task_arn == NULL || task_arn[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "task ARN is empty");
    }
    holder = holder_of(store, task_arn);
    add_id(store, holder, credentials->credentials_id);
    store->waiting -= holder->delivered ? 0 : 1;
    holder->delivered = true;
    replace(&holder->role_arn, credentials->role_arn);
    replace(&holder->expiration, credentials->expiration);
    eca_secret_set(&holder->access_key_id, eca_view_str(credentials->access_key_id));
    eca_secret_set(&holder->secret_access_key, eca_view_str(credentials->secret_access_key));
    eca_secret_set(&holder->session_token, eca_view_str(credentials->session_token));
    return ECA_OK;
}

void eca_credentials_store_expect(struct eca_credentials_store *store, const char *task_arn,
                                  const char *credentials_id)
{
    add_id(store, holder_of(store, task_arn), credentials_id);
}

void eca_credentials_store_remove_task(struct eca_credentials_store *store, const char *task_arn)
{
    struct holder *holder = eca_map_get(store->by_task, task_arn);

    if (holder != NULL && !ECA_MUTATION(CREDENTIALS_KEPT)) {
        drop_holder(store, holder);
    }
}

/* All ids, without an early end: how long it takes tells nothing of the ids that there are
 * (CREDEP-131). There are as many as tasks with a role. */
static const struct holder *holder_with(const struct eca_credentials_store *store,
                                        struct eca_view id)
{
    const struct holder *found = NULL;
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(store->by_id, &cursor, &key, &value)) {
        found = eca_view_eq_guarded(eca_view_str(key), id) ? value : found;
    }
    return found;
}

enum eca_credentials_found
eca_credentials_store_find(struct eca_credentials_store *store, struct eca_view id,
                           struct eca_task_credentials_view *ret_credentials)
{
    const struct holder *holder = holder_with(store, id);

    if (holder == NULL) {
        return ECA_CREDENTIALS_UNKNOWN;
    }
    if (!holder->delivered) {
        return ECA_CREDENTIALS_PENDING;
    }
    *ret_credentials = (struct eca_task_credentials_view){
        .role_arn = holder->role_arn,
        .task_arn = holder->task_arn,
        .access_key_id = eca_secret_view(&holder->access_key_id),
        .secret_access_key = eca_secret_view(&holder->secret_access_key),
        .session_token = eca_secret_view(&holder->session_token),
        .expiration = holder->expiration,
    };
    return ECA_CREDENTIALS_FOUND;
}

static enum eca_credentials_found source_find(void *impl, struct eca_view id,
                                              struct eca_task_credentials_view *ret_credentials)
{
    return eca_credentials_store_find(impl, id, ret_credentials);
}

struct eca_credentials_source eca_credentials_store_source(struct eca_credentials_store *store)
{
    return (struct eca_credentials_source){.find = source_find, .impl = store};
}

bool eca_credentials_store_is_waiting(const struct eca_credentials_store *store)
{
    return store->waiting > 0;
}

size_t eca_credentials_store_count(const struct eca_credentials_store *store)
{
    return eca_map_count(store->by_id);
}
