#include <string.h>

#include "agent/aws/digest.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/docker/state.h"

#define LAYERS_DEFAULT 2
#define TRICKLE_MS 1000

/* "docker.io/library/x" is "x"; without tag or digest ":latest". */
void docker_image_name(const char *name, struct eca_buf *out)
{
    static const char *const fronts[] = {"docker.io/", "index.docker.io/", "library/"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(fronts); i++) {
        size_t len = strlen(fronts[i]);
        if (strncmp(name, fronts[i], len) == 0) {
            name += len;
        }
    }
    docker_full_name(name, out);
}

void docker_full_name(const char *reference, struct eca_buf *out)
{
    const char *slash = strrchr(reference, '/'), *colon = strrchr(reference, ':');

    eca_buf_add_str(out, reference);
    if (strchr(reference, '@') == NULL && (colon == NULL || (slash != NULL && colon < slash))) {
        eca_buf_add_str(out, ":latest");
    }
}

static struct image *find_name(const struct fake_docker *docker, const char *name)
{
    eca_auto_buf struct eca_buf full = {0};

    docker_image_name(name, &full);
    ECA_LIST_FOREACH(it, &docker->images)
    {
        struct image *image = eca_list_entry(it, struct image, node);
        if (strcmp(image->name, eca_buf_str(&full)) == 0) {
            return image;
        }
    }
    return NULL;
}

struct image *docker_find_image(const struct fake_docker *docker, const char *name_or_id)
{
    struct image *image = find_name(docker, name_or_id);
    const char *hex = strncmp(name_or_id, "sha256:", 7) == 0 ? name_or_id + 7 : name_or_id;

    if (image != NULL || strlen(hex) < 12) {
        return image;
    }
    ECA_LIST_FOREACH(it, &docker->images)
    {
        image = eca_list_entry(it, struct image, node);
        if (image->present && strncmp(image->id + 7, hex, strlen(hex)) == 0) {
            return image;
        }
    }
    return NULL;
}

struct image *docker_add_name(struct fake_docker *docker, const char *name)
{
    struct image *image = find_name(docker, name);
    eca_auto_buf struct eca_buf full = {0};

    if (image != NULL) {
        return image;
    }
    image = eca_xalloc(sizeof(*image));
    docker_image_name(name, &full);
    image->name = eca_buf_take(&full);
    memcpy(image->id, "sha256:", 7);
    eca_sha256_hex(eca_view_str(image->name), image->id + 7);
    image->spec.size_bytes = 1000000;
    eca_list_push_back(&docker->images, &image->node);
    return image;
}

static void clear_texts(struct image *image)
{
    eca_free(image->error);
    eca_free(image->username);
    eca_free(image->password);
    image->error = image->username = image->password = NULL;
}

void docker_image_free(struct fake_docker *docker, struct image *image)
{
    eca_list_remove(&docker->images, &image->node);
    clear_texts(image);
    eca_free(image->name);
    eca_free(image);
}

/* The name goes to another image: the one that it was stays on the machine without a name. */
static void leave_untagged(struct fake_docker *docker, const struct image *image)
{
    struct image *old = docker_add_name(docker, image->id);

    memcpy(old->id, image->id, sizeof(old->id));
    old->spec.size_bytes = image->spec.size_bytes;
    old->present = true;
}

void fake_docker_add_image(struct fake_docker *docker, const struct fake_docker_image *spec)
{
    struct image *image = docker_add_name(docker, spec->name);

    if (image->present && spec->id != NULL && strcmp(image->id, spec->id) != 0) {
        leave_untagged(docker, image);
    }
    clear_texts(image);
    image->spec = *spec;
    image->error = eca_xstrdup(spec->pull_error);
    image->username = eca_xstrdup(spec->username);
    image->password = eca_xstrdup(spec->password);
    image->present = spec->present;
    image->known = !spec->absent;
    image->failures = 0;
    if (spec->size_bytes == 0) {
        image->spec.size_bytes = 1000000;
    }
    if (spec->id != NULL) {
        const char *hex = strncmp(spec->id, "sha256:", 7) == 0 ? spec->id + 7 : spec->id;
        memset(image->id + 7, 0, sizeof(image->id) - 7);
        memcpy(image->id + 7, hex, strnlen(hex, 64));
    }
}

