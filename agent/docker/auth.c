#include "agent/docker/auth.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#define ENTRIES_MAX 1000
static const char module[] = "docker auth";
static const char hub_key[] = "index.docker.io/v1/"; /* AUTH-108 */

struct entry {
    char *key; /* without scheme (AUTH-106) */
    struct eca_secret username, password, email, server_address;
};
struct eca_docker_auth {
    struct entry *entries;
    size_t count;
};

static void entry_clear(struct entry *entry)
{
    eca_free(entry->key);
    eca_secret_clear(&entry->username);
    eca_secret_clear(&entry->password);
    eca_secret_clear(&entry->email);
    eca_secret_clear(&entry->server_address);
}

static void entries_clear(struct eca_docker_auth *auth)
{
    for (size_t i = 0; i < auth->count; i++) {
        entry_clear(&auth->entries[i]);
    }
    eca_free(auth->entries);
    auth->entries = NULL;
    auth->count = 0;
}

static struct entry *entry_for(struct eca_docker_auth *auth, const char *key)
{
    struct eca_view view = eca_view_str(key);

    if (eca_view_starts(view, "http://") || eca_view_starts(view, "https://")) {
        view = eca_view_sub(view, eca_view_find(view, "://", 0) + 3, view.len);
    }
    for (size_t i = 0; i < auth->count; i++) { /* the last of equal keys wins */
        if (eca_view_eq_str(view, auth->entries[i].key)) {
            entry_clear(&auth->entries[i]);
            auth->entries[i] = (struct entry){.key = eca_xstrndup(view.at, view.len)};
            return &auth->entries[i];
        }
    }
    auth->entries = eca_xrealloc_array(auth->entries, auth->count + 1, sizeof(*auth->entries));
    auth->entries[auth->count] = (struct entry){.key = eca_xstrndup(view.at, view.len)};
    return &auth->entries[auth->count++];
}

static bool set_member(eca_json object, const char *key, struct eca_secret *to)
{
    eca_json value = eca_json_get_nocase(object, key);

    if (eca_json_is_null(value)) {
        return true;
    }
    if (eca_json_type(value) != ECA_JSON_STRING) {
        return false;
    }
    eca_secret_set(to, eca_view_str(eca_json_str(value)));
    return true;
}

/* AUTH-103: one wrong type discards everything. */
static bool read_docker(struct eca_docker_auth *auth, eca_json item)
{
    struct entry *entry;

    if (eca_json_type(item) != ECA_JSON_OBJECT) {
        return false;
    }
    entry = entry_for(auth, eca_json_key(item));
    return set_member(item, "username", &entry->username) &&
           set_member(item, "password", &entry->password) &&
           set_member(item, "email", &entry->email) &&
           set_member(item, "serveraddress", &entry->server_address);
}

/* AUTH-104: bad base64 skips one entry, a wrong shape discards everything. */
static bool read_dockercfg(struct eca_docker_auth *auth, eca_json item, struct eca_log *log)
{
    struct eca_buf pair = {0};
    eca_json value;
    size_t colon;
    struct entry *entry;

    if (eca_json_type(item) != ECA_JSON_OBJECT) {
        return false;
    }
    value = eca_json_get_nocase(item, "auth");
    if (!eca_json_is_null(value) && eca_json_type(value) != ECA_JSON_STRING) {
        return false;
    }
    if (eca_json_is_null(value) ||
        eca_base64_decode(eca_view_str(eca_json_str(value)), &pair, NULL) < 0 ||
        (colon = eca_view_find(eca_buf_view(&pair), ":", 0)) == SIZE_MAX) {
        ECA_WARN(log, module, ECA_KV("registry", eca_json_key(item)),
                 "Registry login skipped: no user and password in it");
    } else {
        entry = entry_for(auth, eca_json_key(item));
        eca_secret_set(&entry->username, eca_view_sub(eca_buf_view(&pair), 0, colon));
        eca_secret_set(&entry->password, eca_view_sub(eca_buf_view(&pair), colon + 1, pair.len));
    }
    eca_wipe(pair.at, pair.len);
    eca_buf_clear(&pair);
    return true;
}

struct eca_docker_auth *eca_docker_auth_new(const char *type, const struct eca_secret *data,
                                            struct eca_log *log)
{
    struct eca_docker_auth *auth = eca_xalloc(sizeof(*auth));
    eca_auto_json struct eca_json_doc *doc = NULL;
    bool is_cfg = strcmp(type, "dockercfg") == 0;
    bool good;

    if (type[0] == '\0') {
        return auth;
    }
    if (!is_cfg && strcmp(type, "docker") != 0) {
        ECA_WARN(log, module, ECA_KV("type", type), "Unrecognized registry auth type");
        return auth;
    }
    good = eca_json_parse(eca_secret_view(data), &doc, NULL) == ECA_OK &&
           eca_json_type(eca_json_root(doc)) == ECA_JSON_OBJECT &&
           eca_json_count(eca_json_root(doc)) <= ENTRIES_MAX;
    for (eca_json item = good ? eca_json_first(eca_json_root(doc)) : NULL; good && item != NULL;
         item = eca_json_next(item)) {
        good = is_cfg ? read_dockercfg(auth, item, log) : read_docker(auth, item);
    }
    if (!good) {
        entries_clear(auth);
        ECA_WARN(log, module, ECA_KV("type", type),
                 "Registry auth data cannot be parsed; no registry login is used");
    }
    return auth;
}

