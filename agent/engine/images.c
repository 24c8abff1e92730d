#include "agent/engine/images.h"

#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/base/timefmt.h"

#define NAMES_MAX 1024 /* of one image: tags that tasks named */

struct image {
    char *id;
    char **names;
    size_t name_count;
    uint64_t bytes;
    int64_t pulled_ns, used_ns; /* wall */
    size_t references;
    bool tried;
};

struct eca_images {
    struct eca_map *by_id;
    struct eca_map *by_name; /* the image that has the name now */
    struct eca_map *users;   /* "task ARN\ncontainer" -> image */
    eca_images_dirty_fn *dirty;
    void *dirty_arg;
};

static void touch(struct eca_images *images, const char *image_id)
{
    if (images->dirty != NULL) {
        images->dirty(images->dirty_arg, image_id);
    }
}

static void image_free(struct image *image)
{
    for (size_t i = 0; i < image->name_count; i++) {
        eca_free(image->names[i]);
    }
    eca_free(image->names);
    eca_free(image->id);
    eca_free(image);
}

struct eca_images *eca_images_new(void)
{
    struct eca_images *images = eca_xalloc(sizeof(*images));

    images->by_id = eca_map_new();
    images->by_name = eca_map_new();
    images->users = eca_map_new();
    return images;
}

void eca_images_free(struct eca_images *images)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    if (images == NULL) {
        return;
    }
    while (eca_map_next(images->by_id, &cursor, &key, &value)) {
        image_free(value);
    }
    eca_map_free(images->by_id);
    eca_map_free(images->by_name);
    eca_map_free(images->users);
    eca_free(images);
}

void eca_images_set_listener(struct eca_images *images, eca_images_dirty_fn *fn, void *arg)
{
    images->dirty = fn;
    images->dirty_arg = arg;
}

static bool drop_name(struct image *image, const char *name)
{
    for (size_t i = 0; i < image->name_count; i++) {
        if (strcmp(image->names[i], name) == 0) {
            eca_free(image->names[i]);
            image->name_count--;
            memmove(&image->names[i], &image->names[i + 1],
                    (image->name_count - i) * sizeof(*image->names));
            return true;
        }
    }
    return false;
}

/* The name belongs to this image from now on (IMG-104). */
static void give_name(struct eca_images *images, struct image *image, const char *name)
{
    struct image *owner = eca_map_get(images->by_name, name);

    if (owner == image) {
        return;
    }
    if (owner != NULL && drop_name(owner, name)) {
        touch(images, owner->id);
    }
    if (image->name_count == NAMES_MAX) {
        (void)eca_map_remove(images->by_name, name);
        return;
    }
    image->names = eca_xrealloc_array(image->names, image->name_count + 1, sizeof(*image->names));
    image->names[image->name_count++] = eca_xstrdup(name);
    (void)eca_map_put(images->by_name, name, image);
}

static char *user_key(const char *task_arn, const char *container)
{
    return eca_xasprintf("%s\n%s", task_arn, container);
}

static struct image *image_of(struct eca_images *images, const char *image_id, int64_t wall_ns)
{
    struct image *image = eca_map_get(images->by_id, image_id);

    if (image == NULL) {
        image = eca_xalloc(sizeof(*image));
        image->id = eca_xstrdup(image_id);
        image->pulled_ns = image->used_ns = wall_ns; /* never updated later (IMG-105) */
        (void)eca_map_put(images->by_id, image_id, image);
    }
    return image;
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* The container uses this image and no other. */
static struct image *refer(struct eca_images *images, const char *image_id, const char *task_arn,
                           const char *container, int64_t wall_ns)
{
    eca_auto_free char *key = user_key(task_arn, container);
    struct image *image = image_of(images, image_id, wall_ns);
    struct image *before;

    before = eca_map_put(images->users, key, image);
    if (before != image || ECA_MUTATION(IMAGE_COUNTED_TWICE)) {
        image->references++;
        if (before != NULL && before != image) { /* pulled again, the tag had moved (IMG-110) */
            before->references--;
            before->used_ns = wall_ns;
            touch(images, before->id);
        }
    }
    touch(images, image->id);
    return image;
}

void eca_images_reference(struct eca_images *images, const char *image_id, const char *name,
                          uint64_t bytes, const char *task_arn, const char *container,
                          int64_t wall_ns)
{
    struct image *image;

    if (is_empty(image_id) || is_empty(name)) {
        return;
    }
    image = refer(images, image_id, task_arn, container, wall_ns);
    image->bytes = bytes > 0 ? bytes : image->bytes;
    give_name(images, image, name);
}

void eca_images_restore_reference(struct eca_images *images, const char *image_id, const char *name,
                                  const char *task_arn, const char *container, int64_t wall_ns)
{
    struct image *image;

    if (is_empty(image_id) || is_empty(name)) {
        return;
    }
    image = refer(images, image_id, task_arn, container, wall_ns);
    if (eca_map_get(images->by_name, name) == NULL) {
        give_name(images, image, name);
    }
}

bool eca_images_knows(const struct eca_images *images, const char *name)
{
    return eca_map_get(images->by_name, name) != NULL;
}

void eca_images_release(struct eca_images *images, const char *task_arn, const char *container,
                        int64_t wall_ns)
{
    eca_auto_free char *key = user_key(task_arn, container);
    struct image *image = eca_map_remove(images->users, key);

    if (image != NULL) {
        image->references--;
        image->used_ns = wall_ns;
        touch(images, image->id);
    }
}

/* Older first: last use, then pull, then id. */
static bool goes_before(const struct image *a, const struct image *b)
{
    if (a->used_ns != b->used_ns) {
        return a->used_ns < b->used_ns;
    }
    if (a->pulled_ns != b->pulled_ns) {
        return a->pulled_ns < b->pulled_ns;
    }
    return strcmp(a->id, b->id) < 0;
}

const char *eca_images_candidate(const struct eca_images *images, int64_t wall_ns, int64_t age_ns)
{
    const struct image *best = NULL;
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(images->by_id, &cursor, &key, &value)) {
        const struct image *image = value;

        if ((image->references == 0 || ECA_MUTATION(IMAGE_IN_USE_DELETED)) && !image->tried &&
            wall_ns - image->pulled_ns > age_ns && (best == NULL || goes_before(image, best))) {
            best = image;
        }
    }
    return best == NULL ? NULL : best->id;
}