bool fake_docker_has_image(const struct fake_docker *docker, const char *name)
{
    const struct image *image = docker_find_image(docker, name);

    return image != NULL && image->present;
}

static void image_fact(struct fake_docker *docker, const char *what, const char *name)
{
    (void)fake_trace_addv(docker->opts.base.trace, FAKE_LANE_DOCKER, what, "image", name, NULL);
}

bool fake_docker_delete_image(struct fake_docker *docker, const char *name)
{
    struct image *image = docker_find_image(docker, name);

    if (image == NULL || !image->present) {
        return false;
    }
    image->present = false;
    image_fact(docker, "image-removed", image->name);
    docker_emit_image(docker, "untag", image->name);
    return true;
}

/* ---- pull ------------------------------------------------------------------------------------ */

/* "1.049MB": four digits, as the daemon prints sizes; with a blank before API 1.30. */
static void print_size(const struct fake_docker *docker, uint64_t bytes, struct eca_buf *out)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1000.0 && unit < ECA_ARRAY_LEN(units) - 1) {
        size /= 1000.0;
        unit++;
    }
    eca_buf_addf(out, "%.4g%s%s", size, docker_serves(docker, 30) ? "" : " ", units[unit]);
}

/* "[=========>          ]  1.049MB/5.24MB" */
static void print_bar(const struct fake_docker *docker, uint64_t current, uint64_t total,
                      struct eca_buf *out)
{
    uint64_t done = current * 50 / total;
    eca_auto_buf struct eca_buf have = {0}, all = {0};

    print_size(docker, current, &have);
    print_size(docker, total, &all);
    eca_buf_add_char(out, '[');
    for (uint64_t i = 0; i < done; i++) {
        eca_buf_add_char(out, '=');
    }
    eca_buf_addf(out, ">%*s] %8s/%s", (int)(50 - done), "", eca_buf_str(&have), eca_buf_str(&all));
}

static void line(const struct op *op, const char *status, const char *id, uint64_t current,
                 uint64_t total)
{
    eca_auto_buf struct eca_buf text = {0}, bar = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "status", status);
    if (total > 0) {
        eca_jw_object(&w, "progressDetail");
        eca_jw_u64(&w, "current", current);
        eca_jw_u64(&w, "total", total);
        eca_jw_end_object(&w);
        print_bar(op->docker, current, total, &bar);
        eca_jw_str(&w, "progress", eca_buf_str(&bar));
    }
    if (id != NULL) {
        eca_jw_str(&w, "id", id);
    }
    eca_jw_end_object(&w);
    eca_buf_add_str(&text, "\r\n");
    fake_exchange_write(op->exchange, eca_buf_view(&text));
}

static void error_line(struct fake_exchange *exchange, const char *message)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);

    eca_jw_object(&w, NULL);
    eca_jw_object(&w, "errorDetail");
    eca_jw_str(&w, "message", message);
    eca_jw_end_object(&w);
    eca_jw_str(&w, "error", message);
    eca_jw_end_object(&w);
    eca_buf_add_str(&text, "\r\n");
    fake_exchange_write(exchange, eca_buf_view(&text));
}

static void pull_gone(void *arg)
{
    fake_docker_op_free(arg); /* the daemon stops pulling when its client leaves */
}