void eca_docker_auth_free(struct eca_docker_auth *auth)
{
    if (auth != NULL) {
        entries_clear(auth);
        eca_free(auth);
    }
}

/* Image without digest and tag. */
static struct eca_view image_name(const char *image)
{
    struct eca_view name = eca_view_str(image);
    size_t digest = eca_view_find(name, "@", 0);
    size_t colon;

    name = eca_view_sub(name, 0, digest == SIZE_MAX ? name.len : digest);
    for (colon = name.len; colon > 0 && name.at[colon - 1] != ':' && name.at[colon - 1] != '/';
         colon--) {
    }
    return colon > 0 && name.at[colon - 1] == ':' ? eca_view_sub(name, 0, colon - 1) : name;
}

/* Host of a registry other than Docker Hub, or empty (AUTH-107). */
static struct eca_view registry_host(struct eca_view name)
{
    static const char *const hubs[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};
    size_t slash = eca_view_find(name, "/", 0);
    struct eca_view host = eca_view_sub(name, 0, slash == SIZE_MAX ? 0 : slash);

    if (slash == SIZE_MAX ||
        (eca_view_find(host, ".", 0) == SIZE_MAX && eca_view_find(host, ":", 0) == SIZE_MAX &&
         !eca_view_eq_str(host, "localhost"))) {
        return ECA_VIEW_NONE;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(hubs); i++) {
        if (eca_view_eq_str(host, hubs[i])) {
            return ECA_VIEW_NONE;
        }
    }
    return host;
}

/* The key is a prefix of the name that ends at a '/' or at the end (AUTH-110). */
static bool is_path_prefix(const char *key, struct eca_view name)
{
    size_t len = strlen(key);

    return eca_view_starts(name, key) &&
           (len == name.len || name.at[len] == '/' || (len > 0 && key[len - 1] == '/'));
}

/* Better candidate of the same host: longest path prefix, else the host itself, else the shortest
 * key, ties by byte order (AUTH-109, AUTH-110). */
static int rank(const char *key, struct eca_view name, struct eca_view host)
{
    if (is_path_prefix(key, name)) {
        return 2;
    }
    return eca_view_eq_str(host, key) ? 1 : 0;
}

static bool is_better(const char *key, const char *best, struct eca_view name, struct eca_view host)
{
    int mine = rank(key, name, host), theirs = rank(best, name, host);

    if (mine != theirs) {
        return mine > theirs;
    }
    if (strlen(key) != strlen(best)) {
        return mine == 2 ? strlen(key) > strlen(best) : strlen(key) < strlen(best);
    }
    return strcmp(key, best) < 0;
}

bool eca_docker_auth_find(const struct eca_docker_auth *auth, const char *image,
                          struct eca_docker_login *ret_login)
{
    struct eca_view name = image_name(image);
    struct eca_view host = registry_host(name);
    const struct entry *best = NULL;

    for (size_t i = 0; auth != NULL && i < auth->count; i++) {
        const struct entry *entry = &auth->entries[i];
        struct eca_view key = eca_view_str(entry->key);
        size_t slash = eca_view_find(key, "/", 0);

        if (host.len == 0) {
            best = strcmp(entry->key, hub_key) == 0 ? entry : best;
        } else if (eca_view_eq(eca_view_sub(key, 0, slash == SIZE_MAX ? key.len : slash), host) &&
                   (best == NULL || is_better(entry->key, best->key, name, host))) {
            best = entry;
        }
    }
    if (best == NULL) {
        return false;
    }
    *ret_login = (struct eca_docker_login){
        .username = eca_secret_view(&best->username),
        .password = eca_secret_view(&best->password),
        .email = eca_secret_view(&best->email),
        .server_address = eca_secret_view(&best->server_address),
    };
    return true;
}

void eca_docker_auth_header(const struct eca_docker_login *login, struct eca_buf *out)
{
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);

    eca_jw_object(&w, NULL);
    if (login != NULL && login->username.len > 0) {
        eca_jw_view(&w, "username", login->username);
    }
    if (login != NULL && login->password.len > 0) {
        eca_jw_view(&w, "password", login->password);
    }
    if (login != NULL && login->email.len > 0) {
        eca_jw_view(&w, "email", login->email);
    }
    if (login != NULL && login->server_address.len > 0) {
        eca_jw_view(&w, "serveraddress", login->server_address);
    }
    eca_jw_end_object(&w);
    eca_base64(json.at, json.len, true, out);
    eca_wipe(json.at, json.len);
    eca_buf_clear(&json);
}
