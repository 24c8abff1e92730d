#ifndef ECA_ENGINE_IMAGES_H
#define ECA_ENGINE_IMAGES_H

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"

/*
 * Which images the agent pulled, who uses them, and which one may go (IMG-101..209). A pure model:
 * the engine carries out pulls and deletions. References are keyed by (task ARN, container name),
 * so that recording twice counts once (IMG-108).
 */
struct eca_images;
struct eca_images *eca_images_new(void);
void eca_images_free(struct eca_images *images); /* NULL ok */

/* Called with the id of each image whose record changed or is gone. */
typedef void eca_images_dirty_fn(void *arg, const char *image_id);
void eca_images_set_listener(struct eca_images *images, eca_images_dirty_fn *fn, void *arg);

/* The container uses this image, known by `name` (IMG-103..105). Another image that the container
 * used before is released, another one that had the name loses it. */
void eca_images_reference(struct eca_images *images, const char *image_id, const char *name,
                          uint64_t bytes, const char *task_arn, const char *container,
                          int64_t wall_ns);
/* The same from a task's record (IMG-107, IMG-109). Who has the name now stands in the images'
 * records: tasks come back in any order, an older one must not take the name back. */
void eca_images_restore_reference(struct eca_images *images, const char *image_id, const char *name,
                                  const char *task_arn, const char *container, int64_t wall_ns);
/* Some image has this name: a task pulled it, and it was not cleaned up. */
bool eca_images_knows(const struct eca_images *images, const char *name);
/* The container is removed (IMG-106); no effect without a reference. */
void eca_images_release(struct eca_images *images, const char *task_arn, const char *container,
                        int64_t wall_ns);

/*
 * The next image to delete (IMG-202): unreferenced, pulled longer ago than age_ns, not tried in
 * this cycle, least recently used; NULL when there is none. Borrowed.
 */
const char *eca_images_candidate(const struct eca_images *images, int64_t wall_ns, int64_t age_ns);
void eca_images_mark_tried(struct eca_images *images, const char *image_id);
void eca_images_end_cycle(struct eca_images *images); /* everything is a candidate again */
bool eca_images_is_referenced(const struct eca_images *images, const char *image_id);
/* Name at index, or NULL (IMG-203). */
const char *eca_images_name(const struct eca_images *images, const char *image_id, size_t index);
/* Deleted (IMG-204): the state goes with its last name. name NULL: deleted by id. */
void eca_images_name_removed(struct eca_images *images, const char *image_id, const char *name);
size_t eca_images_count(const struct eca_images *images);

/* The form of v1.13.1 (STATE-103), also our record. False: no such image. */
bool eca_images_write(const struct eca_images *images, const char *image_id,
                      struct eca_json_writer *w, const char *key);
/* Ids in order of arrival, for export; cursor 0 starts. */
const char *eca_images_next(const struct eca_images *images, size_t *cursor);
int eca_images_restore(struct eca_images *images, eca_json value, struct eca_err *err);

#endif