static void pull_ends(struct op *op)
{
    struct image *image = op->image;
    struct fake_docker *docker = op->docker;
    struct fake_exchange *exchange = op->exchange;
    bool was_present = image->present;
    eca_auto_buf struct eca_buf text = {0};

    if (op->text != NULL) {
        error_line(exchange, op->text);
    } else {
        eca_buf_addf(&text, "Status: %s for %s",
                     was_present ? "Image is up to date" : "Downloaded newer image", image->name);
        line(op, eca_buf_str(&text), NULL, 0, 0);
        image->present = true;
        if (!was_present) {
            image_fact(docker, "image-added", image->name);
        }
        docker_emit_image(docker, "pull", image->name);
    }
    fake_docker_op_free(op);
    fake_exchange_end(exchange);
}

static void first_line(const struct op *op)
{
    const char *name = op->image->name, *at = strchr(name, '@');
    const char *colon = at == NULL ? strrchr(name, ':') : at;
    const char *path = name + docker_registry_len(eca_view_str(name));
    bool official = path == name && strchr(name, '/') == NULL;
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_addf(&text, "Pulling from %s%.*s", official ? "library/" : "", (int)(colon - path),
                 path);
    line(op, eca_buf_str(&text), colon + 1, 0, 0);
}

/* One layer, of as many bytes as fall to it, half there. */
static void layer_line(const struct op *op, uint64_t layers)
{
    uint64_t bytes = op->image->spec.size_bytes / layers;
    eca_auto_buf struct eca_buf id = {0};

    bytes = bytes < 2 ? 2 : bytes;
    eca_buf_addf(&id, "%012x", 0xa0000U + op->step);
    if (op->step <= layers) {
        line(op, "Pulling fs layer", eca_buf_str(&id), 0, 0);
    }
    line(op, "Downloading", eca_buf_str(&id), bytes / 2, bytes);
    if (!op->image->spec.pull_trickles) {
        line(op, "Pull complete", eca_buf_str(&id), 0, 0);
    }
}

static void pull_step(struct op *op)
{
    const struct fake_docker_image *spec = &op->image->spec;
    uint64_t layers = spec->layers == 0 ? LAYERS_DEFAULT : spec->layers;

    if (spec->pull_silent) {
        return; /* for ever */
    }
    if (op->step == 0) {
        first_line(op);
        if (spec->pull_stalls) {
            return;
        }
    } else if (op->step <= layers || spec->pull_trickles) {
        layer_line(op, layers);
    }
    op->step++;
    if (spec->pull_trickles) {
        eca_timer_start_ms(&op->timer, TRICKLE_MS);
    } else if (op->step <= layers) {
        eca_timer_start_ms(&op->timer, spec->pull_ms / (layers + 1));
    } else if (op->step == layers + 1) {
        eca_timer_start_ms(&op->timer, spec->pull_ms - spec->pull_ms / (layers + 1) * layers);
        op->run = pull_ends;
    }
}

/* True: the credentials of X-Registry-Auth are those of the image. */
static bool is_authorised(const struct image *image, const struct fake_request *request)
{
    const char *header = fake_request_header(request, "x-registry-auth");
    eca_auto_buf struct eca_buf text = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json user, password;

    if (image->username == NULL) {
        return true;
    }
    if (header == NULL || eca_base64_decode(eca_view_str(header), &text, NULL) < 0 ||
        eca_json_parse(eca_buf_view(&text), &doc, NULL) < 0) {
        return false;
    }
    user = eca_json_get(eca_json_root(doc), "username");
    password = eca_json_get(eca_json_root(doc), "password");
    return eca_json_type(user) == ECA_JSON_STRING && eca_json_type(password) == ECA_JSON_STRING &&
           strcmp(eca_json_str(user), image->username) == 0 && image->password != NULL &&
           strcmp(eca_json_str(password), image->password) == 0;
}

static bool fails_now(struct image *image)
{
    if (image->error == NULL ||
        (image->spec.pull_error_times != 0 && image->failures >= image->spec.pull_error_times)) {
        return false;
    }
    image->failures++;
    return true;
}