void eca_images_mark_tried(struct eca_images *images, const char *image_id)
{
    struct image *image = eca_map_get(images->by_id, image_id);

    if (image != NULL) {
        image->tried = true;
    }
}

void eca_images_end_cycle(struct eca_images *images)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(images->by_id, &cursor, &key, &value)) {
        ((struct image *)value)->tried = false;
    }
}

bool eca_images_is_referenced(const struct eca_images *images, const char *image_id)
{
    const struct image *image = eca_map_get(images->by_id, image_id);

    return image != NULL && image->references > 0;
}

const char *eca_images_name(const struct eca_images *images, const char *image_id, size_t index)
{
    const struct image *image = eca_map_get(images->by_id, image_id);

    return image == NULL || index >= image->name_count ? NULL : image->names[index];
}

void eca_images_name_removed(struct eca_images *images, const char *image_id, const char *name)
{
    struct image *image = eca_map_get(images->by_id, image_id);

    if (image == NULL) {
        return;
    }
    if (name != NULL && drop_name(image, name)) {
        (void)eca_map_remove(images->by_name, name);
    }
    touch(images, image_id);
    if (image->name_count == 0 && image->references == 0) {
        (void)eca_map_remove(images->by_id, image->id);
        image_free(image);
    }
}

size_t eca_images_count(const struct eca_images *images)
{
    return eca_map_count(images->by_id);
}

/* ---- records -------------------------------------------------------------------------------- */

bool eca_images_write(const struct eca_images *images, const char *image_id,
                      struct eca_json_writer *w, const char *key)
{
    const struct image *image = eca_map_get(images->by_id, image_id);
    eca_auto_buf struct eca_buf pulled = {0};
    eca_auto_buf struct eca_buf used = {0};

    if (image == NULL) {
        return false;
    }
    eca_time_rfc3339_nano(image->pulled_ns, &pulled);
    eca_time_rfc3339_nano(image->used_ns, &used);
    eca_jw_object(w, key);
    eca_jw_object(w, "Image");
    eca_jw_str(w, "ImageID", image->id);
    eca_jw_array(w, "Names");
    for (size_t i = 0; i < image->name_count; i++) {
        eca_jw_str(w, NULL, image->names[i]);
    }
    eca_jw_end_array(w);
    eca_jw_u64(w, "Size", image->bytes);
    eca_jw_end_object(w);
    eca_jw_str(w, "PulledAt", eca_buf_str(&pulled));
    eca_jw_str(w, "LastUsedAt", eca_buf_str(&used));
    eca_jw_end_object(w);
    return true;
}

const char *eca_images_next(const struct eca_images *images, size_t *cursor)
{
    const char *key;
    void *value;

    return eca_map_next(images->by_id, cursor, &key, &value) ? key : NULL;
}

static int read_time(eca_json object, const char *key, int64_t *ret_ns, struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    if (eca_json_is_null(value)) {
        return ECA_OK;
    }
    if (eca_json_type(value) != ECA_JSON_STRING) {
        return eca_err_set(err, ECA_E_INVALID, "image state: %s: want string", key);
    }
    return eca_time_rfc3339_parse(eca_view_str(eca_json_str(value)), ret_ns, err);
}

int eca_images_restore(struct eca_images *images, eca_json value, struct eca_err *err)
{
    eca_json inner = eca_json_get_nocase(value, "Image");
    eca_json id = eca_json_get_nocase(inner, "ImageID");
    eca_json names = eca_json_get_nocase(inner, "Names");
    eca_json size = eca_json_get_nocase(inner, "Size");
    int64_t pulled_ns = 0, used_ns = 0;
    struct image *image;

    if (eca_json_type(id) != ECA_JSON_STRING || eca_json_str(id)[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "image state without ImageID"); /* IMG-102 */
    }
    if (read_time(value, "PulledAt", &pulled_ns, err) < 0 ||
        read_time(value, "LastUsedAt", &used_ns, err) < 0) {
        return ECA_E_INVALID;
    }
    image = image_of(images, eca_json_str(id), pulled_ns);
    image->pulled_ns = pulled_ns;
    image->used_ns = used_ns;
    if (eca_json_type(size) == ECA_JSON_NUMBER) {
        (void)eca_json_u64(size, &image->bytes, NULL);
    }
    for (eca_json name = eca_json_type(names) == ECA_JSON_ARRAY ? eca_json_first(names) : NULL;
         name != NULL; name = eca_json_next(name)) {
        if (eca_json_type(name) == ECA_JSON_STRING) {
            give_name(images, image, eca_json_str(name));
        }
    }
    return ECA_OK;
}