void fake_docker_serve_pull(struct fake_docker *docker, struct fake_exchange *exchange,
                            struct eca_view version)
{
    const struct fake_request *request = fake_exchange_request(exchange);
    eca_auto_buf struct eca_buf name = {0}, tag = {0}, why = {0};
    const char *flaw;
    struct image *image;
    struct op *op;

    (void)fake_request_param(request, "fromImage", &name);
    if (name.len == 0) {
        docker_error(docker, exchange, version, 400, "fromImage is empty");
        return;
    }
    flaw = docker_reference_flaw(eca_buf_str(&name));
    if (fake_request_param(request, "tag", &tag) && tag.len > 0) {
        flaw = flaw == NULL && !docker_tag_fits(eca_buf_str(&tag)) ? "invalid tag format" : flaw;
        eca_buf_addf(&name, "%s%s", strchr(eca_buf_str(&tag), ':') == NULL ? ":" : "@",
                     eca_buf_str(&tag));
    }
    if (flaw != NULL) {
        docker_error(docker, exchange, version, docker_serves(docker, 30) ? 400 : 500, "%s", flaw);
        return;
    }
    image = docker_find_image(docker, eca_buf_str(&name));
    if (image == NULL && docker->opts.any_image) {
        image = docker_add_name(docker, eca_buf_str(&name));
        image->known = true;
    }
    if (image == NULL || !image->known) {
        docker_error(docker, exchange, version, 404, "Error: image %s not found",
                     eca_buf_str(&name));
        return;
    }
    if (!is_authorised(image, request)) {
        eca_buf_addf(&why, "unauthorized: authentication required");
    } else if (fails_now(image)) {
        if (image->spec.pull_error_status != 0) {
            docker_error(docker, exchange, version, image->spec.pull_error_status, "%s",
                         image->error);
            return;
        }
        eca_buf_add_str(&why, image->error);
    }
    op = fake_docker_op_new(docker, exchange, pull_step);
    op->image = image;
    op->text = why.len > 0 ? eca_buf_take(&why) : NULL;
    fake_exchange_on_gone(exchange, pull_gone, op);
    fake_exchange_begin(exchange, 200, "application/json");
    pull_step(op);
}

void fake_docker_serve_import(struct fake_docker *docker, struct fake_exchange *exchange,
                              struct eca_view version)
{
    const struct fake_request *request = fake_exchange_request(exchange);
    eca_auto_buf struct eca_buf name = {0}, tag = {0}, body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    const char *flaw;
    struct image *image;

    (void)fake_request_param(request, "repo", &name);
    flaw = docker_reference_flaw(eca_buf_str(&name));
    if (flaw != NULL) {
        docker_error(docker, exchange, version, docker_serves(docker, 30) ? 400 : 500, "%s", flaw);
        return;
    }
    if (fake_request_param(request, "tag", &tag) && tag.len > 0) {
        eca_buf_addf(&name, ":%s", eca_buf_str(&tag));
    }
    if (request->body.len == 0 || request->body.len % 512 != 0) {
        (void)fake_trace_violation(docker->opts.base.trace, FAKE_LANE_DOCKER, "DKR-714",
                                   "an import of %zu bytes is no tar archive", request->body.len);
        docker_error(docker, exchange, version, 500,
                     "Error processing tar file(exit status 1): unexpected EOF");
        return;
    }
    image = docker_add_name(docker, eca_buf_str(&name));
    image->present = true;
    image_fact(docker, "image-added", image->name);
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "status", image->id);
    eca_jw_end_object(&w);
    eca_buf_add_str(&body, "\r\n");
    docker_json(exchange, 200, &body);
    docker_emit_image(docker, "import", image->name);
}

/* What a daemon says of a name that no image has. */
void docker_no_image(struct fake_docker *docker, struct fake_exchange *exchange,
                     struct eca_view version, const char *reference)
{
    const char *flaw = docker_reference_flaw(reference);
    eca_auto_buf struct eca_buf full = {0};

    if (flaw != NULL) {
        docker_error(docker, exchange, version, docker_serves(docker, 30) ? 400 : 500, "%s", flaw);
        return;
    }
    docker_full_name(reference, &full);
    docker_error(docker, exchange, version, 404, "No such image: %s", eca_buf_str(&full));
}

/* ---- inspect and remove ---------------------------------------------------------------------- */

void docker_image_inspect(struct fake_docker *docker, struct fake_exchange *exchange,
                          const struct fake_docker_route *route)
{
    eca_auto_buf struct eca_buf ref = {0}, body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    const struct image *image;

    docker_ref(route, &ref);
    image = docker_find_image(docker, eca_buf_str(&ref));
    if (image == NULL || !image->present) {
        docker_no_image(docker, exchange, route->version, eca_buf_str(&ref));
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Id", image->id);
    eca_jw_array(&w, "RepoTags");
    ECA_LIST_FOREACH(it, &docker->images)
    {
        const struct image *other = eca_list_entry(it, struct image, node);
        if (other->present && strcmp(other->id, image->id) == 0) {
            eca_jw_str(&w, NULL, other->name);
        }
    }
    eca_jw_end_array(&w);
    eca_jw_str(&w, "Created", "2016-10-01T00:00:00Z");
    eca_jw_u64(&w, "Size", image->spec.size_bytes);
    eca_jw_u64(&w, "VirtualSize", image->spec.size_bytes);
    eca_jw_end_object(&w);
    docker_json(exchange, 200, &body);
}

static const struct container *user_of(const struct fake_docker *docker, const struct image *image)
{
    ECA_LIST_FOREACH(it, &docker->containers)
    {
        const struct container *container = eca_list_entry(it, struct container, node);
        if (strcmp(container->image_id, image->id) == 0) {
            return container;
        }
    }
    return NULL;
}

static size_t name_count(const struct fake_docker *docker, const char *id)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &docker->images)
    {
        const struct image *image = eca_list_entry(it, struct image, node);
        count += image->present && strcmp(image->id, id) == 0;
    }
    return count;
}

void docker_image_remove(struct fake_docker *docker, struct fake_exchange *exchange,
                         const struct fake_docker_route *route)
{
    eca_auto_buf struct eca_buf ref = {0}, body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    struct image *image;
    const struct container *user;
    bool by_id, last;

    docker_ref(route, &ref);
    image = docker_find_image(docker, eca_buf_str(&ref));
    if (image == NULL || !image->present) {
        docker_no_image(docker, exchange, route->version, eca_buf_str(&ref));
        return;
    }
    by_id = find_name(docker, eca_buf_str(&ref)) != image;
    last = name_count(docker, image->id) == 1;
    user = user_of(docker, image);
    if (user != NULL && last) {
        docker_error(docker, exchange, route->version, 409,
                     "conflict: unable to remove repository reference \"%s\" (must force) - "
                     "container %.12s is using its referenced image %.12s",
                     eca_buf_str(&ref), user->id, image->id + 7);
        return;
    }
    if (by_id && !last) {
        docker_error(docker, exchange, route->version, 409,
                     "conflict: unable to delete %.12s (must be forced) - image is referenced in "
                     "one or more repositories",
                     image->id + 7);
        return;
    }
    image->present = false;
    image_fact(docker, "image-removed", image->name);
    eca_jw_array(&w, NULL);
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Untagged", image->name);
    eca_jw_end_object(&w);
    if (last) {
        eca_jw_object(&w, NULL);
        eca_jw_str(&w, "Deleted", image->id);
        eca_jw_end_object(&w);
    }
    eca_jw_end_array(&w);
    docker_json(exchange, 200, &body);
    docker_emit_image(docker, "untag", image->name);
    if (last) {
        docker_emit_image(docker, "delete", image->id);
    }
}
